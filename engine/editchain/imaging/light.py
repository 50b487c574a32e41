"""Light and air: vignette, glow, fog, grain and weather."""

from __future__ import annotations

import math
import random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from editchain.imaging.blur import clarity
from editchain.imaging.colour import Rgb, saturation, split_tone, vibrance
from editchain.imaging.tone import (
    Curve,
    alike,
    apply_curve,
    apply_curves,
    brightness,
    contrast,
    encoded,
    faded,
    highlights,
    linear,
    scaled_mask,
    shadows,
    smooth_step,
    warmth,
)


def vignette(image: Image.Image, amount: float, colour: Rgb = (0, 0, 0)) -> Image.Image:
    """Corners fall off towards a colour."""
    mask = scaled_mask(_corners(image.size), min(1.0, amount))
    if colour == (0, 0, 0):
        return Image.composite(
            apply_curves(image, alike(lambda value: encoded(linear(value) * 0.08))), image, mask
        )
    return Image.composite(Image.new("RGB", image.size, colour), image, mask)


def grain(image: Image.Image, amount: float, source: random.Random) -> Image.Image:
    """Silver grain: strongest in the middle tones, a pixel or two wide."""
    coarseness = max(1.0, min(image.size) / 800)
    size = max(1, round(image.width / coarseness)), max(1, round(image.height / coarseness))
    noise = _noise(size, source).filter(ImageFilter.GaussianBlur(0.6))
    noise = noise.resize(image.size, Image.Resampling.BICUBIC)
    noise = apply_curve(noise, lambda value: 0.5 + (value - 0.5) * 1.5 * amount)
    return ImageChops.overlay(image, Image.merge("RGB", [noise] * 3))


def golden_hour(image: Image.Image, side: str = "right") -> Image.Image:
    """The low sun of an hour before sunset, from one side."""
    warm = apply_curves(vibrance(image, 0.25), warmth(0.8))
    warm = apply_curves(warm, brightness(-0.08))
    warm = split_tone(warm, (96, 84, 120), (255, 196, 110), 0.35)
    light = Image.new("RGB", image.size, (255, 158, 52))
    beam = scaled_mask(_spot(image.size, side), 0.68)
    return ImageChops.screen(warm, Image.composite(light, Image.new("RGB", image.size), beam))


def day_for_night(image: Image.Image) -> Image.Image:
    """Moonlight as films make it from daylight: dark, blue, with little colour."""
    dull = saturation(image, -0.55)
    return vignette(apply_curves(dull, (_moonlit(0.16), _moonlit(0.24), _moonlit(0.44))), 0.45)


def _moonlit(gain: float) -> Curve:
    return lambda value: encoded(linear(value) ** 1.15 * gain)


def cinematic(image: Image.Image) -> Image.Image:
    """Teal in the darks, orange in the lights, blacks a little lifted."""
    made = apply_curves(image, contrast(0.22))
    made = split_tone(made, (0, 140, 150), (255, 170, 90), 0.62)
    made = apply_curves(made, alike(lambda value: 0.03 + 0.95 * value))
    return vignette(made, 0.28)


def vintage(image: Image.Image, source: random.Random) -> Image.Image:
    """A print from an album: pale, yellowish, soft in the darks, a little grain."""
    made = saturation(apply_curves(image, warmth(0.22)), -0.28)
    made = split_tone(made, (70, 60, 120), (255, 226, 150), 0.5)
    made = apply_curves(made, faded(0.7))
    return grain(vignette(made, 0.3), 0.09, source)


def noir(image: Image.Image, source: random.Random) -> Image.Image:
    """Hard black and white with dark corners."""
    grey = Image.merge("RGB", [image.convert("L", (0.45, 0.45, 0.1, 0))] * 3)
    made = apply_curves(apply_curves(grey, contrast(0.75)), brightness(-0.12))
    return grain(vignette(made, 0.6), 0.13, source)


def airy(image: Image.Image) -> Image.Image:
    """Bright, soft and a little pale, as in a white room."""
    made = apply_curves(shadows(image, 0.35), brightness(0.22))
    made = apply_curves(saturation(made, -0.12), faded(0.22))
    return apply_curves(made, warmth(0.06))


def moody(image: Image.Image) -> Image.Image:
    """Dark and quiet: deep but soft blacks, little colour, cold shadows."""
    made = apply_curves(saturation(image, -0.28), brightness(-0.24))
    made = apply_curves(apply_curves(made, contrast(0.22)), faded(0.2))
    return vignette(split_tone(made, (40, 74, 92), (196, 150, 110), 0.4), 0.4)


def hdr(image: Image.Image) -> Image.Image:
    """Open shadows, held highlights and strong local contrast, short of halos."""
    made = highlights(shadows(image, 0.45), 0.45)
    return vibrance(clarity(made, 0.55), 0.3)


def fog(image: Image.Image, amount: float, source: random.Random) -> Image.Image:
    """Drifting banks, thicker towards the top, where most pictures are far away."""
    depth = _gradient(image.size, lambda row: 1 - 0.62 * smooth_step(0.25, 1.0)(row))
    banks = apply_curve(
        _clouds(image.size, source), lambda value: 0.62 + 0.38 * smooth_step(0.25, 0.75)(value)
    )
    mask = scaled_mask(ImageChops.multiply(depth, banks), min(1.0, amount * 1.15))
    pale = saturation(apply_curves(image, contrast(-0.25 * amount)), -0.35 * amount)
    return Image.composite(Image.new("RGB", image.size, (222, 226, 230)), pale, mask)


def snow(image: Image.Image, amount: float, source: random.Random) -> Image.Image:
    """Flakes near and far on a colder, darker day."""
    day = _bad_weather(image, 0.2)
    for size, share, strength in ((0.0022, 1.0, 0.6), (0.0042, 0.4, 0.8), (0.009, 0.1, 0.75)):
        flakes = _flakes(image.size, size, round(900 * amount * share), source)
        day = Image.composite(
            Image.new("RGB", image.size, (250, 252, 255)), day, scaled_mask(flakes, strength)
        )
    return day


def rain(image: Image.Image, amount: float, source: random.Random) -> Image.Image:
    """Slanting streaks on a grey, darker day."""
    day = _bad_weather(image, 0.32)
    streaks = Image.new("L", image.size)
    draw = ImageDraw.Draw(streaks)
    unit = min(image.size)
    for _ in range(round(1100 * amount)):
        x, y = source.uniform(-0.1, 1.1) * image.width, source.uniform(-0.1, 1) * image.height
        long = unit * source.uniform(0.025, 0.075)
        width = max(1, round(unit / 640))
        draw.line((x, y, x - long * 0.22, y + long), fill=source.randrange(50, 150), width=width)
    streaks = streaks.filter(ImageFilter.GaussianBlur(max(0.5, unit / 1100)))
    return Image.composite(Image.new("RGB", image.size, (226, 232, 240)), day, streaks)


def _bad_weather(image: Image.Image, darker: float) -> Image.Image:
    dull = saturation(image, -0.35)
    return apply_curves(apply_curves(dull, brightness(-darker)), warmth(-0.18))


def _flakes(size: tuple[int, int], radius: float, count: int, source: random.Random) -> Image.Image:
    mask = Image.new("L", size)
    draw = ImageDraw.Draw(mask)
    unit = min(size)
    for _ in range(count):
        x, y = source.random() * size[0], source.random() * size[1]
        r = max(0.6, unit * radius * source.uniform(0.6, 1.3))
        draw.ellipse((x - r, y - r, x + r, y + r), fill=source.randrange(150, 256))
    return mask.filter(ImageFilter.GaussianBlur(max(0.5, unit * radius * 0.45)))


def _noise(size: tuple[int, int], source: random.Random) -> Image.Image:
    """Bell-shaped noise around the middle: the mean of two even ones."""
    first, second = (Image.frombytes("L", size, source.randbytes(size[0] * size[1])) for _ in range(2))
    return Image.blend(first, second, 0.5)


def _clouds(size: tuple[int, int], source: random.Random) -> Image.Image:
    """Noise in ever finer octaves."""
    made = Image.new("L", size, 128)
    across = 3
    for octave in range(5):
        down = max(2, round(across * size[1] / size[0] * 1.8))
        grid = Image.frombytes("L", (across, down), source.randbytes(across * down))
        made = Image.blend(
            made, grid.resize(size, Image.Resampling.BICUBIC), 0.5 if octave < 2 else 0.5 / octave
        )
        across *= 2
    return made


def _corners(size: tuple[int, int]) -> Image.Image:
    """0 in the middle, 255 in the corners, along ellipses."""
    return apply_curve(Image.radial_gradient("L"), smooth_step(0.38, 1.0)).resize(
        size, Image.Resampling.BICUBIC
    )


def _spot(size: tuple[int, int], side: str) -> Image.Image:
    """Light that falls from beyond one side, strongest there."""
    centre = {"left": (-0.1, 0.25), "right": (1.1, 0.25), "top": (0.5, -0.15), "bottom": (0.5, 1.1)}[side]
    values = bytearray()
    for row in range(64):
        for column in range(64):
            distance = math.hypot(column / 63 - centre[0], row / 63 - centre[1])
            values.append(round(255 * max(0.0, 1 - distance / 1.15) ** 1.6))
    return Image.frombytes("L", (64, 64), bytes(values)).resize(size, Image.Resampling.BICUBIC)


def _gradient(size: tuple[int, int], weight: Curve) -> Image.Image:
    values = bytes(round(255 * weight(row / 255)) for row in range(256))
    return Image.frombytes("L", (1, 256), values).resize(size, Image.Resampling.BICUBIC)

"""Photographs as if drawn or printed."""

from __future__ import annotations

import math
import random

from PIL import Image, ImageChops, ImageFilter, ImageMath

from editchain.imaging.blur import blur
from editchain.imaging.colour import saturation
from editchain.imaging.tone import apply_curve, apply_curves, auto_levels, contrast, luminance


def sketch(image: Image.Image, source: random.Random, *, in_colour: bool = False) -> Image.Image:
    """Pencil on paper: lines where light changes, from the picture divided by its own blur."""
    grey = luminance(image)
    soft = blur(grey, max(1.2, min(image.size) / 90))
    lines = apply_curve(_divided(grey, soft), lambda value: value**1.7)
    shade = apply_curve(blur(grey, min(image.size) / 220), lambda value: 0.62 + 0.38 * min(1.0, value * 1.5))
    strokes = apply_curve(_strokes(image.size, source), lambda value: 0.86 + 0.14 * min(1.0, 1.15 * value))
    drawn = ImageChops.multiply(ImageChops.multiply(lines, shade), strokes)
    if in_colour:
        hues = saturation(apply_curves(image, contrast(-0.55)), 0.35)
        pale = Image.blend(hues, Image.new("RGB", image.size, "white"), 0.42)
        return ImageChops.multiply(pale, Image.merge("RGB", [drawn] * 3))
    return ImageChops.multiply(Image.merge("RGB", [drawn] * 3), Image.new("RGB", image.size, (252, 249, 242)))


def poster(image: Image.Image, colours: int) -> Image.Image:
    """Flat areas in a few colours that are the picture's own."""
    vivid = saturation(apply_curves(auto_levels(image), contrast(0.2)), 0.25)
    size = _at_most(image.size, 1_000_000)
    small = vivid.resize(size, Image.Resampling.LANCZOS) if size != image.size else vivid
    flat = small.filter(ImageFilter.MedianFilter(5)).filter(ImageFilter.MedianFilter(5))
    inked = flat.quantize(colours, Image.Quantize.MEDIANCUT, kmeans=4, dither=Image.Dither.NONE)
    clean = inked.filter(ImageFilter.ModeFilter(5)).convert("RGB")
    return clean.resize(image.size, Image.Resampling.BICUBIC)


def halftone(image: Image.Image) -> Image.Image:
    """Black dots of many sizes in slanting rows, as in a newspaper."""
    pitch = max(4, round(min(image.size) / 90))
    grey = blur(auto_levels(Image.merge("RGB", [luminance(image)] * 3)).getchannel("R"), pitch / 3)
    screen = _screen(image.size, pitch)
    # steep, not hard: dots keep smooth edges
    ink = ImageChops.subtract(grey, screen, 0.25, 128)
    return Image.merge("RGB", [apply_curve(ink, lambda value: 0.08 + 0.9 * value)] * 3)


def _divided(above: Image.Image, below: Image.Image) -> Image.Image:
    """One over the other, white where they are equal."""
    made = ImageMath.lambda_eval(
        lambda values: values["min"](
            values["float"](values["a"]) * 255.0 / values["max"](values["float"](values["b"]), 1.0), 255.0
        ),
        a=above,
        b=below,
    )
    return Image.Image.convert(made, "L")


def _strokes(size: tuple[int, int], source: random.Random) -> Image.Image:
    """Slanting hatching, uneven as a hand makes it."""
    scale = max(1.0, min(size) / 700)
    width, height = max(2, round(size[0] / scale)), max(2, round(size[1] / scale))
    long = math.ceil(math.hypot(width, height))
    noise = Image.frombytes("L", (max(2, long // 14), long), source.randbytes(max(2, long // 14) * long))
    turned = noise.resize((long, long), Image.Resampling.BICUBIC).rotate(40, Image.Resampling.BICUBIC)
    left, top = (long - width) // 2, (long - height) // 2
    return turned.crop((left, top, left + width, top + height)).resize(size, Image.Resampling.BICUBIC)


def _screen(size: tuple[int, int], pitch: int) -> Image.Image:
    """The threshold of each place: cones in rows that stand at 45 degrees."""
    side = pitch * 2
    values = bytearray()
    for row in range(side):
        for column in range(side):
            x, y = (column + row) / pitch, (column - row) / pitch
            wave = (math.cos(math.pi * x) + math.cos(math.pi * y)) / 4 + 0.5
            values.append(round(20 + 215 * wave))
    tile = Image.frombytes("L", (side, side), bytes(values))
    made = Image.new("L", size)
    for top in range(0, size[1], side):
        for left in range(0, size[0], side):
            made.paste(tile, (left, top))
    return made


def _at_most(size: tuple[int, int], pixels: int) -> tuple[int, int]:
    factor = math.sqrt(pixels / (size[0] * size[1]))
    return size if factor >= 1 else (max(1, round(size[0] * factor)), max(1, round(size[1] * factor)))

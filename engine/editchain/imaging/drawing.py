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
    lines = apply_curve(_divided(grey, soft), lambda value: value**1.45)
    shade = apply_curve(blur(grey, min(image.size) / 220), lambda value: 0.74 + 0.26 * min(1.0, value * 1.6))
    strokes = apply_curve(_strokes(image.size, source), lambda value: 0.9 + 0.1 * min(1.0, 1.25 * value))
    drawn = ImageChops.multiply(ImageChops.multiply(lines, shade), strokes)
    if in_colour:
        hues = saturation(apply_curves(image, contrast(-0.35)), 0.7)
        pale = Image.blend(hues, Image.new("RGB", image.size, "white"), 0.48)
        return ImageChops.multiply(pale, Image.merge("RGB", [drawn] * 3))
    return ImageChops.multiply(Image.merge("RGB", [drawn] * 3), Image.new("RGB", image.size, (252, 249, 242)))


def poster(image: Image.Image, colours: int) -> Image.Image:
    """Flat areas in a few colours that are the picture's own."""
    vivid = saturation(apply_curves(auto_levels(image), contrast(0.25)), 0.45)
    small = _within(vivid, 1_000_000)
    flat = small.filter(ImageFilter.MedianFilter(3)).filter(ImageFilter.MedianFilter(3))
    # the inks are chosen on a small copy: the same ones, in a twentieth of the time
    inks = _within(flat, 40_000).quantize(colours, Image.Quantize.MAXCOVERAGE, kmeans=3)
    printed = flat.quantize(palette=inks, dither=Image.Dither.NONE)
    return (
        printed.filter(ImageFilter.ModeFilter(3)).convert("RGB").resize(image.size, Image.Resampling.BICUBIC)
    )


def halftone(image: Image.Image) -> Image.Image:
    """Black dots of many sizes in slanting rows, as in a newspaper."""
    pitch = max(4, round(min(image.size) / 120))
    grey = blur(auto_levels(Image.merge("RGB", [luminance(image)] * 3)).getchannel("R"), pitch / 3)
    screen = _screen(image.size, pitch)
    # steep, not hard: dots keep smooth edges
    ink = ImageChops.subtract(grey, screen, 0.25, 128)
    return Image.merge("RGB", [apply_curve(ink, lambda value: 0.08 + 0.9 * value)] * 3)


def _divided(above: Image.Image, below: Image.Image) -> Image.Image:
    """One over the other, white where they are equal; the constant keeps noise out of deep darks."""
    made = ImageMath.lambda_eval(
        lambda values: values["min"](
            (values["float"](values["a"]) + 14.0) * 255.0 / (values["float"](values["b"]) + 14.0), 255.0
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


def _within(image: Image.Image, pixels: int) -> Image.Image:
    """The picture with at most so many pixels."""
    factor = math.sqrt(pixels / (image.width * image.height))
    if factor >= 1:
        return image
    size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
    return image.resize(size, Image.Resampling.LANCZOS)

"""Hue and saturation of RGB pictures, and turning them to few hues."""

from __future__ import annotations

import math

from PIL import Image, ImageChops, ImageOps

from editchain.imaging.modes import SamePixels, eight_bit
from editchain.imaging.tone import (
    LUMINANCE,
    apply_curve,
    apply_curves,
    contrast,
    luminance,
    scaled_mask,
    smooth_step,
    where,
)

Rgb = tuple[int, int, int]

FILTERS: dict[str, tuple[float, float, float]] = {
    "red": (0.75, 0.2, 0.05),
    "orange": (0.55, 0.4, 0.05),
    "yellow": (0.4, 0.55, 0.05),
    "green": (0.15, 0.75, 0.1),
    "blue": (0.1, 0.25, 0.65),
}
"""How much each channel gives to a black and white picture taken through a coloured filter."""

_NO_FILTER = (0.30, 0.59, 0.11)


def saturation(image: SamePixels, amount: float) -> SamePixels:
    """Farther from grey, or nearer below 0; -1 is grey."""
    if not isinstance(image, Image.Image):
        grey = [-amount * weight for weight in LUMINANCE]
        return image.through_matrix(
            [[value + (1 + amount) * (at == own) for at, value in enumerate(grey)] for own in range(3)]
        )
    grey = Image.merge("RGB", [luminance(image)] * 3)
    return Image.blend(grey, image, 1 + amount)


def vibrance(image: SamePixels, amount: float) -> SamePixels:
    """More saturation where there is little; what is vivid already stays nearly as it is."""
    red, green, blue = eight_bit(image).split()
    most = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    least = ImageChops.darker(ImageChops.darker(red, green), blue)
    chroma = ImageChops.subtract(most, least)
    weight = apply_curve(chroma, lambda value: 1 - 0.9 * smooth_step(0.1, 0.9)(value))
    return where(saturation(image, 1.2 * amount), image, weight)


def tint(image: Image.Image, colour: Rgb, amount: float) -> Image.Image:
    """A wash of one colour, the luminance kept."""
    grey = luminance(image)
    washed = coloured(grey, (0, 0, 0), colour, (255, 255, 255), mid=_brightness_of(colour))
    return Image.blend(image, washed, min(1.0, amount))


def coloured(grey: Image.Image, dark: Rgb, mid_colour: Rgb, light: Rgb, mid: int = 127) -> Image.Image:
    """A grey picture with its darks, middle (0 to 255) and lights in three colours."""
    return ImageOps.colorize(grey, dark, light, mid_colour, midpoint=min(254, max(1, mid)))


def black_and_white(
    image: Image.Image, filter_colour: str | None = None, contrast_amount: float = 0.0
) -> Image.Image:
    """Luminance alone, as if taken through a coloured filter; RGB in and out."""
    mix = FILTERS[filter_colour] if filter_colour else _NO_FILTER
    grey = image.convert("L", (*mix, 0))
    made = Image.merge("RGB", [grey] * 3)
    return apply_curves(made, contrast(contrast_amount)) if contrast_amount else made


def sepia(image: Image.Image) -> Image.Image:
    """The brown of toned silver prints."""
    grey = apply_curve(image.convert("L", (*_NO_FILTER, 0)), contrast(0.12)[0])
    return coloured(grey, (20, 12, 6), (150, 118, 84), (255, 246, 226), mid=122)


def duotone(image: Image.Image, dark: Rgb, light: Rgb) -> Image.Image:
    """Two inks: one for the darks, one for the lights."""
    grey = ImageOps.autocontrast(luminance(image), cutoff=0.5)
    return ImageOps.colorize(grey, dark, light)


def hue(image: SamePixels, degrees: float) -> SamePixels:
    """All hues turned round the colour wheel, luminance roughly kept."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    weights = (0.213, 0.715, 0.072)
    turned = (
        (0.787, -0.715, -0.072), (-0.213, 0.285, -0.072), (-0.213, -0.715, 0.928),
    )  # fmt: skip
    skewed = ((-0.213, -0.715, 0.928), (0.143, 0.140, -0.283), (-0.787, 0.715, 0.072))
    matrix = [
        [weight + cosine * one + sine * other for weight, one, other in zip(weights, *pair, strict=True)]
        for pair in zip(turned, skewed, strict=True)
    ]
    if not isinstance(image, Image.Image):
        return image.through_matrix(matrix)
    return image.convert("RGB", _flat(matrix))


def _flat(matrix: list[list[float]]) -> tuple[float, ...]:
    return tuple(value for row in matrix for value in (*row, 0.0))


def split_tone(image: Image.Image, dark: Rgb, light: Rgb, amount: float) -> Image.Image:
    """Darks towards one colour and lights towards another."""
    grey = luminance(image)
    in_darks = scaled_mask(apply_curve(grey, lambda value: 1 - smooth_step(0.1, 0.65)(value)), amount)
    in_lights = scaled_mask(apply_curve(grey, smooth_step(0.35, 0.95)), amount)
    toned = Image.composite(ImageChops.soft_light(image, _plain(image, dark)), image, in_darks)
    return Image.composite(ImageChops.soft_light(toned, _plain(image, light)), toned, in_lights)


def _plain(image: Image.Image, colour: Rgb) -> Image.Image:
    return Image.new("RGB", image.size, colour)


def _brightness_of(colour: Rgb) -> int:
    red, green, blue = colour
    return round(0.2126 * red + 0.7152 * green + 0.0722 * blue)

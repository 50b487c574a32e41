"""A map of where two pictures differ, and how much."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise

from PIL import Image, ImageChops

from editchain.imaging.modes import in_mode
from editchain.imaging.strips import Strip, by_strips
from editchain.imaging.tone import luminance

_STOPS = (
    (0, (22, 10, 60)),
    (24, (120, 28, 110)),
    (64, (226, 80, 64)),
    (128, (252, 178, 60)),
    (255, (252, 255, 190)),
)
"""Colours of differences, from the smallest that shows to the greatest there is, in levels of 255."""

_LEAST = 3


def difference_map(one: Image.Image, other: Image.Image) -> Image.Image:
    """The first picture, dim and grey, and over it the colours of heat where a channel of the second differs.

    Both of one size; RGB. What differs by less than 3 of 255 in every channel counts as the same.
    """
    colours = [[_colour(value)[band] for value in range(256)] for band in range(3)]
    shown = [0 if value < _LEAST else min(255, 150 + 4 * value) for value in range(256)]

    def mapped(part: Image.Image, strip: Strip) -> Image.Image:
        first, second = in_mode(part, "RGB"), in_mode(strip.of(other), "RGB")
        most = _most(ImageChops.difference(first, second))
        dim = luminance(first).point([value * 2 // 5 for value in range(256)])
        heat = Image.merge("RGB", [most.point(table) for table in colours])
        return Image.composite(heat, Image.merge("RGB", [dim] * 3), most.point(shown))

    return by_strips(mapped, one, mode="RGB")


def _most(difference: Image.Image) -> Image.Image:
    red, green, blue = difference.split()
    return ImageChops.lighter(ImageChops.lighter(red, green), blue)


def differing_share(one: Image.Image, other: Image.Image) -> float:
    """The part of the pixels, 0 to 1, of which a channel differs by 3 of 255 or more; both of one size.

    What lies under full transparency does not count.
    """
    pair = [image.convert("RGBA").convert("RGBa").split() for image in (one, other)]
    most = reduce(ImageChops.lighter, map(ImageChops.difference, *pair))
    counts = most.histogram()
    return sum(counts[_LEAST:]) / sum(counts)


def _colour(value: int) -> tuple[int, int, int]:
    for (low, one), (high, other) in pairwise(_STOPS):
        if value <= high:
            share = (value - low) / (high - low)
            red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
            return red, green, blue
    return _STOPS[-1][1]

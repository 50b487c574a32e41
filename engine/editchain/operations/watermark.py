"""Watermark: faint text or a logo repeated over a picture."""

from __future__ import annotations

import math

from PIL import Image, ImageDraw

from editchain.imaging.colours import Colour
from editchain.imaging.compose import laid_over, parse_colour, with_opacity
from editchain.imaging.draw import as_seen, check_text, font, text_size
from editchain.imaging.geometry import fitting_size, rounded, scaled
from editchain.operations.base import Picture

_MOST_MARKS = 40_000


def apply(
    *,
    image: Image.Image,
    text: str | None,
    font_file: bytes | None,
    logo: Image.Image | None,
    opacity: float,
    size: float,
    spacing: float,
    degrees: float,
    colour: str,
) -> Picture:
    """The marked picture; OperationError for letters that the font does not have."""
    height = max(6, rounded(size * min(image.size)))
    if logo is not None:
        mark = scaled(logo, fitting_size(logo.size, None, height)).convert("RGBA")
    else:
        words = check_text(" ".join((text or "").split()), font_file)
        mark = _lettered(words, height, parse_colour(colour), font_file)
    layer = _repeated(mark, image.size, rounded(spacing * mark.height), degrees)
    return Picture(laid_over(image, with_opacity(layer, opacity), (0, 0)))


def _lettered(text: str, height: int, colour: Colour, typeface: bytes | None) -> Image.Image:
    width, tall = text_size(text, height, typeface=typeface)
    mark = Image.new("RGBA", (max(1, width), tall), (*colour[:3], 0))
    face = font(height, typeface=typeface)
    ImageDraw.Draw(mark).text((0, 0), as_seen(text), font=face, fill=colour)
    return mark


def _repeated(mark: Image.Image, size: tuple[int, int], gap: int, degrees: float) -> Image.Image:
    """Rows of the mark on nothing, every other one shifted, turned clockwise around the middle."""
    turned = mark.convert("RGBa").rotate(-degrees, Image.Resampling.BICUBIC, expand=True).convert("RGBA")
    across, down = mark.width + max(gap, mark.height // 2), mark.height + gap
    reach = math.hypot(*size) / 2
    while (
        2 * reach
    ) ** 2 > _MOST_MARKS * across * down:  # the rows turn, so they fill the circle around the picture
        across, down = across * 2, down * 2
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    layer = Image.new("RGBA", size, (0, 0, 0, 0))
    rows, columns = math.ceil(reach / down), math.ceil(reach / across) + 1
    for row in range(-rows, rows + 1):
        for column in range(-columns, columns + 1):
            u, v = (column + row % 2 / 2) * across, row * down
            x = size[0] / 2 + u * cosine - v * sine - turned.width / 2
            y = size[1] / 2 + u * sine + v * cosine - turned.height / 2
            _stamp(layer, turned, rounded(x), rounded(y))
    return layer


def _stamp(layer: Image.Image, mark: Image.Image, x: int, y: int) -> None:
    """The mark on the layer as far as it lies inside."""
    left, top = max(0, -x), max(0, -y)
    right, bottom = min(mark.width, layer.width - x), min(mark.height, layer.height - y)
    if left < right and top < bottom:
        layer.alpha_composite(mark, (x + left, y + top), (left, top, right, bottom))

"""A card: a picture with lines of figures beside it."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

from editchain.imaging.colours import Colour
from editchain.imaging.draw import shortened, text_size, write
from editchain.imaging.geometry import check_size, fitting_size, rounded, scaled

_PAPER: Colour = (255, 255, 255, 255)
_INK: Colour = (28, 30, 34, 255)
_PALE: Colour = (120, 124, 130, 255)
_RULE: Colour = (226, 228, 232, 255)


def card(image: Image.Image, rows: Sequence[tuple[str, str, str]], width: int) -> Image.Image:
    """The picture on the left; rows of a name, a figure and a remark on the right; RGB, `width` pixels wide."""
    margin = max(6, width // 32)
    shown = scaled(image, fitting_size(image.size, rounded(width * 0.4), width))
    left = shown.width + 2 * margin
    room = width - left - margin
    size = max(8, rounded(width / 42))
    line = rounded(size * 2.1)
    height = 2 * margin + max(shown.height, line * len(rows))
    page = Image.new("RGB", check_size((width, height)), _PAPER[:3])
    page.paste(shown.convert("RGB"), (margin, margin), shown if shown.mode == "RGBA" else None)
    draw = ImageDraw.Draw(page)
    figures = left + rounded(room * 0.52)
    for index, (name, figure, remark) in enumerate(rows):
        top = margin + index * line
        write(page, name, (left, top), size, _INK)
        write(page, figure, (figures - text_size(figure, size)[0], top), size, _INK)
        write(page, shortened(remark, rounded(size * 0.8), rounded(room * 0.45)), (figures + size, top + size // 6), rounded(size * 0.8), _PALE)  # fmt: skip
        if index:
            draw.line((left, top - size // 2, width - margin, top - size // 2), fill=_RULE[:3])
    return page

"""Text: words on a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.imaging.compose import parse_colour
from editchain.imaging.draw import Lettering, written
from editchain.imaging.geometry import length, rounded
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from PIL import Image


def apply(
    *,
    image: Image.Image,
    text: str,
    anchor: str,
    size: float,
    width: float | None,
    align: str | None,
    bold: bool,
    font: str,
    font_file: bytes | None,
    margin: float,
    colour: str,
    opacity: float,
    background: str | None,
    shadow: bool,
) -> Picture:
    """The text on the picture; OperationError for letters that the font does not have, and for a damaged font file."""
    style = Lettering(
        anchor,
        max(6, length(size, image.height)),
        parse_colour(colour),
        opacity,
        width=None if width is None else rounded(width * image.width if width <= 1 else width),
        align=align,
        bold=bold,
        family=font,
        margin=length(margin, min(image.size)),
        background=parse_colour(background) if background else None,
        shadow=shadow,
        typeface=font_file,
    )
    return Picture(written(image, text, style))

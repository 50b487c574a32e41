"""Text: words on a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.imaging.compose import parse_colour
from editchain.imaging.draw import written
from editchain.imaging.geometry import length
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from PIL import Image


def apply(
    *,
    image: Image.Image,
    text: str,
    anchor: str,
    size: float,
    margin: float,
    colour: str,
    opacity: float,
    shadow: bool,
) -> Picture:
    """The text on the picture; OperationError for letters that the font does not have."""
    made = written(
        image,
        text,
        anchor,
        max(6, length(size, image.height)),
        parse_colour(colour),
        opacity,
        margin=length(margin, min(image.size)),
        shadow=shadow,
    )
    return Picture(made)

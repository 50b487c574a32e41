"""Vignette: corners that fall off towards a colour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.imaging import light
from editchain.imaging.compose import in_colours, parse_colour
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from PIL import Image


def apply(*, image: Image.Image, amount: float, colour: str) -> Picture:
    """The picture with darker corners, or corners in another colour."""
    to = parse_colour(colour)[:3]
    return Picture(in_colours(image, lambda colours: light.vignette(colours, amount, to)))

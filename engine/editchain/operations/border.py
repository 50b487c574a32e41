"""Border: a frame around a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.imaging.compose import parse_colour
from editchain.imaging.frame import bordered, rounded_corners
from editchain.imaging.geometry import length
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from editchain.imaging.modes import SamePixels


def apply(*, image: SamePixels, width: float, bottom: float | None, colour: str, radius: float) -> Picture:
    """The picture framed, then its corners rounded; OperationError where it grows beyond the limits."""
    shorter = min(image.size)
    side = length(width, shorter)
    below = side if bottom is None else length(bottom, shorter)
    made = bordered(image, (side, side, side, below), parse_colour(colour)) if side or below else image
    return Picture(rounded_corners(made, length(radius, shorter)))

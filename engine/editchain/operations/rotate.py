"""Rotate: a picture turned clockwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.imaging.compose import parse_colour
from editchain.imaging.geometry import check_size, rotated
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from editchain.imaging.modes import SamePixels


def apply(*, image: SamePixels, degrees: float, expand: bool, background: str) -> Picture:
    """The picture turned; OperationError where the larger canvas is beyond the limits."""
    made = rotated(image, degrees, expand=expand, fill=parse_colour(background))
    check_size(made.size)
    return Picture(made)

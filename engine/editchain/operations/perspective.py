"""Perspective: a four-cornered part of a picture seen straight on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.imaging.geometry import quadrilateral
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from editchain.imaging.modes import SamePixels


def apply(*, image: SamePixels, corners: list[list[float]], width: int | None, height: int | None) -> Picture:
    """The part as a rectangle; OperationError for corners outside the picture, crossed or on one line."""
    return Picture(quadrilateral(image, corners, width, height))

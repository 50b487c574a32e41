"""Flip: a picture mirrored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.imaging.geometry import mirrored
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from editchain.imaging.modes import SamePixels


def apply(*, image: SamePixels, direction: str) -> Picture:
    """The picture with left and right, or top and bottom, changed over."""
    return Picture(mirrored(image, direction))

"""Trim: a picture without its even border."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.imaging.frame import trimmed
from editchain.imaging.geometry import length
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from editchain.imaging.modes import SamePixels


def apply(*, image: SamePixels, tolerance: float, margin: float) -> Picture:
    """What lies inside the border, which has the colour of the top left corner; a blank picture stays whole."""
    return Picture(trimmed(image, tolerance, length(margin, min(image.size))))

"""Perspective: a four-cornered part of a picture seen straight on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from editchain.imaging.geometry import clockwise, rounded, straight_on
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from PIL import Image


def apply(
    *, image: Image.Image, corners: list[list[float]], width: int | None, height: int | None
) -> Picture:
    """The part as a rectangle; OperationError for corners outside the picture, crossed or on one line."""
    corners = clockwise(corners, image.size)
    top_left, top_right, bottom_right, bottom_left = corners
    across = max(math.dist(top_left, top_right), math.dist(bottom_left, bottom_right))
    down = max(math.dist(top_left, bottom_left), math.dist(top_right, bottom_right))
    return Picture(
        straight_on(image, corners, (width or max(1, rounded(across)), height or max(1, rounded(down))))
    )

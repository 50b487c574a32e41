"""Perspective: a four-cornered part of a picture seen straight on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from editchain.errors import OperationError
from editchain.imaging.geometry import rounded, straight_on
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from PIL import Image


def apply(
    *, image: Image.Image, corners: list[list[float]], width: int | None, height: int | None
) -> Picture:
    """The part as a rectangle; OperationError for corners outside the picture, crossed or on one line."""
    if max(value for corner in corners for value in corner) <= 1:
        corners = [[x * image.width, y * image.height] for x, y in corners]
    if any(x > image.width or y > image.height for x, y in corners):
        raise OperationError(f"A corner lies outside the picture of {image.width}×{image.height}.")
    _check_order(corners)
    top_left, top_right, bottom_right, bottom_left = corners
    across = max(math.dist(top_left, top_right), math.dist(bottom_left, bottom_right))
    down = max(math.dist(top_left, bottom_left), math.dist(top_right, bottom_right))
    return Picture(
        straight_on(image, corners, (width or max(1, rounded(across)), height or max(1, rounded(down))))
    )


def _check_order(corners: list[list[float]]) -> None:
    turns = []
    for index in range(4):
        (ax, ay), (bx, by), (cx, cy) = (corners[(index + step) % 4] for step in range(3))
        turns.append((bx - ax) * (cy - by) - (by - ay) * (cx - bx))
    if min(turns) <= 0:
        raise OperationError(
            "The corners go around the part clockwise: top left, top right, bottom right, bottom left."
        )

"""Pad: a picture on a larger canvas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.errors import OperationError
from editchain.imaging.compose import parse_colour
from editchain.imaging.frame import extended_with_itself, padded
from editchain.imaging.geometry import ratio, smallest_of_ratio
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from editchain.imaging.modes import SamePixels


def apply(
    *,
    image: SamePixels,
    width: int | None,
    height: int | None,
    aspect_ratio: str | None,
    anchor: str,
    background: str,
    blur: bool,
) -> Picture:
    """The whole picture on the canvas; OperationError where the canvas is smaller than the picture."""
    if aspect_ratio is not None and blur:
        return Picture(extended_with_itself(image, ratio(aspect_ratio)))
    if aspect_ratio is not None:
        size = smallest_of_ratio(image.size, ratio(aspect_ratio))
    else:
        size = width or image.width, height or image.height
    if size[0] < image.width or size[1] < image.height:
        raise OperationError(
            f"A canvas of {size[0]}×{size[1]} is smaller than the picture, "
            f"{image.width}×{image.height}; resize it first."
        )
    return Picture(padded(image, size, anchor, parse_colour(background)))

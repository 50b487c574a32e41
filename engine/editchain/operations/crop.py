"""Crop: a part of a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.errors import OperationError
from editchain.imaging.geometry import anchored_box, largest_of_ratio, pixel_box, ratio
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from PIL import Image


def apply(
    *,
    image: Image.Image,
    box: list[float] | None,
    aspect_ratio: str | None,
    width: int | None,
    height: int | None,
    anchor: str,
) -> Picture:
    """A box, the largest part of a ratio, or a piece of a size; OperationError where it is not inside."""
    if box is not None:
        return Picture(image.crop(pixel_box(box, image.size)))
    if aspect_ratio is not None:
        piece = largest_of_ratio(image.size, ratio(aspect_ratio))
    else:
        piece = width or image.width, height or image.height
    if piece[0] > image.width or piece[1] > image.height:
        raise OperationError(
            f"A piece of {piece[0]}×{piece[1]} is larger than the picture, "
            f"{image.width}×{image.height}; resize it first."
        )
    return Picture(image.crop(anchored_box(image.size, piece, anchor)))

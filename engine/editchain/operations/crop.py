"""Crop: a part of a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import ImageChops

from editchain.errors import OperationError
from editchain.imaging.compose import mask_of
from editchain.imaging.extra import need
from editchain.imaging.geometry import anchored_box, box_around, largest_of_ratio, length, pixel_box, ratio
from editchain.imaging.modes import eight_bit
from editchain.imaging.select import masked_box
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from PIL import Image

    from editchain.imaging.geometry import Box, Size
    from editchain.imaging.modes import SamePixels


def apply(
    *,
    image: SamePixels,
    box: list[float] | None,
    aspect_ratio: str | None,
    width: int | None,
    height: int | None,
    anchor: str,
    around: str | None,
    mask: Image.Image | None,
    margin: float,
) -> Picture:
    """A box, the largest part of a ratio, a piece of a size, or what a mask marks.

    Raises OperationError for what is not inside, an empty mask, and faces that are not found.
    """
    if box is not None:
        return Picture(image.crop(pixel_box(box, image.size)))
    marked = _marked(image.size, mask, margin) if mask is not None else None
    if marked is not None and aspect_ratio is None and width is None and height is None:
        return Picture(image.crop(marked))
    piece = _piece(image.size, aspect_ratio, width, height)
    if marked is not None:
        return Picture(image.crop(box_around(image.size, marked, piece, can_shrink=aspect_ratio is not None)))
    if around is None:
        return Picture(image.crop(anchored_box(image.size, piece, anchor)))
    need(f"crop around: {around}")
    from editchain.imaging.attention import window

    return Picture(image.crop(window(eight_bit(image), piece, around)))


def _piece(size: Size, aspect_ratio: str | None, width: int | None, height: int | None) -> Size:
    if aspect_ratio is not None:
        return largest_of_ratio(size, ratio(aspect_ratio))
    piece = width or size[0], height or size[1]
    if piece[0] > size[0] or piece[1] > size[1]:
        raise OperationError(
            f"A piece of {piece[0]}×{piece[1]} is larger than the picture, {size[0]}×{size[1]}; resize it first."
        )
    return piece


def _marked(size: Size, mask: Image.Image, margin: float) -> Box:
    """What the mask marks with its margin, as far as the picture goes."""
    left, top, right, bottom = masked_box(ImageChops.invert(mask_of(mask, size)))
    room = length(margin, min(size))
    return max(0, left - room), max(0, top - room), min(size[0], right + room), min(size[1], bottom + room)

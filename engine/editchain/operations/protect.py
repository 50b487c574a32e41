"""Protect: the original pasted back over an edit where a mask or a box keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.imaging.blur import blur
from editchain.imaging.compose import kept_where_white, mask_of
from editchain.imaging.geometry import pixel_box, scaled
from editchain.imaging.select import box_shape
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from PIL import Image

    from editchain.imaging.modes import OtherPixels, SamePixels


def apply(
    *,
    image: SamePixels,
    edited: OtherPixels,
    mask: Image.Image | None,
    box: list[float] | None,
    feather: float,
) -> Picture:
    """The edit where the mask is black or outside the box, the original elsewhere, in the original's size.

    Raises OperationError for a box that is not wholly inside the picture.
    """
    kept = (
        mask_of(mask, image.size)
        if mask is not None
        else box_shape(image.size, pixel_box(box or [], image.size))
    )
    radius = feather * max(image.size)
    if radius >= 0.5:
        kept = blur(kept, radius)
    return Picture(kept_where_white(image, scaled(edited, image.size), kept))

"""Inpaint: small things and damages filled from what lies around them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import ImageChops

from editchain.imaging.compose import in_colours, mask_of
from editchain.imaging.extra import need
from editchain.imaging.geometry import pixel_box
from editchain.imaging.select import box_shape
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from PIL import Image


def apply(*, image: Image.Image, mask: Image.Image | None, box: list[float] | None) -> Picture:
    """The mended picture; OperationError for nothing to fill, or too much."""
    need("inpaint")
    from editchain.imaging.restore import inpainted

    if mask is not None:
        hole = ImageChops.invert(mask_of(mask, image.size))
    else:
        hole = box_shape(image.size, pixel_box(box or [], image.size))
    return Picture(in_colours(image, lambda made: inpainted(made, hole)))

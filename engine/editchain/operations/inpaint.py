"""Inpaint: small things and damages filled from what lies around them."""

from __future__ import annotations

from PIL import Image, ImageChops

from editchain.imaging.compose import in_colours, mask_of
from editchain.imaging.extra import need
from editchain.imaging.geometry import pixel_box
from editchain.operations.base import Picture


def apply(*, image: Image.Image, mask: Image.Image | None, box: list[float] | None) -> Picture:
    """The mended picture; OperationError for nothing to fill, or too much."""
    need("inpaint")
    from editchain.imaging.restore import inpainted

    if mask is not None:
        hole = ImageChops.invert(mask_of(mask, image.size))
    else:
        hole = Image.new("L", image.size)
        hole.paste(255, pixel_box(box or [], image.size))
    return Picture(in_colours(image, lambda made: inpainted(made, hole)))

"""Resize: a picture at another size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.imaging.geometry import anchored_box, check_size, fitting_size, rounded, scaled
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from PIL import Image


def apply(
    *,
    image: Image.Image,
    width: int | None,
    height: int | None,
    scale: float | None,
    fit: str,
    anchor: str,
    enlarge: bool,
    sampling: str,
) -> Picture:
    """The picture scaled to a width, a height or both, or by a factor; OperationError beyond the limits."""
    if scale is not None:
        size = max(1, rounded(image.width * scale)), max(1, rounded(image.height * scale))
    elif fit == "exact" and width and height:
        size = width, height
    else:
        size = fitting_size(image.size, width, height, cover=fit == "cover")
    if not enlarge and (size[0] > image.width or size[1] > image.height):
        size = image.size
    made = scaled(image, check_size(size), sampling)
    if fit == "cover" and width and height:
        made = made.crop(anchored_box(made.size, (min(width, made.width), min(height, made.height)), anchor))
    return Picture(made)

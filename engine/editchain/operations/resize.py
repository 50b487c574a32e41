"""Resize: a picture at another size."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from editchain.imaging.geometry import (
    Size,
    anchored_box,
    check_size,
    covering,
    fitting_size,
    largest_of_ratio,
    rounded,
    scaled,
)
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from editchain.imaging.modes import SamePixels


def apply(
    *,
    image: SamePixels,
    width: int | None,
    height: int | None,
    scale: float | None,
    fit: str,
    anchor: str,
    enlarge: bool,
    sampling: str,
) -> Picture:
    """The picture scaled to a width, a height or both, or by a factor; OperationError beyond the limits."""
    if fit == "cover" and width and height:
        return Picture(_covering(image, (width, height), anchor, enlarge, sampling))
    if scale is not None:
        size = max(1, rounded(image.width * scale)), max(1, rounded(image.height * scale))
    elif fit == "exact" and width and height:
        size = width, height
    else:
        size = fitting_size(image.size, width, height)
    if not enlarge and (size[0] > image.width or size[1] > image.height):
        size = image.size
    return Picture(scaled(image, check_size(size), sampling))


def _covering(image: SamePixels, size: Size, anchor: str, enlarge: bool, sampling: str) -> SamePixels:
    """Exactly the size, or in the same shape as much of it as there is without enlarging."""
    if enlarge or (size[0] <= image.width and size[1] <= image.height):
        return covering(image, size, anchor, sampling)
    return image.crop(anchored_box(image.size, largest_of_ratio(image.size, Fraction(*size)), anchor))

"""Decal: a picture painted on a surface of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.imaging.compose import laid_over, with_opacity
from editchain.imaging.decal import box_of, painted, warped
from editchain.imaging.geometry import clockwise, pixel_box
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from PIL import Image


def apply(
    *,
    image: Image.Image,
    overlay: Image.Image,
    corners: list[list[float]] | None,
    box: list[float] | None,
    texture: float,
    opacity: float,
    blend: str,
    mask: Image.Image | None,
) -> Picture:
    """The overlay between the corners, or in the box; OperationError where they are not inside the picture."""
    if corners is None:
        left, top, right, bottom = pixel_box(box or [], image.size)
        corners = [[left, top], [right, top], [right, bottom], [left, bottom]]
    corners = clockwise(corners, image.size)
    place = box_of(corners, image.size)
    layer = painted(image.crop(place), warped(overlay, corners, place), texture)
    return Picture(laid_over(image, with_opacity(layer, opacity), place[:2], blend, mask))

"""Sky: another sky, with the land lit to match."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import ImageChops

from editchain.imaging.compose import in_colours, mask_of
from editchain.imaging.extra import need
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from PIL import Image


def apply(
    *, image: Image.Image, replacement: Image.Image, relight: float, mask: Image.Image | None
) -> Picture:
    """The picture under its new sky; OperationError where the old one cannot be told."""
    need("sky")
    from editchain.imaging.background import sky, sky_replaced

    alpha = sky(image) if mask is None else ImageChops.invert(mask_of(mask, image.size))
    return Picture(in_colours(image, lambda made: sky_replaced(made, alpha, replacement, relight)))

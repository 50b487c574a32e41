"""Blur: a picture out of focus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from editchain.imaging.blur import blur
from editchain.imaging.compose import kept_where_white
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from editchain.imaging.modes import SamePixels


def apply(*, image: SamePixels, radius: float, mask: Image.Image | None) -> Picture:
    """The picture blurred where the mask is black, or all of it."""
    pixels = radius * min(image.size) if radius < 1 else radius
    if not pixels:
        return Picture(image)
    if not isinstance(image, Image.Image):
        return Picture(kept_where_white(image, blur(image, pixels), mask))
    # weighs alpha in, so that hidden colours stay hidden
    mode = "RGBa" if image.mode == "RGBA" else image.mode
    return Picture(kept_where_white(image, blur(image.convert(mode), pixels).convert(image.mode), mask))

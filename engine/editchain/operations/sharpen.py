"""Sharpen: crisper edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.imaging.blur import sharpen
from editchain.imaging.compose import in_colours, kept_where_white
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from PIL import Image

    from editchain.imaging.modes import SamePixels


def apply(*, image: SamePixels, amount: float, mask: Image.Image | None) -> Picture:
    """The picture sharpened where the mask is black, or all of it."""
    made = in_colours(image, lambda colours: sharpen(colours, amount)) if amount else image
    return Picture(kept_where_white(image, made, mask))

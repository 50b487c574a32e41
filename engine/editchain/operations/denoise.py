"""Denoise: grain and colour noise smoothed away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.imaging.compose import in_colours, kept_where_white
from editchain.imaging.extra import need
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from PIL import Image


def apply(*, image: Image.Image, amount: float, method: str, mask: Image.Image | None) -> Picture:
    """The smooth picture."""
    need("denoise")
    from editchain.imaging.restore import denoised

    made = in_colours(image, lambda colours: denoised(colours, amount, fast=method == "fast"))
    return Picture(kept_where_white(image, made, mask))

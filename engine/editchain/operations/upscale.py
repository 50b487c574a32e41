"""Upscale: a larger picture, a little sharpened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.imaging.enlarge import enlarged
from editchain.imaging.geometry import rounded
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from PIL import Image


def apply(*, image: Image.Image, factor: float, sharpen: float) -> Picture:
    """The picture enlarged; OperationError where it grows beyond the limits."""
    size = rounded(image.width * factor), rounded(image.height * factor)
    return Picture(enlarged(image, size, sharpen))

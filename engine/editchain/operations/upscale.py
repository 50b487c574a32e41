"""Upscale: a larger picture, a little sharpened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.imaging.blur import sharpen as sharpened
from editchain.imaging.compose import in_colours
from editchain.imaging.geometry import check_size, rounded, scaled
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from PIL import Image


def apply(*, image: Image.Image, factor: float, sharpen: float) -> Picture:
    """The picture enlarged; OperationError where it grows beyond the limits."""
    size = check_size((rounded(image.width * factor), rounded(image.height * factor)))
    made = scaled(image, size)
    return Picture(in_colours(made, lambda colours: sharpened(colours, sharpen)) if sharpen else made)

"""Protect: the original pasted back over an edit where a mask or a box keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFilter

from editchain.imaging.geometry import length
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from collections.abc import Sequence


def apply(
    *,
    image: Image.Image,
    edited: Image.Image,
    mask: Image.Image | None,
    box: Sequence[float] | None,
    feather: float,
) -> Picture:
    """The edit where the mask is black or outside the box, the original elsewhere, in the original's size."""
    mode = "RGBA" if "A" in image.mode or "A" in edited.mode else "RGB"
    original, result = image.convert(mode), edited.convert(mode)
    if result.size != original.size:
        result = result.resize(original.size, Image.Resampling.LANCZOS)
    kept = _kept(original.size, mask, box)
    radius = feather * max(original.size)
    if radius >= 0.5:
        kept = kept.filter(ImageFilter.GaussianBlur(radius))
    return Picture(Image.composite(original, result, kept))


def _kept(size: tuple[int, int], mask: Image.Image | None, box: Sequence[float] | None) -> Image.Image:
    """White where the original is kept: filled areas of a mask, or the inside of a box."""
    if mask is not None:
        filled = (
            mask.getchannel("A")
            if mask.mode == "RGBA" and mask.getchannel("A").getextrema() != (255, 255)
            else mask.convert("L")
        )
        return filled.resize(size, Image.Resampling.BILINEAR) if filled.size != size else filled
    assert box is not None  # noqa: S101  (the document asks for one of the two)
    left, top = length(box[0], size[0]), length(box[1], size[1])
    kept = Image.new("L", size, 0)
    right, bottom = left + length(box[2], size[0]) - 1, top + length(box[3], size[1]) - 1
    ImageDraw.Draw(kept).rectangle((left, top, max(left, right), max(top, bottom)), fill=255)
    return kept

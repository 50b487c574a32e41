"""A picture made larger and then a little sharper, a strip at a time: its copies would be the largest of all."""

from __future__ import annotations

from PIL import Image

from editchain.imaging.blur import sharpening
from editchain.imaging.compose import in_colours
from editchain.imaging.geometry import Size, check_size
from editchain.imaging.strips import Change, Strip, strips


def enlarged(image: Image.Image, size: Size, amount: float) -> Image.Image:
    """The picture at a larger size, sharpened by an amount from 0; OperationError beyond the limits."""
    if size == image.size and not amount:
        return image
    change, overlap = sharpening(check_size(size), amount)
    made = Image.new(image.mode if not amount or image.mode == "RGBA" else "RGB", size)
    for strip in strips(size, overlap):
        part = strip.grown(image, size, Image.Resampling.LANCZOS)
        made.paste(strip.own(_sharpened(part, strip, change) if amount else part), (0, strip.top))
    return made


def _sharpened(part: Image.Image, strip: Strip, change: Change) -> Image.Image:
    return in_colours(part, lambda colours: change(colours, strip))

"""Trim: a picture without its even border."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.imaging.geometry import length
from editchain.imaging.select import near_colour
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from PIL import Image


def apply(*, image: Image.Image, tolerance: float, margin: float) -> Picture:
    """What lies inside the border, which has the colour of the top left corner; a blank picture stays whole."""
    if image.mode == "RGBA" and image.getchannel("A").getextrema()[0] == 0:
        box = image.getchannel("A").getbbox()
    else:
        red, green, blue = (image.convert("RGB").crop((0, 0, 1, 1)).tobytes())[:3]
        border = near_colour(image, (red, green, blue), tolerance)
        box = border.point([255 - value for value in range(256)]).getbbox()
    if box is None:
        return Picture(image)
    room = length(margin, min(image.size))
    left, top = max(0, box[0] - room), max(0, box[1] - room)
    return Picture(image.crop((left, top, min(image.width, box[2] + room), min(image.height, box[3] + room))))

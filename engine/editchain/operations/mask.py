"""Mask: black where a picture is to be worked on, white where it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image, ImageChops

from editchain.imaging.compose import parse_colour
from editchain.imaging.geometry import pixel_box
from editchain.imaging.select import feathered, grown, near_colour
from editchain.imaging.tone import luminance
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from editchain.imaging.geometry import Box


def apply(
    *,
    image: Image.Image,
    by: str,
    box: list[float] | None,
    colour: str | None,
    tolerance: float,
    tones: list[float],
    grow: int,
    feather: float,
    invert: bool,
) -> Picture:
    """A grey picture of the same size; OperationError for a box outside the picture."""
    if by == "box" and box is not None:
        chosen = _inside(image.size, pixel_box(box, image.size))
    elif by == "colour" and colour is not None:
        chosen = near_colour(image, parse_colour(colour)[:3], tolerance)
    elif by == "alpha":
        chosen = ImageChops.invert(image.getchannel("A")) if image.mode == "RGBA" else _none(image.size)
    else:
        low, high = (round(255 * tone) for tone in tones)
        chosen = luminance(image).point([255 * (low <= value <= high) for value in range(256)])
    chosen = feathered(grown(chosen, grow), feather)
    return Picture(chosen if invert else ImageChops.invert(chosen))


def _inside(size: tuple[int, int], box: Box) -> Image.Image:
    chosen = _none(size)
    chosen.paste(255, box)
    return chosen


def _none(size: tuple[int, int]) -> Image.Image:
    return Image.new("L", size)

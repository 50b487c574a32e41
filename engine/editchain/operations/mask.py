"""Mask: black where a picture is to be worked on, white where it is kept."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from PIL import Image, ImageChops

from editchain.imaging.compose import mask_of, parse_colour
from editchain.imaging.extra import need
from editchain.imaging.geometry import pixel_box
from editchain.imaging.select import (
    box_shape,
    ellipse_shape,
    feathered,
    grown,
    near_colour,
    polygon_shape,
)
from editchain.imaging.tone import luminance
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from editchain.imaging.geometry import Box, Size


def apply(
    *,
    image: Image.Image,
    by: str,
    box: list[float] | None,
    points: list[list[float]] | None,
    colour: str | None,
    tolerance: float,
    tones: list[float],
    masks: list[Image.Image] | None,
    combine: str,
    grow: int,
    feather: float,
    invert: bool,
) -> Picture:
    """A grey picture of the same size.

    Raises OperationError for a box or points outside the picture, and for a subject, sky or faces that cannot be told.
    """
    area = pixel_box(box, image.size) if box is not None else None
    if by == "box" and area is not None:
        chosen = box_shape(image.size, area)
    elif by == "ellipse" and area is not None:
        chosen = ellipse_shape(image.size, area)
    elif by == "polygon":
        chosen = polygon_shape(image.size, points or [])
    elif by == "colour" and colour is not None:
        chosen = near_colour(image, parse_colour(colour)[:3], tolerance)
    elif by == "alpha":
        chosen = ImageChops.invert(image.getchannel("A")) if image.mode == "RGBA" else _none(image.size)
    elif by == "masks":
        chosen = _joined([ImageChops.invert(mask_of(mask, image.size)) for mask in masks or ()], combine)
    elif by in ("subject", "sky", "faces"):
        chosen = _recognised(image, by, area)
    else:
        low, high = (round(255 * tone) for tone in tones)
        chosen = luminance(image).point([255 * (low <= value <= high) for value in range(256)])
    chosen = feathered(grown(chosen, grow), feather)
    return Picture(chosen if invert else ImageChops.invert(chosen))


def _recognised(image: Image.Image, by: str, area: Box | None) -> Image.Image:
    need(f"mask by {by}")
    from editchain.imaging import background, faces, subject

    if by == "subject":
        return subject.subject(image, area)
    if by == "sky":
        return background.sky(image)
    return faces.faces_mask(image.size, faces.faces_of(image, 1))


def _joined(masks: list[Image.Image], combine: str) -> Image.Image:
    if combine == "subtract":
        masks = [masks[0], *(ImageChops.invert(mask) for mask in masks[1:])]
    return reduce(ImageChops.lighter if combine == "union" else ImageChops.darker, masks)


def _none(size: Size) -> Image.Image:
    return Image.new("L", size)

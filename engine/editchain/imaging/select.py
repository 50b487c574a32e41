"""Parts of a picture as masks: white where it is meant."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from editchain.errors import OperationError
from editchain.imaging.blur import blur
from editchain.imaging.geometry import Box, Size

_FINER = 4
"""How many times finer a shape is drawn than its pixels, for smooth edges."""


def box_shape(size: Size, box: Box) -> Image.Image:
    """White in the box, of a mask of this size."""
    shape = Image.new("L", size)
    shape.paste(255, box)
    return shape


def ellipse_shape(size: Size, box: Box) -> Image.Image:
    """White in the largest ellipse in the box."""
    around = 0, 0, box[2] - box[0], box[3] - box[1]
    return _drawn(size, box, lambda draw: draw.ellipse([side * _FINER for side in around[:2]] + [side * _FINER - 1 for side in around[2:]], fill=255))  # fmt: skip


def polygon_shape(size: Size, points: list[list[float]]) -> Image.Image:
    """White inside the corners, in pixels, or in parts of the size where no number is above 1.

    Raises OperationError for corners outside, or that enclose no pixel.
    """
    if max(value for point in points for value in point) <= 1:
        points = [[x * size[0], y * size[1]] for x, y in points]
    if any(x > size[0] or y > size[1] for x, y in points):
        raise OperationError(f"A corner lies outside the picture of {size[0]}×{size[1]}.")
    columns, rows = zip(*points, strict=True)
    box = int(min(columns)), int(min(rows)), -int(-max(columns) // 1), -int(-max(rows) // 1)
    if box[0] == box[2] or box[1] == box[3]:
        raise OperationError("The points of the polygon lie on one line.")
    corners = [((x - box[0]) * _FINER, (y - box[1]) * _FINER) for x, y in points]
    return _drawn(size, box, lambda draw: draw.polygon(corners, fill=255))


def _drawn(size: Size, box: Box, draw: Callable[[ImageDraw.ImageDraw], object]) -> Image.Image:
    """A shape drawn finer inside a box, which it is given at."""
    inner = box[2] - box[0], box[3] - box[1]
    finer = Image.new("L", (inner[0] * _FINER, inner[1] * _FINER))
    draw(ImageDraw.Draw(finer))
    shape = Image.new("L", size)
    shape.paste(finer.reduce(_FINER), box[:2])
    return shape


def masked_box(chosen: Image.Image) -> Box:
    """The smallest box around what is white; raises OperationError where nothing is."""
    box = chosen.point([255 * (value >= 128) for value in range(256)]).getbbox()
    if box is None:
        raise OperationError("The mask marks nothing: it is white all over.")
    return box


def near_colour(image: Image.Image, colour: tuple[int, int, int], tolerance: float) -> Image.Image:
    """Where no channel is farther from the colour than the tolerance, 0 to 1."""
    solid = image.convert("RGB")
    red, green, blue = ImageChops.difference(solid, Image.new("RGB", image.size, colour)).split()
    farthest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    limit = round(255 * tolerance)
    return farthest.point([255 * (value <= limit) for value in range(256)])


def grown(mask: Image.Image, pixels: int) -> Image.Image:
    """The white part larger by so many pixels on every side, or smaller below 0."""
    make = ImageFilter.MaxFilter if pixels > 0 else ImageFilter.MinFilter
    left = abs(pixels)
    while left:  # a wide filter in steps: its cost grows with the square of its width
        step = min(left, 4)
        mask = mask.filter(make(2 * step + 1))
        left -= step
    return mask


def feathered(mask: Image.Image, pixels: float) -> Image.Image:
    """The edge soft over so many pixels."""
    return blur(mask, pixels / 2) if pixels else mask

"""Size, place and orientation of pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from PIL import Image

from editchain.errors import OperationError
from editchain.imaging.limits import size_problem
from editchain.imaging.modes import SamePixels

if TYPE_CHECKING:
    from editchain.imaging.deep import Deep

Size = tuple[int, int]
Box = tuple[int, int, int, int]
"""Left, top, right and bottom, in pixels."""

Fit = Literal["inside", "cover", "exact"]

SAMPLINGS: dict[str, Image.Resampling] = {
    "lanczos": Image.Resampling.LANCZOS,
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "box": Image.Resampling.BOX,
    "nearest": Image.Resampling.NEAREST,
}

_ANCHORS: dict[str, tuple[float, float]] = {
    "centre": (0.5, 0.5),
    "top": (0.5, 0.0),
    "bottom": (0.5, 1.0),
    "left": (0.0, 0.5),
    "right": (1.0, 0.5),
    "top_left": (0.0, 0.0),
    "top_right": (1.0, 0.0),
    "bottom_left": (0.0, 1.0),
    "bottom_right": (1.0, 1.0),
}


_QUARTERS: dict[float, Image.Transpose] = {
    90: Image.Transpose.ROTATE_270,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_90,
}


def rounded(value: Fraction | float) -> int:
    """To the nearest whole number, halves upwards."""
    return int((Fraction(value) + Fraction(1, 2)).__floor__())


def check_size(size: Size) -> Size:
    """The size itself; raises OperationError where no picture may be that large or small."""
    problem = size_problem(*size)
    if problem:
        raise OperationError(f"The result would be too large or too small: {problem}.")
    return size


def fitting_size(size: Size, width: int | None, height: int | None) -> Size:
    """The size of the same shape that fits inside a width, a height or both; one of them is given."""
    scale = min(Fraction(side, whole) for side, whole in ((width, size[0]), (height, size[1])) if side)
    return max(1, rounded(size[0] * scale)), max(1, rounded(size[1] * scale))


def scaled(image: SamePixels, size: Size, sampling: str = "lanczos") -> SamePixels:
    """The picture at exactly this size; alpha is weighed in, so that no hidden colour bleeds into edges."""
    if size == image.size:
        return image
    check_size(size)
    gap = 3.0 if sampling != "nearest" else None
    if isinstance(image, Image.Image):
        return image.resize(size, SAMPLINGS[sampling], reducing_gap=gap)
    return image.resampled(lambda plane, _: plane.resize(size, SAMPLINGS[sampling], reducing_gap=gap))


def covering(image: SamePixels, size: Size, anchor: str = "centre", sampling: str = "lanczos") -> SamePixels:
    """The picture at exactly this size in its own shape, what is too much cut away from the anchor."""
    if size == image.size:
        return image
    across, down = _ANCHORS[anchor]
    scale = min(Fraction(image.width, size[0]), Fraction(image.height, size[1]))
    piece = float(size[0] * scale), float(size[1] * scale)
    left, top = (image.width - piece[0]) * across, (image.height - piece[1]) * down
    box = left, top, left + piece[0], top + piece[1]
    check_size(size)
    if isinstance(image, Image.Image):
        return image.resize(size, SAMPLINGS[sampling], box)
    return image.resampled(lambda plane, _: plane.resize(size, SAMPLINGS[sampling], box))


def place(outer: Size, inner: Size, anchor: str) -> tuple[int, int]:
    """Where the top left corner of the inner lies when it is held to an anchor of the outer."""
    across, down = _ANCHORS[anchor]
    return rounded((outer[0] - inner[0]) * across), rounded((outer[1] - inner[1]) * down)


def anchored_box(size: Size, piece: Size, anchor: str = "centre") -> Box:
    """The box of a piece of a picture, held to an anchor."""
    left, top = place(size, piece, anchor)
    return left, top, left + piece[0], top + piece[1]


def box_around(size: Size, marked: Box, piece: Size, *, can_shrink: bool) -> Box:
    """A box of a piece's size around a marked one, moved inside; of its shape and as small as it can, where asked."""
    if can_shrink:
        scale = max(Fraction(marked[2] - marked[0], piece[0]), Fraction(marked[3] - marked[1], piece[1]))
        if scale < 1:
            piece = max(1, rounded(piece[0] * scale)), max(1, rounded(piece[1] * scale))
    x, y = (marked[0] + marked[2] - piece[0]) // 2, (marked[1] + marked[3] - piece[1]) // 2
    left, top = min(size[0] - piece[0], max(0, x)), min(size[1] - piece[1], max(0, y))
    return left, top, left + piece[0], top + piece[1]


def largest_of_ratio(size: Size, ratio: Fraction) -> Size:
    """The largest size within `size` whose width to height comes nearest to the ratio."""
    if Fraction(*size) > ratio:
        return max(1, rounded(size[1] * ratio)), size[1]
    return size[0], max(1, rounded(size[0] / ratio))


def smallest_of_ratio(size: Size, ratio: Fraction) -> Size:
    """The smallest size around `size` whose width to height comes nearest to the ratio."""
    if Fraction(*size) > ratio:
        return size[0], max(size[1], rounded(size[0] / ratio))
    return max(size[0], rounded(size[1] * ratio)), size[1]


def ratio(text: str) -> Fraction:
    """Width to height, of text such as 16:9."""
    width, _, height = text.partition(":")
    return Fraction(width) / Fraction(height)


def pixel_box(numbers: list[float], size: Size) -> Box:
    """The box that [x, y, width, height] names: fractions where no number is above 1, else pixels.

    Raises OperationError where it is empty or not wholly inside the picture.
    """
    x, y, width, height = numbers
    if max(numbers) <= 1:
        x, width = x * size[0], width * size[0]
        y, height = y * size[1], height * size[1]
    box = rounded(x), rounded(y), rounded(x + width), rounded(y + height)
    if box[0] >= box[2] or box[1] >= box[3]:
        raise OperationError(f"The box {_listed(numbers)} holds no pixel of a {size[0]}×{size[1]} picture.")
    if box[2] > size[0] or box[3] > size[1]:
        reach = f"reaches to {box[2]}, {box[3]}"
        raise OperationError(f"The box {_listed(numbers)} {reach}, outside the {size[0]}×{size[1]} picture.")
    return box


def length(value: float, whole: int) -> int:
    """A distance in pixels: numbers below 1 are fractions of the whole."""
    return rounded(value * whole if abs(value) < 1 else value)


def rotated(
    image: SamePixels, degrees: float, *, expand: bool = True, fill: tuple[int, ...] | None = None
) -> SamePixels:
    """Turned clockwise; quarter turns are exact. Corners that come into view are `fill`, RGB or RGBA."""
    degrees %= 360
    if degrees == 0:
        return image
    if degrees in _QUARTERS and (expand or degrees == 180):
        return image.transpose(_QUARTERS[degrees])
    fill = fill or (255, 255, 255)
    if not isinstance(image, Image.Image):
        return _turned(image, degrees, expand=expand, fill=fill)
    if len(fill) == 4 and fill[3] < 255:
        image = image.convert("RGBA")
    colour = fill_of(image.mode, fill)
    # alpha is weighed in by hand: rotate() does not do it
    if image.mode == "RGBA":
        turned = image.convert("RGBa").rotate(-degrees, Image.Resampling.BICUBIC, expand=expand)
        inside = Image.new("L", image.size, 255).rotate(-degrees, Image.Resampling.BICUBIC, expand=expand)
        canvas = Image.new("RGBA", turned.size, colour)
        return Image.composite(turned.convert("RGBA"), canvas, inside)
    return image.rotate(-degrees, Image.Resampling.BICUBIC, expand=expand, fillcolor=colour)


def _turned(image: Deep, degrees: float, *, expand: bool, fill: tuple[int, ...]) -> Deep:
    if len(fill) == 4 and fill[3] < 255:
        image = image.converted("RGBA")

    def turn(plane: Image.Image, value: float) -> Image.Image:
        return plane.rotate(-degrees, Image.Resampling.BICUBIC, expand=expand, fillcolor=value)

    return image.resampled(turn, fill)


def quadrilateral(
    image: SamePixels, corners: list[list[float]], width: int | None = None, height: int | None = None
) -> SamePixels:
    """The part between four corners seen straight on, as large as its longer sides unless a size is given.

    Raises OperationError for corners as `clockwise` does.
    """
    corners = clockwise(corners, image.size)
    top_left, top_right, bottom_right, bottom_left = corners
    across = max(math.dist(top_left, top_right), math.dist(bottom_left, bottom_right))
    down = max(math.dist(top_left, bottom_left), math.dist(top_right, bottom_right))
    return straight_on(image, corners, (width or max(1, rounded(across)), height or max(1, rounded(down))))


def straight_on(image: SamePixels, corners: list[list[float]], size: Size) -> SamePixels:
    """The part between four corners, in pixels from the top left clockwise, as a rectangle of a size."""
    width, height = check_size(size)
    flat = [value for x, y in (corners[0], corners[3], corners[2], corners[1]) for value in (x, y)]
    matrix = _projection([(0, 0), (0, height), (width, height), (width, 0)], flat)

    def seen(source: Image.Image, _: float = 0) -> Image.Image:
        return source.transform(
            (width, height), Image.Transform.PERSPECTIVE, matrix, Image.Resampling.BICUBIC
        )

    if not isinstance(image, Image.Image):
        return image.resampled(seen)
    return seen(image.convert("RGBa" if image.mode == "RGBA" else image.mode)).convert(image.mode)


def onto_corners(image: Image.Image, corners: list[list[float]], size: Size) -> Image.Image:
    """A picture with alpha between four corners of a canvas of a size, from the top left clockwise; RGBA."""
    factor = 2 * max(_extent(corners)) / max(image.size)
    if factor < 1:  # it is looked up at single points: one far larger than its place would lose thin lines
        image = scaled(image, (max(1, round(image.width * factor)), max(1, round(image.height * factor))))
    width, height = image.size
    outer = [(Fraction(x), Fraction(y)) for x, y in (corners[0], corners[3], corners[2], corners[1])]
    matrix = _projection(outer, [0, 0, 0, height, width, height, width, 0])
    made = image.convert("RGBa").transform(
        size, Image.Transform.PERSPECTIVE, matrix, Image.Resampling.BICUBIC
    )
    return made.convert("RGBA")


def clockwise(corners: list[list[float]], size: Size) -> list[list[float]]:
    """Four corners in pixels, given so or in parts of a size where no number is above 1.

    Raises OperationError for corners outside, crossed, on one line, or in another order.
    """
    if max(value for corner in corners for value in corner) <= 1:
        corners = [[x * size[0], y * size[1]] for x, y in corners]
    if any(x > size[0] or y > size[1] for x, y in corners):
        raise OperationError(f"A corner lies outside the picture of {size[0]}×{size[1]}.")
    turns = []
    for index in range(4):
        (ax, ay), (bx, by), (cx, cy) = (corners[(index + step) % 4] for step in range(3))
        turns.append((bx - ax) * (cy - by) - (by - ay) * (cx - bx))
    if min(turns) <= 0:
        raise OperationError(
            "The corners go around the part clockwise: top left, top right, bottom right, bottom left."
        )
    return corners


def _extent(corners: list[list[float]]) -> tuple[float, float]:
    columns, rows = zip(*corners, strict=True)
    return max(columns) - min(columns), max(rows) - min(rows)


def _projection(outer: Sequence[tuple[Fraction | int, Fraction | int]], flat: Sequence[float]) -> list[float]:
    """The eight numbers of the projection that takes the outer corners to those of the picture."""
    rows: list[list[Fraction]] = []
    for (x, y), (u, v) in zip(outer, zip(flat[::2], flat[1::2], strict=True), strict=True):
        to_x, to_y = Fraction(u), Fraction(v)
        rows.append([*map(Fraction, (x, y, 1, 0, 0, 0)), -to_x * x, -to_x * y, to_x])
        rows.append([*map(Fraction, (0, 0, 0, x, y, 1)), -to_y * x, -to_y * y, to_y])
    for column in range(8):
        pivot = next((row for row in range(column, 8) if rows[row][column]), None)
        if pivot is None:
            raise OperationError("The four corners do not enclose an area.")
        rows[column], rows[pivot] = rows[pivot], rows[column]
        rows[column] = [value / rows[column][column] for value in rows[column]]
        for row in range(8):
            if row != column and rows[row][column]:
                factor = rows[row][column]
                rows[row] = [a - factor * b for a, b in zip(rows[row], rows[column], strict=True)]
    return [float(row[8]) for row in rows]


def fill_of(mode: str, colour: tuple[int, ...]) -> int | tuple[int, ...]:
    """The colour, RGB or RGBA, in the terms of a mode: L, RGB or RGBA."""
    red, green, blue, alpha = (*colour, 255)[:4]
    if mode == "L":
        return (red * 299 + green * 587 + blue * 114 + 500) // 1000
    return (red, green, blue) if mode == "RGB" else (red, green, blue, alpha)


def mirrored(image: SamePixels, direction: str) -> SamePixels:
    """Left and right changed over (`horizontal`), or top and bottom (`vertical`)."""
    way = Image.Transpose.FLIP_LEFT_RIGHT if direction == "horizontal" else Image.Transpose.FLIP_TOP_BOTTOM
    return image.transpose(way)


def _listed(numbers: list[float]) -> str:
    return "[" + ", ".join(f"{number:g}" for number in numbers) + "]"

"""Which part of a picture people look at, to cut around; needs the extra."""

from __future__ import annotations

import numpy as np
from PIL import Image

from editchain.imaging.arrays import Floats, rgb, within
from editchain.imaging.faces import faces_of
from editchain.imaging.geometry import Box, Size
from editchain.imaging.modes import in_mode
from editchain.imaging.subject import in_focus, standing_out

_SIDE = 320


def window(image: Image.Image, piece: Size, around: str) -> Box:
    """The box of a piece's size, in pixels, with most of what is looked at: the `subject`, or `faces`.

    The subject is what differs from the border and is sharp; where nothing does, the middle is as good as any.
    Raises OperationError where faces are asked for and none is found.
    """
    small = within(in_mode(image, "RGB"), _SIDE)
    weights = _faces(image, small.size) if around == "faces" else _looked_at(small)
    scale = image.width / small.width, image.height / small.height
    columns = min(small.width, max(1, round(piece[0] / scale[0])))
    rows = min(small.height, max(1, round(piece[1] / scale[1])))
    sums = np.pad(weights.astype(np.float64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    inside = sums[rows:, columns:] - sums[:-rows, columns:] - sums[rows:, :-columns] + sums[:-rows, :-columns]
    top, left = _middle_of_best(inside)
    x = min(image.width - piece[0], max(0, round(left * scale[0])))
    y = min(image.height - piece[1], max(0, round(top * scale[1])))
    return x, y, x + piece[0], y + piece[1]


def _looked_at(small: Image.Image) -> Floats:
    pixels = rgb(small)
    away = standing_out(pixels)
    made = (away / max(float(away.max()), 1e-6)) ** 2 * (0.35 + in_focus(pixels))
    return np.asarray(made, np.float32)


def _faces(image: Image.Image, size: Size) -> Floats:
    scale = size[0] / image.width, size[1] / image.height
    weights = np.zeros((size[1], size[0]), np.float32)
    for left, top, right, bottom in faces_of(image, 1):
        weights[
            int(top * scale[1]) : int(bottom * scale[1]) + 1, int(left * scale[0]) : int(right * scale[0]) + 1
        ] += 1
    return weights


def _middle_of_best(inside: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[int, int]:
    """The middle of the places that are all but as good as the best one."""
    best = float(inside.max())
    rows, columns = np.nonzero(inside >= best - 0.005 * max(best, 1e-9))
    middle = (rows.min() + rows.max()) / 2, (columns.min() + columns.max()) / 2
    nearest = int(np.argmin((rows - middle[0]) ** 2 + (columns - middle[1]) ** 2))
    return int(rows[nearest]), int(columns[nearest])

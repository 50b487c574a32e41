"""The tilt of a picture, from the edges in it that run alike; needs the extra.

Edges are summed up along parallel lines of every angle near level, with their signs: a horizon, a roof, or the rows of
a wall add up at their own angle and at no other, and texture cancels out. The same is done near upright.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from editchain.errors import OperationError
from editchain.imaging.arrays import Floats, floats, within
from editchain.imaging.geometry import rotated, scaled
from editchain.imaging.modes import SamePixels, in_mode

MOST = 10.0
_REACH = MOST + 2
_STEP = 0.2
_FINE = 0.04
_SIDE = 600
_SMALLEST = 24
_LEAST = 1.8
"""How many times as much as usual an angle has to add up to; textures, petals and fur come to 1.6."""
_LEAST_BEFORE_OTHERS = 1.18
"""The same against the best angle that is more than `_APART` degrees away."""
_APART = 2.0


def tilt(image: Image.Image) -> float:
    """By how many degrees clockwise the picture has to be turned to stand level.

    Level edges decide, and upright ones where they do not tell. Raises OperationError where neither does.
    """
    grey = floats(np.asarray(within(in_mode(image, "RGB"), _SIDE).convert("L")))
    if min(grey.shape) < _SMALLEST:
        raise OperationError(f"A picture of {image.width}×{image.height} is too small to tell what is level.")
    level, upright = _edges(grey)
    found = [_Angle.of(level, axis=1), _Angle.of(upright, axis=0)]
    for one in found:
        if one.is_plain:
            return round(one.degrees, 2)
    most = max(one.sureness for one in found)
    raise OperationError(
        f"I cannot tell what is level here (sureness {most:.1f}, {_LEAST:.1f} is needed): no horizon, long edges or rows "
        f"stand out within {MOST:g}° of level or upright; rotate the picture by degrees instead."
    )


class _Angle:
    """The angle at which edges add up most, in degrees, and how far it stands out from others."""

    def __init__(self, degrees: float, sureness: float, lead: float) -> None:
        self.degrees = degrees
        self.sureness = sureness
        self.is_plain = abs(degrees) <= MOST and sureness >= _LEAST and lead >= _LEAST_BEFORE_OTHERS

    @classmethod
    def of(cls, edges: Floats, axis: int) -> _Angle:
        angles = np.arange(-_REACH, _REACH + _STEP / 2, _STEP)
        sums = _sums(edges, angles, axis)
        usual = float(np.median(sums))
        if usual <= 0:
            return cls(0, 0, 0)
        best = angles[int(np.argmax(sums))]
        others = float(sums[np.abs(angles - best) > _APART].max())
        near = np.arange(best - _STEP, best + _STEP + _FINE / 2, _FINE)
        fine = _sums(edges, near, axis)
        return cls(
            -float(near[int(np.argmax(fine))]),
            float(sums.max()) / usual,
            float(sums.max()) / max(others, 1e-9),
        )


def _edges(grey: Floats) -> tuple[Floats, Floats]:
    """Changes of light downwards and to the right, the strong ones held back, fading out towards the border."""
    soft = cv2.GaussianBlur(grey * 255, (0, 0), 1.5)
    across, down = cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)
    held = 1 / np.sqrt(cv2.magnitude(across, down) + 4)
    rows, columns = grey.shape
    held *= np.sqrt(np.outer(_fading(rows), _fading(columns)))
    return np.asarray(down * held, np.float32), np.asarray(across * held, np.float32)


def _fading(length: int) -> Floats:
    """1 in the middle, nearly 0 at both ends."""
    made: Floats = np.cos(np.linspace(-1, 1, length + 2, dtype=np.float32)[1:-1] * (math.pi / 2))
    return made


def _sums(edges: Floats, angles: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """For each angle, in degrees clockwise, how much the edges add up to along lines of it."""
    rows, columns = edges.shape
    made = []
    for angle in angles:
        turn = cv2.getRotationMatrix2D((columns / 2, rows / 2), float(angle), 1)
        lines = np.asarray(cv2.warpAffine(edges, turn, (columns, rows))).sum(axis=axis, dtype=np.float64)
        made.append(float((lines**2).sum()))
    return np.array(made)


def levelled(image: SamePixels, degrees: float) -> SamePixels:
    """The picture turned clockwise by a few degrees, cut to what is covered and brought back to its size."""
    if abs(degrees) < 0.05:
        return image
    angle = math.radians(abs(degrees))
    width, height = image.size
    share = 1 / (math.cos(angle) + math.sin(angle) * max(width / height, height / width))
    turned = rotated(image, degrees, expand=False)
    across, down = (width - width * share) / 2, (height - height * share) / 2
    box = math.ceil(across), math.ceil(down), math.floor(width - across), math.floor(height - down)
    return scaled(turned.crop(box), image.size)

"""The tilt of a picture, from the long straight lines in it; needs the extra."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from editchain.errors import OperationError
from editchain.imaging.arrays import rgb, within
from editchain.imaging.geometry import rotated, scaled
from editchain.imaging.modes import in_mode

MOST = 10.0
_WIDE = 1.2
_USUAL = 4.0
_LEAST_SHARE = 0.4

Lines = NDArray[np.float64]
"""Angle in degrees from level or upright, length and place across (0 to 1) of each line."""


def tilt(image: Image.Image) -> float:
    """By how many degrees clockwise the picture has to be turned to stand level.

    Long level lines decide; without them upright ones, where the left and the right half agree, for upright
    lines that lean towards each other are perspective. Raises OperationError where neither tells.
    """
    small = within(in_mode(image, "RGB"), 900)
    level, upright = _lines(small)
    side = min(small.size)
    angle = _angle(level, side)
    if angle is None:
        halves = _angle(upright[upright[:, 2] < 0.5], side), _angle(upright[upright[:, 2] >= 0.5], side)
        if halves[0] is not None and halves[1] is not None and abs(halves[0] - halves[1]) < 1:
            angle = (halves[0] + halves[1]) / 2
    if angle is None:
        raise OperationError(
            f"I find no long straight lines within {MOST:g}° of level or upright that agree; rotate the picture "
            "by degrees instead."
        )
    return round(-angle, 2)


def _lines(image: Image.Image) -> tuple[Lines, Lines]:
    """The nearly level and the nearly upright lines."""
    grey = np.asarray(cv2.cvtColor(rgb(image), cv2.COLOR_RGB2GRAY))
    found = cv2.createLineSegmentDetector().detect(grey)[0]
    lines = np.asarray(found if found is not None else np.zeros((0, 4))).reshape(-1, 4).astype(np.float64)
    across, down = lines[:, 2] - lines[:, 0], lines[:, 3] - lines[:, 1]
    angles = (np.degrees(np.arctan2(down, across)) + 45) % 90 - 45
    length, middle = np.hypot(across, down), (lines[:, 0] + lines[:, 2]) / 2 / image.width
    rows = np.stack([angles, length, middle], axis=1)
    near = (np.abs(angles) <= MOST) & (length >= min(image.size) / 10)
    is_level = np.abs(across) > np.abs(down)
    return rows[near & is_level], rows[near & ~is_level]


def _angle(lines: Lines, side: int) -> float | None:
    """The angle that long lines have in common, or None where there is none."""
    if not len(lines) or lines[:, 1].max() < 0.3 * side:
        return None
    angles, weights = lines[:, 0], lines[:, 1] ** 2
    usual = np.exp(-((angles / _USUAL) ** 2) / 2)  # most tilts are small
    votes = [float((weights * usual)[np.abs(angles - one) < _WIDE].sum()) for one in angles]
    agreeing = np.abs(angles - angles[int(np.argmax(votes))]) < _WIDE
    is_plain = weights[agreeing].sum() >= _LEAST_SHARE * weights.sum()
    if not is_plain or lines[agreeing, 1].max() < 0.3 * side:
        return None
    return float(np.average(angles[agreeing], weights=weights[agreeing]))


def levelled(image: Image.Image, degrees: float) -> Image.Image:
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

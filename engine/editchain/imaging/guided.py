"""Weights that follow the edges of a picture; needs the extra.

The numbers of a guided filter (He, Sun and Tang, 2010) are smooth, so they are found on a small copy and grown (He
and Sun, 2015). Only the last step, which takes the edges from the picture, is done at its size, a strip at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from editchain.imaging.arrays import Floats, floats, picture, rgb, within
from editchain.imaging.strips import Strip, strips

_SIDE = 1600


class Guided:
    """Weights, 0 to 1 or bytes, given at any size, made to follow the edges of a picture; asked for a strip at a time."""

    def __init__(self, guide: Image.Image, weights: NDArray[Any], radius: float, epsilon: float) -> None:
        """`radius`, in pixels of the guide, is how far an edge may be from where the weights change.

        Steps of colour much smaller than the root of `epsilon` count as even.
        """
        small = within(guide, _SIDE)
        if weights.shape[:2] != (small.height, small.width):
            is_larger = weights.shape[0] > small.height
            how = cv2.INTER_AREA if is_larger else cv2.INTER_LINEAR
            weights = np.asarray(cv2.resize(weights, small.size, interpolation=how))
        values = floats(weights) if weights.dtype == np.uint8 else weights.astype(np.float32, copy=False)
        reach = max(1, round(radius * small.width / guide.width))
        numbers = _numbers(small, values, reach, epsilon)
        self._guide = guide
        self._planes = [Image.fromarray(np.ascontiguousarray(numbers[..., at])) for at in range(4)]

    def of(self, strip: Strip) -> Floats:
        """The weights of a strip's own rows."""
        own = Strip(strip.top, strip.bottom, strip.top, strip.bottom)
        red, green, blue, made = (
            np.asarray(own.grown(plane, self._guide.size, Image.Resampling.BILINEAR))
            for plane in self._planes
        )
        colours = floats(rgb(own.of(self._guide)))
        made = made + red * colours[..., 0]
        made += green * colours[..., 1]
        made += blue * colours[..., 2]
        return np.clip(made, 0, 1, out=made)

    def mask(self, finish: Callable[[Floats], Floats]) -> Image.Image:
        """All the weights as a picture, each sent through a last change; L."""
        made = Image.new("L", self._guide.size)
        for strip in strips(made.size):
            made.paste(picture(finish(self.of(strip))), (0, strip.top))
        return made


def _numbers(small: Image.Image, weights: Floats, reach: int, epsilon: float) -> Floats:
    """What red, green and blue are multiplied by at each place, and what is added."""
    made = np.empty((small.height, small.width, 4), np.float32)
    for one in strips(small.size, 2 * reach + 1):  # a mean is taken of means
        colours, values = floats(rgb(one.of(small))), weights[one.first : one.last]
        fitted = _fitted(colours, values, reach, epsilon)
        made[one.top : one.bottom] = _mean(fitted, reach)[one.top - one.first : one.bottom - one.first]
    return made


def _fitted(colours: Floats, values: Floats, reach: int, epsilon: float) -> Floats:
    """The line of colours, for the window around each place, that comes nearest to the values there."""
    mean, level = _mean(colours, reach), _mean(values, reach)
    along = _mean(colours * values[..., None], reach) - mean * level[..., None]
    rr, rg, rb, gg, gb, bb = (
        _mean(colours[..., one] * colours[..., other], reach)
        - mean[..., one] * mean[..., other]
        + epsilon * (one == other)
        for one, other in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
    )
    # the inverse of a symmetric matrix, by its minors
    minors = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
    rest = rr * bb - rb * rb, rb * rg - rr * gb, rr * gg - rg * rg
    whole = rr * minors[0] + rg * minors[1] + rb * minors[2]
    rows = (minors, (minors[1], rest[0], rest[1]), (minors[2], rest[1], rest[2]))
    made = np.empty((*values.shape, 4), np.float32)
    for band, row in enumerate(rows):
        made[..., band] = (
            row[0] * along[..., 0] + row[1] * along[..., 1] + row[2] * along[..., 2]
        ) / np.maximum(whole, 1e-12)
    made[..., 3] = level - (made[..., :3] * mean).sum(axis=2)
    return made


def _mean(array: Floats, reach: int) -> Floats:
    side = 2 * reach + 1
    return np.asarray(cv2.boxFilter(array, -1, (side, side), borderType=cv2.BORDER_REFLECT), np.float32)

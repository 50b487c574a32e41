"""Pictures as numpy arrays and back, and the filters that several edits share; needs the extra."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from editchain.imaging.modes import in_mode

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
_ROWS = 256


def rgb(image: Image.Image) -> Bytes:
    """Rows × columns × 3, 0 to 255."""
    return np.asarray(in_mode(image, "RGB"))


def floats(array: NDArray[Any]) -> Floats:
    """0 to 255 as 0 to 1."""
    made: Floats = np.true_divide(array, np.float32(255), dtype=np.float32)
    return made


def to_bytes(array: NDArray[Any]) -> Bytes:
    """0 to 1 as 0 to 255, rounded."""
    made = np.empty(array.shape, np.uint8)
    for top in range(0, len(array), _ROWS):
        part = np.clip(array[top : top + _ROWS], 0, 1)
        part *= 255
        part += 0.5
        made[top : top + _ROWS] = part
    return made


def picture(array: NDArray[Any]) -> Image.Image:
    """An RGB picture, or L where there is one channel; from bytes, or numbers from 0 to 1."""
    return Image.fromarray(array if array.dtype == np.uint8 else to_bytes(array))


def lab(image: Image.Image) -> Floats:
    """CIE L*a*b*: L 0 to 100, a and b around 0."""
    return np.asarray(cv2.cvtColor(floats(rgb(image)), cv2.COLOR_RGB2LAB), np.float32)


def oklab(image: Image.Image) -> Floats:
    """Oklab, in which hues are where people see them: L 0 to 1, a and b around 0."""
    values = floats(rgb(image))
    light = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    made: Floats = (np.cbrt(light @ _TO_CONES) @ _TO_OKLAB).astype(np.float32)
    return made


def from_oklab(array: Floats) -> Image.Image:
    """The RGB picture of Oklab values."""
    light = np.clip((array @ _FROM_OKLAB) ** 3 @ _FROM_CONES, 0, 1)
    values = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return picture(values)


# Ottosson (2020), for rows of colours
_TO_CONES = np.array(
    [[0.4122214708, 0.2119034982, 0.0883024619],
     [0.5363325363, 0.6806995451, 0.2817188376],
     [0.0514459929, 0.1073969566, 0.6299787005]], np.float32,
)  # fmt: skip
_TO_OKLAB = np.array(
    [[0.2104542553, 1.9779984951, 0.0259040371],
     [0.7936177850, -2.4285922050, 0.7827717662],
     [-0.0040720468, 0.4505937099, -0.8086757660]], np.float32,
)  # fmt: skip
_FROM_CONES = np.linalg.inv(_TO_CONES.astype(np.float64)).astype(np.float32)
_FROM_OKLAB = np.linalg.inv(_TO_OKLAB.astype(np.float64)).astype(np.float32)


def within(image: Image.Image, longest: int) -> Image.Image:
    """The picture with its longer side at most so many pixels."""
    factor = longest / max(image.size)
    if factor >= 1:
        return image
    size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
    return image.resize(size, Image.Resampling.BOX)


def smooth(value: NDArray[Any], low: float, high: float) -> Floats:
    """0 below `low`, 1 above `high`, smooth between; turned round where `low` is the greater."""
    share = np.clip((value - low) / (high - low), 0, 1).astype(np.float32)
    made: Floats = share * share * (3 - 2 * share)
    return made


def blurred(array: Floats, radius: float) -> Floats:
    """Gaussian; a wide one on a smaller copy, which is far faster."""
    if radius <= 0:
        return array
    height, width = array.shape[:2]
    factor = min(1.0, 5 / radius)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    small = array if factor == 1 else cv2.resize(array, size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), radius * factor, borderType=cv2.BORDER_REPLICATE)
    made = small if factor == 1 else cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(made, np.float32)

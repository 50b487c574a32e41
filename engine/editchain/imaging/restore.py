"""Haze, noise and small damages taken away; needs the extra."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image, ImageFilter

from editchain.errors import OperationError
from editchain.imaging.arrays import floats, picture, rgb, within
from editchain.imaging.guided import Guided
from editchain.imaging.strips import Strip, by_strips

_LARGEST_HOLE = 0.15


def dehazed(image: Image.Image, amount: float) -> Image.Image:
    """Contrast and colour that distance took, given back (He, Sun and Tang, 2009); RGB, amount 0 to 1."""
    if amount <= 0:
        return image
    small = floats(rgb(within(image, 600)))
    reach = max(3, round(max(small.shape[:2]) / 40)) | 1
    kernel = np.ones((reach, reach), np.uint8)
    dark = np.asarray(cv2.erode(small.min(axis=2), kernel))
    brightest = dark >= np.quantile(dark, 0.999)
    air = np.clip(small[brightest].mean(axis=0), 0.5, 0.97).astype(np.float32)
    veil = np.asarray(cv2.erode((small / air).min(axis=2), kernel))
    through = Guided(image, 1 - 0.95 * amount * np.clip(veil, 0, 1), max(image.size) / 25, 1e-3)

    def cleared(part: Image.Image, strip: Strip) -> Image.Image:
        clear = (floats(rgb(part)) - air) / np.maximum(through.of(strip), 0.12)[..., None] + air
        # what was hidden by haze is dark without it: lift it a little
        return picture(np.power(np.clip(clear, 0, 1), 1 - 0.18 * amount))

    return by_strips(cleared, image)


def denoised(image: Image.Image, amount: float, *, fast: bool = False) -> Image.Image:
    """Grain and colour noise smoothed away; RGB, amount 0 to 1. `fast` keeps edges and loses fine texture."""
    if amount <= 0:
        return image
    if fast:
        return picture(np.asarray(cv2.bilateralFilter(rgb(image), 7, 20 + 60 * amount, 5)))
    strength = 2 + 10 * amount
    made = cv2.fastNlMeansDenoisingColored(rgb(image), None, strength, strength * 1.2, 5, 15)
    return picture(np.asarray(made))


def inpainted(image: Image.Image, hole: Image.Image) -> Image.Image:
    """The picture where a hole, white in an L picture of its size, is filled from what lies around it.

    Thin holes (scratches, text) are drawn over smoothly, wide ones with pieces of their surroundings.
    Raises OperationError for a hole of more than a seventh of the picture, or none at all.
    """
    share = _share(hole)
    if share == 0:
        raise OperationError("Nothing is marked to be filled: the mask is white all over.")
    if share > _LARGEST_HOLE:
        raise OperationError(
            f"{share:.0%} of the picture is marked; up to {_LARGEST_HOLE:.0%} can be filled from around it."
        )
    box = _around(hole)
    part, gap = image.crop(box), hole.crop(box)
    is_wide = _share(gap.filter(ImageFilter.MinFilter(9))) > 0.02
    made = _pieced(part, gap) if is_wide else _drawn_over(part, gap)
    whole = image.copy()
    whole.paste(made, box[:2], gap.filter(ImageFilter.MaxFilter(3)).filter(ImageFilter.GaussianBlur(1)))
    return whole


def _share(hole: Image.Image) -> float:
    return float((np.asarray(hole) > 127).mean())


def _around(hole: Image.Image) -> tuple[int, int, int, int]:
    """The hole's box and as much again on every side."""
    left, top, right, bottom = hole.point([255 * (value > 127) for value in range(256)]).getbbox() or (
        0,
        0,
        *hole.size,
    )
    reach = max(24, max(right - left, bottom - top))
    return (
        max(0, left - reach),
        max(0, top - reach),
        min(hole.width, right + reach),
        min(hole.height, bottom + reach),
    )


def _mask(hole: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    made: np.ndarray[tuple[int, ...], np.dtype[np.uint8]] = np.where(np.asarray(hole) > 127, 255, 0).astype(
        np.uint8
    )
    return made


def _drawn_over(image: Image.Image, hole: Image.Image) -> Image.Image:
    return picture(np.asarray(cv2.inpaint(rgb(image), _mask(hole), 5, cv2.INPAINT_TELEA)))


def _pieced(image: Image.Image, hole: Image.Image) -> Image.Image:
    """Pieces shifted from elsewhere, found on a small copy: whole pictures take minutes."""
    small = within(image, 300)
    gap = _mask(hole.resize(small.size, Image.Resampling.BOX).point([255 * (v > 25) for v in range(256)]))
    start = np.asarray(cv2.cvtColor(np.asarray(_drawn_over(small, Image.fromarray(gap))), cv2.COLOR_RGB2LAB))
    known = 255 - gap  # here 0 is the hole
    found = np.zeros_like(start)
    cv2.setRNGSeed(0)
    cv2.xphoto.inpaint(start, known, found, cv2.xphoto.INPAINT_SHIFTMAP)
    made = picture(np.asarray(cv2.cvtColor(found, cv2.COLOR_LAB2RGB)))
    return made.resize(image.size, Image.Resampling.BICUBIC)

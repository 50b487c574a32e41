"""One colour of a picture found, changed or kept alone; needs the extra."""

from __future__ import annotations

import math

import cv2
import numpy as np
from PIL import Image

from editchain.errors import OperationError
from editchain.imaging.arrays import Floats, floats, from_oklab, oklab, smooth, to_bytes, within
from editchain.imaging.colour import Rgb, black_and_white
from editchain.imaging.guided import Guided
from editchain.imaging.strips import Strip, by_strips, strips

_GREYISH = 0.04
_LEAST_SHARE = 0.0005
_LOOKED_AT = 1200
"""The longer side of the copy from which hues and medians are taken."""


def recoloured(image: Image.Image, old: Rgb, new: Rgb, tolerance: float) -> Image.Image:
    """What has about one colour in another, light and shade kept; RGB in and out.

    `tolerance`, 0 to 1, is how far a hue may be from the old colour's. Raises OperationError where there is
    next to nothing of it.
    """
    small = within(image, _LOOKED_AT)
    values = oklab(small)
    weights = _found(image, values, old, tolerance)
    lightness, chroma, hue = _polar(_of(old))
    new_lightness, new_chroma, new_hue = _polar(_of(new))
    there = np.asarray(weights.resize(small.size, Image.Resampling.BOX)) > 127
    lightness = float(np.median(values[..., 0][there])) if there.any() else lightness
    old_chroma = float(np.median(np.hypot(values[..., 1], values[..., 2])[there])) if there.any() else chroma
    stretch = min(1.7, new_chroma / max(old_chroma, 0.02))
    turn = new_hue - hue
    cosine, sine = math.cos(turn) * stretch, math.sin(turn) * stretch

    def changed(part: Image.Image, strip: Strip) -> Image.Image:
        before = oklab(part)
        made = before.copy()
        made[..., 0] = _moved(before[..., 0], lightness, new_lightness)
        if chroma > _GREYISH:
            made[..., 1] = before[..., 1] * cosine - before[..., 2] * sine
            made[..., 2] = before[..., 1] * sine + before[..., 2] * cosine
        else:  # a grey has no hue to turn
            shade = np.clip(made[..., 0] / max(new_lightness, 0.02), 0, 1.2)
            made[..., 1] = new_chroma * math.cos(new_hue) * shade
            made[..., 2] = new_chroma * math.sin(new_hue) * shade
        weight = floats(np.asarray(strip.of(weights)))[..., None]
        return from_oklab(np.asarray(before + (made - before) * weight, np.float32))

    return by_strips(changed, image)


def popped(image: Image.Image, colour: Rgb, tolerance: float) -> Image.Image:
    """Black and white but for what has about one colour; raises OperationError as `recoloured` does."""
    weights = _found(image, oklab(within(image, _LOOKED_AT)), colour, tolerance)
    return Image.composite(image, black_and_white(image), weights)


def where_coloured(image: Image.Image, colour: Rgb, tolerance: float) -> Image.Image:
    """White where a picture has about one colour, with soft edges; L. Raises OperationError as `recoloured` does."""
    return _found(image, oklab(within(image, _LOOKED_AT)), colour, tolerance)


def _found(image: Image.Image, values: Floats, colour: Rgb, tolerance: float) -> Image.Image:
    """White where a pixel has all of a colour; L. `values` are those of the picture, or of a small copy of it."""
    hue = _polar(_of(colour))[2]
    meant = _meant(np.arctan2(values[..., 2], values[..., 1]), np.hypot(values[..., 1], values[..., 2]), hue)
    weights = np.empty((image.height, image.width), np.uint8)
    for one in strips(image.size):
        weights[one.top : one.bottom] = to_bytes(_share(oklab(one.of(image)), colour, meant, tolerance))
    if float(weights.mean()) < 255 * _LEAST_SHARE:
        raise OperationError(
            f"There is next to nothing of #{bytes(colour).hex()} in this picture; "
            "raise the tolerance or name another colour."
        )
    if min(image.size) > 200:
        weights = np.asarray(cv2.medianBlur(weights, 5))
    along = Guided(image, weights, max(image.size) / 250, 1e-3)
    return along.mask(lambda share: smooth(share, 0.15, 0.85))


def _share(values: Floats, colour: Rgb, meant: float, tolerance: float) -> Floats:
    """How much of a colour there is at each place, by itself; `meant` is the hue that it stands for."""
    lightness, chroma, _ = _polar(_of(colour))
    there = np.hypot(values[..., 1], values[..., 2])
    if chroma <= _GREYISH:
        reach = 0.08 + 0.8 * tolerance
        return smooth(np.abs(values[..., 0] - lightness), reach, reach * 0.6) * smooth(there, 0.07, 0.03)
    away = _apart(np.arctan2(values[..., 2], values[..., 1]), meant)
    reach = math.radians(8 + 80 * tolerance)
    # paler colours only where much is tolerated: skin is orange too
    least = max(0.03, 0.13 - 0.25 * tolerance)
    # in the dark, hue is noise
    is_bright = smooth(values[..., 0], 0.08, 0.2)
    return smooth(away, reach, reach * 0.6) * smooth(there, 0.7 * least, 1.2 * least) * is_bright


def _meant(hues: Floats, chroma: Floats, named: float) -> float:
    """The hue of the picture that the named one stands for: the fullest near it, for names are wide."""
    counts, edges = np.histogram(hues, bins=120, range=(-math.pi, math.pi), weights=chroma**2)
    counts = np.convolve(np.concatenate([counts[-2:], counts, counts[:2]]), np.ones(5), "valid")
    middles = ((edges[:-1] + edges[1:]) / 2).astype(np.float32)
    near = np.exp(-((_apart(middles, named) / math.radians(16)) ** 2) / 2)
    return float(middles[int(np.argmax(counts * near + 1e-9 * near))])


def _apart(hues: Floats, hue: float) -> Floats:
    """The angles between hues and one, in radians, 0 to π."""
    return np.asarray(np.abs((hues - hue + math.pi) % (2 * math.pi) - math.pi), np.float32)


def _moved(lightness: Floats, old: float, new: float) -> Floats:
    """Lightness bent so that the old one becomes the new one about half way, black and white kept."""
    old = min(0.95, max(0.05, old))
    target = min(0.95, max(0.05, old + 0.55 * (new - old)))
    return np.asarray(np.power(np.clip(lightness, 0, 1), math.log(target) / math.log(old)), np.float32)


def _of(colour: Rgb) -> tuple[float, float, float]:
    values = oklab(Image.new("RGB", (1, 1), colour))[0, 0]
    return float(values[0]), float(values[1]), float(values[2])


def _polar(values: tuple[float, float, float]) -> tuple[float, float, float]:
    """Lightness, chroma and hue in radians."""
    return values[0], math.hypot(values[1], values[2]), math.atan2(values[2], values[1])

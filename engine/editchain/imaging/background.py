"""What lies behind a subject, or above the land: blurred, taken away or replaced; needs the extra."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image

from editchain.errors import OperationError
from editchain.imaging.arrays import Bytes, Floats, blurred, floats, picture, rgb, smooth, within
from editchain.imaging.geometry import covering
from editchain.imaging.modes import in_mode
from editchain.imaging.strips import Strip, by_strips
from editchain.imaging.subject import SPILL, cut, without_spill

_LEAST_SKY = 0.08
_LEAST_SURE = 0.6
_LEAST_SPAN = 0.4
_LEAST_WHOLE = 0.4
_LEAST_BESIDE = 0.3
_ENOUGH = 0.3
_MATTE_SIDE = 900
_BLURRED_SIDE = 1600
"""The longer side of the copy on which what is soft is made."""


def background_blurred(image: Image.Image, alpha: Image.Image, radius: float) -> Image.Image:
    """Out of focus where alpha, the subject, is black; the subject does not bleed into it."""
    # what is out of focus has no fine detail: a copy is enough in which the blur is still some pixels wide
    small = within(image, max(_BLURRED_SIDE, round(max(image.size) * min(1.0, 4 / max(radius, 1e-6)))))
    behind = _out_of_focus(
        small, alpha.resize(small.size, Image.Resampling.BOX), radius * small.width / image.width
    )
    return _before(image, alpha, lambda strip: strip.grown(behind, image.size, Image.Resampling.BICUBIC))


def _before(image: Image.Image, alpha: Image.Image, behind: Callable[[Strip], Image.Image]) -> Image.Image:
    """The subject, its edge cleaned, before what lies behind it."""
    cleaned = without_spill(image, alpha)
    return by_strips(
        lambda part, strip: Image.composite(cleaned(part, strip), behind(strip), strip.of(alpha)),
        in_mode(image, "RGB"),
        SPILL,
    )


def _out_of_focus(image: Image.Image, alpha: Image.Image, radius: float) -> Image.Image:
    weights = floats(np.asarray(alpha))
    ground = np.where(weights < 0.5, 1 - weights, 0).astype(np.float32)
    colours = floats(rgb(image)) ** 2.2  # in light, so that lamps stay bright
    total = _disc(ground, radius)[..., None]
    made = _disc(np.ascontiguousarray(colours * ground[..., None]), radius) / np.maximum(total, 1e-3)
    near = np.clip(total / 0.02, 0, 1)
    made = made * near + blurred(colours, radius) * (1 - near)
    return picture(np.clip(made, 0, 1) ** (1 / 2.2))


def on_background(image: Image.Image, alpha: Image.Image, behind: Image.Image) -> Image.Image:
    """The subject before another picture, which covers the whole of its size; RGB."""
    covered = covering(in_mode(behind, "RGB"), image.size)
    return _before(image, alpha, lambda strip: strip.of(covered))


def cut_out(image: Image.Image, alpha: Image.Image) -> Image.Image:
    """The subject alone, on nothing; RGBA."""
    made = by_strips(without_spill(image, alpha), in_mode(image, "RGB"), SPILL)
    made.putalpha(alpha)
    return made


def sky(image: Image.Image) -> Image.Image:
    """White where the sky is, with soft edges; L, of the picture's size.

    Raises OperationError where there is too little of it, or no plain border to the land.
    """
    pixels = rgb(within(in_mode(image, "RGB"), 400))
    start = _sky_start(pixels)
    if start.mean() < 0.5 * _LEAST_SKY:
        raise OperationError(
            "I find no sky here: nothing blue or bright and even lies along the upper edge; give a mask."
        )
    if _largest_share(start) < _LEAST_WHOLE:
        raise OperationError("I find no sky here: what might be one lies in many pieces; give a mask.")
    found = _sky_cut(pixels, start)
    share = float(found.mean())
    sure = float(np.minimum(found, start).sum() / max(1.0, float(np.maximum(found, start).sum())))
    if share < _LEAST_SKY or sure < _LEAST_SURE:
        raise OperationError(
            f"I cannot tell the sky from the rest here ({share:.0%} of the picture, sureness {sure:.2f} of 1, "
            f"{_LEAST_SURE:.2f} is needed); give a mask."
        )
    return _matted(in_mode(image, "RGB"), found)


def _matted(image: Image.Image, found: Floats) -> Image.Image:
    """The sky's edge at full size: each pixel near it goes to the side, sky or land, that it has the colour of."""
    small = within(image, _MATTE_SIDE)
    size = small.size
    mask = np.asarray(cv2.resize(found, size, interpolation=cv2.INTER_LINEAR), np.float32)
    reach = max(2, max(size) // 80)
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    sure_sky = (np.asarray(cv2.erode(mask, kernel)) > 0.5).astype(np.float32)
    colours = floats(rgb(small))
    carried = _spread(colours, sure_sky, max(size) / 14)
    alike = _alike(colours, carried, sure_sky)
    # a lattice stands before the sky: beside it, and in good part of its very colour
    mask = np.maximum(mask, blurred(alike, max(size) / 60) > _ENOUGH)
    sure_land = (np.asarray(cv2.dilate(mask, kernel)) < 0.5).astype(np.float32)
    solid = (1 - alike) * (np.asarray(cv2.dilate(sure_sky, kernel)) < 0.5)
    copies = [
        picture(carried),
        picture(_spread(colours, solid.astype(np.float32), max(size) / 45)),
        picture(mask),
        picture(0.5 + (sure_sky - sure_land) / 2),
    ]

    def shared(part: Image.Image, strip: Strip) -> Image.Image:
        sky, land, soft, known = (
            floats(np.asarray(strip.grown(one, image.size, Image.Resampling.BILINEAR))) for one in copies
        )
        share = _sky_share(floats(np.asarray(part)), sky, land, soft)
        share = np.where(known > 0.98, 1, np.where(known < 0.02, 0, share))
        return picture(share.astype(np.float32))

    return by_strips(shared, image, mode="L")


def _alike(colours: Floats, sky: Floats, sure_sky: Floats) -> Floats:
    """1 where the sky itself may be seen, by its colour, in the rows that have enough of it."""
    away = np.abs(colours - sky).max(axis=2)
    usual = float(np.median(away[sure_sky > 0])) if sure_sky.any() else 0.0
    alike: Floats = (away < min(0.1, max(0.05, 6 * usual))).astype(np.float32)
    # no lower than the sky itself: a lake has its colour too
    alike[sure_sky.mean(axis=1) < _LEAST_BESIDE] = 0
    return alike


def _sky_share(pixels: Floats, sky: Floats, land: Floats, soft: Floats) -> Floats:
    """0 for the colour of the land, 1 for that of the sky; the mask itself where the two are alike."""
    line = sky - land
    length = (line * line).sum(axis=2)
    share = ((pixels - land) * line).sum(axis=2) / np.maximum(length, 1e-6)
    trust = smooth(length, 0.006, 0.03)
    made = smooth(share, 0.25, 0.85) * trust + soft * (1 - trust)
    return made.astype(np.float32, copy=False)


def _spread(colours: Floats, where: Floats, radius: float) -> Floats:
    """The colours of a part carried on beyond it."""
    usual = (colours * where[..., None]).sum(axis=(0, 1)) / max(float(where.sum()), 1.0)
    near = blurred(where, radius)[..., None] + 1e-3
    carried = blurred(np.ascontiguousarray(colours * where[..., None]), radius) + 1e-3 * usual
    return np.asarray(carried / near, np.float32)


def sky_replaced(image: Image.Image, alpha: Image.Image, other: Image.Image, relight: float) -> Image.Image:
    """Another sky where alpha is white; the land takes on some of its light, `relight` 0 to 1."""
    rows = np.flatnonzero(np.asarray(alpha).max(axis=1) > 25)
    height = int(rows[-1]) + 1 if rows.size else image.height
    new = covering(in_mode(other, "RGB"), (image.width, height), "top")
    if height < image.height:
        canvas = Image.new("RGB", image.size, new.getpixel((image.width // 2, height - 1)))
        canvas.paste(new)
        new = canvas
    light, old = (np.maximum(_mean_light(one, alpha), least) for one, least in ((new, 0.02), (image, 0.05)))
    gain = np.clip(light / old, 0.35, 1.35) ** (0.6 * relight)
    curves = [
        value for one in gain for value in np.clip(np.arange(256) * one + 0.5, 0, 255).astype(int).tolist()
    ]
    land = alpha.point([255 - value for value in range(256)])
    cleaned = without_spill(image, land)
    return by_strips(
        lambda part, strip: Image.composite(
            strip.of(new), cleaned(part, strip).point(curves), strip.of(alpha)
        ),
        in_mode(image, "RGB"),
        SPILL,
    )


def _mean_light(image: Image.Image, alpha: Image.Image) -> Floats:
    """The mean colour where alpha is, 0 to 1."""
    small = within(in_mode(image, "RGB"), _BLURRED_SIDE)
    weights = floats(np.asarray(alpha.resize(small.size, Image.Resampling.BOX)))[..., None]
    found: Floats = (floats(rgb(small)) * weights).sum(axis=(0, 1)) / max(float(weights.sum()), 1.0)
    return found


def _sky_start(pixels: Bytes) -> Floats:
    """What is blue or bright, even, and joined to the upper edge."""
    colours = floats(pixels)
    hsv = np.asarray(cv2.cvtColor(colours, cv2.COLOR_RGB2HSV))
    grey = np.asarray(cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY))
    rough = blurred(np.abs(np.asarray(cv2.Laplacian(grey, cv2.CV_32F))).astype(np.float32), 2)
    is_blue = (hsv[..., 0] > 180) & (hsv[..., 0] < 265) & (hsv[..., 1] > 0.12)
    is_bright = (hsv[..., 2] > 0.62) & (hsv[..., 1] < 0.3)
    even = rough < 0.035
    found = ((is_blue | is_bright) & even).astype(np.uint8)
    found = np.asarray(cv2.morphologyEx(found, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), np.uint8)
    _, labels = cv2.connectedComponents(found)
    upper = np.unique(labels[: max(2, labels.shape[0] // 50)])
    joined: Floats = np.isin(labels, upper[upper != 0]).astype(np.float32)
    spans = float(joined[: max(2, labels.shape[0] // 50)].max(axis=0).mean())
    return joined if spans > _LEAST_SPAN else np.zeros_like(joined)


def _largest_share(found: Floats) -> float:
    """How much of what was found is in one piece."""
    areas = cv2.connectedComponentsWithStats(found.astype(np.uint8))[2][1:, cv2.CC_STAT_AREA]
    return float(areas.max() / areas.sum()) if len(areas) else 0.0


def _sky_cut(pixels: Bytes, start: Floats) -> Floats:
    sure = np.asarray(cv2.erode(start, np.ones((7, 7), np.uint8))) > 0
    near = np.asarray(cv2.dilate(start, np.ones((15, 15), np.uint8))) > 0
    marks = np.full(start.shape, cv2.GC_BGD, np.uint8)
    marks[near] = cv2.GC_PR_BGD
    marks[start > 0] = cv2.GC_PR_FGD
    marks[sure] = cv2.GC_FGD
    if not sure.any() or near.all():
        return start
    return cut(pixels, marks, 3)


def _disc(array: Floats, radius: float) -> Floats:
    """As a lens blurs: every point becomes a disc; a wide one on a smaller copy."""
    height, width = array.shape[:2]
    factor = min(1.0, 10 / max(radius, 1e-6))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    small = array if factor == 1 else np.asarray(cv2.resize(array, size, interpolation=cv2.INTER_AREA))
    reach = max(1, round(radius * factor))
    kernel = np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1)))
    spread = cv2.filter2D(
        small, -1, (kernel / kernel.sum()).astype(np.float32), borderType=cv2.BORDER_REPLICATE
    )
    made = spread if factor == 1 else cv2.resize(spread, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(made, np.float32)

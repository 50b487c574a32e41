"""What lies behind a subject, or above the land: blurred, taken away or replaced; needs the extra."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

from editchain.errors import OperationError
from editchain.imaging.arrays import Bytes, Floats, blurred, floats, guided, picture, rgb, smooth, within
from editchain.imaging.geometry import covering
from editchain.imaging.subject import cut, without_spill

_LEAST_SKY = 0.08
_LEAST_SURE = 0.6
_LEAST_SPAN = 0.4


def background_blurred(image: Image.Image, alpha: Image.Image, radius: float) -> Image.Image:
    """Out of focus where alpha, the subject, is black; the subject does not bleed into it."""
    weights = floats(np.asarray(alpha))
    ground = np.where(weights < 0.5, 1 - weights, 0).astype(np.float32)
    colours = floats(rgb(image)) ** 2.2  # in light, so that lamps stay bright
    total = _disc(ground, radius)[..., None]
    made = _disc(np.ascontiguousarray(colours * ground[..., None]), radius) / np.maximum(total, 1e-3)
    near = np.clip(total / 0.02, 0, 1)
    made = made * near + blurred(colours, radius) * (1 - near)
    behind = picture(np.clip(made, 0, 1) ** (1 / 2.2))
    return Image.composite(without_spill(image, alpha), behind, alpha)


def on_background(image: Image.Image, alpha: Image.Image, behind: Image.Image) -> Image.Image:
    """The subject before another picture, which covers the whole of its size; RGB."""
    return Image.composite(without_spill(image, alpha), covering(behind.convert("RGB"), image.size), alpha)


def cut_out(image: Image.Image, alpha: Image.Image) -> Image.Image:
    """The subject alone, on nothing; RGBA."""
    made = without_spill(image, alpha).convert("RGBA")
    made.putalpha(alpha)
    return made


def sky(image: Image.Image) -> Image.Image:
    """White where the sky is, with soft edges; L, of the picture's size.

    Raises OperationError where there is too little of it, or no plain border to the land.
    """
    pixels = rgb(within(image.convert("RGB"), 400))
    start = _sky_start(pixels)
    if start.mean() < 0.5 * _LEAST_SKY:
        raise OperationError(
            "I find no sky here: nothing blue or bright and even lies along the upper edge; give a mask."
        )
    found = _sky_cut(pixels, start)
    share = float(found.mean())
    sure = float(np.minimum(found, start).sum() / max(1.0, float(np.maximum(found, start).sum())))
    if share < _LEAST_SKY or sure < _LEAST_SURE:
        raise OperationError(
            f"I cannot tell the sky from the rest here ({share:.0%} of the picture, sureness {sure:.2f} of 1, "
            f"{_LEAST_SURE:.2f} is needed); give a mask."
        )
    alpha = guided(image.convert("RGB"), found, max(image.size) / 100, 6e-5)
    return picture(smooth(alpha, 0.1, 0.9))


def sky_replaced(image: Image.Image, alpha: Image.Image, other: Image.Image, relight: float) -> Image.Image:
    """Another sky where alpha is white; the land takes on some of its light, `relight` 0 to 1."""
    weights = floats(np.asarray(alpha))[..., None]
    rows = np.flatnonzero(np.asarray(alpha).max(axis=1) > 25)
    height = int(rows[-1]) + 1 if rows.size else image.height
    new = covering(other.convert("RGB"), (image.width, height), "top")
    canvas = Image.new("RGB", image.size, new.getpixel((image.width // 2, height - 1)))
    canvas.paste(new)
    above, below = floats(rgb(canvas)), floats(rgb(image))
    old = (below * weights).sum(axis=(0, 1)) / max(float(weights.sum()), 1.0)
    light = np.clip((above * weights).sum(axis=(0, 1)) / max(float(weights.sum()), 1.0), 0.02, 1)
    gain = np.clip(light / np.maximum(old, 0.05), 0.35, 1.35) ** (0.6 * relight)
    land = np.clip(below * gain.astype(np.float32), 0, 1)
    land = floats(rgb(without_spill(picture(land), Image.eval(alpha, lambda value: 255 - value))))
    return picture(land * (1 - weights) + above * weights)


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

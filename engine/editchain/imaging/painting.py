"""Photographs as if painted, inked or drawn for a comic; needs the extra.

Each works on a copy of at most so many pixels: strokes have a size in the picture, not in pixels, and beyond that
size there is nothing in them to see.
"""

from __future__ import annotations

import math
import random
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from editchain.imaging.arrays import Floats, blurred, floats, picture, rgb

_PIXELS = 3_000_000
_SECTORS = 8
_INK = 0.10


def oil(image: Image.Image) -> Image.Image:
    """Brush strokes that follow the shapes, with the relief of thick paint; RGB."""
    pixels = _saturated(_working(image), 0.22)
    side = max(pixels.shape[:2])
    strokes = _brushed(_brushed(_brushed(pixels, side / 120), side / 130), side / 240)
    light = strokes @ _LUMA
    relief = blurred(light, 0.8) - np.roll(blurred(light, 0.8), (1, 1), (0, 1))
    ridges = _bristles(light.shape) * 0.028
    made = strokes + np.clip(relief * 1.3, -0.07, 0.07)[..., None] + ridges[..., None]
    return _finished(made, image)


def watercolour(image: Image.Image, source: random.Random) -> Image.Image:
    """Thin washes that pool along their edges, on rough paper that stays white at the border; RGB."""
    pixels = _working(image)
    rows, columns = pixels.shape[:2]
    side = max(rows, columns)
    wash = _brushed(_brushed(pixels, side / 130), side / 200)
    wash = _saturated(1 - (1 - wash) * 0.86, 0.35)
    light = wash @ _LUMA
    steep = cv2.magnitude(cv2.Sobel(light, cv2.CV_32F, 1, 0), cv2.Sobel(light, cv2.CV_32F, 0, 1))
    pooled = blurred(np.clip(np.asarray(steep) * 0.55, 0, 0.3).astype(np.float32), side / 1400)
    flow = blurred(_noise((rows, columns), source), side / 60)
    flow = (flow - flow.mean()) / max(float(flow.std()), 1e-6)
    grain = blurred(_noise((rows, columns), source), side / 1500)
    grain = (grain - grain.mean()) / max(float(grain.std()), 1e-6)
    ink = (1 - wash) * (1 + 0.055 * flow + 0.05 * grain)[..., None] + pooled[..., None] * (1.15 - wash)
    paper = np.array([0.985, 0.98, 0.965], np.float32) - 0.012 * grain[..., None]
    bare = _ragged_border((rows, columns), flow)
    return _finished(paper - ink * bare[..., None], image)


def ink(image: Image.Image, source: random.Random) -> Image.Image:
    """Pen lines and hatching in the shadows, black on warm white; RGB."""
    pixels = _working(image)
    light = (pixels @ _LUMA).astype(np.float32)
    light = _stretched(light)
    side = max(light.shape)
    lines = _lines(light, side / 1500, 16.0)
    tone = blurred(light, side / 400)
    hatch = np.minimum(_hatched(tone, side, 38, 0.40, source), _hatched(tone, side, -32, 0.22, source))
    drawn = lines * hatch
    paper = np.array([0.985, 0.975, 0.945], np.float32)
    dark = np.array([0.09, 0.09, 0.12], np.float32)
    return _finished(dark + (paper - dark) * drawn[..., None], image)


def cartoon(image: Image.Image) -> Image.Image:
    """Flat colours in a few steps of light, with dark outlines; RGB."""
    pixels = _working(image)
    side = max(pixels.shape[:2])
    flat = _brushed(pixels, side / 260)
    flat = np.asarray(cv2.bilateralFilter(flat, 9, 0.12, max(3.0, side / 250)), np.float32)
    lab = np.asarray(cv2.cvtColor(flat, cv2.COLOR_RGB2LAB), np.float32)
    steps = 9.0
    level = lab[..., 0] / 100 * steps
    nearest = np.floor(level) + 0.5
    soft = nearest + np.tanh((level - nearest) * 5) * 0.5 / np.tanh(2.5)
    lab[..., 0] = np.clip(soft / steps * 104, 0, 100)
    lab[..., 1:] *= 1.3
    made = np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), np.float32)
    lines = _lines(blurred((flat @ _LUMA).astype(np.float32), side / 1800), side / 1100, 11.0)
    return _finished(made * (_INK + (1 - _INK) * lines)[..., None], image)


_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)


def _working(image: Image.Image) -> Floats:
    factor = math.sqrt(_PIXELS / (image.width * image.height))
    if factor < 1:
        size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
        image = image.resize(size, Image.Resampling.BOX)
    return floats(rgb(image))


def _finished(made: NDArray[Any], image: Image.Image) -> Image.Image:
    drawn = picture(np.asarray(made, np.float32))
    return drawn if drawn.size == image.size else drawn.resize(image.size, Image.Resampling.BICUBIC)


def _saturated(pixels: Floats, amount: float) -> Floats:
    grey = (pixels @ _LUMA)[..., None]
    return np.asarray(np.clip(grey + (pixels - grey) * (1 + amount), 0, 1), np.float32)


def _stretched(light: Floats) -> Floats:
    low, high = np.quantile(light[:: max(1, light.shape[0] // 400)], (0.005, 0.995))
    return np.asarray(np.clip((light - low) / max(float(high - low), 1e-3), 0, 1), np.float32)


def _brushed(pixels: Floats, radius: float) -> Floats:
    """Each point takes the colour of the evenest of the sectors around it (Papari and others, 2007)."""
    reach = max(1, min(12, round(radius)))
    total = np.zeros_like(pixels)
    weights = np.zeros(pixels.shape[:2], np.float32)
    light = (pixels @ _LUMA).astype(np.float32)
    for kernel in _wedges(reach):
        mean = cv2.filter2D(pixels, -1, kernel, borderType=cv2.BORDER_REFLECT)
        first = cv2.filter2D(light, -1, kernel, borderType=cv2.BORDER_REFLECT)
        second = cv2.filter2D(light * light, -1, kernel, borderType=cv2.BORDER_REFLECT)
        spread = np.sqrt(np.maximum(np.asarray(second) - np.asarray(first) ** 2, 0))
        weight = 1 / (1e-4 + (spread * 24) ** 4)
        total += np.asarray(mean) * weight[..., None]
        weights += weight
    return np.asarray(total / weights[..., None], np.float32)


def _wedges(reach: int) -> list[Floats]:
    """Soft sectors of a disc, each summing to one."""
    down, across = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32)
    distance = np.hypot(down, across)
    fall = np.exp(-((distance / (0.62 * reach + 0.3)) ** 2))
    fall[distance > reach + 0.5] = 0
    angle = np.arctan2(down, across)
    kernels = []
    for sector in range(_SECTORS):
        away = np.abs((angle - sector * 2 * math.pi / _SECTORS + math.pi) % (2 * math.pi) - math.pi)
        wedge = fall * np.clip(1.25 - away / (math.pi / _SECTORS), 0, 1)
        wedge[reach, reach] = fall[reach, reach] / _SECTORS
        kernels.append((wedge / wedge.sum()).astype(np.float32))
    return kernels


def _lines(light: Floats, width: float, sharpness: float) -> Floats:
    """0 on dark lines, 1 elsewhere: the difference of two blurs, made steep (Winnemöller, 2011)."""
    width = max(0.7, width)
    near, far = blurred(light, width), blurred(light, width * 1.6)
    edge = near - 0.985 * far
    return np.asarray(np.where(edge > 0.004, 1, 1 + np.tanh(sharpness * 10 * (edge - 0.004))), np.float32)


def _hatched(tone: Floats, side: int, degrees: float, below: float, source: random.Random) -> Floats:
    """Slanting pen strokes where it is darker than a level, thicker the darker."""
    rows, columns = tone.shape
    down, across = np.mgrid[0:rows, 0:columns].astype(np.float32)
    angle = math.radians(degrees)
    pitch = max(3.5, side / 230)
    waver = blurred(_noise(tone.shape, source), side / 40)
    waver = (waver - waver.mean()) / max(float(waver.std()), 1e-6)
    phase = (across * math.sin(angle) + down * math.cos(angle)) / pitch + 0.22 * waver
    wave = np.abs((phase % 1) - 0.5) * 2
    thick = np.clip((below - tone) / below, 0, 1) * 0.75
    return _steep(wave - thick, 0.16)


def _steep(value: Floats, width: float) -> Floats:
    share = np.clip(value / width + 0.5, 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)


def _noise(shape: tuple[int, ...], source: random.Random) -> Floats:
    generator = np.random.Generator(np.random.PCG64(source.getrandbits(64)))
    return generator.random(shape[:2], np.float32)


def _bristles(shape: tuple[int, ...]) -> Floats:
    """Fine weave of a canvas, the same for every picture."""
    down, across = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    pitch = max(2.6, max(shape) / 620)
    weave = np.sin(across * 2 * math.pi / pitch) * np.sin(down * 2 * math.pi / pitch)
    return np.asarray(weave * 0.35, np.float32)


def _ragged_border(shape: tuple[int, int], flow: Floats) -> Floats:
    """1 inside, 0 on the bare paper around, along an edge as a brush leaves it."""
    rows, columns = shape
    down, across = np.mgrid[0 : 1 : rows * 1j, 0 : 1 : columns * 1j].astype(np.float32)
    side = min(rows, columns)
    near = np.minimum(np.minimum(across, 1 - across) * columns, np.minimum(down, 1 - down) * rows) / side
    return _steep(near - 0.026 + 0.006 * flow, 0.016)

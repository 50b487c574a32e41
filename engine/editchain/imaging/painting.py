"""Photographs as if painted, inked or drawn for a comic; needs the extra.

Each works on a copy of at most so many pixels: strokes have a size in the picture, not in pixels, and beyond that
size there is nothing in them to see.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from editchain.imaging.arrays import Floats, blurred, floats, picture, rgb, to_bytes
from editchain.imaging.strips import strips

_PIXELS = 3_000_000
_SECTORS = 8
_INK = 0.10


def oil(image: Image.Image) -> Image.Image:
    """Brush strokes that follow the shapes, with the relief of thick paint; RGB."""
    strokes = _working(image)
    side = max(strokes.shape[:2])
    _change(strokes, lambda part: _saturated(part, 0.22))
    for radius in (side / 120, side / 130, side / 240):
        strokes = _brushed(strokes, radius)
    soft = blurred(strokes @ _LUMA, 0.8)
    relief = np.clip((soft - np.roll(soft, (1, 1), (0, 1))) * 1.3, -0.07, 0.07)
    relief += _bristles(relief.shape) * 0.028
    return _finished(lambda rows: strokes[rows] + relief[rows, :, None], relief.shape, image)


def watercolour(image: Image.Image, source: random.Random) -> Image.Image:
    """Thin washes that pool along their edges, on rough paper that stays white at the border; RGB."""
    wash = _working(image)
    shape = wash.shape[:2]
    side = max(shape)
    wash = _brushed(_brushed(wash, side / 130), side / 200)
    _change(wash, lambda part: _saturated(1 - (1 - part) * 0.86, 0.35))
    light = wash @ _LUMA
    steep = cv2.magnitude(cv2.Sobel(light, cv2.CV_32F, 1, 0), cv2.Sobel(light, cv2.CV_32F, 0, 1))
    pooled = blurred(np.clip(np.asarray(steep) * 0.55, 0, 0.3).astype(np.float32), side / 1400)
    del light, steep
    flow = _evened(blurred(_noise(shape, source), side / 60))
    grain = _evened(blurred(_noise(shape, source), side / 1500))
    bare = _ragged_border(shape, flow)

    def dried(rows: slice) -> Floats:
        thin = (1 - wash[rows]) * (1 + 0.055 * flow[rows] + 0.05 * grain[rows])[..., None]
        ink = thin + pooled[rows, :, None] * (1.15 - wash[rows])
        paper = np.array([0.985, 0.98, 0.965], np.float32) - 0.012 * grain[rows, :, None]
        return np.asarray(paper - ink * bare[rows, :, None], np.float32)

    return _finished(dried, shape, image)


def ink(image: Image.Image, source: random.Random) -> Image.Image:
    """Pen lines and hatching in the shadows, black on warm white; RGB."""
    light = _stretched((_working(image) @ _LUMA).astype(np.float32))
    side = max(light.shape)
    drawn = _lines(light, side / 1500, 16.0)
    tone = blurred(light, side / 400)
    hatch = np.minimum(_hatched(tone, side, 38, 0.40, source), _hatched(tone, side, -32, 0.22, source))
    drawn *= hatch
    paper = np.array([0.985, 0.975, 0.945], np.float32)
    dark = np.array([0.09, 0.09, 0.12], np.float32)
    return _finished(lambda rows: dark + (paper - dark) * drawn[rows, :, None], light.shape, image)


def cartoon(image: Image.Image) -> Image.Image:
    """Flat colours in a few steps of light, with dark outlines; RGB."""
    flat = _working(image)
    shape = flat.shape[:2]
    side = max(shape)
    flat = _brushed(flat, side / 260)
    reach = max(3.0, side / 250)
    smooth = np.empty_like(flat)
    for one in strips((shape[1], shape[0]), 4):  # of the nine rows that the filter looks at
        part = cv2.bilateralFilter(flat[one.first : one.last], 9, 0.12, reach)
        smooth[one.top : one.bottom] = part[one.top - one.first : one.bottom - one.first]
    flat = smooth
    lines = _lines(blurred((flat @ _LUMA).astype(np.float32), side / 1800), side / 1100, 11.0)
    return _finished(
        lambda rows: _stepped(flat[rows]) * (_INK + (1 - _INK) * lines[rows])[..., None], shape, image
    )


def _stepped(colours: Floats) -> Floats:
    """Light in nine steps with soft edges, colours stronger."""
    lab = np.asarray(cv2.cvtColor(colours, cv2.COLOR_RGB2LAB), np.float32)
    steps = 9.0
    level = lab[..., 0] / 100 * steps
    nearest = np.floor(level) + 0.5
    soft = nearest + np.tanh((level - nearest) * 5) * 0.5 / np.tanh(2.5)
    lab[..., 0] = np.clip(soft / steps * 104, 0, 100)
    lab[..., 1:] *= 1.3
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), np.float32)


_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)


def _working(image: Image.Image) -> Floats:
    factor = math.sqrt(_PIXELS / (image.width * image.height))
    if factor < 1:
        size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
        image = image.resize(size, Image.Resampling.BOX)
    return floats(rgb(image))


def _finished(
    make: Callable[[slice], NDArray[Any]], shape: tuple[int, ...], image: Image.Image
) -> Image.Image:
    """The picture that is made of some rows after others, at the size of the photo."""
    made = np.empty((*shape[:2], 3), np.uint8)
    for one in strips((shape[1], shape[0])):
        rows = slice(one.top, one.bottom)
        made[rows] = to_bytes(make(rows))
    drawn = picture(made)
    return drawn if drawn.size == image.size else drawn.resize(image.size, Image.Resampling.BICUBIC)


def _change(pixels: Floats, change: Callable[[Floats], Floats]) -> None:
    """Changes each colour by itself, in place."""
    for one in strips((pixels.shape[1], pixels.shape[0])):
        pixels[one.top : one.bottom] = change(pixels[one.top : one.bottom])


def _evened(noise: Floats) -> Floats:
    """Noise around 0 with a spread of 1."""
    noise -= noise.mean()
    noise /= max(float(noise.std()), 1e-6)
    return noise


def _saturated(pixels: Floats, amount: float) -> Floats:
    grey = (pixels @ _LUMA)[..., None]
    return np.asarray(np.clip(grey + (pixels - grey) * (1 + amount), 0, 1), np.float32)


def _stretched(light: Floats) -> Floats:
    low, high = np.quantile(light[:: max(1, light.shape[0] // 400)], (0.005, 0.995))
    return np.asarray(np.clip((light - low) / max(float(high - low), 1e-3), 0, 1), np.float32)


def _brushed(pixels: Floats, radius: float) -> Floats:
    """Each point takes the colour of the evenest of the sectors around it (Papari and others, 2007)."""
    reach = max(1, min(12, round(radius)))
    wedges = _wedges(reach)
    made = np.empty_like(pixels)
    for one in strips((pixels.shape[1], pixels.shape[0]), reach):
        stroked = _stroked(pixels[one.first : one.last], wedges)
        made[one.top : one.bottom] = stroked[one.top - one.first : one.bottom - one.first]
    return made


def _stroked(pixels: Floats, wedges: list[Floats]) -> Floats:
    total = np.zeros_like(pixels)
    weights = np.zeros(pixels.shape[:2], np.float32)
    light = (pixels @ _LUMA).astype(np.float32)
    for kernel in wedges:
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
    down, across = _places(tone.shape)
    angle = math.radians(degrees)
    pitch = max(3.5, side / 230)
    waver = _evened(blurred(_noise(tone.shape, source), side / 40))

    def stroke(rows: slice) -> Floats:
        phase = (across * math.sin(angle) + down[rows] * math.cos(angle)) / pitch + 0.22 * waver[rows]
        wave = np.abs((phase % 1) - 0.5) * 2
        thick = np.clip((below - tone[rows]) / below, 0, 1) * 0.75
        return _steep(np.asarray(wave - thick, np.float32), 0.16)

    for one in strips((tone.shape[1], tone.shape[0])):
        rows = slice(one.top, one.bottom)
        waver[rows] = stroke(rows)
    return waver


def _places(shape: tuple[int, ...]) -> tuple[Floats, Floats]:
    """How far down each row is, and how far across each column, in pixels; to be broadcast."""
    return np.arange(shape[0], dtype=np.float32)[:, None], np.arange(shape[1], dtype=np.float32)[None]


def _steep(value: Floats, width: float) -> Floats:
    share = np.clip(value / width + 0.5, 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)


def _noise(shape: tuple[int, ...], source: random.Random) -> Floats:
    generator = np.random.Generator(np.random.PCG64(source.getrandbits(64)))
    return generator.random(shape[:2], np.float32)


def _bristles(shape: tuple[int, ...]) -> Floats:
    """Fine weave of a canvas, the same for every picture."""
    down, across = _places(shape)
    pitch = max(2.6, max(shape) / 620)
    weave = np.sin(across * 2 * math.pi / pitch) * np.sin(down * 2 * math.pi / pitch)
    return np.asarray(weave * 0.35, np.float32)


def _ragged_border(shape: tuple[int, int], flow: Floats) -> Floats:
    """1 inside, 0 on the bare paper around, along an edge as a brush leaves it."""
    rows, columns = shape
    across = np.linspace(0, 1, columns, dtype=np.float32)[None]
    down = np.linspace(0, 1, rows, dtype=np.float32)[:, None]
    side = min(rows, columns)
    near = np.minimum(np.minimum(across, 1 - across) * columns, np.minimum(down, 1 - down) * rows)
    near /= side
    near += 0.006 * flow - 0.026
    return _steep(near, 0.016)

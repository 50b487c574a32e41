"""Skies made of light and clouds, to stand in for a dull one; needs the extra."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from editchain.imaging.arrays import Floats, blurred, picture, smooth

_LONGEST = 1600
_Rgb = tuple[int, int, int]


@dataclass(frozen=True)
class Sky:
    """Colours from the top to the horizon, and its clouds: how many, how soft, and their lit and shaded sides."""

    colours: tuple[_Rgb, ...]
    lit: tuple[_Rgb, _Rgb]
    shaded: tuple[_Rgb, _Rgb]
    cover: float
    softness: float
    strength: float


SKIES = {
    "sunset": Sky(
        ((62, 84, 138), (112, 116, 160), (196, 142, 146), (244, 168, 116), (255, 206, 130)),
        ((238, 158, 140), (255, 190, 112)), ((110, 96, 132), (206, 112, 92)), 0.47, 0.16, 0.85,
    ),
    "dusk": Sky(
        ((22, 32, 66), (38, 52, 96), (74, 80, 124), (138, 112, 138), (206, 150, 134)),
        ((92, 88, 128), (214, 148, 140)), ((34, 40, 74), (98, 78, 108)), 0.46, 0.2, 0.75,
    ),
    "overcast": Sky(
        ((168, 174, 182), (186, 191, 197), (202, 206, 210), (216, 219, 221), (226, 228, 229)),
        ((232, 234, 236), (234, 235, 236)), ((138, 145, 155), (190, 195, 200)), 0.34, 0.4, 0.9,
    ),
    "clear": Sky(
        ((44, 104, 184), (76, 136, 206), (118, 170, 224), (166, 202, 236), (206, 224, 240)),
        ((250, 252, 254), (246, 248, 250)), ((206, 218, 232), (216, 226, 236)), 0.60, 0.2, 0.7,
    ),
}  # fmt: skip


def painted_sky(kind: str, size: tuple[int, int], source: random.Random) -> Image.Image:
    """A sky of a kind for a size, its horizon at the lower edge; RGB, smaller where the size is large."""
    factor = min(1.0, _LONGEST / max(size))
    columns, rows = max(2, round(size[0] * factor)), max(2, round(size[1] * factor))
    sky = SKIES[kind]
    height = np.linspace(0, 1, rows, dtype=np.float32)[:, None]
    made = _ramp(sky.colours, height)
    made = np.broadcast_to(made, (rows, columns, 3)).copy()
    clouds = _clouds(rows, columns, source)
    cover = smooth(clouds, sky.cover, sky.cover + sky.softness)
    body = blurred(clouds, columns / 160)
    below = np.roll(body, -max(1, rows // 45), 0)
    shade = np.clip((below - body) * 6 + 0.42 + 0.5 * (clouds - sky.cover), 0, 1)
    lit = _ramp(sky.lit, height)
    shaded = _ramp(sky.shaded, height)
    colours = lit + (shaded - lit) * smooth(shade, 0.15, 0.85)[..., None]
    near_horizon = smooth(height, 1.02, 0.8)
    weight = (cover * near_horizon * sky.strength)[..., None]
    made = made * (1 - weight) + colours * weight
    return picture(np.asarray(made, np.float32))


def _ramp(colours: tuple[_Rgb, ...], height: Floats) -> Floats:
    """The colour at each height, 0 at the top, as rows × 1 × 3."""
    places = np.linspace(0, 1, len(colours))
    channels = [np.interp(height[:, 0], places, [colour[band] for colour in colours]) for band in range(3)]
    return np.asarray(np.stack(channels, axis=1)[:, None] / 255, np.float32)


def _clouds(rows: int, columns: int, source: random.Random) -> Floats:
    """Cloud heights, 0 to 1, seen from below: they crowd together and flatten towards the horizon."""
    generator = np.random.Generator(np.random.PCG64(source.getrandbits(64)))
    down = np.linspace(0, 1, rows, dtype=np.float32)[:, None]
    distance = 1 / (1.16 - down)  # of the layer that is seen at this height
    across = (np.linspace(-0.5, 0.5, columns, dtype=np.float32)[None] * columns / rows) * distance
    deep = np.broadcast_to(distance * 1.5, across.shape)
    total = np.zeros((rows, columns), np.float32)
    weight, sum_of_weights, frequency = 1.0, 0.0, 1.1
    for _ in range(6):
        grid = generator.random((64, 64), np.float32)
        turn = generator.random() * math.pi
        x = (across * math.cos(turn) + deep * math.sin(turn) + 31.7) * frequency
        y = (deep * math.cos(turn) - across * math.sin(turn) + 17.3) * frequency
        total += weight * np.asarray(
            cv2.remap(
                _wrapped(grid),
                (x % 64 + 2).astype(np.float32),
                (y % 64 + 2).astype(np.float32),
                cv2.INTER_CUBIC,
            )
        )
        sum_of_weights += weight
        weight *= 0.5
        frequency *= 2.17
    level = total / sum_of_weights
    spread = max(float(level.std()), 1e-6)
    return np.asarray(np.clip(0.5 + (level - level.mean()) / spread * 0.17, 0, 1), np.float32)


def _wrapped(grid: Floats) -> Floats:
    return np.asarray(np.pad(grid, 3, mode="wrap")[1:, 1:], np.float32)

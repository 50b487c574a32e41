"""What a subject may be set before, and the shadow that it throws there; needs the extra."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from editchain.imaging.arrays import floats, picture, smooth
from editchain.imaging.blur import blur
from editchain.imaging.colour import Rgb
from editchain.imaging.modes import filled
from editchain.imaging.strips import by_strips
from editchain.imaging.tone import scaled_mask


def studio(size: tuple[int, int], colour: Rgb) -> Image.Image:
    """Paper that rolls from wall to floor, lit from above the middle."""
    rows, columns = _small(size)
    down, across = np.mgrid[0 : 1 : rows * 1j, 0 : 1 : columns * 1j].astype(np.float32)
    wall = np.exp(-(((across - 0.5) / 0.62) ** 2 + ((down - 0.36) / 0.58) ** 2))
    floor = smooth(down, 0.66, 0.98) * np.exp(-(((across - 0.5) / 0.7) ** 2))
    light = (
        0.80 + 0.28 * wall + 0.10 * floor - 0.10 * smooth(down, 0.55, 0.74) * (1 - smooth(down, 0.74, 0.95))
    )
    return _grown(light[..., None] * floats(np.array(colour, np.uint8)), size)


def gradient(size: tuple[int, int], above: Rgb, below: Rgb) -> Image.Image:
    """From one colour at the top to another at the bottom."""
    rows, columns = _small(size)
    share = np.broadcast_to(np.linspace(0, 1, rows, dtype=np.float32)[:, None, None], (rows, columns, 1))
    top, bottom = floats(np.array(above, np.uint8)), floats(np.array(below, np.uint8))
    return _grown(top * (1 - share) + bottom * share, size)


def with_shadow(behind: Image.Image, alpha: Image.Image, depth: float) -> Image.Image:
    """The ground with a soft shadow under the subject, darkest where it stands, lighter to one side."""
    box = alpha.point([255 * (value > 127) for value in range(256)]).getbbox()
    if box is None or depth <= 0:
        return behind
    left, _, right, bottom = box
    side = min(alpha.size)
    height = max(2, round((right - left) * 0.16))
    cast = alpha.crop(box).resize((right - left, height), Image.Resampling.BOX)
    pool = Image.new("L", alpha.size)
    pool.paste(cast, (left, bottom - round(0.62 * height)))
    fallen = Image.new("L", alpha.size)
    fallen.paste(alpha, (round(side * 0.018), round(side * 0.02)))
    shade = ImageChops.lighter(
        scaled_mask(blur(pool, max(1.5, height * 0.35)), 1.1 * depth),
        scaled_mask(blur(fallen, side * 0.03), 0.45 * depth),
    )
    return filled(behind, (18, 16, 18), shade)


def _small(size: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of a copy that is large enough for what has no edges."""
    factor = min(1.0, 512 / max(size))
    return max(2, round(size[1] * factor)), max(2, round(size[0] * factor))


def _grown(values: NDArray[Any], size: tuple[int, int]) -> Image.Image:
    """At full size, with a little noise against bands."""
    image = picture(np.asarray(values, np.float32)).resize(size, Image.Resampling.BICUBIC)
    noise = np.random.Generator(np.random.PCG64(0)).integers(0, 3, (256, 256), np.uint8)
    tile = Image.fromarray(noise)
    grain = Image.new("L", size)
    for top in range(0, size[1], 256):
        for left in range(0, size[0], 256):
            grain.paste(tile, (left, top))
    return by_strips(
        lambda part, strip: ImageChops.add(part, Image.merge("RGB", [strip.of(grain)] * 3), 1, -1), image
    )

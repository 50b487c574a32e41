"""Animate: pictures as a film that moves by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.imaging.codec import check_animation, encode_frames
from editchain.imaging.compose import parse_colour
from editchain.imaging.frames import alike, faded
from editchain.imaging.geometry import fitting_size, rounded

if TYPE_CHECKING:
    from PIL import Image

_FORMATS = {"apng": "png", "gif": "gif", "webp": "webp"}


def apply(
    *,
    images: list[Image.Image],
    format: str,  # noqa: A002 - the field's name in every step
    seconds: float,
    fade: int,
    loops: int,
    there_and_back: bool,
    width: int | None,
    fit: str,
    background: str,
    quality: int | None,
) -> bytes:
    """The file; all frames have the first one's shape. Raises ImageError for one that is too long or too large."""
    first = images[0].size
    size = fitting_size(first, width, None) if width else first
    count = len(images) + fade * (len(images) - 1)
    check_animation(count + max(0, count - 2) * there_and_back, size)
    frames = list(faded(alike(images, size, fit, parse_colour(background)), fade))
    if there_and_back:
        frames += frames[-2:0:-1]
    milliseconds = max(10, rounded(1000 * seconds / (fade + 1)))
    return encode_frames(frames, _FORMATS[format], milliseconds=milliseconds, loops=loops, quality=quality)

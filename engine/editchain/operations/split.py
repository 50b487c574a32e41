"""Split: one channel of a picture as a grey one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from editchain.imaging.tone import luminance
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from editchain.imaging.modes import SamePixels


def apply(*, image: SamePixels, channel: str) -> Picture:
    """The channel as a grey picture; a picture without alpha is opaque all over."""
    if channel == "luminance":
        return Picture(luminance(image))
    at = ("red", "green", "blue", "alpha").index(channel)
    if not isinstance(image, Image.Image):
        return Picture(image.channel(at))
    return Picture(image.convert("RGBA").getchannel(at))

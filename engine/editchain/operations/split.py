"""Split: one channel of a picture as a grey one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.imaging.tone import luminance
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from PIL import Image


def apply(*, image: Image.Image, channel: str) -> Picture:
    """The channel as a grey picture; a picture without alpha is opaque all over."""
    if channel == "luminance":
        return Picture(luminance(image))
    return Picture(
        image.convert("RGBA").getchannel({"red": "R", "green": "G", "blue": "B", "alpha": "A"}[channel])
    )

"""Merge: grey pictures put together as the channels of one."""

from __future__ import annotations

from PIL import Image

from editchain.imaging.geometry import scaled
from editchain.operations.base import Picture


def apply(
    *,
    image: Image.Image,
    red: Image.Image | None,
    green: Image.Image | None,
    blue: Image.Image | None,
    alpha: Image.Image | None,
) -> Picture:
    """The picture with these channels in place of its own; each is scaled to its size."""
    mode = "RGBA" if alpha is not None or image.mode == "RGBA" else "RGB"
    own = image.convert(mode).split()
    given = (red, green, blue, alpha)[: len(own)]
    channels = [
        before if after is None else scaled(after.convert("L"), image.size)
        for before, after in zip(own, given, strict=True)
    ]
    return Picture(Image.merge(mode, channels))

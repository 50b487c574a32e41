"""Merge: grey pictures put together as the channels of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from editchain.imaging.geometry import scaled
from editchain.imaging.modes import as_deep_as, eight_bit
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from editchain.imaging.deep import Deep
    from editchain.imaging.modes import Pixels


def apply(
    *,
    image: Pixels,
    red: Pixels | None,
    green: Pixels | None,
    blue: Pixels | None,
    alpha: Pixels | None,
) -> Picture:
    """The picture with these channels in place of its own; each is scaled to its size."""
    mode = "RGBA" if alpha is not None or image.mode == "RGBA" else "RGB"
    given = (red, green, blue, alpha)[: len(mode)]
    if not isinstance(image, Image.Image):
        return Picture(_deep(image.converted(mode), given))
    channels = [
        before if after is None else scaled(eight_bit(after).convert("L"), image.size)
        for before, after in zip(image.convert(mode).split(), given, strict=True)
    ]
    return Picture(Image.merge(mode, channels))


def _deep(image: Deep, given: Sequence[Pixels | None]) -> Deep:
    return image.with_channels(
        None if one is None else scaled(as_deep_as(one, image).converted("L"), image.size) for one in given
    )

"""Dehaze: contrast and colour that haze took."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.imaging.compose import in_colours, kept_where_white
from editchain.imaging.extra import need
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from PIL import Image


def apply(*, image: Image.Image, amount: float, mask: Image.Image | None) -> Picture:
    """The clear picture."""
    need("dehaze")
    from editchain.imaging.restore import dehazed

    return Picture(kept_where_white(image, in_colours(image, lambda made: dehazed(made, amount)), mask))

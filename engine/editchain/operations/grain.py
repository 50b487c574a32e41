"""Grain: the grain of film."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from editchain.imaging import light
from editchain.imaging.compose import in_colours, kept_where_white
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from PIL import Image


def apply(*, image: Image.Image, amount: float, seed: int, mask: Image.Image | None) -> Picture:
    """The picture with grain; the same for the same seed."""
    made = in_colours(image, lambda colours: light.grain(colours, amount, random.Random(seed)))
    return Picture(kept_where_white(image, made if amount else image, mask))

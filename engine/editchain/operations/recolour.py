"""Recolour: what has one colour in another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.imaging.compose import in_colours, kept_outside, parse_colour
from editchain.imaging.extra import need
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from PIL import Image


def apply(
    *,
    image: Image.Image,
    colour: str,
    into: str,
    tolerance: float,
    mask: Image.Image | None,
    box: list[float] | None,
) -> Picture:
    """The recoloured picture; OperationError where there is next to nothing of the colour."""
    need("recolour")
    from editchain.imaging.recolour import recoloured

    old, new = parse_colour(colour)[:3], parse_colour(into)[:3]
    made = in_colours(image, lambda colours: recoloured(colours, old, new, tolerance))
    return Picture(kept_outside(image, made, mask, box))

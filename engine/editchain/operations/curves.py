"""Curves: tone by curves through points."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.imaging import tone
from editchain.imaging.compose import in_colours, kept_where_white
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from PIL import Image

    from editchain.imaging.modes import SamePixels


def apply(
    *,
    image: SamePixels,
    master: list[list[float]] | None,
    red: list[list[float]] | None,
    green: list[list[float]] | None,
    blue: list[list[float]] | None,
    mask: Image.Image | None,
) -> Picture:
    """The picture through its curves; OperationError for points that do not go from dark to bright."""
    first, second, third = (tone.through(points or [[0, 0], [1, 1]]) for points in (red, green, blue))
    curves = tone.chained(tone.alike(tone.through(master or [[0, 0], [1, 1]])), (first, second, third))
    made = in_colours(image, lambda colours: tone.apply_curves(colours, curves))
    return Picture(kept_where_white(image, made, mask))

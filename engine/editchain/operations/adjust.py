"""Adjust: tone and colour by numbers."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from editchain.imaging import colour, tone
from editchain.imaging.compose import in_colours, kept_where_white
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL import Image

    from editchain.imaging.modes import SamePixels


def apply(
    *,
    image: SamePixels,
    brightness: float,
    contrast: float,
    shadows: float,
    highlights: float,
    warmth: float,
    saturation: float,
    vibrance: float,
    hue: float,
    auto_levels: bool,
    mask: Image.Image | None,
) -> Picture:
    """The picture after levels, curves, shadows and highlights, then colours; zeros leave it as it is."""
    curves = [
        make(amount)
        for make, amount in ((tone.brightness, brightness), (tone.contrast, contrast), (tone.warmth, warmth))
        if amount
    ]
    amounts: tuple[tuple[Callable[[SamePixels, float], SamePixels], float], ...] = (
        (tone.shadows, shadows),
        (tone.highlights, -highlights),
        (colour.saturation, saturation),
        (colour.vibrance, vibrance),
        (colour.hue, hue),
    )

    def adjusted(made: SamePixels) -> SamePixels:
        made = tone.auto_levels(made) if auto_levels else made
        if curves:
            made = tone.apply_curves(made, reduce(tone.chained, curves))
        for change, amount in amounts:
            made = change(made, amount) if amount else made
        return made

    return Picture(kept_where_white(image, in_colours(image, adjusted), mask))

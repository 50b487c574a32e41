"""Measure: the numbers of a picture, and of it beside another, on a card."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from editchain.imaging.card import card
from editchain.imaging.codec import Attached, encode
from editchain.imaging.marking import FIGURES
from editchain.imaging.measures import MEASURES, measured, possible, written

if TYPE_CHECKING:
    from PIL import Image

_USUAL = [name for name in MEASURES if name != "faces"]


def apply(
    *,
    image: Image.Image,
    original: Image.Image | None,
    mask: Image.Image | None,
    measures: list[str] | None,
    width: int,
) -> bytes:
    """A card as PNG, on which the numbers are written; they are in it as text too, `editchain:measures`.

    Raises OperationError for a measure that lacks what it compares with.
    """
    names = measures or possible(has_original=original is not None, has_mask=mask is not None, names=_USUAL)
    values = {name: measured(name, image, original, mask) for name in names}
    rows = [
        (name.replace("_", " "), written(name, value), MEASURES[name].says) for name, value in values.items()
    ]
    figures = {name: round(value, 6) for name, value in values.items()}
    return encode(card(image, rows, width), "png", attached=Attached(texts={FIGURES: json.dumps(figures)}))

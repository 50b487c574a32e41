"""Match colours: a picture in the colours of another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.imaging import match
from editchain.imaging.compose import in_colours, kept_where_white
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from PIL import Image


def apply(*, image: Image.Image, reference: Image.Image, amount: float, mask: Image.Image | None) -> Picture:
    """The picture with the mean and the spread of the reference's colours."""
    like = reference.convert("RGB")
    made = in_colours(image, lambda colours: match.match_colours(colours, like, amount))
    return Picture(kept_where_white(image, made if amount else image, mask))

"""Match colours: a picture in the colours of another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.imaging.compose import in_colours, kept_where_white
from editchain.imaging.match import match_colours
from editchain.imaging.modes import in_mode
from editchain.imaging.reinhard import match_lightness_and_hues
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from PIL import Image


def apply(
    *, image: Image.Image, reference: Image.Image, method: str, amount: float, mask: Image.Image | None
) -> Picture:
    """The picture with the mean and the spread of the reference's colours."""
    like = in_mode(reference, "RGB")
    change = match_lightness_and_hues if method == "reinhard" else match_colours
    made = in_colours(image, lambda colours: change(colours, like, amount))
    return Picture(kept_where_white(image, made if amount else image, mask))

"""Look-up table: colours sent through a table that comes as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.imaging.compose import in_colours, kept_where_white
from editchain.imaging.lut import through_table
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from PIL import Image

    from editchain.imaging.modes import SamePixels


def apply(*, image: SamePixels, table: Image.Image, amount: float, mask: Image.Image | None) -> Picture:
    """The picture in the table's colours; OperationError for a table of another size."""

    made = in_colours(image, lambda colours: through_table(colours, table, amount))
    return Picture(kept_where_white(image, made, mask))

"""Look-up table: colours sent through a table that comes as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import ImageChops

from editchain.imaging.compose import in_colours, kept_where_white
from editchain.imaging.lut import through_table
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from PIL import Image


def apply(*, image: Image.Image, table: Image.Image, amount: float, mask: Image.Image | None) -> Picture:
    """The picture in the table's colours; OperationError for a table of another size."""

    def graded(colours: Image.Image) -> Image.Image:
        return ImageChops.blend(colours, through_table(colours, table), amount)

    return Picture(kept_where_white(image, in_colours(image, graded), mask))

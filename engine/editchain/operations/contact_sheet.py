"""Contact sheet: several pictures in rows and columns on one page."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from editchain.errors import OperationError
from editchain.imaging.compose import parse_colour
from editchain.imaging.draw import readable_on
from editchain.imaging.geometry import fitting_size
from editchain.imaging.sheet import Layout, sheet
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from PIL import Image

WIDEST_UNASKED = 512


def apply(
    *,
    images: list[Image.Image],
    columns: int | None,
    cell_width: int | None,
    cell_height: int | None,
    fit: str,
    gap: int,
    margin: int | None,
    background: str,
    labels: list[str] | None,
    label_size: int | None,
    label_colour: str | None,
) -> Picture:
    """The pictures in reading order, each in a cell of one size; OperationError where labels do not match."""
    if labels is not None and len(labels) != len(images):
        raise OperationError(f"There are {len(labels)} labels for {len(images)} pictures; give one for each.")
    width = cell_width or min(WIDEST_UNASKED, max(image.width for image in images))
    paper = parse_colour(background)
    ink = parse_colour(label_colour) if label_colour else readable_on(paper)
    layout = Layout(
        columns=min(columns or math.ceil(math.sqrt(len(images))), len(images)),
        cell=(width, cell_height or _height(images, width, fit)),
        gap=gap,
        margin=gap if margin is None else margin,
        cover=fit == "cover",
        label_size=label_size or max(10, width // 16),
    )
    return Picture(sheet(images, layout, paper, labels, ink))


def _height(images: list[Image.Image], width: int, fit: str) -> int:
    """As high as the highest picture needs; where cells are filled, as the first one is shaped."""
    if fit == "cover":
        return fitting_size(images[0].size, width, None)[1]
    return max(fitting_size(image.size, min(width, image.width), None)[1] for image in images)

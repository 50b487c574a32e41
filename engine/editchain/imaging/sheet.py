"""Many pictures on one page."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from editchain.imaging.colours import Colour
from editchain.imaging.draw import check_text, shortened, text_size, write
from editchain.imaging.geometry import check_size, covering, fitting_size, place, scaled


@dataclass(frozen=True)
class Layout:
    """How a page is laid out, in pixels; `cover` fills each cell and cuts what is too much."""

    columns: int
    cell: tuple[int, int]
    gap: int
    margin: int
    cover: bool
    label_size: int


def sheet(
    images: list[Image.Image], layout: Layout, paper: Colour, labels: list[str] | None, ink: Colour
) -> Image.Image:
    """The pictures in reading order on coloured paper; OperationError where the page is too large."""
    caption = round(layout.label_size * 1.6) if labels else 0
    width, height = layout.cell[0], layout.cell[1] + caption
    rows = -(-len(images) // layout.columns)
    size = _span(layout.columns, width, layout), _span(rows, height, layout)
    page = Image.new("RGBA", check_size(size), paper)
    for index, image in enumerate(images):
        row, column = divmod(index, layout.columns)
        left = layout.margin + column * (width + layout.gap)
        top = layout.margin + row * (height + layout.gap)
        _put(page, _in_cell(image, layout), (left, top), layout.cell)
        if labels:
            below = left, top + layout.cell[1]
            _caption(page, labels[index], below, (width, caption), layout.label_size, ink)
    return page if paper[3] < 255 else page.convert("RGB")


def _span(count: int, length: int, layout: Layout) -> int:
    return 2 * layout.margin + count * length + (count - 1) * layout.gap


def _in_cell(image: Image.Image, layout: Layout) -> Image.Image:
    """As large as the cell allows; a small picture is not blown up unless cells are to be filled."""
    if layout.cover:
        return covering(image, layout.cell)
    size = fitting_size(image.size, *layout.cell)
    return scaled(image, size) if size[0] < image.width else image


def _put(page: Image.Image, image: Image.Image, corner: tuple[int, int], cell: tuple[int, int]) -> None:
    x, y = place(cell, image.size, "centre")
    page.alpha_composite(image.convert("RGBA"), (corner[0] + x, corner[1] + y))


def _caption(
    page: Image.Image, text: str, corner: tuple[int, int], room: tuple[int, int], size: int, ink: Colour
) -> None:
    line = shortened(check_text(" ".join(text.split())), size, room[0])
    x, y = place(room, text_size(line, size), "centre")
    write(page, line, (corner[0] + x, corner[1] + y), size, ink)

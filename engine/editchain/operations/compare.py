"""Compare: two pictures in one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from editchain.imaging.colours import Colour
from editchain.imaging.compose import parse_colour
from editchain.imaging.difference import difference_map
from editchain.imaging.draw import Lettering, written
from editchain.imaging.geometry import check_size, fill_of, fitting_size, rounded, scaled
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from collections.abc import Sequence


def apply(
    *,
    image: Image.Image,
    edited: Image.Image,
    layout: str,
    at: float,
    gap: int,
    background: str,
    labels: list[str] | None,
    steps: int,
) -> Picture:
    """Both pictures in the layout; OperationError where the result is beyond the limits."""
    paper = parse_colour(background)
    mode = "RGBA" if "RGBA" in (image.mode, edited.mode) or paper[3] < 255 else "RGB"
    first, second = image.convert(mode), _fitted(image, edited, layout).convert(mode)
    if layout == "difference":
        return Picture(difference_map(first, second))
    if layout == "strip":
        return Picture(_strip(first, second, steps, gap, paper))
    if layout == "split":
        return Picture(_split(first, second, rounded(first.width * at), gap, paper, labels))
    first, second = _labelled((first, second), labels)
    return Picture(_joined(first, second, layout == "stacked", gap, paper))


def _fitted(before: Image.Image, after: Image.Image, layout: str) -> Image.Image:
    if layout == "side_by_side":
        return scaled(after, fitting_size(after.size, None, before.height))
    if layout == "stacked":
        return scaled(after, fitting_size(after.size, before.width, None))
    return scaled(after, before.size)


def _labelled(images: Sequence[Image.Image], labels: list[str] | None) -> list[Image.Image]:
    if labels is None:
        return list(images)
    size = max(8, rounded(min(image.height for image in images) * 0.06))
    return [
        written(image, label, Lettering("bottom_left", size, (255, 255, 255, 255)))
        if label.strip()
        else image
        for image, label in zip(images, labels, strict=True)
    ]


def _joined(
    first: Image.Image, second: Image.Image, is_stacked: bool, gap: int, paper: Colour
) -> Image.Image:
    if is_stacked:
        size, corner = (first.width, first.height + gap + second.height), (0, first.height + gap)
    else:
        size, corner = (first.width + gap + second.width, first.height), (first.width + gap, 0)
    page = Image.new(first.mode, check_size(size), fill_of(first.mode, paper))
    page.paste(first, (0, 0))
    page.paste(second, corner)
    return page


def _split(
    first: Image.Image, second: Image.Image, line: int, gap: int, paper: Colour, labels: list[str] | None
) -> Image.Image:
    left = first.crop((0, 0, max(1, line), first.height))
    right = second.crop((min(line, second.width - 1), 0, second.width, second.height))
    left, right = _labelled((left, right), labels)
    made = second.copy()
    made.paste(left, (0, 0))
    made.paste(right, (made.width - right.width, 0))
    if gap:
        bar = Image.new(made.mode, (gap, made.height), fill_of(made.mode, paper))
        made.paste(bar, (line - gap // 2, 0))
    return made


def _strip(first: Image.Image, second: Image.Image, steps: int, gap: int, paper: Colour) -> Image.Image:
    """The two side by side so many times, the line between them moving from right to left."""
    size = first.width * steps + gap * (steps - 1), first.height
    page = Image.new(first.mode, check_size(size), fill_of(first.mode, paper))
    for step in range(steps):
        line = rounded(first.width * (1 - step / (steps - 1)))
        frame = second.copy()
        frame.paste(first.crop((0, 0, line, first.height)), (0, 0))
        if 0 < line < first.width:
            bar = max(1, first.width // 200)
            frame.paste(fill_of(frame.mode, (255, 255, 255)), (line - bar, 0, line + bar, frame.height))
        page.paste(frame, (step * (first.width + gap), 0))
    return page

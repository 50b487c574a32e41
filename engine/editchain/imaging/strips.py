"""Pictures worked on a few rows at a time, so that formulas with many numbers for each pixel stay small in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from PIL import Image

_PIXELS = 1 << 19


class Strip(NamedTuple):
    """Rows `top` to `bottom` of a picture; `first` to `last` are those that are looked at to make them."""

    top: int
    bottom: int
    first: int
    last: int

    def of(self, image: Image.Image) -> Image.Image:
        """All that is looked at."""
        return image.crop((0, self.first, image.width, self.last))

    def grown(self, small: Image.Image, size: tuple[int, int], sampling: Image.Resampling) -> Image.Image:
        """The same rows of a small copy as they would be in one that is grown to a size."""
        scale = small.height / size[1]
        box = 0, self.first * scale, small.width, self.last * scale
        return small.resize((size[0], self.last - self.first), sampling, box)

    def own(self, made: Image.Image) -> Image.Image:
        """The strip's own rows of what was made of all."""
        return made.crop((0, self.top - self.first, made.width, self.bottom - self.first))


def strips(size: tuple[int, int], overlap: int = 0) -> Iterator[Strip]:
    """The rows of a picture in strips of about half a megapixel, each with so many rows more on both sides to look at."""
    width, height = size
    rows = max(64, overlap // 2, _PIXELS // width)
    for top in range(0, height, rows):
        bottom = min(height, top + rows)
        yield Strip(top, bottom, max(0, top - overlap), min(height, bottom + overlap))


Change = Callable[[Image.Image, Strip], Image.Image]
"""What becomes of the rows that are looked at for a strip."""


def by_strips(change: Change, image: Image.Image, overlap: int = 0, mode: str | None = None) -> Image.Image:
    """A change that looks no farther than the overlap, done a strip at a time; it keeps the size, and the mode unless another is named."""
    made = Image.new(mode or image.mode, image.size)
    for one in strips(image.size, overlap):
        part = change(one.of(image), one)
        made.paste(one.own(part), (0, one.top))
    return made

"""Pictures that follow one another: blended into each other, and as strips of a line that moves across."""

from __future__ import annotations

from collections.abc import Iterator

from PIL import Image

from editchain.imaging.colours import Colour
from editchain.imaging.compose import on_colour
from editchain.imaging.geometry import Size, covering, fitting_size, place, scaled


def alike(images: list[Image.Image], size: Size, fit: str, background: Colour) -> list[Image.Image]:
    """All at one size: whole on a background (`inside`), or filling it (`cover`)."""
    return [_at(image, size, fit, background) for image in images]


def faded(frames: list[Image.Image], between: int) -> Iterator[Image.Image]:
    """The frames with so many between each and the next, which turn the one into the other."""
    for at, frame in enumerate(frames):
        yield frame
        if at + 1 < len(frames):
            for step in range(1, between + 1):
                yield Image.blend(frame, frames[at + 1], step / (between + 1))


def _at(image: Image.Image, size: Size, fit: str, background: Colour) -> Image.Image:
    mode = "RGB" if background[3] == 255 else "RGBA"
    if fit == "cover":
        made = covering(image, size)
    else:
        inner = scaled(image, fitting_size(image.size, *size))
        made = Image.new("RGBA", size, background)
        made.alpha_composite(inner.convert("RGBA"), place(size, inner.size, "centre"))
    return on_colour(made.convert("RGBA"), background).convert(mode)

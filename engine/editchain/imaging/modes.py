"""Pictures in the mode that is needed, and themselves where they have it: a copy of a large one costs as much as an edit."""

from __future__ import annotations

from PIL import Image


def in_mode(image: Image.Image, mode: str) -> Image.Image:
    """The picture in a mode; not a copy, so it must not be changed in place."""
    return image if image.mode == mode else image.convert(mode)


def filled(image: Image.Image, colour: tuple[int, ...], shape: Image.Image) -> Image.Image:
    """The picture with a colour where a shape, L of its size, is white."""
    made = image.copy()
    made.paste(colour, (0, 0, *image.size), shape)
    return made

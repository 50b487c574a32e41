"""Pictures in the mode that is needed, and themselves where they have it: a copy of a large one costs as much as an edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, TypeVar

from PIL import Image

if TYPE_CHECKING:
    from editchain.imaging.deep import Deep

Pixels: TypeAlias = "Image.Image | Deep"
"""L, RGB or RGBA with 8 bits a channel, or with 16."""

SamePixels = TypeVar("SamePixels", "Image.Image", "Deep")
"""A picture of either depth, where what is made of it has the same."""

OtherPixels = TypeVar("OtherPixels", "Image.Image", "Deep")
"""A second picture, of the same depth or the other."""


def in_mode(image: Image.Image, mode: str) -> Image.Image:
    """The picture in a mode; not a copy, so it must not be changed in place."""
    return image if image.mode == mode else image.convert(mode)


def eight_bit(image: Pixels) -> Image.Image:
    """The picture with 8 bits a channel: itself where it has no more."""
    if isinstance(image, Image.Image):
        return image
    from editchain.imaging import deep

    return deep.eight_bit(image)


def as_deep_as(image: Pixels, other: SamePixels) -> SamePixels:
    """The picture with as many bits a channel as another."""
    if isinstance(other, Image.Image):
        return eight_bit(image)
    if not isinstance(image, Image.Image):
        return image
    from editchain.imaging import deep

    return deep.deepened(image)


def filled(image: Image.Image, colour: tuple[int, ...], shape: Image.Image) -> Image.Image:
    """The picture with a colour where a shape, L of its size, is white."""
    made = image.copy()
    made.paste(colour, (0, 0, *image.size), shape)
    return made

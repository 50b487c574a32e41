"""Faces: every face that is found made unrecognisable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.imaging.compose import in_colours
from editchain.imaging.extra import need
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from PIL import Image


def apply(*, image: Image.Image, style: str, strength: float, least: int) -> Picture:
    """The picture with its faces hidden; OperationError where fewer are found than should be."""
    need("faces")
    from editchain.imaging.faces import faces_hidden, faces_of

    boxes = faces_of(image, least)
    return Picture(in_colours(image, lambda made: faces_hidden(made, boxes, style, strength)))

"""Convert: a picture in another file format or colour mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.imaging.codec import flatten
from editchain.imaging.compose import on_colour, parse_colour
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from PIL import Image


def apply(
    *,
    image: Image.Image,
    format: str,  # noqa: A002 - the field's name in every step
    quality: int | None,
    lossless: bool,
    mode: str,
    background: str | None,
) -> Picture:
    """The picture in the format and mode that are asked for; without alpha it is laid on the background."""
    if background is not None:
        image = on_colour(image, parse_colour(background))
    if format == "jpeg" or mode == "rgb":
        image = flatten(image)
    if mode == "grey":
        image = grey(image)
    elif mode in ("rgb", "rgba"):
        image = image.convert(mode.upper())
    return Picture(image, format, quality, lossless)


def grey(image: Image.Image) -> Image.Image:
    """Luminance alone; a picture with alpha keeps it."""
    if image.mode != "RGBA":
        return image.convert("L")
    made = image.convert("L").convert("RGBA")
    made.putalpha(image.getchannel("A"))
    return made

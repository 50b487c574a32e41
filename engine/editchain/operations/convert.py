"""Convert: the same picture in another file format, mode or colour profile."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from editchain.imaging.codec import NOTHING, encode, flatten
from editchain.imaging.compose import on_colour, parse_colour
from editchain.imaging.metadata import carried
from editchain.imaging.profiles import from_srgb, profile
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
    colours: str | None,
    metadata_of: Image.Image | None,
    location: bool,
) -> Picture | bytes:
    """The picture in the format and mode that are asked for; without alpha it is laid on the background."""
    if background is not None:
        image = on_colour(image, parse_colour(background))
    if format == "jpeg" or mode == "rgb":
        image = flatten(image)
    if mode == "grey":
        image = grey(image)
    elif mode in ("rgb", "rgba"):
        image = image.convert(mode.upper())
    if colours is None and metadata_of is None:
        return Picture(image, format, quality, lossless)
    attached = NOTHING if metadata_of is None else carried(metadata_of, location=location)
    if colours is not None:
        image, attached = from_srgb(image, colours), replace(attached, profile=profile(colours))
    return encode(image, format, quality=quality, lossless=lossless, attached=attached)


def grey(image: Image.Image) -> Image.Image:
    """Luminance alone; a picture with alpha keeps it."""
    if image.mode != "RGBA":
        return image.convert("L")
    made = image.convert("L").convert("RGBA")
    made.putalpha(image.getchannel("A"))
    return made

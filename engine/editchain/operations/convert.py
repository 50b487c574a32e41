"""Convert: the same picture in another file format, mode or colour profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from editchain.imaging.codec import NOTHING
from editchain.imaging.compose import on_colour, parse_colour
from editchain.imaging.metadata import carried
from editchain.imaging.modes import eight_bit
from editchain.imaging.profiles import from_srgb, profile
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from editchain.imaging.modes import SamePixels


def apply(
    *,
    image: SamePixels,
    format: str,  # noqa: A002 - the field's name in every step
    quality: int | None,
    lossless: bool,
    mode: str,
    background: str | None,
    colours: str | None,
    metadata_of: Image.Image | None,
    location: bool,
) -> Picture:
    """The picture in the format and mode that are asked for; without alpha it is laid on the background."""
    if background is not None:
        image = on_colour(image, parse_colour(background))
    if format == "jpeg" or mode == "rgb":
        image = on_colour(image, (255, 255, 255, 255))
    if mode == "grey":
        image = grey(image)
    elif mode in ("rgb", "rgba"):
        image = (
            image.convert(mode.upper()) if isinstance(image, Image.Image) else image.converted(mode.upper())
        )
    attached = NOTHING if metadata_of is None else carried(metadata_of, location=location)
    if colours is None:
        return Picture(image, format, quality, lossless, attached=attached)
    made, own = from_srgb(eight_bit(image), colours), profile(colours)
    return Picture(made, format, quality, lossless, profile=own, attached=attached)


def grey(image: SamePixels) -> SamePixels:
    """Luminance alone; a picture with alpha keeps it."""
    if not isinstance(image, Image.Image):
        return (
            image.converted("L")
            if image.mode != "RGBA"
            else image.converted("L").converted("RGB").with_alpha_of(image)
        )
    if image.mode != "RGBA":
        return image.convert("L")
    made = image.convert("L").convert("RGBA")
    made.putalpha(image.getchannel("A"))
    return made

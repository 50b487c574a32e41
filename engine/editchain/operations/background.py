"""Background: what lies behind a subject blurred, taken away or replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from editchain.imaging.compose import mask_of, parse_colour
from editchain.imaging.extra import need
from editchain.imaging.geometry import pixel_box
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from editchain.imaging.colours import Colour


def apply(
    *,
    image: Image.Image,
    action: str,
    radius: float,
    colour: str | None,
    behind: Image.Image | None,
    box: list[float] | None,
    mask: Image.Image | None,
) -> Picture:
    """The subject and its new background; OperationError where the subject cannot be told."""
    need("background")
    from editchain.imaging.background import background_blurred, cut_out, on_background
    from editchain.imaging.subject import subject

    solid = image.convert("RGB")
    if mask is not None:
        alpha = mask_of(mask, image.size)
    else:
        alpha = subject(solid, pixel_box(box, image.size) if box else None)
    if action == "blur":
        pixels = radius * min(image.size) if radius < 1 else radius
        return Picture(background_blurred(solid, alpha, pixels))
    if action == "remove":
        return Picture(cut_out(solid, alpha))
    if behind is not None:
        return Picture(on_background(solid, alpha, behind))
    return Picture(_on_colour(cut_out(solid, alpha), parse_colour(colour or "white")))


def _on_colour(image: Image.Image, colour: Colour) -> Image.Image:
    made = Image.alpha_composite(Image.new("RGBA", image.size, colour), image)
    return made if colour[3] < 255 else made.convert("RGB")

"""Background: what lies behind a subject blurred, taken away or replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.imaging.compose import mask_of, on_colour, parse_colour
from editchain.imaging.extra import need
from editchain.imaging.geometry import pixel_box
from editchain.imaging.modes import in_mode
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from PIL import Image


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

    solid = in_mode(image, "RGB")
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
    return Picture(on_colour(cut_out(solid, alpha), parse_colour(colour or "white")))

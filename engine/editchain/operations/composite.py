"""Composite: one picture laid over another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.errors import OperationError
from editchain.imaging.compose import laid_over, shadow_of, with_opacity
from editchain.imaging.geometry import fitting_size, length, place, rounded, scaled
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from PIL import Image


def apply(
    *,
    image: Image.Image,
    overlay: Image.Image,
    anchor: str,
    position: list[float] | None,
    offset: list[float],
    scale: float | None,
    opacity: float,
    blend: str,
    shadow: float,
    shadow_offset: list[float],
    shadow_softness: float,
    mask: Image.Image | None,
) -> Picture:
    """The overlay on the picture, at an anchor or a position, with or without a shadow; OperationError where they do not touch."""
    if scale is not None:
        overlay = scaled(overlay, fitting_size(overlay.size, max(1, rounded(image.width * scale)), None))
    corner = _corner(image, overlay, anchor, position, offset)
    if (
        corner[0] >= image.width
        or corner[1] >= image.height
        or corner[0] + overlay.width <= 0
        or corner[1] + overlay.height <= 0
    ):
        raise OperationError(
            f"The overlay of {overlay.width}×{overlay.height} at {corner[0]}, {corner[1]} lies outside "
            f"the picture of {image.width}×{image.height}."
        )
    if shadow:
        image = _shaded(
            image, with_opacity(overlay, opacity), corner, (shadow, shadow_offset, shadow_softness), mask
        )
    return Picture(laid_over(image, with_opacity(overlay, opacity), corner, blend, mask))


def _shaded(
    image: Image.Image,
    overlay: Image.Image,
    corner: tuple[int, int],
    shadow: tuple[float, list[float], float],
    mask: Image.Image | None,
) -> Image.Image:
    """The picture with the overlay's shadow on it, of a strength, an offset and a softness."""
    strength, offset, softness = shadow
    shorter = min(overlay.size)
    dark, reach = shadow_of(overlay, length(softness, shorter), strength)
    x, y = corner[0] + length(offset[0], shorter), corner[1] + length(offset[1], shorter)
    return laid_over(image, dark, (x - reach, y - reach), mask=mask)


def _corner(
    image: Image.Image, overlay: Image.Image, anchor: str, position: list[float] | None, offset: list[float]
) -> tuple[int, int]:
    """The overlay's top left corner; an offset moves it right and down, or inwards."""
    if position is not None:
        return length(position[0], image.width), length(position[1], image.height)
    x, y = place(image.size, overlay.size, anchor)
    across, down = length(offset[0], image.width), length(offset[1], image.height)
    return x - across if "right" in anchor else x + across, y - down if "bottom" in anchor else y + down

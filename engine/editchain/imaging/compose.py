"""Pictures laid on one another: colours behind, overlays before, blends between."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image, ImageChops

from editchain.errors import OperationError
from editchain.imaging.colours import Colour, colour
from editchain.imaging.geometry import pixel_box, scaled

BLENDS: dict[str, Callable[[Image.Image, Image.Image], Image.Image]] = {
    "normal": lambda _, over: over,
    "multiply": ImageChops.multiply,
    "screen": ImageChops.screen,
    "overlay": ImageChops.overlay,
    "soft_light": ImageChops.soft_light,
    "hard_light": ImageChops.hard_light,
    "darken": ImageChops.darker,
    "lighten": ImageChops.lighter,
    "difference": ImageChops.difference,
    "add": ImageChops.add,
    "subtract": ImageChops.subtract,
}
"""What each blend makes of the picture below and the one above, both RGB."""


def parse_colour(text: str) -> Colour:
    """The colour that the text names; raises OperationError for one that it does not know."""
    found = colour(text)
    if found is None:
        raise OperationError(f'"{text}" is no colour; write a CSS name such as teal, or hex such as "#0aa".')
    return found


def on_colour(image: Image.Image, background: Colour) -> Image.Image:
    """The picture on a colour; it keeps an alpha only where the colour has one."""
    if image.mode != "RGBA":
        return image
    made = Image.alpha_composite(Image.new("RGBA", image.size, background), image)
    return made.convert("RGB") if background[3] == 255 else made


def with_opacity(image: Image.Image, opacity: float) -> Image.Image:
    """The picture as RGBA, its alpha times the opacity, 0 to 1."""
    made = image.convert("RGBA")
    if opacity < 1:
        made.putalpha(made.getchannel("A").point([round(value * opacity) for value in range(256)]))
    return made


def laid_over(
    image: Image.Image,
    overlay: Image.Image,
    corner: tuple[int, int],
    blend: str = "normal",
    mask: Image.Image | None = None,
) -> Image.Image:
    """The overlay, by its alpha, its top left at the corner; where the mask is white the picture stays."""
    layer = Image.new("RGBA", image.size, (0, 0, 0, 0))
    layer.paste(overlay.convert("RGBA"), corner)
    if mask is not None:
        shown = ImageChops.invert(mask_of(mask, image.size))
        layer.putalpha(ImageChops.multiply(layer.getchannel("A"), shown))
    if blend != "normal":
        layer = _blended(image, layer, blend)
    made = Image.alpha_composite(image.convert("RGBA"), layer)
    return made if image.mode == "RGBA" else made.convert("RGB")


def mask_of(mask: Image.Image, size: tuple[int, int]) -> Image.Image:
    """A mask as L at this size: black is worked on, white is kept; what is transparent counts as black."""
    if mask.mode == "RGBA":
        grey = ImageChops.multiply(mask.convert("L"), mask.getchannel("A"))
    else:
        grey = mask.convert("L")
    return scaled(grey, size, "bilinear")


def _blended(image: Image.Image, layer: Image.Image, blend: str) -> Image.Image:
    """The layer's colours, blended with what lies below as far as that is opaque (W3C Compositing, 5.1)."""
    below, above = image.convert("RGB"), layer.convert("RGB")
    made = BLENDS[blend](below, above)
    if image.mode == "RGBA":
        made = Image.composite(made, above, image.getchannel("A"))
    made.putalpha(layer.getchannel("A"))
    return made


def kept_where_white(before: Image.Image, after: Image.Image, mask: Image.Image | None) -> Image.Image:
    """The edited picture, and the old one where the mask is white; both of one size."""
    if mask is None:
        return after
    if before.mode != after.mode:
        before, after = before.convert("RGBA"), after.convert("RGBA")
    return Image.composite(before, after, mask_of(mask, before.size))


def kept_outside(
    before: Image.Image, after: Image.Image, mask: Image.Image | None, box: list[float] | None
) -> Image.Image:
    """The edited picture where a mask is black or inside a box, or all of it without either."""
    if box is not None:
        mask = Image.new("L", before.size, 255)
        mask.paste(0, pixel_box(box, before.size))
    return kept_where_white(before, after, mask)


def in_colours(image: Image.Image, change: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """A change of an RGB picture done to one of any mode, which keeps its alpha."""
    made = change(image.convert("RGB"))
    if image.mode == "RGBA":
        made.putalpha(image.getchannel("A"))
    return made

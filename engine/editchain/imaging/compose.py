"""Pictures laid on one another: colours behind, overlays before, blends between."""

from __future__ import annotations

import math
from collections.abc import Callable

from PIL import Image, ImageChops

from editchain.errors import OperationError
from editchain.imaging.blends import blended
from editchain.imaging.blur import blur
from editchain.imaging.colours import Colour, colour
from editchain.imaging.geometry import Box, pixel_box, scaled
from editchain.imaging.modes import Pixels, SamePixels, as_deep_as, eight_bit, in_mode
from editchain.imaging.strips import Strip, by_strips, strips


def parse_colour(text: str) -> Colour:
    """The colour that the text names; raises OperationError for one that it does not know."""
    found = colour(text)
    if found is None:
        raise OperationError(f'"{text}" is no colour; write a CSS name such as teal, or hex such as "#0aa".')
    return found


def on_colour(image: SamePixels, background: Colour) -> SamePixels:
    """The picture on a colour; it keeps an alpha only where the colour has one."""
    if not isinstance(image, Image.Image):
        return image.on_colour(background)
    if image.mode != "RGBA":
        return image
    mode = "RGB" if background[3] == 255 else "RGBA"

    def laid(part: Image.Image, _: Strip) -> Image.Image:
        return in_mode(Image.alpha_composite(Image.new("RGBA", part.size, background), part), mode)

    return by_strips(laid, image, mode=mode)


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
    box = _meeting(image.size, overlay.size, corner)
    if box is None:
        return image
    kept = None if mask is None else mask_of(mask, image.size)
    made = image.copy() if image.mode != "L" else image.convert("RGB")
    for strip in strips((box[2] - box[0], box[3] - box[1])):
        rows = box[0], box[1] + strip.top, box[2], box[1] + strip.bottom
        below = image.crop(rows)
        layer = overlay.crop(_moved(rows, corner)).convert("RGBA")
        if kept is not None:
            shown = ImageChops.invert(kept.crop(rows))
            layer.putalpha(ImageChops.multiply(layer.getchannel("A"), shown))
        if blend != "normal":
            layer = _blended(below, layer, blend)
        made.paste(Image.alpha_composite(below.convert("RGBA"), layer).convert(made.mode), rows[:2])
    return made


def shadow_of(shape: Image.Image, softness: float, strength: float) -> tuple[Image.Image, int]:
    """A soft black shadow of a picture's alpha, `softness` in pixels, and by how much it is larger on each side."""
    reach = math.ceil(2.5 * softness)
    dark = Image.new("L", (shape.width + 2 * reach, shape.height + 2 * reach))
    dark.paste(shape.convert("RGBA").getchannel("A"), (reach, reach))
    made = Image.new("RGBA", dark.size)
    made.putalpha(blur(dark, softness).point([round(value * strength) for value in range(256)]))
    return made, reach


def _meeting(size: tuple[int, int], other: tuple[int, int], corner: tuple[int, int]) -> Box | None:
    """Where a picture laid at a corner covers one of a size; None where it does not."""
    left, top = max(0, corner[0]), max(0, corner[1])
    right, bottom = min(size[0], corner[0] + other[0]), min(size[1], corner[1] + other[1])
    return (left, top, right, bottom) if left < right and top < bottom else None


def _moved(box: Box, corner: tuple[int, int]) -> Box:
    return box[0] - corner[0], box[1] - corner[1], box[2] - corner[0], box[3] - corner[1]


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
    made = blended(below, above, blend)
    if image.mode == "RGBA":
        made = Image.composite(made, above, image.getchannel("A"))
    made.putalpha(layer.getchannel("A"))
    return made


def kept_where_white(before: SamePixels, after: Pixels, mask: Image.Image | None) -> SamePixels:
    """The edited picture, and the old one where the mask is white; both of one size. As deep as the old one."""
    if mask is None:
        return as_deep_as(after, before)
    if not isinstance(before, Image.Image):
        return before.mixed(after, ImageChops.invert(mask_of(mask, before.size)))
    after = eight_bit(after)
    if before.mode != after.mode:
        mode = "RGBA" if "RGBA" in (before.mode, after.mode) else "RGB"
        before, after = before.convert(mode), after.convert(mode)
    return Image.composite(before, after, mask_of(mask, before.size))


def kept_outside(
    before: Image.Image, after: Image.Image, mask: Image.Image | None, box: list[float] | None
) -> Image.Image:
    """The edited picture where a mask is black or inside a box, or all of it without either."""
    if box is not None:
        mask = Image.new("L", before.size, 255)
        mask.paste(0, pixel_box(box, before.size))
    return kept_where_white(before, after, mask)


def in_colours(image: SamePixels, change: Callable[[SamePixels], SamePixels]) -> SamePixels:
    """A change of an RGB picture done to one of any mode, which keeps its alpha."""
    if not isinstance(image, Image.Image):
        return change(image.converted("RGB")).with_alpha_of(image)  # pyright: ignore[reportAttributeAccessIssue]  # as deep as it was
    made = change(in_mode(image, "RGB"))
    if image.mode == "RGBA":
        made.putalpha(image.getchannel("A"))  # pyright: ignore[reportAttributeAccessIssue]  # as above
    return made

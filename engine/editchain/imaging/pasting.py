"""Another picture put into one: laid on it with a shadow, or printed onto a surface."""

from __future__ import annotations

from PIL import Image, ImageChops

from editchain.errors import OperationError
from editchain.imaging.blur import blur
from editchain.imaging.compose import in_colours, laid_over, with_opacity
from editchain.imaging.geometry import Box, fitting_size, place, rounded, scaled
from editchain.imaging.match import match_colours
from editchain.imaging.tone import scaled_mask


def pasted(
    image: Image.Image,
    other: Image.Image,
    *,
    anchor: str,
    scale: float,
    opacity: float = 1.0,
    shadow: float = 0.0,
    match: bool = False,
) -> Image.Image:
    """The other picture by its alpha, `scale` of the width, held to an anchor with a margin; RGB.

    `shadow` 0 to 1 is how dark a soft shadow lies under it; `match` gives it the colours of the picture.
    """
    size = fitting_size(other.size, max(1, rounded(image.width * scale)), None)
    if size[1] > image.height:
        size = fitting_size(other.size, None, image.height)
    layer = scaled(other.convert("RGBA"), size)
    if match:
        layer = in_colours(layer, lambda colours: match_colours(colours, image, 0.5))
    margin = rounded(min(image.size) * 0.03) if scale < 1 else 0
    room = max(size[0], image.width - 2 * margin), max(size[1], image.height - 2 * margin)
    x, y = place(room, size, anchor)
    corner = x + (image.width - room[0]) // 2, y + (image.height - room[1]) // 2
    if shadow > 0:
        soft = max(1.0, min(size) * 0.045)
        shape = Image.new("L", image.size)
        shape.paste(layer.getchannel("A"), (corner[0] + rounded(soft * 0.5), corner[1] + rounded(soft)))
        shade = scaled_mask(blur(shape, soft), shadow * opacity)
        image = Image.composite(Image.new("RGB", image.size, (8, 8, 10)), image, shade)
    return laid_over(image, with_opacity(layer, opacity), corner)


def printed(image: Image.Image, other: Image.Image, box: Box, method: str) -> Image.Image:
    """The other picture on the surface inside a box, whose light and grain show through; RGB.

    `multiply` prints dark ink, `mixed` keeps the stronger of both pictures' edges. Raises OperationError where
    there is less than 4 pixels to print on.
    """
    width, height = box[2] - box[0], box[3] - box[1]
    size = fitting_size(other.size, width, height)
    if min(size) < 4:
        raise OperationError(
            f"The box leaves {size[0]}×{size[1]} pixels to print on; at least 4×4 are needed."
        )
    layer = scaled(other.convert("RGBA"), size)
    corner = box[0] + (width - size[0]) // 2, box[1] + (height - size[1]) // 2
    if method == "multiply":
        return laid_over(image, layer, corner, "multiply")
    return _mixed(image, layer, corner)


def _mixed(image: Image.Image, layer: Image.Image, corner: tuple[int, int]) -> Image.Image:
    """Opaque ink that follows the surface: its own colours under the light and grain of what it is printed on."""
    ground = image.crop((*corner, corner[0] + layer.width, corner[1] + layer.height))
    grey = ground.convert("L")
    base = blur(grey, max(1.0, min(layer.size) / 6))
    relief = ImageChops.subtract(grey, base, 1, 128)
    light = blur(grey, max(2.0, min(layer.size) / 3))
    inked = ImageChops.overlay(layer.convert("RGB"), Image.merge("RGB", [relief] * 3))
    shaded = ImageChops.soft_light(inked, Image.merge("RGB", [light] * 3))
    shaded.putalpha(layer.getchannel("A").point([round(value * 0.88) for value in range(256)]))
    return laid_over(image, shaded, corner)

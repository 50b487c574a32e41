"""What goes around a picture: borders, bars, corners, a larger canvas."""

from __future__ import annotations

from fractions import Fraction

from PIL import Image, ImageChops, ImageDraw, ImageOps

from editchain.imaging.blur import blur
from editchain.imaging.colours import Colour
from editchain.imaging.draw import Lettering, readable_on, written
from editchain.imaging.geometry import (
    check_size,
    covering,
    fill_of,
    place,
    rounded,
    smallest_of_ratio,
)
from editchain.imaging.modes import SamePixels, eight_bit
from editchain.imaging.select import near_colour
from editchain.imaging.tone import apply_curves, brightness, scaled_mask


def bordered(image: SamePixels, widths: tuple[int, int, int, int], colour: Colour) -> SamePixels:
    """The picture with a border of the widths left, top, right and bottom, in pixels."""
    left, top, right, bottom = widths
    size = check_size((image.width + left + right, image.height + top + bottom))
    return _on_canvas(image, size, (left, top), colour)


def padded(image: SamePixels, size: tuple[int, int], anchor: str, colour: Colour) -> SamePixels:
    """The picture on a canvas of a size that is not smaller, held to an anchor."""
    return _on_canvas(image, check_size(size), place(size, image.size, anchor), colour)


def extended_with_itself(image: SamePixels, ratio: Fraction) -> SamePixels:
    """The picture on a canvas of a ratio that is filled with a blurred, darker copy of it."""
    size = check_size(smallest_of_ratio(image.size, ratio))
    if size == image.size:
        return image
    behind = blur(covering(eight_bit(image), size).convert("RGB"), min(size) / 22)
    behind = apply_curves(behind, brightness(-0.35))
    corner = place(size, image.size, "centre")
    if not isinstance(image, Image.Image):
        return image.laid_on(behind, corner)
    behind.paste(image, corner, image if image.mode == "RGBA" else None)
    return behind


def extended_with_mirror(image: Image.Image, ratio: Fraction) -> Image.Image:
    """The picture on a canvas of a ratio whose rest is filled with its mirrored edges."""
    size = check_size(smallest_of_ratio(image.size, ratio))
    left, top = place(size, image.size, "centre")
    canvas = Image.new(image.mode, size)
    flipped = ImageOps.mirror(image), ImageOps.flip(image)
    for step in range(-(-left // image.width), 0, -1):
        for sign in (-1, 1):
            tile = flipped[0] if step % 2 else image
            canvas.paste(tile, (left + sign * step * image.width, top))
    for step in range(-(-top // image.height), 0, -1):
        for sign in (-1, 1):
            tile = flipped[1] if step % 2 else image
            canvas.paste(tile, (left, top + sign * step * image.height))
    canvas.paste(image, (left, top))
    return canvas


def drop_shadow(image: Image.Image, amount: float) -> Image.Image:
    """The picture on transparent ground that is larger by the room of its soft shadow; RGBA."""
    soft = max(1, rounded(min(image.size) * 0.025))
    room, fall = 3 * soft, soft
    solid = image.convert("RGBA")
    size = check_size((image.width + 2 * room, image.height + 2 * room))
    shape = Image.new("L", size)
    shape.paste(solid.getchannel("A"), (room, room + fall))
    shape = scaled_mask(blur(shape, soft), 1.3 * amount)
    canvas = Image.new("RGBA", size, (0, 0, 0, 0))
    canvas.putalpha(shape)
    canvas.alpha_composite(solid, (room, room))
    return canvas


def caption_bar(image: Image.Image, text: str, side: str, colour: Colour) -> Image.Image:
    """The picture with a bar above or below it that holds one or two lines of text, dark or light as reads best."""
    height = max(12, rounded(min(image.size) * 0.11))
    top, bottom = (height, 0) if side == "top" else (0, height)
    made = bordered(image, (0, top, 0, bottom), colour)
    box = (0, 0, made.width, height) if side == "top" else (0, made.height - height, made.width, made.height)
    style = Lettering(
        "centre", rounded(height * 0.5), readable_on(colour), margin=rounded(height * 0.15), shadow=False
    )
    made.paste(written(made.crop(box), text, style), box[:2])
    return made


def trimmed(image: SamePixels, tolerance: float, margin: int, colour: Colour | None = None) -> SamePixels:
    """What lies inside an even border of a colour, else of that of the top left corner; a blank picture stays."""
    plain = eight_bit(image)
    if plain.mode == "RGBA" and plain.getchannel("A").getextrema()[0] == 0 and colour is None:
        box = plain.getchannel("A").getbbox()
    else:
        red, green, blue = colour[:3] if colour else plain.convert("RGB").crop((0, 0, 1, 1)).tobytes()[:3]
        border = near_colour(plain, (red, green, blue), tolerance)
        box = border.point([255 - value for value in range(256)]).getbbox()
    if box is None:
        return image
    return image.crop((
        max(0, box[0] - margin), max(0, box[1] - margin),
        min(image.width, box[2] + margin), min(image.height, box[3] + margin),
    ))  # fmt: skip


def polaroid(image: Image.Image) -> Image.Image:
    """The white frame of an instant picture, wider below."""
    unit = rounded(min(image.size) * 0.06)
    return bordered(image, (unit, unit, unit, unit * 4), (250, 249, 245, 255))


def letterboxed(image: Image.Image, ratio: Fraction) -> Image.Image:
    """Black bars over what lies outside a wide ratio; the size stays."""
    height = rounded(image.width / ratio)
    bar = max(0, (image.height - height) // 2)
    made = image.copy()
    draw = ImageDraw.Draw(made)
    if bar:
        black = fill_of(image.mode, (0, 0, 0))
        draw.rectangle((0, 0, image.width, bar - 1), fill=black)
        draw.rectangle((0, image.height - bar, image.width, image.height), fill=black)
    return made


def rounded_corners(image: SamePixels, radius: int) -> SamePixels:
    """As RGBA, transparent outside corners of a radius in pixels."""
    if radius <= 0:
        return image
    if not isinstance(image, Image.Image):
        return image.with_alpha_times(_rounded_mask(image.size, radius))
    made = image.convert("RGBA")
    made.putalpha(ImageChops.multiply(made.getchannel("A"), _rounded_mask(image.size, radius)))
    return made


def _rounded_mask(size: tuple[int, int], radius: int) -> Image.Image:
    """White with round corners, drawn four times as large at the corners alone for smooth edges."""
    radius = min(radius, min(size) // 2)
    if radius == 0:
        return Image.new("L", size, 255)
    corner = Image.new("L", (radius * 4, radius * 4))
    ImageDraw.Draw(corner).ellipse((0, 0, radius * 8 - 1, radius * 8 - 1), fill=255)
    corner = corner.resize((max(1, radius), max(1, radius)), Image.Resampling.BOX)
    mask = Image.new("L", size, 255)
    right, bottom = size[0] - corner.width, size[1] - corner.height
    flipped = corner.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    mask.paste(corner, (0, 0))
    mask.paste(flipped, (right, 0))
    mask.paste(corner.transpose(Image.Transpose.FLIP_TOP_BOTTOM), (0, bottom))
    mask.paste(flipped.transpose(Image.Transpose.FLIP_TOP_BOTTOM), (right, bottom))
    return mask


def _on_canvas(
    image: SamePixels, size: tuple[int, int], corner: tuple[int, int], colour: Colour
) -> SamePixels:
    if not isinstance(image, Image.Image):
        return image.on_canvas(size, corner, colour)
    if colour[3] < 255:
        image = image.convert("RGBA")
    elif image.mode == "L" and len(set(colour[:3])) > 1:
        image = image.convert("RGB")
    canvas = Image.new(image.mode, size, fill_of(image.mode, colour))
    canvas.paste(image, corner)
    return canvas

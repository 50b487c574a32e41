"""What goes around a picture: borders, bars, corners, a larger canvas."""

from __future__ import annotations

from fractions import Fraction

from PIL import Image, ImageChops, ImageDraw

from editchain.imaging.blur import blur
from editchain.imaging.colours import Colour
from editchain.imaging.geometry import (
    check_size,
    covering,
    fill_of,
    place,
    rounded,
    smallest_of_ratio,
)
from editchain.imaging.tone import apply_curves, brightness


def bordered(image: Image.Image, widths: tuple[int, int, int, int], colour: Colour) -> Image.Image:
    """The picture with a border of the widths left, top, right and bottom, in pixels."""
    left, top, right, bottom = widths
    size = check_size((image.width + left + right, image.height + top + bottom))
    return _on_canvas(image, size, (left, top), colour)


def padded(image: Image.Image, size: tuple[int, int], anchor: str, colour: Colour) -> Image.Image:
    """The picture on a canvas of a size that is not smaller, held to an anchor."""
    return _on_canvas(image, check_size(size), place(size, image.size, anchor), colour)


def extended_with_itself(image: Image.Image, ratio: Fraction) -> Image.Image:
    """The picture on a canvas of a ratio that is filled with a blurred, darker copy of it."""
    size = check_size(smallest_of_ratio(image.size, ratio))
    if size == image.size:
        return image
    behind = blur(covering(image, size).convert("RGB"), min(size) / 22)
    behind = apply_curves(behind, brightness(-0.35))
    behind.paste(image, place(size, image.size, "centre"), image if image.mode == "RGBA" else None)
    return behind


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


def rounded_corners(image: Image.Image, radius: int) -> Image.Image:
    """As RGBA, transparent outside corners of a radius in pixels."""
    if radius <= 0:
        return image
    made = image.convert("RGBA")
    made.putalpha(ImageChops.multiply(made.getchannel("A"), _rounded_mask(image.size, radius)))
    return made


def _rounded_mask(size: tuple[int, int], radius: int) -> Image.Image:
    """White with round corners, drawn four times as large at the corners alone for smooth edges."""
    radius = min(radius, min(size) // 2)
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
    image: Image.Image, size: tuple[int, int], corner: tuple[int, int], colour: Colour
) -> Image.Image:
    if colour[3] < 255:
        image = image.convert("RGBA")
    elif image.mode == "L" and len(set(colour[:3])) > 1:
        image = image.convert("RGB")
    canvas = Image.new(image.mode, size, fill_of(image.mode, colour))
    canvas.paste(image, corner)
    return canvas

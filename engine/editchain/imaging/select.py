"""Parts of a picture as masks: white where it is meant."""

from __future__ import annotations

from PIL import Image, ImageChops, ImageFilter

from editchain.imaging.blur import blur


def near_colour(image: Image.Image, colour: tuple[int, int, int], tolerance: float) -> Image.Image:
    """Where no channel is farther from the colour than the tolerance, 0 to 1."""
    solid = image.convert("RGB")
    red, green, blue = ImageChops.difference(solid, Image.new("RGB", image.size, colour)).split()
    farthest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    limit = round(255 * tolerance)
    return farthest.point([255 * (value <= limit) for value in range(256)])


def grown(mask: Image.Image, pixels: int) -> Image.Image:
    """The white part larger by so many pixels on every side, or smaller below 0."""
    make = ImageFilter.MaxFilter if pixels > 0 else ImageFilter.MinFilter
    left = abs(pixels)
    while left:  # a wide filter in steps: its cost grows with the square of its width
        step = min(left, 4)
        mask = mask.filter(make(2 * step + 1))
        left -= step
    return mask


def feathered(mask: Image.Image, pixels: float) -> Image.Image:
    """The edge soft over so many pixels."""
    return blur(mask, pixels / 2) if pixels else mask

"""Sharp and soft: blurs that stay fast at any size, and what is built on them."""

from __future__ import annotations

import math

from PIL import Image, ImageChops, ImageFilter

from editchain.imaging.modes import SamePixels
from editchain.imaging.strips import Change, Strip, by_strips
from editchain.imaging.tone import apply_curve, luminance

_DIRECT = 6.0


def blur(image: SamePixels, radius: float) -> SamePixels:
    """Gaussian, radius in pixels; a wide one works on a smaller copy, which is far faster."""
    if radius <= 0:
        return image
    if not isinstance(image, Image.Image):
        return image.resampled(lambda plane, _: _blurred(plane, radius))
    if radius <= _DIRECT:
        return image.filter(ImageFilter.GaussianBlur(radius))
    factor = radius / _DIRECT
    size = max(1, round(image.width / factor)), max(1, round(image.height / factor))
    small = image.resize(size, Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(_DIRECT))
    return small.resize(image.size, Image.Resampling.BICUBIC)


def _blurred(plane: Image.Image, radius: float) -> Image.Image:
    """A plane of floating-point numbers, for which Pillow has no blur."""
    import numpy as np

    from editchain.imaging import arrays

    return Image.fromarray(arrays.blurred(np.asarray(plane), radius))


def sharpen(image: SamePixels, amount: float) -> SamePixels:
    """Edges steeper, on luminance alone so that no colour fringes appear."""
    if not isinstance(image, Image.Image):
        grey = luminance(image)
        return image.steepened(grey, blur(grey, _reach(image.size)), 2.2 * amount, _STILL)
    change, overlap = sharpening(image.size, amount)
    return by_strips(change, image, overlap)


def sharpening(size: tuple[int, int], amount: float) -> tuple[Change, int]:
    """What sharpens a strip of an RGB picture of a size, and by how many rows it looks farther."""
    radius = _reach(size)

    def sharpened(part: Image.Image, _: Strip) -> Image.Image:
        grey = luminance(part)
        return _with_luminance(
            part, grey, grey.filter(ImageFilter.UnsharpMask(radius, round(220 * amount), _STILL))
        )

    return sharpened, math.ceil(4 * radius) + 4


def _reach(size: tuple[int, int]) -> float:
    """How far, in pixels, an edge reaches that is sharpened."""
    return max(0.8, min(size) / 900)


_STILL = 2
"""Up to how many levels of 8 bits a difference is noise, which is not sharpened."""


def clarity(image: Image.Image, amount: float) -> Image.Image:
    """Contrast over distances of a few hundredths of the picture."""
    grey = luminance(image)
    base = blur(grey, max(2.0, min(image.size) / 40))
    detail = ImageChops.subtract(grey, base, 1, 128)
    stronger = apply_curve(detail, lambda value: 0.5 + (value - 0.5) * amount * 0.9)
    # as an overlay: middle tones gain most, blacks and whites do not clip
    layer = Image.merge("RGB", [stronger] * 3)
    return ImageChops.overlay(image, layer)


def glow(image: Image.Image, amount: float) -> Image.Image:
    """A bright blurred copy projected over the picture."""
    light = blur(image, max(1.5, min(image.size) / 45))
    light = apply_curve(light, lambda value: value * value * (0.35 + 0.55 * amount))
    return Image.blend(image, ImageChops.screen(image, light), min(1.0, 0.4 + 0.6 * amount))


def tilt_shift(image: Image.Image, amount: float) -> Image.Image:
    """Sharp in a level band below the middle, ever softer above and below it."""
    strongest = min(image.size) * (0.004 + 0.011 * amount)
    made = image
    for share, (inner, outer) in ((0.35, (0.10, 0.24)), (1.0, (0.20, 0.42))):
        made = Image.composite(blur(image, strongest * share), made, _band(image.size, 0.58, inner, outer))
    return made


def pixelate(image: Image.Image, block: int) -> Image.Image:
    """Squares of the average colour, `block` pixels wide."""
    size = max(1, -(-image.width // block)), max(1, -(-image.height // block))
    whole = (size[0] * block, size[1] * block)
    canvas = image if whole == image.size else _extended(image, whole)
    small = canvas.resize(size, Image.Resampling.BOX)
    return small.resize(whole, Image.Resampling.NEAREST).crop((0, 0, *image.size))


def _extended(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The picture on a larger canvas, its last row and column repeated."""
    made = Image.new(image.mode, size)
    made.paste(image)
    right = image.crop((image.width - 1, 0, image.width, image.height))
    if size[0] > image.width:
        made.paste(right.resize((size[0] - image.width, image.height)), (image.width, 0))
    if size[1] > image.height:
        bottom = made.crop((0, image.height - 1, size[0], image.height))
        made.paste(bottom.resize((size[0], size[1] - image.height)), (0, image.height))
    return made


def _band(size: tuple[int, int], centre: float, inner: float, outer: float) -> Image.Image:
    """A mask that is 0 within `inner` of a height and 255 beyond `outer`; parts of the height."""
    rows = []
    for row in range(256):
        distance = abs(row / 255 - centre)
        share = min(1.0, max(0.0, (distance - inner) / (outer - inner)))
        rows.append(round(255 * share * share * (3 - 2 * share)))
    return Image.frombytes("L", (1, 256), bytes(rows)).resize(size, Image.Resampling.BICUBIC)


def _with_luminance(image: Image.Image, old: Image.Image, new: Image.Image) -> Image.Image:
    """The change of luminance added to every channel."""
    up = ImageChops.subtract(new, old)
    down = ImageChops.subtract(old, new)
    return ImageChops.subtract(
        ImageChops.add(image, Image.merge("RGB", [up] * 3)), Image.merge("RGB", [down] * 3)
    )

"""Light and dark: curves that work on each channel by itself, and what is made of them."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

from PIL import Image, ImageFilter, ImageOps

from editchain.errors import OperationError
from editchain.imaging.modes import SamePixels, eight_bit, in_mode

if TYPE_CHECKING:
    from editchain.imaging.deep import Deep

Curve = Callable[[float], float]
"""From 0 to 1 onto 0 to 1, in sRGB values."""

Curves = tuple[Curve, Curve, Curve]
"""One for each of red, green and blue."""


LUMINANCE = (0.2126, 0.7152, 0.0722)
"""How much red, green and blue count in Rec. 709 luminance."""


def linear(value: float) -> float:
    """Light, 0 to 1, of an sRGB value."""
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def encoded(light: float) -> float:
    """The sRGB value, 0 to 1, of light."""
    return light * 12.92 if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055


def apply_curves(image: SamePixels, curves: Curves) -> SamePixels:
    """An RGB picture with each channel sent through its curve, rounded once."""
    if not isinstance(image, Image.Image):
        return image.through_curves(curves)
    tables = (_table(curve) for curve in curves)
    return image.point([value for table in tables for value in table])


def apply_curve(image: Image.Image, curve: Curve) -> Image.Image:
    """A picture, L or RGB, with every channel sent through one curve."""
    return image.point(_table(curve) * len(image.getbands()))


def chained(first: Curves, second: Curves) -> Curves:
    """One after the other, without rounding between them."""
    return _after(first[0], second[0]), _after(first[1], second[1]), _after(first[2], second[2])


def alike(curve: Curve) -> Curves:
    """The same curve for every channel."""
    return curve, curve, curve


def brightness(amount: float) -> Curves:
    """About `amount` more light in the middle greys (0.2: a fifth), white kept; below 0 that much less."""
    if amount < 0:
        return _dimmed(-amount)
    return _gain(4**amount)


def exposure(stops: float) -> Curves:
    """Twice the light for each stop; highlights roll off where it grows."""
    if stops < 0:
        return alike(lambda value: encoded(linear(value) * 2**stops))
    return _gain(2**stops)


def contrast(amount: float) -> Curves:
    """Steeper around middle grey, or flatter where the amount is below 0."""
    if abs(amount) < 1e-9:
        return alike(lambda value: value)
    if amount < 0:
        return alike(lambda value: 0.46 + (value - 0.46) * (1 + 0.8 * amount))
    steepness, middle = 6 * amount, 0.46
    low, high = _sigmoid(-steepness * middle), _sigmoid(steepness * (1 - middle))
    return alike(lambda value: (_sigmoid(steepness * (value - middle)) - low) / (high - low))


def faded(amount: float) -> Curves:
    """Blacks lifted and whites held back, as on an old print."""
    return alike(lambda value: 0.14 * amount + value * (1 - 0.2 * amount))


def warmth(amount: float) -> Curves:
    """Towards orange, or blue below 0; a grey keeps its luminance."""
    red, blue = max(0.2, 1 + 0.42 * amount), max(0.2, 1 - 0.45 * amount)
    luminance = 0.2126 * red + 0.7152 + 0.0722 * blue
    return _channel_gain(red / luminance), _channel_gain(1 / luminance), _channel_gain(blue / luminance)


def cast(colour: tuple[int, int, int], amount: float) -> Curves:
    """Towards a colour, as through a filter of it; a grey keeps its luminance."""
    light = [linear(channel / 255) for channel in colour]
    gains = [1 + 0.6 * amount * (channel / max(light) - 1) for channel in light]
    luminance = 0.2126 * gains[0] + 0.7152 * gains[1] + 0.0722 * gains[2]
    red, green, blue = (_channel_gain(gain / luminance) for gain in gains)
    return red, green, blue


def inverted() -> Curves:
    """Light for dark."""
    return alike(lambda value: 1 - value)


def solarised(amount: float) -> Curves:
    """The brighter half turned round, as in a print that saw light too early."""
    return alike(lambda value: value + amount * (2 * min(value, 1 - value) - value))


def through(points: list[list[float]]) -> Curve:
    """The smooth curve through points [from, to]; between two of them it stays between them.

    Raises OperationError where the first numbers do not rise.
    """
    xs, ys = [point[0] for point in points], [point[1] for point in points]
    if any(after <= before for before, after in pairwise(xs)):
        raise OperationError(
            "The points of a curve go from dark to bright: their first numbers have to rise."
        )
    slopes = [(after[1] - before[1]) / (after[0] - before[0]) for before, after in pairwise(points)]
    tangents = [slopes[0], *(_between(*pair) for pair in pairwise(slopes)), slopes[-1]]

    def curve(value: float) -> float:
        if value <= xs[0] or value >= xs[-1]:
            return ys[0] if value <= xs[0] else ys[-1]
        at = bisect_right(xs, value) - 1
        width = xs[at + 1] - xs[at]
        t = (value - xs[at]) / width
        return (
            (1 + 2 * t) * (1 - t) ** 2 * ys[at]
            + t * (1 - t) ** 2 * width * tangents[at]
            + t * t * (3 - 2 * t) * ys[at + 1]
            + t * t * (t - 1) * width * tangents[at + 1]
        )

    return curve


def _between(before: float, after: float) -> float:
    """The slope at a point between two slopes (Fritsch and Butland): flat where they turn."""
    return 0.0 if before * after <= 0 else 2 * before * after / (before + after)


def auto_levels(image: SamePixels) -> SamePixels:
    """Darkest to black and brightest to white, colours kept; three in a thousand pixels may clip."""
    if not isinstance(image, Image.Image):
        return _stretched(image)
    return ImageOps.autocontrast(image, cutoff=(0.3, 0.3), preserve_tone=True)


def _stretched(image: Deep) -> Deep:
    """As Pillow's autocontrast does it, whose limits are those of the picture with 8 bits."""
    grey = eight_bit(image).convert("L")
    histogram = grey.histogram()
    low, high = (
        _reached(counts, 0.003 * grey.width * grey.height) for counts in (histogram, histogram[::-1])
    )
    high = 255 - high
    if high <= low:
        return image
    return apply_curves(image, alike(lambda value: (255 * value - low) / (high - low)))


def _reached(counts: list[int], wanted: float) -> int:
    """At which value so many pixels, and one more, were counted."""
    left = wanted
    for value, count in enumerate(counts):
        left -= count
        if left < 0:
            return value
    return len(counts) - 1


def shadows(image: SamePixels, amount: float) -> SamePixels:
    """Dark parts brighter, or darker below 0; the rest stays."""
    changed = apply_curves(image, _gain(1 + 3.2 * amount) if amount > 0 else _dimmed(-0.85 * amount))
    return where(changed, image, _zone(eight_bit(image), lambda value: 1 - _smooth(value, 0.1, 0.62)))


def highlights(image: SamePixels, amount: float) -> SamePixels:
    """Bright parts held back, or brighter below 0; the rest stays."""
    if amount > 0:
        changed = apply_curves(image, alike(lambda value: value - 0.38 * amount * _smooth(value, 0.4, 1.0)))
    else:
        changed = apply_curves(image, _gain(1 - 2.2 * amount))
    return where(changed, image, _zone(eight_bit(image), lambda value: _smooth(value, 0.45, 0.9)))


def where(changed: SamePixels, image: SamePixels, mask: Image.Image) -> SamePixels:
    """The changed picture where a mask is white, the other where it is black; both of one mode."""
    if isinstance(image, Image.Image):
        return Image.composite(changed, image, mask)  # pyright: ignore[reportArgumentType]  # both are of one depth
    return image.mixed(changed, mask)


def _dimmed(share: float) -> Curves:
    """That share of the light taken away."""
    return alike(lambda value: encoded(linear(value) * (1 - share)))


def luminance(image: SamePixels) -> SamePixels:
    """Rec. 709 luminance of sRGB values, as L."""
    if not isinstance(image, Image.Image):
        return image.without_alpha().through_matrix([LUMINANCE]) if image.mode != "L" else image
    return image if image.mode == "L" else in_mode(image, "RGB").convert("L", (*LUMINANCE, 0))


def scaled_mask(mask: Image.Image, amount: float) -> Image.Image:
    """A mask times a factor."""
    return mask.point([min(255, round(value * amount)) for value in range(256)])


def _zone(image: Image.Image, weight: Curve) -> Image.Image:
    """Where the picture is as dark or bright as the weight says, softened so that fine contrast survives."""
    radius = max(1.0, min(image.size) / 150)
    softened = luminance(image).filter(ImageFilter.GaussianBlur(min(radius, 12)))
    return apply_curve(softened, weight)


def _gain(factor: float) -> Curves:
    """Light times a factor, bent so that white stays white (Reinhard's curve)."""

    def curve(value: float) -> float:
        light = linear(value)
        return encoded(factor * light * (1 + light / factor) / (1 + factor * light))

    return alike(curve) if factor > 1 else alike(lambda value: value)


def _channel_gain(factor: float) -> Curve:
    return lambda value: encoded(min(1.0, linear(value) * factor))


def _table(curve: Curve) -> list[int]:
    return [min(255, max(0, math.floor(255 * curve(value / 255) + 0.5))) for value in range(256)]


def _after(first: Curve, second: Curve) -> Curve:
    return lambda value: second(min(1.0, max(0.0, first(value))))


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def _smooth(value: float, low: float, high: float) -> float:
    """0 below `low`, 1 above `high`, smoothly between."""
    share = min(1.0, max(0.0, (value - low) / (high - low)))
    return share * share * (3 - 2 * share)


def smooth_step(low: float, high: float) -> Curve:
    """The curve that is 0 below `low`, 1 above `high` and smooth between."""
    return lambda value: _smooth(value, low, high)

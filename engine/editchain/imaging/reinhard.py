"""One picture's light and hues carried over to another, each by its mean and spread in CIE L*a*b* (Reinhard, 2001)."""

from __future__ import annotations

import math

from PIL import Image, ImageFilter

from editchain.imaging.modes import in_mode
from editchain.imaging.tone import encoded, linear

Triple = tuple[float, float, float]

_SAMPLE = 64
_STEPS = 17
_WHITE = (0.95047, 1.0, 1.08883)
_MOST_SHIFT = 22.0
_LEAST_STRETCH = (0.6, 0.5, 0.5)
_MOST_STRETCH = (1.3, 1.25, 1.25)
"""How far L, a and b may be drawn together or apart; without limits pale things take on the strongest hues."""


def match_lightness_and_hues(image: Image.Image, reference: Image.Image, amount: float) -> Image.Image:
    """The picture with the reference's mean and spread of lightness and of both axes of hue; RGB, `amount` 0 to 1.

    Held back so that no axis is stretched beyond recognition, and whites stay white.
    """
    mean, spread = _statistics(image)
    wanted, wanted_spread = _statistics(reference)
    limits = zip(spread, wanted_spread, _LEAST_STRETCH, _MOST_STRETCH, strict=True)
    stretch = [min(most, max(least, theirs / max(own, 0.5))) for own, theirs, least, most in limits]
    target = [
        own + max(-_MOST_SHIFT, min(_MOST_SHIFT, theirs - own))
        for own, theirs in zip(mean, wanted, strict=True)
    ]

    def moved(red: float, green: float, blue: float) -> Triple:
        before = _lab((red, green, blue))
        share = amount * min(1.0, (100 - before[0]) / 12) if before[0] > 88 else amount
        values = [
            value + share * (goal + (value - own) * factor - value)
            for value, own, goal, factor in zip(before, mean, target, stretch, strict=True)
        ]
        return _rgb((values[0], values[1], values[2]))

    return image.filter(ImageFilter.Color3DLUT.generate(_STEPS, moved))


def _statistics(image: Image.Image) -> tuple[Triple, Triple]:
    """Mean and spread of L, a and b, from a small copy."""
    small = in_mode(image, "RGB").resize((_SAMPLE, _SAMPLE), Image.Resampling.BOX)
    values = [value / 255 for value in small.tobytes()]
    rows = list(map(_lab, zip(values[::3], values[1::3], values[2::3], strict=True)))
    means = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    spreads = [
        math.sqrt(sum((value - mean) ** 2 for value in column) / len(rows))
        for column, mean in zip(zip(*rows, strict=True), means, strict=True)
    ]
    return (means[0], means[1], means[2]), (spreads[0], spreads[1], spreads[2])


def _lab(colour: Triple) -> Triple:
    """CIE L*a*b* of sRGB values from 0 to 1, under D65."""
    red, green, blue = map(linear, colour)
    x = 0.4124564 * red + 0.3575761 * green + 0.1804375 * blue
    y = 0.2126729 * red + 0.7151522 * green + 0.0721750 * blue
    z = 0.0193339 * red + 0.1191920 * green + 0.9503041 * blue
    fx, fy, fz = (_root(value / white) for value, white in zip((x, y, z), _WHITE, strict=True))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def _rgb(lab: Triple) -> Triple:
    level = (lab[0] + 16) / 116
    x, y, z = (
        _cube(value) * white
        for value, white in zip((level + lab[1] / 500, level, level - lab[2] / 200), _WHITE, strict=True)
    )
    light = (
        3.2404542 * x - 1.5371385 * y - 0.4985314 * z,
        -0.9692660 * x + 1.8760108 * y + 0.0415560 * z,
        0.0556434 * x - 0.2040259 * y + 1.0572252 * z,
    )
    red, green, blue = (encoded(min(1.0, max(0.0, value))) for value in light)
    return red, green, blue


def _root(value: float) -> float:
    return value ** (1 / 3) if value > 216 / 24389 else (24389 / 27 * value + 16) / 116


def _cube(value: float) -> float:
    return value**3 if value > 6 / 29 else (116 * value - 16) * 27 / 24389

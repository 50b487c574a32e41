"""Blend modes against the formulas of W3C Compositing and Blending, written out a second time for single colours."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from PIL import Image

from editchain.imaging.blends import BLENDS
from editchain.imaging.compose import laid_over

Rgb = tuple[float, float, float]


def dodge(b: float, s: float) -> float:
    return 0 if b == 0 else 1 if s == 1 else min(1, b / (1 - s))


def burn(b: float, s: float) -> float:
    return 1 if b == 1 else 0 if s == 0 else 1 - min(1, (1 - b) / s)


def hard_light(b: float, s: float) -> float:
    return 2 * b * s if s <= 0.5 else b + (2 * s - 1) - b * (2 * s - 1)


def soft_light(b: float, s: float) -> float:
    if s <= 0.5:
        return b - (1 - 2 * s) * b * (1 - b)
    return b + (2 * s - 1) * ((((16 * b - 12) * b + 4) * b if b <= 0.25 else math.sqrt(b)) - b)


SEPARABLE: dict[str, Callable[[float, float], float]] = {
    "normal": lambda _, s: s,
    "multiply": lambda b, s: b * s,
    "screen": lambda b, s: b + s - b * s,
    "overlay": lambda b, s: hard_light(s, b),
    "darken": min,
    "lighten": max,
    "colour_dodge": dodge,
    "colour_burn": burn,
    "hard_light": hard_light,
    "soft_light": soft_light,
    "difference": lambda b, s: abs(b - s),
    "exclusion": lambda b, s: b + s - 2 * b * s,
    "add": lambda b, s: min(1, b + s),
    "subtract": lambda b, s: max(0, b - s),
}


def lum(c: Rgb) -> float:
    return 0.3 * c[0] + 0.59 * c[1] + 0.11 * c[2]


def sat(c: Rgb) -> float:
    return max(c) - min(c)


def set_lum(c: Rgb, light: float) -> Rgb:
    moved = [one + light - lum(c) for one in c]
    level, low, high = 0.3 * moved[0] + 0.59 * moved[1] + 0.11 * moved[2], min(moved), max(moved)
    if low < 0:
        moved = [level + (one - level) * level / (level - low) for one in moved]
    if high > 1:
        moved = [level + (one - level) * (1 - level) / (high - level) for one in moved]
    return moved[0], moved[1], moved[2]


def set_sat(c: Rgb, spread: float) -> Rgb:
    if sat(c) == 0:
        return 0, 0, 0
    made = [(one - min(c)) * spread / sat(c) for one in c]
    return made[0], made[1], made[2]


WHOLE: dict[str, Callable[[Rgb, Rgb], Rgb]] = {
    "hue": lambda b, s: set_lum(set_sat(s, sat(b)), lum(b)),
    "saturation": lambda b, s: set_lum(set_sat(b, sat(s)), lum(b)),
    "colour": lambda b, s: set_lum(s, lum(b)),
    "luminosity": lambda b, s: set_lum(b, lum(s)),
}

_CORNERS = [(0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 255, 64), (1, 254, 128), (127, 128, 129)]
_CHANCE = random.Random(4)
PAIRS = [(one, other) for one in _CORNERS for other in _CORNERS] + [
    (tuple(_CHANCE.randbytes(3)), tuple(_CHANCE.randbytes(3))) for _ in range(400)
]


def formula(blend: str, below: Rgb, above: Rgb) -> Rgb:
    if blend in WHOLE:
        return WHOLE[blend](below, above)
    made = [SEPARABLE[blend](b, s) for b, s in zip(below, above, strict=True)]
    return made[0], made[1], made[2]


def share(colour: tuple[int, ...]) -> Rgb:
    return colour[0] / 255, colour[1] / 255, colour[2] / 255


def row(colours: list[tuple[int, ...]], mode: str = "RGB") -> Image.Image:
    return Image.frombytes(mode, (len(colours), 1), bytes(value for colour in colours for value in colour))


def test_every_mode_has_its_formula_here() -> None:
    assert set(BLENDS) == SEPARABLE.keys() | WHOLE.keys()


@pytest.mark.parametrize("blend", sorted(BLENDS))
def test_a_mode_is_its_formula_to_a_level(blend: str) -> None:
    below, above = row([one for one, _ in PAIRS]), row([other for _, other in PAIRS])
    made = BLENDS[blend](below, above)
    for at, (one, other) in enumerate(PAIRS):
        found = made.getpixel((at, 0))
        wanted = [value * 255 for value in formula(blend, share(one), share(other))]
        assert found == pytest.approx(wanted, abs=1.01), (one, other)


@pytest.mark.parametrize("blend", sorted(BLENDS))
def test_with_alpha_it_is_composited_as_written_there(blend: str) -> None:
    """co = cs·αs + cb·αb·(1 − αs), where cs is (1 − αb)·Cs + αb·B(Cb, Cs)."""
    chance = random.Random(7)
    pairs = [(tuple(chance.randbytes(4)), tuple(chance.randbytes(4))) for _ in range(200)]
    made = laid_over(
        row([one for one, _ in pairs], "RGBA"), row([other for _, other in pairs], "RGBA"), (0, 0), blend
    )
    for at, (one, other) in enumerate(pairs):
        ab, as_ = one[3] / 255, other[3] / 255
        mixed = [
            (1 - ab) * s + ab * b
            for s, b in zip(share(other), formula(blend, share(one), share(other)), strict=True)
        ]
        ao = as_ + ab * (1 - as_)
        wanted = [255 * (s * as_ + b * ab * (1 - as_)) / ao for s, b in zip(mixed, share(one), strict=True)]
        found = made.getpixel((at, 0))
        assert isinstance(found, tuple)
        assert found[3] == pytest.approx(255 * ao, abs=1)
        assert found[:3] == pytest.approx(wanted, abs=2.5 + 2 / ao), (one, other)


@pytest.mark.parametrize("blend", ["soft_light", "luminosity"])
def test_strips_leave_no_seam(blend: str) -> None:
    below, above = (Image.effect_noise((700, 900), 60).convert("RGB").rotate(turn) for turn in (0, 180))
    made = BLENDS[blend](below, above)
    box = 0, 300, 700, 500
    assert made.crop(box).tobytes() == BLENDS[blend](below.crop(box), above.crop(box)).tobytes()

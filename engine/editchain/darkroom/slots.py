"""What may stand in the gaps of a phrase: amounts, numbers, colours, places, quoted text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence

from editchain.classes import dataclass
from editchain.imaging.colours import NAMES, colour
from editchain.imaging.letters import missing, missing_message


@dataclass(frozen=True, slots=True)
class Token:
    """A word, number, sign or quoted text (it begins with a quote), normalised, and its place."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Unfit:
    """In place of a value: the slot is filled with something that cannot be meant."""

    reason: str


Slot = Callable[[Sequence[Token], int], tuple[int, object] | None]
"""Reads a value at a position; gives the position after it and the value, or None where there is none."""

NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")

LITTLE = frozenset(
    (
        "little",
        "bit",
        "touch",
        "tad",
        "slightly",
        "slight",
        "subtle",
        "subtly",
        "gently",
        "gentle",
        "lightly",
        "light",
        "mild",
        "mildly",
        "somewhat",
        "hint",
        "faint",
        "faintly",
        "softly",
        "weak",
        "weakly",
    )
)
LOT = frozenset(
    (
        "much",
        "lot",
        "lots",
        "very",
        "strongly",
        "strong",
        "heavily",
        "heavy",
        "really",
        "significantly",
        "considerably",
        "far",
        "way",
        "dramatically",
        "dramatic",
        "intense",
        "intensely",
        "deeply",
        "extra",
        "extremely",
        "massively",
        "hugely",
    )
)

_MORE_COLOURS = {
    "cream": "#fff5dc", "burgundy": "#800020", "charcoal": "#36454f", "mint": "#98ff98", "peach": "#ffdab9",
    "mustard": "#e1ad01", "rose": "#ff66a3", "amber": "#ffbf00", "emerald": "#50c878", "ruby": "#9b111e",
    "sapphire": "#0f52ba", "off white": "#faf9f6", "navy blue": "#000080", "golden": "#ffd700",
    "blood red": "#8a0303", "bright red": "#ff0000", "sand": "#c2b280", "terracotta": "#e2725b",
    "copper": "#b87333", "bronze": "#cd7f32", "lilac": "#c8a2c8", "mauve": "#e0b0ff", "ochre": "#cc7722",
}  # fmt: skip
_COMPOUND = re.compile(
    r"(dark|light|medium|deep|pale|hot|dim|dodger|cadet|steel|slate|sky|sea|spring|forest|lawn|lime|olive|midnight"
    r"|royal|powder|cornflower|rosy|sandy|saddle|navajo|misty|mint|antique|ghost|yellow|blue|green|rebecca|white)"
    r"(?=[a-z])"
)
# British words, as prompts are read with them
_COLOURS = {name: f"#{value:06x}" for name, value in NAMES.items()} | _MORE_COLOURS
_COLOURS |= {_COMPOUND.sub(r"\1 ", name): value for name, value in _COLOURS.items()}

_POSITIONS = {
    ("top", "left"): "top_left", ("top", "right"): "top_right", ("top", "centre"): "top", ("top",): "top",
    ("bottom", "left"): "bottom_left", ("bottom", "right"): "bottom_right", ("bottom", "centre"): "bottom",
    ("bottom",): "bottom", ("left",): "left", ("right",): "right", ("centre",): "centre",
}  # fmt: skip
_LETTERING = {
    "tiny": 0.03,
    "small": 0.05,
    "medium": 0.08,
    "large": 0.14,
    "big": 0.14,
    "huge": 0.22,
    "giant": 0.22,
}
"""Height of a line as a part of the picture's height."""
_SAME_PLACE = {"upper": "top", "lower": "bottom", "middle": "centre"}


def words() -> frozenset[str]:
    """Every word that some slot can read."""
    colours = {word for name in _COLOURS for word in name.split()}
    return (
        LITTLE
        | LOT
        | colours
        | frozenset(_LETTERING)
        | {word for key in _POSITIONS for word in key}
        | frozenset(_SAME_PLACE)
        | {"half", "subject", "background"}
        | {"x", "by", "px", "degrees", "stops", "colours"}
    )


def _number(tokens: Sequence[Token], at: int) -> float | None:
    text = tokens[at].text if at < len(tokens) else ""
    return float(text) if NUMBER.fullmatch(text) else None


def _unit(tokens: Sequence[Token], at: int, *units: str) -> bool:
    return at < len(tokens) and tokens[at].text in units


def _whole(value: float) -> float:
    return int(value) if value.is_integer() else value


def _measure(least: float, most: float, name: str, *units: str, optional: bool = False) -> Slot:
    """A number with one of the units, between two limits."""

    def read(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
        value = _number(tokens, at)
        if value is None:
            return None
        has_unit = _unit(tokens, at + 1, *units)
        if units and not has_unit and not optional:
            return None
        end = at + 2 if has_unit else at + 1
        if not least <= value <= most:
            return end, Unfit(f"{value:g} is not between {least:g} and {most:g} {name}".rstrip())
        return end, _whole(value)

    return read


def _percent(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
    value = _number(tokens, at)
    if value is None or not _unit(tokens, at + 1, "%"):
        return None
    if value < 0 or tokens[at].text[0] in "+-":
        return None
    return at + 2, value / 100


def _signed(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
    value = _number(tokens, at)
    if value is None or tokens[at].text[0] not in "+-" or not _unit(tokens, at + 1, "%"):
        return None
    return at + 2, value / 100


def _degree(vocabulary: frozenset[str], value: str) -> Slot:
    """One or two words of degree: "a little bit", "very much"."""

    def read(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
        end = at
        while end < len(tokens) and end < at + 2 and tokens[end].text in vocabulary:
            end += 1
        return (end, value) if end > at else None

    return read


def _colour(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
    for end in range(min(at + 3, len(tokens)), at, -1):
        text = " ".join(token.text for token in tokens[at:end])
        if text in _COLOURS:
            return end, _COLOURS[text]
    if at < len(tokens) and tokens[at].text.startswith("#"):
        found = colour(tokens[at].text)
        if found is None:
            return at + 1, Unfit(f"{tokens[at].text} is no colour; hex has 3, 4, 6 or 8 digits")
        return at + 1, "#" + bytes(found if found[3] < 255 else found[:3]).hex()
    return None


def _quoted(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
    if at >= len(tokens) or not tokens[at].text.startswith('"'):
        return None
    text = unicodedata.normalize("NFC", " ".join(tokens[at].text[1:].split()))
    if not text:
        return at + 1, Unfit("there is nothing between the quotes")
    lacking = missing(text)
    if lacking is not None:
        return at + 1, Unfit(missing_message(lacking))
    return at + 1, text


def _ratio(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
    width, height = _number(tokens, at), _number(tokens, at + 2)
    if width is None or height is None or not _unit(tokens, at + 1, ":"):
        return None
    if min(width, height) <= 0 or not 0.05 <= width / height <= 20:
        return at + 3, Unfit(f"{width:g}:{height:g} is no shape for a picture")
    return at + 3, f"{width:g}:{height:g}"


def _dimensions(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
    width, height = _number(tokens, at), _number(tokens, at + 2)
    if width is None or height is None or not _unit(tokens, at + 1, "x", "by"):
        return None
    end = at + 4 if _unit(tokens, at + 3, "px") else at + 3
    if not all(1 <= side <= 16384 and side.is_integer() for side in (width, height)):
        return end, Unfit(f"{width:g}×{height:g} is no size in pixels")
    return end, (int(width), int(height))


def _position(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
    for length in (2, 1):
        key = tuple(_SAME_PLACE.get(token.text, token.text) for token in tokens[at : at + length])
        if key in _POSITIONS:
            return at + len(key), _POSITIONS[key]
    return None


def _region(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
    side = _side(tokens, at)
    if side and _unit(tokens, at + 1, "half"):
        return at + 2, side[1]
    return (at + 1, tokens[at].text) if _unit(tokens, at, "subject", "background") else None


def _side(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
    text = _SAME_PLACE.get(tokens[at].text, tokens[at].text) if at < len(tokens) else ""
    return (at + 1, text) if text in ("left", "right", "top", "bottom") else None


def _lettering(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
    height = _LETTERING.get(tokens[at].text) if at < len(tokens) else None
    return (at + 1, height) if height else None


SLOTS: Mapping[str, Slot] = {
    "little": _degree(LITTLE, "little"),
    "lot": _degree(LOT, "lot"),
    "percent": _percent,
    "signed": _signed,
    "colour": _colour,
    "quoted": _quoted,
    "ratio": _ratio,
    "dimensions": _dimensions,
    "degrees": _measure(-360, 360, "degrees", "degrees", optional=True),
    "pixels": _measure(1, 16384, "pixels", "px"),
    "levels": _measure(2, 64, "colours"),
    "stops": _measure(-5, 5, "stops"),
    "position": _position,
    "side": _side,
    "region": _region,
    "lettering": _lettering,
}

"""What may stand in the gaps of a phrase: amounts, numbers, colours, places, quoted text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache

from editchain.classes import dataclass
from editchain.imaging.colours import NAMES, colour
from editchain.imaging.letters import composed, missing, missing_message


@dataclass(frozen=True, slots=True)
class Token:
    """A word, number, sign, list (it begins with a bracket) or quoted text (with a quote), normalised; its place."""

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
    [
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
        "delicate",
        "delicately",
        "smidge",
        "slighter",
    ]
)
LOT = frozenset(
    [
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
        "super",
        "drastically",
    ]
)
_LEAST = frozenset(("very", "ever", "so"))
"""What may stand before a word for little without making it much: a very subtle vignette."""

_MORE_COLOURS = {
    "cream": "#fff5dc", "burgundy": "#800020", "charcoal": "#36454f", "mint": "#98ff98", "peach": "#ffdab9",
    "mustard": "#e1ad01", "rose": "#ff66a3", "amber": "#ffbf00", "emerald": "#50c878", "ruby": "#9b111e",
    "sapphire": "#0f52ba", "off white": "#faf9f6", "navy blue": "#000080", "golden": "#ffd700",
    "blood red": "#8a0303", "bright red": "#ff0000", "sand": "#c2b280", "terracotta": "#e2725b",
    "copper": "#b87333", "bronze": "#cd7f32", "lilac": "#c8a2c8", "mauve": "#e0b0ff", "ochre": "#cc7722",
}  # fmt: skip
_PARTS = (
    "dark", "light", "medium", "deep", "pale", "hot", "dim", "dodger", "cadet", "steel", "slate", "sky", "sea", "spring",
    "forest", "lawn", "lime", "olive", "midnight", "royal", "powder", "cornflower", "rosy", "sandy", "saddle", "navajo",
    "misty", "mint", "antique", "ghost", "yellow", "blue", "green", "rebecca", "white",
)  # fmt: skip
"""What the names of colours begin with that are written as one word."""


def _spaced(name: str) -> str:
    for part in _PARTS:
        name = name.replace(part, f"{part} ")
    return " ".join(name.split())


# British words, as prompts are read with them
_COLOURS = {name: f"#{value:06x}" for name, value in NAMES.items()} | _MORE_COLOURS
_COLOURS |= {_spaced(name): value for name, value in _COLOURS.items()}

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
_REGIONS = {
    "subject": "subject", "background": "background", "sky": "sky", "face": "faces", "faces": "faces",
    "centre": "centre", "middle": "centre", "shadows": "shadows", "highlights": "highlights", "midtones": "midtones",
    "reds": "reds", "oranges": "oranges", "yellows": "yellows", "greens": "greens", "blues": "blues",
    "purples": "purples", "pinks": "pinks", "cyans": "cyans", "magentas": "magentas",
}  # fmt: skip
_PIECES = {"half": "half", "side": "half", "third": "third", "quarter": "quarter"}
_SHARES = {"half": 0.5, "third": 0.333333, "quarter": 0.25}
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5}
_SHADOWS = {
    "soft": 0.35, "subtle": 0.3, "light": 0.3, "slight": 0.3, "faint": 0.25, "strong": 0.8, "dark": 0.8, "hard": 0.8,
    "heavy": 0.8, "drop": None, "natural": None, "contact": None,
}  # fmt: skip
_IMAGE = ("image", "picture", "photo")


@cache
def words() -> frozenset[str]:
    """Every word that some slot can read."""
    return frozenset().union(
        LITTLE,
        LOT,
        _LEAST,
        *(name.split() for name in _COLOURS),
        _LETTERING,
        *_POSITIONS,
        _SAME_PLACE,
        _REGIONS,
        _PIECES,
        _SHARES,
        _ORDINALS,
        _SHADOWS,
        (
            "only",
            "hand",
            "box",
            "area",
            "reference",
            "other",
            "image",
            "picture",
            "photo",
            "px",
            "%",
            "x",
            ":",
            "main",
            "times",
            "shadow",
            "matching",
            "matched",
            "match",
            "colours",
        ),
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


_STOPS = _measure(-5, 5, "stops")
_STOPS_IN_WORDS = {"half": 0.5, "one": 1, "two": 2, "three": 3}


def _stops(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
    word = tokens[at].text if at < len(tokens) else ""
    return (at + 1, _STOPS_IN_WORDS[word]) if word in _STOPS_IN_WORDS else _STOPS(tokens, at)


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


def _degree(vocabulary: frozenset[str], value: str, before: frozenset[str] = frozenset()) -> Slot:
    """One or two words of degree, "a little bit", "very much", after words such as "very" or "ever so"."""

    def read(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
        start = at
        while _unit(tokens, start, *before) and start < at + 2:
            start += 1
        end = start
        while _unit(tokens, end, *vocabulary) and end < start + 2:
            end += 1
        return (end, value) if end > start else None

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
    text = composed(" ".join(tokens[at].text[1:].split()))
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
    """A part of the picture by name, "left half", "top third", "sky", or as a box."""
    at += _unit(tokens, at, "only")
    box = _box(tokens, at)
    if box is not None:
        return box
    side = _side(tokens, at)
    if side:
        middle = at + 1 + _unit(tokens, at + 1, "hand")
        piece = _PIECES.get(tokens[middle].text) if middle < len(tokens) else None
        return (middle + 1, f"{side[1]} {piece}") if piece else None
    if _unit(tokens, at, "main") and _unit(tokens, at + 1, "subject"):
        return at + 2, "subject"
    name = _REGIONS.get(tokens[at].text) if at < len(tokens) else None
    return (at + 1, name) if name else None


def _box(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
    """Four numbers in brackets, x, y, width and height, after the word box or area or without it."""
    at += _unit(tokens, at, "box", "area")
    if at >= len(tokens) or not tokens[at].text.startswith("["):
        return None
    numbers = _numbers(tokens[at].text)
    if numbers is None or len(numbers) != 4 or min(numbers) < 0 or min(numbers[2:]) == 0:
        return at + 1, Unfit("a box is [x, y, width, height], of parts of the picture or pixels")
    if max(numbers) <= 1 and (numbers[0] + numbers[2] > 1 or numbers[1] + numbers[3] > 1):
        return at + 1, Unfit("the box reaches beyond the picture")
    return at + 1, numbers


def _corners(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
    """Eight numbers in brackets: four corners, from the top left clockwise."""
    if at >= len(tokens) or not tokens[at].text.startswith("["):
        return None
    numbers = _numbers(tokens[at].text)
    if numbers is None or len(numbers) != 8 or min(numbers) < 0:
        return at + 1, Unfit("four corners are [x1, y1, x2, y2, x3, y3, x4, y4], from the top left clockwise")
    return at + 1, numbers


def _numbers(text: str) -> tuple[float, ...] | None:
    parts = [part for part in re.split(r"[\s,;]+", text.strip("[] \t\n")) if part]
    return tuple(_whole(float(part)) for part in parts) if all(map(NUMBER.fullmatch, parts)) else None


def _reference(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
    """Which of the references, from 1: "the reference", "the second reference", "the second image", "image 3"."""
    if _unit(tokens, at, "reference"):
        end = at + 1 + _unit(tokens, at + 1, *_IMAGE)
        number = _number(tokens, end)
        return (end, 1) if number is None or not number.is_integer() else _nth(end + 1, number)
    if _unit(tokens, at, "other") and _unit(tokens, at + 1, "reference", *_IMAGE):
        return at + 2, 1
    ordinal = _ORDINALS.get(tokens[at].text) if at < len(tokens) else None
    if ordinal and _unit(tokens, at + 1, "reference"):
        return _nth(at + 2 + _unit(tokens, at + 2, *_IMAGE), ordinal)
    if ordinal and _unit(tokens, at + 1, *_IMAGE):
        return _nth(at + 2, ordinal - 1)
    number = _number(tokens, at + 1) if _unit(tokens, at, *_IMAGE) else None
    return _nth(at + 2, number - 1) if number is not None else None


def _shadow(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
    """How dark a shadow is: "soft shadow", "strong drop shadow"."""
    depth, end = 0.5, at
    while end < len(tokens) and end < at + 3:
        text = tokens[end].text
        if text == "shadow":
            return end + 1, depth
        if text not in _SHADOWS:
            return None
        depth, end = _SHADOWS[text] or depth, end + 1
    return None


def _matching(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
    said = _unit(tokens, at, "matching", "matched", "match") and _unit(tokens, at + 1, "colours")
    return (at + 2, True) if said else None


def _nth(end: int, number: float) -> tuple[int, object]:
    if number == 0:
        return end, Unfit(
            "the first image is the one that is edited; the references are the second and so on"
        )
    if number not in (1, 2, 3, 4, 5):
        return end, Unfit("there are at most 5 references")
    return end, int(number)


def _share(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
    part = _SHARES.get(tokens[at].text) if at < len(tokens) else None
    return (at + 1, part) if part else None


def _side(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
    text = _SAME_PLACE.get(tokens[at].text, tokens[at].text) if at < len(tokens) else ""
    return (at + 1, text) if text in ("left", "right", "top", "bottom") else None


def _level(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
    side = _side(tokens, at)
    return side if side and side[1] in ("top", "bottom") else None


def _lettering(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
    height = _LETTERING.get(tokens[at].text) if at < len(tokens) else None
    return (at + 1, height) if height else None


SLOTS: Mapping[str, Slot] = {
    "little": _degree(LITTLE, "little", _LEAST),
    "lot": _degree(LOT, "lot"),
    "percent": _percent,
    "signed": _signed,
    "colour": _colour,
    "quoted": _quoted,
    "ratio": _ratio,
    "dimensions": _dimensions,
    "degrees": _measure(-360, 360, "degrees", "degrees", optional=True),
    "pixels": _measure(1, 16384, "pixels", "px"),
    "length": _measure(1, 16384, "pixels", "px", optional=True),
    "levels": _measure(2, 64, "colours"),
    "count": _measure(1, 100, "faces"),
    "factor": _measure(1, 8, "times", "x", "times"),
    "share": _share,
    "box": _box,
    "corners": _corners,
    "reference": _reference,
    "shadow": _shadow,
    "matching": _matching,
    "stops": _stops,
    "position": _position,
    "side": _side,
    "level": _level,
    "region": _region,
    "lettering": _lettering,
}

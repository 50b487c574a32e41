"""What may stand in the gaps of a phrase: amounts, numbers, colours, places, quoted text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache

from editchain.classes import dataclass
from editchain.darkroom.terms import (
    COLOURS,
    CORNERS,
    HUES,
    IMAGE,
    LEAST,
    LETTERING,
    LITTLE,
    LOT,
    ORDINALS,
    OTHERS,
    PIECES,
    POSITIONS,
    REGIONS,
    REST,
    SAME_PLACE,
    SHADOWS,
    SHARES,
    STOPS_IN_WORDS,
)
from editchain.imaging.colours import colour
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


@cache
def words() -> frozenset[str]:
    """Every word that some slot can read."""
    return frozenset().union(
        LITTLE,
        LOT,
        LEAST,
        *(name.split() for name in COLOURS),
        LETTERING,
        *POSITIONS,
        SAME_PLACE,
        REGIONS,
        PIECES,
        SHARES,
        ORDINALS,
        SHADOWS,
        STOPS_IN_WORDS,
        CORNERS,
        OTHERS,
    )


def _number(tokens: Sequence[Token], at: int) -> float | None:
    text = tokens[at].text if at < len(tokens) else ""
    return float(text) if NUMBER.fullmatch(text) else None


def _unit(tokens: Sequence[Token], at: int, *units: str) -> bool:
    return at < len(tokens) and tokens[at].text in units


def _whole(value: float) -> float:
    return int(value) if value.is_integer() else value


def _measure(
    least: float, most: float, name: str, *units: str, optional: bool = False, whole: bool = False
) -> Slot:
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
        if whole and not value.is_integer():
            return end, Unfit(f"{value:g} is no whole number of {name}")
        return end, _whole(value)

    return read


_STOPS = _measure(-5, 5, "stops")


def _stops(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
    """A number of stops: "1.5", "one", "half", "third of", "1/3"."""
    word = tokens[at].text if at < len(tokens) else ""
    if word in STOPS_IN_WORDS:
        return at + 1 + _unit(tokens, at + 1, "of"), STOPS_IN_WORDS[word]
    part, of = _number(tokens, at), _number(tokens, at + 2)
    if part and of and _unit(tokens, at + 1, "/"):
        return at + 3, round(part / of, 6)
    return _STOPS(tokens, at)


def _smaller(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
    """How large a picture is that is made smaller by a percentage."""
    found = _percent(tokens, at)
    if found is None:
        return None
    part = float(str(found[1]))
    if not 0 < part < 1:
        return found[0], Unfit(f"smaller by {part:.0%} leaves no picture")
    return found[0], round(1 - part, 6)


def _larger(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
    """How large a picture is that is made larger by a percentage."""
    found = _percent(tokens, at)
    return (found[0], round(1 + float(str(found[1])), 6)) if found else None


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
        if text in COLOURS:
            return end, COLOURS[text]
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
    """A shape: "16:9", "16/9", and "4x5" where that is no size in pixels."""
    width, height = _number(tokens, at), _number(tokens, at + 2)
    if width is None or height is None:
        return None
    if not _unit(tokens, at + 1, ":", "/") and not _is_shape(tokens, at, width, height):
        return None
    if min(width, height) <= 0 or not 0.05 <= width / height <= 20:
        return at + 3, Unfit(f"{width:g}:{height:g} is no shape for a picture")
    return at + 3, f"{width:g}:{height:g}"


def _is_shape(tokens: Sequence[Token], at: int, width: float, height: float) -> bool:
    """Whether two numbers with "x" or "by" between them are a shape, as of a print, rather than a size in pixels."""
    is_alike = width == height and width >= _SMALLEST_ICON
    return (
        _unit(tokens, at + 1, "x", "by")
        and not _unit(tokens, at + 3, "px")
        and max(width, height) < _SMALLEST_PICTURE
        and not is_alike
    )


_SMALLEST_ICON = 8
_SMALLEST_PICTURE = 64
"""Pixels a side, from which on numbers without a unit are taken for pixels."""


def _oriented(is_tall: bool) -> Slot:
    """A ratio that is taller than wide, or wider than tall, as the word beside it says."""

    def read(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
        found = _ratio(tokens, at)
        if found is None or isinstance(found[1], Unfit):
            return found
        width, height = map(float, str(found[1]).split(":"))
        if (height > width) != is_tall:
            return found[0], Unfit(
                f"{found[1]} is not {'taller than wide' if is_tall else 'wider than tall'}"
            )
        return found

    return read


def _dimensions(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
    width, height = _number(tokens, at), _number(tokens, at + 2)
    if width is None or height is None or not _unit(tokens, at + 1, "x", "by"):
        return None
    end = at + 4 if _unit(tokens, at + 3, "px") else at + 3
    if _is_shape(tokens, at, width, height):
        said = f"{width:g}x{height:g}"
        return end, Unfit(
            f'{said} may be a shape or a size: "crop to {width:g}:{height:g}" is the shape, "{said} px" the size'
        )
    if not all(1 <= side <= 16384 and side.is_integer() for side in (width, height)):
        return end, Unfit(f"{width:g}×{height:g} is no size in pixels")
    return end, (int(width), int(height))


def _position(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
    for length in (2, 1):
        key = tuple(SAME_PLACE.get(token.text, token.text) for token in tokens[at : at + length])
        if key in POSITIONS:
            return at + len(key), POSITIONS[key]
    return None


def _region(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
    """A part of the picture by name, "left half", "top left corner", "sky", or as a box."""
    at += _unit(tokens, at, "only")
    found = _box(tokens, at) or _all_but(tokens, at) or _corner(tokens, at) or _beside(tokens, at)
    if found is None:
        at += _unit(tokens, at, "main") and _unit(tokens, at + 1, "subject")
        name = REGIONS.get(tokens[at].text) if at < len(tokens) else None
        found = (at + 1, name) if name else None
    return (found[0] + _unit(tokens, found[0], "only"), found[1]) if found else None


def _beside(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
    """A part along one side: "left half", "right hand third"."""
    side = _side(tokens, at)
    middle = at + 1 + _unit(tokens, at + 1, "hand")
    piece = PIECES.get(tokens[middle].text) if side and middle < len(tokens) else None
    return (middle + 1, f"{side[1]} {piece}") if side and piece else None


def _corner(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
    """ "Top left", "lower right corner": a quarter of the picture."""
    level, side = _level(tokens, at), _side(tokens, at + 1)
    if level is None or side is None or side[1] not in ("left", "right"):
        return None
    end = at + 2 + _unit(tokens, at + 2, "hand")
    if _unit(tokens, end, "half", "third"):
        return None
    return end + _unit(tokens, end, *CORNERS), f"{level[1]} {side[1]}"


def _all_but(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
    """ "Everything but the subject" is the background, and the other way round."""
    if not _unit(tokens, at, "everything", "all") or not _unit(tokens, at + 1, "but", "except"):
        return None
    last = at + 2 + _unit(tokens, at + 2, "for")
    rest = REST.get(tokens[last].text) if last < len(tokens) else None
    return (last + 1, rest) if rest else None


def _tones(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
    """What is dark, bright or between."""
    is_tone = _unit(tokens, at, "shadows", "highlights", "midtones")
    return (at + 1, tokens[at].text) if is_tone else None


def _hues(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
    """ "The reds", for the red that they are around."""
    found = HUES.get(tokens[at].text) if at < len(tokens) else None
    return (at + 1, found) if found else None


def _vivid(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
    """A colour that has a hue: neither black nor white nor grey."""
    found = _colour(tokens, at)
    if found is None or isinstance(found[1], Unfit):
        return found
    channels = colour(str(found[1])) or (0,)
    return found if max(channels[:3]) - min(channels[:3]) > 24 else None


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
        end = at + 1 + _unit(tokens, at + 1, *IMAGE)
        number = _number(tokens, end)
        return (end, 1) if number is None or not number.is_integer() else _nth(end + 1, number)
    if _unit(tokens, at, "other") and _unit(tokens, at + 1, "reference", *IMAGE):
        return at + 2, 1
    ordinal = ORDINALS.get(tokens[at].text) if at < len(tokens) else None
    if ordinal and _unit(tokens, at + 1, "reference"):
        return _nth(at + 2 + _unit(tokens, at + 2, *IMAGE), ordinal)
    if ordinal and _unit(tokens, at + 1, *IMAGE):
        return _nth(at + 2, ordinal - 1)
    number = _number(tokens, at + 1) if _unit(tokens, at, *IMAGE) else None
    return _nth(at + 2, number - 1) if number is not None else None


def _shadow(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
    """How dark a shadow is: "soft shadow", "strong drop shadow"."""
    depth, end = 0.5, at
    while end < len(tokens) and end < at + 3:
        text = tokens[end].text
        if text == "shadow":
            return end + 1, depth
        if text not in SHADOWS:
            return None
        depth, end = SHADOWS[text] or depth, end + 1
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
    part = SHARES.get(tokens[at].text) if at < len(tokens) else None
    return (at + 1, part) if part else None


def _side(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
    text = SAME_PLACE.get(tokens[at].text, tokens[at].text) if at < len(tokens) else ""
    return (at + 1, text) if text in ("left", "right", "top", "bottom") else None


def _level(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
    side = _side(tokens, at)
    return side if side and side[1] in ("top", "bottom") else None


def _lettering(tokens: Sequence[Token], at: int) -> tuple[int, object] | None:
    height = LETTERING.get(tokens[at].text) if at < len(tokens) else None
    return (at + 1, height) if height else None


SLOTS: Mapping[str, Slot] = {
    "little": _degree(LITTLE, "little", LEAST),
    "lot": _degree(LOT, "lot"),
    "percent": _percent,
    "signed": _signed,
    "colour": _colour,
    "quoted": _quoted,
    "ratio": _ratio,
    "tall": _oriented(is_tall=True),
    "wide": _oriented(is_tall=False),
    "dimensions": _dimensions,
    "degrees": _measure(-360, 360, "degrees", "degrees", optional=True),
    "pixels": _measure(1, 16384, "pixels", "px"),
    "length": _measure(1, 16384, "pixels", "px", optional=True, whole=True),
    "levels": _measure(2, 64, "colours"),
    "count": _measure(1, 100, "faces"),
    "factor": _measure(1, 8, "times", "x", "times"),
    "share": _share,
    "smaller": _smaller,
    "larger": _larger,
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
    "tones": _tones,
    "hues": _hues,
    "vivid": _vivid,
    "lettering": _lettering,
}

"""Scalars of declared types: what fits a type and its limits, and what to say where it does not."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from editchain.diagnostics import did_you_mean, one_of
from editchain.language.syntax import scalar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SCALARS = ("string", "integer", "number", "boolean")
NOUNS: Mapping[str, str] = {
    "image": "an image",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}


class Misfit(NamedTuple):
    """Why a value does not fit: a stable code, a sentence, and what would be right."""

    code: str
    message: str
    suggestion: str | None = None


def scalar_problem(
    value: Any, kind: str, limits: Mapping[str, Any], spelt: str | None = None
) -> Misfit | None:
    """What is wrong with a scalar under a declared type and its limits (`enum`, `minimum`, ...).

    `spelt` is a number as it was written, for the message.
    """
    if not _FITS[kind](value):
        said = spelt if spelt is not None and type(value) in (int, float) else _quoted(value)
        return Misfit("wrong-type", f"{said} is not {NOUNS[kind]}.", _as_meant(value, kind, said))
    if "enum" in limits and not any(value == one and type(value) is type(one) for one in limits["enum"]):
        allowed = [shown(one) for one in limits["enum"]]
        offer = did_you_mean(shown(value), allowed)
        return Misfit("not-one-of", f"{_quoted(value)} is none of {one_of(allowed)}.", offer)
    return _beyond(value, limits) or _against_pattern(value, limits)


def _beyond(value: Any, limits: Mapping[str, Any]) -> Misfit | None:
    if type(value) not in (int, float):
        return None
    if "minimum" in limits and value < limits["minimum"]:
        return Misfit("out-of-range", f"{value} is less than the least, {limits['minimum']}.")
    if "maximum" in limits and value > limits["maximum"]:
        return Misfit("out-of-range", f"{value} is more than the most, {limits['maximum']}.")
    return None


def _against_pattern(value: Any, limits: Mapping[str, Any]) -> Misfit | None:
    pattern = limits.get("pattern")
    if not isinstance(pattern, str) or not isinstance(value, str) or (matches := matcher(pattern)) is None:
        return None
    return None if matches(value) else Misfit("pattern", f'"{value}" does not match the pattern {pattern}.')


@lru_cache(maxsize=64)
def matcher(pattern: str) -> Callable[[str], bool] | None:
    """A test for a regular expression of JSON Schema; None where it is malformed or too large.

    Its engine takes time in proportion to the text, so that no pattern can hang the check.
    """
    import jsonschema_rs

    try:
        return jsonschema_rs.Draft202012Validator({"pattern": pattern}).is_valid
    except (ValueError, jsonschema_rs.ValidationError):
        return None


def typed(text: Any, kind: str) -> Any:
    """A text from the command line or a table as the declared type reads it; itself where it does not fit."""
    if kind in ("string", "image") or not isinstance(text, str):
        return text
    # Spreadsheets write TRUE and FALSE.
    looked = scalar(text.strip().lower() if kind == "boolean" else text.strip())
    fits = isinstance(looked, bool) if kind == "boolean" else type(looked) in (int, float)
    return looked if fits else text


def type_of(value: object) -> str:
    """The declared type that a scalar would have."""
    if isinstance(value, bool):
        return "boolean"
    return "string" if isinstance(value, str) else "number"


def shown(value: Any) -> str:
    """A value for a message."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list) else str(value)


def width_of(value: Any) -> int:
    """How many characters a value is marked with in its line."""
    return max(1, min(60, len(shown(value)))) if isinstance(value, (str, int, float)) else 1


def _quoted(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else shown(value)


def _as_meant(value: Any, kind: str, said: str) -> str | None:
    if kind == "string" and value is not None and not isinstance(value, (dict, list)):
        return f'Put it in quotes: "{said}".'
    if kind == "boolean" and isinstance(value, str) and value.strip().lower() in _SAYS:
        return f"Write {_SAYS[value.strip().lower()]}."
    if isinstance(value, str) and _FITS[kind](typed(value, kind)):
        return f"Write {value.strip()} without the quotes."
    return None


_SAYS: Mapping[str, str] = {
    **dict.fromkeys(("yes", "on", "y", "true"), "true"),
    **dict.fromkeys(("no", "off", "n", "false"), "false"),
}
"""What people write for true and false elsewhere."""

_FITS: Mapping[str, Callable[[Any], bool]] = {
    "string": lambda one: isinstance(one, str),
    "integer": lambda one: type(one) is int or (type(one) is float and one.is_integer()),
    "number": lambda one: type(one) in (int, float),
    "boolean": lambda one: isinstance(one, bool),
}

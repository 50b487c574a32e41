"""Declarations of inputs: names, types, and the limits that each type may have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from editchain.diagnostics import Place, did_you_mean, nearest, one_of
from editchain.language.references import NAME
from editchain.language.scalars import SCALARS, matcher, scalar_problem, shown, width_of
from editchain.language.syntax import Map, Seq

if TYPE_CHECKING:
    from collections.abc import Mapping

    from editchain.diagnostics import Problems, Source

TYPES = ("image", "images", *SCALARS, "list", "table")
COLUMN_TYPES = ("image", *SCALARS)
"""The types of a table's columns and of a list's values."""

_LIMITS: Mapping[str, tuple[str, ...]] = {
    "string": ("enum", "pattern"),
    "integer": ("enum", "minimum", "maximum"),
    "number": ("enum", "minimum", "maximum"),
    "list": ("of", "enum", "minimum", "maximum", "pattern"),
    "table": ("columns", "key"),
}


class Declarations:
    """Checks the input declarations of one pipeline file, and takes out of them what cannot be used."""

    def __init__(self, source: Source, problems: Problems) -> None:
        self.source = source
        self.problems = problems

    def check_name(self, name: str, at: int) -> bool:
        if name == "sample":
            message = 'The name "sample" is reserved for the samples of a step.'
            self._error(at, "reserved-name", message, "Choose another name.", width=len(name))
            return False
        if not NAME.fullmatch(name):
            message = f'"{name}" is no name: a name is made of a-z, 0-9 and _, and begins with a letter.'
            self._error(at, "bad-name", message, better_name(name), width=len(name))
            return False
        return True

    def check_kind(self, where: str, raw: Map, key_at: int) -> bool:
        kind = raw.get("type")
        if kind is None:
            near = next((key for key in raw if nearest(key, ("type",))), None)
            if near is not None and "type" not in raw:
                message = f'{where}: an input has no "{near}".'
                at = raw.places[near][0]
                self._error(at, "unknown-field", message, 'Did you mean "type"?', width=len(near))
                raw.respell(near, ("type",))
                return self.check_kind(where, raw, key_at)
            at = raw.places["type"][1] if "type" in raw else key_at
            self._error(at, "missing-field", f"{where}: an input needs a type.", f"One of {one_of(TYPES)}.")
            return False
        if not isinstance(kind, str) or kind not in TYPES:
            offer = did_you_mean(str(kind), TYPES) or f"One of {one_of(TYPES)}."
            if kind in ("text", "str"):
                offer = 'Write "string".'
            message = f'{where}.type: there is no type "{shown(kind)}".'
            self._error(raw.places["type"][1], "unknown-type", message, offer, width=width_of(kind))
            return False
        return True

    def check_fields(self, where: str, kind: str, raw: Map) -> None:
        allowed = ("type", "default", "description", *_LIMITS.get(kind, ()))
        for key in list(raw):
            if key not in allowed:
                offer = did_you_mean(key, allowed) or f"It takes {one_of(sorted(allowed))}."
                message = f'{where}: an input of type {kind} has no "{key}".'
                self._error(raw.places[key][0], "unknown-field", message, offer, width=len(key))
                raw.respell(key, allowed)
        for key in allowed[2:]:
            if key in raw and raw[key] is None:
                message = f"{where}.{key} has no value."
                self._error(raw.places[key][1], "null-value", message, "Remove it, or give it a value.")
                del raw[key]
        if not isinstance(raw.get("description", ""), str):
            self._wants(where, raw, "description", "text", "Put it in quotes.")
        if "of" in raw and raw["of"] not in COLUMN_TYPES:
            of = raw["of"]
            message = f'{where}.of: a list holds one of {one_of(COLUMN_TYPES)}, not "{shown(of)}".'
            nearest = did_you_mean(str(of), COLUMN_TYPES)
            self._error(raw.places["of"][1], "unknown-type", message, nearest, width=width_of(of))
            del raw["of"]
        self._check_pattern(where, raw)
        self._check_bounds(where, raw)
        self._check_enum(where, raw.get("of") if kind == "list" else kind, raw)
        if kind == "table":
            self._check_columns(where, raw)

    def _wants(self, where: str, raw: Map, key: str, noun: str, hint: str | None = None) -> None:
        at = raw.places[key][1]
        self._error(at, "wrong-type", f"{where}.{key} is {noun}.", hint, width=width_of(raw[key]))
        del raw[key]

    def _check_pattern(self, where: str, raw: Map) -> None:
        pattern = raw.get("pattern", "")
        if not isinstance(pattern, str):
            self._wants(
                where, raw, "pattern", "a regular expression", f'Put it in quotes: "{shown(pattern)}".'
            )
        elif pattern and matcher(pattern) is None:
            message = f"{where}.pattern is not a regular expression{_why_malformed(pattern)}."
            hint = "It is one of JSON Schema, such as ^[a-z]+$."
            self._error(raw.places["pattern"][1], "bad-pattern", message, hint, width=len(pattern))
            del raw["pattern"]

    def _check_bounds(self, where: str, raw: Map) -> None:
        for key in ("minimum", "maximum"):
            if key in raw and type(raw[key]) not in (int, float):
                self._wants(where, raw, key, "a number")
        if "minimum" in raw and "maximum" in raw and raw["minimum"] > raw["maximum"]:
            message = f"{where}: nothing is at least {raw['minimum']} and at most {raw['maximum']}."
            self._error(raw.places["maximum"][1], "out-of-range", message, "Exchange the two.")

    def _check_enum(self, where: str, kind: str | None, raw: Map) -> None:
        if "enum" not in raw:
            return
        allowed = raw["enum"]
        if not isinstance(allowed, Seq) or not allowed:
            self._wants(where, raw, "enum", "a list of the values that are allowed", "Write enum: [a, b].")
            return
        for one, at in zip(allowed, allowed.places, strict=True):
            misfit = None if kind not in SCALARS else scalar_problem(one, kind, {})
            if misfit is not None:
                message = f"{where}.enum: {misfit.message}"
                self._error(at, misfit.code, message, misfit.suggestion, width=width_of(one))
                raw.pop("enum", None)  # what may be given is not known

    def _check_columns(self, where: str, raw: Map) -> None:
        columns = raw.get("columns", Map(0))
        if not isinstance(columns, Map):
            hint = "Write columns: {photo: image}."
            self._wants(where, raw, "columns", "a mapping from column names to types", hint)
            return
        for column, kind in columns.items():
            if kind not in COLUMN_TYPES:
                offer = did_you_mean(str(kind), COLUMN_TYPES) or f"One of {one_of(COLUMN_TYPES)}."
                message = f'{where}.columns.{column}: there is no type "{shown(kind)}" for a column.'
                at = columns.places[column][1]
                self._error(at, "unknown-type", message, offer, width=width_of(kind))

    def _error(
        self, at: int, code: str, message: str, suggestion: str | None = None, *, width: int = 1
    ) -> None:
        self.problems.error(Place(self.source, at), code, message, suggestion, width=max(1, width))


def better_name(name: str) -> str | None:
    """A sentence that offers a name made of the allowed characters."""
    offered = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_").lstrip("0123456789_")
    return f'Write "{offered}".' if offered and offered != "sample" else None


def _why_malformed(pattern: str) -> str:
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        return f": {error}"
    return " of JSON Schema, or is too large"

"""Inputs: their declarations, and what they were given, as values with dimensions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from editchain.artifacts import kind_of
from editchain.diagnostics import Place, did_you_mean, one_of
from editchain.language.declaring import TYPES, Declarations
from editchain.language.filling import Asked, Bound, Filler
from editchain.language.reading import Unfit
from editchain.language.rows import TableFiller
from editchain.language.scalars import SCALARS, typed, width_of
from editchain.language.syntax import UNWRITABLE, Map
from editchain.pipeline import UNKNOWN, Dimension, Input

if TYPE_CHECKING:
    from collections.abc import Mapping

    from editchain.diagnostics import Problems, Source
    from editchain.language.given import Given
    from editchain.language.reading import Reader


class InputLoader:
    """Reads the input declarations of one pipeline file and binds what they were given."""

    def __init__(self, source: Source, base: str, reader: Reader, problems: Problems) -> None:
        self.source = source
        self.base = base
        self.problems = problems
        self._declarations = Declarations(source, problems)
        self._filler = filler = Filler(reader, problems)
        self._fill = {
            "image": filler.pictures,
            "images": filler.pictures,
            "list": filler.listed,
            "table": TableFiller(filler, source).fill,
        }

    def load(
        self,
        declared: Map,
        given: Mapping[str, Given],
        handed: Mapping[str, Any] | None,
        *,
        needs_all: bool,
    ) -> dict[str, Input]:
        """Every declared input with its value.

        `handed` has what a calling pipeline hands in (those inputs are bound by the caller); `needs_all` makes a
        required input without a value a problem (a run), which is otherwise left unknown (validation).
        """
        inputs = {}
        for name, raw in declared.items():
            key_at, value_at = declared.places[name]
            if not self._declarations.check_name(name, key_at) or raw is UNKNOWN:
                continue
            if not isinstance(raw, Map):
                message = f"inputs.{name}: an input is a mapping."
                hint = (
                    f"Write {{type: image, default: {raw}}}."
                    if isinstance(raw, str)
                    else "Write {type: image}."
                )
                if raw in TYPES:
                    hint = f"Write {{type: {raw}}}."
                at = key_at if raw is None else value_at
                self._error(at, "wrong-type", message, hint, width=width_of(raw))
                continue
            is_handed = handed is not None and name in handed
            one = self._declare(name, raw, key_at, given.get(name), is_handed=is_handed, needs_all=needs_all)
            if one is not None:
                inputs[name] = one
        for name, value in given.items():
            if name not in declared:
                self._unknown_given(name, value, declared)
        return inputs

    def bind_written(self, name: str, declared: Map, value: Any, at: int) -> Input | None:
        """The input of another file's declaration with a value that stands in this file."""
        asked = self._asked(name, str(declared.get("type")), declared, Place(self.source, at))
        bound = self._bind(asked, value)
        if bound.value is UNKNOWN and bound.dimension is None:
            return None
        return Input(
            name, asked.kind, bound.value, bound.text, bound.dimension, False, asked.place, asked.place, True
        )

    def _unknown_given(self, name: str, value: Given, declared: Map) -> None:
        offer = did_you_mean(name, declared)
        offer = offer or (f"It has {one_of(declared)}." if declared else "It has none.")
        place = value.key_place or Place(self.source, 0)
        where = "" if value.place else " (given on the command line)"
        message = f'This pipeline has no input "{name}"{where}.'
        self.problems.error(place, "unknown-input", message, offer, width=len(name) if value.place else 1)

    def _declare(
        self, name: str, raw: Map, key_at: int, given: Given | None, *, is_handed: bool, needs_all: bool
    ) -> Input | None:
        if raw.get("type") is UNKNOWN or not self._declarations.check_kind(f"inputs.{name}", raw, key_at):
            return None
        kind = str(raw["type"])
        self._declarations.check_fields(f"inputs.{name}", kind, raw)
        is_required = "default" not in raw
        value_at = key_at if is_required else raw.places["default"][1]
        bound = Bound()
        place = Place(self.source, value_at)
        if is_handed:
            pass
        elif given is not None:
            place = given.place or Place(self.source, key_at)
            bound = self._given(name, kind, raw, given, place)
        elif not is_required:
            value = raw["default"]
            asked = self._asked(name, kind, raw, place)
            bound = Bound(None) if value is None else self._bind(asked, value)
        elif needs_all:
            message = f'The input "{name}" is not given and has no default.'
            self._error(key_at, "missing-input", message, f"Give it with -i {name}=...", width=len(name))
        dimension = bound.dimension
        if dimension is None and kind in ("images", "list", "table") and bound.value is UNKNOWN:
            columns = tuple(raw["columns"]) if isinstance(raw.get("columns"), Map) else None
            dimension = Dimension(name, None, columns=columns, place=Place(self.source, key_at))
        key_place = Place(self.source, key_at)
        return Input(
            name, kind, bound.value, bound.text, dimension, is_required, key_place, place, given is not None
        )

    def _asked(self, name: str, kind: str, raw: Map, place: Place) -> Asked:
        return Asked(name, kind, raw, place, self.base, anywhere=False, where=f"inputs.{name}")

    def _given(self, name: str, kind: str, raw: Map, given: Given, place: Place) -> Bound:
        asked = Asked(name, kind, raw, place, given.base, anywhere=True, where=f"inputs.{name}")
        if not given.is_text:
            if given.values[0] is None:
                message = f"The input {name} is given nothing."
                self.problems.error(place, "null-value", message, "Leave it out, or give it a value.")
                return Bound()
            return self._bind(asked, given.values[0])
        asked = replace(asked, where=f"inputs.{name} (given on the command line)", spellings=given.values)
        text, *more = given.values
        texts = given.values if kind in (*SCALARS, "list") else filter(kind_of, given.values)
        if odd := UNWRITABLE.search("".join(texts)):
            message = f"{asked.where}: the character U+{ord(odd.group()):04X} may not stand in a text."
            self.problems.error(place, "control-character", message, "Give it without.", width=len(name))
            return Bound()
        if kind in SCALARS:
            if more:
                message = f"{asked.where} takes one value, and there are {1 + len(more)}."
                self.problems.error(place, "wrong-type", message, "Give it once.", width=len(name))
                return Bound()
            return self._bind(asked, typed(text, kind))
        if kind == "list":
            items = given.values if more else _split(text)
            of = str(raw.get("of", "string"))
            return self._bind(replace(asked, spellings=items), [typed(item, of) for item in items])
        return self._bind(asked, [text, *more] if more else text)

    def _bind(self, asked: Asked, value: Any) -> Bound:
        if value is UNKNOWN:
            return Bound()
        try:
            return self._fill.get(asked.kind, self._filler.scalar)(asked, value)
        except Unfit as unfit:
            marked = asked.name if asked.spellings else value
            self._filler.unfit(asked.place, asked.where, unfit, marked)
        return Bound()

    def _error(
        self, at: int, code: str, message: str, suggestion: str | None = None, *, width: int = 1
    ) -> None:
        self.problems.error(Place(self.source, at), code, message, suggestion, width=max(1, width))


def _split(text: str) -> tuple[str, ...]:
    stripped = text.strip()
    if stripped.startswith("[") and stripped.endswith("]"):
        stripped = stripped[1:-1]
    return tuple(item.strip() for item in stripped.split(",")) if stripped else ()

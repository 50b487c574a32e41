"""Inputs: their declarations, and what they were given, as values with dimensions."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from editchain.artifacts import ImageSource, kind_of
from editchain.classes import dataclass
from editchain.diagnostics import Place, Source, did_you_mean, nearest, one_of
from editchain.language.reading import Unfit, fixed_part, keys_of_files
from editchain.language.references import NAME
from editchain.language.scalars import (
    NOUNS,
    SCALARS,
    matcher,
    scalar_problem,
    shown,
    type_of,
    typed,
    width_of,
)
from editchain.language.syntax import Map, Seq, parse, written
from editchain.language.tables import Row, Table, inline_table, read_table
from editchain.pipeline import UNKNOWN, Dimension, Input

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from editchain.diagnostics import Problems
    from editchain.language.reading import Reader

MAX_INPUTS_BYTES = 1024 * 1024
TYPES = ("image", "images", *SCALARS, "list", "table")

_COLUMN_TYPES = ("image", *SCALARS)
_LIMITS: Mapping[str, tuple[str, ...]] = {
    "string": ("enum", "pattern"),
    "integer": ("enum", "minimum", "maximum"),
    "number": ("enum", "minimum", "maximum"),
    "list": ("of", "enum", "minimum", "maximum", "pattern"),
    "table": ("columns", "key"),
}
_EXTENSIONS_HINT = "Image files are known by their extension: .png, .jpg, .webp, .avif, .tif."


@dataclass(frozen=True, slots=True)
class Given:
    """A value for an input from outside the pipeline.

    `values` are texts from the command line (`is_text`), or one value of an inputs file; `base` is the folder that
    relative paths start from; `place` is where the value stands and `key_place` its name, None for the command line.
    """

    values: tuple[Any, ...]
    base: str
    is_text: bool
    place: Place | None = None
    key_place: Place | None = None


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is being read: for which input, where it stands, and what its paths are relative to."""

    name: str
    kind: str
    raw: Map
    place: Place
    base: str
    anywhere: bool
    where: str
    spellings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _Bound:
    value: Any = UNKNOWN
    text: str | None = None
    dimension: Dimension | None = None


def read_given(
    options: Sequence[tuple[str, str]],
    inputs_file: str | None,
    folder: str,
    reader: Reader,
    problems: Problems,
) -> dict[str, Given]:
    """What the command line and an inputs file give, by input name; the command line wins."""
    given = {} if inputs_file is None else _read_inputs_file(inputs_file, folder, reader, problems)
    by_name: dict[str, list[str]] = {}
    for name, text in options:
        by_name.setdefault(name, []).append(text)
    given.update({name: Given(tuple(texts), folder, is_text=True) for name, texts in by_name.items()})
    return given


def _read_inputs_file(inputs_file: str, folder: str, reader: Reader, problems: Problems) -> dict[str, Given]:
    path = os.path.join(folder, inputs_file)
    name = reader.display(path)
    try:
        data = reader.text(path, max_bytes=MAX_INPUTS_BYTES, what="inputs file")
    except Unfit as unfit:
        problems.error(Place(Source(name, ""), 0), unfit.code, unfit.message, unfit.suggestion)
        return {}
    document = parse(data, name, problems, max_bytes=MAX_INPUTS_BYTES)
    if document is None or document.root is None:
        return {}
    if not isinstance(document.root, Map):
        message = "An inputs file is a mapping from input names to values."
        problems.error(document.place(document.at), "wrong-type", message, "Write name: value.")
        return {}
    base = os.path.dirname(path)
    places = document.root.places
    return {
        name: Given(
            (value,),
            base,
            is_text=False,
            place=document.place(places[name][1]),
            key_place=document.place(places[name][0]),
        )
        for name, value in document.root.items()
    }


class InputLoader:
    """Reads the input declarations of one pipeline file and binds what they were given."""

    def __init__(self, source: Source, base: str, reader: Reader, problems: Problems) -> None:
        self.source = source
        self.base = base
        self.reader = reader
        self.problems = problems

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
            if not self._check_name(name, key_at) or raw is UNKNOWN:
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

    def _check_name(self, name: str, at: int) -> bool:
        if name == "sample":
            message = 'The name "sample" is reserved for the samples of a step.'
            self._error(at, "reserved-name", message, "Choose another name.", width=len(name))
            return False
        if not NAME.fullmatch(name):
            message = f'"{name}" is no name: a name is made of a-z, 0-9 and _, and begins with a letter.'
            self._error(at, "bad-name", message, better_name(name), width=len(name))
            return False
        return True

    def _declare(
        self, name: str, raw: Map, key_at: int, given: Given | None, *, is_handed: bool, needs_all: bool
    ) -> Input | None:
        if raw.get("type") is UNKNOWN or not self._check_kind(f"inputs.{name}", raw, key_at):
            return None
        kind = str(raw["type"])
        self._check_fields(f"inputs.{name}", kind, raw)
        is_required = "default" not in raw
        value_at = key_at if is_required else raw.places["default"][1]
        bound = _Bound()
        place = Place(self.source, value_at)
        if is_handed:
            pass
        elif given is not None:
            place = given.place or Place(self.source, key_at)
            bound = self._given(name, kind, raw, given, place)
        elif not is_required:
            value = raw["default"]
            asked = self._asked(name, kind, raw, place)
            bound = _Bound(None) if value is None else self._bind(asked, value)
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

    def _asked(self, name: str, kind: str, raw: Map, place: Place) -> _Asked:
        return _Asked(name, kind, raw, place, self.base, anywhere=False, where=f"inputs.{name}")

    # ------------------------------------------------------------------ declarations

    def _check_kind(self, where: str, raw: Map, key_at: int) -> bool:
        kind = raw.get("type")
        if kind is None:
            near = next((key for key in raw if nearest(key, ("type",))), None)
            if near is not None and "type" not in raw:
                message = f'{where}: an input has no "{near}".'
                at = raw.places[near][0]
                self._error(at, "unknown-field", message, 'Did you mean "type"?', width=len(near))
                raw.respell(near, ("type",))
                return self._check_kind(where, raw, key_at)
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

    def _check_fields(self, where: str, kind: str, raw: Map) -> None:
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
        if "of" in raw and raw["of"] not in _COLUMN_TYPES:
            of = raw["of"]
            message = f'{where}.of: a list holds one of {one_of(_COLUMN_TYPES)}, not "{shown(of)}".'
            nearest = did_you_mean(str(of), _COLUMN_TYPES)
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

    def _check_columns(self, where: str, raw: Map) -> None:
        columns = raw.get("columns", Map(0))
        if not isinstance(columns, Map):
            hint = "Write columns: {photo: image}."
            self._wants(where, raw, "columns", "a mapping from column names to types", hint)
            return
        for column, kind in columns.items():
            if kind not in _COLUMN_TYPES:
                offer = did_you_mean(str(kind), _COLUMN_TYPES) or f"One of {one_of(_COLUMN_TYPES)}."
                message = f'{where}.columns.{column}: there is no type "{shown(kind)}" for a column.'
                at = columns.places[column][1]
                self._error(at, "unknown-type", message, offer, width=width_of(kind))

    # ------------------------------------------------------------------ values

    def _given(self, name: str, kind: str, raw: Map, given: Given, place: Place) -> _Bound:
        asked = _Asked(name, kind, raw, place, given.base, anywhere=True, where=f"inputs.{name}")
        if not given.is_text:
            if given.values[0] is None:
                message = f"The input {name} is given nothing."
                self.problems.error(place, "null-value", message, "Leave it out, or give it a value.")
                return _Bound()
            return self._bind(asked, given.values[0])
        asked = replace(asked, where=f"inputs.{name} (given on the command line)", spellings=given.values)
        text, *more = given.values
        if kind in SCALARS:
            if more:
                message = f"{asked.where} takes one value, and there are {1 + len(more)}."
                self.problems.error(place, "wrong-type", message, "Give it once.", width=len(name))
                return _Bound()
            return self._bind(asked, typed(text, kind))
        if kind == "list":
            items = given.values if more else _split(text)
            of = str(raw.get("of", "string"))
            return self._bind(replace(asked, spellings=items), [typed(item, of) for item in items])
        return self._bind(asked, [text, *more] if more else text)

    def _bind(self, asked: _Asked, value: Any) -> _Bound:
        if value is UNKNOWN:
            return _Bound()
        try:
            return _BINDERS.get(asked.kind, InputLoader._scalar)(self, asked, value)
        except Unfit as unfit:
            self._unfit(asked.place, asked.where, unfit, value)
        return _Bound()

    def _scalar(self, asked: _Asked, value: Any) -> _Bound:
        text = (
            asked.spellings[0] if asked.spellings else written(asked.place.source, asked.place.offset, value)
        )
        is_sound = self._check_scalar(asked.where, asked.kind, asked.raw, value, asked.place)
        return _Bound(value, text) if is_sound else _Bound()

    def _check_scalar(self, where: str, kind: str, raw: Mapping[str, Any], value: Any, place: Place) -> bool:
        misfit = scalar_problem(value, kind, raw)
        if misfit is None:
            return True
        message = f"{where}: {misfit.message}"
        self.problems.error(place, misfit.code, message, misfit.suggestion, width=width_of(value))
        return False

    def _pictures(self, asked: _Asked, value: Any) -> _Bound:
        if isinstance(value, list):
            return self._several(asked, value)
        if isinstance(value, str) and kind_of(value) is None:
            files = self.reader.several(value, asked.base, anywhere=asked.anywhere)
            if files is not None:
                return _Bound(dimension=self._files(asked, value, files))
        source = self._source(asked, value)
        if asked.kind == "images":
            key, at = (source.key,), (asked.place,)
            return _Bound(dimension=Dimension(asked.name, key, (source,), key, place=at[0], value_places=at))
        return _Bound(source, source.key)

    def _source(self, asked: _Asked, value: Any) -> ImageSource:
        """The image that one value means; raises Unfit where it means none."""
        _check_image_value(value)
        if isinstance(value, str) and value.startswith("$") and not asked.anywhere:
            message = f"{value} is no path, and a reference may not stand here."
            raise Unfit("reference-here", message, "References stand in steps, defaults and outputs.")
        return self.reader.image(value, asked.base, anywhere=asked.anywhere)

    def _files(self, asked: _Asked, text: str, files: list[str]) -> Dimension:
        _some(files, text)
        pattern = self.reader.resolve(text, asked.base, anywhere=asked.anywhere)
        folder = pattern if os.path.isdir(pattern) else fixed_part(pattern)
        sources = []
        for path, key in sorted(
            zip(files, keys_of_files(files, folder), strict=True), key=lambda pair: pair[1]
        ):
            try:
                self.reader.check_image(path)
            except Unfit as unfit:
                self._unfit(asked.place, asked.where, unfit, text)
            sources.append(ImageSource("file", path, key))
        keys = tuple(source.key for source in sources)
        places = (asked.place,) * len(keys)
        is_outer = asked.kind == "image"
        return Dimension(
            asked.name, keys, tuple(sources), keys, is_outer=is_outer, place=asked.place, value_places=places
        )

    def _several(self, asked: _Asked, items: list[Any]) -> _Bound:
        if not items:
            raise Unfit("empty-dimension", "An empty list gives no images.", "Name at least one.")
        sources: list[ImageSource] = []
        places: list[Place] = []
        for index, item in enumerate(items):
            at = _item_place(items, index, asked.place)
            if item is UNKNOWN:
                continue
            try:
                is_path = isinstance(item, str) and kind_of(item) is None
                files = self.reader.several(item, asked.base, anywhere=asked.anywhere) if is_path else None
                if files is None:
                    sources.append(self._source(asked, item))
                    places.append(at)
                    continue
                for path in _some(files, item):
                    self.reader.check_image(path)
                sources.extend(ImageSource("file", path, "") for path in files)
                places.extend([at] * len(files))
            except Unfit as unfit:
                self._unfit(at, asked.where, unfit, item)
        if not sources:
            return _Bound()
        keys = _keys_of_sources(sources)
        self._check_keys(asked, keys, places.__getitem__, lambda at: self._location(sources[at]))
        keyed = tuple(replace(one, key=key) for one, key in zip(sources, keys, strict=True))
        return _Bound(
            dimension=Dimension(
                asked.name,
                tuple(keys),
                keyed,
                tuple(keys),
                is_outer=asked.kind == "image",
                place=asked.place,
                value_places=tuple(places),
            )
        )

    def _location(self, source: ImageSource) -> str:
        return self.reader.display(source.location) if source.kind == "file" else source.location[:60]

    def _list(self, asked: _Asked, value: Any) -> _Bound:
        if not isinstance(value, list):
            said = f"{shown(value)} is not a list."
            raise Unfit("wrong-type", said, None if isinstance(value, dict) else f"Write [{shown(value)}].")
        if not value:
            raise Unfit(
                "empty-dimension", "An empty list gives a dimension without keys.", "Give it a value."
            )
        values: list[Any] = []
        texts: list[str] = []
        places: list[Place] = []
        for index, item in enumerate(value):
            at = _item_place(value, index, asked.place)
            text = asked.spellings[index] if asked.spellings else written(at.source, at.offset, item)
            bound = self._list_item(f"{asked.where}[{index}]", asked, item, at)
            values.append(bound)
            texts.append(bound.key if isinstance(bound, ImageSource) else text)
            places.append(at)
        self._check_keys(asked, texts, places.__getitem__, lambda at: f"value {at + 1}")
        keys = tuple(texts)
        return _Bound(
            dimension=Dimension(
                asked.name, keys, tuple(values), keys, place=asked.place, value_places=tuple(places)
            )
        )

    def _list_item(self, where: str, asked: _Asked, item: Any, at: Place) -> Any:
        of = asked.raw.get("of")
        if item is UNKNOWN:
            return UNKNOWN
        if of == "image":
            return self._image_cell(where, item, at, asked.base, asked.anywhere)
        if item is None:
            self.problems.error(at, "null-value", f"{where} is null.", "Take it away, or write it in quotes.")
        elif isinstance(item, (dict, list)):
            hint = "For rows with fields use type: table." if isinstance(item, dict) else None
            self.problems.error(at, "wrong-type", f"{where}: a list holds plain values.", hint)
        elif self._check_scalar(where, of or type_of(item), asked.raw, item, at):
            return item
        return UNKNOWN

    def _image_cell(self, where: str, value: Any, at: Place, base: str, anywhere: bool) -> Any:
        try:
            _check_image_value(value)
            return self.reader.image(value, base, anywhere=anywhere)
        except Unfit as unfit:
            self._unfit(at, where, unfit, value)
            return UNKNOWN

    def _check_keys(
        self, asked: _Asked, keys: Sequence[str], place: Callable[[int], Place], name: Callable[[int], str]
    ) -> None:
        """Notes a problem for each key that stands twice, naming both."""
        first: dict[str, int] = {}
        for index, key in enumerate(keys):
            known = first.setdefault(key, index)
            if known != index:
                message = f'{asked.where}: two values have the key "{key}": {name(known)} and {name(index)}.'
                hint = "Keys tell tasks apart; make them differ."
                self.problems.error(place(index), "equal-keys", message, hint, width=max(1, len(key)))

    # ------------------------------------------------------------------ tables

    def _table(self, asked: _Asked, value: Any) -> _Bound:
        folder = asked.base
        if isinstance(value, list):
            table = inline_table(asked.where, value, asked.place, self.problems)
        elif isinstance(value, str):
            path = self.reader.resolve(value, asked.base, anywhere=asked.anywhere)
            folder = os.path.dirname(path)
            asked = replace(asked, anywhere=False)
            before = len(self.problems.found)
            table = read_table(asked.where, path, self.reader, self.problems)
            if not table.rows and len(self.problems.found) > before:
                return _Bound()
        else:
            said = f"{shown(value)} is not a table."
            raise Unfit("wrong-type", said, "Give a .csv or .jsonl file, or a list of mappings.")
        if not table.rows:
            raise Unfit("empty-dimension", "This table has no rows.", "Give it at least one.")
        return _Bound(dimension=self._rows(replace(asked, base=folder), table))

    def _rows(self, asked: _Asked, table: Table) -> Dimension:
        columns = table.columns
        types = self._typed_columns(asked, columns)
        key = self._key_column(asked, columns)
        values: list[dict[str, Any]] = []
        texts: list[dict[str, str]] = []
        for index, row in enumerate(table.rows):
            cells, spelt = self._row(asked, index, row, columns, types, table)
            values.append(cells)
            texts.append(spelt)
        keys = tuple(row.texts.get(key, "") for row in table.rows)
        has_key = [index for index, row in enumerate(table.rows) if key in row.values]
        self._check_keys(
            asked,
            [keys[index] for index in has_key],
            lambda at: table.cell_place(has_key[at], key),
            lambda at: f"row {has_key[at] + 1}",
        )
        return Dimension(
            asked.name,
            keys,
            tuple(values),
            tuple(texts),
            columns=columns,
            place=asked.place,
            value_places=tuple(row.place for row in table.rows),
            cell_place=table.cell_place,
        )

    def _typed_columns(self, asked: _Asked, columns: Sequence[str]) -> dict[str, str]:
        types: Map = asked.raw.get("columns") or Map(0)
        for column in types:
            if column not in columns:
                self._no_column(asked, types.places[column][0], column, columns, "columns")
        return {column: kind for column, kind in types.items() if kind in _COLUMN_TYPES and column in columns}

    def _key_column(self, asked: _Asked, columns: Sequence[str]) -> str:
        key = asked.raw.get("key")
        if isinstance(key, str) and key in columns:
            return key
        if key is not None and key is not UNKNOWN:
            self._no_column(asked, asked.raw.places["key"][1], shown(key), columns, "key")
        return "name" if "name" in columns else columns[0]

    def _no_column(self, asked: _Asked, at: int, column: str, columns: Sequence[str], field: str) -> None:
        offer = did_you_mean(column, columns) or f"It has {one_of(columns)}."
        message = f'inputs.{asked.name}.{field}: the table has no column "{column}".'
        self._error(at, "unknown-column", message, offer, width=len(column))

    def _row(
        self,
        asked: _Asked,
        index: int,
        row: Row,
        columns: tuple[str, ...],
        types: Mapping[str, str],
        table: Table,
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """The values of a row and their texts, every column in them."""
        cells: dict[str, Any] = {}
        spelt: dict[str, str] = {}
        for column in columns:
            if column not in row.values:
                message = f'{asked.where}: this row has no "{column}".'
                self.problems.error(row.place, "missing-column", message, "Every row has the same columns.")
                cells[column], spelt[column] = UNKNOWN, ""
                continue
            value, text = row.values[column], row.texts[column]
            kind = types.get(column)
            if kind is None and type(value) in (str, int, float, bool):
                cells[column], spelt[column] = value, text
                continue
            cell = self._cell(asked, column, value, kind, partial(table.cell_place, index, column))
            cells[column] = cell
            spelt[column] = cell.key if isinstance(cell, ImageSource) else text
        return cells, spelt

    def _cell(
        self, asked: _Asked, column: str, value: Any, kind: str | None, place: Callable[[], Place]
    ) -> Any:
        where = f"{asked.name}.{column}"
        if value is UNKNOWN:
            return UNKNOWN
        if kind == "image":
            return self._image_cell(where, value, place(), asked.base, asked.anywhere)
        if value is None:
            message = f"{where} is null in this row."
            self.problems.error(place(), "null-value", message, "Give it a value, or an empty text.")
            return UNKNOWN
        if kind is None or isinstance(value, (dict, list)):
            message = f"{where}: a cell holds a plain value, not {shown(value)}."
            self.problems.error(place(), "wrong-type", message, "Give each part a column of its own.")
            return UNKNOWN
        value = typed(value, kind)
        if scalar_problem(value, kind, {}) is None:
            return value
        self._check_scalar(where, kind, {}, value, place())
        return UNKNOWN

    def _unfit(self, place: Place, where: str, unfit: Unfit, value: Any) -> None:
        message = f"{where}: {unfit.message}"
        self.problems.error(place, unfit.code, message, unfit.suggestion, width=width_of(value))

    def _error(
        self, at: int, code: str, message: str, suggestion: str | None = None, *, width: int = 1
    ) -> None:
        self.problems.error(Place(self.source, at), code, message, suggestion, width=max(1, width))


_BINDERS: Mapping[str, Callable[[InputLoader, _Asked, Any], _Bound]] = {
    "image": InputLoader._pictures,
    "images": InputLoader._pictures,
    "list": InputLoader._list,
    "table": InputLoader._table,
}


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


def _some(files: list[str], text: str) -> list[str]:
    """Files, of which there must be one."""
    if not files:
        raise Unfit("empty-dimension", f'No image matches "{text}".', _EXTENSIONS_HINT)
    return files


def _check_image_value(value: Any) -> None:
    """Raises Unfit for what is neither a text nor an address with its pin."""
    if isinstance(value, dict):
        _check_pin(value)
    elif not isinstance(value, str):
        message = f"{shown(value)} is not {NOUNS['image']}."
        raise Unfit("wrong-type", message, "Give a path, an https: URL, or {url: ..., sha256: ...}.")


def _check_pin(value: Mapping[str, Any]) -> None:
    pin = value.get("sha256")
    unknown = [key for key in value if key not in ("url", "sha256")]
    if unknown:
        offer = did_you_mean(unknown[0], ("url", "sha256")) or "Write {url: ..., sha256: ...}."
        raise Unfit("unknown-field", f'An image has no "{unknown[0]}".', offer)
    if not isinstance(value.get("url"), str):
        raise Unfit("missing-field", "An image as a mapping needs its url.", "Write {url: ..., sha256: ...}.")
    if pin is not None and not (isinstance(pin, str) and re.fullmatch("[0-9a-fA-F]{64}", pin)):
        raise Unfit("pattern", "sha256 is 64 hex digits, in quotes.", "Leave it out to fetch without a pin.")


def _split(text: str) -> tuple[str, ...]:
    stripped = text.strip()
    if stripped.startswith("[") and stripped.endswith("]"):
        stripped = stripped[1:-1]
    return tuple(item.strip() for item in stripped.split(",")) if stripped else ()


def _item_place(items: list[Any], index: int, otherwise: Place) -> Place:
    return Place(otherwise.source, items.places[index]) if isinstance(items, Seq) else otherwise


def _keys_of_sources(sources: Sequence[ImageSource]) -> list[str]:
    """Files by their paths below the folder they share; others by their own keys."""
    files = [source.location for source in sources if source.kind == "file"]
    if not files:
        return [source.key for source in sources]
    shared = os.path.commonpath([os.path.dirname(path) for path in files])
    of_files = iter(keys_of_files(files, shared))
    return [next(of_files) if source.kind == "file" else source.key for source in sources]

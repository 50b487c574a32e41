"""Inputs: their declarations, and what they were given, as values with dimensions."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from editchain.artifacts import ImageSource, kind_of
from editchain.diagnostics import Place, Source, did_you_mean, one_of
from editchain.pipeline import UNKNOWN, Dimension, Input
from editchain.reading import Unfit, fixed_part, keys_of_files
from editchain.references import NAME
from editchain.syntax import Map, Seq, parse, scalar, written

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from editchain.diagnostics import Problems
    from editchain.reading import Reader

MAX_TABLE_BYTES = 64 * 1024 * 1024
MAX_ROWS = 1_000_000
MAX_INPUTS_BYTES = 1024 * 1024

SCALARS = ("string", "integer", "number", "boolean")
TYPES = ("image", "images", *SCALARS, "list", "table")
_COLUMN_TYPES = ("image", *SCALARS)
_KEYS = {
    "image": (), "images": (), "list": ("of", "enum", "minimum", "maximum", "pattern"), "table": ("columns", "key"),
    "string": ("enum", "pattern"), "integer": ("enum", "minimum", "maximum"), "number": ("enum", "minimum", "maximum"),
    "boolean": (),
}  # fmt: skip
_SAID = {"string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false", "image": "an image"}


@dataclass(frozen=True, slots=True)
class Given:
    """A value for an input from outside the pipeline.

    `values` are texts from the command line (`is_text`), or one value of an inputs file; `base` is the folder that
    relative paths start from; `place` is where the value stands, None for the command line.
    """

    values: tuple[Any, ...]
    base: str
    is_text: bool
    place: Place | None = None


def read_given(
    options: Sequence[tuple[str, str]], inputs_file: str | None, folder: str, reader: Reader, problems: Problems
) -> dict[str, Given]:
    """What the command line and an inputs file give, by input name; the command line wins."""
    given: dict[str, Given] = {}
    if inputs_file is not None:
        path = os.path.join(folder, inputs_file)  # noqa: PTH118
        try:
            data = reader.text(path, max_bytes=MAX_INPUTS_BYTES, what="inputs file")
        except Unfit as unfit:
            problems.error(Place(Source(reader.display(path), ""), 0), unfit.code, unfit.message, unfit.suggestion)
            return given
        document = parse(data, reader.display(path), problems, max_bytes=MAX_INPUTS_BYTES)
        if document is not None and not isinstance(document.root, Map) and document.root is not None:
            problems.error(document.place(document.at), "wrong-type", "An inputs file is a mapping from input names to values.")
        elif document is not None and document.root is not None:
            for name, value in document.root.items():
                place = document.place(document.root.places[name][1])
                given[name] = Given((value,), os.path.dirname(path), False, place)  # noqa: PTH120
    by_name: dict[str, list[str]] = {}
    for name, text in options:
        by_name.setdefault(name, []).append(text)
    given.update({name: Given(tuple(texts), folder, True) for name, texts in by_name.items()})
    return given


class InputLoader:
    """Reads the input declarations of one pipeline file and binds what they were given."""

    def __init__(self, source: Source, base: str, reader: Reader, problems: Problems) -> None:
        self.source = source
        self.base = base
        self.reader = reader
        self.problems = problems

    def load(self, declared: Map, given: Mapping[str, Given], handed: Mapping[str, Any] | None, *, needs_all: bool) -> dict[str, Input]:
        """Every declared input with its value.

        `handed` has what a calling pipeline hands in (those inputs are bound by the caller); `needs_all` makes a
        required input without a value a problem (a run), which is otherwise left unknown (validation).
        """
        inputs = {}
        for name, raw in declared.items():
            key_at, value_at = declared.places[name]
            if not self._check_name(name, key_at):
                continue
            if not isinstance(raw, Map):
                self._error(value_at, "wrong-type", f"inputs.{name}: an input is a mapping such as {{type: image}}.")
                continue
            one = self._declare(name, raw, key_at, given.get(name), is_handed=handed is not None and name in handed, needs_all=needs_all)
            if one is not None:
                inputs[name] = one
        for name, value in given.items():
            if name not in declared:
                self._unknown_given(name, value, declared)
        return inputs

    def _unknown_given(self, name: str, value: Given, declared: Map) -> None:
        offer = did_you_mean(name, declared) or (f"It has {one_of(declared)}." if declared else "It has no inputs.")
        place = value.place or Place(self.source, 0)
        where = "" if value.place else " (given on the command line)"
        self.problems.error(place, "unknown-input", f'This pipeline has no input "{name}"{where}.', offer, width=len(name))

    def _check_name(self, name: str, at: int) -> bool:
        if name == "sample":
            self._error(at, "reserved-name", 'The name "sample" is reserved for the samples of a step.', "Choose another name.")
            return False
        if not NAME.fullmatch(name):
            self._error(at, "bad-name", f'"{name}" is no name: a name is made of a-z, 0-9 and _, and begins with a letter.')
            return False
        return True

    def _declare(self, name: str, raw: Map, key_at: int, given: Given | None, *, is_handed: bool, needs_all: bool) -> Input | None:
        kind = raw.get("type")
        where = f"inputs.{name}"
        if kind is None:
            self._error(key_at if "type" not in raw else raw.places["type"][1], "missing-field", f"{where}: an input needs a type.", f"One of {one_of(TYPES)}.")
            return None
        if kind not in TYPES:
            offer = did_you_mean(str(kind), TYPES) or f"One of {one_of(TYPES)}."
            self._error(raw.places["type"][1], "unknown-type", f'{where}.type: there is no type "{kind}".', offer, width=len(str(kind)))
            return None
        allowed = {"type", "default", "description", *_KEYS[kind]}
        for key in raw:
            if key not in allowed:
                offer = did_you_mean(key, allowed) or f"It takes {one_of(sorted(allowed))}."
                self._error(raw.places[key][0], "unknown-field", f'{where}: an input of type {kind} has no "{key}".', offer, width=len(key))
        self._check_limits(where, kind, raw)
        is_required = "default" not in raw
        value_at = raw.places["default"][1] if "default" in raw else key_at
        bound = _Bound(UNKNOWN, None, None)
        place = Place(self.source, value_at)
        if is_handed:
            pass
        elif given is not None:
            place = given.place or Place(self.source, key_at)
            bound = self._given(name, kind, raw, given, place)
        elif not is_required:
            bound = self._written(name, kind, raw, raw["default"], raw, value_at)
        elif needs_all:
            self._error(key_at, "missing-input", f'The input "{name}" is not given and has no default.', f"Give it with -i {name}=...", width=len(name))
        if bound.dimension is None and kind in ("images", "list", "table") and bound.value is UNKNOWN:
            columns = tuple(raw["columns"]) if isinstance(raw.get("columns"), Map) else None
            bound = _Bound(UNKNOWN, None, Dimension(name, None, columns=columns, place=Place(self.source, key_at)))
        return Input(name, kind, bound.value, bound.text, bound.dimension, is_required, Place(self.source, key_at), place, given is not None)

    def _check_limits(self, where: str, kind: str, raw: Map) -> None:
        if "of" in raw and raw["of"] not in _COLUMN_TYPES:
            self._error(raw.places["of"][1], "unknown-type", f'{where}.of: a list holds one of {one_of(_COLUMN_TYPES)}, not "{raw["of"]}".')
        if "pattern" in raw:
            try:
                re.compile(str(raw["pattern"]))
            except (re.error, RecursionError) as error:
                self._error(raw.places["pattern"][1], "bad-pattern", f"{where}.pattern is not a regular expression: {error}.")
                raw["pattern"] = ""
        for key in ("minimum", "maximum"):
            if key in raw and type(raw[key]) not in (int, float):
                self._error(raw.places[key][1], "wrong-type", f"{where}.{key} must be a number.")
                del raw[key]
        if "enum" in raw and not (isinstance(raw["enum"], Seq) and raw["enum"]):
            self._error(raw.places["enum"][1], "wrong-type", f"{where}.enum is a list of the values that are allowed.")
            del raw["enum"]
        if "description" in raw and not isinstance(raw["description"], str):
            self._error(raw.places["description"][1], "wrong-type", f"{where}.description must be text.")
        if kind == "table":
            columns = raw.get("columns")
            if columns is not None and not isinstance(columns, Map):
                self._error(raw.places["columns"][1], "wrong-type", f"{where}.columns is a mapping from column names to types.")
                del raw["columns"]
            for column, type_name in (columns.items() if isinstance(columns, Map) else ()):
                if type_name not in _COLUMN_TYPES:
                    self._error(
                        columns.places[column][1], "unknown-type", f'{where}.columns.{column}: there is no type "{type_name}" for a column.',
                        did_you_mean(str(type_name), _COLUMN_TYPES) or f"One of {one_of(_COLUMN_TYPES)}.",
                    )  # fmt: skip

    # ------------------------------------------------------------------ values

    def _written(self, name: str, kind: str, raw: Map, value: Any, container: Map, at: int) -> _Bound:
        """The value of a default."""
        place = Place(self.source, at)
        if value is None:
            return _Bound(None, None, None)
        return self._bind(name, kind, raw, value, place, self.base, anywhere=False)

    def _given(self, name: str, kind: str, raw: Map, given: Given, place: Place) -> _Bound:
        if not given.is_text:
            value = given.values[0]
            if value is None:
                self.problems.error(place, "null-value", f"The input {name} is given nothing.", "Leave it out, or give it a value.")
                return _Bound(UNKNOWN, None, None)
            return self._bind(name, kind, raw, value, place, given.base, anywhere=True)
        texts: tuple[str, ...] = given.values
        if kind in SCALARS:
            if len(texts) > 1:
                self.problems.error(place, "wrong-type", f"The input {name} takes one value and is given {len(texts)} on the command line.")
            return self._bind(name, kind, raw, _typed(texts[-1], kind), place, given.base, anywhere=True, spelling=texts[-1])
        if kind == "list":
            items = list(texts) if len(texts) > 1 else _split(texts[0])
            of = raw.get("of", "string")
            return self._bind(name, kind, raw, [_typed(item, of) for item in items], place, given.base, anywhere=True, spellings=items)
        if len(texts) > 1:
            return self._bind(name, kind, raw, list(texts), place, given.base, anywhere=True)
        return self._bind(name, kind, raw, texts[0], place, given.base, anywhere=True)

    def _bind(
        self, name: str, kind: str, raw: Map, value: Any, place: Place, base: str, *, anywhere: bool,
        spelling: str | None = None, spellings: list[str] | None = None,
    ) -> _Bound:  # fmt: skip
        where = f"inputs.{name}"
        wrong = _Bound(UNKNOWN, None, None)
        if kind in SCALARS:
            text = spelling if spelling is not None else written(place.source, place.offset, value)
            return _Bound(value, text, None) if self._check_scalar(where, kind, raw, value, place) else wrong
        try:
            if kind in ("image", "images"):
                return self._pictures(name, kind, value, place, base, anywhere)
            if kind == "list":
                return self._list(name, raw, value, place, base, anywhere, spellings)
            return self._table(name, raw, value, place, base, anywhere)
        except Unfit as unfit:
            self.problems.error(place, unfit.code, f"{where}: {unfit.message}", unfit.suggestion, width=_width(value))
        return wrong

    def _check_scalar(self, where: str, kind: str, raw: Map, value: Any, place: Place) -> bool:
        problem = scalar_problem(value, kind, raw)
        if problem is None:
            return True
        code, message, suggestion = problem
        self.problems.error(place, code, f"{where}: {message}", suggestion, width=_width(value))
        return False

    def _pictures(self, name: str, kind: str, value: Any, place: Place, base: str, anywhere: bool) -> _Bound:
        if isinstance(value, list):
            return self._several(name, kind, value, place, base, anywhere)
        if isinstance(value, str) and kind_of(value) is None:
            files = self.reader.several(value, base, anywhere=anywhere)
            if files is not None:
                return _Bound(UNKNOWN, None, self._files(name, kind, value, files, place, base, anywhere))
        if not isinstance(value, (str, dict)) or (isinstance(value, dict) and not _is_pinned(value)):
            raise Unfit("wrong-type", f"{_shown(value)} is not {_SAID['image']}.", "Give a path, an https: URL, or {url: ..., sha256: ...}.")
        source = self.reader.image(value, base, anywhere=anywhere)
        if kind == "images":
            return _Bound(UNKNOWN, None, Dimension(name, (source.key,), (source,), (source.key,), place=place, value_places=(place,)))
        return _Bound(source, source.key, None)

    def _files(self, name: str, kind: str, text: str, files: list[str], place: Place, base: str, anywhere: bool) -> Dimension:
        if not files:
            raise Unfit("empty-dimension", f'No image matches "{text}".', "Image files are known by their extension: .png, .jpg, .webp, .avif, .tif.")
        pattern = self.reader.resolve(text, base, anywhere=anywhere)
        keys = keys_of_files(files, pattern if os.path.isdir(pattern) else fixed_part(pattern))  # noqa: PTH112
        sources = []
        for path, key in sorted(zip(files, keys, strict=True), key=lambda pair: pair[1]):
            try:
                self.reader.check_image(path)
            except Unfit as unfit:
                self.problems.error(place, unfit.code, f"inputs.{name}: {unfit.message}", unfit.suggestion, width=len(text))
            sources.append(ImageSource("file", path, key))
        ordered = tuple(source.key for source in sources)
        return Dimension(name, ordered, tuple(sources), ordered, is_outer=kind == "image", place=place, value_places=(place,) * len(ordered))

    def _several(self, name: str, kind: str, items: list[Any], place: Place, base: str, anywhere: bool) -> _Bound:
        sources: list[ImageSource] = []
        places: list[Place] = []
        for index, item in enumerate(items):
            at = Place(place.source, items.places[index]) if isinstance(items, Seq) else place
            try:
                if isinstance(item, str) and kind_of(item) is None and (files := self.reader.several(item, base, anywhere=anywhere)) is not None:
                    for path in files:
                        self.reader.check_image(path)
                        sources.append(ImageSource("file", path, ""))
                        places.append(at)
                    continue
                if not isinstance(item, (str, dict)) or (isinstance(item, dict) and not _is_pinned(item)):
                    raise Unfit("wrong-type", f"{_shown(item)} is not {_SAID['image']}.")
                sources.append(self.reader.image(item, base, anywhere=anywhere))
                places.append(at)
            except Unfit as unfit:
                self.problems.error(at, unfit.code, f"inputs.{name}: {unfit.message}", unfit.suggestion, width=_width(item))
        if not items:
            raise Unfit("empty-dimension", "An empty list gives no images.")
        keys = _keys_of_sources(sources)
        self.check_keys(name, keys, places, [source.location for source in sources])
        keyed = tuple(ImageSource(one.kind, one.location, key, one.sha256) for one, key in zip(sources, keys, strict=True))
        return _Bound(UNKNOWN, None, Dimension(name, tuple(keys), keyed, tuple(keys), is_outer=kind == "image", place=place, value_places=tuple(places)))

    def _list(self, name: str, raw: Map, value: Any, place: Place, base: str, anywhere: bool, spellings: list[str] | None) -> _Bound:
        if not isinstance(value, list):
            raise Unfit("wrong-type", f"{_shown(value)} is not a list.", "Write [a, b, c].")
        if not value:
            raise Unfit("empty-dimension", "An empty list gives a dimension without keys.")
        of = raw.get("of")
        values: list[Any] = []
        texts: list[str] = []
        places: list[Place] = []
        for index, item in enumerate(value):
            at = Place(place.source, value.places[index]) if isinstance(value, Seq) else place
            text = spellings[index] if spellings else written(at.source, at.offset, item)
            where = f"inputs.{name}[{index}]"
            if of == "image":
                item = self._cell_image(where, item, at, base, anywhere)
                text = item.key if isinstance(item, ImageSource) else text
            elif isinstance(item, (dict, list)) or item is None:
                self.problems.error(at, "wrong-type", f"{where}: a list holds plain values.", "For rows with fields use type: table.")
                item = UNKNOWN
            elif not self._check_scalar(where, of or _type_of(item), raw, item, at):
                item = UNKNOWN
            values.append(item)
            texts.append(text)
            places.append(at)
        self.check_keys(name, texts, places, texts)
        return _Bound(UNKNOWN, None, Dimension(name, tuple(texts), tuple(values), tuple(texts), place=place, value_places=tuple(places)))

    def _cell_image(self, where: str, value: Any, at: Place, base: str, anywhere: bool) -> Any:
        try:
            if not isinstance(value, (str, dict)) or (isinstance(value, dict) and not _is_pinned(value)):
                raise Unfit("wrong-type", f"{_shown(value)} is not {_SAID['image']}.")
            return self.reader.image(value, base, anywhere=anywhere)
        except Unfit as unfit:
            self.problems.error(at, unfit.code, f"{where}: {unfit.message}", unfit.suggestion, width=_width(value))
            return UNKNOWN

    def check_keys(self, name: str, keys: Sequence[str], places: Sequence[Place], shown: Sequence[str]) -> None:
        """Notes a problem for each key that stands twice, naming both."""
        first: dict[str, int] = {}
        for index, key in enumerate(keys):
            if key in first:
                self.problems.error(
                    places[index], "equal-keys", f'{name}: two values have the key "{key}": {shown[first[key]]} and {shown[index]}.',
                    "Keys tell tasks apart; make them differ.", width=_width(key),
                )  # fmt: skip
            first.setdefault(key, index)

    # ------------------------------------------------------------------ tables

    def _table(self, name: str, raw: Map, value: Any, place: Place, base: str, anywhere: bool) -> _Bound:
        types: Mapping[str, str] = raw.get("columns") or {}
        if isinstance(value, list):
            rows = self._inline_rows(name, value, place)
            folder = base
        elif isinstance(value, str):
            path = self.reader.resolve(value, base, anywhere=anywhere)
            folder = os.path.dirname(path)  # noqa: PTH120
            rows = self._file_rows(name, path, types)
        else:
            raise Unfit("wrong-type", f"{_shown(value)} is not a table.", "Give a .csv or .jsonl file, or a list of mappings.")
        if not rows:
            raise Unfit("empty-dimension", "This table has no rows.")
        columns = tuple(dict.fromkeys(column for row in rows for column in row.values))
        for column in types:
            if column not in columns:
                at = raw["columns"].places[column][0]
                self._error(at, "unknown-column", f'inputs.{name}: the table has no column "{column}".', did_you_mean(column, columns) or f"It has {one_of(columns)}.", width=len(column))
        key = raw.get("key")
        if key is not None and key not in columns:
            self._error(raw.places["key"][1], "unknown-column", f'inputs.{name}.key: the table has no column "{key}".', did_you_mean(str(key), columns) or f"It has {one_of(columns)}.", width=_width(key))
            key = None
        key = key or ("name" if "name" in columns else columns[0])
        values: list[dict[str, Any]] = []
        texts: list[dict[str, str]] = []
        for row in rows:
            cells: dict[str, Any] = {}
            spelt: dict[str, str] = {}
            for column in columns:
                if column not in row.values:
                    self.problems.error(row.place, "missing-column", f'{name}: this row has no "{column}".', "Every row has the same columns.")
                    cells[column], spelt[column] = UNKNOWN, ""
                    continue
                text = row.texts[column]
                cells[column] = self._cell(f"{name}.{column}", row.values[column], text, types.get(column), row.places.get(column, row.place), folder, anywhere and isinstance(value, list))
                spelt[column] = cells[column].key if isinstance(cells[column], ImageSource) else text
            values.append(cells)
            texts.append(spelt)
        keys = [row.texts.get(key, "") for row in rows]
        places = [row.places.get(key, row.place) for row in rows]
        self.check_keys(name, keys, places, [f"row {index + 1}" for index in range(len(rows))])
        return _Bound(UNKNOWN, None, Dimension(name, tuple(keys), tuple(values), tuple(texts), columns=columns, place=place, value_places=tuple(row.place for row in rows)))

    def _cell(self, where: str, value: Any, text: str, kind: str | None, at: Place, folder: str, anywhere: bool) -> Any:
        if kind == "image":
            return self._cell_image(where, value, at, folder, anywhere)
        if value is None or isinstance(value, (dict, list)):
            self.problems.error(at, "null-value" if value is None else "wrong-type", f"{where}: a cell holds a plain value.")
            return UNKNOWN
        if kind is None:
            return value
        typed = _typed(value, kind) if isinstance(value, str) else text if kind == "string" else value
        return typed if self._check_scalar(where, kind, Map(0), typed, at) else UNKNOWN

    def _inline_rows(self, name: str, value: list[Any], place: Place) -> list[_Row]:
        rows = []
        for index, row in enumerate(value):
            at = value.places[index] if isinstance(value, Seq) else place.offset
            if not isinstance(row, Map) or not row:
                self.problems.error(Place(place.source, at), "wrong-type", f"inputs.{name}[{index}]: a row is a mapping from columns to values.")
                continue
            places = {column: Place(place.source, row.places[column][1]) for column in row}
            texts = {column: written(place.source, row.places[column][1], cell) if not isinstance(cell, (dict, list)) else "" for column, cell in row.items()}
            rows.append(_Row(dict(row), texts, places, Place(place.source, row.at)))
        return rows

    def _file_rows(self, name: str, path: str, types: Mapping[str, str]) -> list[_Row]:
        data = self.reader.text(path, max_bytes=MAX_TABLE_BYTES, what="table")
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise Unfit("encoding", f"The table {self.reader.display(path)} is not UTF-8 text (byte {error.start}).", "Save it as UTF-8.") from None
        source = Source(self.reader.display(path), text)
        suffix = os.path.splitext(path)[1].lower()  # noqa: PTH122
        if suffix == ".csv":
            return self._csv_rows(name, source)
        if suffix in (".jsonl", ".ndjson"):
            return self._json_rows(name, source)
        raise Unfit("unknown-format", f"{source.name} is neither .csv nor .jsonl.", "Tables are read from .csv and .jsonl files.")

    def _csv_rows(self, name: str, source: Source) -> list[_Row]:
        head = source.text.split("\n", 1)[0]
        delimiter = ";" if head.count(";") > head.count(",") else ","
        starts = _LineStarts(source)
        reader = csv.reader(io.StringIO(source.text, newline=""), delimiter=delimiter, strict=True)
        rows: list[_Row] = []
        header: list[str] = []
        try:
            line = 1
            for cells in reader:
                place = Place(source, starts.offset(line))
                line = reader.line_num + 1
                if not cells:
                    continue
                if not header:
                    header = [cell.strip() for cell in cells]
                    self._check_header(name, header, place)
                    continue
                if len(cells) != len(header):
                    self.problems.error(place, "bad-table", f"{name}: this row has {len(cells)} cells and the header has {len(header)}.", "A cell that holds the separator stands in quotes.")
                    continue
                values = dict(zip(header, (cell.strip() for cell in cells), strict=True))
                rows.append(_Row(values, values, {}, place))
                if len(rows) > MAX_ROWS:
                    raise Unfit("too-large", f"{source.name} has more than {MAX_ROWS:,} rows.")
        except csv.Error as error:
            self.problems.error(Place(source, starts.offset(reader.line_num)), "bad-table", f"{name}: this is not CSV: {error}.")
        return rows

    def _check_header(self, name: str, header: list[str], place: Place) -> None:
        for column in header:
            if not column:
                self.problems.error(place, "bad-table", f"{name}: the header has a column without a name.")
            elif header.count(column) > 1:
                self.problems.error(place, "bad-table", f'{name}: the header names "{column}" twice.')

    def _json_rows(self, name: str, source: Source) -> list[_Row]:
        rows: list[_Row] = []
        at = 0
        for line in source.text.split("\n"):
            place = Place(source, at)
            at += len(line) + 1
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                self.problems.error(place, "bad-table", f"{name}: this line is not JSON: {error}.")
                continue
            if not isinstance(row, dict) or not row:
                self.problems.error(place, "bad-table", f"{name}: a row is a JSON object such as {{\"sku\": \"m1\"}}.")
                continue
            texts = {column: cell if isinstance(cell, str) else json.dumps(cell) for column, cell in row.items()}
            rows.append(_Row(row, texts, {}, place))
            if len(rows) > MAX_ROWS:
                raise Unfit("too-large", f"{source.name} has more than {MAX_ROWS:,} rows.")
        return rows

    def _error(self, at: int, code: str, message: str, suggestion: str | None = None, *, width: int = 1) -> None:
        self.problems.error(Place(self.source, at), code, message, suggestion, width=width)


@dataclass(frozen=True, slots=True)
class _Bound:
    value: Any
    text: str | None
    dimension: Dimension | None


@dataclass(frozen=True, slots=True)
class _Row:
    values: Mapping[str, Any]
    texts: Mapping[str, str]
    places: Mapping[str, Place]
    place: Place


class _LineStarts:
    def __init__(self, source: Source) -> None:
        self._starts = [0]
        at = source.text.find("\n")
        while at >= 0:
            self._starts.append(at + 1)
            at = source.text.find("\n", at + 1)

    def offset(self, line: int) -> int:
        return self._starts[min(max(line, 1), len(self._starts)) - 1]


def scalar_problem(value: Any, kind: str, limits: Mapping[str, Any]) -> tuple[str, str, str | None] | None:
    """What is wrong with a scalar under a declared type and its limits: code, message, suggestion."""
    check: Callable[[Any], bool] = {
        "string": lambda one: isinstance(one, str),
        "integer": lambda one: type(one) is int or (type(one) is float and one.is_integer()),
        "number": lambda one: type(one) in (int, float),
        "boolean": lambda one: isinstance(one, bool),
    }.get(kind, lambda _one: True)
    if not check(value):
        hint = f'Put it in quotes: "{_shown(value)}".' if kind == "string" and not isinstance(value, (dict, list)) else None
        shown = f'"{value}"' if isinstance(value, str) else _shown(value)
        return "wrong-type", f"{shown} is not {_SAID[kind]}.", hint
    if "enum" in limits and value not in limits["enum"]:
        allowed = [_shown(one) for one in limits["enum"]]
        return "not-one-of", f'"{value}" is none of {one_of(allowed)}.', did_you_mean(str(value), allowed)
    if "minimum" in limits and type(value) in (int, float) and value < limits["minimum"]:
        return "out-of-range", f"{value} is less than the least, {limits['minimum']}.", None
    if "maximum" in limits and type(value) in (int, float) and value > limits["maximum"]:
        return "out-of-range", f"{value} is more than the most, {limits['maximum']}.", None
    if "pattern" in limits and isinstance(value, str) and not re.search(str(limits["pattern"]), value):
        return "pattern", f'"{value}" does not match the pattern {limits["pattern"]}.', None
    return None


def _typed(value: Any, kind: str) -> Any:
    """A text from the command line or a table as the declared type reads it; itself where it does not fit."""
    if kind == "string" or not isinstance(value, str):
        return value
    looked = scalar(value.strip())
    fits = isinstance(looked, bool) if kind == "boolean" else type(looked) in (int, float)
    return looked if fits and kind != "image" else value


def _split(text: str) -> list[str]:
    stripped = text.strip()
    if stripped.startswith("[") and stripped.endswith("]"):
        stripped = stripped[1:-1]
    return [item.strip() for item in stripped.split(",")] if stripped else []


def _type_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "string" if isinstance(value, str) else "number"


def _is_pinned(value: Mapping[str, Any]) -> bool:
    pin = value.get("sha256")
    return (
        isinstance(value.get("url"), str) and set(value) <= {"url", "sha256"}
        and (pin is None or (isinstance(pin, str) and re.fullmatch("[0-9a-fA-F]{64}", pin) is not None))
    )  # fmt: skip


def _keys_of_sources(sources: Sequence[ImageSource]) -> list[str]:
    """Files by their paths below the folder they share; others by their own keys."""
    files = [source.location for source in sources if source.kind == "file"]
    if not files:
        return [source.key for source in sources]
    shared = os.path.commonpath([os.path.dirname(path) for path in files])  # noqa: PTH120
    of_files = iter(keys_of_files(files, shared))
    return [next(of_files) if source.kind == "file" else source.key for source in sources]


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list) else str(value)


def _width(value: Any) -> int:
    return len(value) if isinstance(value, str) and value else 1

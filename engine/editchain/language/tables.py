"""Tables: the rows of a .csv or .jsonl file or of a list of mappings, with the place of every cell."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

from editchain.classes import dataclass
from editchain.diagnostics import Place, Source
from editchain.language.reading import Unfit
from editchain.language.syntax import MAX_DIGITS, UNWRITABLE, Map, Seq, control_character, scalar, written
from editchain.pipeline import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from editchain.diagnostics import Problems
    from editchain.language.reading import Reader

MAX_TABLE_BYTES = 64 * 1024 * 1024
MAX_ROWS = 1_000_000
MAX_COLUMNS = 1000
_SEPARATORS = {",": "comma", ";": "semicolon"}


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of a row by column: their values, and their texts as they were written."""

    values: Mapping[str, Any]
    texts: Mapping[str, str]
    place: Place


@dataclass(frozen=True, slots=True)
class Table:
    """Rows in their order. `cell_place(row, column)` looks up where a cell stands."""

    rows: list[Row]
    cell_place: Callable[[int, str], Place]

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that some row has, in the order they come."""
        seen: dict[str, None] = {}
        previous: Any = None
        for row in self.rows:
            if row.values.keys() != previous:
                previous = row.values.keys()
                seen.update(dict.fromkeys(previous))
        return tuple(seen)


def inline_table(where: str, value: list[Any], place: Place, problems: Problems) -> Table:
    """The table that a list of mappings in a pipeline or inputs file is."""
    rows: list[Row] = []
    maps: list[Map] = []
    for index, row in enumerate(value):
        at = Place(place.source, value.places[index] if isinstance(value, Seq) else place.offset)
        if not isinstance(row, Map) or not row:
            if row is not UNKNOWN:
                message = f"{where}[{index}]: a row is a mapping from columns to values."
                problems.error(at, "wrong-type", message, "Write {name: ..., ...}.")
            continue
        texts = {
            column: "" if isinstance(cell, (dict, list)) else written(at.source, row.places[column][1], cell)
            for column, cell in row.items()
        }
        rows.append(Row(row, texts, Place(at.source, row.at)))
        maps.append(row)

    def cell_place(index: int, column: str) -> Place:
        places = maps[index].places.get(column)
        return Place(place.source, places[1] if places else maps[index].at)

    return Table(rows, cell_place)


def read_table(where: str, path: str, reader: Reader, problems: Problems) -> Table:
    """The table in a file; raises Unfit where it cannot be read, notes what is wrong in its lines."""
    data = reader.text(path, max_bytes=MAX_TABLE_BYTES, what="table")
    shown = reader.display(path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"The table {shown} is not UTF-8 text (byte {error.start})."
        raise Unfit("encoding", message, "Save it as UTF-8.") from None
    source = Source(shown, text)
    if found := UNWRITABLE.search(text):
        control_character(Place(source, found.start()), found.group(), problems)
        return Table([], lambda _index, _column: Place(source, 0))
    suffix = os.path.splitext(path)[1].lower()
    if suffix == ".csv":
        return _csv(where, source, problems)
    if suffix in (".jsonl", ".ndjson"):
        return _jsonl(where, source, problems)
    message = f"{shown} is neither .csv nor .jsonl."
    raise Unfit("unknown-format", message, "Tables are read from .csv and .jsonl files.")


def _csv(where: str, source: Source, problems: Problems) -> Table:
    import csv  # only for tables: a start does without it
    import io

    head = source.text.split("\n", 1)[0]
    delimiter = ";" if head.count(";") > head.count(",") else ","
    starts = source.line_starts
    reader = csv.reader(io.StringIO(source.text, newline=""), delimiter=delimiter, strict=True)
    rows: list[Row] = []
    header: list[str] = []
    line = 0
    try:
        for cells in reader:
            place = Place(source, starts[min(line, len(starts) - 1)])
            line = reader.line_num
            if not cells or (len(cells) == 1 and not cells[0].strip()):
                continue
            if not header:
                header = [cell.strip() for cell in cells]
                if not _is_sound_header(where, header, place, delimiter, problems):
                    break
            elif len(cells) != len(header):
                wanted = f"the header has {_count(len(header), 'cell')}"
                message = f"{where}: this row has {_count(len(cells), 'cell')} and {wanted}."
                hint = f"A cell that holds a {_SEPARATORS[delimiter]} stands in quotes."
                problems.error(place, "bad-table", message, hint)
            else:
                values = dict(zip(header, map(str.strip, cells), strict=True))
                rows.append(Row(values, values, place))
                _check_length(rows, source)
    except csv.Error as error:
        place = Place(source, starts[min(line, len(starts) - 1)])
        message = f"{where}: this is not CSV from here on: {error}."
        problems.error(place, "bad-table", message, "Look for a quote that is not closed or not doubled.")
    columns = {name: index for index, name in enumerate(header)}

    def cell_place(index: int, column: str) -> Place:
        return Place(source, _cell_offset(source.text, rows[index].place.offset, columns[column], delimiter))

    return Table(rows, cell_place)


def _is_sound_header(where: str, header: list[str], place: Place, delimiter: str, problems: Problems) -> bool:
    before = len(problems.found)
    seen: set[str] = set()
    if len(header) == 1 and "\t" in header[0]:
        message = f"{where}: the cells of this table are separated by tabs."
        problems.error(place, "bad-table", message, "Save it with commas or semicolons between them.")
        return False
    if len(header) > MAX_COLUMNS:
        message = f"{where}: the table has {len(header):,} columns, more than {MAX_COLUMNS:,}."
        problems.error(place, "too-large", message, "Take away the columns that are not used.")
        return False
    for index, column in enumerate(header):
        at = Place(place.source, _cell_offset(place.source.text, place.offset, index, delimiter))
        if not column:
            message = f"{where}: the header has a column without a name."
            problems.error(at, "bad-table", message, "Give every column a name.")
        elif column in seen:
            message = f'{where}: the header names "{column}" twice.'
            problems.error(at, "bad-table", message, "Rename one of the two.", width=len(column))
        seen.add(column)
    return len(problems.found) == before


def _cell_offset(text: str, start: int, index: int, delimiter: str) -> int:
    """Where a cell of a CSV row begins, past its opening quote."""
    at, quoted = start, False
    for _ in range(index):
        while at < len(text) and (quoted or text[at] not in (delimiter, "\n")):
            quoted ^= text[at] == '"'
            at += 1
        at += 1
    while at < len(text) and text[at] in ' "':
        at += 1
    return min(at, max(len(text) - 1, 0))


class _Number(str):
    """A number of a JSON line as it is written."""


class _Unfit(ValueError):
    """What JSON allows in a row and a table does not; `key` is where it stands."""

    def __init__(self, code: str, message: str, suggestion: str, key: str | None = None) -> None:
        self.code, self.suggestion, self.key = code, suggestion, key
        super().__init__(message)


def _jsonl(where: str, source: Source, problems: Problems) -> Table:
    rows: list[Row] = []
    at = 0
    for line in source.text.split("\n"):
        start, at = at, at + len(line) + 1
        if not line.strip():
            continue
        try:
            row = json.loads(
                line,
                parse_constant=_no_constant,
                parse_float=_Number,
                parse_int=_Number,
                object_pairs_hook=_without_twins,
            )
            rows.append(_json_row(row, Place(source, start)))
        except json.JSONDecodeError as error:
            place = Place(source, start + min(error.pos, max(len(line.rstrip()) - 1, 0)))
            problems.error(place, "bad-table", f"{where}: this line is not JSON: {error.msg.lower()}.")
        except _Unfit as unfit:
            place = Place(source, start + _value_at(line, unfit.key, last=True))
            problems.error(place, unfit.code, f"{where}: {unfit}", unfit.suggestion)
        except (ValueError, RecursionError):
            problems.error(Place(source, start), "bad-table", f"{where}: this line is not JSON.")
        _check_length(rows, source)

    def cell_place(index: int, column: str) -> Place:
        start = rows[index].place.offset
        end = source.text.find("\n", start)
        line = source.text[start : end if end >= 0 else len(source.text)]
        return Place(source, start + _value_at(line, column))

    return Table(rows, cell_place)


def _json_row(cells: Any, place: Place) -> Row:
    if not isinstance(cells, dict) or not cells:
        raise _Unfit("bad-table", "a row is a JSON object.", 'Write {"name": "...", ...}.')
    values: dict[str, Any] = {}
    texts: dict[str, str] = {}
    for column, cell in cells.items():
        if isinstance(cell, _Number):
            values[column], texts[column] = _number_of(column, cell), str(cell)
            continue
        values[column], texts[column] = cell, cell if isinstance(cell, str) else json.dumps(cell)
        if found := UNWRITABLE.search(column + texts[column]):
            message = f"the character U+{ord(found.group()):04X} may not stand in a table."
            raise _Unfit("control-character", message, "Remove it.", column)
    return Row(values, texts, place)


def _number_of(column: str, text: str) -> Any:
    value = scalar(text)
    if isinstance(value, str) or abs(value) == float("inf"):
        message = f"the number {text[:MAX_DIGITS]} is beyond every limit."
        raise _Unfit("out-of-range", message, "Write a smaller one, or put it in quotes.", column)
    return value


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Unfit("duplicate-key", f'"{twice}" stands twice in this row.', "Remove one of the two.", twice)
    return row


def _value_at(line: str, column: str | None, *, last: bool = False) -> int:
    """Where the value of a column stands in a JSON line; its beginning where the column is spelt with escapes."""
    if column is None:
        return 0
    name = re.escape(json.dumps(column, ensure_ascii=False)[1:-1])
    found = [one.end() for one in re.finditer(f'"{name}"\\s*:\\s*"?', line)]
    return found[-1 if last else 0] if found else 0


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _check_length(rows: list[Row], source: Source) -> None:
    if len(rows) > MAX_ROWS:
        raise Unfit("too-large", f"{source.name} has more than {MAX_ROWS:,} rows.", "Split it.")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

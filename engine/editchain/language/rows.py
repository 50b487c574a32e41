"""Rows: what an input of type table is filled with, each cell of its column's type."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from editchain.artifacts import ImageSource
from editchain.diagnostics import Place, did_you_mean, one_of
from editchain.language.declaring import COLUMN_TYPES
from editchain.language.filling import Bound
from editchain.language.reading import Unfit
from editchain.language.scalars import scalar_problem, shown, typed
from editchain.language.syntax import Map
from editchain.language.tables import inline_table, read_table
from editchain.pipeline import UNKNOWN, Dimension

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from editchain.diagnostics import Source
    from editchain.language.filling import Asked, Filler
    from editchain.language.tables import Row, Table


class TableFiller:
    """Fills inputs of type table; `source` is the file of their declarations."""

    def __init__(self, filler: Filler, source: Source) -> None:
        self._filler = filler
        self._source = source

    def fill(self, asked: Asked, value: Any) -> Bound:
        """The dimension that the rows of a file or a list are; raises Unfit for what is no table."""
        folder = asked.base
        if isinstance(value, list):
            table = inline_table(asked.where, value, asked.place, self._filler.problems)
        elif isinstance(value, str):
            path = self._filler.reader.resolve(value, asked.base, anywhere=asked.anywhere)
            folder = os.path.dirname(path)
            asked = replace(asked, anywhere=False)
            before = len(self._filler.problems.found)
            table = read_table(asked.where, path, self._filler.reader, self._filler.problems)
            if not table.rows and len(self._filler.problems.found) > before:
                return Bound()
        else:
            said = f"{shown(value)} is not a table."
            raise Unfit("wrong-type", said, "Give a .csv or .jsonl file, or a list of mappings.")
        if not table.rows:
            raise Unfit("empty-dimension", "This table has no rows.", "Give it at least one.")
        return Bound(dimension=self._rows(replace(asked, base=folder), table))

    def _rows(self, asked: Asked, table: Table) -> Dimension:
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
        has_key = [index for index, row in enumerate(table.rows) if key in row.values and keys[index]]
        for index in (index for index, row in enumerate(table.rows) if row.values.get(key) == ""):
            message = f'{asked.where}: rows are told apart by "{key}", and this row has nothing there.'
            hint = "Fill it in, or name another column with key:."
            self._filler.problems.error(table.cell_place(index, key), "empty-key", message, hint)
        self._filler.check_keys(
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

    def _typed_columns(self, asked: Asked, columns: Sequence[str]) -> dict[str, str]:
        types: Map = asked.raw.get("columns") or Map(0)
        for column in types:
            if column not in columns:
                self._no_column(asked, types.places[column][0], column, columns, "columns")
        return {column: kind for column, kind in types.items() if kind in COLUMN_TYPES and column in columns}

    def _key_column(self, asked: Asked, columns: Sequence[str]) -> str:
        key = asked.raw.get("key")
        if isinstance(key, str) and key in columns:
            return key
        if key is not None and key is not UNKNOWN:
            self._no_column(asked, asked.raw.places["key"][1], shown(key), columns, "key")
        return "name" if "name" in columns else columns[0]

    def _no_column(self, asked: Asked, at: int, column: str, columns: Sequence[str], field: str) -> None:
        offer = did_you_mean(column, columns) or f"It has {one_of(columns)}."
        message = f'inputs.{asked.name}.{field}: the table has no column "{column}".'
        place = Place(self._source, at)
        self._filler.problems.error(place, "unknown-column", message, offer, width=len(column))

    def _row(
        self,
        asked: Asked,
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
                self._filler.problems.error(
                    row.place, "missing-column", message, "Every row has the same columns."
                )
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
        self, asked: Asked, column: str, value: Any, kind: str | None, place: Callable[[], Place]
    ) -> Any:
        where = f"{asked.name}.{column}"
        if value is UNKNOWN:
            return UNKNOWN
        if kind == "image":
            return self._filler.image(where, value, place(), asked.base, asked.anywhere)
        if value is None:
            message = f"{where} is null in this row."
            self._filler.problems.error(place(), "null-value", message, "Give it a value, or an empty text.")
            return UNKNOWN
        if kind is None or isinstance(value, (dict, list)):
            message = f"{where}: a cell holds a plain value, not {shown(value)}."
            self._filler.problems.error(place(), "wrong-type", message, "Give each part a column of its own.")
            return UNKNOWN
        value = typed(value, kind)
        if scalar_problem(value, kind, {}) is None:
            return value
        self._filler.check_scalar(where, kind, {}, value, place())
        return UNKNOWN

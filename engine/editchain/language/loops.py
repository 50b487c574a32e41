"""Loops: the dimensions that the variables of `for_each` declare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from editchain.diagnostics import Place, one_of
from editchain.language.declaring import better_name
from editchain.language.references import NAME, Reference, Text
from editchain.language.scalars import shown, width_of
from editchain.language.scope import Broken, dimension_of
from editchain.language.syntax import Map, Seq, written
from editchain.language.values import is_plain
from editchain.pipeline import UNKNOWN, Dimension

if TYPE_CHECKING:
    from collections.abc import Sequence

    from editchain.language.binding import Binder
    from editchain.language.drafts import Entry

_WHAT_LOOPS = "Give a list, or a reference to an input of type list, images or table."
_KEYS_HINT = "Keys tell tasks apart; make them differ."


def read_loops(binder: Binder, entry: Entry) -> list[Dimension]:
    """The dimensions of a step's loop variables; `binder` knows them as its loops from then on."""
    names = binder.names
    if not isinstance(entry.value, Map):
        if entry.value is not UNKNOWN:
            message = "for_each is a mapping from loop variables to their values."
            names.error(entry.source, entry.at, "wrong-type", message, "Write for_each: {name: [a, b]}.")
        names.is_sound = False
        return []
    if not entry.value:
        message = "for_each names no loop variable."
        names.error(entry.source, entry.at, "empty-dimension", message, "Write {name: [a, b]}, or remove it.")
    loops = []
    for name, value in entry.value.items():
        key_at, at = entry.value.places[name]
        dimension = None
        if _is_good_name(binder, name, entry, key_at):
            dimension = _loop(binder, name, value, entry, key_at, at)
        if dimension is None:
            names.is_sound = False
            names.spoilt.add(name)
        else:
            dimension = _one_with(binder, dimension, entry, key_at)
            names.loops[name] = dimension
            loops.append(dimension)
    return loops


def _is_good_name(binder: Binder, name: str, entry: Entry, key_at: int) -> bool:
    names = binder.names
    hint: str | None = "Choose another name."
    if name == "sample":
        code, message = "reserved-name", 'the name "sample" is reserved for num_samples.'
    elif not NAME.fullmatch(name):
        code = "bad-name"
        message = f'"{name}" is no name for a loop variable: a-z, 0-9 and _, beginning with a letter.'
        hint = better_name(name)
    elif name in names.scope.all_names:
        code, message = "name-clash", f'a loop variable may not be called "{name}", as an input or a step is.'
    elif name in names.scope.caller_dimensions:
        user = names.scope.chain[-2] if len(names.scope.chain) > 1 else "the calling pipeline"
        code, message = (
            "dimension-clash",
            f'{user}, which runs this pipeline, has a dimension "{name}" already.',
        )
    else:
        return True
    names.error(entry.source, key_at, code, message, hint, width=max(1, len(name)))
    return False


def _one_with(binder: Binder, dimension: Dimension, entry: Entry, key_at: int) -> Dimension:
    """Two steps may declare the same variable only with the same values; then it is one dimension."""
    names = binder.names
    known = names.scope.declared.setdefault(dimension.name, dimension)
    if known.is_same_as(dimension):
        return known
    line = known.place.source.locate(known.place.offset)[0] if known.place else 0
    message = f'the loop variable "{dimension.name}" has other values here than at line {line}.'
    hint = "Give it the same values, or another name."
    names.error(entry.source, key_at, "dimension-clash", message, hint, width=len(dimension.name))
    return dimension


def _loop(binder: Binder, name: str, value: Any, entry: Entry, key_at: int, at: int) -> Dimension | None:
    names = binder.names
    if isinstance(value, str) and "$" in value:
        return _loop_over(binder, name, value, entry, at)
    if not isinstance(value, Seq):
        if value is not UNKNOWN:
            hint = f"Write {name}: [{shown(value)}]." if isinstance(value, (str, int, float)) else _WHAT_LOOPS
            message = f"for_each.{name} is a list of values, or a reference to an input that has several."
            names.error(entry.source, at, "wrong-type", message, hint, width=width_of(value))
        return None
    if not value:
        message = f"for_each.{name} has no values."
        names.error(entry.source, at, "empty-dimension", message, "Give it at least one.")
        return None
    if any(isinstance(one, dict) for one in value):
        return _loop_of_mappings(binder, name, value, entry, key_at)
    values: list[Any] = []
    texts: list[str] = []
    for one, one_at in zip(value, value.places, strict=True):
        bound, text = _loop_value(binder, name, one, entry, one_at)
        values.append(bound)
        texts.append(text)
    _check_keys(binder, name, texts, value.places, entry)
    places = tuple(Place(entry.source, one_at) for one_at in value.places)
    keys = tuple(texts)
    return Dimension(name, keys, tuple(values), keys, None, False, Place(entry.source, key_at), places)


def _loop_value(binder: Binder, name: str, one: Any, entry: Entry, at: int) -> tuple[Any, str]:
    """A value and its text; a text that no other has where the value is wrong."""
    names, source = binder.names, entry.source
    unknown = UNKNOWN, f"?{at}"
    if one is UNKNOWN:
        return unknown
    if isinstance(one, (dict, list)) or one is None:
        code = "null-value" if one is None else "wrong-type"
        message = f"for_each.{name}: a value is text, a number, true or false, not {shown(one)}."
        names.error(source, at, code, message, "Write the text in quotes." if one is None else None)
        return unknown
    if not isinstance(one, str) or "$" not in one:
        return one, written(source, at, one)
    parsed = binder.parsed(one, source, at)
    if parsed is None:
        return unknown
    if isinstance(parsed, str):
        return parsed, parsed
    bound = binder.join(parsed if isinstance(parsed, Text) else Text((parsed,)), source, at)
    if isinstance(bound, str):
        return names.resolve(parsed, source, at) if isinstance(parsed, Reference) else bound, bound
    if bound is not UNKNOWN:
        message = f"for_each.{name}: a value may not itself vary."
        names.error(source, at, "loop-value", message, "Loop over both.", width=len(one))
    return unknown


def _loop_over(binder: Binder, name: str, value: str, entry: Entry, at: int) -> Dimension | None:
    names, source = binder.names, entry.source
    parsed = binder.parsed(value, source, at)
    if parsed is None:
        return None
    target = names.scope.names.get(parsed.name) if isinstance(parsed, Reference) else None
    known = dimension_of(target)
    if isinstance(parsed, Reference) and known is not None and not parsed.path and not parsed.selects:
        return Dimension(
            name,
            known.keys,
            known.values,
            known.texts,
            known.columns,
            False,
            Place(source, at),
            known.value_places,
            known.cell_place,
        )
    if isinstance(parsed, Reference) and target is None:
        names.unknown_name(parsed, source, at)
    elif not isinstance(target, Broken):
        message = f"for_each.{name}: {value} has no dimension to loop over."
        names.error(source, at, "loop-value", message, _WHAT_LOOPS, width=len(value))
    return None


def _loop_of_mappings(binder: Binder, name: str, value: Seq, entry: Entry, key_at: int) -> Dimension | None:
    names, source = binder.names, entry.source
    columns = tuple(dict.fromkeys(column for one in value if isinstance(one, dict) for column in one))
    values: list[Any] = []
    texts: list[dict[str, str]] = []
    for one, at in zip(value, value.places, strict=True):
        if not isinstance(one, Map) or not one:
            message = f"for_each.{name}: where one value is a mapping, all are."
            names.error(
                source, at, "wrong-type", message, f"Write {{{columns[0]}: ...}}." if columns else None
            )
            return None
        missing = [column for column in columns if column not in one]
        if missing:
            message = f"for_each.{name}: this item has no {one_of(missing)}."
            names.error(source, at, "missing-column", message, "Every item has the same fields.")
            return None
        row = {column: _cell(binder, name, column, one, entry) for column in columns}
        values.append(row)
        texts.append({column: _cell_text(row[column], one, column, entry) for column in columns})
    key = "name" if "name" in columns else columns[0]
    maps = [one for one in value if isinstance(one, Map)]
    _check_keys(binder, name, [text[key] for text in texts], [one.places[key][1] for one in maps], entry)
    keys = tuple(text[key] for text in texts)
    places = tuple(Place(source, one.at) for one in maps)

    def cell_place(position: int, column: str) -> Place:
        return Place(source, maps[position].places[column][1])

    place = Place(source, key_at)
    return Dimension(name, keys, tuple(values), tuple(texts), columns, False, place, places, cell_place)


def _cell(binder: Binder, name: str, column: str, item: Map, entry: Entry) -> Any:
    at = item.places[column][1]
    cell = item[column]
    if cell is None:
        message = f"for_each.{name}.{column} has no value."
        binder.names.error(
            entry.source, at, "null-value", message, "Give it one; every item has the same fields."
        )
        return UNKNOWN
    bound = binder.bind(cell, entry.source, at, "any")
    if bound is None or (bound is not UNKNOWN and not is_plain(bound)):
        message = f"for_each.{name}.{column}: a value may not itself vary, or be nothing."
        binder.names.error(entry.source, at, "loop-value", message, "Loop over both.")
        return UNKNOWN
    return bound


def _cell_text(cell: Any, item: Map, column: str, entry: Entry) -> str:
    if isinstance(cell, str):
        return cell
    at = item.places[column][1]
    return f"?{at}" if cell is UNKNOWN else written(entry.source, at, cell)


def _check_keys(binder: Binder, name: str, keys: Sequence[str], places: Sequence[int], entry: Entry) -> None:
    first: dict[str, int] = {}
    for index, key in enumerate(keys):
        known = first.setdefault(key, index)
        if known != index:
            line, _ = entry.source.locate(places[known])
            message = f'for_each.{name}: two values have the key "{key}", here and at line {line}.'
            at = places[index]
            binder.names.error(entry.source, at, "equal-keys", message, _KEYS_HINT, width=max(1, len(key)))

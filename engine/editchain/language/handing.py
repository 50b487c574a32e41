"""Handing: what a step that runs a pipeline gives to the inputs of that pipeline."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from editchain.artifacts import ImageSource
from editchain.diagnostics import Place, did_you_mean, one_of
from editchain.language.inputs import InputLoader
from editchain.language.references import Reference, find_references, parse
from editchain.language.scalars import SCALARS, scalar_problem, shown, width_of
from editchain.language.scope import Handed, written_at
from editchain.language.syntax import Map, Seq, written
from editchain.language.values import sample_of, value_at
from editchain.pipeline import UNKNOWN, Dimension, Gathered, Input, Joined, Listing, PathOf, Pick, Picture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from editchain.diagnostics import Problems
    from editchain.language.binding import Binder
    from editchain.language.drafts import Draft
    from editchain.language.reading import Reader
    from editchain.language.syntax import Document

_WANTS = {"image": "image", "images": "images", "list": "list"}
_SEVERAL = ("images", "list", "table")


class Hander:
    """Binds the values under a step's `with` in the caller's scope."""

    def __init__(
        self, draft: Draft, document: Document, binder: Binder, base: str, reader: Reader, problems: Problems
    ) -> None:
        self.where = f"steps.{draft.name}.with"
        self.draft = draft
        self.source = draft.source
        self.document = document
        self.binder = binder
        self.base = base
        self.reader = reader
        self.problems = problems

    def hand(self) -> dict[str, Handed]:
        """What each input of the pipeline is given."""
        entry = self.draft.entries.get("with")
        values = entry.value if entry is not None else Map(0)
        if not isinstance(values, Map):
            values = Map(0)
        declared = self._declared()
        handed: dict[str, Handed] = {}
        for name, value in values.items():
            key_at, value_at_ = values.places[name]
            declaration = declared.get(name)
            if name not in declared:
                offer = did_you_mean(name, declared)
                offer = offer or (f"It has {one_of(declared)}." if declared else "It has none.")
                message = f'{self.where}: the pipeline has no input "{name}".'
                self._error(key_at, "unknown-input", message, offer, width=len(name))
            elif isinstance(declaration, Map) and isinstance(declaration.get("type"), str):
                place = Place(self.document.source, declared.places[name][0])
                self.binder.names.field = f".with.{name}"
                handed[name] = self._hand_one(name, value, value_at_, declaration, place)
                self.binder.names.field = ""
        missing = [
            name
            for name, one in declared.items()
            if name not in values and isinstance(one, Map) and "default" not in one
        ]
        if missing and (entry is None or isinstance(entry.value, Map)):
            at = entry.value.at if entry is not None else self.draft.entries["pipeline"].at
            names = " and ".join(f'"{name}"' for name in missing)
            written_out = ", ".join(f"{name}: ..." for name in missing)
            message = f"{self.where}: the pipeline needs a value for {names}."
            self._error(at, "missing-input", message, f"Write with: {{{written_out}}}.")
        return handed

    def _declared(self) -> Map:
        root = self.document.root
        declared = root.get("inputs") if isinstance(root, Map) else None
        return declared if isinstance(declared, Map) else Map(0)

    def _hand_one(self, name: str, value: Any, at: int, declared: Map, place: Place) -> Handed:
        kind = str(declared["type"])
        unknown = Handed(_stand_in(name, kind, place, columns=declared.get("columns")), UNKNOWN, None)
        if value is None:
            message = f"{self.where}.{name} has no value."
            self._error(at, "null-value", message, "Leave it out, or give it a value.")
            return unknown
        if self._reads_itself(kind, value):
            loader = InputLoader(self.source, self.base, self.reader, self.problems)
            read = loader.bind_written(name, declared, value, at)
            return unknown if read is None else Handed(read, None, None)
        if kind == "table":
            return self._hand_table(name, value, at, unknown)
        noted = len(self.problems.found)
        bound = self.binder.bind(value, self.source, at, _WANTS.get(kind, "any"))
        if bound is UNKNOWN or (kind in SCALARS and not self._fits(name, kind, bound, declared, value, at)):
            return unknown
        given = self._origin(value) or Place(self.source, at)
        if kind == "image" and not self._is_one_image(name, bound, value, at):
            return unknown
        if bound is None:
            return Handed(Input(name, kind, None, None, None, False, place, given, True), None, None)
        dimension = None
        if kind in _SEVERAL:
            dimension = self._dimension(name, bound, at)
            if dimension is None:
                if len(self.problems.found) == noted:
                    message = f"{self.where}.{name}: {shown(value)} gives no values."
                    self._error(at, "empty-dimension", message, "Give it at least one.")
                return unknown
        text = self._text(value, bound, at)
        return Handed(Input(name, kind, UNKNOWN, text, dimension, False, place, given, True), bound, text)

    @staticmethod
    def _reads_itself(kind: str, value: Any) -> bool:
        """Whether a value is one that the input could have as its default, with no reference in it."""
        if any(find_references(value)):
            return False
        return (kind == "images" and isinstance(value, str)) or (
            kind == "table" and isinstance(value, (str, Seq))
        )

    def _hand_table(self, name: str, value: Any, at: int, unknown: Handed) -> Handed:
        """A table of the caller's, as the reference that it wholly is."""
        parsed = self.binder.parsed(value, self.source, at) if isinstance(value, str) else None
        target = self.binder.scope.names.get(parsed.name) if isinstance(parsed, Reference) else None
        known = target.input if isinstance(target, Handed) else target
        if isinstance(parsed, Reference) and isinstance(known, Input) and known.dimension is not None:
            dimension = known.dimension
            if dimension.columns is not None or dimension.keys is None:
                if name in self.binder.names.dimensions:
                    message = (
                        f"{self.where}.{name}: {parsed.raw} is one row here; hand its columns in one by one."
                    )
                    self._error(at, "wants-list", message, None, width=len(value))
                    return unknown
                renamed = replace(dimension, name=name, is_outer=False)
                return Handed(replace(unknown.input, dimension=renamed), None, None)
        if parsed is None or not isinstance(parsed, Reference) or target is not None:
            message = f"{self.where}.{name}: {shown(value)} is not a table."
            hint = "Give a .csv or .jsonl file, a list of mappings, or a table of this pipeline."
            self._error(at, "wrong-type", message, hint, width=width_of(value))
        else:
            self.binder.names.resolve(parsed, self.source, at)
        return unknown

    def _fits(self, name: str, kind: str, bound: Any, declared: Map, value: Any, at: int) -> bool:
        """Whether every value that is handed in fits the type of the input; one that does not is told where it stands."""
        fits = True
        here = Place(self.source, at)
        for one, origin in self._each(kind, bound, value):
            misfit = None if one is UNKNOWN or one is None else scalar_problem(one, kind, declared)
            if misfit is not None:
                place = origin or here
                within = "" if place.source is self.source else self.binder.scope.prefix
                message = f"steps.{within}{self.draft.name}.with.{name}: {misfit.message}"
                width = width_of(one if origin else value)
                self.problems.error(place, misfit.code, message, misfit.suggestion, width=width)
                fits = self.binder.names.is_sound = False
        return fits

    def _each(self, kind: str, bound: Any, value: Any) -> Iterator[tuple[Any, Place | None]]:
        """The values that an input is given, each with where it is written if a reference brings it."""
        if isinstance(bound, Joined):
            if kind != "string":
                yield "", None
        elif isinstance(bound, Pick):
            dimension, column = bound.dimension, bound.column
            for position in range(len(dimension.values)):
                yield value_at(dimension, column, position), dimension.place_at(position, column)
        else:
            yield bound, self._origin(value)

    def _is_one_image(self, name: str, bound: Any, value: Any, at: int) -> bool:
        """Whether an image is handed in where one is wanted; what a reference brings has been looked at."""
        if bound is None or isinstance(bound, (ImageSource, Picture, PathOf, Pick)):
            return True
        message = f"{self.where}.{name}: {shown(value)} is not an image."
        self._error(at, "image-wanted", message, "Write a path, an address, or $name.", width=width_of(value))
        return False

    def _origin(self, value: Any) -> Place | None:
        """Where the caller's own input has its value, which is handed on as it is."""
        if not isinstance(value, str) or not value.startswith("$"):
            return None
        parsed = parse(value)
        return written_at(self.binder.scope.names.get(parsed.name)) if isinstance(parsed, Reference) else None

    def _text(self, value: Any, bound: Any, at: int) -> str | None:
        """A scalar as it was written."""
        if isinstance(value, str) and "$" in value:
            parsed = parse(value)
            target = self.binder.scope.names.get(parsed.name) if isinstance(parsed, Reference) else None
            if isinstance(target, (Input, Handed)):
                return target.text
            return bound if isinstance(bound, str) else None
        is_scalar = not isinstance(value, (dict, list)) and isinstance(bound, (str, int, float))
        return written(self.source, at, value) if is_scalar else None

    def _dimension(self, name: str, bound: Any, at: int) -> Dimension | None:
        """A list from a caller as a dimension inside: plain values, images, or the pictures of a step."""
        values: list[Any] = []
        keys: list[str] = []
        several = bound.items if isinstance(bound, Listing) else bound if isinstance(bound, list) else [bound]
        for one in several:
            if isinstance(one, (Pick, Joined, Listing)):
                message = f"{self.where}.{name}: a value of this list varies from task to task."
                self._error(at, "may-not-vary", message, "Hand it in by an input of one value.")
                return None
            for key, value in _keyed(one):
                keys.append(key)
                values.append(value)
        seen: set[str] = set()
        for key in keys:
            if key in seen:
                message = f'{self.where}.{name}: two values have the key "{key}".'
                self._error(at, "equal-keys", message, "Keys tell tasks apart; make them differ.")
                return None
            seen.add(key)
        place = Place(self.source, at)
        if not keys:
            return None
        return Dimension(
            name, tuple(keys), tuple(values), tuple(keys), place=place, value_places=(place,) * len(keys)
        )

    def _error(
        self, at: int, code: str, message: str, suggestion: str | None = None, *, width: int = 1
    ) -> None:
        self.problems.error(Place(self.source, at), code, message, suggestion, width=width)


def tables_of(document: Document) -> frozenset[str]:
    """The inputs of a pipeline file that take a whole table."""
    root = document.root
    declared = root.get("inputs") if isinstance(root, Map) else None
    if not isinstance(declared, Map):
        return frozenset()
    return frozenset(
        name for name, one in declared.items() if isinstance(one, Map) and one.get("type") == "table"
    )


def _stand_in(name: str, kind: str, place: Place, columns: Any = None) -> Input:
    """An input whose value is not known: it is wrong and has been said to be, or only a run will tell."""
    known = tuple(columns) if isinstance(columns, Map) else None
    dimension = Dimension(name, None, columns=known, place=place) if kind in _SEVERAL else None
    return Input(name, kind, UNKNOWN, None, dimension, False, place, place, True)


def _keyed(one: Any) -> Iterator[tuple[str, Any]]:
    """A value of a list with its key; each image or value of one that gathers."""
    if isinstance(one, Picture):
        yield from _single_pictures(one)
    elif isinstance(one, Gathered):
        if one.dimension.keys is not None and sample_of(one) is not None:
            for position, key in enumerate(one.dimension.keys):
                yield key, value_at(one.dimension, one.column, position)
    elif isinstance(one, ImageSource):
        yield one.key, one
    elif one is not UNKNOWN:
        yield shown(one), one


def _single_pictures(picture: Picture) -> Iterator[tuple[str, Picture]]:
    if not picture.is_list:
        yield picture.step.name, picture
        return
    for positions in itertools.product(*(range(one.size) for one in picture.gathered)):
        fixed = tuple(zip(picture.gathered, positions, strict=True))
        key = "/".join(one.keys[position] for one, position in fixed if one.keys is not None)
        one = replace(picture, fixed=(*picture.fixed, *fixed), gathered=(), is_list=False)
        yield key or picture.step.name, one

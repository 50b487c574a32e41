"""Binding: the references of one step, resolved in its scope to values with dimensions."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from editchain.artifacts import ImageSource
from editchain.diagnostics import Place, did_you_mean, one_of
from editchain.pipeline import UNKNOWN, Dimension, Gathered, Input, Joined, Listing, PathOf, Pick, Picture, Record, Step
from editchain.reading import Unfit
from editchain.references import BadReference, Reference, Select, Text, looks_like_extension, parse, references, with_braces
from editchain.syntax import Map, Seq, written

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from editchain.diagnostics import Problems, Source
    from editchain.reading import Reader

MAX_PATHS = 200_000


@dataclass(frozen=True, slots=True, eq=False)
class Handed:
    """An input of a sub-pipeline that its caller gave a value."""

    input: Input
    value: Any
    text: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What a sub-pipeline gives back: its outputs by name, and every step that it is made of."""

    outputs: Mapping[str, Picture]
    steps: tuple[Step, ...]
    is_sound: bool


class Broken:
    """A step whose own problems have been said; what refers to it is not blamed."""

    __slots__ = ()


BROKEN = Broken()
Binding = Input | Handed | Step | Result | Broken


@dataclass(slots=True)
class Scope:
    """The names of one pipeline file, and what it inherits from a caller."""

    source: Source
    base: str
    prefix: str
    names: dict[str, Binding]
    all_names: set[str]
    ambient: tuple[Dimension, ...] = ()
    caller_dimensions: frozenset[str] = frozenset()
    chain: tuple[str, ...] = ()
    loop_variables: dict[str, list[str]] = field(default_factory=dict)
    declared: dict[str, Dimension] = field(default_factory=dict)


def find_references(value: Any) -> Iterator[Reference]:
    """Every well-formed reference in a value, at any depth, in order."""
    if isinstance(value, str):
        if "$" in value:
            try:
                yield from references(parse(value))
            except BadReference:
                return
    elif isinstance(value, dict):
        for one in value.values():
            yield from find_references(one)
    elif isinstance(value, list):
        for one in value:
            yield from find_references(one)


class Binder:
    """Binds the values of one step. Collects the step's dimensions from all it refers to before anything is bound."""

    def __init__(self, where: str, scope: Scope, reader: Reader, problems: Problems) -> None:
        self.where = where
        self.scope = scope
        self.reader = reader
        self.problems = problems
        self.loops: dict[str, Dimension] = {}
        self.dimensions: dict[str, Dimension] = {one.name: one for one in scope.ambient}
        self.is_sound = True
        self.used: set[str] = set()
        self.spoilt: set[str] = set()

    # ------------------------------------------------------------------ problems

    def error(self, source: Source, at: int, code: str, message: str, suggestion: str | None = None, *, width: int = 1) -> None:
        self.is_sound = False
        self.problems.error(Place(source, at), code, f"{self.where}: {message}", suggestion, width=width)

    def _at(self, source: Source, at: int, raw: str) -> int:
        """Where a reference stands inside the scalar that begins at an offset."""
        found = source.text.find(raw, at, at + 100_000)
        return found if found >= 0 else at

    def _bad(self, source: Source, at: int, raw: str, code: str, message: str, suggestion: str | None = None) -> Any:
        self.error(source, self._at(source, at, raw), code, message, suggestion, width=len(raw))
        return UNKNOWN

    # ------------------------------------------------------------------ dimensions

    def add_dimension(self, dimension: Dimension, source: Source, at: int) -> None:
        """Gives the step a dimension; one of the same name must be the same axis."""
        known = self.dimensions.get(dimension.name)
        if known is None:
            self.dimensions[dimension.name] = dimension
        elif not known.is_same_as(dimension):
            self.error(
                source, at, "dimension-clash",
                f'two different dimensions are called "{dimension.name}": {_keys(known)} and {_keys(dimension)}.',
                "Give them different names, or the same values.",
            )  # fmt: skip

    def collect(self, value: Any, source: Source, at: int) -> None:
        """Gives the step the dimensions of everything that a value refers to."""
        for reference in find_references(value):
            for dimension in self._inherited(reference):
                self.add_dimension(dimension, source, self._at(source, at, reference.raw))

    def _inherited(self, reference: Reference) -> tuple[Dimension, ...]:
        """The dimensions that a reference gives to its user."""
        if reference.name in self.loops:
            return ()
        target = self.scope.names.get(reference.name)
        picture = self._picture_of(target, reference)
        if picture is not None:
            gone = self._selected_names(reference, picture.dimensions)
            return tuple(
                one for one in picture.dimensions
                if one.name not in gone and (not reference.gathers or one.is_outer or one.name in self._ambient_names())
            )  # fmt: skip
        dimension = _dimension_of(target)
        if dimension is None:
            return ()
        if dimension.name in self._selected_names(reference, (dimension,)) or (reference.gathers and not dimension.is_outer):
            return ()
        return (dimension,)

    def _ambient_names(self) -> set[str]:
        return {one.name for one in self.scope.ambient}

    def _picture_of(self, target: Binding | None, reference: Reference) -> Picture | None:
        if isinstance(target, Step):
            return Picture(target)
        if isinstance(target, Handed) and isinstance(target.value, Picture) and not target.value.is_list:
            return target.value
        if isinstance(target, Result) and reference.path:
            return target.outputs.get(reference.path[0])
        return None

    @staticmethod
    def _selected_names(reference: Reference, dimensions: Sequence[Dimension]) -> set[str]:
        names = {one.dimension for one in reference.selects if one.dimension}
        if any(one.dimension is None for one in reference.selects):
            inner = [one for one in dimensions if not one.is_outer]
            names |= {one.name for one in (inner if len(inner) == 1 else dimensions)}
        return names

    # ------------------------------------------------------------------ values

    def bind(self, value: Any, source: Source, at: int, wants: str) -> Any:
        """A value with its references resolved. `wants` is image, images, list or any.

        `names` only looks every name up, where nobody knows what is wanted. Gives plain data, None for a reference to
        nothing, UNKNOWN where a problem was noted or inputs are missing.
        """
        if wants == "names":
            return self._look_up(value, source, at)
        if wants == "images":
            return self._bind_images(value, source, at)
        if wants == "image":
            return self._bind_image(value, source, at)
        if isinstance(value, str):
            return self._bind_text(value, source, at, wants) if "$" in value else value
        if isinstance(value, Seq):
            return self._bind_list(value, source, "any")
        if isinstance(value, Map):
            bound = {}
            for key, one in value.items():
                got = self.bind(one, source, value.places[key][1], "any")
                if got is not None or one is None:
                    bound[key] = got
            return bound if all(is_plain(one) for one in bound.values()) else Record(bound)
        return value

    def _look_up(self, value: Any, source: Source, at: int) -> Any:
        if isinstance(value, str) and "$" in value:
            parsed = self._parsed(value, source, at)
            for reference in references(parsed) if parsed is not None else ():
                self.resolve(reference, source, at)
        elif isinstance(value, Map):
            for key, one in value.items():
                self._look_up(one, source, value.places[key][1])
        elif isinstance(value, Seq):
            for one, one_at in zip(value, value.places, strict=True):
                self._look_up(one, source, one_at)
        return UNKNOWN

    def _parsed(self, text: str, source: Source, at: int) -> str | Reference | Text | None:
        try:
            return parse(text)
        except BadReference as bad:
            self._bad(source, at, bad.raw, "reference-syntax", bad.message, bad.suggestion)
            return None

    def _bind_text(self, text: str, source: Source, at: int, wants: str) -> Any:
        parsed = self._parsed(text, source, at)
        if parsed is None:
            return UNKNOWN
        if isinstance(parsed, str):
            return parsed
        if isinstance(parsed, Text):
            return self._join(parsed, source, at)
        bound = self.resolve(parsed, source, at)
        if isinstance(bound, (Picture, ImageSource)) or is_image_pick(bound):
            return self._bad(source, at, parsed.raw, "image-in-text", f"{parsed.raw} is an image, and no image belongs here.")
        if wants == "list" and isinstance(bound, Pick) and not isinstance(_sample(bound), list):
            return self._wants_list(parsed, source, at)
        if wants != "list" and isinstance(bound, Gathered):
            return self._bad(source, at, parsed.raw, "wants-one", f"{parsed.raw} is a list, and one value is wanted here.", f"Write ${parsed.name} for one value each.")
        return bound

    def _join(self, parsed: Text, source: Source, at: int) -> Any:
        parts: list[str | Pick] = []
        unknown = False
        for part in parsed.parts:
            if isinstance(part, str):
                parts.append(part)
                continue
            bound = self.resolve(part, source, at, as_text=True)
            if bound is UNKNOWN:
                unknown = True
            elif bound is None:
                self._bad(source, at, part.raw, "nothing-in-text", f"{part.raw} is optional and was given nothing, which cannot stand inside text.", "Give the input a default.")
                unknown = True
            elif isinstance(bound, (Picture, ImageSource)) or is_image_pick(bound):
                self._bad(source, at, part.raw, "image-in-text", f"{part.raw} is an image; inside text only text and numbers may stand.", "Give the image as `image` or in `references`, and speak of it in words.")
                unknown = True
            elif isinstance(bound, (Gathered, list, dict)):
                self._bad(source, at, part.raw, "list-in-text", f"{part.raw} is a list; inside text only text and numbers may stand.")
                unknown = True
            else:
                parts.append(bound)
        if unknown:
            return UNKNOWN
        if all(isinstance(part, str) for part in parts):
            return "".join(str(part) for part in parts)
        return Joined(tuple(parts))

    def _bind_list(self, value: Seq, source: Source, wants: str) -> Any:
        items: list[Any] = []
        for one, at in zip(value, value.places, strict=True):
            bound = self.bind(one, source, at, wants if wants == "image-item" else "list" if isinstance(one, str) else "any")
            if bound is None and one is not None:
                continue
            if isinstance(bound, list) and isinstance(one, str):
                items.extend(bound)
            else:
                items.append(bound)
        return items if all(is_plain(one) for one in items) else Listing(tuple(items))

    def _bind_image(self, value: Any, source: Source, at: int) -> Any:
        if isinstance(value, Map):
            value = self.bind(value, source, at, "any")
            if not isinstance(value, dict) or "url" not in value:
                return value if not isinstance(value, Record) else UNKNOWN
            return self._read_image(value, source, at)
        if not isinstance(value, str):
            return value  # the rules of the field say what is wrong with it
        if "$" not in value:
            return self._read_image(value, source, at)
        parsed = self._parsed(value, source, at)
        if parsed is None:
            return UNKNOWN
        if isinstance(parsed, str):
            return self._read_image(parsed, source, at)
        if isinstance(parsed, Text):
            return self._image_path(self._path_text(parsed, source, at), source, at)
        bound = self.resolve(parsed, source, at)
        if isinstance(bound, (Gathered, list)) or (isinstance(bound, Picture) and bound.is_list):
            offer = f"Write ${parsed.name} for one call each." if parsed.gathers else None
            return self._bad(source, at, parsed.raw, "wants-one", f"{parsed.raw} is a list of images, and one image is wanted here.", offer)
        if isinstance(bound, Pick) and not is_image_pick(bound):
            return self._image_path(bound, source, at)
        if isinstance(bound, (str, int, float, bool)):
            return self._bad(
                source, at, parsed.raw, "image-wanted", f"{parsed.raw} is {_noun(bound)}, and an image is wanted here.",
                f"Declare the input {parsed.name} with type: image." if isinstance(self.scope.names.get(parsed.name), Input) else None,
            )  # fmt: skip
        return bound

    def _path_text(self, parsed: Text, source: Source, at: int) -> Any:
        for part in parsed.parts:
            target = self.scope.names.get(part.name) if isinstance(part, Reference) else None
            if isinstance(target, Input) and target.type == "string":
                assert isinstance(part, Reference)  # noqa: S101
                return self._bad(source, at, part.raw, "image-wanted", f"{part.raw} is a string input, which never becomes a path.", f"Declare {part.name} with type: image, or use a table.")
        return self._join(parsed, source, at)

    def _image_path(self, text: Any, source: Source, at: int) -> Any:
        if text is UNKNOWN or text is None:
            return text
        if isinstance(text, str):
            return self._read_image(text, source, at)
        assert isinstance(text, (Joined, Pick))  # noqa: S101
        dimensions = dimensions_of(text)
        combinations = 1
        for one in dimensions:
            combinations *= one.size
        if any(one.keys is None for one in dimensions):
            return UNKNOWN
        if combinations > MAX_PATHS:
            self.error(source, at, "too-many-paths", f"this path has {combinations:,} forms, more than {MAX_PATHS:,}.", "Use a table with an image column.")
            return UNKNOWN
        sources = {}
        for positions in itertools.product(*(range(one.size) for one in dimensions)):
            path = evaluate_text(text, dict(zip((one.name for one in dimensions), positions, strict=True)))
            sources[positions] = self._read_image(path, source, at)
        return PathOf(text, dimensions, sources)

    def _read_image(self, value: Any, source: Source, at: int) -> Any:
        try:
            return self.reader.image(value, self.scope.base)
        except Unfit as unfit:
            self.error(source, at, unfit.code, unfit.message, unfit.suggestion, width=len(value) if isinstance(value, str) and value else 1)
            return UNKNOWN

    def _bind_images(self, value: Any, source: Source, at: int) -> Any:
        if isinstance(value, Seq):
            items: list[Any] = []
            for one, item_at in zip(value, value.places, strict=True):
                items.extend(self._bind_image_item(one, source, item_at))
            return Listing(tuple(items))
        if isinstance(value, str) and "$" in value:
            parsed = self._parsed(value, source, at)
            if isinstance(parsed, Reference):
                bound = self.resolve(parsed, source, at)
                if bound is None or bound is UNKNOWN:
                    return bound
                if isinstance(bound, Gathered) or (isinstance(bound, Picture) and bound.is_list) or isinstance(bound, (Listing, list)):
                    return bound if isinstance(bound, Listing) else Listing(tuple(bound) if isinstance(bound, list) else (bound,))
                return self._wants_list(parsed, source, at)
            if parsed is None:
                return UNKNOWN
        if isinstance(value, (str, Map)):
            shown = value if isinstance(value, str) and len(value) < 40 else "..."
            self.error(source, at, "wants-list", "a list of images is wanted here.", f"Write [{shown}].", width=len(value) if isinstance(value, str) else 1)
            return UNKNOWN
        return value

    def _bind_image_item(self, one: Any, source: Source, at: int) -> list[Any]:
        if isinstance(one, str) and "$" in one:
            parsed = self._parsed(one, source, at)
            if isinstance(parsed, Reference):
                bound = self.resolve(parsed, source, at)
                if bound is None:
                    return []
                if isinstance(bound, Listing):
                    return list(bound.items)
                if isinstance(bound, list):
                    return bound
                if isinstance(bound, Gathered) or (isinstance(bound, Picture) and bound.is_list):
                    return [bound]
        bound = self._bind_image(one, source, at)
        return [] if bound is None else [bound]

    def _wants_list(self, reference: Reference, source: Source, at: int) -> Any:
        name = reference.raw.strip("${}")
        has_dimension = any(True for _ in self._inherited(reference)) or reference.name in self.dimensions
        if not has_dimension:
            offer = f"Write [${name}]."
        elif reference.raw.startswith("${"):
            offer = f'Write ["{reference.raw}"] for one call each.'
        else:
            offer = f"Write ${name}.* for all in one call, or [${name}] for one call each."
        return self._bad(source, at, reference.raw, "wants-list", f"a list is wanted here, and {reference.raw} is one value{' for each key of its dimension' if has_dimension else ''}.", offer)

    # ------------------------------------------------------------------ names

    def resolve(self, reference: Reference, source: Source, at: int, *, as_text: bool = False) -> Any:
        """What a reference stands for in this step; UNKNOWN with a problem noted where it stands for nothing."""
        name = reference.name
        if name in self.spoilt:
            return UNKNOWN  # a loop variable whose own problem has been said
        target = self.scope.names.get(name)
        if target is None:
            dimension = self.loops.get(name) or self._visible(name)
            if dimension is not None:
                return self._of_dimension(reference, dimension, source, at, as_text)
            return self._unknown_name(reference, source, at)
        self.used.add(name)
        if isinstance(target, Broken):
            return UNKNOWN
        if isinstance(target, Step):
            return self._of_picture(reference, Picture(target), reference.path, source, at)
        if isinstance(target, Result):
            return self._of_result(reference, target, source, at)
        if isinstance(target, Handed):
            return self._of_handed(reference, target, source, at, as_text)
        return self._of_input(reference, target, source, at, as_text)

    def _visible(self, name: str) -> Dimension | None:
        """A dimension that the step has, by which its loop variable or input is known."""
        return self.dimensions.get(name) if name not in self.scope.caller_dimensions else None

    def _unknown_name(self, reference: Reference, source: Source, at: int) -> Any:
        name = reference.name
        if name in self.scope.all_names or any(one.startswith(f"{name}-") for one in self.scope.all_names):
            return UNKNOWN  # declared, but its own problems have been said
        if steps := self.scope.loop_variables.get(name):
            return self._bad(
                source, at, reference.raw, "unknown-name",
                f'"{name}" is a loop variable of {one_of(steps)}, and this step does not have its dimension.',
                f"Refer to an image of {steps[0]}, or declare {name} in for_each here.",
            )  # fmt: skip
        known = [*self.scope.all_names, *self.loops, *self.dimensions]
        offer = did_you_mean(name, known) or (f"There is {one_of(sorted(set(known)))}; $$ is a dollar sign." if known else "$$ is a dollar sign.")
        return self._bad(source, at, reference.raw, "unknown-name", f'nothing is called "{name}".', offer)

    def _of_input(self, reference: Reference, target: Input, source: Source, at: int, as_text: bool) -> Any:
        if target.dimension is not None:
            return self._of_dimension(reference, target.dimension, source, at, as_text)
        if reference.path:
            return self._no_such_column(reference, f"{target.name} is {_typed_noun(target.type)}", (), source, at)
        if reference.selects:
            return self._bad(source, at, reference.raw, "unknown-dimension", f"{target.name} is one value, so there is nothing to select.", f"Write ${target.name}.")
        if target.value is UNKNOWN:
            return UNKNOWN
        if reference.gathers:
            return [] if target.value is None else [target.value]
        if as_text and target.text is not None and target.type != "image":
            return target.text
        return target.value

    def _of_handed(self, reference: Reference, target: Handed, source: Source, at: int, as_text: bool) -> Any:
        value = target.value
        if isinstance(value, Picture) and not value.is_list:
            return self._of_picture(reference, value, reference.path, source, at)
        if isinstance(value, Pick):
            if reference.path:
                return self._no_such_column(reference, f"{target.input.name} is {_typed_noun(target.input.type)}", (), source, at)
            return [value] if reference.gathers else value
        if target.input.dimension is not None:
            return self._of_dimension(reference, target.input.dimension, source, at, as_text)
        if reference.path:
            return self._no_such_column(reference, f"{target.input.name} is {_typed_noun(target.input.type)}", (), source, at)
        if reference.gathers:
            return [] if value is None else [value]
        return target.text if as_text and target.text is not None else value

    def _of_result(self, reference: Reference, target: Result, source: Source, at: int) -> Any:
        if not target.is_sound and (not reference.path or reference.path[0] not in target.outputs):
            return UNKNOWN
        if not reference.path:
            offer = f"Write ${reference.name}.{next(iter(target.outputs))}." if target.outputs else None
            return self._bad(source, at, reference.raw, "unknown-output", f"{reference.name} is a pipeline; name one of its outputs: {one_of(target.outputs)}.", offer)
        picture = target.outputs.get(reference.path[0])
        if picture is None:
            offer = did_you_mean(reference.path[0], target.outputs) or f"It has {one_of(target.outputs)}."
            return self._bad(source, at, reference.raw, "unknown-output", f'the pipeline {reference.name} has no output "{reference.path[0]}".', offer)
        return self._of_picture(reference, picture, reference.path[1:], source, at)

    def _of_picture(self, reference: Reference, picture: Picture, path: tuple[str, ...], source: Source, at: int) -> Any:
        if path:
            spelt = with_braces(reference)
            if spelt and looks_like_extension(path[0]):
                return self._bad(source, at, reference.raw, "unknown-output", f"{reference.raw} reads as a field of {reference.name}.", f"Write {spelt}.")
            return self._bad(source, at, reference.raw, "unknown-output", f'the step {reference.name} has no "{path[0]}": a step gives one image.', f"Write ${reference.name}, or ${{{reference.name}}} before a dot.")
        if not picture.step.is_sound and (reference.selects or reference.gathers):
            return UNKNOWN
        fixed = list(picture.fixed)
        gathered: list[Dimension] = []
        for select in reference.selects:
            dimension = self._selected(reference, select, picture.dimensions, source, at)
            if dimension is None:
                return UNKNOWN
            if select.key is None:
                gathered.append(dimension)
            elif dimension.keys is not None:
                position = self._position(reference, dimension, select.key, source, at)
                if position is None:
                    return UNKNOWN
                fixed.append((dimension, position))
            else:
                return UNKNOWN
        if reference.gathers:
            ambient = self._ambient_names()
            gathered = [one for one in picture.dimensions if one.name not in self.dimensions and not one.is_outer and one.name not in ambient]
        ordered = tuple(one for one in picture.dimensions if any(one is other for other in gathered))
        return Picture(picture.step, tuple(fixed), (*picture.gathered, *ordered), reference.is_list)

    def _selected(self, reference: Reference, select: Select, dimensions: Sequence[Dimension], source: Source, at: int) -> Dimension | None:
        names = [one.name for one in dimensions]
        if select.dimension is None:
            inner = [one for one in dimensions if not one.is_outer] or list(dimensions)
            if len(inner) == 1:
                return inner[0]
            message = f"{reference.name} has {'no dimension' if not inner else 'several dimensions: ' + one_of(names)}, so a bare key says too little."
            offer = f"Write ${{{reference.name}[{inner[0].name}={select.key or '*'}]}}." if inner else f"Write ${reference.name}."
            self._bad(source, at, reference.raw, "unknown-dimension", message, offer)
            return None
        for one in dimensions:
            if one.name == select.dimension:
                return one
        offer = did_you_mean(select.dimension, names) or (f"It has {one_of(names)}." if names else f"It has none; write ${reference.name}.")
        self._bad(source, at, reference.raw, "unknown-dimension", f'{reference.name} has no dimension "{select.dimension}".', offer)
        return None

    def _position(self, reference: Reference, dimension: Dimension, key: str, source: Source, at: int) -> int | None:
        assert dimension.keys is not None  # noqa: S101
        if key in dimension.keys:
            return dimension.keys.index(key)
        offer = did_you_mean(key, dimension.keys) or f"It has {one_of(dimension.keys)}."
        self._bad(source, at, reference.raw, "unknown-key", f'{dimension.name} has no key "{key}".', offer)
        return None

    def _of_dimension(self, reference: Reference, dimension: Dimension, source: Source, at: int, as_text: bool) -> Any:
        column = None
        if reference.path:
            column = reference.path[0]
            if dimension.columns is None and dimension.keys is None and self._is_row(reference.name):
                return UNKNOWN
            if dimension.columns is None or column not in dimension.columns or len(reference.path) > 1:
                noun = f"{dimension.name} has plain values" if dimension.columns is None else dimension.name
                return self._no_such_column(reference, noun, dimension.columns or (), source, at)
        elif dimension.columns is not None and not reference.gathers and not reference.selects:
            first = dimension.columns[0]
            return self._bad(source, at, reference.raw, "unknown-column", f"{reference.raw} is a whole row; name a column: {one_of(dimension.columns)}.", f"Write ${{{reference.name}.{first}}}.")
        if reference.gathers:
            if dimension.is_outer:
                return [Pick(dimension, column)]
            return Gathered(dimension, column, dimension.name in self.dimensions)
        for select in reference.selects:
            if select.dimension not in (None, dimension.name):
                offer = did_you_mean(str(select.dimension), [dimension.name]) or f"It has {dimension.name}."
                return self._bad(source, at, reference.raw, "unknown-dimension", f'{reference.name} has no dimension "{select.dimension}".', offer)
            if select.key is None:
                return Gathered(dimension, column, False)
            if dimension.keys is None:
                return UNKNOWN
            position = self._position(reference, dimension, select.key, source, at)
            if position is None:
                return UNKNOWN
            values = dimension.texts if as_text and not isinstance(value_at(dimension, column, position), ImageSource) else dimension.values
            return values[position] if column is None else values[position][column]
        if dimension.keys is None:
            return UNKNOWN
        return Pick(dimension, column)

    def _is_row(self, name: str) -> bool:
        target = self.scope.names.get(name)
        return isinstance(target, Input) and target.type == "table"

    def _no_such_column(self, reference: Reference, noun: str, columns: Iterable[str], source: Source, at: int) -> Any:
        spelt = with_braces(reference)
        known = list(columns)
        column = reference.path[-1] if reference.path[1:] else reference.path[0]
        if spelt and (not known or looks_like_extension(column)):
            return self._bad(source, at, reference.raw, "unknown-column", f"{reference.raw} reads as a field of {reference.name}, and {noun} without fields." if not known else f'{noun} has no column "{column}".', f"Write {spelt}.")
        offer = did_you_mean(column, known) or (f"It has {one_of(known)}." if known else None)
        return self._bad(source, at, reference.raw, "unknown-column", f'{noun} has no column "{column}".' if known else f"{noun}, without fields.", offer)

    # ------------------------------------------------------------------ loops

    def loop(self, name: str, value: Any, source: Source, key_at: int, at: int) -> Dimension | None:
        """The dimension that a loop variable declares; None with a problem noted where it declares none."""
        if isinstance(value, str) and "$" in value:
            return self._loop_over(name, value, source, at)
        if not isinstance(value, Seq):
            self.error(source, at, "wrong-type", f"for_each.{name} is a list of values, or a reference to an input of type list, images or table.", f"Write {name}: [{written(source, at, value)}]." if isinstance(value, (str, int, float)) else None)
            return None
        if not value:
            self.error(source, at, "empty-dimension", f"for_each.{name} has no values.")
            return None
        if any(isinstance(one, dict) for one in value):
            return self._loop_of_mappings(name, value, source, key_at)
        values: list[Any] = []
        texts: list[str] = []
        for one, one_at in zip(value, value.places, strict=True):
            bound, text = self._loop_value(name, one, source, one_at)
            values.append(bound)
            texts.append(text)
        return self._keyed(name, texts, values, texts, None, value.places, source, key_at)

    def _loop_value(self, name: str, one: Any, source: Source, at: int) -> tuple[Any, str]:
        if isinstance(one, (dict, list)) or one is None:
            self.error(source, at, "null-value" if one is None else "wrong-type", f"for_each.{name}: a value is text, a number, true or false.")
            return UNKNOWN, f"?{at}"
        if isinstance(one, str) and "$" in one:
            parsed = self._parsed(one, source, at)
            bound = self._join(Text((parsed,)), source, at) if isinstance(parsed, Reference) else self._bind_text(one, source, at, "any")
            whole = self.resolve(parsed, source, at) if isinstance(parsed, Reference) and bound is not UNKNOWN else bound
            if not isinstance(bound, str):
                if bound is not UNKNOWN:
                    self.error(source, at, "loop-value", f"for_each.{name}: a value may not itself vary.", "Loop over both.")
                return UNKNOWN, f"?{at}"
            return whole, bound
        return one, written(source, at, one)

    def _loop_over(self, name: str, value: str, source: Source, at: int) -> Dimension | None:
        parsed = self._parsed(value, source, at)
        if parsed is None:
            return None
        target = self.scope.names.get(parsed.name) if isinstance(parsed, Reference) else None
        dimension = _dimension_of(target)
        if isinstance(parsed, Reference) and dimension is not None and not parsed.path and not parsed.selects:
            self.used.add(parsed.name)
            return Dimension(name, dimension.keys, dimension.values, dimension.texts, dimension.columns, False, Place(source, at), dimension.value_places)
        if isinstance(parsed, Reference) and target is None:
            self._unknown_name(parsed, source, at)
        elif not isinstance(target, Broken):
            self.error(source, at, "loop-value", f"for_each.{name}: {value} has no dimension to loop over.", "Give a list, or a reference to an input of type list, images or table.", width=len(value))
        return None

    def _loop_of_mappings(self, name: str, value: Seq, source: Source, key_at: int) -> Dimension | None:
        columns = tuple(dict.fromkeys(column for one in value if isinstance(one, dict) for column in one))
        values: list[Any] = []
        texts: list[Any] = []
        for one, at in zip(value, value.places, strict=True):
            if not isinstance(one, Map) or not one:
                self.error(source, at, "wrong-type", f"for_each.{name}: where one value is a mapping, all are.")
                return None
            missing = [column for column in columns if column not in one]
            if missing:
                self.error(source, at, "missing-column", f"for_each.{name}: this item has no {one_of(missing)}.", "Every item has the same fields.")
                return None
            row = {column: self.bind(one[column], source, one.places[column][1], "any") for column in columns}
            for column, cell in row.items():
                if not is_plain(cell) and cell is not UNKNOWN:
                    self.error(source, one.places[column][1], "loop-value", f"for_each.{name}.{column}: a value may not itself vary.")
                    row[column] = UNKNOWN
            values.append(row)
            texts.append({column: cell if isinstance(cell, str) else written(source, one.places[column][1], cell) for column, cell in row.items()})
        key = "name" if "name" in columns else columns[0]
        places = [one.places[key][1] for one in value]
        return self._keyed(name, [str(text[key]) for text in texts], values, texts, columns, places, source, key_at)

    def _keyed(
        self, name: str, keys: list[str], values: list[Any], texts: list[Any], columns: tuple[str, ...] | None,
        places: Sequence[int], source: Source, key_at: int,
    ) -> Dimension:  # fmt: skip
        first: dict[str, int] = {}
        for index, key in enumerate(keys):
            if key in first:
                line, _ = source.locate(places[first[key]])
                self.error(source, places[index], "equal-keys", f'for_each.{name}: two values have the key "{key}", here and at line {line}.', "Keys tell tasks apart; make them differ.", width=max(1, len(key)))
            first.setdefault(key, index)
        value_places = tuple(Place(source, at) for at in places)
        return Dimension(name, tuple(keys), tuple(values), tuple(texts), columns, False, Place(source, key_at), value_places)


# ---------------------------------------------------------------------- values


def is_plain(value: Any) -> bool:
    """Whether a value is plain data all through: nothing in it varies or refers to a picture."""
    if isinstance(value, (str, int, float, bool)) or value is None:
        return True
    if isinstance(value, list):
        return all(is_plain(one) for one in value)
    return isinstance(value, dict) and all(is_plain(one) for one in value.values())


def value_at(dimension: Dimension, column: str | None, position: int) -> Any:
    """The value at a position of a dimension, or of one of its columns."""
    value = dimension.values[position]
    return value if column is None else value[column]


def text_at(dimension: Dimension, column: str | None, position: int) -> str:
    """The value at a position as it was written."""
    text = dimension.texts[position]
    return str(text if column is None else text[column])


def evaluate_text(value: Joined | Pick, positions: Mapping[str, int]) -> str:
    """A text at a coordinate, given as positions by the names of dimensions."""
    if isinstance(value, Pick):
        return text_at(value.dimension, value.column, positions[value.dimension.name])
    return "".join(part if isinstance(part, str) else text_at(part.dimension, part.column, positions[part.dimension.name]) for part in value.parts)


def dimensions_of(value: Any) -> tuple[Dimension, ...]:
    """The dimensions along which a bound value varies, pictures apart."""
    found: dict[str, Dimension] = {}
    for one in _picks(value):
        found.setdefault(one.name, one)
    return tuple(found.values())


def _picks(value: Any) -> Iterator[Dimension]:
    if isinstance(value, Pick):
        yield value.dimension
    elif isinstance(value, Joined):
        yield from (part.dimension for part in value.parts if isinstance(part, Pick))
    elif isinstance(value, (Listing, list)):
        for one in value.items if isinstance(value, Listing) else value:
            yield from _picks(one)
    elif isinstance(value, (Record, dict)):
        for one in (value.items if isinstance(value, Record) else value).values():
            yield from _picks(one)
    elif isinstance(value, PathOf):
        yield from value.dimensions
    elif isinstance(value, Gathered) and value.is_lined_up:
        yield value.dimension


def is_image_pick(value: Any) -> bool:
    """Whether a value picks images along a dimension."""
    if isinstance(value, Gathered):
        value = Pick(value.dimension, value.column)
    return isinstance(value, Pick) and isinstance(_sample(value), ImageSource)


def _sample(value: Pick) -> Any:
    return next((one for one in (value_at(value.dimension, value.column, at) for at in range(len(value.dimension.values))) if one is not UNKNOWN), None)


def _dimension_of(target: Binding | None) -> Dimension | None:
    if isinstance(target, Input):
        return target.dimension
    return target.input.dimension if isinstance(target, Handed) else None


def _keys(dimension: Dimension) -> str:
    return "unknown keys" if dimension.keys is None else one_of(dimension.keys, most=4)


def _noun(value: Any) -> str:
    return "text" if isinstance(value, str) else "true or false" if isinstance(value, bool) else "a number"


def _typed_noun(kind: str) -> str:
    return {"image": "one image", "string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false"}.get(kind, f"of type {kind}")

"""Resolving: what a name means in one step, and which dimensions the step has from what it refers to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from editchain.artifacts import ImageSource
from editchain.diagnostics import Place, did_you_mean, nearest, one_of
from editchain.language.references import (
    Reference,
    Select,
    find_references,
    looks_like_extension,
    with_braces,
)
from editchain.language.scope import Broken, Handed, Result, dimension_of
from editchain.language.values import value_at
from editchain.pipeline import UNKNOWN, Dimension, Gathered, Input, Pick, Picture, Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from editchain.diagnostics import Problems, Source
    from editchain.language.drafts import Entry
    from editchain.language.scope import Binding, Scope

_LOOK_AHEAD = 100_000
_TYPED_NOUNS = {
    "image": "one image",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}


class Resolver:
    """Resolves the references of one step, whose dimensions it collects from all of them before.

    `where` is how messages call the step, `field` the part of it that is being read, `entries` is all that it says.
    `misspelt` is the field that was meant to be its loop.
    """

    def __init__(self, where: str, scope: Scope, problems: Problems) -> None:
        self.where = where
        self.field = ""
        self.entries: Mapping[str, Entry] = {}
        self.misspelt: str | None = None
        self.scope = scope
        self.problems = problems
        self.loops: dict[str, Dimension] = {}
        self.spoilt: set[str] = set()
        self.dimensions: dict[str, Dimension] = {one.name: one for one in scope.ambient}
        self.is_sound = True

    # ------------------------------------------------------------------ problems

    def error(
        self,
        source: Source,
        at: int,
        code: str,
        message: str,
        suggestion: str | None = None,
        *,
        width: int = 1,
    ) -> None:
        """Notes a problem of this step."""
        self.is_sound = False
        said = f"{self.where}{self.field}: {message}"
        self.problems.error(Place(source, at), code, said, suggestion, width=width)

    def bad(
        self, source: Source, at: int, raw: str, code: str, message: str, suggestion: str | None = None
    ) -> Any:
        """Notes a problem at a part of the scalar that begins at an offset; gives UNKNOWN."""
        self.error(source, self.place_in(source, at, raw), code, message, suggestion, width=len(raw))
        return UNKNOWN

    @staticmethod
    def place_in(source: Source, at: int, raw: str) -> int:
        """Where a reference stands inside the scalar that begins at an offset."""
        text, start = source.text, at
        while (found := text.find(raw, start, at + _LOOK_AHEAD)) >= 0:
            following = text[found + len(raw) : found + len(raw) + 1]
            if raw.endswith("}") or not (following.isalnum() or following == "_"):
                return found
            start = found + 1
        return at

    # ------------------------------------------------------------------ dimensions

    def add_dimension(self, dimension: Dimension, source: Source, at: int) -> None:
        """Gives the step a dimension; one of the same name must be the same axis."""
        known = self.dimensions.setdefault(dimension.name, dimension)
        if not known.is_same_as(dimension):
            keys = f"{_keys(known)} and {_keys(dimension)}"
            message = f'two different dimensions are called "{dimension.name}": {keys}.'
            self.error(
                source, at, "dimension-clash", message, "Give them different names, or the same values."
            )

    def collect(self, value: Any, source: Source, at: int) -> None:
        """Gives the step the dimensions of everything that a value refers to."""
        for reference in find_references(value):
            for dimension in self.inherited(reference):
                self.add_dimension(dimension, source, self.place_in(source, at, reference.raw))

    def inherited(self, reference: Reference) -> tuple[Dimension, ...]:
        """The dimensions that a reference gives to its user."""
        if reference.name in self.loops:
            return ()
        target = self.scope.names.get(reference.name)
        picture = _picture_of(target, reference)
        if picture is not None:
            gone = _selected_names(reference, picture.dimensions)
            ambient = self._ambient_names()
            return tuple(
                one
                for one in picture.dimensions
                if one.name not in gone and (not reference.gathers or one.is_outer or one.name in ambient)
            )
        dimension = dimension_of(target)
        if dimension is None or dimension.name in _selected_names(reference, (dimension,)):
            return ()
        return () if reference.gathers and not dimension.is_outer else (dimension,)

    def _ambient_names(self) -> set[str]:
        return {one.name for one in self.scope.ambient}

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
            return self.unknown_name(reference, source, at)
        if isinstance(target, Step):
            return self._of_picture(reference, Picture(target), reference.path, source, at)
        if isinstance(target, Result):
            return self._of_result(reference, target, source, at)
        if isinstance(target, Handed):
            return self._of_handed(reference, target, source, at, as_text)
        if isinstance(target, Broken):
            return UNKNOWN
        return self._of_input(reference, target, source, at, as_text)

    def _visible(self, name: str) -> Dimension | None:
        """A dimension that the step has, by which its loop variable or input is known."""
        return self.dimensions.get(name) if name not in self.scope.caller_dimensions else None

    def unknown_name(self, reference: Reference, source: Source, at: int) -> Any:
        """Notes that nothing has a name, unless its own problem has been said."""
        name = reference.name
        if name in self.scope.all_names or any(one.startswith(f"{name}-") for one in self.scope.all_names):
            return UNKNOWN
        if steps := self.scope.loop_variables.get(name):
            message = (
                f'"{name}" is a loop variable of {one_of(steps)}, and this step does not have its dimension.'
            )
            hint = f"Refer to an image of {steps[0]}, or declare {name} in for_each here."
            return self.bad(source, at, reference.raw, "unknown-name", message, hint)
        if self._misses_its_loop():
            return UNKNOWN
        if name in ("steps", "inputs") and reference.path and reference.path[0] in self.scope.all_names:
            hint = f"Write ${'.'.join(reference.path)}."
            return self.bad(source, at, reference.raw, "unknown-name", f'nothing is called "{name}".', hint)
        known = sorted({*self.scope.all_names, *self.loops, *self.dimensions})
        if name in known:
            message = f'"{name}" is a loop variable of this step, and for_each may not refer to it.'
            hint = "To pair values, write a list of mappings: {look: [{name: a, amount: 1}]}."
            return self.bad(source, at, reference.raw, "unknown-name", message, hint)
        offer = did_you_mean(name, known)
        offer = offer or (f"There is {one_of(known)}; " if known else "") + "$$ is a dollar sign."
        return self.bad(source, at, reference.raw, "unknown-name", f'nothing is called "{name}".', offer)

    def _misses_its_loop(self) -> bool:
        """Whether the step's `for_each` is misspelt, so that names in it stand for nothing; says so once."""
        if self.misspelt is None and "for_each" not in self.entries:
            near = next((key for key in self.entries if nearest(key, ("for_each",))), None)
            if near is not None:
                self.misspelt, field, self.field = near, self.field, f".{near}"
                entry, hint = self.entries[near], 'Did you mean "for_each"?'
                message = f'a step has no field "{near}".'
                self.error(entry.source, entry.key_at, "unknown-field", message, hint, width=len(near))
                self.field = field
        return self.misspelt is not None

    def _of_input(self, reference: Reference, target: Input, source: Source, at: int, as_text: bool) -> Any:
        if target.dimension is not None:
            return self._of_dimension(reference, target.dimension, source, at, as_text)
        if self._is_more_than_one_value(reference, target, source, at) or target.value is UNKNOWN:
            return UNKNOWN
        if reference.gathers:
            return [] if target.value is None else [target.value]
        if as_text and target.text is not None and target.type != "image":
            return target.text
        return target.value

    def _is_more_than_one_value(self, reference: Reference, target: Input, source: Source, at: int) -> bool:
        """Notes a column or a selection of an input that is one value."""
        if reference.path:
            noun = _TYPED_NOUNS.get(target.type, f"of type {target.type}")
            if target.value is None and target.type == "table":
                return True  # nothing was given, and its columns are not known
            self._no_such_column(reference, f"{target.name} is {noun}", (), source, at)
        elif reference.selects:
            message = f"{target.name} is one value, so there is nothing to select."
            self.bad(source, at, reference.raw, "unknown-dimension", message, f"Write ${target.name}.")
        return bool(reference.path or reference.selects)

    def _of_handed(self, reference: Reference, target: Handed, source: Source, at: int, as_text: bool) -> Any:
        value = target.value
        if isinstance(value, Picture) and not value.is_list:
            return self._of_picture(reference, value, reference.path, source, at)
        if target.input.dimension is not None and not isinstance(value, Pick):
            return self._of_dimension(reference, target.input.dimension, source, at, as_text)
        if self._is_more_than_one_value(reference, target.input, source, at):
            return UNKNOWN
        if value is None and target.input.value is not UNKNOWN:
            value = target.input.value
        if reference.gathers:
            return [] if value is None else [value]
        return target.text if as_text and target.text is not None and not isinstance(value, Pick) else value

    def _of_result(self, reference: Reference, target: Result, source: Source, at: int) -> Any:
        named = reference.path[0] if reference.path else None
        picture = target.outputs.get(named) if named is not None else None
        if picture is not None:
            return self._of_picture(reference, picture, reference.path[1:], source, at)
        if not target.is_sound:
            return UNKNOWN
        if named is None:
            first = next(iter(target.outputs), None)
            message = f"{reference.name} is a pipeline; name one of its outputs: {one_of(target.outputs)}."
            offer = f"Write ${reference.name}.{first}." if first else None
        else:
            message = f'the pipeline {reference.name} has no output "{named}".'
            offer = did_you_mean(named, target.outputs) or f"It has {one_of(target.outputs)}."
        return self.bad(source, at, reference.raw, "unknown-output", message, offer)

    # ------------------------------------------------------------------ pictures

    def _of_picture(
        self, reference: Reference, picture: Picture, path: tuple[str, ...], source: Source, at: int
    ) -> Any:
        if path:
            return self._no_field(reference, path[0], source, at)
        if not picture.step.is_sound and (reference.selects or reference.gathers):
            return UNKNOWN
        fixed = list(picture.fixed)
        gathered: list[Dimension] = []
        for select in reference.selects:
            if select.key is None and self._is_one_image(select.dimension, picture):
                continue  # one photo where there may be many: gathered, it is a list of one
            dimension = self._selected(reference, select, picture.dimensions, source, at)
            if dimension is None:
                return UNKNOWN
            if select.key is None:
                gathered.append(dimension)
            elif dimension.keys is None:
                return UNKNOWN
            else:
                position = self._position(reference, dimension, select.key, source, at)
                if position is None:
                    return UNKNOWN
                fixed.append((dimension, position))
        if reference.gathers:
            kept = self.dimensions.keys() | self._ambient_names()
            gathered = [
                one
                for one in picture.dimensions
                if not one.is_outer and (one.name not in kept or self._is_others_sample(one))
            ]
        names = {one.name for one in gathered}
        ordered = tuple(one for one in picture.dimensions if one.name in names)
        return Picture(picture.step, tuple(fixed), (*picture.gathered, *ordered), reference.is_list)

    def _is_others_sample(self, dimension: Dimension) -> bool:
        """Whether it counts the samples of another step, while this one has samples of its own: these do not line up."""
        own = self.dimensions.get(dimension.name)
        return dimension.name == "sample" and own is not None and own is not dimension

    def _is_one_image(self, name: str | None, picture: Picture) -> bool:
        """Whether a name is an image input that was given one value, and would be an outer dimension with several."""
        if name is None or any(one.name == name for one in picture.dimensions):
            return False
        target = self.scope.names.get(name)
        one = target.input if isinstance(target, Handed) else target
        return isinstance(one, Input) and one.type == "image" and one.dimension is None

    def _no_field(self, reference: Reference, field: str, source: Source, at: int) -> Any:
        spelt = with_braces(reference)
        if spelt and looks_like_extension(field):
            message = f"{reference.raw} reads as a field of {reference.name}."
            return self.bad(source, at, reference.raw, "unknown-output", message, f"Write {spelt}.")
        whole = ".".join((reference.name, *reference.path[: reference.path.index(field)]))
        message = f'{whole} is an image, and has no "{field}".'
        offer = f"Write ${whole}, or ${{{whole}}} before a dot."
        return self.bad(source, at, reference.raw, "unknown-output", message, offer)

    def _selected(
        self,
        reference: Reference,
        select: Select,
        dimensions: Sequence[Dimension],
        source: Source,
        at: int,
    ) -> Dimension | None:
        """The dimension that a selection means."""
        names = [one.name for one in dimensions]
        if select.dimension is not None:
            for one in dimensions:
                if one.name == select.dimension:
                    return one
            offer = f"It has {one_of(names)}." if names else f"It has none; write ${reference.name}."
            offer = did_you_mean(select.dimension, names) or offer
            message = f'{reference.name} has no dimension "{select.dimension}".'
            self.bad(source, at, reference.raw, "unknown-dimension", message, offer)
            return None
        inner = [one for one in dimensions if not one.is_outer] or list(dimensions)
        if len(inner) == 1:
            return inner[0]
        if inner:
            message = f"{reference.name} has several dimensions: {one_of(names)}. A bare key says too little."
            named = next((one for one in inner if select.key in (one.keys or ())), inner[0]).name
            offer = f"Write ${{{reference.name}[{named}={select.key or '*'}]}}."
        else:
            message = f"{reference.name} has no dimension, so there is nothing to select."
            offer = f"Write ${reference.name}."
        self.bad(source, at, reference.raw, "unknown-dimension", message, offer)
        return None

    def _position(
        self, reference: Reference, dimension: Dimension, key: str, source: Source, at: int
    ) -> int | None:
        keys = dimension.keys or ()
        if key in keys:
            return keys.index(key)
        offer = did_you_mean(key, keys[:1000]) or f"It has {one_of(keys)}."
        message = f'{dimension.name} has no key "{key}".'
        self.bad(source, at, reference.raw, "unknown-key", message, offer)
        return None

    # ------------------------------------------------------------------ values along a dimension

    def _of_dimension(
        self, reference: Reference, dimension: Dimension, source: Source, at: int, as_text: bool
    ) -> Any:
        if reference.path:
            if dimension.keys is None and (dimension.columns is None or self._is_table(reference.name)):
                return UNKNOWN  # which columns there are is known when the table is
            column: str | None = reference.path[0]
            if dimension.columns is None or column not in dimension.columns or len(reference.path) > 1:
                noun = (
                    dimension.name if dimension.columns is not None else f"{dimension.name} has plain values"
                )
                return self._no_such_column(reference, noun, dimension.columns or (), source, at)
        elif dimension.columns is not None:
            return self._whole_row(reference, dimension.columns, source, at)
        else:
            column = None
        if reference.gathers:
            if dimension.is_outer:
                return [Pick(dimension, column)]
            return Gathered(dimension, column, dimension.name in self.dimensions)
        if reference.selects:
            return self._one_of_values(reference, dimension, column, source, at, as_text)
        return UNKNOWN if dimension.keys is None else Pick(dimension, column)

    def _whole_row(self, reference: Reference, columns: Sequence[str], source: Source, at: int) -> Any:
        message = f"{reference.raw} is a whole row; name a column: {one_of(columns)}."
        star = ".*" if reference.gathers else ""
        offer = f"Write ${{{reference.name}.{columns[0]}{star}}}."
        return self.bad(source, at, reference.raw, "unknown-column", message, offer)

    def _one_of_values(
        self,
        reference: Reference,
        dimension: Dimension,
        column: str | None,
        source: Source,
        at: int,
        as_text: bool,
    ) -> Any:
        select = reference.selects[0]
        wrong = next((one for one in reference.selects if one.dimension not in (None, dimension.name)), None)
        if wrong is not None or len(reference.selects) > 1:
            name = wrong.dimension if wrong is not None else dimension.name
            offer = did_you_mean(str(name), [dimension.name]) or f"It has {dimension.name}."
            message = f'{reference.name} has no dimension "{name}".'
            if wrong is None:
                message, offer = f"{reference.raw} selects twice on {name}.", "Select once."
            return self.bad(source, at, reference.raw, "unknown-dimension", message, offer)
        if select.key is None:
            return Gathered(dimension, column, False)
        if dimension.keys is None:
            return UNKNOWN
        position = self._position(reference, dimension, select.key, source, at)
        if position is None:
            return UNKNOWN
        value = value_at(dimension, column, position)
        if as_text and not isinstance(value, (ImageSource, Picture)):
            text = dimension.texts[position]
            return text if column is None else text[column]
        return value

    def _is_table(self, name: str) -> bool:
        target = self.scope.names.get(name)
        one = target.input if isinstance(target, Handed) else target
        return isinstance(one, Input) and one.type == "table"

    def _no_such_column(
        self, reference: Reference, noun: str, columns: Iterable[str], source: Source, at: int
    ) -> Any:
        spelt = with_braces(reference)
        known = list(columns)
        column = reference.path[-1]
        message = f'{noun} has no column "{column}".' if known else f"{noun}, without fields."
        offer = did_you_mean(column, known) or (f"It has {one_of(known)}." if known else None)
        if spelt and (not known or looks_like_extension(column)):
            if not known:
                message = f"{reference.raw} reads as a field of {reference.name}, and {noun} without fields."
            offer = f"Write {spelt}."
        return self.bad(source, at, reference.raw, "unknown-column", message, offer)


def _picture_of(target: Binding | None, reference: Reference) -> Picture | None:
    if isinstance(target, Step):
        return Picture(target)
    if isinstance(target, Handed) and isinstance(target.value, Picture) and not target.value.is_list:
        return target.value
    if isinstance(target, Result) and reference.path:
        return target.outputs.get(reference.path[0])
    return None


def _selected_names(reference: Reference, dimensions: Sequence[Dimension]) -> set[str]:
    names = {one.dimension for one in reference.selects if one.dimension}
    if any(one.dimension is None for one in reference.selects):
        inner = [one for one in dimensions if not one.is_outer]
        names |= {one.name for one in (inner if len(inner) == 1 else dimensions)}
    return names


def _keys(dimension: Dimension) -> str:
    return "unknown keys" if dimension.keys is None else one_of(dimension.keys, most=4)

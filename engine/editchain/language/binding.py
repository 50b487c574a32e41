"""Binding: the values of one step's fields, with their references resolved."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from editchain.artifacts import ImageSource
from editchain.language.reading import Unfit
from editchain.language.references import BadReference, Reference, Text, parse, references
from editchain.language.resolving import Resolver
from editchain.language.scalars import type_of, width_of
from editchain.language.syntax import Map, Seq
from editchain.language.values import (
    dimensions_of,
    evaluate_text,
    is_image_pick,
    is_known,
    is_plain,
    sample_of,
    text_at,
    value_at,
)
from editchain.pipeline import UNKNOWN, Gathered, Input, Joined, Listing, PathOf, Pick, Picture, Record

if TYPE_CHECKING:
    from editchain.diagnostics import Place, Problems, Source
    from editchain.language.reading import Reader
    from editchain.language.scope import Scope
    from editchain.pipeline import Dimension

MAX_PATHS = 200_000

_NOUNS = {"string": "text", "boolean": "true or false", "number": "a number"}
_IN_WORDS = "Give the image as `image` or in `references`, and speak of it in words."


def _one_each(gathering: Reference) -> str:
    """A reference without what makes a list of it."""
    return f"${'.'.join((gathering.name, *gathering.path))}"


class Binder:
    """Binds the values of one step, after `names` has the dimensions of all that it refers to."""

    def __init__(self, where: str, scope: Scope, reader: Reader, problems: Problems) -> None:
        self.names = Resolver(where, scope, problems)
        self.scope = scope
        self.reader = reader

    def bind(self, value: Any, source: Source, at: int, wants: str) -> Any:
        """A value with its references resolved. `wants` is image, images, font, list, any or names.

        `names` only looks every name up, where nobody knows what is wanted. Gives plain data, None for a reference to
        nothing, UNKNOWN where a problem was noted or inputs are missing.
        """
        if wants == "names":
            return self._look_up(value, source, at)
        if wants == "images":
            return self._images(value, source, at)
        if wants == "image":
            return self._image(value, source, at)
        if wants == "font":
            return self._font(value, source, at)
        if isinstance(value, str):
            return self._text(value, source, at, wants) if "$" in value else value
        if isinstance(value, Seq):
            return self._list(value, source)
        return self._record(value, source) if isinstance(value, Map) else value

    def parsed(self, text: str, source: Source, at: int) -> str | Reference | Text | None:
        """A text as its parts; None with a problem noted where a reference in it is malformed."""
        try:
            return parse(text)
        except BadReference as bad:
            self.names.bad(source, at, bad.raw, "reference-syntax", bad.message, bad.suggestion)
            return None

    def join(self, parsed: Text, source: Source, at: int) -> Any:
        """A text with references inside: a text where nothing varies, else a Joined."""
        parts: list[str | Pick] = []
        is_known = True
        for part in parsed.parts:
            bound = part if isinstance(part, str) else self._inside_text(part, source, at)
            if bound is UNKNOWN:
                is_known = False
            elif isinstance(bound, Pick) or not parts or isinstance(parts[-1], Pick):
                parts.append(bound if isinstance(bound, Pick) else str(bound))
            else:
                parts[-1] = f"{parts[-1]}{bound}"
        if not is_known:
            return UNKNOWN
        if any(isinstance(part, Pick) for part in parts):
            return Joined(tuple(parts))
        return str(parts[0]) if parts else ""

    # ------------------------------------------------------------------ plain fields

    def _look_up(self, value: Any, source: Source, at: int) -> Any:
        if isinstance(value, str) and "$" in value:
            parsed = self.parsed(value, source, at)
            for reference in references(parsed) if parsed is not None else ():
                self.names.resolve(reference, source, at)
        elif isinstance(value, Map):
            for key, one in value.items():
                self._look_up(one, source, value.places[key][1])
        elif isinstance(value, Seq):
            for one, one_at in zip(value, value.places, strict=True):
                self._look_up(one, source, one_at)
        return UNKNOWN

    def _text(self, text: str, source: Source, at: int, wants: str) -> Any:
        parsed = self.parsed(text, source, at)
        if parsed is None:
            return UNKNOWN
        if isinstance(parsed, str):
            return parsed
        if isinstance(parsed, Text):
            return self.join(parsed, source, at)
        bound = self.names.resolve(parsed, source, at)
        if isinstance(bound, (Picture, ImageSource)) or is_image_pick(bound):
            message = f"{parsed.raw} is an image, and no image belongs here."
            return self.names.bad(source, at, parsed.raw, "image-in-text", message, self._in_words())
        if wants == "list" and isinstance(bound, Pick) and not isinstance(sample_of(bound), list):
            return self._wants_list(parsed, source, at)
        if wants not in ("list", "item") and isinstance(bound, Gathered):
            message = f"{parsed.raw} is a list, and one value is wanted here."
            offer = f"Write {_one_each(parsed)} for one value each."
            return self.names.bad(source, at, parsed.raw, "wants-one", message, offer)
        return bound

    def _in_words(self) -> str | None:
        return _IN_WORDS if self.names.field == ".prompt" else None

    def _inside_text(self, part: Reference, source: Source, at: int) -> Any:
        """What a reference inside text stands for; UNKNOWN with a problem noted where no text can be made of it."""
        bound = self.names.resolve(part, source, at, as_text=True)
        if bound is None:
            message = f"{part.raw} is optional and was given nothing, which cannot stand inside text."
            return self.names.bad(
                source, at, part.raw, "nothing-in-text", message, "Give the input a default."
            )
        if isinstance(bound, (Picture, ImageSource)) or is_image_pick(bound):
            message = f"{part.raw} is an image; inside text only text and numbers may stand."
            return self.names.bad(source, at, part.raw, "image-in-text", message, _IN_WORDS)
        if isinstance(bound, (Gathered, list, dict)):
            message = f"{part.raw} is a list; inside text only text and numbers may stand."
            offer = f"Write {_one_each(part)} for one value each."
            return self.names.bad(source, at, part.raw, "list-in-text", message, offer)
        if isinstance(bound, bool):
            return "true" if bound else "false"
        return bound

    def _record(self, value: Map, source: Source) -> Any:
        bound = {}
        for key, one in value.items():
            got = self.bind(one, source, value.places[key][1], "any")
            if got is not None or one is None:
                bound[key] = got
        return bound if all(is_plain(one) for one in bound.values()) else Record(bound)

    def _list(self, value: Seq, source: Source) -> Any:
        items: list[Any] = []
        for one, at in zip(value, value.places, strict=True):
            bound = self.bind(one, source, at, "item")
            if bound is None and one is not None:
                continue
            if isinstance(bound, list) and isinstance(one, str):
                items.extend(bound)
            else:
                items.append(bound)
        if value and not items:
            return None  # all of them were references to nothing
        return items if all(is_plain(one) for one in items) else Listing(tuple(items))

    def _wants_list(self, reference: Reference, source: Source, at: int) -> Any:
        names = self.names
        inner = reference.raw.strip("${}")
        varies = bool(names.inherited(reference)) or reference.name in names.dimensions
        if not varies:
            offer = f"Write [${inner}]."
        elif reference.raw.startswith("${"):
            offer = f'Write ["{reference.raw}"] for one call each.'
        else:
            offer = f"Write ${inner}.* for all in one call, or [${inner}] for one call each."
        what = "one value for each key of its dimension" if varies else "one value"
        message = f"a list is wanted here, and {reference.raw} is {what}."
        return names.bad(source, at, reference.raw, "wants-list", message, offer)

    # ------------------------------------------------------------------ images

    def _image(self, value: Any, source: Source, at: int) -> Any:
        if isinstance(value, Map):
            bound = self.bind(value, source, at, "any")
            if isinstance(bound, dict) and "url" in bound and _is_pin(bound):
                return self._read(bound, source, at)
            return UNKNOWN if isinstance(bound, Record) else bound  # the rules of the field say what is wrong
        if not isinstance(value, str):
            return value
        if "$" not in value:
            return self._read(value, source, at)
        parsed = self.parsed(value, source, at)
        if parsed is None:
            return UNKNOWN
        if isinstance(parsed, str):
            return self._read(parsed, source, at)
        if isinstance(parsed, Text):
            return self._path(self._path_text(parsed, source, at), source, at)
        return self._image_of(parsed, source, at)

    def _font(self, value: Any, source: Source, at: int) -> Any:
        """The font at a path: always the recipe's own, so no reference."""
        if not isinstance(value, str):
            return value  # the rules of the field say what is wrong
        if "$" in value:
            offer = "Write the path of the font itself."
            return self.names.bad(
                source, at, value, "font-wanted", "a font is a path, not a reference.", offer
            )
        try:
            return self.reader.font(value, self.scope.base)
        except Unfit as unfit:
            self.names.error(source, at, unfit.code, unfit.message, unfit.suggestion, width=width_of(value))
            return UNKNOWN

    def _image_of(self, reference: Reference, source: Source, at: int) -> Any:
        bound = self.names.resolve(reference, source, at)
        if isinstance(bound, (Gathered, list)) or (isinstance(bound, Picture) and bound.is_list):
            message = f"{reference.raw} is a list of images, and one image is wanted here."
            offer = f"Write ${reference.name} for one call each." if reference.gathers else None
            return self.names.bad(source, at, reference.raw, "wants-one", message, offer)
        if isinstance(bound, Pick) and not is_image_pick(bound):
            return self._path(bound, source, at)
        if isinstance(bound, (str, int, float)):
            target = self.scope.names.get(reference.name)
            message = f"{reference.raw} is {_NOUNS[type_of(bound)]}, and an image is wanted here."
            is_input = isinstance(target, Input) and target.dimension is None
            offer = f"Declare the input {reference.name} with type: image." if is_input else None
            return self.names.bad(source, at, reference.raw, "image-wanted", message, offer)
        return bound

    def _path_text(self, parsed: Text, source: Source, at: int) -> Any:
        for part in parsed.parts:
            target = self.scope.names.get(part.name) if isinstance(part, Reference) else None
            if isinstance(part, Reference) and isinstance(target, Input) and target.type == "string":
                message = f"{part.raw} is a string input, which never becomes a path."
                offer = f"Declare {part.name} with type: image, or use a table."
                return self.names.bad(source, at, part.raw, "image-wanted", message, offer)
        return self.join(parsed, source, at)

    def _path(self, text: Any, source: Source, at: int) -> Any:
        """The image at a path that may vary."""
        if text is UNKNOWN or text is None:
            return text
        if not isinstance(text, (Joined, Pick)):
            return self._read(text, source, at)
        dimensions = dimensions_of(text)
        if any(one.keys is None for one in dimensions):
            return UNKNOWN
        combinations = 1
        for one in dimensions:
            combinations *= one.size
        if combinations > MAX_PATHS:
            message = f"this path has {combinations:,} forms, more than {MAX_PATHS:,}."
            hint = "Use a table with an image column."
            self.names.error(source, at, "too-many-paths", message, hint)
            return UNKNOWN
        sources = {}
        for positions in itertools.product(*(range(one.size) for one in dimensions)):
            named = dict(zip((one.name for one in dimensions), positions, strict=True))
            if not is_known(text, named):
                sources[positions] = UNKNOWN
                continue
            place = _place_of(text, dimensions, positions)
            where = (source, at) if place is None else (place.source, place.offset)
            sources[positions] = self._read(evaluate_text(text, named), *where)
        return PathOf(text, dimensions, sources)

    def _read(self, value: Any, source: Source, at: int) -> Any:
        try:
            return self.reader.image(value, self.scope.base)
        except Unfit as unfit:
            meant = self.scope.meant(str(value)) if unfit.code == "missing-file" else None
            offer = meant or unfit.suggestion
            self.names.error(source, at, unfit.code, unfit.message, offer, width=width_of(value))
            return UNKNOWN

    def _images(self, value: Any, source: Source, at: int) -> Any:
        if isinstance(value, Seq):
            items: list[Any] = []
            for one, item_at in zip(value, value.places, strict=True):
                items.extend(self._image_item(one, source, item_at))
            return Listing(tuple(items)) if items or not value else None  # all were references to nothing
        if isinstance(value, str) and "$" in value:
            parsed = self.parsed(value, source, at)
            if parsed is None:
                return UNKNOWN
            if isinstance(parsed, Reference):
                bound = self.names.resolve(parsed, source, at)
                if bound is None or bound is UNKNOWN or isinstance(bound, Listing):
                    return bound
                if isinstance(bound, list):
                    return Listing(tuple(bound)) if bound else None
                if isinstance(bound, Gathered) or (isinstance(bound, Picture) and bound.is_list):
                    return Listing((bound,))
                return self._wants_list(parsed, source, at)
        if isinstance(value, (str, Map)):
            shown = value if isinstance(value, str) and len(value) < 40 else "..."
            message = "a list of images is wanted here."
            self.names.error(source, at, "wants-list", message, f"Write [{shown}].", width=width_of(value))
            return UNKNOWN
        return value

    def _image_item(self, one: Any, source: Source, at: int) -> list[Any]:
        """The images that an item of a list stands for: none, one, or those that it splices in."""
        if isinstance(one, str) and "$" in one:
            parsed = self.parsed(one, source, at)
            if parsed is None:
                return [UNKNOWN]
            if isinstance(parsed, Reference) and parsed.is_list:
                bound = self.names.resolve(parsed, source, at)
                if isinstance(bound, Listing):
                    return list(bound.items)
                return [] if bound is None else bound if isinstance(bound, list) else [bound]
        bound = self._image(one, source, at)
        return [] if bound is None else [bound]


def _place_of(
    text: Joined | Pick, dimensions: tuple[Dimension, ...], positions: tuple[int, ...]
) -> Place | None:
    """Where the value stands that makes a path what it is, where one value does."""
    picks = [text] if isinstance(text, Pick) else [part for part in text.parts if isinstance(part, Pick)]
    if len(dimensions) != 1 or len(picks) != 1:
        return None
    return dimensions[0].place_at(positions[0], picks[0].column)


def _is_pin(value: dict[str, Any]) -> bool:
    return isinstance(value["url"], str) and isinstance(value.get("sha256", ""), str)


__all__ = ["Binder", "dimensions_of", "evaluate_text", "text_at", "value_at"]

"""Filling inputs: a value as it was written to one of the declared type, or to a dimension of them."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from editchain.artifacts import ImageSource, kind_of
from editchain.classes import dataclass
from editchain.diagnostics import Place, did_you_mean
from editchain.language.reading import MAGIC, Unfit, fixed_part, keys_of_files
from editchain.language.scalars import NOUNS, scalar_problem, shown, type_of, width_of
from editchain.language.syntax import Map, Seq, written
from editchain.pipeline import UNKNOWN, Dimension

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from editchain.diagnostics import Problems
    from editchain.language.reading import Reader

_EXTENSIONS_HINT = "Image files are known by their extension: .png, .jpg, .webp, .avif, .tif."


@dataclass(frozen=True, slots=True)
class Asked:
    """What is being read: for which input, where it stands, and what its paths are relative to.

    `raw` is the declaration; `anywhere` whether files outside of the workspace may be read; `spellings` the texts of the command line.
    """

    name: str
    kind: str
    raw: Map
    place: Place
    base: str
    anywhere: bool
    where: str
    spellings: Sequence[str] = ()

    def item(self, index: int) -> str:
        """How messages call one of several values."""
        name, bracket, note = self.where.partition(" (")
        return f"{name}[{index}]{bracket}{note}"


@dataclass(frozen=True, slots=True)
class Bound:
    """What an input is filled with; unknown where nothing is given or it does not fit."""

    value: Any = UNKNOWN
    text: str | None = None
    dimension: Dimension | None = None


class Filler:
    """Fills inputs of every type but tables."""

    def __init__(self, reader: Reader, problems: Problems) -> None:
        self.reader = reader
        self.problems = problems

    def scalar(self, asked: Asked, value: Any) -> Bound:
        """A plain value."""
        text = (
            asked.spellings[0] if asked.spellings else written(asked.place.source, asked.place.offset, value)
        )
        is_sound = self.check_scalar(asked.where, asked.kind, asked.raw, value, asked.place)
        return Bound(value, text) if is_sound else Bound()

    def check_scalar(self, where: str, kind: str, raw: Mapping[str, Any], value: Any, place: Place) -> bool:
        """Whether a plain value is of its type and within its limits; notes a problem where it is not."""
        misfit = scalar_problem(value, kind, raw)
        if misfit is None:
            return True
        if misfit.code == "wrong-type":
            misfit = scalar_problem(value, kind, raw, written(place.source, place.offset, value)) or misfit
        message = f"{where}: {misfit.message}"
        self.problems.error(place, misfit.code, message, misfit.suggestion, width=width_of(value))
        return False

    def pictures(self, asked: Asked, value: Any) -> Bound:
        """An image, or the images that a folder, a pattern or a list names; raises Unfit where there is none."""
        if isinstance(value, list):
            return self._several(asked, value)
        if isinstance(value, str) and kind_of(value) is None:
            files = self.reader.several(value, asked.base, anywhere=asked.anywhere)
            if files is not None:
                return Bound(dimension=self._files(asked, value, files))
        source = self._source(asked, value)
        if asked.kind == "images":
            key, at = (source.key,), (asked.place,)
            return Bound(dimension=Dimension(asked.name, key, (source,), key, place=at[0], value_places=at))
        return Bound(source, source.key)

    def _source(self, asked: Asked, value: Any) -> ImageSource:
        """The image that one value means; raises Unfit where it means none."""
        _check_image_value(value)
        if isinstance(value, str) and value.startswith("$") and not asked.anywhere:
            message = f"{value} is no path, and a reference may not stand here."
            raise Unfit("reference-here", message, "References stand in steps, defaults and outputs.")
        return self.reader.image(value, asked.base, anywhere=asked.anywhere)

    def _files(self, asked: Asked, text: str, files: list[str]) -> Dimension:
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
                self.unfit(asked.place, asked.where, unfit, text)
            sources.append(ImageSource("file", path, key))
        keys = tuple(source.key for source in sources)
        places = (asked.place,) * len(keys)
        is_outer = asked.kind == "image"
        return Dimension(
            asked.name, keys, tuple(sources), keys, is_outer=is_outer, place=asked.place, value_places=places
        )

    def _several(self, asked: Asked, items: list[Any]) -> Bound:
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
                self.unfit(at, asked.where, unfit, item)
        if not sources:
            return Bound()
        keys = _keys_of_sources(sources)
        self.check_keys(asked, keys, places.__getitem__, lambda at: self._location(sources[at]))
        keyed = tuple(replace(one, key=key) for one, key in zip(sources, keys, strict=True))
        return Bound(
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

    def listed(self, asked: Asked, value: Any) -> Bound:
        """A list of plain values or images; raises Unfit for what is none."""
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
            bound = self._list_item(asked.item(index), asked, item, at)
            values.append(bound)
            texts.append(bound.key if isinstance(bound, ImageSource) else text)
            places.append(at)
        self.check_keys(asked, texts, places.__getitem__, lambda at: f"item {at + 1}")
        keys = tuple(texts)
        return Bound(
            dimension=Dimension(
                asked.name, keys, tuple(values), keys, place=asked.place, value_places=tuple(places)
            )
        )

    def _list_item(self, where: str, asked: Asked, item: Any, at: Place) -> Any:
        of = asked.raw.get("of")
        if item is UNKNOWN:
            return UNKNOWN
        if of == "image":
            return self.image(where, item, at, asked.base, asked.anywhere)
        if item is None:
            self.problems.error(at, "null-value", f"{where} is null.", "Take it away, or write it in quotes.")
        elif isinstance(item, (dict, list)):
            hint = "For rows with fields use type: table." if isinstance(item, dict) else None
            self.problems.error(at, "wrong-type", f"{where}: a list holds plain values.", hint)
        elif self.check_scalar(where, of or type_of(item), asked.raw, item, at):
            return item
        return UNKNOWN

    def image(self, where: str, value: Any, at: Place, base: str, anywhere: bool) -> Any:
        """The image that a value of a list or a cell means, or UNKNOWN."""
        try:
            _check_image_value(value)
            return self.reader.image(value, base, anywhere=anywhere)
        except Unfit as unfit:
            self.unfit(at, where, unfit, value)
            return UNKNOWN

    def check_keys(
        self, asked: Asked, keys: Sequence[str], place: Callable[[int], Place], name: Callable[[int], str]
    ) -> None:
        """Notes a problem for each key that stands twice, naming both."""
        first: dict[str, int] = {}
        for index, key in enumerate(keys):
            known = first.setdefault(key, index)
            if known != index:
                message = f'{asked.where}: two values have the key "{key}": {name(known)} and {name(index)}.'
                hint = "Keys tell tasks apart; make them differ."
                self.problems.error(place(index), "equal-keys", message, hint, width=max(1, len(key)))

    def unfit(self, place: Place, where: str, unfit: Unfit, value: Any) -> None:
        """Notes why a value does not fit."""
        message = f"{where}: {unfit.message}"
        self.problems.error(place, unfit.code, message, unfit.suggestion, width=width_of(value))


def _some(files: list[str], text: str) -> list[str]:
    """Files, of which there must be one."""
    if not files:
        is_folder = MAGIC.isdisjoint(text)
        said = f"The folder {text} holds no image." if is_folder else f'No image matches "{text}".'
        raise Unfit("empty-dimension", said, _EXTENSIONS_HINT)
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

"""Outputs: which images are published, under which paths, and that no two become one file."""

from __future__ import annotations

import itertools
import re
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from editchain.artifacts import ImageSource
from editchain.diagnostics import Place, did_you_mean, nearest, one_of
from editchain.language.binding import Binder
from editchain.language.declaring import better_name
from editchain.language.publishing import FORMATS, BadTemplate, Template, folded, path_of, template
from editchain.language.references import NAME, BadReference, Reference, parse
from editchain.language.scalars import shown, width_of
from editchain.language.scope import Handed, Result
from editchain.language.syntax import Map, written
from editchain.pipeline import UNKNOWN, Input, Output, Picture, Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from editchain.diagnostics import Problems
    from editchain.language.drafts import Draft
    from editchain.language.reading import Reader
    from editchain.language.scope import Scope

_KEYS = ("from", "path", "quality", "format", "lossless")
_FORMATS = ("png", "jpeg", "webp", "avif", "tiff", "gif")
_WITHOUT_QUALITY = ("png", "tiff", "gif")
_REFERENCE_IN_PATH = re.compile(r"\$\{?([a-z][a-z0-9_]*)")

_template = lru_cache(maxsize=1024)(template)


class OutputLoader:
    """Reads the outputs of one pipeline file."""

    def __init__(self, scope: Scope, reader: Reader, problems: Problems) -> None:
        self.scope = scope
        self.reader = reader
        self.problems = problems

    def load(self, declared: Any, drafts: Mapping[str, Draft]) -> tuple[Output, ...]:
        """The declared outputs; without any, every step that no other consumes."""
        if declared is None:
            return tuple(self._leaves(drafts))
        if not isinstance(declared, Map):
            return ()
        if not declared:
            message = "outputs is empty, so nothing would be published."
            self._error(
                declared.at, "empty", message, "Take it away to publish every step that no other consumes."
            )
        outputs = []
        for name, value in declared.items():
            key_at, at = declared.places[name]
            if not NAME.fullmatch(name):
                message = f'"{name}" is no name for an output: a-z, 0-9 and _, beginning with a letter.'
                self._error(key_at, "bad-name", message, better_name(name), width=max(1, len(name)))
            output = None if value is UNKNOWN else self._output(name, value, key_at, at)
            if output is not None:
                outputs.append(output)
        return tuple(outputs)

    def _leaves(self, drafts: Mapping[str, Draft]) -> Iterator[Output]:
        consumed = {name for draft in drafts.values() for name in draft.sources}
        for name, draft in drafts.items():
            if name in consumed:
                continue
            target = self.scope.names.get(name)
            place = Place(self.scope.source, draft.at)
            if isinstance(target, Step):
                yield Output(name, Picture(target), None, None, None, False, place)
            elif isinstance(target, Result):
                for inner, picture in target.outputs.items():
                    yield Output(f"{name}/{inner}", picture, None, None, None, False, place)

    def _output(self, name: str, value: Any, key_at: int, at: int) -> Output | None:
        where = f"outputs.{name}"
        fields = value
        if isinstance(value, str):
            fields = Map(at)
            fields["from"] = value
            fields.places["from"] = (key_at, at)
        elif not isinstance(value, Map):
            message = f"{where} is a reference such as $scene, or a mapping with `from`."
            at = key_at if value is None else at
            self._error(at, "wrong-type", message, "Write {from: $step}.", width=width_of(value))
            return None
        for key in list(fields):
            if key not in _KEYS:
                wanted = _KEYS[:1] if "from" not in fields and nearest(key, _KEYS[:1]) else _KEYS
                offer = did_you_mean(key, wanted) or f"It takes {one_of(_KEYS)}."
                message = f'{where} has no "{key}".'
                self._error(fields.places[key][0], "unknown-field", message, offer, width=len(key))
                fields.respell(key, wanted)
            elif fields[key] is None:
                hint = "Remove it, or give it a value."
                self._error(fields.places[key][1], "null-value", f"{where}.{key} has no value.", hint)
                return None
        path = self._path(where, fields)
        form, quality, lossless = self._settings(where, fields, path)
        if "from" not in fields:
            message = f"{where} does not say from which step."
            self._error(key_at, "missing-field", message, "Write from: $step.", width=len(name))
            return None
        picture = self._published(where, fields["from"], fields.places["from"][1])
        if picture is None:
            return None
        if path is not None:
            self._check_names(where, fields["path"], path, picture, fields.places["path"][1])
        text = fields["path"] if path is not None else None
        place = Place(self.scope.source, fields.places["path"][1] if path is not None else key_at)
        return Output(name, picture, text, form, quality, lossless, place)

    def _path(self, where: str, fields: Map) -> Template | None:
        path = fields.get("path", UNKNOWN)
        if path is UNKNOWN:
            return None
        at = fields.places["path"][1]
        if not isinstance(path, str):
            is_scalar = isinstance(path, (int, float))
            hint = f'Put it in quotes: "{written(self.scope.source, at, path)}".' if is_scalar else None
            self._error(at, "wrong-type", f"{where}.path is text.", hint, width=width_of(path))
            return None
        try:
            return _template(path)
        except BadTemplate as bad:
            found = self.scope.source.text.find(bad.part, at, at + len(path) + 10) if bad.part else -1
            message = f"{where}.path: {bad.message}"
            place = found if found >= 0 else at
            self._error(place, bad.code, message, bad.suggestion, width=max(1, len(bad.part)))
            return None

    def _settings(
        self, where: str, fields: Map, path: Template | None
    ) -> tuple[str | None, int | None, bool]:
        form = self._format(where, fields)
        quality, lossless = fields.get("quality"), fields.get("lossless", False)
        if quality is not None and (type(quality) is not int or not 1 <= quality <= 100):
            message = f"{where}.quality is a whole number from 1 to 100."
            if quality is not UNKNOWN:
                at = fields.places["quality"][1]
                self._error(at, "out-of-range", message, "Such as 90.", width=width_of(quality))
            quality = None
        if not isinstance(lossless, bool):
            message = f"{where}.lossless is true or false."
            if lossless is not UNKNOWN:
                at = fields.places["lossless"][1]
                self._error(at, "wrong-type", message, "Write true.", width=width_of(lossless))
            lossless = False
        extension = path.extension if path else None
        decided = FORMATS.get(extension or "", form)
        if quality is not None and decided in _WITHOUT_QUALITY:
            message = f"{where}.quality: {decided} has no quality; it is ignored."
            self._warn(fields, "quality", message, "Take it away, or write a .jpg, .webp or .avif path.")
        if form is not None and extension is not None and decided != form:
            message = f"{where}.format: the extension .{extension} of the path decides; {form} is ignored."
            self._warn(fields, "format", message, "Take one of the two away.")
        return form, quality, lossless

    def _format(self, where: str, fields: Map) -> str | None:
        form = fields.get("format")
        if form is None or form is UNKNOWN or form in _FORMATS:
            return form if isinstance(form, str) else None
        known = FORMATS.get(str(form))
        offer = f"Write {known}." if known else did_you_mean(str(form), _FORMATS)
        message = f'{where}.format: "{shown(form)}" is no format that can be written.'
        at = fields.places["format"][1]
        self._error(
            at, "unknown-format", message, offer or f"One of {one_of(_FORMATS)}.", width=width_of(form)
        )
        return None

    def _warn(self, fields: Map, key: str, message: str, suggestion: str) -> None:
        place = Place(self.scope.source, fields.places[key][0])
        self.problems.warning(place, "ignored-field", message, suggestion, width=len(key))

    def _published(self, where: str, value: Any, at: int) -> Picture | None:
        """The image that `from` means."""
        if not isinstance(value, str):
            if value is not UNKNOWN:
                message = f"{where}.from is a reference such as $scene."
                self._error(at, "wrong-type", message, "Write $step.", width=width_of(value))
            return None
        try:
            reference = parse(value)
        except BadReference as bad:
            message = f"{where}.from: {bad.message}"
            self._error(at, "reference-syntax", message, bad.suggestion, width=len(bad.raw))
            return None
        if not isinstance(reference, Reference):
            offer = self.scope.meant(value) or "Write a reference such as $scene."
            message = f'{where}.from is a reference to a step, not the text "{value}".'
            self._error(at, "wrong-type", message, offer, width=width_of(value))
            return None
        target = self.scope.names.get(reference.name)
        if isinstance(target, (Input, Handed)):
            message = f"{where}.from: {reference.name} is an input; an output comes from a step."
            self._error(at, "image-wanted", message, "Name a step.", width=width_of(value))
            return None
        return self._picture(where, reference, at)

    def _picture(self, where: str, reference: Reference, at: int) -> Picture | None:
        binder = Binder(where, self.scope, self.reader, self.problems)
        target = self.scope.names.get(reference.name)
        if isinstance(target, Step):
            binder.names.dimensions = {one.name: one for one in target.dimensions}
        bound = binder.names.resolve(reference, self.scope.source, at)
        if isinstance(bound, Picture) and bound.is_list:
            message = f"{where}.from: an output publishes every image of a step as it is."
            offer = f"Write ${reference.name}."
            self._error(at, "wants-one", message, offer, width=width_of(reference.raw))
            return None
        return bound if isinstance(bound, Picture) else None

    @cached_property
    def _images(self) -> frozenset[str]:
        """The names of image inputs of one image, which a path may always name; of several, they are a dimension."""
        declared = (
            (name, one.input if isinstance(one, Handed) else one) for name, one in self.scope.names.items()
        )
        return frozenset(
            name
            for name, one in declared
            if isinstance(one, Input) and one.type == "image" and one.dimension is None
        )

    def _check_names(self, where: str, text: str, path: Template, picture: Picture, at: int) -> None:
        """Notes names in a path that are no dimension of its images, and references, which do not belong there."""
        known = {one.name for one in picture.dimensions} | self._images
        source = self.scope.source.text
        if (dollar := _REFERENCE_IN_PATH.search(text)) and dollar.group(1) in known:
            message = f"{where}.path: a path names a dimension in braces alone."
            place = max(at, source.find(dollar.group(), at))
            hint = f"Write {{{dollar.group(1)}}}."
            self._error(place, "reference-here", message, hint, width=len(dollar.group()))
            return
        for name in path.names:
            if name not in known and picture.step.is_sound:
                found = source.find("{" + name, at)
                offer = f"It has {one_of(sorted(known))}." if known else "It has none."
                offer = did_you_mean(name, known) or offer
                message = f'{where}.path: these images have no dimension "{name}".'
                place = found if found >= 0 else at
                self._error(place, "unknown-dimension", message, offer, width=len(name) + 2)

    def _error(
        self, at: int, code: str, message: str, suggestion: str | None = None, *, width: int = 1
    ) -> None:
        self.problems.error(Place(self.scope.source, at), code, message, suggestion, width=width)


def check_collisions(outputs: Sequence[Output], inputs: Mapping[str, Input], problems: Problems) -> None:
    """Notes where two pictures would become one file, or one a folder that another is to be in."""
    seen: dict[str, tuple[Output, dict[str, str]]] = {}
    for output in outputs:
        for path, keys in output_paths(output, inputs, "png"):
            known = seen.setdefault(path.lower() if path.isascii() else folded(path), (output, keys))
            if known[0] is output and known[1] is keys:
                continue
            _collision(output, path, keys, known, problems)
            break
    for path, (output, _) in seen.items():
        folder = path.rpartition("/")[0]
        while folder:
            if folder in seen:
                _folder_collision(output, folder, seen[folder][0], problems)
                return
            folder = folder.rpartition("/")[0]


def _folder_collision(output: Output, folder: str, other: Output, problems: Problems) -> None:
    line = other.place.source.locate(other.place.offset)[0]
    message = f'outputs.{output.name}: "{folder}" would be a folder, and outputs.{other.name} (line {line}) is a file there.'
    width = max(1, len(output.path or output.name))
    problems.error(output.place, "path-collision", message, "Give them different paths.", width=width)


def _collision(
    output: Output, path: str, keys: dict[str, str], known: tuple[Output, dict[str, str]], problems: Problems
) -> None:
    width = max(1, len(output.path or output.name))
    other, other_keys = known
    if other is not output:
        line = other.place.source.locate(other.place.offset)[0]
        message = f'outputs.{output.name}: "{path}" is written by outputs.{other.name} (line {line}) as well.'
        problems.error(output.place, "path-collision", message, "Give them different paths.", width=width)
        return
    one_key, key = " ".join(other_keys.values()), " ".join(keys.values())
    both = f'"{one_key}" and "{key}"'
    message = f'outputs.{output.name}: two pictures would be written to "{path}": {both}.'
    named = _template(output.path).names if output.path is not None else tuple(keys)
    unnamed = [one.name for one in output.picture.dimensions if one.size > 1 and one.name not in named]
    offer = (
        f'Name {one_of(unnamed)} in the path, as in "{{{unnamed[0]}}}".'
        if unnamed
        else f"Make their keys differ{' in more than capitals' if folded(one_key) == folded(key) else ''}."
    )
    problems.error(output.place, "path-collision", message, offer, width=width)


def output_paths(
    output: Output, inputs: Mapping[str, Input], extension: str
) -> Iterator[tuple[str, dict[str, str]]]:
    """Every path of an output with the keys it stands for, excluded combinations included."""
    dimensions = output.picture.dimensions
    if not dimensions and output.path is None:
        yield f"{output.name}.{extension}", {}
        return
    if any(one.keys is None for one in dimensions):
        return
    written_path = _template(output.path) if output.path is not None else None
    fixed = _fixed_keys(inputs) if written_path is not None and written_path.names else {}
    names = [one.name for one in dimensions]
    for keys in itertools.product(*(one.keys or () for one in dimensions)):
        named = dict(zip(names, keys, strict=True))
        yield path_of(output.name, written_path, dimensions, fixed | named, extension), named


def _fixed_keys(inputs: Mapping[str, Input]) -> dict[str, str]:
    """What a path may name besides dimensions: image inputs of one image, by its key."""
    return {
        one.name: one.value.key if isinstance(one.value, ImageSource) else one.name
        for one in inputs.values()
        if one.type == "image"
    }

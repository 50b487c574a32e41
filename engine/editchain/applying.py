"""One operation from Python, on pictures that are open: no workspace, nothing stored."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageOps

from editchain.diagnostics import did_you_mean
from editchain.errors import ConfigurationError, ImageError
from editchain.imaging.codec import decode
from editchain.misfits import dotted
from editchain.models import catalogue
from editchain.operations import load

if TYPE_CHECKING:
    from editchain.models import OperationDocument
    from editchain.operations.base import Picture

_MODES = ("L", "RGB", "RGBA")
_NATIVE = "native"


@dataclass(frozen=True)
class Applied:
    """What an operation made."""

    _made: Picture | bytes

    @property
    def image(self) -> Image.Image:
        """The picture; of an animation the first frame."""
        return decode(self._made) if isinstance(self._made, bytes) else self._made.native.plain()

    def file(self) -> bytes:
        """Its file, as a step of a pipeline would store it; raises ImageError where it cannot be written."""
        return self._made if isinstance(self._made, bytes) else self._made.file()


def apply(operation: str, **fields: Any) -> Applied:
    """Carries out an operation, with the fields that a step would give it.

    Pictures are the paths or bytes of files, read as inputs are, or Pillow images of mode L, RGB or RGBA, which are
    turned upright and taken for sRGB. Raises ConfigurationError for an operation that there is not and for fields that do not fit,
    OperationError for what only the pictures tell, ImageError for a file that cannot be read.
    """
    document = _document(operation)
    images = {*document.image_fields, *document.image_list_fields}
    _check(document, {name: value for name, value in fields.items() if value is not None}, images)
    given: dict[str, Any] = dict.fromkeys(document.document["properties"]) | dict(document.defaults) | fields
    given.pop(_NATIVE, None)
    for name, value in given.items():
        if value is None:
            continue
        if name in document.image_fields:
            given[name] = _opened(name, value)
        elif name in document.image_list_fields:
            given[name] = [_opened(name, one) for one in value]
        elif name in document.font_fields:
            given[name] = _bytes(name, value)
    return Applied(load(operation).apply(**given))


def _document(operation: str) -> OperationDocument:
    known = catalogue().operations
    if operation not in known:
        meant = did_you_mean(operation, known)
        raise ConfigurationError(f'There is no operation "{operation}".{f" {meant}" if meant else ""}')
    document = known[operation]
    if document.is_asked:
        raise ConfigurationError(f"{operation} is for pipelines: a workspace says what it may do.")
    return document


def _check(document: OperationDocument, fields: dict[str, Any], images: set[str]) -> None:
    if fields.get(_NATIVE):
        raise ConfigurationError("native is for pipelines; pictures come with 8 bits in sRGB here.")
    named: dict[str, Any] = {"operation": document.name}
    for name, value in fields.items():
        many = name in document.image_list_fields and isinstance(value, (list, tuple))
        named[name] = (["picture"] * len(value) if many else "picture") if name in images else _plain(value)
    problems = [one for one in document.rules.problems(named) if one.severity == "error"]
    if problems:
        said = (" ".join(filter(None, (one.message, one.suggestion))) for one in problems)
        places = (dotted((document.name, *one.path)) for one in problems)
        raise ConfigurationError("\n".join(map(": ".join, zip(places, said, strict=True))))


def _plain(value: Any) -> Any:
    """Tuples as lists and paths as text: what a pipeline file could hold."""
    if isinstance(value, Path):
        return str(value)
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value


def _opened(name: str, picture: object) -> Image.Image:
    if isinstance(picture, Image.Image):
        if picture.mode not in _MODES:
            raise ConfigurationError(
                f"{name} is of mode {picture.mode}: convert it to L, RGB or RGBA, or give the path of its file."
            )
        return ImageOps.exif_transpose(picture)
    return decode(picture if isinstance(picture, bytes) else _bytes(name, picture))


def _bytes(name: str, path: object) -> bytes:
    if not isinstance(path, (str, Path)):
        raise ConfigurationError(f"{name} is {type(path).__name__}: give the path of a file.")
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ImageError(f"{name}: {path} cannot be read: {error.strerror or error}.") from error

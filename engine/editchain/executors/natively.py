"""An operation on pictures in their own numbers: as deep as the picture that it edits, in the colours of its profile."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from editchain.imaging import codec, native
from editchain.imaging.native import Native

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from editchain.models import OperationDocument
    from editchain.operations.base import Operation, Picture
    from editchain.providers.base import Blob

NATIVE = "native"
"""The field that asks for it, of operations that can; they themselves do not get to see it."""

_MAIN = "image"
_COLOUR = "/colour"
_BESIDE = frozenset(("edited", "red", "green", "blue", "alpha"))
"""Pictures whose pixels go into the result; of others, such as masks and tables, 8 bits count."""


def natively(
    operation: Operation,
    document: OperationDocument,
    fields: Mapping[str, Any],
    blobs: Mapping[str, Sequence[Blob]],
) -> Picture | bytes:
    """What the operation makes of a picture in its own numbers, with its profile.

    What is pasted into it, and colours, come in the space of that one. A grey picture that becomes a coloured one has no
    profile to keep: it is taken in sRGB.
    """
    pictures = {
        name: _native(found[0]) if name == _MAIN or name in _BESIDE else Native(found[0].decode())
        for name, found in blobs.items()
    }
    main = pictures[_MAIN]
    codec.free_memory()  # numbers of 16 bits lie elsewhere, and need more
    made = _applied(operation, document, fields, pictures)
    if not isinstance(made, bytes) and main.profile and main.image.mode == "L" != made.image.mode:
        made = _applied(operation, document, fields, pictures | {_MAIN: Native(main.plain())})
    return made


def _applied(
    operation: Operation,
    document: OperationDocument,
    fields: Mapping[str, Any],
    pictures: Mapping[str, Native],
) -> Picture | bytes:
    main = pictures[_MAIN]
    given = {name: one.beside(main) if name in _BESIDE else one.image for name, one in pictures.items()}
    colours = {
        name: native.colour_in(value, main)
        for name, value in fields.items()
        if isinstance(value, str)
        and str(document.document["properties"][name].get("$ref", "")).endswith(_COLOUR)
    }
    made = operation.apply(**{**fields, **colours, **given})
    return made if isinstance(made, bytes) or made.profile else replace(made, profile=main.profile)


def _native(blob: Blob) -> Native:
    return native.read(blob.read()) if blob.native is None else blob.native()

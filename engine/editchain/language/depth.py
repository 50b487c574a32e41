"""Depth: pictures of 16 bits a channel that are read with 8, by steps that could keep them, on the way to files that could."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from editchain.language.publishing import FORMATS, template
from editchain.language.values import given_pictures
from editchain.models import OperationDocument

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from editchain.artifacts import ImageSource
    from editchain.pipeline import Output, Step

MAIN = "image"
"""The picture that a step edits."""
NATIVE = "native"

_DEEP = frozenset(("png", "tiff"))
"""The formats that have 16 bits."""


class Loss(NamedTuple):
    """A step that leaves out half of what a picture has, without saying so."""

    step: Step
    picture: ImageSource


def losses(steps: Iterable[Step], outputs: Sequence[Output], deep: Collection[str]) -> Iterator[Loss]:
    """The steps that read a picture of 16 bits, by its path in `deep`, with 8: a step that says `native` means what it says.

    There are none where all that is published has 8 bits anyway.
    """
    if not deep or not any(map(_may_be_deep, outputs)):
        return
    for step in steps:
        documents = step.documents.values()
        if NATIVE in step.fields or step.fields.get("format", "png") not in _DEEP:
            continue
        if not all(
            isinstance(one, OperationDocument) and NATIVE in one.document["properties"] for one in documents
        ):
            continue
        for picture in given_pictures(step.fields.get(MAIN)):
            if picture.location in deep:
                yield Loss(step, picture)
                break


def _may_be_deep(output: Output) -> bool:
    written = template(output.path).extension if output.path is not None else None
    wanted = FORMATS[written] if written is not None else output.format
    return wanted is None or wanted in _DEEP

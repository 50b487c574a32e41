"""What inputs are given from outside of the pipeline: on the command line, and in an inputs file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from editchain.classes import dataclass
from editchain.diagnostics import Place, Source
from editchain.language.reading import Unfit
from editchain.language.syntax import Map, parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from editchain.diagnostics import Problems
    from editchain.language.reading import Reader

MAX_INPUTS_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Given:
    """A value for an input from outside the pipeline.

    `values` are texts from the command line (`is_text`), or one value of an inputs file; `base` is the folder that
    relative paths start from; `place` is where the value stands and `key_place` its name, None for the command line.
    """

    values: tuple[Any, ...]
    base: str
    is_text: bool
    place: Place | None = None
    key_place: Place | None = None


def read_given(
    options: Sequence[tuple[str, str]],
    inputs_file: str | None,
    folder: str,
    reader: Reader,
    problems: Problems,
) -> dict[str, Given]:
    """What the command line and an inputs file give, by input name; the command line wins."""
    given = {} if inputs_file is None else _read_inputs_file(inputs_file, folder, reader, problems)
    by_name: dict[str, list[str]] = {}
    for name, text in options:
        by_name.setdefault(name, []).append(text)
    given.update({name: Given(tuple(texts), folder, is_text=True) for name, texts in by_name.items()})
    return given


def _read_inputs_file(inputs_file: str, folder: str, reader: Reader, problems: Problems) -> dict[str, Given]:
    path = os.path.join(folder, inputs_file)
    name = reader.display(path)
    try:
        data = reader.text(path, max_bytes=MAX_INPUTS_BYTES, what="inputs file")
    except Unfit as unfit:
        problems.error(Place(Source(name, ""), 0), unfit.code, unfit.message, unfit.suggestion)
        return {}
    document = parse(data, name, problems, max_bytes=MAX_INPUTS_BYTES)
    if document is None or document.root is None:
        return {}
    if not isinstance(document.root, Map):
        message = "An inputs file is a mapping from input names to values."
        problems.error(document.place(document.at), "wrong-type", message, "Write name: value.")
        return {}
    base = os.path.dirname(path)
    places = document.root.places
    return {
        name: Given(
            (value,),
            base,
            is_text=False,
            place=document.place(places[name][1]),
            key_place=document.place(places[name][0]),
        )
        for name, value in document.root.items()
    }

"""Finding: the pipeline files of a workspace, under the names that requests know them by."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from editchain.diagnostics import Problems
from editchain.language.syntax import MAX_BYTES, Map, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = "pipelines"
SUFFIXES = (".yaml", ".yml")
MOST = 1000
"""So many are listed; a workspace with more is not meant to be chosen from."""


class Place(NamedTuple):
    """A pipeline file: its name for requests, its path from the workspace with `/`, and where it lies."""

    name: str
    file: str
    path: Path


def places(root: Path) -> dict[str, Place]:
    """The files by name: those in `pipelines/` by their path there, then those at the top; of equal names the first.

    What a link leads to outside of the workspace is no part of it.
    """
    found: dict[str, Place] = {}
    real = os.path.realpath(root)
    for folder, path in _files(root):
        if os.path.realpath(path).startswith(os.path.join(real, "")):
            name = path.relative_to(folder).with_suffix("").as_posix()
            found.setdefault(name, Place(name, path.relative_to(root).as_posix(), path))
        if len(found) == MOST:
            break
    return found


def _files(root: Path) -> Iterator[tuple[Path, Path]]:
    """The files with the folder that their names begin from."""
    top = root / FOLDER
    for folder, folders, names in os.walk(top):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from ((top, Path(folder, name)) for name in sorted(names) if _is_fit(name))
    for path in sorted(root.iterdir()):
        if _is_fit(path.name) and path.is_file() and declares(path, "steps"):
            yield root, path


def _is_fit(name: str) -> bool:
    return name.endswith(SUFFIXES) and not name.startswith(".")


def head(path: Path) -> dict[str, Any]:
    """What a file says at its top level; nothing where it cannot be read or is no mapping."""
    try:
        data = path.read_bytes() if path.stat().st_size <= MAX_BYTES else b""
    except OSError:
        return {}
    document = parse(data, path.name, Problems())
    return document.root if document is not None and isinstance(document.root, Map) else {}


def declares(path: Path, what: str) -> bool:
    """Whether a file says something of this name at its top level."""
    return what in head(path)

"""How commands show tables, moments, sizes and paths to people."""

from __future__ import annotations

import os
import sys
import unicodedata
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from editchain.commands.saying import wants_colour
from editchain.diagnostics import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Rows in columns as wide as their widest cell; the last column is not filled up."""
    lines = [tuple(header), *(tuple(visible(cell) for cell in row) for row in rows)]
    widths = [max(_width(line[at]) for line in lines) for at in range(len(header))]
    for line in lines:
        cells = [cell + " " * (wide - _width(cell)) for cell, wide in zip(line, widths, strict=True)]
        yield "  ".join(cells).rstrip()


def _width(text: str) -> int:
    """Columns on a terminal: some scripts take two for a character."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def moment(seconds: float) -> str:
    """A time by the clock of this machine, from unix seconds."""
    return f"{datetime.fromtimestamp(seconds, UTC).astimezone():%Y-%m-%d %H:%M:%S}"


def timestamp(seconds: float | None) -> str | None:
    """A time for a document: ISO 8601 in UTC, from unix seconds."""
    return None if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def size(count_bytes: float) -> str:
    """A number of bytes in the unit that reads best."""
    for unit in _UNITS[:-1]:
        if count_bytes < 1000:
            digits = 0 if unit == "bytes" or count_bytes >= 10 else 1
            return f"{count_bytes:.{digits}f} {unit}"
        count_bytes /= 1000
    return f"{count_bytes:,.1f} {_UNITS[-1]}"


def many(count: int, noun: str) -> str:
    """A count with its noun: `1 task`, `2 tasks`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def path(place: str | os.PathLike[str]) -> str:
    """A path relative to the current folder where it lies below it, safe for a terminal."""
    text = os.fspath(place)
    relative = os.path.relpath(text)
    return visible(text if relative.startswith("..") else relative)


def word_diff(before: str, after: str) -> str:
    """Both texts as one, with what went and what came marked."""
    from editchain.wording import changed_words

    colour = wants_colour(sys.stdout)
    gone, new = ("\x1b[31;9m{}\x1b[0m", "\x1b[32m{}\x1b[0m") if colour else ("[-{}-]", "{{+{}+}}")
    parts = []
    for one, other in changed_words(before, after):
        if one == other:
            parts.append(visible(one))
            continue
        parts += [gone.format(visible(one))] if one else []
        parts += [new.format(visible(other))] if other else []
    return "".join(parts)

"""What commands say: lines and problems to people on standard error, documents to programs on standard output."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from editchain.diagnostics import render

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

    from editchain.diagnostics import Problem


def say(message: str) -> None:
    """A line for people, on standard error, without any credential that found its way into it."""
    credentials = sys.modules.get("editchain.credentials")  # loaded only where one was looked for
    _tell(f"{credentials.redacted(message) if credentials else message}\n")


def wants_colour(stream: TextIO) -> bool:
    """Whether what goes there may be coloured: on a terminal that can, unless NO_COLOR is set."""
    return stream.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("NO_COLOR")


def show_problems(problems: Iterable[Problem]) -> str:
    """Writes problems for people, on standard error; gives what it wrote."""
    colour = wants_colour(sys.stderr)
    text = "".join(render(problem, colour=colour) + "\n" for problem in problems)
    _tell(text)
    return text


def _tell(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def as_document(document: dict[str, Any]) -> str:
    """One JSON document; its first field is the version of its shape."""
    return json.dumps({"version": 1, **document}, ensure_ascii=False, indent=2)


def give(text: str) -> None:
    """Writes what was asked for, on standard output, with a line end."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def write_json(document: dict[str, Any]) -> None:
    """Writes one JSON document on standard output."""
    give(as_document(document))

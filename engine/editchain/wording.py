"""Wording: which words of a text changed."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_WORD = re.compile(r"\s+|\w(?:[\w'’:./-]*\w)?%?|[^\w\s]")


def changed_words(before: str, after: str) -> Iterator[tuple[str, str]]:
    """What stood there and what stands here, piece by piece; white space between two changes is part of both."""
    old, now = _WORD.findall(before), _WORD.findall(after)
    waiting: tuple[str, str] | None = None
    between = ""
    for kind, start, end, begin, stop in difflib.SequenceMatcher(
        None, old, now, autojunk=False
    ).get_opcodes():
        gone, new = "".join(old[start:end]), "".join(now[begin:stop])
        if kind != "equal":
            waiting = (
                (gone, new) if waiting is None else (waiting[0] + between + gone, waiting[1] + between + new)
            )
            between = ""
        elif waiting is not None and gone.isspace() and end < len(old):
            between = gone
        else:
            if waiting is not None:
                yield waiting
            waiting = None
            yield gone, new
    if waiting is not None:
        yield waiting

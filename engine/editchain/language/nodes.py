"""Nodes: the mappings, lists and scalars of a YAML text, with their places."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from editchain.diagnostics import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable


class Map(dict[str, Any]):
    """A mapping that knows where it, its keys and its values stand (character offsets)."""

    __slots__ = ("at", "is_flow", "places")

    at: int
    is_flow: bool
    places: dict[str, tuple[int, int]]

    def __init__(self, at: int, is_flow: bool = False) -> None:
        self.at = at
        self.is_flow = is_flow
        self.places = {}

    def respell(self, key: str, known: Iterable[str]) -> str | None:
        """Goes on as if a misspelt key were spelt right; gives the name that it is taken for.

        That is the nearest of the known names that nothing here has; None where none is near. The misspelling is all
        that is wrong then, and nothing that comes of it.
        """
        name = nearest(key, (one for one in known if one not in self))
        if name is not None:
            self[name], self.places[name] = self.pop(key), self.places.pop(key)
        return name


class Seq(list[Any]):
    """A list that knows where it and its items stand (character offsets)."""

    __slots__ = ("at", "places")

    at: int
    places: list[int]

    def __init__(self, at: int) -> None:
        self.at = at
        self.places = []


WORDS: dict[str, object] = {"null": None, "~": None, "": None, "true": True, "false": False}
"""Plain scalars that are no text."""

NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
"""Numbers as JSON writes them."""

STARTS_NUMBER = frozenset("-0123456789")
MAX_DIGITS = 30


def scalar(text: str) -> Any:
    """The value that a plain scalar looks like: null, a boolean, a JSON number, else text."""
    if text in WORDS:
        return WORDS[text]
    if text[0] in STARTS_NUMBER and len(text) <= MAX_DIGITS and (found := NUMBER.fullmatch(text)):
        return number(found)
    return text


def number(found: re.Match[str]) -> int | float:
    """The value of a number."""
    return int(found.group()) if found.group(1) is None and found.group(2) is None else float(found.group())

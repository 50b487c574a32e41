"""The short way through YAML: block mappings whose values are on one line; all else is left to the parser.

Most of a long pipeline is lines such as `    seed: 7`. Reading those by one expression takes a third of the time that
the parser's events take. Whatever is not plainly of that kind, or could be wrong, makes the short way give up.
"""

from __future__ import annotations

import re
from typing import Any

from editchain.language.nodes import MAX_DIGITS, NUMBER, STARTS_NUMBER, WORDS, Map, Seq, number

MAX_DEPTH = 20

_KEY = r"[A-Za-z_][A-Za-z0-9_-]*"
_FIRST = r"[^\s\-?:,\[\]{}#&*!|>'\"%@`]"
_LINE = re.compile(
    rf"(?:[ ]*(?:\#[^\n\r]*)?\n)*([ ]*)({_KEY}):(?:[ ]+({_FIRST}[^\n\t\r]*|-[0-9][^\n\t\r]*|[\"'{{\[][^\n\t\r]*))?[ ]*(?:\n|\Z)"
)
_REST = re.compile(r"(?:[ ]*(?:#[^\n]*)?(?:\n|\Z))*")
_QUOTED = re.compile(r"\"[^\"\\\n]*\"|'[^'\n]*'")
_IN_FLOW = rf"(-?[0-9][^,\[\]{{}}\"'\n]*|{_FIRST}[^,\[\]{{}}\"'\n]*|\"[^\"\\\n]*\"|'[^'\n]*'|\[)"
_FLOW_PAIR = re.compile(rf"[ ]*({_KEY}):[ ]+{_IN_FLOW}")
_FLOW_ITEM = re.compile(rf"[ ]*{_IN_FLOW}")
_FLOW_NEXT = re.compile(r"[ ]*([,}\]])")


class _GiveUp(Exception):
    """The text is not of the plain kind."""


def read(text: str) -> tuple[Map, int] | None:
    """The mapping that a text plainly is and the number of its nodes; None where the parser has to look at it."""
    try:
        return _read(text)
    except _GiveUp:
        return None


def _read(text: str) -> tuple[Map, int]:
    root: Map | None = None
    inner: Map | None = None  # the mapping that lines are put into
    indent = 0
    stack: list[tuple[Map, int]] = []
    open_key: tuple[str, int] | None = None  # a key whose value begins on the next line
    end = 0
    nodes = 1
    for found in _LINE.finditer(text):
        start, following = found.span()
        if start != end:
            raise _GiveUp
        end = following
        key_at = found.start(2)
        depth = key_at - found.start(1)
        key, value = found.group(2, 3)
        if open_key is not None:
            if depth <= indent or len(stack) > MAX_DEPTH:
                raise _GiveUp
            assert inner is not None  # noqa: S101  (it holds the open key)
            nodes += 1
            stack.append((inner, indent))
            below = Map(key_at)
            inner[open_key[0]] = below
            inner.places[open_key[0]] = (open_key[1], key_at)
            inner, indent, open_key = below, depth, None
        elif inner is None:
            root = inner = Map(key_at)
            indent = depth
        elif depth != indent:
            while depth < indent and stack:
                inner, indent = stack.pop()
            if depth != indent:
                raise _GiveUp
        if key in inner or key in WORDS:
            raise _GiveUp
        if value is None:
            open_key = (key, key_at)
            nodes += 1
            continue
        at = found.start(3)
        nodes += 2
        first = value[0]
        if first in "\"'{[":
            value, more = _quoted_or_flow(text, at, value.rstrip(" "))
            nodes += more
        elif first in STARTS_NUMBER or ":" in value or "#" in value or value[-1] == " " or value in WORDS:
            value = _plain(value.rstrip(" "))
        inner[key] = value
        inner.places[key] = (key_at, at)
    rest = _REST.match(text, end)
    if root is None or open_key is not None or rest is None or rest.end() != len(text):
        raise _GiveUp
    return root, nodes


def _plain(value: str) -> Any:
    """A plain scalar; it may hold nothing that is a sign to YAML."""
    if ": " in value or " #" in value or value[-1] == ":":
        raise _GiveUp
    if value in WORDS:
        return WORDS[value]
    if value[0] in STARTS_NUMBER and (found := NUMBER.fullmatch(value)):
        if len(value) > MAX_DIGITS or found.group(2):
            raise _GiveUp
        return number(found)
    return value


def _quoted_or_flow(text: str, at: int, value: str) -> tuple[Any, int]:
    """A value that begins with a quote, a brace or a bracket, and how many nodes it has inside."""
    if value[0] in "\"'":
        if _QUOTED.fullmatch(value) is None:
            raise _GiveUp
        return value[1:-1], 0
    read_flow = _flow_mapping if value[0] == "{" else _flow_list
    result, end, nodes = read_flow(text, at)
    if end != at + len(value):
        raise _GiveUp
    return result, nodes


def _flow_mapping(text: str, start: int) -> tuple[Map, int, int]:
    result = Map(start, is_flow=True)
    at, nodes = start + 1, 0
    while True:
        found = _FLOW_PAIR.match(text, at)
        if found is None or found.group(1) in result or found.group(1) in WORDS:
            raise _GiveUp
        key = found.group(1)
        value, at, more = _flow_value(text, found.group(2), found.start(2))
        nodes += 2 + more
        result[key] = value
        result.places[key] = (found.start(1), found.start(2))
        following = _FLOW_NEXT.match(text, at)
        if following is None or following.group(1) == "]":
            raise _GiveUp
        at = following.end()
        if following.group(1) == "}":
            return result, at, nodes


def _flow_list(text: str, start: int) -> tuple[Seq, int, int]:
    result = Seq(start)
    at, nodes = start + 1, 0
    while True:
        found = _FLOW_ITEM.match(text, at)
        if found is None or found.group(1) == "[":
            raise _GiveUp
        value, at, _ = _flow_value(text, found.group(1), found.start(1))
        nodes += 1
        result.append(value)
        result.places.append(found.start(1))
        following = _FLOW_NEXT.match(text, at)
        if following is None or following.group(1) == "}":
            raise _GiveUp
        at = following.end()
        if following.group(1) == "]":
            return result, at, nodes


def _flow_value(text: str, value: str, at: int) -> tuple[Any, int, int]:
    """A value inside { } or [ ], where it ends, and how many nodes it has inside."""
    if value == "[":
        return _flow_list(text, at)
    end = at + len(value)
    if value[0] in "\"'":
        return value[1:-1], end, 0
    if ":" in value:
        raise _GiveUp
    return _plain(value.rstrip(" ")), end, 0

"""The small language in which the vocabulary is written: how it is read, and how words are matched with it.

`a (b|c) [d] <slot:name> @macro`: words as they stand, one of several, one or none, a gap, a named part.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from editchain.classes import dataclass
from editchain.darkroom.slots import SLOTS, Token

Captures = tuple[tuple[str, object], ...]

_ELEMENT = re.compile(r"\s*(?:<([a-z_:]+)>|@([a-z_]+)|([()\[\]|])|([^\s()\[\]|<>@]+))")


@dataclass(frozen=True, slots=True, eq=False)
class Word:
    """One word as it stands. Phrases share it."""

    text: str


@dataclass(frozen=True, slots=True)
class Gap:
    """A slot, and the name that its value gets."""

    slot: str
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Either:
    """One of several sequences; an empty one makes it optional. Phrases share it."""

    options: tuple[Sequence_, ...]


Node = Word | Gap | Either
Sequence_ = tuple[Node, ...]


def parse(phrase: str, macros: Mapping[str, Sequence_]) -> Sequence_:
    """The nodes of a phrase; raises ValueError for one that is not well written."""
    outer: list[tuple[list[Sequence_], list[Node], str]] = []
    options: list[Sequence_] = []
    nodes: list[Node] = []
    for slot, macro, sign, word in _ELEMENT.findall(phrase):
        if word:
            nodes.append(_word(word))
        elif macro:
            nodes.extend(macros[macro])
        elif slot:
            kind, _, name = slot.partition(":")
            nodes.append(Gap(kind, name or kind))
        elif sign == "|":
            options.append(tuple(nodes))
            nodes = []
        elif sign in "([":
            outer.append((options, nodes, sign))
            options, nodes = [], []
        elif not outer:
            raise ValueError(f"{phrase!r} closes what it never opened")
        else:
            inner = (*options, tuple(nodes))
            options, nodes, sign = outer.pop()
            nodes.append(Either((*inner, ()) if sign == "[" else inner))
    if outer:
        raise ValueError(f"{phrase!r} opens what it never closes")
    if not options:
        return tuple(nodes)
    return (Either((*options, tuple(nodes))),)


@cache
def _word(text: str) -> Word:
    return Word(text)


def matches(nodes: Sequence_, tokens: Sequence[Token], at: int) -> Iterator[tuple[int, Captures]]:
    """Every way to read the nodes from a position on: the position after it and the values of its gaps."""
    if not nodes:
        yield at, ()
        return
    first, rest = nodes[0], nodes[1:]
    for middle, found in _one(first, tokens, at):
        for end, more in matches(rest, tokens, middle):
            yield end, found + more


def _one(node: Node, tokens: Sequence[Token], at: int) -> Iterator[tuple[int, Captures]]:
    match node:
        case Word(text):
            if at < len(tokens) and tokens[at].text == text:
                yield at + 1, ()
        case Gap(slot, name):
            found = SLOTS[slot](tokens, at)
            if found:
                yield found[0], ((name, found[1]),)
        case Either(options):
            for option in options:
                yield from matches(option, tokens, at)


def whole(nodes: Sequence_, tokens: Sequence[Token]) -> Captures | None:
    """The values of the gaps where the nodes read all of the tokens, or None."""
    return next((found for end, found in matches(nodes, tokens, 0) if end == len(tokens)), None)


def words(nodes: Sequence_) -> frozenset[str]:
    """Every word that may stand in the phrase, those of its slots aside."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, Word):
            found.add(node.text)
        elif isinstance(node, Either):
            found.update(*(words(option) for option in node.options))
    return frozenset(found)


def needed(nodes: Sequence_) -> frozenset[str]:
    """A small set of words of which every text that fits holds one; empty where there is no such set."""
    least: frozenset[str] = frozenset()
    for node in nodes:
        found = _needed(node) if not isinstance(node, Gap) else None
        if found and (not least or len(found) < len(least)):
            least = found
    return least


@cache
def _needed(node: Word | Either) -> frozenset[str]:
    if isinstance(node, Word):
        return frozenset((node.text,))
    if () in node.options:
        return frozenset()
    sets = [needed(option) for option in node.options]
    return frozenset().union(*sets) if all(sets) else frozenset()

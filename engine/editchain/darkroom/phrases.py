"""The small language in which the vocabulary is written: how it is read, and how words are matched with it.

`a (b|c) [d] <slot:name> @macro`: words as they stand, one of several, one or none, a gap, a named part.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from editchain.darkroom.slots import SLOTS, Token

Captures = tuple[tuple[str, object], ...]

_ELEMENT = re.compile(r"\s*(?:<([a-z_:]+)>|@([a-z_]+)|([()\[\]|])|([^\s()\[\]|<>@]+))")


@dataclass(frozen=True)
class Word:
    """One word as it stands."""

    text: str


@dataclass(frozen=True)
class Gap:
    """A slot, and the name that its value gets."""

    slot: str
    name: str


@dataclass(frozen=True, eq=False)
class Either:
    """One of several sequences; an empty one makes it optional. Phrases share it."""

    options: tuple[Sequence_, ...]


Node = Word | Gap | Either
Sequence_ = tuple[Node, ...]


def parse(phrase: str, macros: Mapping[str, Sequence_]) -> Sequence_:
    """The nodes of a phrase; raises ValueError for one that is not well written."""
    elements = [found.groups() for found in _ELEMENT.finditer(phrase)]
    options, rest = _options(elements, macros)
    if rest:
        raise ValueError(f"{phrase!r} closes what it never opened")
    return options[0] if len(options) == 1 else (Either(options),)


_Elements = list[tuple[str | None, ...]]


def _options(elements: _Elements, macros: Mapping[str, Sequence_]) -> tuple[tuple[Sequence_, ...], _Elements]:
    """Sequences between bars, up to the end or the bracket that closes them, and what follows it."""
    options: list[Sequence_] = []
    nodes: list[Node] = []
    while elements and elements[0][2] not in (")", "]"):
        slot, macro, sign, word = elements[0]
        elements = elements[1:]
        if sign == "|":
            options.append(tuple(nodes))
            nodes = []
        elif sign:
            inner, elements = _options(elements, macros)
            nodes.append(Either((*inner, ()) if sign == "[" else inner))
            elements = elements[1:]
        elif slot:
            kind, _, name = slot.partition(":")
            nodes.append(Gap(kind, name or kind))
        elif macro:
            nodes.extend(macros[macro])
        elif word:
            nodes.append(Word(word))
    return (*options, tuple(nodes)), elements


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
    sets = [found for found in map(_needed, nodes) if found]
    return min(sets, key=len, default=frozenset())


@cache
def _needed(node: Node) -> frozenset[str]:
    if isinstance(node, Word):
        return frozenset((node.text,))
    if isinstance(node, Gap):
        return frozenset()
    sets = [needed(option) for option in node.options]
    return frozenset().union(*sets) if all(sets) else frozenset()

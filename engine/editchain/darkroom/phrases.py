"""The small language in which the vocabulary is written: how it is read, and how words are matched with it.

`a (b|c) [d] <slot:name> @macro`: words as they stand, one of several, one or none, a gap, a named part.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from editchain.classes import dataclass
from editchain.darkroom.slots import SLOTS, Token

Captures = tuple[tuple[str, object], ...]

_ELEMENT = re.compile(r"\s*(?:<([a-z_:]+)>|@([a-z_]+)|([()\[\]|])|([^\s()\[\]|<>@]+))")


@dataclass(frozen=True, slots=True)
class Word:
    """One word as it stands."""

    text: str


@dataclass(frozen=True, slots=True)
class Gap:
    """A slot, and the name that its value gets."""

    slot: str
    name: str


@dataclass(frozen=True, eq=False, slots=True)
class Either:
    """One of several sequences; an empty one makes it optional. Phrases share it."""

    options: tuple[Sequence_, ...]


Node = Word | Gap | Either
Sequence_ = tuple[Node, ...]
Macro = Callable[[str], Sequence_]
"""The nodes of a named part."""


def parse(phrase: str, macro: Macro) -> Sequence_:
    """The nodes of a phrase; raises ValueError for one that is not well written."""
    elements = deque(_ELEMENT.findall(phrase))
    options = _options(elements, macro)
    if elements:
        raise ValueError(f"{phrase!r} closes what it never opened")
    return options[0] if len(options) == 1 else (Either(options),)


def _options(elements: deque[tuple[str, ...]], macro: Macro) -> tuple[Sequence_, ...]:
    """Sequences between bars, up to the end or the bracket that closes them; takes the elements it reads."""
    options: list[Sequence_] = []
    nodes: list[Node] = []
    while elements and elements[0][2] not in (")", "]"):
        slot, name, sign, word = elements.popleft()
        if sign == "|":
            options.append(tuple(nodes))
            nodes = []
        elif sign:
            inner = _options(elements, macro)
            nodes.append(Either((*inner, ()) if sign == "[" else inner))
            elements.popleft()
        elif slot:
            kind, _, given = slot.partition(":")
            nodes.append(Gap(kind, given or kind))
        elif name:
            nodes.extend(macro(name))
        else:
            nodes.append(Word(word))
    return (*options, tuple(nodes))


def whole(nodes: Sequence_, tokens: Sequence[Token]) -> Captures | None:
    """The values of the gaps where the nodes read all of the tokens, or None."""
    return _ways({0: ()}, nodes, tokens).get(len(tokens))


def _ways(starts: dict[int, Captures], nodes: Sequence_, tokens: Sequence[Token]) -> dict[int, Captures]:
    """Where the nodes may end, begun at each of the positions, with the values of their gaps.

    Of several ways to one position the first counts, as alternatives are written; so the work stays small.
    """
    for node in nodes:
        ends: dict[int, Captures] = {}
        for at, captures in starts.items():
            for end, found in _one(node, tokens, at).items():
                ends.setdefault(end, captures + found)
        if not ends:
            return ends
        starts = ends
    return starts


def _one(node: Node, tokens: Sequence[Token], at: int) -> dict[int, Captures]:
    match node:
        case Word(text):
            return {at + 1: ()} if at < len(tokens) and tokens[at].text == text else {}
        case Gap(slot, name):
            found = SLOTS[slot](tokens, at)
            return {found[0]: ((name, found[1]),)} if found else {}
        case Either(options):
            ends: dict[int, Captures] = {}
            for option in options:
                for end, captures in _ways({at: ()}, option, tokens).items():
                    ends.setdefault(end, captures)
            return ends


def gaps(nodes: Sequence_) -> Iterator[Gap]:
    """Every gap of a phrase."""
    for node in nodes:
        if isinstance(node, Gap):
            yield node
        elif isinstance(node, Either):
            for option in node.options:
                yield from gaps(option)


def needed(nodes: Sequence_) -> frozenset[str]:
    """A small set of words of which every text that fits holds one; empty where there is no such set."""
    sets = [found for found in map(_needed, nodes) if found]
    return min(sets, key=len, default=frozenset())


def _needed(node: Node) -> frozenset[str]:
    if isinstance(node, Word):
        return frozenset((node.text,))
    if isinstance(node, Gap):
        return frozenset()
    sets = [needed(option) for option in node.options]
    return frozenset().union(*sets) if all(sets) else frozenset()

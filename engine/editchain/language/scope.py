"""Scopes: the names of one pipeline file, and what stands behind each."""

from __future__ import annotations

import re
from dataclasses import field
from typing import TYPE_CHECKING, Any

from editchain.classes import dataclass
from editchain.pipeline import Dimension, Input, Picture, Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from editchain.diagnostics import Place, Source


@dataclass(frozen=True, slots=True, eq=False)
class Handed:
    """An input of a sub-pipeline that its caller gave a value."""

    input: Input
    value: Any
    text: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What a sub-pipeline gives back: its outputs by name, and every step that it is made of."""

    outputs: Mapping[str, Picture]
    steps: tuple[Step, ...]
    is_sound: bool


class Broken:
    """A step whose own problems have been said; what refers to it is not blamed."""

    __slots__ = ()


BROKEN = Broken()
_AS_ELSEWHERE = re.compile(r"\$?(?:\{\{ *)?(?:steps\.|inputs\.)?([a-z][a-z0-9_]*)(?: *\}\})?")
Binding = Input | Handed | Step | Result | Broken


@dataclass(slots=True)
class Scope:
    """The names of one pipeline file, and what it inherits from a caller.

    `all_names` has those of every input and step, also of those that are not bound yet or are wrong;
    `ambient` the dimensions that a calling step gives to every step inside, `caller_dimensions` the names that
    may not be used again, `chain` the files from the outermost to this one. `loop_variables` says which steps
    declare one, `declared` its dimension. `constants` are references that mean the same in every step.
    """

    source: Source
    base: str
    prefix: str
    names: dict[str, Binding]
    all_names: set[str]
    ambient: tuple[Dimension, ...] = ()
    caller_dimensions: frozenset[str] = frozenset()
    chain: tuple[str, ...] = ()
    loop_variables: dict[str, list[str]] = field(default_factory=dict)
    declared: dict[str, Dimension] = field(default_factory=dict)
    constants: dict[tuple[str, str], Any] = field(default_factory=dict)

    def meant(self, text: str) -> str | None:
        """What to write where a text refers to a step or an input as other languages would: `s`, `steps.s`, `{{ s }}`."""
        found = _AS_ELSEWHERE.fullmatch(text)
        return f"Write ${found[1]}." if found is not None and found[1] in self.all_names else None


def dimension_of(target: Binding | None) -> Dimension | None:
    """The dimension of an input that has several values."""
    if isinstance(target, Input):
        return target.dimension
    return target.input.dimension if isinstance(target, Handed) else None


def written_at(target: Binding | None) -> Place | None:
    """Where a file says the one value of an input; None where no file does, or where it has several."""
    known = target.input if isinstance(target, Handed) else target
    if not isinstance(known, Input) or known.dimension is not None:
        return None
    is_written = not known.is_given or known.value_place != known.place
    return known.value_place if is_written else None

"""Crediting: from a task of a plan to what its published picture says of how it was made."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from editchain.classes import dataclass
from editchain.imaging.credits import COMPOSITE, ENHANCED, TRAINED, Credit
from editchain.models import Model
from editchain.plans.tasks import Column, Edge

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from editchain.plans.tasks import Plan, StepPlan

NONE, CREDIT, FULL = SETTINGS = ("none", "credit", "full")
"""What published pictures may say: nothing; source type, tool, models and key; also step, prompt, seed and recipe."""

ALGORITHMIC = "algorithmicMedia"
"""What IPTC calls a picture that functions made of nothing that was photographed or learned."""


@dataclass(frozen=True, slots=True)
class _Past:
    """What had a hand in a picture: the names of models, whether one of them is trained, and whether a picture was given."""

    models: tuple[str, ...]
    is_trained: bool
    has_given: bool

    @property
    def source_type(self) -> str:
        if self.is_trained:
            return COMPOSITE if self.has_given else TRAINED
        return ENHANCED if self.has_given else ALGORITHMIC


class Crediting:
    """Writes the packets of a plan's pictures. `seeds` are those that results were made with, by key."""

    def __init__(self, plan: Plan, setting: str, seeds: Mapping[bytes, int]) -> None:
        self._setting = setting
        self._seeds = seeds
        self._recipe = _digest(plan.pipeline.path) if setting == FULL else None
        self._pasts: dict[tuple[int, int], _Past] = {}

    def packet(self, one: StepPlan, at: int) -> str | None:
        """The packet of one task's picture; None where it is to say nothing."""
        key = one.keys[at]
        if self._setting == NONE or key is None:
            return None
        past = self._past(one, at)
        if self._setting == CREDIT:
            return Credit(past.source_type, "editchain", past.models, key).packet()
        prompt = one.value("prompt", at) if "prompt" in one.values else None
        return Credit(
            past.source_type,
            "editchain",
            past.models,
            key,
            one.task_name(at),
            None if prompt is None else str(prompt),
            self._seeds.get(key),
            self._recipe,
        ).packet()

    def _past(self, one: StepPlan, at: int) -> _Past:
        # An own stack: chains may be longer than Python's.
        left = [(one, at)]
        while left:
            task, ordinal = left[-1]
            if (task.index, ordinal) in self._pasts:
                left.pop()
                continue
            needs = list(task.needs(ordinal))
            missing = [need for need in needs if (need[0].index, need[1]) not in self._pasts]
            if missing:
                left += missing
                continue
            before = [self._pasts[producer.index, need] for producer, need in needs]
            self._pasts[task.index, ordinal] = _joined(task, ordinal, before)
            left.pop()
        return self._pasts[one.index, at]


def _joined(one: StepPlan, at: int, before: list[_Past]) -> _Past:
    document = one.way(at).document
    names = [name for past in before for name in past.models]
    is_model = isinstance(document, Model)
    return _Past(
        tuple(dict.fromkeys([*names, document.name] if is_model else names)),
        (isinstance(document, Model) and not document.deterministic)
        or any(past.is_trained for past in before),
        _takes_given(one, at) or any(past.has_given for past in before),
    )


def _takes_given(one: StepPlan, at: int) -> bool:
    """Whether a task takes a picture that no other task made."""
    parts = (part for parts in one.images.values() for part in parts if not isinstance(part, Edge))
    return any((part[at] if isinstance(part, Column) else part) is not None for part in parts)


def _digest(path: Path) -> str | None:
    """The SHA-256 of a recipe's text, in hex; None where it has no file."""
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None

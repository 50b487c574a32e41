"""Fusing: which tasks hand their picture on in memory, so that only the last of a chain is encoded and stored. Pure.

A task is fused into the one that takes its picture where that is all its picture is for: both run here, the picture
follows from its key, nobody asks for its bytes or waits for its step, and the taker takes no other picture that is yet to be made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.classes import dataclass
from editchain.models import Model
from editchain.plans.tasks import AFTER, RUN, Column

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from editchain.plans.tasks import Plan, StepPlan

RANDOM = "random"
"""The seed of a picture that cannot be made again."""


@dataclass(frozen=True, slots=True)
class Fusion:
    """Tasks by their numbers. `chains` has, for the last task of a chain, those before it, what is needed first.

    `again` are done tasks, made in passing then, whose bytes are asked for now.
    """

    chains: Mapping[int, tuple[int, ...]]
    again: frozenset[int]


def fuse(plan: Plan, hands_on: bool = True) -> Fusion:
    """The chains among the tasks that are left to do, and what has to be made again for them or to be published.

    Where nothing `hands_on` a picture in memory there are no chains.
    """
    chains: dict[int, list[int]] = {}
    ends: dict[int, int] = {}
    takers: dict[int, list[int]] = {}
    again: set[int] = set()
    awaited = {id(other) for one in plan.steps for other in one.after}
    passes = [id(one) not in awaited and _passes(one) for one in plan.steps]
    for one in reversed(plan.steps):
        takes = hands_on and _takes(one)
        for ordinal in _active(one, takers):
            task = one.offset + ordinal
            own = takers.pop(task, ())
            if passes[one.index] and not one.kept[ordinal] and len(own) == 1 and own[0] >= 0:
                end = ends[task] = ends.get(own[0], own[0])
                chains.setdefault(end, []).append(task)
            elif not one.is_to_do(ordinal):
                again.add(task)
            unmade = [
                (producer, need)
                for producer, need in one.needs(ordinal)
                if producer.is_to_do(need) or producer.is_in_passing(need)
            ]
            for producer, need in unmade:
                if producer.is_in_passing(need) or (passes[producer.index] and not producer.kept[need]):
                    taker = task if takes and len(unmade) == 1 else _STORED
                    takers.setdefault(producer.offset + need, []).append(taker)
    return Fusion({end: tuple(reversed(members)) for end, members in chains.items()}, frozenset(again))


_STORED = -1
"""In the place of a taker that wants the bytes."""


def _active(one: StepPlan, takers: Mapping[int, list[int]]) -> Iterator[int]:
    """The tasks that are left to do, and the done ones whose picture is wanted and was not stored."""
    passed = one.digests.has_empty
    if not passed and RUN not in one.states and AFTER not in one.states:
        return
    for ordinal in one.ordinals():
        if one.is_to_do(ordinal) or (
            passed and one.is_in_passing(ordinal) and (one.kept[ordinal] or one.offset + ordinal in takers)
        ):
            yield ordinal


def _passes(one: StepPlan) -> bool:
    """Whether the pictures of a step can be made again, the same, from their keys alone."""
    return not one.is_check and all(
        way.is_local
        and (
            way.document.deterministic and not _is_random(one, way.document.seeded)
            if isinstance(way.document, Model)
            else not way.document.is_asked  # a program of one's own may do as it likes
        )
        for way in one.ways
    )


def _is_random(one: StepPlan, seeded: str | None) -> bool:
    value = one.values.get(seeded) if seeded else None
    return RANDOM in value.values if isinstance(value, Column) else value == RANDOM


def _takes(one: StepPlan) -> bool:
    """Whether the tasks of a step can do with a picture in memory."""
    return (
        not one.is_check
        and all(way.is_local for way in one.ways)
        and not any(edge.drops for edge in one.edges)
    )

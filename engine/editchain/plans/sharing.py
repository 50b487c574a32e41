"""Sharing: which samples of a step one call brings. Plan and run both go by it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.models import Model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from editchain.plans.tasks import StepPlan


def call_sizes(one: StepPlan, ordinal: int) -> tuple[int, ...]:
    """How many samples of a task's coordinate one call brings at the most, by its way and by each of the others.

    1 where each needs a call of its own: samples of a fixed seed differ in what is sent, so each is a call.
    """
    way = one.way(ordinal)
    if one.step.samples is None or way.is_local or way.route is None or not isinstance(way.document, Model):
        return (1,)
    seeded = way.document.seeded
    if seeded and seeded in one.values and isinstance(one.value(seeded, ordinal), int):
        return (1,)
    own = min(way.route.samples, one.dimensions[-1].size)
    return (own, *(other.route.samples for other in way.others if other.route is not None))


def most_calls(count: int, sizes: Sequence[int]) -> int:
    """In how many calls so many samples come at the most.

    A call that one route refuses is made by the next, which may bring fewer at a time.
    """
    size, *others = sizes
    whole, left = divmod(count, size)
    if not others:
        return whole + bool(left)
    return (whole * most_calls(size, others) if whole else 0) + (most_calls(left, others) if left else 0)


def coordinate_of(one: StepPlan, ordinal: int) -> range:
    """The tasks that are samples of one coordinate: `sample` is the innermost dimension."""
    size = one.dimensions[-1].size
    start = ordinal - ordinal % size
    return range(start, start + size)

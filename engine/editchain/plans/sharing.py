"""Sharing: which samples of a step one call brings. Plan and run both go by it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.models import Model

if TYPE_CHECKING:
    from editchain.plans.tasks import StepPlan


def call_size(one: StepPlan, ordinal: int) -> int:
    """How many samples of a task's coordinate one call brings at the most; 1 where each needs a call of its own.

    Samples of a fixed seed differ in what is sent, so each is a call.
    """
    way = one.way(ordinal)
    if one.step.samples is None or way.is_local or way.route is None or not isinstance(way.document, Model):
        return 1
    seeded = way.document.seeded
    if seeded and seeded in one.values and isinstance(one.value(seeded, ordinal), int):
        return 1
    return min(way.route.samples, one.dimensions[-1].size)


def coordinate_of(one: StepPlan, ordinal: int) -> range:
    """The tasks that are samples of one coordinate: `sample` is the innermost dimension."""
    size = one.dimensions[-1].size
    start = ordinal - ordinal % size
    return range(start, start + size)

"""Urgency: how long what follows from each step takes, and to which lanes it leads. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from editchain.plans.tasks import Plan, StepPlan, Way

LOCAL = "local"
LOCAL_SECONDS, REMOTE_SECONDS = 0.2, 15.0
"""How long a task is taken to last where nothing is known, for the order in which tasks start: only the proportion matters."""


def lane_of(way: Way) -> str:
    """Where a task runs: here, or at a provider."""
    return LOCAL if way.is_local or way.route is None else way.route.provider


class Urgency:
    """What a plan's steps lead to. `lanes` has a lane for each way of a step; `took` says by provider and model how many
    seconds calls took lately.

    `priorities` is, for each step, how long the longest path takes that begins with one of its tasks. `distances` has the
    other lanes that follow from it, and how long it takes at the least until one begins there; they are empty where all
    runs in one lane.
    """

    def __init__(self, plan: Plan, took: Mapping[tuple[str, str], float]) -> None:
        self.lanes = [[lane_of(way) for way in one.ways] for one in plan.steps]
        self._seconds = [max(_seconds(way, took) for way in one.ways) for one in plan.steps]
        self.priorities = self._longest(plan.steps)
        is_mixed = len(set().union(*self.lanes)) > 1
        self.distances = self._nearest(plan.steps) if is_mixed else [{} for _ in plan.steps]

    def _longest(self, steps: Sequence[StepPlan]) -> list[float]:
        longest = [0.0] * len(steps)
        for one in reversed(steps):
            longest[one.index] += self._seconds[one.index]
            for before in (*(edge.producer for edge in one.edges), *one.after):
                longest[before.index] = max(longest[before.index], longest[one.index])
        return longest

    def _nearest(self, steps: Sequence[StepPlan]) -> list[dict[str, float]]:
        distances: list[dict[str, float]] = [{} for _ in steps]
        for one in reversed(steps):
            ahead = {**distances[one.index], **dict.fromkeys({*self.lanes[one.index]} - {LOCAL}, 0.0)}
            for edge in one.edges:
                before, seconds = distances[edge.producer.index], self._seconds[edge.producer.index]
                for lane, after in ahead.items():
                    before[lane] = min(before.get(lane, seconds + after), seconds + after)
        return distances


def _seconds(way: Way, took: Mapping[tuple[str, str], float]) -> float:
    if way.is_local or way.route is None:
        return LOCAL_SECONDS
    return took.get((way.route.provider, way.document.name), REMOTE_SECONDS)

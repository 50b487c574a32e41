"""The tasks of a run by number: where each stands in the plan, and what each waits for."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from editchain.plans.tasks import AFTER, RUN
from editchain.runs.board import Board
from editchain.runs.urgency import LOCAL

if TYPE_CHECKING:
    from collections.abc import Iterable

    from editchain.plans.fusing import Fusion
    from editchain.plans.tasks import Plan, StepPlan
    from editchain.runs.urgency import Urgency


class Layout:
    """Tasks are numbered by step; after them comes one barrier for each step that others come `after`.

    `ends` has the last of its chain for each task that is handed on in memory.
    """

    def __init__(self, plan: Plan, fusion: Fusion, urgency: Urgency) -> None:
        self._plan = plan
        self._fusion = fusion
        self._urgency = urgency
        self._offsets = [one.offset for one in plan.steps]
        self._count = sum(one.count for one in plan.steps)
        self.ends = {task: end for end, chain in fusion.chains.items() for task in chain}
        awaited = {id(other): other for one in plan.steps for other in one.after if _has_work(one)}
        self._barriers = {other: self._count + at for at, other in enumerate(awaited)}
        self._awaited = {self._count + at: other for at, other in enumerate(awaited.values())}

    def place(self, task: int) -> tuple[StepPlan, int]:
        """The step of a task, and its number there."""
        one = self._plan.steps[bisect_right(self._offsets, task) - 1]
        return one, task - one.offset

    def is_barrier(self, task: int) -> bool:
        """Whether it is none to work on, but stands for the end of a step."""
        return task >= self._count

    def board(self) -> Board:
        """The board with all that is left to do."""
        tasks = [
            one.offset + ordinal
            for one in self._plan.steps
            for ordinal in one.ordinals()
            if one.is_to_do(ordinal) and one.offset + ordinal not in self.ends
        ]
        tasks.extend(sorted(self._fusion.again))
        tasks.extend(self._awaited)
        feeds = self._feeds if any(self._urgency.distances) else None
        size = self._count + len(self._awaited)
        return Board(size, self._needs(), self._lane, self._priority, tasks, feeds)

    def _needs(self) -> Iterable[tuple[int, int]]:
        """What the tasks on the board wait for: the last of a chain for what any of it needs."""
        ends = self.ends
        again = {self.place(task)[0].index for task in self._fusion.again}
        for one in self._plan.steps:
            if not _has_work(one):
                continue
            busy = [edge for edge in one.edges if edge.producer.index in again or _has_work(edge.producer)]
            after = [self._barriers[id(other)] for other in one.after]
            for ordinal in one.ordinals():
                if one.states[ordinal] not in (RUN, AFTER):
                    continue
                task = one.offset + ordinal
                task = ends.get(task, task)
                for edge in busy:
                    for need in edge.ordinals(ordinal):
                        if self._is_on_board(edge.producer, need):
                            yield edge.producer.offset + need, task
                for barrier in after:
                    yield barrier, task
        for task in (*self._fusion.again, *ends):
            one, ordinal = self.place(task)
            if not one.is_to_do(ordinal):
                for producer, need in one.needs(ordinal):
                    if self._is_on_board(producer, need):
                        yield producer.offset + need, ends.get(task, task)
        for barrier, other in self._awaited.items():
            for ordinal in other.ordinals():
                if other.states[ordinal] in (RUN, AFTER):
                    yield other.offset + ordinal, barrier

    def _is_on_board(self, one: StepPlan, ordinal: int) -> bool:
        task = one.offset + ordinal
        return task not in self.ends and (one.is_to_do(ordinal) or task in self._fusion.again)

    def _lane(self, task: int) -> str:
        if self.is_barrier(task):
            return LOCAL
        one, ordinal = self.place(task)
        lanes = self._urgency.lanes[one.index]
        return lanes[0] if one.way_at is None else lanes[one.way_at[ordinal]]

    def _priority(self, task: int) -> float:
        if self.is_barrier(task):
            return float("inf")
        return self._urgency.priorities[self.place(task)[0].index]

    def _feeds(self, task: int) -> Iterable[tuple[str, tuple[float, int]]]:
        """The providers that a task leads to, and how soon; of equals the first coordinate is first."""
        if self.is_barrier(task):
            return ()
        one, ordinal = self.place(task)
        return ((lane, (seconds, ordinal)) for lane, seconds in self._urgency.distances[one.index].items())


def _has_work(one: StepPlan) -> bool:
    return RUN in one.states or AFTER in one.states

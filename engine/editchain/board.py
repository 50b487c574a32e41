"""The board: which tasks are ready, the longest remaining path first. Pure."""

from __future__ import annotations

import heapq
from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Board:
    """What waits for what, in arrays: a task is a number. Gives out what is ready, the longest remaining path first.

    `lanes` says where each task runs; `priorities` is the length of the longest path that begins with it.
    """

    def __init__(
        self,
        count: int,
        needs: Iterable[tuple[int, int]],
        lanes: Callable[[int], str],
        priorities: Callable[[int], float],
        tasks: Iterable[int],
    ) -> None:
        """`needs` are pairs: what is needed, and who needs it."""
        self._lanes = lanes
        self._priorities = priorities
        self._waiting = array("I", bytes(4 * count))
        self._first, self._dependents = _adjacency(count, needs, self._waiting)
        self._ready: dict[str, list[tuple[float, int]]] = {}
        self.left = 0
        for task in tasks:
            self.left += 1
            if self._waiting[task] == 0:
                self.push(task)

    def push(self, task: int) -> None:
        """Puts a task where it can be taken."""
        heapq.heappush(self._ready.setdefault(self._lanes(task), []), (-self._priorities(task), task))

    def ready(self, lane: str) -> int:
        """How many tasks of a lane are ready."""
        return len(self._ready.get(lane, ()))

    def lanes(self) -> list[str]:
        """The lanes that have ready tasks."""
        return [lane for lane, tasks in self._ready.items() if tasks]

    def take(self, lane: str, most: int) -> list[int]:
        """Takes ready tasks of a lane, the most urgent first."""
        heap = self._ready.get(lane, [])
        return [heapq.heappop(heap)[1] for _ in range(min(most, len(heap)))]

    def settle(self, task: int) -> list[int]:
        """A task has its outcome: the tasks that it was the last to hold up, not yet pushed."""
        self.left -= 1
        freed = []
        waiting, dependents = self._waiting, self._dependents
        for at in range(self._first[task], self._first[task + 1]):
            dependent = dependents[at]
            waiting[dependent] -= 1
            if waiting[dependent] == 0:
                freed.append(dependent)
        return freed


def _adjacency(
    count: int, needs: Iterable[tuple[int, int]], waiting: array[int]
) -> tuple[array[int], array[int]]:
    """Who depends on each task, as one array with the place where each task's part begins."""
    sources, users = array("I"), array("I")
    first = array("I", bytes(4 * (count + 1)))
    for need, user in needs:
        sources.append(need)
        users.append(user)
        first[need + 1] += 1
        waiting[user] += 1
    total = 0
    for task in range(count + 1):
        total += first[task]
        first[task] = total
    dependents = array("I", bytes(4 * len(users)))
    place = array("I", first)
    for need, user in zip(sources, users, strict=True):
        dependents[place[need]] = user
        place[need] += 1
    return first, dependents

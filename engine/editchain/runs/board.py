"""The board: which tasks are ready, the longest remaining path first. Pure."""

from __future__ import annotations

import heapq
from array import array
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Board:
    """What waits for what, in arrays: a task is a number. Gives out what is ready, the longest remaining path first.

    `lanes` says where each task runs; `priorities` is the length of the longest path that begins with it. `feeds` gives
    the other lanes that a task leads to, each with a rank: the lowest gets there first.
    """

    def __init__(
        self,
        count: int,
        needs: Iterable[tuple[int, int]],
        lanes: Callable[[int], str],
        priorities: Callable[[int], float],
        tasks: Iterable[int],
        feeds: Callable[[int], Iterable[tuple[str, tuple[float, int]]]] | None = None,
    ) -> None:
        """`needs` are pairs: what is needed, and who needs it."""
        self._lanes = lanes
        self._priorities = priorities
        self._waiting = array("I", bytes(4 * count))
        self._first, self._dependents = _adjacency(count, needs, self._waiting)
        self._ready: dict[str, list[tuple[float, int]]] = {}
        self._feeds = feeds
        self._feeding: dict[tuple[str, str], list[tuple[tuple[float, int], int]]] = {}
        self._is_ready = bytearray(count)
        self._counts: dict[str, int] = {}
        self._left: dict[str, int] = {}
        self.left = 0
        for task in tasks:
            self.left += 1
            lane = lanes(task)
            self._left[lane] = self._left.get(lane, 0) + 1
            if self._waiting[task] == 0:
                self.push(task)

    def push(self, task: int) -> None:
        """Puts a task where it can be taken."""
        lane = self._lanes(task)
        self._is_ready[task] = 1
        self._counts[lane] = self._counts.get(lane, 0) + 1
        heapq.heappush(self._ready.setdefault(lane, []), (-self._priorities(task), task))
        if self._feeds is not None:
            for other, rank in self._feeds(task):
                heapq.heappush(self._feeding.setdefault((lane, other), []), (rank, task))

    def ready(self, lane: str) -> int:
        """How many tasks of a lane are ready."""
        return self._counts.get(lane, 0)

    def left_in(self, lane: str) -> int:
        """How many tasks of a lane have no outcome yet."""
        return self._left.get(lane, 0)

    def lanes(self) -> list[str]:
        """The lanes that have ready tasks."""
        return [lane for lane, count in self._counts.items() if count]

    def take(self, lane: str, most: int, feed: Iterable[str] = ()) -> list[int]:
        """Takes ready tasks of a lane, the most urgent first; those that lead to a lane of `feed` before all others."""
        taken: list[int] = []
        for other in feed:
            # One for each lane that is to be fed, the rest by urgency.
            if len(taken) < most and (task := self._pop(self._feeding.get((lane, other), []))) is not None:
                taken.append(task)
        while len(taken) < most and (task := self._pop(self._ready.get(lane, []))) is not None:
            taken.append(task)
        return taken

    def _pop(self, heap: list[tuple[Any, int]]) -> int | None:
        """The first of a heap that was not taken by way of another."""
        while heap:
            task = heapq.heappop(heap)[1]
            if self._is_ready[task]:
                self._is_ready[task] = 0
                self._counts[self._lanes(task)] -= 1
                return task
        return None

    def take_this(self, task: int) -> bool:
        """Takes one task, if it is ready."""
        if not self._is_ready[task]:
            return False
        self._is_ready[task] = 0
        self._counts[self._lanes(task)] -= 1
        return True

    def settle(self, task: int) -> list[int]:
        """A task has its outcome: the tasks that it was the last to hold up, not yet pushed."""
        self.left -= 1
        self._left[self._lanes(task)] -= 1
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

"""Twins: tasks with equal keys, of which one is worked and the others follow it. Pure."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Twins:
    """Which task leads those of its key, and who waits for it: tasks are numbers.

    A table of numbers alone: what key a leader has is asked for where two may have the same.
    """

    def __init__(self, count: int, key_of: Callable[[int], bytes | None]) -> None:
        size = 2 << count.bit_length()
        self._mask = size - 1
        self._leaders = array("I", bytes(4 * size))  # with 1 added: 0 is an empty place
        self._key_of = key_of
        self._followers: dict[int, list[int]] = {}

    def lead(self, key: bytes, task: int) -> int:
        """The leader of a key: from now on `task` where it had none."""
        at, leader = self._look_up(key)
        if leader is None:
            self._leaders[at] = task + 1
            return task
        return leader

    def leader(self, key: bytes) -> int | None:
        """The leader of a key."""
        return self._look_up(key)[1]

    def _look_up(self, key: bytes) -> tuple[int, int | None]:
        at = int.from_bytes(key[:8], "little") & self._mask
        while number := self._leaders[at]:
            if self._key_of(number - 1) == key:
                return at, number - 1
            at = (at + 1) & self._mask
        return at, None

    def follow(self, leader: int, task: int) -> None:
        """Has a task wait for what its leader makes."""
        self._followers.setdefault(leader, []).append(task)

    def take_followers(self, leader: int) -> list[int]:
        """Those that waited for a leader, which has its outcome now."""
        return self._followers.pop(leader, [])

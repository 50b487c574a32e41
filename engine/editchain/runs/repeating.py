"""Repeating: what costs nothing is done again while it fails in passing, and a stop ends all waiting."""

from __future__ import annotations

import random
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anyio

from editchain.errors import ImageError
from editchain.http import FetchError, NotSent, ReplyLost
from editchain.runs.outcomes import NoPicture

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from editchain.runs.outcomes import Stop

MAX_BACKOFF_SECONDS = 30.0
FREE_ATTEMPTS = 6
"""How often a beat that costs nothing is tried before it is left for the next run."""


class Repeater:
    """Waits and repeats, as long as nobody asks for a stop. Made inside the event loop."""

    def __init__(self, stop: Stop, chance: random.Random | None = None) -> None:
        self.stop = stop
        self._chance = chance or random.Random()
        self._scopes: dict[anyio.CancelScope, float] = {}
        stop.listen(self._end)

    def _end(self) -> None:
        for scope, grace_seconds in self._scopes.items():
            scope.deadline = min(scope.deadline, anyio.current_time() + grace_seconds)

    @contextmanager
    def until_stop(self, grace_seconds: float = 0.0) -> Iterator[anyio.CancelScope]:
        """A scope that is cancelled so many seconds after a stop is asked for; `cancelled_caught` then says so."""
        with anyio.CancelScope() as scope:
            if self.stop.is_asked:
                scope.deadline = anyio.current_time() + grace_seconds
            self._scopes[scope] = grace_seconds
            try:
                yield scope
            finally:
                del self._scopes[scope]

    async def sleep(self, seconds: float) -> None:
        """Waits; raises NoPicture where a stop comes first."""
        with self.until_stop():
            await anyio.sleep(seconds)
            return
        raise NoPicture("stopped", "the run was stopped first")

    def backoff(self, attempt: int, delay_seconds: float = 1.0) -> float:
        """Full jitter, doubling, so that many who wait do not come back at once."""
        return self._chance.uniform(0, min(MAX_BACKOFF_SECONDS, delay_seconds * 2.0**attempt))

    async def freely(self, beat: Callable[[], Awaitable[Any]], attempts: int = FREE_ATTEMPTS) -> Any:
        """What a beat gives that costs nothing, tried again while it fails in passing. Raises NoPicture, open."""
        for attempt in range(1, attempts + 1):
            try:
                return await beat()
            except (NotSent, ReplyLost, FetchError, ImageError) as error:
                if attempt == attempts or self.stop.is_asked:
                    raise NoPicture("open", f"{error} The next run tries again.") from error
                await anyio.sleep(self.backoff(attempt))
        raise AssertionError

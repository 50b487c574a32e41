"""Crews: what was accepted is carried out, each in a task of its own, until it has ended or the server stops."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anyio

from editchain.runs.outcomes import Stop

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator

    from anyio.abc import TaskGroup

STOP = "SIGTERM"
"""What asks for a tidy stop: it is what the first such signal is to a command."""
COLLECT_AGAIN_SECONDS = 20.0
"""How long what waits for a vendor that is still at work waits until it is looked for again."""


class Crew:
    """Works on what it is given the names of; what goes on can be stopped, and all of it at the end."""

    def __init__(self, work: Callable[[str], Coroutine[Any, Any, None]]) -> None:
        """`work` carries one out, and raises nothing."""
        self._work = work
        self._stops: dict[str, Stop] = {}
        self._group: TaskGroup | None = None
        self.is_draining = False

    async def serve(self, left: Iterable[str], *, started: Callable[[], None]) -> None:
        """Works until it is cancelled; first on what an earlier process accepted and did not end."""
        async with anyio.create_task_group() as group:
            self._group = group
            for name in left:
                self.begin(name)
            started()
            await anyio.sleep_forever()

    def begin(self, name: str) -> None:
        """Works on one more as soon as there is room for it."""
        if self._group is not None and not self.is_draining:
            self._group.start_soon(self._work, name)

    @contextmanager
    def stoppable(self, name: str) -> Iterator[Stop]:
        """Something that goes on, for as long as the context lasts."""
        self._stops[name] = Stop()
        try:
            yield self._stops[name]
        finally:
            del self._stops[name]

    def goes_on(self, name: str) -> bool:
        """Whether something goes on, and can be asked to stop."""
        return name in self._stops

    def stop(self, name: str) -> None:
        """Asks something to stop, where it goes on."""
        if (found := self._stops.get(name)) is not None:
            found.ask(STOP)

    async def drain(self, seconds: float) -> None:
        """Begins nothing more and asks what goes on to stop tidily; the next process takes it up again."""
        self.is_draining = True
        for stop in list(self._stops.values()):
            stop.ask(STOP)
        with anyio.move_on_after(seconds):
            while self._stops:
                await anyio.sleep(0.02)

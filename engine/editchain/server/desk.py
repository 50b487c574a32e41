"""The desk: what every handler of the server works with."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from editchain.http import PUBLIC
from editchain.server.asking import Refusal
from editchain.server.hands import MEMORY_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from editchain.http import Rules
    from editchain.server.conducting import Conductor
    from editchain.server.guarding import Guard, Signer
    from editchain.server.hands import Hands
    from editchain.server.shelf import Shelf
    from editchain.server.shelving import Pictures
    from editchain.server.telling import Telling
    from editchain.server.working import Worker
    from editchain.workspace import Workspace

SMALL_BYTES = 64 * 1024 * 1024
"""So much of small pictures is kept in memory, those that were asked for last."""
MOST, MOST_OF_A_PROJECT = 200, 50
"""How many may listen at a time."""
GRACE_MORE_SECONDS = 15.0
"""So much longer than its runs the server waits before it ends."""


class Listeners:
    """Who listens: so many, and of one project so many at the most."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def enter(self, project: str) -> None:
        """Raises Refusal where there is no room for one more."""
        if self._counts.total() >= MOST or self._counts[project] >= MOST_OF_A_PROJECT:
            details = {"actionName": "event-streams", "actionLimit": MOST_OF_A_PROJECT}
            raise Refusal(429, "Too many listen to events at a time", details=details, retry_after=5)
        self._counts[project] += 1

    def leave(self, project: str) -> None:
        """Makes room."""
        self._counts[project] -= 1


class Smalls:
    """Small pictures in memory, those that were asked for last."""

    def __init__(self, most_bytes: int = SMALL_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()

    def get(self, digest: str, side: int) -> bytes | None:
        """A picture by digest and side."""
        found = self._kept.get((digest, side))
        if found is not None:
            self._kept.move_to_end((digest, side))
        return found

    def keep(self, digest: str, side: int, data: bytes) -> None:
        """Keeps a picture, and lets those go for which there is no more room."""
        self._bytes += len(data) - len(self._kept.pop((digest, side), b""))
        self._kept[digest, side] = data
        while self._bytes > self._most_bytes:
            self._bytes -= len(self._kept.popitem(last=False)[1])


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the server works, and under which names it may be asked for beside those of this machine.

    `processes` is how many local jobs and runs go on at a time, each within `memory_bytes`; `rules` are what clients may
    have fetched.
    """

    root: Path
    hosts: frozenset[str] = frozenset()
    processes: int | None = None
    memory_bytes: int = MEMORY_BYTES
    rules: Rules = PUBLIC
    now: Callable[[], float] = time.time


@dataclass(slots=True)
class Desk:
    """What every handler works with."""

    settings: Settings
    workspace: Workspace
    shelf: Shelf
    pictures: Pictures
    guard: Guard
    signer: Signer
    worker: Worker
    hands: Hands
    telling: Telling
    conductor: Conductor
    folder: Path
    listeners: Listeners = field(default_factory=Listeners)
    smalls: Smalls = field(default_factory=Smalls)
    is_ready: bool = False
    is_stopping: bool = False
    """Set as soon as a stop is asked for: streams end, and nothing more is accepted."""

    def stop(self) -> None:
        """Begins to stop: whoever listens to events comes again to the next process."""
        self.is_stopping = True
        self.telling.wake_all()

    @property
    def grace_seconds(self) -> float:
        """How long a stop waits for runs: a little longer than they wait for replies that bring pictures."""
        return self.workspace.configuration.stop_grace_seconds + GRACE_MORE_SECONDS

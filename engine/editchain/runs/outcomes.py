"""What becomes of a run's tasks, and what its scheduler and callers tell each other meanwhile."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Literal

from editchain.classes import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from editchain.plans.tasks import StepPlan

Outcome = Literal["done", "cached", "failed", "rejected", "skipped", "open", "waiting", "stopped"]

FILE_IN_THE_WAY = "a file stands in the place of its folder"
FOLDER_IN_THE_WAY = "a folder stands in its place"
"""Why a picture is not published that --overwrite changes nothing of."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A task's outcome, for whoever watches. `place` says which task it is where `task` has only the step's name."""

    task: str
    step: str
    outcome: Outcome
    message: str = ""
    seconds: float = 0.0
    place: tuple[StepPlan, int] | None = None

    @property
    def address(self) -> str:
        """The task's address, told when it is asked for: thousands are watched and few are named."""
        return self.task if self.place is None else self.place[0].task_name(self.place[1])


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to know while a run goes on that is no task's outcome. `call` and `provider` where it is about one.

    A "retry" is one that is safe, a "fallback" goes to the next provider of a list, a "slowdown" is a vendor's wish,
    and a "closed" vendor is sent nothing more;
    "room" is about the disk, "stopping" about what a stop waits for, a "doubt" is for a person to look into; "recovered"
    is what an earlier run bought and no task asks for now.
    """

    kind: Literal["retry", "fallback", "slowdown", "closed", "room", "stopping", "doubt", "recovered"]
    message: str
    task: str | None = None
    provider: str | None = None
    call: str | None = None


@dataclass(slots=True)
class Run:
    """What happened: how many tasks ended how, what to say of those without a picture, and what was told of on the way."""

    counts: dict[Outcome, int] = field(default_factory=dict)
    troubles: list[Ended] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    stopped_by: str | None = None
    is_over_budget: bool = False

    def add(self, ended: Ended) -> None:
        """Counts an outcome, and keeps what a person has to look at."""
        self.counts[ended.outcome] = self.counts.get(ended.outcome, 0) + 1
        if ended.outcome not in ("done", "cached"):
            self.troubles.append(ended)


@dataclass(slots=True)
class Stop:
    """Says to start nothing more; `reason` is what the run's outcome then is."""

    is_asked: bool = False
    reason: str | None = None
    _listeners: list[Callable[[], None]] = field(default_factory=list)

    def ask(self, reason: str) -> None:
        """Asks for a tidy stop; who listens is told once."""
        is_new, self.is_asked = not self.is_asked, True
        self.reason = self.reason or reason
        if is_new:
            for listener in self._listeners:
                listener()

    def listen(self, listener: Callable[[], None]) -> None:
        """Has a function called when a stop is asked for, at once where it has been."""
        self._listeners.append(listener)
        if self.is_asked:
            listener()


class NoPicture(Exception):
    """Ends the work on a call with an outcome other than a picture."""

    def __init__(self, outcome: Outcome, message: str) -> None:
        self.outcome: Outcome = outcome
        super().__init__(message)

"""Many trials at once: lanes of trials, each with a process of its own that begins the others."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

from tests.storm.forking import Nursery
from tests.storm.trades import MOMENTS, Blow, Trade
from tests.storm.trial import Course, Kill, Trial

LANES = 3
"""As many trials at a time: a trial waits for its vendor now and then."""


@dataclass
class Tally:
    """What happened in many trials. `wrong` has what broke a promise, by the trial's name."""

    watch: Callable[[Tally], None] = lambda _tally: None
    figures: Counter[str] = field(default_factory=Counter)
    died_at: Counter[str] = field(default_factory=Counter)
    passed: set[str] = field(default_factory=set)
    exchanged: set[tuple[str, str]] = field(default_factory=set)
    wrong: dict[str, str] = field(default_factory=dict)

    def add(self, trial: Trial) -> None:
        self.figures += trial.figures
        self.died_at += trial.died_at
        self.passed |= trial.passed
        self.exchanged |= {(trial.course.trade.name, name) for name in trial.exchanged}
        self.watch(self)


@contextmanager
def folder_in_memory() -> Iterator[Path]:
    """A killed process loses nothing that it wrote: a disk would only take its time."""
    memory = Path("/dev/shm")  # a folder of our own is made in it
    with tempfile.TemporaryDirectory(prefix="storm-", dir=memory if memory.is_dir() else None) as made:
        yield Path(made)


def run(courses: Iterable[tuple[str, Course]], watch: Callable[[Tally], None] = lambda _tally: None) -> Tally:
    """Trials of these courses, by name; all of them, whatever goes wrong in some. `watch` is told after each."""
    tally = Tally(watch)
    waiting: SimpleQueue[tuple[str, Course] | None] = SimpleQueue()
    for named in (*courses, *[None] * LANES):
        waiting.put(named)
    with folder_in_memory() as folder, ThreadPoolExecutor(LANES) as pool:
        for done in [pool.submit(_lane, folder, waiting, tally) for _ in range(LANES)]:
            done.result()
    return tally


def _lane(folder: Path, waiting: SimpleQueue[tuple[str, Course] | None], tally: Tally) -> None:
    with Nursery() as nursery:
        while (named := waiting.get()) is not None:
            name, course = named
            trial = Trial(folder / name.replace(" ", "-"), course, nursery)
            try:
                trial.go()
            except Exception as error:  # a trial that breaks is one that failed
                tally.wrong[name] = f"{course}: {error}"
            tally.add(trial)


# ---------------------------------------------------------------------- every transition


def recorded(trade: Trade) -> Trial:
    """A trial in which nobody is killed: it knows the moments of its first process, and its exchanges with its vendor."""
    with folder_in_memory() as folder, Nursery() as nursery:
        trial = Trial(folder / "calm", _with(trade, Kill()), nursery)
        trial.go()
        return trial


def every_transition(trade: Trade, *, once_each: bool = False) -> Iterator[tuple[str, Course]]:
    """A trial for each moment of a process, and for each moment of each exchange; or for the first of each name."""
    trial = recorded(trade)
    for number in _chosen(trial.first_names, once_each):
        yield f"{trade.name} moment {number}", _with(trade, Kill(moment=number))
    for number in _chosen([one.rstrip("0123456789_") for one in trial.first_exchanges], once_each):
        for moment in MOMENTS:
            yield f"{trade.name} exchange {number} {moment}", _with(trade, Kill(blow=Blow(number, moment)))
        dropped = Blow(number, "heard", is_dropped=True)
        yield f"{trade.name} exchange {number} dropped", _with(trade, Kill(blow=dropped))


def _chosen(names: Sequence[str], once_each: bool) -> Sequence[int]:
    """The numbers of all, or of the first of each name; from 1 on."""
    first = {name: number for number, name in reversed(list(enumerate(names, 1)))}
    return sorted(first.values()) if once_each else range(1, len(names) + 1)


def _with(trade: Trade, kill: Kill) -> Course:
    """Two calls, one after the other, with an operation after each."""
    return Course(trade, calls=2, concurrency=1, kills=(kill,))

"""The call engine in a simulated world: whatever vendors answer and whenever the power goes, each request is charged once.

A failing seed is named; `EDITCHAIN_SEED=n pytest tests/simulation` replays it. `EDITCHAIN_TRIALS` says how many there
are to be in all.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pytest
from tests.simulation.world import World, Wrong

from editchain.journal.committing import Committer
from editchain.journal.writing import Writer
from editchain.providers.base import Absent, Unknown
from editchain.runs.books import Books
from editchain.runs.buying import Buyer
from editchain.runs.calling import Caller
from editchain.store import Store

BATCHES = 10
TRIALS = 1000
"""In every test run."""
MANY_TRIALS = int(os.environ.get("EDITCHAIN_TRIALS", "10000"))
"""With the slow tests."""
CUTS = 500
"""Power cuts that every test run has at the least, in a run or after its end."""
SEED = os.environ.get("EDITCHAIN_SEED")
TRIALS_FOR_A_GUARD = 400


@contextmanager
def in_memory() -> Iterator[Path]:
    """A folder, in memory where that is possible: flushing is simulated, and a real disk would only take its time."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as made:
        yield Path(made)


@pytest.fixture
def folder() -> Iterator[Path]:
    with in_memory() as made:
        yield made


def trial(folder: Path, seed: int, change: Callable[[World], None] = lambda _world: None) -> Counter[str]:
    """One trial in a folder of its own; what fails says which seed."""
    place = folder / str(seed)
    place.mkdir()
    world = World(place, seed)
    change(world)
    try:
        figures = world.go()
    except Exception as error:
        error.add_note(f"Replay it with EDITCHAIN_SEED={seed} pytest tests/simulation -k asked_for")
        raise
    shutil.rmtree(place)
    return figures


def trials(folder: Path, seeds: range) -> Counter[str]:
    figures: Counter[str] = Counter()
    for seed in seeds:
        figures += trial(folder, seed)
    return figures


@pytest.mark.skipif(SEED is None, reason="no seed is asked for")
def test_the_seed_that_is_asked_for(folder: Path) -> None:
    print(trial(folder, int(SEED or 0)))


@pytest.mark.parametrize("batch", range(BATCHES))
def test_each_request_is_charged_once_and_nothing_is_lost(folder: Path, batch: int) -> None:
    size = TRIALS // BATCHES
    figures = trials(folder, range(batch * size, (batch + 1) * size))
    # What did not happen proves nothing.
    assert all(figures[name] for name in ("charges", "kills", "cuts", "cuts after an end", "stops", "held"))
    assert figures["cuts"] + figures["cuts after an end"] >= CUTS // BATCHES


@pytest.mark.slow
def test_many_more_trials() -> None:
    """All processors share them."""
    size = 50
    seeds = [range(start, min(start + size, MANY_TRIALS)) for start in range(TRIALS, MANY_TRIALS, size)]
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        figures = sum(pool.map(trials_of_their_own, seeds), Counter[str]())
    print(dict(figures))
    assert figures["trials"] == MANY_TRIALS - TRIALS


def trials_of_their_own(seeds: range) -> Counter[str]:
    with in_memory() as folder:
        return trials(folder, seeds)


def test_a_seed_replays(folder: Path) -> None:
    """To the instant: what was asked of whom, and how many moments each process had."""
    courses = []
    for name in ("one", "two"):
        (folder / name).mkdir()
        world = World(folder / name, 12)
        figures = world.go()
        courses.append((figures, world.machine.instants, [vars(one) for one in world.submissions]))
    assert courses[0] == courses[1]
    assert courses[0][2]


# ---------------------------------------------------------------------- it can fail


@contextmanager
def nothing(target: type, name: str) -> Iterator[None]:
    """A guard taken out."""
    with patch.object(target, name, lambda *_values, **_options: None):
        yield


@contextmanager
def intents_after_the_fact() -> Iterator[None]:
    """They are committed and not flushed."""
    begin = Writer.begin_calls

    def unflushed(self: Any, starts: Any) -> Any:
        self._connection.execute("PRAGMA synchronous = NORMAL")
        try:
            return begin(self, starts)
        finally:
            self._connection.execute("PRAGMA synchronous = FULL")

    with patch.object(Writer, "begin_calls", unflushed):
        yield


@contextmanager
def pictures_left_to_the_system() -> Iterator[None]:
    """Paid pictures are written as those that cost nothing."""
    put = Store.put
    with patch.object(Store, "put", lambda self, data, *, durable: put(self, data, durable=False)):
        yield


@contextmanager
def steps_of_a_call_left_in_memory() -> Iterator[None]:
    """What is learnt of a call is written some time."""

    async def at_once(self: Any) -> None:
        self._journal.pending  # noqa: B018  # and that is all

    with patch.object(Committer, "durable", at_once):
        yield


@contextmanager
def doubt_taken_for_absence() -> Iterator[None]:
    """A vendor that cannot tell is taken to have nothing."""
    ask = Buyer._found

    async def found(self: Any, asking: Any, call: Any) -> Any:
        answer = await ask(self, asking, call)
        return Absent() if isinstance(answer, Unknown) else answer

    with patch.object(Buyer, "_found", found):
        yield


@contextmanager
def open_calls_forgotten() -> Iterator[None]:
    """What an earlier run left under way is given up and asked for anew."""

    async def give_up(self: Any, call: Any, _group: Any) -> Any:
        await self._books.note(call, "abandoned", ended=True)
        return {}

    with patch.object(Caller, "_take_up", give_up):
        yield


GUARDS: dict[str, Callable[[], Any]] = {
    "an intent is on disk before its request leaves": intents_after_the_fact,
    "a paid picture is flushed": pictures_left_to_the_system,
    "the name of a paid picture is flushed": lambda: nothing(Store, "_flush_names"),
    "what is learnt of a call is on disk before the next beat": steps_of_a_call_left_in_memory,
    "a refusal is remembered": lambda: nothing(Books, "refuse"),
    "only a sure no lets a request be sent again": doubt_taken_for_absence,
    "an open call is taken up": open_calls_forgotten,
}


def first_that_fails(folder: Path, change: Callable[[World], None] = lambda _world: None) -> int | None:
    for seed in range(TRIALS_FOR_A_GUARD):
        try:
            trial(folder, seed, change)
        except Wrong:
            return seed
    return None


@pytest.mark.parametrize("guard", GUARDS)
def test_without_a_guard_the_simulation_fails(folder: Path, guard: str) -> None:
    with GUARDS[guard]():
        assert first_that_fails(folder) is not None


def test_resending_what_is_unknown_makes_it_fail(folder: Path) -> None:
    def resend(world: World) -> None:
        world.shop.resends = True

    seed = first_that_fails(folder, resend)
    assert seed is not None
    (folder / "again").mkdir()
    with pytest.raises(Wrong, match=r"asked again|charged twice") as caught:
        trial(folder / "again", seed, resend)
    assert f"EDITCHAIN_SEED={seed} " in caught.value.__notes__[0]

"""Real processes are killed at every transition and at random: nothing is charged twice, and nothing paid for is lost.

Here each kind of moment comes once, for one vendor or another, and some trials at random. All of it, for every vendor, is
`make storm`. `EDITCHAIN_SEED=n pytest tests/storm -m slow -k asked_for` replays one at random.
"""

from __future__ import annotations

import inspect
import os
import re
from itertools import islice
from pathlib import Path

import pytest
from tests.storm.lanes import Tally, every_transition, run
from tests.storm.moments import CALLS_OF_DISK
from tests.storm.trades import MOMENTS, TRADES
from tests.storm.trial import Course, at_random

import editchain
from editchain.journal.shape import STEPS
from editchain.providers.base import Provider

KILLS = 300
RANDOM = 120
SEED = os.environ.get("EDITCHAIN_SEED")
ENGINE = Path(editchain.__file__).parent
UNHEARD = {
    "write",
    "pwrite",
    "writev",
    "pwritev",
    "fsync",
    "fdatasync",
    "sync",
    "sendfile",
    "copy_file_range",
}
"""Calls that change files, or make changes last, and of which Python tells nobody."""
HINTS = {("journal/presence.py", "write"), ("journal/presence.py", "pwrite")}
"""Who holds a lock, in words for a message: nothing depends on them."""


def courses() -> list[tuple[str, Course]]:
    """Each kind of moment of a process at one of the vendors, those of exchanges at each, and some at random."""
    found: dict[str, tuple[str, Course]] = {}
    for at, trade in enumerate(TRADES.values()):
        named = list(every_transition(trade, once_each=True))
        moments = [one for one in named if one[1].kills[0].moment]
        found |= {one[0]: one for one in islice(moments, at, None, len(TRADES))}
        found |= {one[0]: one for one in named if one[1].kills[0].blow}
    return [*found.values(), *((f"seed {seed}", at_random(seed)) for seed in range(RANDOM))]


@pytest.fixture(scope="module")
def tally() -> Tally:
    return run(courses())


@pytest.mark.slow
def test_no_promise_is_broken(tally: Tally) -> None:
    assert tally.wrong == {}
    # What did not happen proves nothing.
    assert tally.figures["kills"] >= KILLS
    assert all(
        tally.figures[name] for name in ("held", "held, found by a person", "held, gone with the reply")
    )
    assert {f"vendor: {moment}" for moment in MOMENTS} <= tally.died_at.keys()


@pytest.mark.slow
def test_every_kind_of_transition_is_among_them(tally: Tally) -> None:
    """Not by a list of ours: the engine's own table of disk calls, the journal's tables, the beats of a provider."""
    names = tally.passed | tally.died_at.keys()
    heads = {" ".join(name.split()[:2]) for name in names}
    assert heads >= {f"{when} {call}" for when in ("before", "after") for call in CALLS_OF_DISK}
    assert heads >= {
        f"{when} {verb}" for when in ("before", "after") for verb in ("BEGIN", "COMMIT", "CHECKPOINT")
    }
    tables = {
        found[1] for step in STEPS.values() for sql in step if (found := re.match(r"CREATE TABLE (\w+)", sql))
    }
    assert names >= {f"{when} INSERT {table}" for when in ("before", "after") for table in tables - {"calls"}}
    states = {"intent", "accepted", "done", "failed", "unknown"}
    assert names >= {f"{when} INSERT calls {state}" for when in ("before", "after") for state in states}
    for trade in TRADES.values():
        for request in trade.beats.values():
            assert any(one == trade.name and name.startswith(request) for one, name in tally.exchanged)


def test_every_beat_of_a_provider_is_among_those_of_the_vendors() -> None:
    beats = {name for name, one in vars(Provider).items() if inspect.iscoroutinefunction(one)}
    assert {beat for trade in TRADES.values() for beat in trade.beats} == beats - {
        "cancel"
    }  # it is asked for by a stop


def test_nothing_changes_a_file_unheard() -> None:
    """A process that is killed passes by whatever Python tells of, and by the table of disk calls; there is no third way."""
    found = set()
    for path in sorted(ENGINE.rglob("*.py")):
        where = path.relative_to(ENGINE).as_posix()
        calls = re.findall(r"\bos\.(\w+)\(", path.read_text(encoding="utf-8"))
        found |= {(where, name) for name in UNHEARD.intersection(calls)}
    assert {one for one in found if one[0] != "platform.py"} == HINTS


@pytest.mark.slow
@pytest.mark.skipif(SEED is None, reason="no seed is asked for")
def test_the_seed_that_is_asked_for() -> None:
    assert run([(f"seed {SEED}", at_random(int(SEED or 0)))]).wrong == {}

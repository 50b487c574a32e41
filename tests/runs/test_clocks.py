"""A clock that lies, or is set while calls are out: nothing is bought twice, and nothing paid for is lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.vendors.base import Fault
from tests.vendors.scenario import KEY, SECRET, Ending, Scenario
from tests.workbench import Bench

HOUR = 3600.0
RECIPE = """
steps:
  night: {model: flux-kontext, image: a.png, prompt: Make it night, seed: 7}
outputs:
  night: $night
"""


@pytest.fixture
def vendor() -> Iterator[Scenario]:
    """The stand-in, serving, by a clock that is right."""
    with Scenario(usual=Ending(("success",))).running() as made:
        yield made


@pytest.fixture
def bench(tmp_path: Path, vendor: Scenario, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A workspace that finds Scenario on loopback."""
    monkeypatch.setenv("SCENARIO_API_KEY", KEY)
    monkeypatch.setenv("SCENARIO_API_SECRET", SECRET)
    made = Bench(tmp_path)
    made.paint("a.png")
    (tmp_path / "editchain.toml").write_text(
        f'[providers.scenario]\nbase_url = "{vendor.url}"\n[fetch]\nplain_hosts = ["127.0.0.1"]\n'
    )
    made.write(RECIPE)
    return made


def outcomes(bench: Bench) -> dict[str, int]:
    return bench.run(bench.root / "p.yaml").counts


def lose_a_reply(vendor: Scenario) -> None:
    """The next job is accepted, nobody hears of it, and for a while it is in no list."""
    vendor.list_lags = 2  # the first look is whether the account is good
    vendor.server.fault("POST /v1/generate", Fault(cut_at=0))


@pytest.mark.parametrize("hours_ahead", [2.0, 24.0 * 365])
def test_a_clock_that_was_ahead_hides_no_job_once_it_is_set_right(
    bench: Bench, vendor: Scenario, hours_ahead: float
) -> None:
    lose_a_reply(vendor)
    bench.now = vendor.server.now() + hours_ahead * HOUR
    assert outcomes(bench) == {"waiting": 1}
    vendor.server.ahead_seconds = 3 * HOUR
    bench.now = vendor.server.now()
    assert outcomes(bench) == {"done": 1}
    assert len(vendor.bill) == 1


@pytest.mark.parametrize("hours_behind", [1.0, 24.0 * 365 * 20])
def test_a_clock_that_is_behind_does_not_make_a_list_believed_too_early(
    bench: Bench, vendor: Scenario, hours_behind: float
) -> None:
    lose_a_reply(vendor)
    bench.now = vendor.server.now() - hours_behind * HOUR
    assert outcomes(bench) == {"waiting": 1}
    assert outcomes(bench) == {"done": 1}
    assert len(vendor.bill) == 1


def test_a_clock_that_is_set_between_two_runs_changes_nothing(bench: Bench, vendor: Scenario) -> None:
    bench.now = vendor.server.now()
    assert outcomes(bench) == {"done": 1}
    for now in (0.0, bench.now - 30 * 24 * HOUR, bench.now + 30 * 24 * HOUR):
        bench.now = now
        assert outcomes(bench) == {}
    assert len(vendor.bill) == 1


def test_a_job_is_found_by_the_names_that_its_pictures_had(bench: Bench, vendor: Scenario) -> None:
    """Two processes may both bring a picture to the vendor, which then has it twice."""
    lose_a_reply(vendor)
    bench.now = vendor.server.now()
    assert outcomes(bench) == {"waiting": 1}
    with closing(sqlite3.connect(bench.root / ".editchain/journal.db")) as journal, journal:
        changed = journal.execute("UPDATE handles SET handle = 'asset_of_the_same_picture'")
        assert changed.rowcount == 1
    vendor.server.ahead_seconds = 3 * HOUR
    bench.now = vendor.server.now()
    assert outcomes(bench) == {"done": 1}
    assert len(vendor.bill) == 1

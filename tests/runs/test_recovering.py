"""A recipe is edited between a stop and the next run: what was bought for the old one is fetched and kept all the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.vendors.scenario import KEY, SECRET, Ending, Scenario
from tests.workbench import Bench

from editchain.providers import scenario

RECIPE = """
steps:
  night: {model: flux-kontext, image: a.png, prompt: Make it night, seed: 7, timeout: 0.2}
outputs:
  night: $night
"""
SLOW = Ending(("queued",) * 99)
LOCAL = """
steps:
  small: {operation: resize, image: a.png, width: 4}
outputs:
  small: $small
"""


@pytest.fixture
def vendor() -> Iterator[Scenario]:
    """The stand-in, whose first job takes longer than anybody waits."""
    with Scenario(endings=[SLOW], usual=Ending(("success",))).running() as made:
        yield made


@pytest.fixture
def bench(tmp_path: Path, vendor: Scenario, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A workspace in which a run has left a job behind that is done by now."""
    monkeypatch.setenv("SCENARIO_API_KEY", KEY)
    monkeypatch.setenv("SCENARIO_API_SECRET", SECRET)
    monkeypatch.setattr(scenario, "capabilities", replace(scenario.capabilities, poll_seconds=0.02))
    made = Bench(tmp_path)
    made.paint("a.png")
    (tmp_path / "editchain.toml").write_text(
        f'[providers.scenario]\nbase_url = "{vendor.url}"\n[fetch]\nplain_hosts = ["127.0.0.1"]\n'
    )
    made.write(RECIPE)
    assert made.command("run", "p.yaml")[0] == 1
    (job,) = vendor.jobs.values()
    job.ending = Ending(("success",))
    return made


@pytest.mark.parametrize(
    ("edited", "calls"), [(RECIPE.replace("night", "day"), 2), (LOCAL, 1)], ids=["another prompt", "no call"]
)
def test_it_is_fetched_although_nothing_asks_for_it(
    bench: Bench, vendor: Scenario, edited: str, calls: int
) -> None:
    bench.write(edited)
    code, said, messages = bench.command("run", "p.yaml")
    assert code == 0, messages
    assert "recovered" in messages and "1 picture fetched" in messages
    assert len(vendor.bill) == calls
    bench.write(RECIPE)
    code, said, _ = bench.command("run", "p.yaml")
    assert (code, "1 cached" in said) == (0, True)
    assert len(vendor.bill) == calls
    assert [row["state"] for row in bench.rows("calls")] == ["done"] * calls


def test_it_is_fetched_also_where_all_else_is_done(bench: Bench) -> None:
    bench.write(LOCAL, "q.yaml")
    assert bench.command("run", "q.yaml", "--offline")[0] == 0
    assert [row["state"] for row in bench.rows("calls")] == ["accepted"]
    _, _, messages = bench.command("run", "q.yaml")
    assert "recovered" in messages
    assert [row["state"] for row in bench.rows("calls")] == ["done"]


def test_a_vendor_that_cannot_be_asked_holds_up_nothing(
    bench: Bench, vendor: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SCENARIO_API_KEY")
    bench.write(LOCAL)
    code, _, messages = bench.command("run", "p.yaml")
    assert code == 0
    assert "not fetched yet" in messages
    assert [row["state"] for row in bench.rows("calls")] == ["accepted"]


def test_it_is_among_the_events(bench: Bench) -> None:
    bench.write(LOCAL)
    _, said, _ = bench.command("run", "p.yaml", "--json")
    events = [json.loads(line) for line in said.splitlines()]
    (notice,) = [one for one in events if one["event"] == "notice"]
    assert (notice["kind"], notice["provider"]) == ("recovered", "scenario")

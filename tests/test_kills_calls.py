"""Runs as real processes on one workspace, stopped and side by side: each request is charged once.

That they are killed at every moment has tests of its own, in `tests/storm`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.vendors.base import Fault
from tests.vendors.scenario import KEY, SECRET, Ending, Scenario
from tests.workbench import paint, written

pytestmark = pytest.mark.slow

CALLS = 8
RECIPE = f"""
steps:
  edit:
    for_each: {{n: [{", ".join(f'"{n}"' for n in range(CALLS))}]}}
    model: flux-kontext
    image: a.png
    prompt: Number $n
    seed: 3
outputs:
  edit: {{from: $edit, path: "{{n}}.png"}}
"""


@pytest.fixture
def vendor() -> Iterator[Scenario]:
    """The stand-in, serving; a job is done at the second look."""
    made = Scenario(endings=[Ending(("queued", "success")) for _ in range(999)])
    with made.running():
        yield made


@pytest.fixture
def folder(tmp_path: Path, vendor: Scenario) -> Path:
    """A workspace that finds Scenario on loopback."""
    paint(tmp_path / "a.png", size=(32, 24))
    (tmp_path / "editchain.toml").write_text(
        f'[providers.scenario]\nbase_url = "{vendor.url}"\n[fetch]\nplain_hosts = ["127.0.0.1"]\n'
        "[limits.scenario]\nper_second = 50\nconcurrency = 4\n"
    )
    written(tmp_path, RECIPE)
    return tmp_path


def begin(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """A run in a process of its own."""
    environment = {**os.environ, "SCENARIO_API_KEY": KEY, "SCENARIO_API_SECRET": SECRET}
    return subprocess.Popen(
        [sys.executable, "-m", "editchain", "run", "p.yaml", *arguments],
        cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    """How it ended, and what it said."""
    out, err = process.communicate(timeout=120)
    return process.returncode, out + err


def wait_until(happened: Callable[[], bool]) -> None:
    """Returns when something has happened at the vendor."""
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline, "nothing was sent"
        time.sleep(0.01)


def wait_for(vendor: Scenario, jobs: int) -> None:
    """Returns when the vendor has accepted so many jobs."""
    wait_until(lambda: len(vendor.bill) >= jobs)


def prompts(vendor: Scenario) -> Counter[str]:
    """How often each prompt was charged."""
    return Counter(job.input["prompt"] for job in vendor.jobs.values())


def test_two_runs_at_once_share_the_work_and_each_has_all_of_it(folder: Path, vendor: Scenario) -> None:
    first, second = begin(folder, "-o", "one"), begin(folder, "-o", "two")
    ends = [finish(first), finish(second)]
    assert [code for code, _ in ends] == [0, 0], ends
    assert prompts(vendor) == {f"Number {n}": 1 for n in range(CALLS)}
    for name in ("one", "two"):
        assert len(list((folder / name).iterdir())) == CALLS


def test_what_a_dead_run_had_claimed_passes_on_to_one_that_waits(folder: Path, vendor: Scenario) -> None:
    dying = begin(folder, "-o", "one")
    wait_for(vendor, 2)
    waiting = begin(folder, "-o", "two")
    time.sleep(1.0)
    dying.kill()
    finish(dying)
    code, said = finish(waiting)
    assert code in (0, 4), said
    assert max(prompts(vendor).values()) == 1
    _settle(folder, vendor)


def test_a_run_that_is_held_up_is_waited_for_and_nothing_is_bought_twice(
    folder: Path, vendor: Scenario
) -> None:
    """`SIGSTOP`, as by a debugger or a suspended machine: it lives, so what it has under way is its own."""
    vendor.endings[:4] = [Ending(("queued",) * 999) for _ in range(4)]
    held = begin(folder, "-o", "one")
    # Once it asks how they are, the jobs are in its journal and it writes nothing more.
    wait_until(lambda: len({one.path for one in vendor.server.asked if "/jobs/" in one.path}) == 4)
    held.send_signal(signal.SIGSTOP)
    beside = begin(folder, "-o", "two")
    try:
        wait_for(vendor, CALLS)
        time.sleep(1.0)
        assert beside.poll() is None
        for job in vendor.jobs.values():
            job.ending = Ending(("success",))
    finally:
        held.send_signal(signal.SIGCONT)
    ends = [finish(held), finish(beside)]
    assert [code for code, _ in ends] == [0, 0], ends
    assert prompts(vendor) == {f"Number {n}": 1 for n in range(CALLS)}
    for name in ("one", "two"):
        assert len(list((folder / name).iterdir())) == CALLS


def _settle(folder: Path, vendor: Scenario) -> None:
    """Later the vendor's list can be trusted: what is there is adopted, what is not was never charged."""
    vendor.server.ahead_seconds = 3600.0
    for _ in range(3):
        code, said = finish(begin(folder))
        if code == 0:
            break
    assert code == 0, said
    assert prompts(vendor) == {f"Number {n}": 1 for n in range(CALLS)}
    assert len(list((folder / "out").iterdir())) == CALLS
    assert not list((folder / ".editchain").rglob("*.tmp"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_jobs_to_the_next_run(folder: Path, vendor: Scenario, number: signal.Signals) -> None:
    vendor.endings[:] = [Ending(("queued",) * 99 + ("success",)) for _ in range(4)]
    process = begin(folder)
    wait_for(vendor, 4)
    began = time.monotonic()
    process.send_signal(number)
    code, said = finish(process)
    assert time.monotonic() - began < 5
    assert code == 128 + number
    assert "stopped tidily" in said
    for job in vendor.jobs.values():
        job.ending = Ending(("success",))
    assert finish(begin(folder))[0] == 0
    assert prompts(vendor) == {f"Number {n}": 1 for n in range(CALLS)}


def test_who_reads_the_events_may_go_away(folder: Path, vendor: Scenario) -> None:
    process = begin(folder, "--json")
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["event"] == "run"
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr:
        assert "Traceback" not in process.stderr.read()
    assert process.wait(60) == 141
    assert finish(begin(folder))[0] == 0
    assert prompts(vendor) == {f"Number {n}": 1 for n in range(CALLS)}


def test_a_second_signal_gives_up_at_once(folder: Path, vendor: Scenario) -> None:
    vendor.server.fault("POST /v1/generate", Fault(cut_at=20, is_held=True), times=99)
    process = begin(folder)
    wait_for(vendor, 1)
    process.send_signal(signal.SIGINT)
    time.sleep(1.5)
    assert process.poll() is None  # the replies may hold what is paid for
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    code, said = finish(process)
    assert time.monotonic() - began < 1
    assert code == 130
    assert "A second signal gives up on them" in said

"""`editchain runs`, `status` and `cancel` say what the journal knows, and stop the right process only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from editchain import platform
from editchain.journal.entries import Owner, RunRecord, RunTask
from editchain.journal.journal import Journal
from editchain.runs.stopping import is_process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.commands.conftest import Said

    Call = Callable[..., Said]

WORKER = """
import signal, sys, time
from editchain.journal.entries import RunRecord
from editchain.journal.journal import Journal

signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
with Journal.open(".editchain", now=time.time) as journal:
    journal.put_run(RunRecord("20260105-120000-abcd", "look.yaml", "run", journal.owner, time.time()))
    journal.commit()
    print("ready", flush=True)
    signal.pause()
"""


@pytest.fixture
def working(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that works on the store, in the middle of a run."""
    process = subprocess.Popen([sys.executable, "-c", WORKER], stdout=subprocess.PIPE, text=True, cwd=folder)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_before_anything_ran(folder: Path, call: Call) -> None:
    assert call("runs", "--json").document("runs")["runs"] == []
    assert call("runs").err == "Nothing ran here yet.\n"
    assert call("status", "--json").document("status")["last"] is None
    assert call("status").code == 0
    assert call("status", "last").code == 2
    assert not (folder / ".editchain").exists()


def test_what_ran(ran: Path, call: Call) -> None:
    call("edit", "a.png", "sepia")
    edit, run = call("runs", "--json").document("runs")["runs"]
    assert (edit["command"], run["command"]) == ("edit", "run")
    assert (run["state"], run["exit_code"], run["counts"]) == ("ended", 0, {"done": 4})
    lines = call("runs").out.splitlines()
    assert "edit a-sepia" in lines[1]
    assert "look.yaml" in lines[2]


def test_one_run_by_its_id_the_beginning_of_it_or_last(ran: Path, call: Call) -> None:
    run = call("runs", "--json").document("runs")["runs"][0]["id"]
    for name in (run, run[:18], "last"):
        assert call("status", name, "--json").document("status")["run"]["id"] == run
    assert "  outcome  4 done\n" in call("status", "last").out
    assert call("status", "nothing").code == 2


def test_troubles_are_told(folder: Path, call: Call) -> None:
    with Journal.open(folder / ".editchain", now=time.time) as journal:
        journal.put_run(RunRecord("r1", "look.yaml", "run", None, 1.0, 2.0, "failed", 1, '{"failed": 1}'))
        journal.put_run_tasks(
            [RunTask("r1", "tidy", "failed", "it broke", None), RunTask("r1", "x", "stopped", "", None)]
        )
        journal.commit()
    out = call("status", "r1").out
    assert "  failed tidy: it broke\n" in out
    assert "stopped x" not in out
    assert len(call("status", "r1", "--json").document("status")["troubles"]) == 2


def test_a_run_that_lost_its_process(folder: Path, call: Call) -> None:
    with Journal.open(folder / ".editchain", now=time.time) as journal:
        journal.put_run(RunRecord("r1", "look.yaml", "run", "gone", 1.0))
        journal.commit()
    assert call("runs", "--json").document("runs")["runs"][0]["state"] == "broken-off"
    assert "its process is gone" in call("status", "r1").out
    assert call("cancel", "r1", "--json").document("cancel")["done"] == "broken-off"


def test_a_run_that_ended_is_left_alone(ran: Path, call: Call) -> None:
    found = call("cancel", "last", "--json").document("cancel")
    assert (found["done"], found["process"]) == ("ended", None)
    assert "nothing to cancel" in call("cancel", "last").err


def test_a_run_is_seen_and_asked_to_stop(working: subprocess.Popen[str], call: Call) -> None:
    found = call("status", "--json").document("status")["running"]
    assert [(one["id"], one["process"]) for one in found] == [("20260105-120000-abcd", working.pid)]
    assert "editchain cancel 20260105-120000-abcd" in call("status").out
    assert call("cancel", "2026", "--json").document("cancel") == {
        "version": 1, "run": "20260105-120000-abcd", "done": "asked", "process": working.pid,
    }  # fmt: skip
    assert working.wait(timeout=30) == 143


def test_a_number_alone_is_no_proof(working: subprocess.Popen[str], folder: Path, call: Call) -> None:
    with Journal.open(folder / ".editchain", now=time.time) as journal:
        owner = next(one for one in journal.owners() if one.pid == working.pid)
    held = folder / ".editchain"
    assert is_process(owner, held)
    assert not is_process(owner._replace(pid=os.getpid()), held)
    assert not is_process(Owner("other", platform.host(), platform.boot_id(), working.pid, 0.0, "x"), held)


@pytest.mark.parametrize("column", ["host", "boot_id"])
def test_another_machine_is_not_signalled(
    working: subprocess.Popen[str], folder: Path, call: Call, column: str
) -> None:
    with Journal.open(folder / ".editchain", now=time.time) as journal:
        owner = next(one for one in journal.owners() if one.pid == working.pid)
    sqlite = __import__("sqlite3").connect(folder / ".editchain" / "journal.db", isolation_level=None)
    sqlite.execute(f"UPDATE owners SET {column} = 'other' WHERE id = ?", (owner.id,))
    sqlite.close()
    said = call("cancel", "last")
    assert (said.code, "cancel it there" in said.err) == (2, True)
    assert working.poll() is None
    working.send_signal(signal.SIGTERM)


def test_a_folder_without_a_marker_where_something_ran_is_a_workspace(folder: Path, call: Call) -> None:
    (folder / "editchain.toml").unlink()
    assert call("runs", "--json").document("runs")["runs"] == []
    assert call("run", "look.yaml").code == 0
    assert len(call("runs", "--json").document("runs")["runs"]) == 1
    call("edit", "a.png", "sepia")
    assert len(call("runs", "--json").document("runs")["runs"]) == 2


def test_a_file_is_no_folder_to_publish_to(folder: Path, call: Call) -> None:
    (folder / "file").touch()
    said = call("run", "look.yaml", "-o", "file")
    assert said.code == 2
    assert said.err.startswith("editchain: file is a file, and outputs go into a folder.")

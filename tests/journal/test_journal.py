"""The journal keeps what was made and bought, between processes and through stops."""

from __future__ import annotations

import dataclasses
import errno
import itertools
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from editchain.errors import StoreError
from editchain.journal import opening, records
from editchain.journal.journal import (
    Blocked,
    Call,
    CallTask,
    Handle,
    Journal,
    KnownFile,
    Owner,
    Published,
    Refusal,
    Result,
    RunRecord,
    RunTask,
    Start,
)
from editchain.journal.ledger import Ledger, Spending
from editchain.journal.repairing import repair
from editchain.journal.shape import SHAPE
from editchain.platform import DISK, Disk
from editchain.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NOW = 1_700_000_000.0


def key(name: object) -> bytes:
    return sha256(str(name).encode()).digest()


def result(name: object, /, **changes: object) -> Result:
    made = Result(
        key=key(name),
        digest=key(f"bytes of {name}"),
        media_type="image/png",
        size=1234,
        width=64,
        height=48,
        kind="operation",
        name="resize",
        version="1",
        request_key=None,
        route=None,
        seed=None,
        take=1,
        versions='{"Pillow": "12"}',
        call=None,
        run="run-1",
        made_at=NOW,
    )
    return made._replace(**changes)  # type: ignore[arg-type]


def call(name: str, /, **changes: object) -> Call:
    made = Call(
        id=name,
        request_key=key("request"),
        provider="bfl",
        route="bfl",
        model="flux-kontext",
        price_least="0.04",
        price_most="0.08",
        currency="USD",
        run="run-1",
        intent_at=NOW,
    )
    return made._replace(**changes)  # type: ignore[arg-type]


FILE = KnownFile("photos/café.jpg", 10, 1, 2, 3, key("file"), "jpeg", 640, 480, 9)
SHOWN = Published(
    "out/a.png", 10, 1, 2, 3, key("shown"), key("bytes of a"), "png", "night.yaml", "final", "sky[a]", "run-1"
)
RUN = RunRecord("run-1", "night.yaml", "run night.yaml", "owner", NOW)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / ".editchain"


def open_journal(folder: Path) -> Journal:
    return Journal.open(folder, now=lambda: NOW)


@pytest.fixture
def journal(folder: Path) -> Iterator[Journal]:
    with open_journal(folder) as made:
        yield made


def other(folder: Path, program: str, *values: str) -> subprocess.Popen[str]:
    """Another process that has the journal open, under the name `journal`."""
    text = "import sys\nfrom editchain.journal.journal import *\njournal = Journal.open(sys.argv[1], now=lambda: 1.0)\n"
    return subprocess.Popen(
        [sys.executable, "-c", text + program, str(folder), *values],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


# What is added is there after the commit


def test_results_are_found_by_key_after_the_commit(journal: Journal) -> None:
    journal.add_result(result("a"))
    assert journal.results([key("a")]) == {}
    journal.commit()
    assert journal.results([key("a"), key("b")]) == {key("a"): result("a")}
    assert journal.has_results([key("a"), key("b")]) == {key("a"): key("bytes of a")}


def test_a_journal_is_read_in_the_next_process(folder: Path) -> None:
    with open_journal(folder) as journal:
        journal.add_result(result("a"))
    with open_journal(folder) as journal:
        assert journal.results([key("a")]) == {key("a"): result("a")}


def test_of_two_results_under_a_key_the_later_counts(journal: Journal) -> None:
    journal.add_result(result("a"))
    journal.add_result(result("a", digest=key("anew")))
    journal.commit()
    assert journal.has_results([key("a")]) == {key("a"): key("anew")}
    journal.add_result(result("a", digest=key("again")))
    journal.commit()
    assert journal.has_results([key("a")]) == {key("a"): key("again")}


def test_many_keys_are_asked_for_at_once(journal: Journal) -> None:
    for number in range(1203):
        journal.add_result(result(number))
    journal.commit()
    asked = [key(number) for number in range(2000)]
    assert set(journal.results(asked)) == set(asked[:1203])
    assert set(journal.has_results(asked)) == set(asked[:1203])


def test_what_was_bought_is_found_by_request_key(journal: Journal) -> None:
    journal.add_result(result("old", request_key=key("request"), made_at=NOW - 1))
    journal.add_result(result("new", request_key=key("request")))
    journal.add_result(result("other"))
    journal.commit()
    found = journal.results_by_request([key("request"), key("nothing")])
    assert {request: made.key for request, made in found.items()} == {key("request"): key("new")}


def test_the_nearest_results_are_the_newest_of_the_same_name(journal: Journal) -> None:
    for number in range(5):
        journal.add_result(result(number, made_at=NOW + number), identity=f'{{"take": {number}}}')
    journal.add_result(result("crop", name="crop"))
    journal.commit()
    near = journal.nearest("resize", 2)
    assert [made.key for made in near] == [key(4), key(3)]
    assert journal.identities([key(4), key("crop")]) == {key(4): '{"take": 4}'}
    assert len(journal.all_results()) == 6


def test_all_else_comes_back_as_it_was(journal: Journal) -> None:
    refusal = Refusal(key("a"), key("request"), "moderated", "no", "yes", "call-1", NOW)
    handle = Handle("runway", key("a"), "runway://1", NOW + 60)
    tasks = [
        RunTask("run-1", "sky[a]", "failed", "out of reach", key("a")),
        RunTask("run-1", "b", "skipped", None, None),
    ]
    journal.add_refusal(refusal)
    journal.put_run(RUN)
    journal.put_run_tasks(tasks)
    journal.put_run_keys("run-1", [key("b"), key("a"), key("a")])
    journal.put_files([FILE])
    journal.put_file(FILE._replace(path="other.png", width=None))
    journal.put_published(SHOWN)
    journal.put_handle(handle)
    journal.commit()
    assert journal.refusals([key("a")]) == {key("a"): refusal}
    assert journal.run("run-1") == RUN
    assert journal.run("run-2") is None
    assert journal.run_tasks("run-1") == sorted(tasks, key=lambda task: task.task)
    assert journal.run_keys("run-1") == sorted([key("a"), key("b")])
    assert journal.run_keys("run-2") is None
    assert journal.files(["photos/café.jpg", "nothing"]) == {"photos/café.jpg": FILE}
    assert journal.published(["out/a.png"]) == {"out/a.png": SHOWN}
    assert journal.published_by("night.yaml") == [SHOWN]
    assert journal.handle("runway", key("a")) == handle
    assert journal.handle("bfl", key("a")) is None
    journal.forget_refusal(key("a"))
    journal.forget_published(["out/a.png"])
    journal.commit()
    assert journal.refusals([key("a")]) == {}
    assert journal.published(["out/a.png"]) == {}


def test_within_a_group_the_last_word_counts(journal: Journal) -> None:
    refusal = Refusal(key("a"), None, "moderated", "no", "no", None, NOW)
    journal.forget_refusal(key("a"))
    journal.add_refusal(refusal)
    journal.put_published(SHOWN)
    journal.forget_published(["out/a.png"])
    journal.put_call(call("1", state="accepted"))
    journal.put_call(call("1", state="done"))
    journal.commit()
    assert journal.refusals([key("a")]) == {key("a"): refusal}
    assert journal.published(["out/a.png"]) == {}
    made = journal.call("1")
    assert made is not None
    assert made.state == "done"


def test_a_name_that_is_no_text_is_simply_not_known(journal: Journal) -> None:
    path = os.fsdecode(b"caf\xe9.jpg")
    journal.put_file(FILE._replace(path=path))
    journal.commit()
    assert journal.files([path, FILE.path]) == {}


def test_runs_are_listed_newest_first(journal: Journal) -> None:
    for number in range(4):
        journal.put_run(RUN._replace(id=f"run-{number}", started_at=NOW + number))
    journal.commit()
    assert [run.id for run in journal.runs(2)] == ["run-3", "run-2"]


def test_runs_that_used_the_same_keys_share_them(journal: Journal, folder: Path) -> None:
    journal.put_run_keys("run-1", [key("a"), key("b")])
    journal.put_run_keys("run-2", [key("b"), key("a")])
    journal.commit()
    with sqlite3.connect(folder / "journal.db") as connection:
        assert connection.execute("SELECT count(*) FROM key_sets").fetchone() == (1,)
    connection.close()


def test_pending_counts_what_is_not_durable(journal: Journal) -> None:
    assert journal.pending == 0
    journal.add_result(result("a"))
    journal.put_run(RUN)
    assert journal.pending == 2
    journal.commit()
    assert journal.pending == 0


def test_threads_may_add_while_others_commit(journal: Journal) -> None:
    def work(name: int) -> None:
        for number in range(200):
            journal.add_result(result((name, number)))
            if number % 50 == 0:
                journal.commit()

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.commit()
    assert len(journal.all_results()) == 800


# Calls


def test_calls_are_found_by_state_request_run_and_task(journal: Journal) -> None:
    states = ("intent", "accepted", "ready", "done", "failed", "rejected", "unknown", "abandoned")
    for number, state in enumerate(states):
        journal.put_call(call(f"call-{number}", state=state, intent_at=NOW - number, run=f"run-{number % 2}"))
    journal.add_call_tasks([CallTask("call-0", 1, key("b")), CallTask("call-0", 0, key("a"))])
    journal.commit()
    assert [made.state for made in journal.open_calls()] == ["unknown", "ready", "accepted", "intent"]
    assert len(journal.calls_by_request([key("request")])[key("request")]) == len(states)
    assert [made.id for made in journal.calls("run-1")] == ["call-7", "call-5", "call-3", "call-1"]
    assert len(journal.calls()) == len(states)
    assert journal.call_tasks(["call-0"]) == {
        "call-0": [CallTask("call-0", 0, key("a")), CallTask("call-0", 1, key("b"))]
    }
    assert journal.call("nothing") is None


def test_an_intent_is_on_disk_when_the_call_may_be_sent(journal: Journal, folder: Path) -> None:
    assert isinstance(journal.begin_call(call("1"), [key("a"), key("b")]), Call)
    look = Journal.read_only(folder)
    assert look is not None
    with look:
        assert look.open_calls() == [call("1", owner=journal.owner)]
        assert [task.key for task in look.call_tasks(["1"])["1"]] == [key("a"), key("b")]
        assert set(look.claims([key("a"), key("b"), key("request")])) == {key("a"), key("b"), key("request")}
    lines = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
    assert [line[0] for line in lines[1:]] == ["call", "task", "task"]


def test_an_intent_takes_along_what_waited(journal: Journal) -> None:
    journal.add_result(result("a"))
    journal.begin_call(call("1"), [key("b")])
    assert journal.pending == 0
    assert journal.has_results([key("a")])


@pytest.mark.parametrize("state", ["intent", "accepted", "ready", "unknown"])
def test_nothing_is_bought_while_a_call_is_open(journal: Journal, state: str) -> None:
    journal.put_call(call("1", state=state))
    journal.add_call_tasks([CallTask("1", 0, key("a"))])
    blocked = journal.begin_call(call("2"), [key("b")])
    assert isinstance(blocked, Blocked)
    assert (blocked.reason, blocked.call) == ("call", call("1", state=state))
    # Nor under another request for the same picture, nor for a fresh one.
    blocked = journal.begin_call(call("3", request_key=key("other")), [key("a")], fresh=True)
    assert isinstance(blocked, Blocked)
    assert blocked.reason == "call"
    assert journal.call("2") is None


@pytest.mark.parametrize("state", ["done", "failed", "rejected", "abandoned"])
def test_after_a_call_has_ended_another_may_begin(journal: Journal, state: str) -> None:
    journal.put_call(call("1", state=state))
    assert isinstance(journal.begin_call(call("2"), [key("a")]), Call)


def test_what_is_there_is_not_bought_unless_wanted_anew(journal: Journal) -> None:
    made = result("a", request_key=key("request"))
    journal.add_result(made)
    assert journal.begin_call(call("1"), [key("b")]) == Blocked("result", result=made)
    assert isinstance(journal.begin_call(call("1"), [key("b")], fresh=True), Call)


def test_of_calls_that_begin_together_one_is_sent(journal: Journal) -> None:
    answers = journal.begin_calls([Start(call(str(number)), [key("a")]) for number in range(3)])
    assert isinstance(answers[0], Call)
    assert [answer.reason for answer in answers[1:] if isinstance(answer, Blocked)] == ["call", "call"]


def test_the_budget_sees_what_is_reserved_and_spent(journal: Journal) -> None:
    seen: list[Mapping[str, Spending]] = []

    def budget(_call: Call, sums: Mapping[str, Spending]) -> str | None:
        seen.append(sums)
        return "enough" if sums.get("USD", Spending()).reserved >= Decimal("0.16") else None

    def start(number: int) -> Start:
        return Start(call(str(number), request_key=key(number)), [key(f"task {number}")], budget)

    answers = journal.begin_calls([start(number) for number in range(3)])
    assert [type(answer) for answer in answers[:2]] == [Call, Call]
    assert answers[2] == Blocked("budget", message="enough")
    assert [sums.get("USD", Spending()).reserved for sums in seen] == [0, Decimal("0.08"), Decimal("0.16")]
    assert journal.call("2") is None
    # What ended counts as spent, also before it is committed.
    journal.put_call(call("0", request_key=key(0), state="done", charged="yes", price_actual="0.05"))
    assert isinstance(journal.begin_calls([start(3)])[0], Call)
    assert seen[-1] == {"USD": Spending(Decimal("0.08"), Decimal("0.05"))}


def test_what_bills_were_over_their_ceilings_is_reserved_for_those_that_follow(
    journal: Journal, folder: Path
) -> None:
    """A price that rises twice: each time what the vendor took last, in how ever many runs."""

    def begun(number: int, **changed: object) -> Call:
        answer = journal.begin_call(
            call(str(number), request_key=key(number), **changed), [key(f"t{number}")]
        )
        assert isinstance(answer, Call)
        return answer

    def bill(one: Call, actual: str) -> None:
        journal.put_call(one._replace(state="done", charged="yes", price_actual=actual))

    table = {"price_most": "0.08", "price_source": "list 2026-11-01", "intent_at": NOW}
    first = begun(1, **table)
    assert first.price_most == "0.08"
    bill(first, "0.12")
    second = begun(2, **table)
    assert (second.price_most, second.price_source) == ("0.12", "list 2026-11-01, by its bills × 1.5")
    bill(second, "0.24")
    assert begun(3, **table).price_most == "0.24"
    assert begun(4, **{**table, "price_most": "0.01"}).price_most == "0.03"
    # Another run learns from it; a table that was corrected has nothing to learn.
    assert begun(5, run="run-2", **table).price_most == "0.24"
    assert begun(6, **{**table, "price_source": "list 2026-11-20"}).price_most == "0.08"
    # What a run was told is written down, for the budget as for people.
    kept = journal.call("3")
    assert kept is not None
    assert (kept.price_most, kept.price_source) == ("0.24", "list 2026-11-01, by its bills × 3")


def test_old_bills_and_those_that_keep_to_their_table_teach_nothing(folder: Path) -> None:
    table = {"price_most": "0.08", "price_source": "list", "run": "run-1"}
    with open_journal(folder) as journal:
        for number, (at, actual) in enumerate([(NOW - 90 * 86400, "5"), (NOW, "0.08"), (NOW, "0.01")]):
            ended = {"state": "done", "charged": "yes", "price_actual": actual, "intent_at": at}
            journal.put_call(call(str(number), request_key=key(number), **table, **ended))
        journal.commit()
    with open_journal(folder) as journal:
        begun = journal.begin_call(call("9", **{**table, "run": "run-2"}), [key("a")])
    assert isinstance(begun, Call)
    assert begun.price_most == "0.08"


def test_the_budget_of_a_run_knows_its_earlier_calls(folder: Path) -> None:
    with open_journal(folder) as journal:
        journal.begin_call(call("1"), [key("a")])
    seen: list[Mapping[str, Spending]] = []
    with open_journal(folder) as journal:
        journal.begin_call(
            call("2", request_key=key("b")), [key("b")], budget=lambda _call, sums: seen.append(sums)
        )
    assert seen == [{"USD": Spending(reserved=Decimal("0.08"))}]


def test_the_budget_forgets_what_did_not_come_to_pass(folder: Path) -> None:
    full = [True]

    def flush(descriptor: int) -> None:
        if full[0]:
            raise OSError(errno.ENOSPC, "full")
        DISK.flush(descriptor)

    seen: list[Mapping[str, Spending]] = []
    with Journal.open(folder, now=lambda: NOW, disk=dataclasses.replace(DISK, flush=flush)) as journal:
        with pytest.raises(StoreError):
            journal.begin_call(call("1"), [key("a")])
        full[0] = False
        journal.begin_call(call("2"), [key("a")], budget=lambda _call, sums: seen.append(sums))
    assert seen == [{}]


def test_the_budget_knows_what_was_added_a_moment_ago(journal: Journal) -> None:
    """What ends while a transaction is under way counts already, though it is written with the next one."""
    seen: list[Mapping[str, Spending]] = []

    def meanwhile(_call: object, _sums: object) -> None:
        journal.put_call(call("0", run="run-2", state="done", charged="yes", price_actual="7"))

    journal.begin_calls(
        [
            Start(call("1", request_key=key("a")), [key("a")], meanwhile),
            Start(
                call("2", request_key=key("b"), run="run-2"),
                [key("b")],
                lambda _call, sums: seen.append(sums),
            ),
        ]
    )
    assert seen == [{"USD": Spending(spent=Decimal(7))}]


def test_what_may_have_been_charged_counts_as_spent() -> None:
    ledger = Ledger(
        [
            call("1", state="failed", charged="unknown"),
            call("2", state="done", charged="yes", price_actual="0.05"),
            call("3", state="failed", charged="no"),
            call("4", state="accepted"),
            call("5", state="intent", price_most=None),
            call("6", state="done", charged="yes", price_actual="3", currency="EUR"),
        ]
    )
    assert ledger.sums() == {
        "USD": Spending(Decimal("0.08"), Decimal("0.13"), 1),
        "EUR": Spending(spent=Decimal(3)),
    }


# Claims and owners


def test_what_another_process_holds_is_not_ours(folder: Path, journal: Journal) -> None:
    program = (
        "keys = map(bytes.fromhex, sys.argv[2:])\n"
        "print(len(journal.claim(keys)), flush=True)\n"
        "sys.stdin.read()"
    )
    process = other(folder, program, key("a").hex(), key("b").hex())
    try:
        assert said(process) == "0"
        held = journal.claim([key("a"), key("c")])
        assert list(held) == [key("a")]
        assert held[key("a")].pid == process.pid
        assert str(process.pid) in str(held[key("a")])
        assert len(journal.owners()) == 2
        blocked = journal.begin_call(call("1"), [key("b")])
        assert isinstance(blocked, Blocked)
        assert (blocked.reason, blocked.owner) == ("claim", held[key("a")])
    finally:
        end(process)
    # Killed: what it held is free at once, without anybody tidying up.
    assert not journal.is_alive(held[key("a")].id)
    assert journal.claim([key("a")]) == {}
    assert isinstance(journal.begin_call(call("1"), [key("b")]), Call)
    assert [owner.pid for owner in journal.owners()] == [os.getpid()]


def test_who_takes_over_from_the_dead_sees_that_a_request_may_be_out(folder: Path, journal: Journal) -> None:
    program = (
        "call = Call('1', bytes(32), 'bfl', 'bfl', 'flux')\n"
        "print(journal.begin_call(call, [bytes(32)]).id, flush=True)\nsys.stdin.read()"
    )
    process = other(folder, program)
    assert said(process) == "1"
    end(process)
    assert journal.claim([bytes(32)]) == {}
    blocked = journal.begin_call(call("2", request_key=bytes(32)), [bytes(32)])
    assert isinstance(blocked, Blocked)
    assert blocked.call is not None
    assert blocked.call.id == "1"


def test_a_result_ends_its_claim(folder: Path, journal: Journal) -> None:
    journal.claim([key("a"), key("b"), key("request")])
    journal.add_result(result("a", request_key=key("request")))
    journal.commit()
    with open_journal(folder) as another:
        assert set(another.claim([key("a"), key("b"), key("request")])) == {key("b")}


def test_a_bought_result_ends_the_claims_of_its_call(folder: Path, journal: Journal) -> None:
    journal.begin_call(call("1"), [key("a"), key("b")])
    journal.add_result(result("a", request_key=key("request")))
    journal.commit()
    assert set(journal.claims([key("a"), key("b"), key("request")])) == {key("b")}


def test_what_is_given_back_is_free(folder: Path, journal: Journal) -> None:
    journal.claim([key("a"), key("b")])
    journal.release([key("a")])
    journal.commit()
    with open_journal(folder) as another:
        assert set(another.claim([key("a"), key("b")])) == {key("b")}


def test_claiming_twice_is_claiming_once(journal: Journal) -> None:
    assert journal.claim([key("a")]) == {}
    assert journal.claim([key("a"), key("a")]) == {}
    assert set(journal.claims([key("a")])) == {key("a")}


def test_closing_gives_everything_back(folder: Path) -> None:
    with open_journal(folder) as journal:
        journal.claim([key("a")])
    assert list((folder / "owners").iterdir()) == []
    with open_journal(folder) as another:
        assert another.claims([key("a")]) == {}
        assert len(another.owners()) == 1


def test_the_dead_are_swept_when_the_next_one_opens(folder: Path) -> None:
    process = other(folder, "journal.claim([bytes(32)])\nprint('claimed', flush=True)\nsys.stdin.read()")
    assert said(process) == "claimed"
    end(process)
    assert len(list((folder / "owners").iterdir())) == 1
    with open_journal(folder) as journal:
        assert journal.claims([bytes(32)]) == {}
        assert [path.name for path in (folder / "owners").iterdir()] == [journal.owner]


CONTEND = """
import hashlib
for round in range(int(sys.argv[2])):
    keys = [hashlib.sha256(f"{round} {number}".encode()).digest() for number in range(5)]
    held = journal.claim(keys)
    for key in keys:
        if key not in held and not journal.results([key]):
            print(key.hex())
            journal.add_result(Result(key, key, "image/png", 1, 1, 1, "model", "m", "1", None, None, None, 1,
                "{}", None, None, 1.0))
    journal.commit()
journal.close()
"""


def test_of_several_processes_each_piece_of_work_is_done_by_one(folder: Path) -> None:
    processes = [other(folder, CONTEND, "20") for _ in range(3)]
    done = [line for process in processes for line in process.communicate()[0].split()]
    assert all(process.returncode == 0 for process in processes)
    assert len(done) == len(set(done)) == 100


# Opening


def test_a_journal_that_is_not_there_is_nothing_to_look_at(folder: Path) -> None:
    assert Journal.read_only(folder) is None
    assert not folder.exists()


def test_looking_works_while_another_writes_and_after(folder: Path, journal: Journal) -> None:
    journal.add_result(result("a"))
    journal.commit()
    look = Journal.read_only(folder)
    assert look is not None
    assert look.has_results([key("a")])
    journal.add_result(result("b"))
    journal.commit()
    assert look.has_results([key("b")])
    journal.close()
    assert look.has_results([key("a")])
    look.close()
    look = Journal.read_only(folder)
    assert look is not None
    assert look.has_results([key("b")])
    look.close()


def test_looking_does_not_write(folder: Path, journal: Journal) -> None:
    look = Journal.read_only(folder)
    assert look is not None
    with look, pytest.raises(StoreError, match="reading only"):
        look.add_result(result("a"))


def test_results_without_a_journal_are_not_a_fresh_start(folder: Path) -> None:
    Store(folder).put(b"picture", durable=False)
    for attempt in (lambda: open_journal(folder), lambda: Journal.read_only(folder)):
        with pytest.raises(StoreError, match="editchain store repair"):
            attempt()
    (folder / "journal.db").touch()
    with pytest.raises(StoreError, match="editchain store repair"):
        open_journal(folder)


def test_a_journal_that_was_only_just_begun_is_no_journal(folder: Path) -> None:
    folder.mkdir()
    connection = sqlite3.connect(folder / "journal.db")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    assert Journal.read_only(folder) is None
    Store(folder).put(b"picture", durable=False)
    with pytest.raises(StoreError, match="editchain store repair"):
        open_journal(folder)


def test_records_without_a_journal_are_not_a_fresh_start(folder: Path) -> None:
    with open_journal(folder) as journal:
        journal.add_result(result("a"))
    (folder / "journal.db").unlink()
    with pytest.raises(StoreError, match="editchain store repair"):
        open_journal(folder)


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs"])
def test_a_journal_on_a_network_is_refused(folder: Path, kind: str) -> None:
    with pytest.raises(StoreError, match=rf"network file system \({kind}\).*editchain\.toml"):
        opening.refuse_network(str(folder), lambda _: kind)


@pytest.mark.parametrize("kind", ["ext4", "overlay", "tmpfs", None])
def test_a_journal_on_a_disk_of_every_day_is_not(folder: Path, kind: str | None) -> None:
    opening.refuse_network(str(folder), lambda _: kind)


def test_a_newer_journal_is_left_alone(folder: Path) -> None:
    open_journal(folder).close()
    with sqlite3.connect(folder / "journal.db") as connection:
        connection.execute(f"PRAGMA user_version = {SHAPE + 1}")
    connection.close()
    before = (folder / "journal.db").read_bytes()
    with pytest.raises(StoreError, match=r"newer editchain.*editchain store repair"):
        open_journal(folder)
    with pytest.raises(StoreError, match="newer editchain"):
        Journal.read_only(folder)
    assert (folder / "journal.db").read_bytes() == before


@pytest.mark.parametrize("damage", ["all", "most", "some"])
def test_a_damaged_journal_names_the_way_out(folder: Path, damage: str) -> None:
    with open_journal(folder) as journal:
        for number in range(500):
            journal.add_result(result(number))
    path = folder / "journal.db"
    data = path.read_bytes()
    kept = {"all": 0, "most": 4096, "some": len(data) - 10 * 4096}[damage]
    path.write_bytes(data[:kept] + b"\xff" * (len(data) - kept))
    # As after a power cut: somebody was at work and is no more.
    (folder / "owners" / "1-dead").touch()
    with pytest.raises(StoreError, match="editchain store repair"):
        open_journal(folder)


def test_a_journal_is_a_file_that_says_what_it_is(folder: Path) -> None:
    open_journal(folder).close()
    data = (folder / "journal.db").read_bytes()
    assert data[68:72] == b"edch"


def test_commits_survive_power_cuts_by_these_settings(folder: Path, journal: Journal) -> None:
    connection = journal.writer._connection
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    journal.claim([key("a")])
    # A claim spares the flush, and only the claim.
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


# Trouble with the disk


def test_what_could_not_be_written_waits_for_the_next_commit(folder: Path) -> None:
    full = [False]

    def write(descriptor: int, data: bytes | memoryview) -> int:
        if full[0]:
            os.write(descriptor, data[:7])
            raise OSError(errno.ENOSPC, "full")
        return os.write(descriptor, data)

    with Journal.open(folder, now=lambda: NOW, disk=dataclasses.replace(DISK, write=write)) as journal:
        journal.add_result(result("a"))
        journal.commit()
        full[0] = True
        journal.claim([key("b")])
        journal.add_result(result("b"))
        journal.put_call(call("1", state="accepted"))
        with pytest.raises(StoreError, match="full: make room"):
            journal.commit()
        with pytest.raises(StoreError, match="full: make room"):
            journal.begin_call(call("2", request_key=key("c")), [key("c")])
        assert journal.pending == 2
        assert not journal.has_results([key("b")])
        journal.add_result(result("c"))
        full[0] = False
        journal.commit()
        assert set(journal.has_results([key("b"), key("c")])) == {key("b"), key("c")}
        assert journal.call("2") is None
        assert journal.claims([key("b")]) == {}
    lines = (folder / "records.jsonl").read_text().splitlines()
    assert [json.loads(line)[0] for line in lines[1:]] == ["result", "result", "result", "call"]


LIMITED = """
import resource
from editchain.journal import opening
from editchain.journal import records
from editchain.errors import StoreError
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
def add(number):
    key = number.to_bytes(32, "big")
    journal.add_result(Result(key, key, "image/png", 1, 1, 1, "model", "m", "1", None, None, None, 1,
        "x" * 400, None, None, 1.0))
done = 0
try:
    for number in range(10_000):
        add(number)
        journal.commit()
        done += 1
except StoreError as error:
    print(error)
print(done, journal.pending)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.commit()
print(len(journal.all_results()) - done)
journal.close()
"""


def test_a_full_disk_in_the_database_itself_loses_nothing(folder: Path) -> None:
    output = other(folder, LIMITED).communicate()[0].splitlines()
    assert "run" in output[0]
    done, pending = output[1].split()
    assert int(done) > 10
    assert pending == "1"
    assert output[2] == "1"


def test_a_failure_at_any_moment_is_made_up_for(tmp_path: Path) -> None:
    def work(journal: Journal) -> None:
        journal.begin_call(call("1"), [key("a")])
        journal.add_result(result("a", request_key=key("request")))
        journal.put_call(call("1", state="done"))
        journal.commit()

    calls: list[str] = []

    def counting(fail_at: int | None) -> Disk:
        del calls[:]

        def wrap(name: str) -> object:
            def act(*values: object) -> object:
                calls.append(name)
                if len(calls) - 1 == fail_at:
                    raise OSError(errno.EIO, os.strerror(errno.EIO))
                return getattr(DISK, name)(*values)

            return act

        return Disk(**{field.name: wrap(field.name) for field in dataclasses.fields(Disk)})  # type: ignore[arg-type]

    with Journal.open(tmp_path / "whole" / ".editchain", now=lambda: NOW, disk=counting(None)) as journal:
        work(journal)
    moments = list(calls)
    assert moments.count("flush") == 2
    for moment in range(len(moments)):
        folder = tmp_path / str(moment) / ".editchain"
        with Journal.open(folder, now=lambda: NOW, disk=counting(moment)) as journal:
            with pytest.raises(StoreError, match="reports an error"):
                work(journal)
            work(journal)
            assert journal.has_results([key("a")])
            assert journal.open_calls() == []
            assert [made.state for made in journal.calls()] == ["done"]
        report = repair(folder)
        assert (report.calls, report.unreadable_lines) == (1, 0)


def test_a_line_that_was_cut_does_not_spoil_the_next(folder: Path) -> None:
    with open_journal(folder) as journal:
        journal.add_result(result("a"))
        journal.commit()
        with (folder / "records.jsonl").open("a") as file:
            file.write('["result","00')
        journal.add_result(result("b"))
    lines = (folder / "records.jsonl").read_text().splitlines()
    assert lines[-2] == '["result","00'
    assert json.loads(lines[-1])[1] == key("b").hex()


def test_lines_of_results_are_those_of_everything_else() -> None:
    made = [result("a"), result("b", request_key=key("r"), seed=5, width=None, name='a "b"', made_at=0.1)]
    assert list(map(json.loads, records.result_lines(made).splitlines())) == [
        json.loads(records.line("result", row)) for row in made
    ]


def test_records_hold_any_text(journal: Journal, folder: Path) -> None:
    odd = result("a", name='the "best"\n\u2028model', seed=-3, width=None, request_key=key("r"), made_at=0.1)
    journal.add_result(odd)
    journal.commit()
    lines = (folder / "records.jsonl").read_text().splitlines()
    assert len(lines) == 2
    header, line = map(json.loads, lines)
    fields = dict(zip(header["result"], line[1:], strict=True))
    assert (
        fields
        == odd._replace(key=odd.key.hex(), digest=odd.digest.hex(), request_key=key("r").hex())._asdict()
    )  # type: ignore[arg-type]


def test_what_was_committed_is_there_however_the_log_is_cut_after(folder: Path, tmp_path: Path) -> None:
    """A power cut may take any part of what was not flushed: all that follows the last durable commit."""
    sizes: list[int] = []
    log = folder / "journal.db-wal"
    with open_journal(folder) as journal:
        for number in range(12):
            journal.add_result(result(number))
            journal.commit()
            sizes.append(log.stat().st_size)
        snapshot = tmp_path / "snapshot"
        shutil.copytree(folder, snapshot)
    for (number, whole), cut in itertools.product(list(enumerate(sizes))[3::4], (0, 1, 2000, 4119)):
        place = tmp_path / f"{number}-{cut}"
        shutil.copytree(snapshot, place)
        with (place / "journal.db-wal").open("r+b") as file:
            file.truncate(min(whole + cut, sizes[-1]))
        with open_journal(place) as journal:
            found = journal.has_results([key(name) for name in range(12)])
            assert set(found) >= {key(name) for name in range(number + 1)}
            journal.add_result(result("more"))


# Golden journals: every shape that was ever released is opened, read and brought up to date

JOURNALS = Path(__file__).parent / "journals"


@pytest.mark.parametrize("dump", sorted(JOURNALS.glob("shape-*.sql")), ids=lambda path: path.stem)
def test_an_older_journal_opens_and_says_what_it_held(dump: Path, folder: Path) -> None:
    folder.mkdir()
    connection = sqlite3.connect(folder / "journal.db")
    connection.executescript(dump.read_text())
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    with open_journal(folder) as journal:
        assert journal.results([key("a")]) == {
            key("a"): result("a", kind="model", request_key=key("request"), call="call-1", seed=7)
        }
        assert [(made.id, made.state) for made in journal.open_calls()] == [("call-2", "accepted")]
        assert journal.call_tasks(["call-1"]) == {"call-1": [CallTask("call-1", 0, key("a"))]}
        assert journal.refusals([key("no")])[key("no")].reason == "moderated"
        assert journal.runs(5) == [RUN._replace(ended_at=NOW + 1, outcome="done", exit_code=0)]
        assert journal.run_keys("run-1") == [key("a")]
        assert journal.files([FILE.path]) == {FILE.path: FILE}
        assert journal.published([SHOWN.path]) == {SHOWN.path: SHOWN}
        assert journal.handle("bfl", key("a")) == Handle("bfl", key("a"), "h", None)
        assert journal.identities([key("a")]) == {key("a"): "{}"}
        # Its owner died.
        assert journal.claims([key("claimed")]) == {}
        journal.add_result(result("b"))
    with sqlite3.connect(folder / "journal.db") as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SHAPE,)
    connection.close()


def test_todays_shape_is_among_the_golden_ones(folder: Path) -> None:
    """A released shape never changes; a new one is a new step and a new file."""
    open_journal(folder).close()
    golden = sqlite3.connect(":memory:")
    golden.executescript((JOURNALS / f"shape-{SHAPE}.sql").read_text())
    real = sqlite3.connect(folder / "journal.db")
    sql = "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
    assert real.execute(sql).fetchall() == golden.execute(sql).fetchall()
    golden.close()
    real.close()


def test_an_owner_without_a_name_is_called_by_its_id() -> None:
    assert str(Owner("1-2", "", "", 0, 0.0, "owners/1-2")) == "process 1-2"
    assert str(Owner("1-2", "desk", "", 12, 0.0, "owners/1-2")) == "process 12 on desk"


def test_calls_are_known_to_take_as_long_as_the_last_ones_did(journal: Journal) -> None:
    for run in range(30):
        journal.put_run(RunRecord(f"r{run:02}", "p.yaml", "run", None, float(run)))
    for number, (run, seconds) in enumerate(
        [("r29", 3.0), ("r28", 5.0), ("r20", 90.0), ("r05", 900.0), ("r29", 0.0)]
    ):
        call = Call(str(number), key(number), "bfl", "bfl/flux", "flux", run=run, sent_at=100.0)
        journal.put_call(call._replace(state="done", charged="yes", ended_at=100.0 + seconds))
    other = Call("x", key("x"), "bfl", "bfl/flux", "flux", run="r29", sent_at=100.0, ended_at=700.0)
    journal.put_call(other._replace(state="failed"))
    journal.put_call(other._replace(id="y", model="kontext", state="done", charged="yes"))
    journal.commit()
    assert journal.call_seconds() == {("bfl", "flux"): 5.0, ("bfl", "kontext"): 600.0}

"""The store can be counted, checked, and freed of what nothing reaches."""

from __future__ import annotations

import os
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from editchain.journal.journal import Call, Journal, Published, Result, RunRecord
from editchain.journal.maintenance import collect, store_report, verify
from editchain.journal.repairing import repair
from editchain.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = 1_700_000_000.0
LONG_AGO = NOW - 1_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / ".editchain"


@pytest.fixture
def journal(folder: Path) -> Iterator[Journal]:
    with Journal.open(folder, now=lambda: NOW) as made:
        yield made


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    with Store(folder) as made:
        yield made


def key(name: str) -> bytes:
    return sha256(name.encode()).digest()


def add(store: Store, journal: Journal, name: str, at: float = LONG_AGO, run: str | None = None) -> Result:
    data = f"bytes of {name}".encode()
    digest = store.put(data, durable=False)
    os.utime(store.path(digest), (at, at))
    result = Result(
        key(name), digest, "image/png", len(data), 8, 6, "model", "name", "1",
        key(f"request {name}"), None, None, 1, "{}", None, run, at,
    )  # fmt: skip
    journal.add_result(result, identity="{}")
    journal.commit()
    return result


def run(journal: Journal, number: int, keys: list[bytes] | None, pipeline: str = "night.yaml") -> None:
    journal.put_run(RunRecord(f"{pipeline}-{number}", pipeline, "run", None, LONG_AGO + number))
    if keys is not None:
        journal.put_run_keys(f"{pipeline}-{number}", keys)
    journal.commit()


def left(journal: Journal, *names: str) -> list[str]:
    found = journal.has_results([key(name) for name in names])
    return [name for name in names if key(name) in found]


def test_a_report_counts(store: Store, journal: Journal) -> None:
    result = add(store, journal, "a")
    run(journal, 1, [])
    journal.begin_call(Call("1", key("r"), "bfl", "bfl", "flux"), [key("b")])
    report = store_report(store, journal)
    assert (report.objects, report.object_bytes, report.results) == (1, result.size, 1)
    assert (report.calls, report.open_calls, report.runs, report.published, report.files) == (1, 1, 1, 0, 0)
    assert report.quarantined == 0
    assert [owner.id for owner in report.owners] == [journal.owner]
    assert min(report.journal_bytes, report.records_bytes, report.free_bytes) > 0


def test_a_check_finds_what_is_damaged_and_missing(store: Store, journal: Journal) -> None:
    whole, damaged, missing = (add(store, journal, name) for name in ("whole", "damaged", "missing"))
    os.chmod(store.path(damaged.digest), 0o644)
    with open(store.path(damaged.digest), "r+b") as file:
        file.write(b"BYTES")
    store.remove(missing.digest)
    counted: list[int] = []
    found = verify(store, journal, checked=counted.append)
    assert found.objects == 2
    assert found.damaged == (damaged.digest,)
    assert set(found.missing) == {damaged, missing}
    assert counted == [1, 2]
    assert store.read(whole.digest)
    assert store_report(store, journal).quarantined == 1


def test_what_nothing_reaches_goes(store: Store, journal: Journal) -> None:
    for name in ("used", "unused"):
        add(store, journal, name)
    orphan = store.put(b"nobody knows me", durable=False)
    os.utime(store.path(orphan), (LONG_AGO, LONG_AGO))
    run(journal, 1, [key("used")])
    would = collect(store, journal, runs=5, now=NOW, rehearse=True)
    assert left(journal, "used", "unused") == ["used", "unused"]
    did = collect(store, journal, runs=5, now=NOW)
    assert would == did
    assert (did.results, did.objects, did.kept_objects, did.kept_all) == (1, 2, 1, False)
    assert left(journal, "used", "unused") == ["used"]
    assert not store.has(orphan)
    assert journal.identities([key("used"), key("unused")]) == {key("used"): "{}"}
    assert collect(store, journal, runs=5, now=NOW).objects == 0


def test_the_last_runs_of_each_pipeline_keep_what_they_used(store: Store, journal: Journal) -> None:
    for name in ("day", "night-1", "night-2", "night-3"):
        add(store, journal, name)
    run(journal, 0, [key("day")], "day.yaml")
    for number in (1, 2, 3):
        run(journal, number, [key(f"night-{number}")])
    collect(store, journal, runs=2, now=NOW)
    assert left(journal, "day", "night-1", "night-2", "night-3") == ["day", "night-2", "night-3"]
    assert journal.run_keys("night.yaml-1") is None
    assert journal.run_keys("night.yaml-3") == [key("night-3")]
    # The runs themselves are history.
    assert len(journal.runs(10)) == 4


def test_a_run_keeps_what_it_made(store: Store, journal: Journal) -> None:
    add(store, journal, "made", run="night.yaml-1")
    run(journal, 1, [])
    collect(store, journal, runs=1, now=NOW)
    assert left(journal, "made") == ["made"]


def test_a_run_that_does_not_say_what_it_used_keeps_everything(store: Store, journal: Journal) -> None:
    add(store, journal, "a")
    run(journal, 1, None)
    assert collect(store, journal, runs=1, now=NOW).kept_all
    assert left(journal, "a") == ["a"]


def test_what_is_published_claimed_awaited_or_young_stays(store: Store, journal: Journal) -> None:
    shown = add(store, journal, "shown")
    for name in ("claimed", "awaited", "bought"):
        add(store, journal, name)
    add(store, journal, "young", at=NOW - 3600)
    add(store, journal, "gone")
    journal.put_published(
        Published("a.png", 1, 1, 1, 1, shown.digest, shown.digest, "png", "p", "o", "t", None)
    )
    journal.claim([key("claimed")])
    journal.begin_call(Call("1", key("request bought"), "bfl", "bfl", "flux"), [key("awaited")], fresh=True)
    collect(store, journal, runs=1, now=NOW)
    names = ("shown", "claimed", "awaited", "bought", "young", "gone")
    assert left(journal, *names) == list(names[:-1])
    assert all(store.has(result.digest) for result in journal.all_results())


def test_what_is_young_on_disk_stays_though_no_row_names_it_yet(store: Store, journal: Journal) -> None:
    digest = store.put(b"picture", durable=False)
    os.utime(store.path(digest), (NOW - 60, NOW - 60))
    assert collect(store, journal, runs=1, now=NOW).objects == 0
    assert collect(store, journal, runs=1, now=NOW, grace_seconds=30).objects == 1


def test_what_was_collected_is_not_lost_to_a_repair(folder: Path, store: Store, journal: Journal) -> None:
    add(store, journal, "used")
    add(store, journal, "unused")
    journal.put_call(Call("1", key("r"), "bfl", "bfl", "flux", state="done", charged="yes"))
    run(journal, 1, [key("used")])
    collect(store, journal, runs=1, now=NOW)
    journal.close()
    report = repair(folder)
    assert (report.results, report.calls, report.lost, report.unnamed_objects) == (1, 1, (), 0)

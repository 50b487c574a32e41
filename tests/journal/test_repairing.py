"""A journal that is lost or damaged is made again from the records and the objects."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from editchain.errors import StoreError
from editchain.journal.journal import Call, CallTask, Journal, Refusal, Result
from editchain.journal.repairing import repair
from editchain.store import Store

NOW = 1_700_000_000.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / ".editchain"


def open_journal(folder: Path) -> Journal:
    return Journal.open(folder, now=lambda: NOW)


def key(name: str) -> bytes:
    return sha256(name.encode()).digest()


def made(store: Store, name: str, call: str | None = None) -> Result:
    data = f"bytes of {name}".encode()
    digest = store.put(data, durable=call is not None)
    request = key(f"request {name}") if call else None
    return Result(
        key(name), digest, "image/png", len(data), 8, 6, "model" if call else "operation", "name", "1",
        request, None, 7, 1, "{}", call, "run-1", NOW,
    )  # fmt: skip


@pytest.fixture
def results(folder: Path) -> dict[str, Result]:
    """A store with a free and a bought result, a call that is open, and a refusal."""
    with open_journal(folder) as journal, Store(folder) as store:
        results = {"free": made(store, "free"), "bought": made(store, "bought", "call-1")}
        for result in results.values():
            journal.add_result(result)
        journal.commit()
        journal.begin_call(Call("call-2", key("open"), "bfl", "bfl", "flux"), [key("wanted")])
        journal.put_call(Call("call-2", key("open"), "bfl", "bfl", "flux", state="accepted", vendor_id="v-1"))
        for name in ("moderated", "asked again"):
            journal.add_refusal(Refusal(key(name), None, "moderated", "no", "yes", None, NOW))
        journal.commit()
        journal.forget_refusal(key("asked again"))
    return results


def assert_whole(folder: Path, results: dict[str, Result]) -> None:
    with open_journal(folder) as journal:
        assert journal.results([result.key for result in results.values()]) == {
            result.key: result for result in results.values()
        }
        assert [(call.id, call.state, call.vendor_id) for call in journal.open_calls()] == [
            ("call-2", "accepted", "v-1")
        ]
        assert journal.call_tasks(["call-2"]) == {"call-2": [CallTask("call-2", 0, key("wanted"))]}
        assert set(journal.refusals([key("moderated"), key("asked again")])) == {key("moderated")}


def test_a_lost_journal_is_rebuilt(folder: Path, results: dict[str, Result]) -> None:
    (folder / "journal.db").unlink()
    report = repair(folder)
    assert (report.results, report.calls, report.refusals) == (2, 1, 1)
    assert (report.lost, report.unreadable_lines, report.unnamed_objects, report.set_aside) == (
        (),
        0,
        0,
        None,
    )
    assert_whole(folder, results)


def test_a_line_without_end_is_one_that_cannot_be_read(folder: Path, results: dict[str, Result]) -> None:
    (folder / "journal.db").unlink()
    with open(folder / "records.jsonl", "a", encoding="utf-8") as file:
        file.write("[" * 100_000 + "\n")
    assert repair(folder).unreadable_lines == 1
    assert_whole(folder, results)


def test_a_damaged_journal_is_set_aside_and_rebuilt(folder: Path, results: dict[str, Result]) -> None:
    (folder / "journal.db").write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError, match="repair"):
        open_journal(folder)
    report = repair(folder)
    assert report.set_aside is not None
    assert (Path(report.set_aside) / "journal.db").read_bytes().startswith(b"no database")
    assert_whole(folder, results)


def test_repairing_twice_changes_nothing(folder: Path, results: dict[str, Result]) -> None:
    first, second = repair(folder), repair(folder)
    assert first.set_aside != second.set_aside
    assert first.results == second.results
    assert_whole(folder, results)


def test_a_repair_that_was_cut_short_is_done_again(folder: Path, results: dict[str, Result]) -> None:
    (folder / "journal.db").rename(folder / "elsewhere")
    (folder / "repair").mkdir()
    (folder / "repair" / "journal.db").write_bytes(b"half")
    repair(folder)
    assert not (folder / "repair").exists()
    assert_whole(folder, results)


def test_a_bought_result_whose_object_is_gone_stays_known(folder: Path, results: dict[str, Result]) -> None:
    with Store(folder) as store:
        for result in results.values():
            store.remove(result.digest)
        store.put(b"nobody knows me", durable=False)
    report = repair(folder)
    assert set(report.lost) == set(results.values())
    assert report.unnamed_objects == 1
    with open_journal(folder) as journal:
        # The free one is made again without asking; the other must not be bought again without asking.
        assert set(journal.results([key("free"), key("bought")])) == {key("bought")}


def test_lines_that_cannot_be_read_are_counted(folder: Path, results: dict[str, Result]) -> None:
    with (folder / "records.jsonl").open("a") as file:
        file.write('["result","00"]\n["result"\n\x00\x00\n["nonsense",1]\n7\n["call","cut')
    report = repair(folder)
    assert report.unreadable_lines == 6
    assert_whole(folder, results)


def test_objects_without_records_are_counted(folder: Path) -> None:
    with Store(folder) as store:
        store.put(b"picture", durable=False)
    report = repair(folder)
    assert (report.results, report.unnamed_objects) == (0, 1)
    open_journal(folder).close()


def test_a_store_in_use_is_not_repaired(folder: Path, results: dict[str, Result]) -> None:
    with open_journal(folder), pytest.raises(StoreError, match="in use"):
        repair(folder)
    assert_whole(folder, results)


def test_records_of_the_future_are_left_alone(folder: Path, results: dict[str, Result]) -> None:
    path = folder / "records.jsonl"
    path.write_text(path.read_text().replace('"records": 1', '"records": 2'))
    with pytest.raises(StoreError, match="newer editchain"):
        repair(folder)
    assert_whole(folder, results)

"""Locks through real merges of git, and what `editchain lock merge` makes of the rest."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from tests.commands.shop import RECIPE
from tests.workbench import unmarked

from editchain.lock import Lock, text_of
from editchain.lockfiles import read

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.commands.conftest import Said
    from tests.commands.shop import Shop

    Call = Callable[..., Said]


@pytest.fixture
def bought(shop: Shop, call: Call) -> Shop:
    """The workspace after a run, committed with its lock."""
    assert call("run", "p.yaml").code == 0
    shop.commit("with lock")
    return shop


def branch(shop: Shop, call: Call, name: str, text: str) -> None:
    """A branch off main on which the recipe says something else, run and committed."""
    shop.git("switch", "-qc", name, "main")
    shop.write(text)
    assert call("run", "p.yaml").code == 0
    shop.commit(name)


def merged(shop: Shop, *names: str) -> None:
    """Main with branches merged into it; raises where git cannot do it by itself."""
    shop.git("switch", "-q", "main")
    for name in names:
        shop.git("merge", "-q", "--no-edit", name)


def test_branches_that_touch_different_tasks_merge_by_themselves(bought: Shop, call: Call) -> None:
    branch(bought, call, "smaller", RECIPE.replace("width: 8", "width: 9"))
    branch(bought, call, "lamps", RECIPE.replace("Add a lamp", "Add two lamps"))
    merged(bought, "smaller", "lamps")
    assert bought.calls == 4
    assert call("plan", "p.yaml").code == 0
    # The old lines came along on the other side each time; the next run drops what the recipe does not ask for.
    assert call("run", "p.yaml").code == 0
    assert len(bought.lock.lines) == 5
    assert bought.place.read_text() == text_of(bought.lock)
    assert call("run", "p.yaml", "--locked", "--offline").code == 0
    assert bought.calls == 4


def test_branches_that_add_tasks_at_the_same_place_merge_by_themselves(bought: Shop, call: Call) -> None:
    one = RECIPE.replace("[dusk, dawn]", "[dusk, dawn, noon]")
    other = RECIPE.replace("[dusk, dawn]", "[dusk, dawn, nine]")
    branch(bought, call, "noon", one)
    branch(bought, call, "nine", other)
    bought.git("switch", "-q", "main")
    bought.git("merge", "-q", "--no-edit", "noon")
    # The recipe is text that people merge; the lock is not.
    bought.git("merge", "-q", "--no-edit", "-X", "theirs", "nine")
    assert {line.task for line in bought.lock.lines} >= {"night[time=noon]", "night[time=nine]"}
    bought.write(RECIPE.replace("[dusk, dawn]", "[dusk, dawn, noon, nine]"))
    assert call("plan", "p.yaml").code == 0
    assert call("run", "p.yaml", "--locked", "--offline", "-o", "both").code == 0
    assert bought.calls == 5


def test_of_two_pictures_for_one_task_under_two_keys_the_recipe_decides(bought: Shop, call: Call) -> None:
    branch(bought, call, "two", RECIPE.replace("Add a lamp", "Add two lamps"))
    branch(bought, call, "three", RECIPE.replace("Add a lamp", "Add three lamps"))
    bought.git("switch", "-q", "main")
    bought.git("merge", "-q", "--no-edit", "two")
    bought.git("merge", "-q", "--no-edit", "-X", "ours", "three")
    assert [line.task for line in bought.lock.lines].count("again") == 2
    assert call("lock", "merge").code == 0
    assert call("run", "p.yaml").code == 0
    again = [line for line in bought.lock.lines if line.task == "again"]
    assert len(again) == 1
    assert unmarked(bought.published()["again.png"]) == stored(bought, again[0].digest)
    assert bought.calls == 5


class Terminal(io.StringIO):
    """What a person types."""

    def isatty(self) -> bool:
        return True


def stored(shop: Shop, digest: bytes) -> bytes:
    name = digest.hex()
    return (shop.folder / ".editchain/objects" / name[:2] / name[2:]).read_bytes()


@pytest.fixture
def torn(bought: Shop, call: Call) -> Shop:
    """Main after a merge of two branches that each made the same task anew: two pictures for one key."""
    for name in ("left", "right"):
        bought.git("switch", "-qc", name, "main")
        bought.forget_uploads()
        assert call("run", "p.yaml", "--fresh", "again").code == 0
        bought.commit(name)
    merged(bought, "left", "right")
    return bought


def test_two_pictures_for_one_key_stop_everything_until_a_person_chooses(torn: Shop, call: Call) -> None:
    before = torn.place.read_bytes()
    calls = torn.calls
    for arguments in (
        ("plan", "p.yaml"),
        ("run", "p.yaml"),
        ("run", "p.yaml", "--locked"),
        ("why", "p.yaml", "again"),
    ):
        said = call(*arguments)
        assert (said.code, "has 2 pictures for again: `editchain lock merge`" in said.err) == (4, True)
    assert (torn.place.read_bytes(), torn.calls) == (before, calls)
    said = call("lock", "merge")
    assert said.code == 4
    assert "again has 2 pictures:" in said.out
    assert "1 to settle" in said.out
    assert "here  flux-kontext" in said.out


@pytest.mark.parametrize("at", [0, 1])
def test_what_a_person_takes_counts(torn: Shop, call: Call, at: int) -> None:
    document = call("lock", "merge", "--json").document("lock-merge")
    (conflict,) = document["files"][0]["conflicts"]
    wanted = conflict["choices"][at]["digest"]
    said = call("lock", "merge", "p.yaml", "--take", wanted[:9])
    assert (said.code, "5 tasks · 1 settled · written" in said.out) == (0, True)
    assert torn.place.read_text() == text_of(torn.lock)
    calls = torn.calls
    assert call("run", "p.yaml").code == 0
    assert unmarked(torn.published()["again.png"]) == stored(torn, bytes.fromhex(wanted))
    assert torn.calls == calls
    assert call("run", "p.yaml", "--locked", "--offline").code == 0


def test_what_is_here_can_be_taken_where_only_one_is(torn: Shop, call: Call) -> None:
    assert call("lock", "merge", "--take", "here").code == 4  # both are
    (conflict,) = read(torn.place, merging=True).conflicts
    gone = conflict.choices[0].digest.hex()
    (torn.folder / ".editchain/objects" / gone[:2] / gone[2:]).unlink()
    assert call("lock", "merge", "--take", "here").code == 0
    assert [line.digest for line in torn.lock.lines if line.task == "again"] == [conflict.choices[1].digest]


@pytest.mark.parametrize(("typed", "code"), [("2\n", 0), ("skip\n", 4), ("9\n1\n", 0)])
def test_a_person_at_a_terminal_is_asked(
    torn: Shop, call: Call, monkeypatch: pytest.MonkeyPatch, typed: str, code: int
) -> None:
    (conflict,) = read(torn.place, merging=True).conflicts
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    said = call("lock", "merge")
    assert said.code == code
    assert "again has 2 pictures:" in said.err
    digest = conflict.choices[1].digest.hex()
    assert f"  2 lies in .editchain/objects/{digest[:2]}/{digest[2:]}" in said.err
    if code == 0:
        chosen = conflict.choices[int(typed.split()[-1]) - 1]
        assert [line.digest for line in torn.lock.lines if line.task == "again"] == [chosen.digest]


@pytest.mark.parametrize("taken", ["5e01", "zzzzzzz", "", "../../x"])
def test_what_could_be_any_digest_is_not_taken(torn: Shop, call: Call, taken: str) -> None:
    said = call("lock", "merge", "--take", taken)
    assert (said.code, "at least 6 digits" in said.err) == (2, True)


def test_a_merge_without_attributes_is_finished_here(bought: Shop, call: Call) -> None:
    (bought.folder / ".gitattributes").unlink()
    bought.commit("no attributes")
    branch(bought, call, "two", RECIPE.replace("Add a lamp", "Add two lamps"))
    bought.git("switch", "-qc", "three", "main")
    bought.write(RECIPE.replace("Add a lamp", "Add three lamps"))
    assert call("run", "p.yaml").code == 0
    bought.commit("three")
    bought.git("switch", "-q", "two")
    bought.git("merge", "-q", "--no-edit", "three", check=False)
    assert "<<<<<<<" in bought.place.read_text()
    bought.git("checkout", "--ours", "p.yaml")
    said = call("run", "p.yaml")
    assert (said.code, "editchain lock merge" in said.err) == (4, True)
    assert call("lock", "merge").code == 0
    assert bought.place.read_text() == text_of(bought.lock)
    assert call("run", "p.yaml", "--locked", "--offline").code == 0
    assert bought.calls == 5


def test_a_lock_that_is_in_order_is_not_touched(bought: Shop, call: Call) -> None:
    inode = bought.place.stat().st_ino
    said = call("lock", "merge")
    assert (said.code, said.out) == (0, "p.lock.jsonl: 5 tasks · unchanged\n")
    assert bought.place.stat().st_ino == inode
    assert "There is no lock" in call("lock", "merge", "q.yaml").err


def test_every_lock_of_a_workspace_is_looked_at(bought: Shop, call: Call) -> None:
    lines = bought.lock.lines
    (bought.folder / "deep").mkdir()
    (bought.folder / "deep/q.lock.jsonl").write_text(text_of(Lock(lines)))
    (bought.folder / ".hidden").mkdir()
    (bought.folder / ".hidden/r.lock.jsonl").write_text("rubbish")
    said = call("lock", "merge")
    assert (said.code, said.out.count("5 tasks")) == (0, 2)

"""Results are shared: pushed, pulled by a colleague's clone, and kept by `store gc` while any branch names them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.commands.shop import RECIPE, Shop
from tests.commands.test_lock_merge import Terminal
from tests.test_remote import bucket

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.commands.conftest import Said

    Call = Callable[..., Said]

__all__ = ["bucket"]


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.slow)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where results are shared."""
    if request.param == "folder":
        return str(tmp_path / "shared")
    return f"{request.getfixturevalue('bucket')}/{tmp_path.name}"


@pytest.fixture
def shared(shop: Shop, call: Call, place: str) -> Shop:
    """The workspace after a run and a push, committed."""
    shop.configure(f'[store]\nremote = "{place}"\n')
    assert call("run", "p.yaml").code == 0
    said = call("store", "push", "--json").document("store-push")
    assert (said["moved"], said["there"], said["missing"]) == (5, 0, [])
    shop.commit("with lock")
    return shop


def objects(shop: Shop) -> list[Path]:
    return [path for path in (shop.folder / ".editchain/objects").rglob("*") if path.is_file()]


def test_a_colleagues_clone_pulls_and_runs_locked_with_no_call(
    shared: Shop, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone = shared.clone("colleague")
    monkeypatch.chdir(clone.folder)
    for name in ("SCENARIO_API_KEY", "SCENARIO_API_SECRET"):
        monkeypatch.delenv(name)
    said = call("store", "pull")
    assert said.code == 0, said.err
    assert said.out.startswith("5 objects pulled · ")
    assert call("plan", "p.yaml").code == 0
    assert call("run", "p.yaml", "--locked", "--offline").code == 0
    assert clone.published() == shared.published()
    assert len(clone.published()) == 3
    assert shared.calls == 3
    assert clone.git("status", "--short") == ""
    # and knows of each picture what it is: why, and what remakes it
    clone.write(RECIPE.replace("Add a lamp", "Add two lamps"))
    assert "Add [-a lamp-]{+two lamps+}" in call("why", "p.yaml", "again").out
    assert call("store", "verify", "--remake", "--json").document("store-verify")["remade"]["same"] == 2


def test_a_run_pulls_only_what_somebody_needs(
    shared: Shop, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone = shared.clone("colleague")
    monkeypatch.chdir(clone.folder)
    said = call("run", "p.yaml")
    assert said.code == 0, said.err
    # small and again are published; night is needed by nothing that is left to do
    assert len(objects(clone)) == 3
    assert clone.published() == shared.published()
    assert shared.calls == 3
    clone.write(RECIPE.replace("width: 8", "width: 9"))
    assert call("run", "p.yaml").code == 0
    assert len(objects(clone)) == 7  # two of night, and two made from them
    assert shared.calls == 3


def test_what_the_remote_has_not_is_made_again_or_refused(
    shared: Shop, call: Call, tmp_path: Path, place: str
) -> None:
    if place.startswith("s3:"):
        pytest.skip("a file is removed by hand")
    lines = {line.task: line.digest.hex() for line in shared.lock.lines}

    def forget(task: str) -> None:
        os.unlink(tmp_path / "shared/objects" / lines[task][:2] / lines[task][2:])

    forget("small[time=dusk]")
    shutil.rmtree(shared.folder / ".editchain")
    said = call("store", "pull")
    assert (said.code, "not in the remote" in said.err) == (1, True)
    assert "small[time=dusk]" in said.err
    shutil.rmtree(shared.folder / ".editchain")
    assert call("run", "p.yaml", "--locked").code == 0
    assert shared.calls == 3
    forget("again")
    shutil.rmtree(shared.folder / ".editchain")
    said = call("run", "p.yaml")
    assert (said.code, shared.calls) == (3, 3)
    assert "does not have it either" in said.err
    assert call("run", "p.yaml", "--rebuy").code == 0
    assert shared.calls == 4


def test_a_wrong_copy_in_the_remote_is_named_and_not_taken(
    shared: Shop, call: Call, tmp_path: Path, place: str
) -> None:
    if place.startswith("s3:"):
        pytest.skip("a file is changed by hand")
    victim = next(line for line in shared.lock.lines if line.task == "again").digest.hex()
    (tmp_path / "shared/objects" / victim[:2] / victim[2:]).write_bytes(b"other")
    shutil.rmtree(shared.folder / ".editchain")
    said = call("store", "pull")
    assert (said.code, f"damaged in the remote: {victim[:16]}, again" in said.err) == (5, True)
    assert call("run", "p.yaml").code == 3


def test_who_has_the_picture_replaces_a_damaged_copy(
    shared: Shop, call: Call, tmp_path: Path, place: str
) -> None:
    if place.startswith("s3:"):
        pytest.skip("a file is changed by hand")
    digest = next(line for line in shared.lock.lines if line.task == "again").digest.hex()
    victim = tmp_path / "shared/objects" / digest[:2] / digest[2:]
    sound = victim.read_bytes()
    victim.unlink()
    victim.write_bytes(bytes([sound[0] ^ 1]) + sound[1:])  # as long as it was
    assert call("store", "push", "--json").document("store-push")["moved"] == 0
    shutil.move(shared.folder / ".editchain", tmp_path / "aside")
    assert "store push --check" in call("store", "pull").err
    shutil.rmtree(shared.folder / ".editchain")
    shutil.move(tmp_path / "aside", shared.folder / ".editchain")
    said = call("store", "push", "--check", "--json").document("store-push")
    assert (said["moved"], said["there"]) == (1, 4)
    assert victim.read_bytes() == sound


def test_a_process_that_is_killed_while_it_pulls_goes_on(shared: Shop, place: str) -> None:
    """Objects come whole or not at all, so that the same command brings the rest."""
    if place.startswith("s3:"):
        pytest.skip("the folder shows it")
    clone = shared.clone("colleague")
    dying = "import os\nfrom editchain.store import Store\nput = Store.put\n" \
        "def second(self, data, *, durable, left=[2]):\n    left[0] -= 1\n    if not left[0]:\n        os._exit(9)\n" \
        "    return put(self, data, durable=durable)\n" \
        "Store.put = second\nimport sys\nsys.argv = ['editchain', 'store', 'pull']\nfrom editchain.cli import main\nmain()"  # fmt: skip
    died = subprocess.run([sys.executable, "-c", dying], cwd=clone.folder, check=False)
    assert died.returncode == 9
    assert len(objects(clone)) < 5
    subprocess.run([sys.executable, "-m", "editchain", "store", "pull"], cwd=clone.folder, check=True)
    assert len(objects(clone)) == 5


def test_without_a_remote_or_a_lock_it_says_what_to_do(shop: Shop, call: Call) -> None:
    said = call("store", "pull")
    assert (said.code, "No remote store is named" in said.err) == (2, True)
    said = call("store", "pull", "--remote", "../there")
    assert (said.code, "There is no lock in" in said.err) == (2, True)
    assert "There is no lock p.lock.jsonl" in call("store", "push", "p.yaml", "--remote", "../there").err
    shop.configure("[store]\nremote = 7\n")
    assert "[store] remote is a folder or a URL" in call("store", "pull").err


def test_all_takes_what_no_lock_names_too(shared: Shop, call: Call) -> None:
    shared.write("steps: {s: {operation: flip, image: a.png}}\n")
    assert call("run", "p.yaml").code == 0
    shared.git("checkout", "p.lock.jsonl")
    assert call("store", "push", "--json").document("store-push")["moved"] == 0
    assert call("store", "push", "--all", "--json").document("store-push")["moved"] == 1


# ---------------------------------------------------------------------- gc


def aged(shop: Shop) -> None:
    """Everything that is stored, and noted, is of long ago."""
    import sqlite3

    for path in objects(shop):
        os.utime(path, (1, 1))
    connection = sqlite3.connect(shop.folder / ".editchain/journal.db")
    with connection:
        connection.execute("UPDATE results SET made_at = 1")
    connection.close()


@pytest.fixture
def branched(shop: Shop, call: Call) -> Shop:
    """Main with one recipe, `old` with another; the last run is of a third that is committed nowhere."""
    assert call("run", "p.yaml").code == 0
    shop.commit("main")
    shop.git("switch", "-qc", "old")
    shop.write(RECIPE.replace("Add a lamp", "Add two lamps"))
    assert call("run", "p.yaml").code == 0
    shop.commit("old")
    shop.git("switch", "-q", "main")
    shop.write(RECIPE.replace("Add a lamp", "Add three lamps"))
    assert call("run", "p.yaml").code == 0
    shop.write("steps: {s: {operation: flip, image: a.png}}\n")
    assert call("run", "p.yaml", "--prune").code == 0
    shop.git("checkout", "p.lock.jsonl")
    aged(shop)
    return shop


def test_what_any_branch_names_is_kept(branched: Shop, call: Call) -> None:
    before = len(objects(branched))
    found = call("store", "gc", "--keep-runs", "1", "--dry-run", "--json").document("store-gc")
    assert (found["results"], found["paid"], found["objects"]) == (1, 1, 1)  # three lamps
    assert len(objects(branched)) == before
    assert call("store", "gc", "--keep-runs", "1", "--yes", "--paid").code == 0
    assert len(objects(branched)) == before - 1
    branched.git("checkout", "-q", "-f", "old")
    assert call("run", "p.yaml", "--locked", "--offline", "-o", "b").code == 0
    branched.git("checkout", "-q", "-f", "main")
    assert call("run", "p.yaml", "--locked", "--offline", "-o", "a").code == 0


def test_what_was_paid_for_stays_unless_a_person_says_so(branched: Shop, call: Call) -> None:
    before = len(objects(branched))
    assert "all" in call("store", "gc", "--keep-runs", "1", "--yes").out
    assert len(objects(branched)) == before
    branched.git("branch", "-D", "-q", "old")
    found = call("store", "gc", "--keep-runs", "1", "--dry-run")
    assert "2 results (2 of them paid for)" in found.out
    assert call("store", "gc", "--keep-runs", "1", "--yes", "--paid").code == 0
    assert len(objects(branched)) == before - 2


@pytest.mark.parametrize(("typed", "goes"), [("y\ny\n", 1), ("n\n", 0), ("y\nn\n", 0)])
def test_a_person_at_a_terminal_is_asked_for_what_was_paid_for(
    branched: Shop, call: Call, monkeypatch: pytest.MonkeyPatch, typed: str, goes: int
) -> None:
    before = len(objects(branched))
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    said = call("store", "gc", "--keep-runs", "1")
    assert "1 picture among them was paid for. Remove those too?" in said.err
    assert len(objects(branched)) == before - goes


@pytest.mark.parametrize("how", ["tag", "stash", "worktree", "detached"])
def test_whatever_git_can_bring_back_counts(branched: Shop, call: Call, how: str) -> None:
    lamps = "old"
    if how == "tag":
        branched.git("tag", "-a", "v1", "-m", "x", lamps)
    elif how == "stash":
        branched.git("checkout", "-qf", lamps)
        branched.git("branch", "-qf", "side", "main")
        branched.git("checkout", "-q", "side")
        branched.git("checkout", lamps, "--", "p.lock.jsonl", "p.yaml")
        branched.git("stash", "-q")
        branched.git("checkout", "-q", "main")
    elif how == "worktree":
        branched.git("worktree", "add", "-q", "--detach", "../tree", lamps)
    else:
        branched.git("checkout", "-qf", "--detach", lamps)
    branched.git("branch", "-D", "-q", lamps)
    found = call("store", "gc", "--keep-runs", "1", "--dry-run", "--json").document("store-gc")
    assert found["results"] == 1  # three lamps only


def test_a_lock_that_cannot_be_read_lets_nothing_go(branched: Shop, call: Call) -> None:
    before = len(objects(branched))
    branched.git("checkout", "-qf", "old")
    branched.place.write_text("rubbish\n")
    branched.commit("rubbish")
    branched.git("checkout", "-qf", "main")
    said = call("store", "gc", "--keep-runs", "1", "--yes", "--paid")
    assert (said.code, "p.lock.jsonl (" in said.err, "in git):1" in said.err) == (2, True, True)
    assert len(objects(branched)) == before


def test_the_locks_of_every_workspace_that_shares_a_store_count(
    shop: Shop, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.configure('[store]\npath = "../store"\n')
    assert call("run", "p.yaml").code == 0
    shop.commit("x")
    other = shop.clone("other")
    monkeypatch.chdir(other.folder)
    other.write("steps: {s: {operation: flip, image: a.png}}\n")
    for _ in range(2):
        assert call("run", "p.yaml", "-o", "o").code == 0
    shutil.rmtree(shop.folder / "out")
    store = tmp_path / "store/objects"
    for path in store.rglob("*"):
        os.utime(path, (1, 1))
    found = call("store", "gc", "--keep-runs", "1", "--dry-run", "--json").document("store-gc")
    assert found["results"] == 0

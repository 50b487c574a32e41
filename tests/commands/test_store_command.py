"""`editchain store` counts, checks, collects and repairs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.commands.conftest import Said

    Call = Callable[..., Said]


def objects(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / ".editchain" / "objects").rglob("*") if path.is_file())


def damage(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(b"other" + path.read_bytes())


def test_what_is_there(ran: Path, call: Call) -> None:
    found = call("store", "ls", "--json").document("store-ls")
    assert (found["results"], found["objects"], found["runs"]) == (4, 4, 1)
    assert len(found["newest"]) == 4
    assert "results   4 in 4 objects" in call("store", "ls", "-n", "0").out


def test_a_sound_store(ran: Path, call: Call) -> None:
    said = call("store", "verify", "--json")
    assert (said.code, said.document("store-verify")["is_sound"]) == (0, True)


def test_a_damaged_object_is_found_forgotten_and_made_again(ran: Path, call: Call) -> None:
    newest = call("store", "ls", "--json").document("store-ls")["newest"]
    sheet = next(one["digest"] for one in newest if one["name"] == "contact_sheet")
    damage(ran / ".editchain" / "objects" / sheet[:2] / sheet[2:])
    said = call("store", "verify", "--json")
    found = said.document("store-verify")
    assert (said.code, len(found["damaged"]), len(found["missing"])) == (5, 1, 1)
    assert call("store", "verify").code == 5
    repaired = call("store", "repair", "--json").document("store-repair")
    assert (repaired["results"], len(repaired["lost"])) == (3, 1)
    assert call("store", "verify").code == 0
    assert call("run", "look.yaml").code == 0
    assert len(objects(ran)) == 4


def test_collecting_says_what_and_asks(ran: Path, call: Call) -> None:
    for name in ("blur", "sharpen"):
        call("edit", "a.png", name, "-o", f"{name}.png")
    for path in objects(ran):
        os.utime(path, (1, 1))
    assert call("store", "gc", "--dry-run").out.startswith("Nothing to remove: all 6 objects")
    stray = ran / ".editchain" / "objects" / "ab" / ("0" * 62)
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"nobody's")
    os.utime(stray, (1, 1))
    said = call("store", "gc")
    assert said.code == 2
    assert "0 results, 1 object, 8 bytes" in said.err
    assert stray.exists()
    found = call("store", "gc", "--yes", "--json").document("store-gc")
    assert (found["removed"], found["objects"], found["object_bytes"]) == (True, 1, 8)
    assert not stray.exists()


def test_a_lost_journal_is_rebuilt(ran: Path, call: Call) -> None:
    (ran / ".editchain" / "journal.db").write_bytes(b"no journal at all, but long enough to be read" * 100)
    said = call("plan", "look.yaml")
    assert (said.code, "editchain store repair" in said.err) == (5, True)
    said = call("store", "repair")
    assert (said.code, said.out.startswith("Rebuilt the journal: 4 results, 0 calls.\n")) == (0, True)
    assert call("plan", "look.yaml").code == 0


@pytest.mark.parametrize("name", ["ls", "verify", "gc", "repair"])
def test_where_nothing_is_stored(folder: Path, call: Call, name: str) -> None:
    said = call("store", name)
    assert said.code == 2
    assert not (folder / ".editchain").exists()

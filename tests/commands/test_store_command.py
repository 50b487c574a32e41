"""`editchain store` counts, checks, collects and repairs."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from typing import TYPE_CHECKING

import pytest
from tests.workbench import paint

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.commands.conftest import Said
    from tests.commands.shop import Shop

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


def test_what_is_lost_is_told_with_its_remedy(shop: Shop, call: Call, tmp_path: Path) -> None:
    assert call("run", "p.yaml").code == 0
    lines = {line.task: line.digest.hex() for line in shop.lock.lines}

    def lose() -> None:
        for task in ("again", "small[time=dusk]"):
            (shop.folder / ".editchain/objects" / lines[task][:2] / lines[task][2:]).unlink(missing_ok=True)

    def remedies() -> dict[str, str]:
        missing = call("store", "verify", "--json").document("store-verify")["missing"]
        return {one["digest"]: one["remedy"] for one in missing}

    lose()
    assert remedies() == {lines["again"]: "buy", lines["small[time=dusk]"]: "make"}
    said = call("store", "verify")
    assert (said.code, "only --rebuy gets another" in said.out, "for nothing" in said.out) == (5, True, True)
    # what verify found gone is no longer taken for stored
    assert "1 known" in call("plan", "p.yaml").out
    assert call("run", "p.yaml", "--rebuy").code == 0
    assert call("store", "push", "--remote", str(tmp_path / "shared")).code == 0
    lines = {line.task: line.digest.hex() for line in shop.lock.lines}
    shop.configure(f'[store]\nremote = "{tmp_path / "shared"}"\n')
    lose()
    assert set(remedies().values()) == {"fetch"}
    assert call("store", "pull").code == 0
    assert call("store", "verify").code == 0


def test_remaking_says_what_comes_out_otherwise_today(ran: Path, call: Call) -> None:
    said = call("store", "verify", "--remake", "--json").document("store-verify")["remade"]
    assert (said["same"], said["lost"], said["others"]) == (4, 0, [])
    before = objects(ran)
    sheet = next(
        one
        for one in call("store", "ls", "--json").document("store-ls")["newest"]
        if one["name"] == "contact_sheet"
    )
    # as if a library had rounded otherwise when it was made
    other = paint(ran / "other.png", (9, 9, 9)).read_bytes()
    digest = hashlib.sha256(other).hexdigest()
    place = ran / ".editchain/objects" / digest[:2] / digest[2:]
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(other)
    connection = sqlite3.connect(ran / ".editchain/journal.db")
    with connection:
        connection.execute(
            "UPDATE results SET digest = ? WHERE key = ?",
            (bytes.fromhex(digest), bytes.fromhex(sheet["key"])),
        )
    connection.close()
    said = call("store", "verify", "--remake")
    assert said.code == 0
    assert "4 pictures made again: 3 with the same bytes, 1 with others" in said.out
    assert f"otherwise today: {digest[:16]}, by contact_sheet" in said.out
    assert objects(ran) == sorted([*before, place])
    (ran / "a.png").unlink()
    assert call("store", "verify", "--remake", "--json").document("store-verify")["remade"]["lost"] == 1


def test_what_is_only_held_against_an_expectation_is_not_made_again(folder: Path, call: Call) -> None:
    paint(folder / "a.png", (200, 30, 30))
    (folder / "held.yaml").write_text(
        "version: 1\nsteps:\n"
        "  one: {operation: flip, image: a.png, direction: horizontal, expect: {clipping: {max: 1}}}\noutputs: {one: $one}\n",
        "utf-8",
    )
    assert call("run", "held.yaml").code == 0
    said = call("store", "verify", "--remake", "--json").document("store-verify")["remade"]
    assert (said["same"], said["lost"], said["others"]) == (1, 0, [])

"""`editchain doctor` tells what is in the way, and makes nothing."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from editchain.commands.doctor import OPENCV

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.commands.conftest import Said

    Call = Callable[..., Said]


def findings(said: Said) -> dict[str, Any]:
    found = said.document("doctor")
    assert found["exit_code"] == said.code
    return {one["name"]: one for one in found["findings"]}


def test_all_is_well_and_nothing_is_made(folder: Path, call: Call) -> None:
    before = sorted(folder.rglob("*"))
    found = findings(call("doctor", "--json"))
    assert {"Python", "editchain", "Pillow", "codecs", "raqm", "font", "SQLite", "OpenCV", "journal"} <= set(
        found
    )
    assert found["journal"]["says"].startswith("none yet")
    assert "AVIF" in found["codecs"]["says"]
    assert sorted(folder.rglob("*")) == before


def test_a_workspace_with_results(ran: Path, call: Call) -> None:
    found = findings(call("doctor", "--json"))
    assert "4 results, 1 run" in found["journal"]["says"]
    assert found["writable"]["standing"] in ("ok", "missing")
    assert call("doctor").out.endswith("Nothing stands in the way of a run.\n")


def test_a_broken_journal(ran: Path, call: Call) -> None:
    (ran / ".editchain" / "journal.db").write_bytes(b"x" * 8192)
    said = call("doctor", "--json")
    found = findings(said)
    assert (said.code, found["journal"]["standing"]) == (5, "wrong")
    assert "editchain store repair" in found["journal"]["says"]
    assert "! journal" in call("doctor").out


@pytest.mark.parametrize(
    ("free_bytes", "standing", "code"), [(300_000, "wrong", 5), (50_000_000, "missing", 0)]
)
def test_a_full_disk(
    folder: Path,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
    free_bytes: int,
    standing: str,
    code: int,
) -> None:
    usage = shutil.disk_usage(folder)._replace(free=free_bytes)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    said = call("doctor", "--json")
    assert (said.code, findings(said)["writable"]["standing"]) == (code, standing)


def test_a_wrong_configuration(folder: Path, call: Call) -> None:
    (folder / "editchain.toml").write_text("[stor]\n")
    said = call("doctor", "--json")
    assert (said.code, findings(said)["editchain.toml"]["standing"]) == (2, "wrong")


def test_two_wheels_of_opencv(folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    place = folder / "site"
    for name in OPENCV[:2]:
        information = place / f"{name.replace('-', '_')}-1.0.dist-info"
        information.mkdir(parents=True)
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(str(place))
    said = call("doctor", "--json")
    assert (said.code, findings(said)["OpenCV"]["standing"]) == (2, "wrong")
    assert "pip uninstall" in findings(said)["OpenCV"]["advice"]

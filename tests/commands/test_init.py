"""`editchain init` makes a workspace that runs, and leaves alone what is there."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING

import pytest

from editchain.commands.init import FILES, SCHEMA, SKELETON
from editchain.configuration import read_configuration

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.commands.conftest import Said

    Call = Callable[..., Said]


@pytest.fixture
def made(tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    said = call("init", "new", "--json").document("init")
    assert sorted(said["written"]) == sorted([*FILES, SCHEMA])
    monkeypatch.chdir(tmp_path / "new")
    return tmp_path / "new"


def test_the_pipeline_runs_at_once(made: Path, call: Call) -> None:
    assert call("validate", "pipelines/hello.yaml", "--strict").code == 0
    assert call("run", "pipelines/hello.yaml").code == 0
    assert call("plan", "pipelines/hello.yaml").code == 0
    assert {one.name for one in (made / "out" / "hello").iterdir()} == {
        "golden.jpg", "cinema.jpg", "noir.jpg", "sketch.jpg", "sheet.jpg",
    }  # fmt: skip


def test_editors_and_git_find_what_they_want(made: Path) -> None:
    first = (made / "pipelines" / "hello.yaml").read_text().partition("\n")[0]
    schema = made / "pipelines" / first.partition("$schema=")[2]
    assert schema.resolve() == made / SCHEMA
    assert json.loads(schema.read_text())["$schema"].endswith("2020-12/schema")
    settings = json.loads((made / ".vscode" / "settings.json").read_text())
    assert list(settings["yaml.schemas"]) == [SCHEMA]
    assert "*.lock.jsonl merge=union" in (made / ".gitattributes").read_text()
    assert ".editchain/" in (made / ".gitignore").read_text().splitlines()


def test_every_setting_in_the_comments_is_one(made: Path, tmp_path: Path) -> None:
    text = (made / "editchain.toml").read_text()
    settings = "\n".join(
        line.removeprefix("# ") for line in text.splitlines() if re.match(r"# (\[|[A-Za-z_-]+ = )", line)
    )
    (tmp_path / "editchain.toml").write_text(settings)
    found = read_configuration(tmp_path)
    assert set(tomllib.loads(settings)) == {
        "confirm_above",
        "on_unknown",
        "store",
        "routes",
        "providers",
        "limits",
        "run",
        "budget",
        "prices",
        "metadata",
    }
    assert (found.workers, found.store, found.limits["bfl"]["concurrency"]) == (4, "~/.editchain", 4)


def test_nothing_is_written_over(tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".gitignore").write_text("mine\n")
    said = call("init")
    assert said.code == 0
    assert (tmp_path / ".gitignore").read_text() == "mine\n"
    assert "left as it is: .gitignore" in said.err
    assert ".editchain/" in said.err
    again = call("init", "--json").document("init")
    assert (again["written"], len(again["kept"])) == ([], len(FILES) + 1)


def test_it_says_the_next_two_commands(tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = call("init", "my shop")
    assert said.err.splitlines()[-2:] == [
        "  cd 'my shop' && editchain plan pipelines/hello.yaml",
        "  editchain run pipelines/hello.yaml",
    ]


def test_a_file_is_no_workspace(tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    assert call("init", "file").code == 2
    assert call("init", "file/below").code in (2, 5)


def test_the_photo_is_small() -> None:
    assert (SKELETON / "photos" / "coffee.jpg").stat().st_size <= 60_000

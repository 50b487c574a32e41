"""What the tests of commands share: a workspace as the current folder, and a way to call a command."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jsonschema_rs
import pytest
from tests.commands.shop import Shop, opened
from tests.vendors.scenario import KEY, SECRET, Scenario
from tests.workbench import paint

from editchain import schemas
from editchain.commands.base import run_command
from editchain.providers import scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RECIPE = """\
version: 1
inputs:
  photo: {type: image, default: a.png}
defaults: {model: darkroom}
steps:
  tidy: {image: $photo, prompt: auto levels}
  tone:
    for_each: {look: [sepia, vintage]}
    image: $tidy
    prompt: $look
  sheet: {operation: contact_sheet, images: $tone.*}
outputs:
  sheet: {from: $sheet, path: sheet.png}
"""


class Said(NamedTuple):
    """What a command gave back and wrote."""

    code: int
    out: str
    err: str

    def document(self, name: str) -> Any:
        """Standard output as JSON, once it is as the schema of this name says."""
        found = json.loads(self.out)
        assert next(iter(found)) == "version"
        folder = Path(__file__).parents[2] / "schemas" / "output"
        validator = jsonschema_rs.validator_for(schemas.read(folder / f"{name}.json"))
        assert [f"{list(one.instance_path)}: {one.message}" for one in validator.iter_errors(found)] == []
        return found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with a picture and a recipe for it, as the current folder."""
    place = tmp_path / "shop"
    paint(place / "a.png")
    (place / "editchain.toml").touch()
    (place / "look.yaml").write_text(RECIPE, encoding="utf-8")
    monkeypatch.chdir(place)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return place


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Calls a command as the command line does."""

    def now(*arguments: str) -> Said:
        capsys.readouterr()
        code = run_command(arguments)
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return Said(code, out, err)

    return now


@pytest.fixture
def ran(folder: Path, call: Callable[..., Said]) -> Path:
    """The workspace after its recipe ran."""
    assert call("run", "look.yaml").code == 0
    return folder


@pytest.fixture(scope="session")
def vendor() -> Iterator[Scenario]:
    """Scenario's stand-in, serving."""
    made = Scenario()
    with made.running():
        yield made


@pytest.fixture
def shop(tmp_path: Path, vendor: Scenario, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A workspace in git with a recipe of three calls, as the current folder."""
    monkeypatch.setenv("SCENARIO_API_KEY", KEY)
    monkeypatch.setenv("SCENARIO_API_SECRET", SECRET)
    monkeypatch.setattr(scenario, "capabilities", replace(scenario.capabilities, poll_seconds=0.02))
    made = opened(tmp_path / "shop", vendor)
    vendor.bill.clear()
    monkeypatch.chdir(made.folder)
    return made

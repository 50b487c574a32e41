"""`validate`: what it says, to people and to programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.workbench import paint, written

from editchain.commands.base import run_command

RECIPE = """
steps:
  one: {model: darkroom, image: a.png, prompt: sepia}
  two: {model: darkroom, image: a.png, prompt: blur}
outputs:
  one: $one
"""


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    paint(tmp_path / "a.png")
    (tmp_path / "editchain.toml").touch()
    monkeypatch.chdir(tmp_path)
    return written(tmp_path, RECIPE)


def test_a_step_that_nothing_needs_is_said_in_passing(
    recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["validate", "p.yaml"]) == 0
    said = capsys.readouterr()
    assert said.out == "p.yaml: ok\n"
    assert said.err.startswith("note: steps.two: no output needs this step")


def test_strictly_it_is_a_problem_with_its_place(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["validate", "p.yaml", "--strict"]) == 2
    assert "p.yaml:5:3: warning:" in capsys.readouterr().err


def test_programs_get_it_like_every_warning(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["validate", "p.yaml", "--json"]) == 0
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert [(one["line"], one["severity"], one["code"]) for one in problems] == [
        (5, "warning", "unneeded-step")
    ]


OF_ONE = """
inputs:
  photo: {type: image, default: a.png}
  logo: {type: image, default: b.png}
steps:
  one: {operation: flip, image: $photo}
  two: {operation: flip, image: $logo}
outputs:
  one: {from: $one, path: "{photo}.png"}
  two: {from: $two, path: "{photo}-logo.png"}
"""


def test_a_path_may_name_an_input_of_several_only_where_its_pictures_have_it(
    recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paint(recipe.parent / "b.png")
    written(recipe.parent, OF_ONE)
    assert run_command(["plan", "p.yaml"]) == 10
    capsys.readouterr()
    assert run_command(["run", "p.yaml", "-i", "photo=a.png", "-i", "photo=b.png"]) == 2
    assert 'outputs.two.path: these images have no dimension "photo"' in capsys.readouterr().err

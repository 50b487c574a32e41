"""`validate`: what it says, to people and to programs."""

from __future__ import annotations

import gc
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.workbench import paint, written

from editchain import cli
from editchain.commands.base import run_command
from editchain.commands.saying import wants_colour

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


LONG = "x" * 1001


@pytest.mark.parametrize(
    ("step", "code", "told"),
    [
        (
            "model: qwen-image-edit-max, image: a.png, prompt: x",
            "no-route",
            "steps.one.model: qwen-image-edit-max cannot run: no provider of this version serves it.",
        ),
        (
            "model: gpt-image-1, provider: openai, image: a.png, prompt: x",
            "gone-model",
            "gpt-image-1 was shut down at openai on 2026-10-23; its successor is gpt-image-2.",
        ),
        (
            "model: flux-kontext, provider: google, image: a.png, prompt: x",
            "no-route",
            "steps.one.provider: flux-kontext is not offered by google.",
        ),
        (
            "model: flux-kontext, provider: bfl, image: a.png, prompt: x, guidance: 4",
            "no-route",
            "steps.one.guidance: bfl cannot be told this: no field for it on this route.",
        ),
        (
            f"model: runway-gen4-image, provider: runway, image: a.png, prompt: {LONG}",
            "no-route",
            "steps.one.prompt: runway cannot be told this: 1001 characters are more than the 1000 of this route.",
        ),
        (
            f"for_each: {{look: [a, {LONG}]}}, model: runway-gen4-image, provider: runway, image: a.png, prompt: $look now",
            "no-route",
            "steps.one.prompt: runway cannot be told this: 1005 characters are more than the 1000 of this route.",
        ),
        (
            "model: flux-kontext, provider: bfl, image: a.png, prompt: x, provider_options: {bfl: {webhook_url: y}}",
            "no-route",
            "steps.one.provider_options: bfl cannot be told this: the vendor has no webhook_url for this model",
        ),
        (
            "model: gpt-image-2, provider: [runway], image: a.png, prompt: x, mask: a.png",
            "no-route",
            "steps.one.mask: runway cannot be told this",
        ),
    ],
)
def test_a_step_that_leads_nowhere_is_an_error_without_any_credential(
    recipe: Path, capsys: pytest.CaptureFixture[str], step: str, code: str, told: str
) -> None:
    written(recipe.parent, f"steps:\n  one: {{{step}}}\n")
    assert run_command(["validate", "p.yaml", "--json"]) == 2
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert [(one["line"], one["severity"], one["code"]) for one in problems if told in one["message"]] == [
        (3, "error", code)
    ]
    assert run_command(["run", "p.yaml"]) == 2


def test_a_step_that_another_route_carries_is_fine(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    step = f"{{model: runway-gen4-image, image: a.png, prompt: {LONG}}}"
    written(recipe.parent, f"steps:\n  one: {step}\n")
    assert run_command(["validate", "p.yaml"]) == 0
    pinned = "{model: flux-kontext, provider: [bfl, scenario], image: a.png, prompt: x, guidance: 4}"
    written(recipe.parent, f"steps:\n  one: {pinned}\n")
    assert run_command(["validate", "p.yaml"]) == 0
    assert capsys.readouterr().err == ""


def test_each_of_several_steps_is_told_of_although_another_like_it_was_looked_at(
    recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = "model: runway-gen4-image, provider: runway, image: a.png, prompt"
    flux = "model: flux-kontext, provider: bfl, image: a.png, prompt: x"
    prompts = ["short", "brief", LONG, "short", LONG]
    steps = [f"{head}: {prompt}" for prompt in prompts]
    steps += [flux, f"{flux}, guidance: 4", flux, f"{flux}, guidance: 4", f"{flux}, guidance: 3"]
    written(recipe.parent, "steps:\n" + "".join(f"  s{at}: {{{step}}}\n" for at, step in enumerate(steps)))
    assert run_command(["validate", "p.yaml", "--json"]) == 2
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert [one["line"] - 3 for one in problems if one["code"] == "no-route"] == [2, 4, 6, 8, 9]


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


@pytest.mark.parametrize("text", [RECIPE, RECIPE.replace("sepia", "sepiaa"), "steps: ["])
@pytest.mark.parametrize("files", [["p.yaml"], ["p.yaml", "p.yaml"], ["nowhere.yaml"], ["p.yaml", "x" * 300]])
def test_files_alone_are_checked_the_short_way_with_the_same_words(
    recipe: Path,
    text: str,
    files: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    written(recipe.parent, text)
    code = run_command(["validate", *files])
    said = capsys.readouterr()
    monkeypatch.setattr(sys, "argv", ["editchain", "validate", *files])
    monkeypatch.setattr(gc, "freeze", lambda: None)
    threshold = gc.get_threshold()
    try:
        cli.main()
        ended = 0
    except SystemExit as end:
        ended = end.code
    finally:
        gc.set_threshold(*threshold)
    assert (ended, capsys.readouterr()) == (code, said)


def test_names_that_the_system_has_no_letters_for_are_said(tmp_path: Path) -> None:
    file = written(tmp_path, "steps:\n  one: {model: darkroom, image: café.png, prompt: sepia}\n")
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    said = subprocess.run(
        [sys.executable, "-m", "editchain", "validate", str(file)],
        capture_output=True,
        check=False,
        env={**os.environ, **plain},
    )
    assert said.returncode == 2, said
    assert said.stderr.startswith(b"editchain: file names are in ascii here, which cannot hold"), said.stderr
    assert b"PYTHONUTF8=1" in said.stderr


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("variables", "is_coloured"),
    [({}, True), ({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({"NO_COLOR": "1"}, False)],
)
def test_colour_is_for_terminals_that_have_it(
    variables: dict[str, str], is_coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert wants_colour(_Terminal()) == is_coloured
    assert not wants_colour(io.StringIO())

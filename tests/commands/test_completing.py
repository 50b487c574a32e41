"""Completion: what a shell offers for a word, asked as the shells ask."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from editchain.commands.base import group

PROGRAM = Path(sys.executable).with_name("editchain")


def offered(*words: str) -> list[str]:
    """What is offered for the last word of a line."""
    found = ShellComplete(group, {}, "editchain", "_EDITCHAIN_COMPLETE")
    return [one.value for one in found.get_completions(list(words[:-1]), words[-1])]


@pytest.mark.parametrize("option", ["--only", "--from", "--until", "--fresh"])
def test_steps_of_the_file_on_the_line(folder: Path, option: str) -> None:
    assert offered("run", "look.yaml", option, "") == ["tidy", "tone", "sheet"]
    assert offered("run", "look.yaml", option, "t") == ["tidy", "tone"]
    assert offered("run", option, "") == []


def test_why_is_asked_of_a_step(folder: Path) -> None:
    assert offered("why", "look.yaml", "s") == ["sheet"]


@pytest.mark.parametrize("text", ["steps: [", "steps: 3", "", "- a", "\ufeff\0"])
def test_a_file_that_is_no_recipe_offers_nothing(folder: Path, text: str) -> None:
    (folder / "look.yaml").write_text(text, encoding="utf-8")
    assert offered("run", "look.yaml", "--only", "") == []
    assert offered("run", "gone.yaml", "--only", "") == []


def test_models_and_operations(folder: Path) -> None:
    assert offered("models", "darkr") == ["darkroom"]
    assert offered("edit", "a.png", "--model", "darkr") == ["darkroom"]
    assert offered("operations", "contact") == ["contact_sheet"]


@pytest.mark.parametrize("command", ["status", "cancel", "report"])
def test_runs_once_something_ran(folder: Path, command: str) -> None:
    from editchain.commands.base import run_command

    assert offered(command, "") == []
    assert run_command(["run", "look.yaml"]) == 0
    last, run = offered(command, "")
    assert last == "last"
    assert offered(command, run[:6]) == [run]


def test_trouble_with_the_workspace_offers_nothing(folder: Path) -> None:
    (folder / "editchain.toml").write_text("no", encoding="utf-8")
    assert offered("models", "") == []
    assert offered("status", "") == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (["run", "look.yaml", "--until", "t"], ["tidy", "tone"]),
        (["operations", "contact"], ["contact_sheet"]),
        (["val"], ["validate"]),
    ],
)
def test_bash_offers_it(folder: Path, line: list[str], expected: list[str]) -> None:
    """The line for the start-up file is evaluated by bash, and its function called as Tab calls it."""
    script = (
        'eval "$(_EDITCHAIN_COMPLETE=bash_source editchain)"; complete -p editchain >&2; '
        'COMP_WORDS=(editchain "$@"); COMP_CWORD=$#; _editchain_completion editchain; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    environment = {**os.environ, "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"}
    bash = shutil.which("bash") or pytest.skip("no bash here")
    done = subprocess.run(
        [bash, "--norc", "-c", script, "bash", *line],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "_editchain_completion" in done.stderr
    assert done.stdout.split() == expected


@pytest.mark.slow
@pytest.mark.parametrize(("shell", "sign"), [("zsh", "#compdef editchain"), ("fish", "complete --no-files")])
def test_other_shells_get_their_scripts(shell: str, sign: str) -> None:
    environment = {**os.environ, "_EDITCHAIN_COMPLETE": f"{shell}_source"}
    done = subprocess.run([PROGRAM], env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert sign in done.stdout

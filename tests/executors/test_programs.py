"""Programs of one's own: which may run, what they are given, and how they fail."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.operations.examples import defaults, photo

from editchain.commands.base import run_command
from editchain.errors import OperationError
from editchain.executors.programs import Programs
from editchain.operations.base import Picture

ENVIRONMENT = {"PATH": os.environ["PATH"], "SECRET_KEY": "abc"}


def ran(*command: str, allowed: tuple[str, ...] = ("sh", "cp", sys.executable), **fields: Any) -> Picture:
    given = {**defaults("run_command"), "command": list(command), **fields}
    return Programs(allowed, ENVIRONMENT).apply(**given)


def test_the_program_makes_the_picture() -> None:
    assert ran("cp", "{image}", "{result}", image=photo()).image.tobytes() == photo().tobytes()


def test_of_many_the_program_may_choose_one() -> None:
    takes = [photo(seed=seed) for seed in (1, 2, 3)]
    assert (
        ran("sh", "-c", 'cp "$3" {result}', "judge", "{images}", images=takes).image.tobytes()
        == takes[2].tobytes()
    )


def test_a_path_may_be_part_of_a_word_and_no_shell_reads_it() -> None:
    code = "import sys, shutil; shutil.copy(sys.argv[1][5:], sys.argv[2]); assert sys.argv[3] == '$HOME; ls'"
    assert ran(
        sys.executable, "-c", code, "from={image}", "{result}", "$HOME; ls", image=photo()
    ).image.size == (96, 64)


def test_credentials_are_not_handed_on_and_the_folder_goes() -> None:
    made = ran("sh", "-c", 'test -z "$SECRET_KEY" && pwd >&2 && cp {image} {result}', image=photo())
    assert made.image.size == (96, 64)
    with pytest.raises(OperationError, match="said: /") as raised:
        ran("sh", "-c", "pwd >&2; exit 3", image=photo())
    assert not Path(str(raised.value).partition("said: ")[2]).exists()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("sh", "-c", "echo no good >&2; exit 4"), "sh ended with 4 and said: no good"),
        (("sh", "-c", "true"), "sh ended well and wrote no picture to {result}"),
        (("sh", "-c", "sleep 30"), "sh did not end within 0.2 seconds"),
        (("sh", "-c", "sleep 30 & wait"), "sh did not end within 0.2 seconds"),
        (("nonesuch", "{result}"), "nonesuch cannot be started: No such file"),
        (("rm", "-rf", "{result}"), 'does not allow the program "rm"'),
        (("/bin/sh", "-c", "true"), 'does not allow the program "/bin/sh"'),
    ],
)
def test_what_goes_wrong_is_said(command: tuple[str, ...], said: str) -> None:
    with pytest.raises(OperationError, match=said.replace("{", r"\{")):
        ran(*command, image=photo(), seconds=0.2, allowed=("sh", "nonesuch"))


PIPELINE = """\
version: 1
steps:
  own: {operation: run_command, command: [cp, "{image}", "{result}"], image: photo.png}
"""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "p.yaml").write_text(PIPELINE)
    photo().save(tmp_path / "photo.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("command", "code"), [("run", 2), ("plan", 10)])
def test_nothing_runs_where_the_workspace_does_not_allow_it(
    command: str, code: int, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workspace / "editchain.toml").write_text('[run_command]\nprograms = ["magick"]\n')
    assert run_command([command, "p.yaml"]) == code
    said = capsys.readouterr()
    assert 'own: This workspace does not allow the program "cp"' in said.err + said.out
    assert not (workspace / "out").exists()


def test_it_runs_where_the_workspace_allows_it(workspace: Path) -> None:
    (workspace / "editchain.toml").write_text('[run_command]\nprograms = ["cp"]\n')
    assert run_command(["run", "p.yaml", "-o", "out"]) == 0
    assert (workspace / "out" / "own.png").exists()


def test_what_is_allowed_is_a_list_of_names(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workspace / "editchain.toml").write_text('[run_command]\nprograms = "cp"\n')
    assert run_command(["plan", "p.yaml"]) == 2
    assert "[run_command] programs is a list of names" in capsys.readouterr().err

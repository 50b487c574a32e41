"""Every command has help with an example, bears rubbish, and comes with a schema for what it writes as JSON."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from editchain.commands import COMMANDS
from editchain.commands.base import group, run_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.commands.conftest import Said

    Call = Callable[..., Said]

OUTPUT = Path(__file__).parents[2] / "schemas" / "output"


def commands() -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name in COMMANDS:
        command: click.Command = importlib.import_module(f"editchain.commands.{name}").command
        yield from below((name,), command)


def below(name: tuple[str, ...], command: click.Command) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        for one, inner in command.commands.items():
            yield from below((*name, one), inner)


ALL = dict(commands())
NAMES = [" ".join(name) for name in ALL]
LEAVES = [name for name, command in ALL.items() if not isinstance(command, click.Group)]


def test_every_command_is_listed(call: Call) -> None:
    out = call("--help").out
    for name, line in COMMANDS.items():
        assert f"  {name} " in out
        assert line.split(":")[0] in " ".join(out.split())


@pytest.mark.parametrize("name", ALL, ids=NAMES)
def test_help_says_what_it_does_with_an_example(call: Call, name: tuple[str, ...]) -> None:
    said = call(*name, "--help")
    assert said.code == 0
    assert f"editchain {name[0]}" in said.out.partition("Example")[2]
    for parameter in ALL[name].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{parameter.name} has no help"


@pytest.mark.parametrize("name", LEAVES, ids=" ".join)
@pytest.mark.parametrize(
    "rubbish",
    [("--nonsense",), ("\x1b[31m", "ü", "*"), ("no.yaml", "no[", "x"), ("/dev/null",), ("",), (".", ".")],
    ids=["option", "signs", "names", "device", "empty", "folders"],
)  # fmt: skip
def test_rubbish_is_refused_or_answered(
    folder: Path, call: Call, name: tuple[str, ...], rubbish: tuple[str, ...]
) -> None:
    said = call(*name, *rubbish)
    assert said.code in (0, 2, 5)
    assert said.code == 0 or said.err


@pytest.mark.parametrize("name", ALL, ids=NAMES)
def test_what_it_writes_as_json_has_a_schema(name: tuple[str, ...]) -> None:
    has_json = any("--json" in parameter.opts for parameter in ALL[name].params)
    assert has_json == (OUTPUT / f"{'-'.join(name)}.json").is_file()


def test_no_schema_is_left_over() -> None:
    assert {path.stem for path in OUTPUT.glob("*.json")} <= {"-".join(name) for name in ALL}


def test_a_long_name_and_a_store_that_is_a_file(folder: Path, call: Call) -> None:
    assert call("init", "a" * 5000).code == 5
    (folder / ".editchain").write_text("")
    assert call("init").code == 5
    assert call("doctor").code == 5
    assert call("store", "repair").code == 2


def test_completion_knows_the_commands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_EDITCHAIN_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "editchain op")
    monkeypatch.setenv("COMP_CWORD", "1")
    with pytest.raises(SystemExit):
        run_command(["op"])
    assert capsys.readouterr().out == "plain,operations\n"
    assert list(COMMANDS) == group.list_commands(click.Context(group))

"""The group of commands, which imports them when they are used."""

from __future__ import annotations

import importlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from editchain import __version__
from editchain.commands import COMMANDS
from editchain.commands.ending import ended
from editchain.diagnostics import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class _Unheard(Exception):
    """Whoever read our output went away. Of a BrokenPipeError click would make an exit with 1, as if a task had failed."""


@contextmanager
def _heard() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError as error:
        raise _Unheard from error


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used."""

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        """Reads the options before the command; `--help` among them is answered here."""
        with _heard():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: click.Context) -> object:
        """Carries out a command."""
        with _heard():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of the table."""
        _ = ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name."""
        _ = ctx
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"editchain.commands.{cmd_name}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first argument names; offers the nearest where there is none."""
        name = args[0]
        if name not in COMMANDS:
            ctx.fail(
                f'There is no command "{name}". {did_you_mean(name, COMMANDS) or "See editchain --help."}'
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the commands without importing them."""
        _ = ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, "-V", "--version", message="editchain %(version)s")
def group() -> None:
    """Run pipelines of prompted picture edits: checked before money, charged once, reproducible in git.

    Begin with `editchain init`, or with one edit: `editchain edit photo.jpg "make it black and white"`.
    """


def run_command(arguments: Sequence[str]) -> int:
    """Runs a command; gives its exit code."""
    return ended(lambda: _run(arguments))


def _run(arguments: Sequence[str]) -> int:
    try:
        return int(group.main(args=list(arguments), prog_name="editchain", standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return 2
    except click.exceptions.Abort:
        return 130
    except _Unheard as unheard:
        raise BrokenPipeError from unheard

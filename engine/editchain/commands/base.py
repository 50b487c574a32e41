"""What commands share: the group that imports them when they are used, and how errors become exit codes."""

from __future__ import annotations

import errno
import importlib
import itertools
import json
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from editchain import __version__
from editchain.commands import COMMANDS
from editchain.diagnostics import did_you_mean, render
from editchain.errors import EditchainError, PipelineError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from editchain.diagnostics import Problem
    from editchain.journal.entries import KnownFile
    from editchain.language.loading import Checked
    from editchain.language.reading import Stat
    from editchain.workspace import Workspace


FEW = 32
"""So many pictures are looked into faster than the journal is opened to ask what it knows of them."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used."""

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
    """Runs a command; messages go to standard error, and no traceback of a deliberate error reaches a person."""
    try:
        result = group.main(args=list(arguments), prog_name="editchain", standalone_mode=False)
        sys.stdout.flush()
        return int(result or 0)
    except click.ClickException as error:
        error.show()
        return 2
    except click.exceptions.Abort:
        return 130
    except KeyboardInterrupt:
        return 130
    except PipelineError as error:
        show_problems(error.problems)
        return error.exit_code
    except EditchainError as error:
        say(f"editchain: {error}")
        return error.exit_code
    except BrokenPipeError:
        # Whoever read our output went away: nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        from editchain.platform import disk_error

        say(f"editchain: {disk_error(error, str(error.filename or 'a file'))}")
        return 2 if error.errno == errno.ENAMETOOLONG else 5


def say(message: str) -> None:
    """A line for people, on standard error, without any credential that found its way into it."""
    credentials = sys.modules.get("editchain.credentials")  # loaded only where one was looked for
    click.echo(credentials.redacted(message) if credentials else message, err=True)


def wants_colour() -> bool:
    """Whether messages may be coloured: on a terminal, unless NO_COLOR is set."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")


def show_problems(problems: Iterable[Problem]) -> str:
    """Writes problems for people, on standard error; gives what it wrote."""
    colour = wants_colour()
    text = "".join(render(problem, colour=colour) + "\n" for problem in problems)
    click.echo(text, err=True, nl=False)
    return text


def as_document(document: dict[str, Any]) -> str:
    """One JSON document; its first field is the version of its shape."""
    return json.dumps({"version": 1, **document}, ensure_ascii=False, indent=2)


def write_json(document: dict[str, Any]) -> None:
    """Writes one JSON document on standard output."""
    click.echo(as_document(document))


def check(
    workspace: Workspace,
    path: Path,
    *,
    options: Sequence[str] = (),
    inputs_file: str | None = None,
    needs_all: bool = True,
    folder: str | None = None,
) -> Checked:
    """A pipeline file checked in its workspace, with inputs as the command line has them.

    `folder` is what their paths are relative to: the current one unless another is named.
    """
    from editchain import providers
    from editchain.language import loading
    from editchain.workspace import is_same

    folders: dict[str, dict[str, KnownFile]] = {}
    asked = itertools.count()

    def is_unchanged(image: str, stat: Stat) -> bool:
        if next(asked) < FEW or workspace.look is None:
            return False
        folder = os.path.dirname(image)
        if folder not in folders:
            folders[folder] = workspace.look.files_below(folder)
        return is_same(folders[folder].get(image), stat)

    surroundings = loading.Surroundings(
        workspace.checked_catalogue,
        workspace.today,
        providers.check_prompt,
        providers.advise_prompt,
        providers.objections,
        is_unchanged,
    )
    return loading.check(
        path,
        surroundings,
        options=[_option(text) for text in options],
        inputs_file=inputs_file,
        folder=os.getcwd() if folder is None else folder,
        needs_all=needs_all,
    )


def _option(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f'"{text}" is not name=value.', param_hint="-i/--input")
    return name.strip(), value

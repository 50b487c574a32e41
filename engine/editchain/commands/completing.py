"""Completing: the names that a shell offers for a word, from the files and the workspace at hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from editchain.errors import EditchainError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import click
    from click.shell_completion import CompletionItem

    Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

MOST_RUNS = 50
"""So many of the newest runs are offered; who wants an older one looks at the list."""


def _completer(names: Callable[[click.Context], Mapping[str, str]]) -> Completer:
    """Offers what begins like the word, each with its help. Trouble offers nothing: who is typing is not told of it."""

    def complete(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        try:
            found = names(context)
        except (EditchainError, OSError):
            return []
        return [
            CompletionItem(name, help=said or None)
            for name, said in found.items()
            if name.startswith(incomplete)
        ]

    return complete


def _steps(context: click.Context) -> Mapping[str, str]:
    from editchain.diagnostics import Problems
    from editchain.language.syntax import parse

    # With an option last on the line, click leaves the arguments before it where they were.
    file = context.params.get("file") or next(iter(context.args), None)
    if file is None:
        return {}
    document = parse(Path(file).read_bytes(), str(file), Problems())
    found = document.root.get("steps") if document and isinstance(document.root, dict) else None
    return dict.fromkeys(found, "") if isinstance(found, dict) else {}


def _models(_: click.Context) -> Mapping[str, str]:
    from editchain.workspace import Workspace

    with Workspace.of(Path.cwd()) as workspace:
        return {name: one.document["title"] for name, one in workspace.catalogue.models.items()}


def _operations(_: click.Context) -> Mapping[str, str]:
    from editchain.workspace import Workspace

    with Workspace.of(Path.cwd()) as workspace:
        return {name: one.document["title"] for name, one in workspace.catalogue.operations.items()}


def _runs(_: click.Context) -> Mapping[str, str]:
    from editchain.commands.running_now import outcome_of, pipeline_of
    from editchain.commands.shared import nearest_workspace
    from editchain.runs.standing import owners_of, state_of
    from editchain.workspace import Workspace

    with Workspace(nearest_workspace(Path.cwd())) as workspace:
        look = workspace.look
        if look is None:
            return {}
        records, owners = look.runs(MOST_RUNS), owners_of(look)
    said = {one.id: f"{pipeline_of(one)}: {outcome_of(one, state_of(one, owners))}" for one in records}
    return {"last": "the newest", **said} if said else {}


steps = _completer(_steps)
"""Steps of the pipeline that stands before the word."""
models = _completer(_models)
"""Models, the workspace's own among them."""
operations = _completer(_operations)
"""Operations, those of plugins among them."""
runs = _completer(_runs)
"""`last` and the ids of the newest runs."""

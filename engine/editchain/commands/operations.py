"""editchain operations: the local image functions with their fields."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from editchain.commands import completing, showing
from editchain.commands.documents import field_lines, heading, paragraph, refusal_lines, warning_lines
from editchain.commands.saying import write_json
from editchain.diagnostics import did_you_mean, one_of
from editchain.errors import ConfigurationError
from editchain.language.recipes import value_of
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from editchain.models import OperationDocument


@click.command(
    "operations", epilog="Examples:\n\n\b\n  editchain operations\n  editchain operations contact_sheet"
)
@click.argument("name", required=False, shell_complete=completing.operations)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def command(name: str | None, as_json: bool) -> int:
    """List the operations, the image functions that run here; with a NAME, all fields of one."""
    with Workspace.of(Path.cwd()) as workspace:
        known = workspace.catalogue.operations
        if name is None:
            if as_json:
                write_json({"operations": [_summary(one) for one in known.values()]})
            else:
                rows = [(one.name, one.document["description"]) for one in known.values()]
                click.echo("\n".join(showing.table(("operation", "what it does"), rows)))
            return 0
        if name not in known:
            offer = did_you_mean(name, known) or f"There is {one_of(known, most=40)}."
            raise ConfigurationError(f'There is no operation "{name}". {offer}')
        one = known[name]
        if as_json:
            write_json({"operation": _summary(one), "document": one.document})
        else:
            click.echo("\n".join(_lines(one)))
    return 0


def _summary(one: OperationDocument) -> dict[str, Any]:
    return {
        "name": one.name, "title": one.document["title"], "description": one.document["description"],
        "behaviour": one.behaviour, "fields": list(one.document["properties"]),
    }  # fmt: skip


def _lines(one: OperationDocument) -> Iterator[str]:
    yield f"{one.name}: {one.document['title']}"
    yield from paragraph(one.document["description"])
    yield heading("Fields")
    yield from field_lines(one)
    if refused := list(refusal_lines(one)):
        yield heading("What is refused, and how it is said")
        yield from refused
    if warned := list(warning_lines(one)):
        yield heading("What is warned about")
        yield from warned
    example = one.document["x-editchain"].get("example")
    if example:
        yield heading("A step that uses it")
        yield "  step:"
        for name, value in example.items():
            yield f"    {name}: {_written(value)}"


def _written(value: Any) -> str:
    """A value as a person would write it into a pipeline."""
    if isinstance(value, str) and value.startswith("$"):
        return value
    return value_of(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

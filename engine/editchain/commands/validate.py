"""editchain validate: every problem in the files, offline."""

from __future__ import annotations

from pathlib import Path

import click

from editchain.commands.checking import validate


@click.command("validate", epilog="Example: editchain validate pipelines/*.yaml --strict")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github", "sarif"]),
    default="text",
    help="How problems are written.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
def command(files: tuple[Path, ...], form: str, as_json: bool, strict: bool) -> int:
    """Find every problem in pipeline files: offline, all at once, each with its line and column.

    Exits with 2 where something is wrong, else with 0.
    """
    return validate(files, "json" if as_json else form, strict=strict)

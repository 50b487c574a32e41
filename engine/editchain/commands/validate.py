"""editchain validate: every problem in the files, offline."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from editchain.commands.base import check, say, show_problems
from editchain.diagnostics import counted
from editchain.language.providing import NO_ROUTE
from editchain.language.reaching import GONE_MODEL
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from editchain.diagnostics import Problem

DEAD_ENDS = frozenset((GONE_MODEL, NO_ROUTE))
"""Warnings that are errors here: what is stored of such a step is still good, but no more can be made."""
NOTES = frozenset(("unneeded-step", "unused-picture"))
"""Warnings about what is only left unused: harmless in a recipe that is being written, so said in passing here."""


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
    form = "json" if as_json else form
    problems: list[Problem] = []
    for file in files:
        with Workspace.of(file) as workspace:
            problems.extend(check(workspace, file, needs_all=False).problems)
    problems = [replace(one, severity="error") if one.code in DEAD_ENDS else one for one in problems]
    # For people in passing; programs get them like every other warning.
    idle = [problem for problem in problems if problem.code in NOTES and not strict and form == "text"]
    problems = [problem for problem in problems if problem not in idle]
    errors = sum(problem.severity == "error" for problem in problems)
    warnings = len(problems) - errors
    _write(problems, form)
    if form == "text":
        said = (
            f"{counted(len(files), 'file')}: {counted(errors, 'error')}, {counted(warnings, 'warning')}"
            if problems
            else None
        )
        if said:
            say(said)
        else:
            click.echo("\n".join(f"{file}: ok" for file in files))
        for one in idle:
            say(f"note: {one.message} ({one.file}, line {one.line})")
    return 2 if errors or (strict and warnings) else 0


def _write(problems: list[Problem], form: str) -> None:
    if form == "text":
        show_problems(problems)
    elif form == "json":
        click.echo(
            json.dumps(
                {"version": 1, "problems": [one.as_json() for one in problems]}, ensure_ascii=False, indent=2
            )
        )
    elif form == "github":
        for one in problems:
            click.echo(
                f"::{one.severity} file={_escaped(one.file, True)},line={one.line},col={one.column},title={one.code}::{_escaped(one.sentence)}"
            )
    else:
        click.echo(json.dumps(_as_sarif(problems), ensure_ascii=False, indent=2))


def _escaped(text: str, is_property: bool = False) -> str:
    """Text as GitHub's workflow commands want it."""
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if is_property else text


def _as_sarif(problems: list[Problem]) -> dict[str, Any]:
    from editchain import __version__

    rules = sorted({problem.code for problem in problems})
    results = [
        {
            "ruleId": one.code,
            "level": one.severity,
            "message": {"text": one.sentence},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": one.file},
                        "region": {"startLine": one.line, "startColumn": one.column},
                    }
                }
            ],
        }
        for one in problems
    ]
    driver = {"name": "editchain", "version": __version__, "rules": [{"id": rule} for rule in rules]}
    return {
        "version": "2.1.0",
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }

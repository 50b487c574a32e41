"""Checking pipeline files in their workspaces; what `validate` says of them. It needs no library for command lines."""

from __future__ import annotations

import itertools
import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from editchain.commands.saying import give, say, show_problems
from editchain.diagnostics import counted
from editchain.language.providing import NO_ROUTE
from editchain.language.reaching import GONE_MODEL
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from editchain.diagnostics import Problem
    from editchain.journal.entries import KnownFile
    from editchain.language.loading import Checked
    from editchain.language.reading import Stat

FEW = 32
"""So many pictures are looked into faster than the journal is opened to ask what it knows of them."""
DEAD_ENDS = frozenset((GONE_MODEL, NO_ROUTE))
"""Warnings that are errors here: what is stored of such a step is still good, but no more can be made."""
NOTES = frozenset(("unneeded-step", "unused-picture", "lost-depth"))
"""Warnings about what is only left unused: harmless in a recipe that is being written, so said in passing here."""


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
    from editchain.digests import is_same
    from editchain.language import loading
    from editchain.surroundings import surroundings

    folders: dict[str, dict[str, KnownFile]] = {}
    asked = itertools.count()

    def is_unchanged(image: str, stat: Stat) -> bool:
        if next(asked) < FEW or workspace.look is None:
            return False
        folder = os.path.dirname(image)
        if folder not in folders:
            folders[folder] = workspace.look.files_below(folder)
        return is_same(folders[folder].get(image), stat)

    return loading.check(
        path,
        surroundings(workspace, is_unchanged),
        options=[_option(text) for text in options],
        inputs_file=inputs_file,
        folder=os.getcwd() if folder is None else folder,
        needs_all=needs_all,
    )


def _option(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        import click

        raise click.BadParameter(f'"{text}" is not name=value.', param_hint="-i/--input")
    return name.strip(), value


def validate(files: Sequence[Path], form: str = "text", *, strict: bool = False) -> int:
    """Writes every problem in files as text, json, github or sarif; gives the exit code."""
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
            give("\n".join(f"{file}: ok" for file in files))
        for one in idle:
            say(f"note: {one.message} ({one.file}, line {one.line})")
    return 2 if errors or (strict and warnings) else 0


def _write(problems: list[Problem], form: str) -> None:
    if form == "text":
        show_problems(problems)
    elif form == "json":
        give(
            json.dumps(
                {"version": 1, "problems": [one.as_json() for one in problems]}, ensure_ascii=False, indent=2
            )
        )
    elif form == "github":
        for one in problems:
            give(
                f"::{one.severity} file={_escaped(one.file, True)},line={one.line},col={one.column},title={one.code}::{_escaped(one.sentence)}"
            )
    else:
        give(json.dumps(_as_sarif(problems), ensure_ascii=False, indent=2))


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

"""editchain plan: what a run would do, why, and at what price."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from editchain import reporting
from editchain.commands.base import say, write_json
from editchain.commands.planned import planned
from editchain.commands.shared import explain_with, input_options
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from editchain.planning import Plan


@click.command("plan", epilog="Example: editchain plan pipelines/seasons.yaml -i product=photos/mug.jpg")
@click.argument("file", type=click.Path(path_type=Path))
@input_options
@click.option("--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", help="How the plan is written.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def command(file: Path, options: tuple[str, ...], inputs_file: str | None, form: str, as_json: bool) -> int:
    """Show what a run would do, by step, each with its reason; calls and price are at most.

    Exits with 0 where there is nothing to do, with 10 where there is.
    """
    with Workspace.of(file) as workspace:
        plan = planned(workspace, file, options=options, inputs_file=inputs_file).plan
        reason = explain_with(workspace)
        if form == "json" or as_json:
            write_json(reporting.plan_json(plan, reason))
        elif form == "markdown":
            click.echo("\n".join(reporting.plan_markdown(plan, reason)))
        else:
            click.echo("\n".join([reporting.summary_line(plan), *reporting.plan_lines(plan, reason)]))
    _notes(plan)
    return 0 if plan.is_settled else 10


def _notes(plan: Plan) -> None:
    for problem in plan.problems:
        say(f"note: {problem}")
    for notice in plan.notices:
        say(f"notice: {notice}")

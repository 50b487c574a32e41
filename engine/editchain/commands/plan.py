"""editchain plan: what a run would do, why, and at what price."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from editchain.commands import showing
from editchain.commands.keeping import keep
from editchain.commands.planned import Given, planned
from editchain.commands.refusing import foretold
from editchain.commands.saying import as_document, say
from editchain.commands.selecting import Selection, selection_options
from editchain.commands.shared import input_options
from editchain.errors import ConfigurationError
from editchain.runs import reporting
from editchain.runs.explaining import explain_with
from editchain.runs.preparing import Choices
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from editchain.commands.planned import Planned
    from editchain.plans.tasks import Plan, StepPlan


@click.command("plan", epilog="Example: editchain plan pipelines/seasons.yaml -i product=photos/mug.jpg")
@click.argument("file", type=click.Path(path_type=Path))
@input_options
@selection_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    help="How the plan is written.",
)
@click.option(
    "-o", "--out", metavar="PLAN", type=click.Path(path_type=Path), help="Keep the plan, for `run --plan`."
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def command(
    file: Path,
    options: tuple[str, ...],
    inputs_file: str | None,
    form: str,
    out: Path | None,
    as_json: bool,
    **chosen: Any,
) -> int:
    """Show what a run would do, by step, each with its reason; calls and price are at most.

    Exits with 0 where there is nothing to do, with 10 where there is.
    """
    selection = Selection.of(chosen)
    if out is not None and selection != Selection():
        raise ConfigurationError(
            "-o keeps the plan of a whole run: leave out --only, --from, --until and --fresh."
        )
    with Workspace.of(file) as workspace:
        choices = Choices(fresh=selection.fresh_steps())
        found = planned(workspace, file, Given(options, inputs_file), choices, targets=selection.targets)
        plan = found.plan
        text = _text(plan, explain_with(workspace), "json" if as_json else form)
        click.echo(text)
        notes = "".join(f"{line}\n" for line in _notes(workspace, plan))
        click.echo(notes, err=True, nl=False)
        code = 0 if plan.is_settled else 10
        if out is not None:
            _keep_plan(found, out, options, inputs_file)
            return code
        keep(
            workspace,
            plan.pipeline,
            published=(),
            results=text + "\n",
            messages=found.messages + notes,
            code=code,
        )
    return code


def _keep_plan(found: Planned, out: Path, options: tuple[str, ...], inputs_file: str | None) -> None:
    from editchain.runs import approving

    if out.suffix in (".yaml", ".yml") or out.resolve() == found.plan.pipeline.path.resolve():
        raise ConfigurationError(
            f"-o {out}: a plan is no pipeline; call it {out.stem}.plan.json, for instance."
        )
    approving.write(approving.kept(found.plan, found.digests, out, options, inputs_file, os.getcwd()))
    say(f"kept as {showing.path(out)}: editchain run --plan {showing.path(out)}")


def _text(plan: Plan, reason: Callable[[StepPlan, int], str], form: str) -> str:
    if form == "json":
        return as_document(reporting.plan_json(plan, reason))
    if form == "markdown":
        return "\n".join(reporting.plan_markdown(plan, reason))
    return "\n".join([reporting.summary_line(plan), *reporting.plan_lines(plan, reason)])


def _notes(workspace: Workspace, plan: Plan) -> Iterator[str]:
    yield from (f"note: {said}" for said in foretold(workspace, plan))
    yield from (f"notice: {notice}" for notice in plan.notices)
    if (said := reporting.rebuying_line(plan)) is not None:
        yield f"note: {said}"
    yield from (f"note: {said}" for said in reporting.price_dates(plan))

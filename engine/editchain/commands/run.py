"""editchain run: does what the plan says."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from editchain.commands.base import say
from editchain.commands.keeping import keep
from editchain.commands.planned import planned
from editchain.commands.shared import input_options
from editchain.commands.spending import agree, ceilings_of
from editchain.diagnostics import did_you_mean, one_of
from editchain.errors import ConfigurationError
from editchain.runs import reporting
from editchain.store import DamagedObject, MissingObject
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from editchain.pipeline import Pipeline, Step
    from editchain.plans.tasks import Plan, StepPlan
    from editchain.runs.running import Report


@click.command("run", epilog="Example: editchain run pipelines/seasons.yaml -i product='photos/*.jpg' -o out")
@click.argument("file", type=click.Path(path_type=Path))
@input_options
@click.option(
    "-o", "--out", metavar="DIR", help="Where outputs are published (the workspace's out/ by default)."
)
@click.option("--only", metavar="STEP", help="Run one step alone; what it needs must be stored.")
@click.option("--from", "from_", metavar="STEP", help="Run a step and what needs it.")
@click.option("--until", metavar="STEP", help="Run a step and what it needs.")
@click.option(
    "--fresh", multiple=True, metavar="STEP", help="Make a step's pictures anew, under the same keys."
)
@click.option("--budget", metavar="AMOUNT", help="A ceiling for this run, such as 3.00 or '3.00 USD'.")
@click.option("--fail-fast", is_flag=True, help="Start nothing more after a first failure.")
@click.option("--overwrite", is_flag=True, help="Replace published files that somebody changed.")
@click.option("--prune", is_flag=True, help="Remove published files that no output names any more.")
@click.option("--retry-rejected", is_flag=True, help="Ask again what a vendor refused.")
@click.option("--yes", is_flag=True, help="Do not ask before spending.")
@click.option("--json", "as_json", is_flag=True, help="One event a line on standard output.")
def command(file: Path, options: tuple[str, ...], inputs_file: str | None, **chosen: Any) -> int:
    """Run a pipeline: what is stored is not made again, what fails leaves the rest alone, and running again goes on.

    Exits with 0 when everything is done, 1 when a task has no picture, 2 when the file is wrong, 3 when it may not run.
    """
    with Workspace.of(file) as workspace:
        lost: set[bytes] = set()
        while True:
            try:
                return _once(workspace, file, options, inputs_file, chosen)
            except (MissingObject, DamagedObject) as error:
                if error.digest in lost or error.digest in chosen["paid"]:
                    raise
                lost.add(error.digest)
                say(f"editchain: {error}".removesuffix(": run the pipeline again") + ": it is made again")


def _once(
    workspace: Workspace,
    file: Path,
    options: tuple[str, ...],
    inputs_file: str | None,
    chosen: dict[str, Any],
) -> int:
    """Plans and runs; raises MissingObject or DamagedObject where a stored picture turns out to be gone."""
    found = planned(
        workspace,
        file,
        options=options,
        inputs_file=inputs_file,
        retry_rejected=chosen["retry_rejected"],
        fresh=_fresh(chosen["fresh"]),
        fetches=True,
        targets=lambda pipeline: _targets(
            pipeline, chosen["only"], chosen["from_"], chosen["until"], chosen["fresh"]
        ),
    )
    plan = found.plan
    chosen["messages"] = found.messages
    chosen["paid"] = _paid(plan)
    _refuse(workspace, plan, chosen)
    out = chosen["out"] or str(workspace.root / "out")
    if plan.is_settled and not chosen["as_json"] and _is_published(workspace, plan, out, chosen):
        return 0
    report, seconds = _go(workspace, found, out, chosen)
    _tell(report, seconds, as_json=chosen["as_json"])
    return report.exit_code


def _paid(plan: Plan) -> frozenset[bytes]:
    """The stored pictures that somebody was paid for: they are not bought again unasked."""
    return frozenset(
        digest for one in plan.steps for at, digest in one.digests.items() if not one.way(at).is_local
    )


def _go(workspace: Workspace, found: Any, out: str, chosen: dict[str, Any]) -> tuple[Report, float]:
    import anyio

    from editchain.runs import running

    plan = found.plan
    events = sys.stdout if chosen["as_json"] else None
    progress = reporting.Progress(sys.stderr, events, plan, is_live=sys.stderr.isatty() and events is None)
    progress.say(reporting.summary_line(plan))
    for notice in plan.notices:
        progress.say(f"notice: {notice}")
    run_id = running.new_run_id(workspace.now())
    progress.emit("run", id=run_id, pipeline=plan.pipeline.name, **running.summary(plan))
    settings = running.Options(
        out,
        overwrite=chosen["overwrite"],
        prune=chosen["prune"],
        fail_fast=chosen["fail_fast"],
        ceilings=ceilings_of(workspace, plan, chosen["budget"]),
    )
    began = time.monotonic()

    async def work() -> Report:
        return await running.run(
            workspace, plan, found.digests, settings, watch=progress.watch, tell=progress.note, run_id=run_id
        )

    try:
        report = anyio.run(work)
    finally:
        progress.end()
    progress.emit(
        "end",
        id=run_id,
        exit_code=report.exit_code,
        counts=report.run.counts,
        published=report.publication.written,
        left_alone=[path for path, _ in report.publication.left_alone],
    )
    return report, time.monotonic() - began


def _is_published(workspace: Workspace, plan: Plan, out: str, chosen: dict[str, Any]) -> bool:
    """Whether nothing is left to do, published files included; says so, writes nothing but the answer's snapshot."""
    from editchain.runs.recording import Publisher
    from editchain.runs.running import wanted_copies

    journal = workspace.look
    if journal is None or chosen["prune"]:
        return False
    publisher = Publisher(
        workspace.store, journal, out, str(plan.pipeline.path), None, overwrite=chosen["overwrite"]
    )
    publication, todo = publisher.look(wanted_copies(journal, plan))
    if todo or publication.left_alone:
        return False
    said = f"{reporting.summary_line(plan)} · outputs unchanged"
    click.echo(said)
    keep(
        workspace,
        plan.pipeline,
        published=publication.paths,
        results=said + "\n",
        messages=chosen["messages"],
        code=0,
    )
    return True


def _tell(report: Report, seconds: float, *, as_json: bool) -> None:
    if as_json:
        return
    skipped = [one for one in report.run.troubles if one.outcome == "skipped"]
    for one in skipped[:10]:
        say(f"skipped: {one.task}: {one.message}")
    if len(skipped) > 10:
        say(f"skipped: and {len(skipped) - 10:,} more")
    for line in reporting.run_lines(report, seconds, _shown):
        click.echo(line)
    if report.run.stopped_by in ("SIGINT", "SIGTERM", "SIGHUP"):
        say("stopped tidily; the same command goes on from here")


def _shown(path: str) -> str:
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative


def _fresh(names: Iterable[str]) -> Callable[[StepPlan], bool] | None:
    wanted = set(names)
    return (lambda one: one.step.name in wanted or one.step.name.split("/")[0] in wanted) if wanted else None


def _targets(
    pipeline: Pipeline, only: str | None, from_: str | None, until: str | None, fresh: Iterable[str]
) -> Callable[[Step], bool] | None:
    """Which steps are wanted: all that outputs need, unless a step was named."""
    known = [step.name for step in pipeline.steps]
    tops = dict.fromkeys([*known, *(name.split("/")[0] for name in known)])
    for name in (only, from_, until, *fresh):
        if name is not None and name not in tops:
            raise ConfigurationError(
                f'No step is called "{name}". {did_you_mean(name, tops) or f"There is {one_of(tops)}."}'
            )
    if sum(one is not None for one in (only, from_, until)) > 1:
        raise ConfigurationError("--only, --from and --until do not go together; name one.")
    if until is not None or only is not None:
        return lambda step: _is(step, until or only or "")
    if from_ is not None:
        wanted = _dependents(pipeline, from_)
        return lambda step: id(step) in wanted
    return None


def _is(step: Step, name: str) -> bool:
    return step.name == name or step.name.startswith(name + "/")


def _dependents(pipeline: Pipeline, name: str) -> set[int]:
    from editchain.language.loading import pictures_in

    found = {id(step) for step in pipeline.steps if _is(step, name)}
    for step in pipeline.steps:
        if any(
            id(other) in found
            for value in (*step.fields.values(), step.protect)
            for other in pictures_in(value)
        ):
            found.add(id(step))
    return found


def _refuse(workspace: Workspace, plan: Plan, chosen: dict[str, Any]) -> None:
    """Refuses what may not run: no way to a model, too little budget, no consent."""
    from editchain.runs.running import refuse_unreachable

    refuse_unreachable(plan)
    if chosen["only"] is not None:
        missing = [one.name for one in plan.steps if not _is(one.step, chosen["only"]) and (_has_work(one))]
        if missing:
            raise ConfigurationError(
                f"--only {chosen['only']}: what it needs of {one_of(missing)} is not stored. Use --until {chosen['only']}."
            )
    agree(workspace, plan, ceilings_of(workspace, plan, chosen["budget"]), yes=chosen["yes"])


def _has_work(one: StepPlan) -> bool:
    """Whether a step has tasks to run."""
    from editchain.plans.tasks import AFTER, RUN

    return RUN in one.states or AFTER in one.states

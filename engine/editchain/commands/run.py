"""editchain run: does what the plan says."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from editchain.commands import showing
from editchain.commands.keeping import keep
from editchain.commands.planned import Given, planned
from editchain.commands.refusing import has_work, offline
from editchain.commands.saying import say
from editchain.commands.selecting import Selection, is_part, selection_options
from editchain.commands.shared import gone_through, input_options
from editchain.commands.spending import agree
from editchain.diagnostics import counted, one_of, visible
from editchain.errors import ConfigurationError, Refused
from editchain.language.reading import as_text
from editchain.runs import locking, reporting
from editchain.runs.allowing import ceilings_of
from editchain.runs.locking import Locking
from editchain.runs.preparing import Choices
from editchain.runs.reporting import Transfer
from editchain.store import DamagedObject, MissingObject
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from editchain.commands.following import Follower
    from editchain.commands.planned import Planned
    from editchain.pipeline import Pipeline, Step
    from editchain.plans.tasks import Plan
    from editchain.runs.approving import KeptPlan
    from editchain.runs.running import Options, Report


@click.command("run", epilog="Example: editchain run pipelines/seasons.yaml -i product='photos/*.jpg' -o out")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@input_options
@click.option(
    "-o", "--out", metavar="DIR", help="Where outputs are published (the workspace's out/ by default)."
)
@selection_options
@click.option("--budget", metavar="AMOUNT", help="A ceiling for this run, such as 3.00 or '3.00 USD'.")
@click.option("--plan", "kept", metavar="PLAN", help="Do what a kept plan says, and spend nothing else.")
@click.option("--locked", is_flag=True, help="Refuse what is not in the lock.")
@click.option("--offline", is_flag=True, help="Open no connection; refuse what would need one.")
@click.option(
    "--rebuy", is_flag=True, help="Buy again what was paid for, is known, and cannot be had from anywhere."
)
@click.option("--refresh-inputs", is_flag=True, help="Fetch addresses anew, whatever they gave before.")
@click.option("--fail-fast", is_flag=True, help="Start nothing more after a first failure.")
@click.option("--overwrite", is_flag=True, help="Replace published files that somebody changed.")
@click.option("--prune", is_flag=True, help="Remove published files that no output names any more.")
@click.option("--retry-rejected", is_flag=True, help="Ask again what a vendor refused.")
@click.option("--yes", is_flag=True, help="Do not ask before spending.")
@click.option(
    "--rehearse",
    is_flag=True,
    help="Go the whole way without vendors and money; publishes to out-rehearsal/.",
)
@click.option(
    "--watch",
    "watches",
    is_flag=True,
    help="Run again whenever a file that the pipeline reads changes, and keep a page of the last run up to date.",
)
@click.option(
    "--page",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Where --watch writes its page (.editchain/watch/NAME.html by default).",
)
@click.option("--json", "as_json", is_flag=True, help="One event a line on standard output.")
def command(
    file: Path | None, options: tuple[str, ...], inputs_file: str | None, kept: str | None, **chosen: Any
) -> int:
    """Run a pipeline: what is stored is not made again, what fails leaves the rest alone, and running again goes on.

    Exits with 0 when everything is done, 1 when a task has no picture, 2 when the file is wrong, 3 when it may not run.
    """
    approved = None if kept is None else _approved(kept, file, options, inputs_file)
    if approved is not None:
        file, options, inputs_file = approved.pipeline, approved.options, approved.inputs_file
    if file is None:
        raise click.UsageError("Name a pipeline file, or a kept plan with --plan.")
    given = Given(options, inputs_file, None if approved is None else approved.folder)
    _refuse_together({**chosen, "kept": kept})
    if chosen["rehearse"]:
        return _rehearsed(file, given, chosen)
    if chosen["watches"]:
        from editchain.commands.following import Follower

        follower = Follower(file, chosen["page"], chosen["out"], as_json=chosen["as_json"])
        return follower.follow(lambda: _whole(file, given, None, chosen, follower))
    return _whole(file, given, approved, chosen)


def _whole(
    file: Path,
    given: Given,
    approved: KeptPlan | None,
    chosen: dict[str, Any],
    follower: Follower | None = None,
) -> int:
    """One run from the file to what was published; what turns out to be lost on the way is made again."""
    with Workspace.of(file) as workspace:
        lost: set[bytes] = set()
        while True:
            try:
                return _once(workspace, file, given, approved, chosen, follower)
            except (MissingObject, DamagedObject) as error:
                if error.digest in lost:
                    raise
                lost.add(error.digest)
                said = f"editchain: {error}".removesuffix(": run the pipeline again")
                say(f"{said}: it is made again where that costs nothing")


def _approved(kept: str, file: Path | None, options: tuple[str, ...], inputs_file: str | None) -> KeptPlan:
    """The plan that was kept; raises ConfigurationError where something else is asked for beside it."""
    from editchain.runs.approving import read

    approved = read(Path(kept))
    if options or inputs_file:
        raise ConfigurationError("--plan has its inputs from the plan: leave out -i and --inputs.")
    if file is not None and file.resolve() != approved.pipeline.resolve():
        raise ConfigurationError(f"{kept} is the plan of {showing.path(approved.pipeline)}, not of {file}.")
    return approved


def _rehearsed(file: Path, given: Given, chosen: dict[str, Any]) -> int:
    from editchain.commands.rehearsing import rehearse

    def targets(pipeline: Pipeline) -> Callable[[Step], bool] | None:
        return Selection.of(chosen).targets(pipeline)

    report, seconds = rehearse(file, given, chosen, targets, Selection.of(chosen).fresh_steps())
    _tell(report, seconds, as_json=chosen["as_json"])
    return report.exit_code


def _once(
    workspace: Workspace,
    file: Path,
    given: Given,
    approved: KeptPlan | None,
    chosen: dict[str, Any],
    follower: Follower | None,
) -> int:
    """Plans, brings what is elsewhere, and runs; a follower is told what was read and what came of it.

    Raises MissingObject or DamagedObject where a stored picture turns out to be gone.
    """
    from editchain.runs.running import Options

    found = _planned(workspace, file, given, chosen, follower)
    plan = found.plan
    chosen["messages"] = found.messages
    lock = found.preparation.locking(is_partial=Selection.of(chosen).is_partial)
    _refuse(plan, chosen)
    if approved is None:
        ceilings = ceilings_of(
            workspace, plan, chosen["budget"], follower.spent(workspace) if follower else None
        )
        agree(workspace, plan, ceilings, yes=chosen["yes"], asks_always=follower is not None)
    else:
        approved.hold(plan, found.digests)
        ceilings = (*ceilings_of(workspace, plan, chosen["budget"]), *approved.ceilings)
    out = chosen["out"] or str(workspace.root / "out")
    if as_text(out) != out:
        raise ConfigurationError(f"The path {visible(out)} is not UTF-8 text. Publish to another folder.")
    if os.path.exists(out) and not os.path.isdir(out):
        raise ConfigurationError(f"{visible(out)} is a file, and outputs go into a folder. Name one with -o.")
    can_be_short = plan.is_settled and not chosen["as_json"] and follower is None
    if can_be_short and _is_published(workspace, found, lock, out, chosen):
        return 0
    settings = Options(
        out,
        overwrite=chosen["overwrite"],
        prune=chosen["prune"],
        fail_fast=chosen["fail_fast"],
        rebuys=chosen["rebuy"],
        locking=lock,
        ceilings=ceilings,
        is_offline=chosen["offline"],
    )
    report, seconds = _go(workspace, found, settings, chosen, follower)
    _tell(report, seconds, as_json=chosen["as_json"])
    if report.locked.others:
        said = _otherwise(report.locked.others)
        if chosen["locked"]:
            raise Refused(f"--locked: {said}")
        say(f"notice: {said}")
    return report.exit_code


def _planned(
    workspace: Workspace, file: Path, given: Given, chosen: dict[str, Any], follower: Follower | None
) -> Planned:
    selection = Selection.of(chosen)
    choices = Choices(
        fresh=selection.fresh_steps(),
        retry_rejected=chosen["retry_rejected"],
        refreshes=chosen["refresh_inputs"],
        is_offline=chosen["offline"],
        is_locked=chosen["locked"],
        rebuys=chosen["rebuy"],
    )
    progress = Transfer("pulled", is_live=sys.stderr.isatty() and not chosen["as_json"])
    try:
        return planned(
            workspace,
            file,
            given,
            choices,
            targets=selection.targets,
            supplies=True,
            watch=progress.watch,
            seen=follower.saw if follower else None,
        )
    finally:
        progress.end()


def _otherwise(others: list[str]) -> str:
    """What to say of pictures that were made again and are not those of the lock."""
    named = (
        one_of(others[:3]) if len(others) <= 3 else f"{', '.join(others[:3])} and {len(others) - 3:,} more"
    )
    return (
        f"{counted(len(others), 'picture')} came out otherwise here than the lock says ({named}): "
        "libraries of another version may round differently. `editchain store pull` brings those of the lock."
    )


def _go(
    workspace: Workspace, found: Planned, settings: Options, chosen: dict[str, Any], follower: Follower | None
) -> tuple[Report, float]:

    from editchain.runs import running
    from editchain.runs.outcomes import Stop

    plan = found.plan
    events = sys.stdout if chosen["as_json"] else None
    stop = Stop()
    progress = reporting.Progress(
        sys.stderr,
        events,
        plan,
        is_live=sys.stderr.isatty() and events is None,
        unheard=lambda: stop.ask("SIGPIPE"),
    )
    progress.say(reporting.summary_line(plan))
    for notice in plan.notices:
        progress.say(f"notice: {notice}")
    for said in reporting.rejected_before(plan, found.preparation.refusals()):
        progress.say(said)
    run_id = running.new_run_id(workspace.now())
    if follower is not None:
        follower.began(run_id)
    progress.emit("run", id=run_id, pipeline=plan.pipeline.name, **running.summary(plan))

    async def work() -> Report:
        return await running.run(
            workspace,
            plan,
            found.digests,
            settings,
            watch=progress.watch,
            tell=progress.note,
            stop=stop,
            run_id=run_id,
        )

    return gone_through(work, progress, run_id)


def _is_published(
    workspace: Workspace, found: Planned, lock: Locking, out: str, chosen: dict[str, Any]
) -> bool:
    """Whether nothing is left to do, published files included; says so, writes nothing but the lock and a snapshot."""
    from editchain.plans.fusing import fuse
    from editchain.runs.recording import Publisher
    from editchain.runs.recovering import left_behind
    from editchain.runs.running import wanted_copies

    plan, journal = found.plan, workspace.look
    if journal is None or chosen["prune"] or fuse(plan).again or workspace.store.has_leftovers():
        return False
    if journal.open_calls() and not chosen["offline"] and left_behind(journal):
        return False
    publisher = Publisher(
        workspace.store, journal, out, str(plan.pipeline.path), None, overwrite=chosen["overwrite"]
    )
    publication, todo = publisher.look(wanted_copies(workspace, journal, plan))
    if todo or publication.left_alone:
        return False
    locking.write(lock, plan, journal, found.digests, workspace.store)
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


def _refuse_together(chosen: dict[str, Any]) -> None:
    """Raises ConfigurationError for options that contradict each other."""
    if chosen["page"] and not chosen["watches"]:
        raise ConfigurationError("--page goes with --watch; `editchain report` writes the page of a run.")
    for one, other in (
        *(("rehearse", name) for name in ("kept", "locked", "rebuy", "retry_rejected")),
        ("locked", "rebuy"),
        ("locked", "fresh"),
        ("locked", "refresh_inputs"),
        ("offline", "refresh_inputs"),
        # What is asked for once would be done again at each change.
        *(("watches", name) for name in ("kept", "locked", "rehearse", "rebuy", "fresh", "retry_rejected")),
        ("watches", "refresh_inputs"),
    ):
        if chosen[one] and chosen[other]:
            one, said = (
                {"kept": "plan", "watches": "watch"}.get(name, name.replace("_", "-"))
                for name in (one, other)
            )
            raise ConfigurationError(f"--{one} and --{said} do not go together.")


def _refuse(plan: Plan, chosen: dict[str, Any]) -> None:
    """Refuses what may not run: calls while offline, no way to a model, a step that is missing."""
    from editchain.runs.running import refuse_unreachable

    if chosen["only"] is not None:
        missing = [one.name for one in plan.steps if not is_part(one.step, chosen["only"]) and has_work(one)]
        if missing:
            raise ConfigurationError(
                f"--only {chosen['only']}: what it needs of {one_of(missing)} is not stored. Use --until {chosen['only']}."
            )
    if chosen["offline"] and plan.calls:
        raise Refused(offline(plan))
    refuse_unreachable(plan)

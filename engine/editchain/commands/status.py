"""editchain status: what is going on, or how a run went."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from editchain.commands import completing, showing
from editchain.commands.running_now import find_run, outcome_of, pipeline_of, run_json
from editchain.commands.saying import write_json
from editchain.commands.shared import nearest_workspace
from editchain.diagnostics import duration, visible
from editchain.runs.standing import owners_of, spent_of, state_of
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from editchain.journal.entries import Call, Owner, RunRecord, RunTask
    from editchain.journal.journal import Journal

RECENT = 200
MOST_TROUBLES = 40


@click.command("status", epilog="Examples:\n\n\b\n  editchain status\n  editchain status last")
@click.argument("run", required=False, shell_complete=completing.runs)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def command(run: str | None, as_json: bool) -> int:
    """Say what is going on in this workspace; with a RUN (its id, the beginning of it, or last), how that went."""
    with Workspace(nearest_workspace(Path.cwd())) as workspace:
        look, now = workspace.look, workspace.now()
        if run is not None:
            document, lines = _one(look, find_run(look, run), now)
        elif look is None:
            document, lines = {"running": [], "last": None, "open_calls": []}, ["Nothing ran here yet."]
        else:
            document, lines = _all(look, now)
    if as_json:
        write_json(document)
    else:
        click.echo("\n".join(lines))
    return 0


def _all(look: Journal, now: float) -> tuple[dict[str, Any], list[str]]:
    owners, records, calls = owners_of(look), look.runs(RECENT), look.open_calls()
    running = [one for one in records if state_of(one, owners) == "running"]
    last = next((one for one in records if one not in running), None)
    document = {
        "running": [_running_json(look, one, owners) for one in running],
        "last": None if last is None else run_json(last, state_of(last, owners)),
        "open_calls": [_call_json(one) for one in calls],
    }
    lines = [line for one in running for line in _running(look, one, owners, now)]
    if not running:
        lines.append("Nothing is going on.")
    if last is not None:
        when = showing.moment(last.started_at)
        lines.append(
            f"Last: {last.id}, {pipeline_of(last)}, {when}: {outcome_of(last, state_of(last, owners))}."
        )
    if calls:
        lines.append(f"{showing.many(len(calls), 'call')} at vendors without an end yet:")
        lines += [f"  {_call(one)}" for one in calls[:MOST_TROUBLES]]
    return document, lines


def _running_json(look: Journal, one: RunRecord, owners: Mapping[str, Owner]) -> dict[str, Any]:
    owner = owners[one.owner or ""]
    return {**run_json(one, "running"), "made": _made(look, one), "process": owner.pid, "host": owner.host}


def _made(look: Journal, one: RunRecord) -> int:
    """How many pictures a run has made that it has made known."""
    return sum(result.run == one.id for result in look.all_results())


def _running(look: Journal, one: RunRecord, owners: Mapping[str, Owner], now: float) -> Iterator[str]:
    owner = owners[one.owner or ""]
    since = duration(now - one.started_at)
    made = showing.many(_made(look, one), "picture")
    yield f"Running: {one.id}, {pipeline_of(one)}, for {since}, {made} made, {owner}."
    yield f"  editchain cancel {one.id}"


def _one(look: Journal | None, one: RunRecord, now: float) -> tuple[dict[str, Any], list[str]]:
    owners = {} if look is None else owners_of(look)
    state = state_of(one, owners)
    troubles = [] if look is None else look.run_tasks(one.id)
    calls = [] if look is None else look.calls(one.id)
    document = {
        "run": run_json(one, state),
        "troubles": [{"task": two.task, "outcome": two.outcome, "reason": two.reason} for two in troubles],
        "calls": [_call_json(two) for two in calls],
    }
    return document, list(_lines(one, state, troubles, calls, owners, now))


def _lines(
    one: RunRecord,
    state: Any,
    troubles: list[RunTask],
    calls: list[Call],
    owners: Mapping[str, Owner],
    now: float,
) -> Iterator[str]:
    yield f"{one.id}: {pipeline_of(one)}"
    yield f"  began    {showing.moment(one.started_at)}"
    if one.ended_at is not None:
        yield f"  ended    {showing.moment(one.ended_at)}, after {duration(one.ended_at - one.started_at)}"
    elif state == "running":
        yield f"  running  for {duration(now - one.started_at)}, {owners[one.owner or '']}"
    else:
        yield "  ended    without saying so: its process is gone. The same command goes on from there."
    yield f"  outcome  {outcome_of(one, state)}"
    if one.exit_code is not None:
        yield f"  exit     {one.exit_code}"
    if spent := spent_of(one):
        yield f"  spent    {', '.join(f'{amount} {currency}' for currency, amount in spent.items())}"
    for call in calls:
        yield f"  call     {_call(call)}"
    # What was merely stopped has no reason of its own: the outcome counts it.
    troubles = sorted(
        (two for two in troubles if two.outcome != "stopped"), key=lambda two: two.outcome == "skipped"
    )
    for trouble in troubles[:MOST_TROUBLES]:
        reason = f": {visible(trouble.reason)}" if trouble.reason else ""
        yield f"  {trouble.outcome} {visible(trouble.task)}{reason}"
    if len(troubles) > MOST_TROUBLES:
        yield f"  and {len(troubles) - MOST_TROUBLES:,} more without a picture"


def _call(one: Call) -> str:
    price = f", at most {one.price_most} {one.currency}" if one.price_most else ""
    vendor = f", {visible(one.vendor_id)} there" if one.vendor_id else ""
    tried = f", try {one.attempt}" if one.attempt > 1 else ""
    why = _why(one)
    reason = f": {visible(why)}" if why else ""
    return f"{one.id}: {one.model} at {one.provider}, {one.state}{tried}{vendor}{price}{reason}"


def _why(one: Call) -> str | None:
    """What is known of how a call came to be as it is: a refusal, a lost reply, what a person said."""
    from editchain.runs.books import Detail

    return Detail.of(one).why or None


def _call_json(one: Call) -> dict[str, Any]:
    return {
        "id": one.id, "provider": one.provider, "model": one.model, "state": one.state, "vendor_id": one.vendor_id,
        "charged": one.charged, "price_most": one.price_most, "currency": one.currency, "run": one.run,
        "attempt": one.attempt, "why": _why(one), "sent_at": showing.timestamp(one.sent_at),
    }  # fmt: skip

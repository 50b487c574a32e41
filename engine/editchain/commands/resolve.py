"""editchain resolve: calls whose outcome is unknown, and what a person says of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from editchain.commands import showing
from editchain.commands.saying import say, write_json
from editchain.commands.shared import nearest_workspace
from editchain.diagnostics import duration, visible
from editchain.errors import ConfigurationError
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from editchain.runs.resolving import Saying
    from editchain.runs.settling import Doubt


@click.command(
    "resolve",
    epilog="Examples:\n\n\b\n  editchain resolve\n  editchain resolve 3f9c --not-paid\n  editchain resolve 3f9c --fetch job_123",
)
@click.argument("call", required=False)
@click.option("--paid", is_flag=True, help="The vendor charged it; it is not asked for again by itself.")
@click.option("--not-paid", is_flag=True, help="The vendor did not charge it; the next run sends it again.")
@click.option(
    "--fetch",
    is_flag=False,
    flag_value="",
    metavar="[JOB]",
    help="Fetch its pictures now, by the vendor's id of the job.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def command(call: str | None, paid: bool, not_paid: bool, fetch: str | None, as_json: bool) -> int:
    """List the calls of which nobody knows whether they were charged, and settle them: CALL is its id, or its beginning.

    They are never sent again by themselves. Exits with 4 while there are any.
    """
    if paid + not_paid + (fetch is not None) > 1:
        raise ConfigurationError("--paid, --not-paid and --fetch do not go together; say one.")
    says_something = paid or not_paid or fetch is not None
    if says_something != (call is not None):
        raise ConfigurationError(
            "Name the CALL that you say this of."
            if says_something
            else "Say what became of it: --paid, --not-paid or --fetch JOB."
        )
    with Workspace(nearest_workspace(Path.cwd())) as workspace:
        settled = None
        if call is not None:
            settled = _settle(workspace, call, paid=paid, not_paid=not_paid, job=fetch)
        left = _doubts(workspace)
        document = {"settled": settled, "unknown": [_json(one, workspace) for one in left]}
        lines = list(_lines(left, workspace))
    if as_json:
        write_json(document)
    else:
        if settled is not None:
            say(settled["message"])
        if call is None or left:
            click.echo("\n".join(lines))
    return 4 if left else 1 if settled is not None and settled["said"] == "open" else 0


def _doubts(workspace: Workspace) -> list[Doubt]:
    from editchain.runs.settling import doubts

    look = workspace.look
    return [] if look is None else doubts(look)


# ---------------------------------------------------------------------- settling


def _settle(
    workspace: Workspace, name: str, *, paid: bool, not_paid: bool, job: str | None
) -> dict[str, Any]:
    import anyio

    from editchain.runs.resolving import resolve

    saying: Saying = "paid" if paid else "not-paid" if not_paid else "fetch"
    found = anyio.run(resolve, workspace, name, saying, job, lambda notice: say(notice.message))
    return found._asdict()


# ---------------------------------------------------------------------- showing


def _lines(left: list[Doubt], workspace: Workspace) -> Iterator[str]:
    from editchain.runs.resolving import place_to_look

    if not left:
        yield "No call is in doubt."
        return
    yield f"{showing.many(len(left), 'call')} of which nobody knows whether it was charged:"
    for one in left:
        call = one.call
        price = f"at most {call.price_most} {call.currency}" if call.price_most else "price unknown"
        yield f"  {call.id}  {call.model} at {call.provider}, {_age(one, workspace)} ago, {price}"
        if one.prompt:
            yield f"    asked for {showing.many(one.pictures, 'picture')}: {visible(one.prompt)}"
        if one.tasks:
            yield f"    for {visible(', '.join(one.tasks))}"
        yield f"    {visible(one.why)}"
        yield f"    look at {place_to_look(call)} for what was sent at {showing.moment(call.sent_at or 0)}"
    yield "editchain resolve CALL --paid, --not-paid or --fetch JOB settles one."


def _age(one: Doubt, workspace: Workspace) -> str:
    return duration(workspace.now() - (one.call.sent_at or workspace.now()))


def _json(one: Doubt, workspace: Workspace) -> dict[str, Any]:
    from editchain.runs.resolving import place_to_look

    call = one.call
    return {
        "id": call.id, "provider": call.provider, "model": call.model, "route": call.route, "tasks": list(one.tasks),
        "pictures": one.pictures, "prompt": one.prompt or None, "why": one.why, "look": place_to_look(call),
        "sent_at": showing.timestamp(call.sent_at),
        "age_seconds": max(0.0, round(workspace.now() - (call.sent_at or workspace.now()), 3)),
        "price_most": call.price_most, "currency": call.currency, "run": call.run,
    }  # fmt: skip

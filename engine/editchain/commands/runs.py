"""editchain runs: what ran."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from editchain.commands import showing
from editchain.commands.running_now import outcome_of, pipeline_of, run_json
from editchain.commands.saying import say, write_json
from editchain.commands.shared import nearest_workspace
from editchain.diagnostics import duration
from editchain.runs.standing import owners_of, state_of
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from editchain.journal.entries import RunRecord
    from editchain.runs.standing import State


@click.command("runs", epilog="Example: editchain runs -n 5")
@click.option(
    "-n", "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many at the most."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def command(limit: int, as_json: bool) -> int:
    """List the last runs in this workspace, the newest first."""
    with Workspace(nearest_workspace(Path.cwd())) as workspace:
        look = workspace.look
        records = [] if look is None else look.runs(limit)
        owners = {} if look is None else owners_of(look)
    found: list[tuple[RunRecord, State]] = [(one, state_of(one, owners)) for one in records]
    if as_json:
        write_json({"runs": [run_json(one, state) for one, state in found]})
    elif not found:
        say("Nothing ran here yet.")
    else:
        header = ("run", "began", "took", "exit", "what", "outcome")
        click.echo("\n".join(showing.table(header, [_row(one, state) for one, state in found])))
    return 0


def _row(one: RunRecord, state: State) -> tuple[str, ...]:
    took = "" if one.ended_at is None else duration(one.ended_at - one.started_at)
    code = "" if one.exit_code is None else str(one.exit_code)
    return one.id, showing.moment(one.started_at), took, code, pipeline_of(one), outcome_of(one, state)

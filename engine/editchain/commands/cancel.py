"""editchain cancel: asks a run to stop tidily."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from editchain.commands import completing, showing
from editchain.commands.running_now import find_run, pipeline_of
from editchain.commands.saying import say, write_json
from editchain.commands.shared import nearest_workspace
from editchain.runs.standing import owners_of, state_of
from editchain.runs.stopping import stop
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from editchain.journal.entries import Owner, RunRecord

Done = Literal["asked", "ended", "broken-off"]


@click.command("cancel", epilog="Example: editchain cancel last")
@click.argument("run", shell_complete=completing.runs)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def command(run: str, as_json: bool) -> int:
    """Ask a run on this machine to stop: RUN is its id, the beginning of it, or last.

    The run starts nothing more, keeps what is made, and ends with exit code 143. What was sent to a vendor
    stays bought and is collected by the next run. A run that has ended is left as it is.
    """
    with Workspace(nearest_workspace(Path.cwd())) as workspace:
        look = workspace.look
        found = find_run(look, run)
        owners = {} if look is None else owners_of(look)
        state = state_of(found, owners)
        owner = owners.get(found.owner or "")
        done: Done = "asked"
        if state == "running" and owner is not None:
            stop(owner, workspace.folder)
        else:
            done = "ended" if state == "ended" else "broken-off"
    if as_json:
        write_json(
            {"run": found.id, "done": done, "process": owner.pid if owner and done == "asked" else None}
        )
    else:
        say(_told(found, done, owner))
    return 0


def _told(run: RunRecord, done: Done, owner: Owner | None) -> str:
    if done == "ended":
        return f"{run.id} ended at {showing.moment(run.ended_at or 0)}: there is nothing to cancel."
    if done == "broken-off":
        return f"{run.id} goes on nowhere: its process is gone. The same command goes on from there."
    return (
        f"Asked {owner} to stop {run.id} ({pipeline_of(run)}). It starts nothing more and keeps what is made; "
        "the same command goes on from there."
    )

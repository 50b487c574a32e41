"""editchain cancel: asks a run to stop tidily."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from editchain import platform
from editchain.commands import completing, showing
from editchain.commands.base import say, write_json
from editchain.commands.running_now import find_run, pipeline_of
from editchain.commands.shared import nearest_workspace
from editchain.errors import ConfigurationError
from editchain.runs.standing import owners_of, state_of
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
            _stop(owner, str(workspace.folder))
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


def _stop(owner: Owner, folder: str) -> None:
    """Sends SIGTERM to the owner's process, once it is certain that it is that process."""
    if owner.host != platform.host():
        raise ConfigurationError(f"It runs on another machine, {owner.host or 'unknown'}: cancel it there.")
    if owner.boot_id != platform.boot_id():
        raise ConfigurationError(
            "It runs in another start of this machine, such as a container: cancel it there."
        )
    if owner.pid <= 1 or not is_process(owner, folder):
        raise ConfigurationError(
            f"Its process, {owner.pid}, is not to be seen from here, such as one in a container: cancel it there."
        )
    try:
        os.kill(owner.pid, signal.SIGTERM)
    except ProcessLookupError:
        raise ConfigurationError("Its process has just ended.") from None
    except PermissionError:
        raise ConfigurationError(
            f"Process {owner.pid} belongs to another user: they may cancel it."
        ) from None


def is_process(owner: Owner, folder: str) -> bool:
    """Whether the process of the owner's number here is the one that holds the owner's file.

    A number alone proves nothing: it is given anew, and means another process inside of a container.
    """
    held = Path(folder) / "owners" / owner.id
    open_files = Path(f"/proc/{owner.pid}/fd")
    if not Path("/proc/self/fd").is_dir():
        return _exists(owner.pid)
    with contextlib.suppress(OSError):
        return any(_is_same(link, held) for link in open_files.iterdir())
    return False


def _is_same(link: Path, held: Path) -> bool:
    with contextlib.suppress(OSError):
        return link.samefile(held)
    return False


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

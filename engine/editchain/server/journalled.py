"""Journalled: the runs of the command line, read from the journal for who works on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from editchain.errors import ConfigurationError, StoreError
from editchain.runs import outlining
from editchain.runs.standing import owners_of, state_of
from editchain.runs.stopping import stop
from editchain.server.asking import Refusal
from editchain.server.carrying import costs_of
from editchain.server.standing import record_document
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from editchain.journal.entries import Owner, RunRecord
    from editchain.journal.journal import Journal

OURS = "serve"
"""What the server's own runs are called in the journal: they are on its shelf."""
MOST_LOOKED_AT = 2000


def runs(root: Path, after: tuple[float, str] | None, limit: int) -> list[tuple[float, str, dict[str, Any]]]:
    """The last runs, each with its moment and id, older than `after`, the newest first. Raises StoreError."""
    with Workspace(root) as workspace:
        look = workspace.look
        if look is None:
            return []
        found = [
            one
            for one in look.runs(MOST_LOOKED_AT)
            if one.command != OURS and (after is None or (one.started_at, one.id) < after)
        ]
        owners = owners_of(look)
        return [(one.started_at, one.id, _document(workspace, look, one, owners)) for one in found[:limit]]


def run(root: Path, name: str) -> dict[str, Any] | None:
    """A run of the command line. Raises StoreError."""
    with Workspace(root) as workspace:
        look = workspace.look
        record = None if look is None else look.run(name)
        if look is None or record is None or record.command == OURS:
            return None
        return _document(workspace, look, record, owners_of(look))


def cancel(root: Path, name: str) -> dict[str, Any] | None:
    """Asks a run of the command line to stop, as `editchain cancel` does; gives it as it then is, None where there is none.

    Raises Refusal where it cannot be asked, and StoreError.
    """
    with Workspace(root) as workspace:
        look = workspace.look
        record = None if look is None else look.run(name)
        if look is None or record is None or record.command == OURS:
            return None
        owners = owners_of(look)
        owner = owners.get(record.owner or "")
        if record.ended_at is not None or owner is None:
            raise Refusal(409, f"Run {name} has ended: there is nothing to cancel")
        try:
            stop(owner, workspace.folder)
        except ConfigurationError as error:
            raise Refusal(409, str(error)) from None
        return _document(workspace, look, record, owners)


def costs(root: Path, name: str) -> dict[str, str]:
    """What the calls of a run cost, by currency. Raises StoreError."""
    with Workspace(root) as workspace:
        return {} if workspace.look is None else costs_of(workspace.look, name)


def _document(
    workspace: Workspace, look: Journal, one: RunRecord, owners: dict[str, Owner]
) -> dict[str, Any]:
    try:
        outline = outlining.read(workspace.folder, one.id)
    except StoreError:  # damaged: only pages need it
        outline = None
    return record_document(one, state_of(one, owners), outline, workspace.root, len(look.calls(one.id)))

"""What the journal says of runs: which go on, which ended, and which were broken off."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from editchain.commands import showing
from editchain.diagnostics import did_you_mean, visible
from editchain.errors import ConfigurationError
from editchain.runs.standing import counts_of, spent_of

if TYPE_CHECKING:
    from editchain.journal.entries import RunRecord
    from editchain.journal.journal import Journal
    from editchain.runs.standing import State

MOST_LOOKED_AT = 10_000
"""How many of the last runs the beginning of an id is looked for among."""


def find_run(look: Journal | None, name: str) -> RunRecord:
    """The run of an id, of the beginning of one, or `last`; raises ConfigurationError."""
    if look is not None:
        whole = look.run(name) if name.isascii() else None
        if whole is not None:
            return whole
        runs = look.runs(MOST_LOOKED_AT)
        found = runs[:1] if name == "last" else [one for one in runs if name and one.id.startswith(name)]
        if len(found) == 1:
            return found[0]
        if found:
            raise ConfigurationError(f'{len(found)} runs begin with "{visible(name)}"; give more of the id.')
        near = did_you_mean(name, [one.id for one in runs[:200]])
        raise ConfigurationError(
            f'There is no run "{visible(name)}". {near or "`editchain runs` lists them."}'
        )
    raise ConfigurationError("Nothing ran here yet, so there is no such run.")


def outcome_of(run: RunRecord, state: State) -> str:
    """How it stands, in a few words: outcomes with their numbers."""
    if state == "running":
        return "running"
    if state == "broken-off":
        return "broken off"
    counts = ", ".join(f"{count:,} {name}" for name, count in counts_of(run).items())
    return counts or run.outcome or "ended"


def pipeline_of(run: RunRecord) -> str:
    """What ran, as people know it: the pipeline's path, or the edit that was asked for at once."""
    if run.command == "edit":
        return f"edit {visible(Path(run.pipeline).stem.rpartition('-')[0])}"
    return showing.path(run.pipeline)


def run_json(run: RunRecord, state: State) -> dict[str, Any]:
    """A run as a document has it."""
    return {
        "id": run.id, "command": run.command, "pipeline": run.pipeline, "state": state, "outcome": run.outcome,
        "exit_code": run.exit_code, "counts": counts_of(run), "spent": spent_of(run),
        "started_at": showing.timestamp(run.started_at), "ended_at": showing.timestamp(run.ended_at),
    }  # fmt: skip

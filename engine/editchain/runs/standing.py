"""How a run of the journal stands: whether it goes on, ended, or was broken off."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from editchain.journal.entries import Owner, RunRecord
    from editchain.journal.journal import Journal

State = Literal["running", "ended", "broken-off"]


def owners_of(look: Journal) -> dict[str, Owner]:
    """The processes that work on the store, by id."""
    return {owner.id: owner for owner in look.owners()}


def state_of(run: RunRecord, owners: Mapping[str, Owner]) -> State:
    """Whether a run goes on, ended, or lost its process before it could say how it ended."""
    if run.ended_at is not None:
        return "ended"
    return "running" if run.owner in owners else "broken-off"


def counts_of(run: RunRecord) -> dict[str, int]:
    """Outcome to number of tasks; empty until the run ended."""
    found: dict[str, int] = json.loads(run.counts)
    return {name: count for name, count in found.items() if count}


def spent_of(run: RunRecord) -> dict[str, str]:
    """Currency to what the run cost."""
    found: dict[str, str] = json.loads(run.spent)
    return found

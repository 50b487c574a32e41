"""Overhearing: the events of a run of the command line, made out of what the journal says of it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from editchain.errors import StoreError
from editchain.runs import outlining
from editchain.runs.outlining import PREFIX_BYTES
from editchain.runs.standing import owners_of, state_of
from editchain.server.asking import Refusal
from editchain.server.journalled import OURS
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from editchain.journal.entries import Call, Result, RunRecord
    from editchain.journal.journal import Journal
    from editchain.runs.outlining import Outline

MICRO = 1_000_000

Event = dict[str, Any]


def overhearing(root: Path, *, run: str, after: int, **_: Any) -> dict[str, Any]:
    """What there is to tell of a run beyond an event, an id and an event each, and whether it goes on. Raises Refusal."""
    with Workspace(root) as workspace:
        look = workspace.look
        record = None if look is None else look.run(run)
        if look is None or record is None or record.command == OURS:
            raise Refusal(404, f"Run {run[:80]} not found")
        goes_on = state_of(record, owners_of(look)) == "running"
        try:
            outline = outlining.read(workspace.folder, run)
        except StoreError:  # damaged: tasks are told without their names
            outline = None
        told = [one for one in numbered(record.started_at, _events(look, record, outline)) if one[0] > after]
        return {"told": told, "goes_on": goes_on}


def numbered(start: float, events: Iterable[tuple[float, Event]]) -> Iterator[tuple[int, Event]]:
    """Events with ids that grow: microseconds since the start, so that an event has the same one whenever it is told."""
    last = 0
    for moment, event in events:
        last = max(last + 1, round((moment - start) * MICRO))
        yield last, {"version": 1, **event}


def _events(look: Journal, record: RunRecord, outline: Outline | None) -> Iterator[tuple[float, Event]]:
    """What happened, and when: pictures in the order in which they were made; what came to nothing is known at the end."""
    keys = look.run_keys(record.id) or []
    stored = {**look.passed(keys), **look.results(keys)}
    made = sorted((one for one in stored.values() if one.run == record.id), key=lambda one: one.made_at)
    calls = {one.id: one for one in look.calls(record.id)}
    cached = len(stored) - len(made)
    total = len(keys) if outline is None else sum(len(step.keys) for step in outline.steps)
    yield record.started_at, {
        "event": "run", "id": record.id, "pipeline": record.pipeline if outline is None else outline.name,
        "tasks": total, "cached": cached, "known": 0, "to_run": total - cached, "calls": len(calls),
        "rejected": 0, "unneeded": 0,
    }  # fmt: skip
    names = {} if outline is None else outline.names()
    for one in made:
        name = names.get(one.key[:PREFIX_BYTES], one.key.hex())
        yield one.made_at, _task(name, "done", None, _seconds(one, calls))
    if record.ended_at is None:
        return
    troubles = look.run_tasks(record.id)
    for trouble in troubles:
        yield record.ended_at, _task(trouble.task, trouble.outcome, trouble.reason, None)
    outcomes = Counter(["done"] * len(made) + [one.outcome for one in troubles])
    published = [one.path for one in look.published_by(record.pipeline) if one.run == record.id]
    yield record.ended_at, {
        "event": "end", "id": record.id, "exit_code": record.exit_code, "counts": dict(outcomes),
        "published": published, "left_alone": [],
    }  # fmt: skip


def _task(name: str, outcome: str, message: str | None, seconds: float | None) -> Event:
    return {
        "event": "task", "task": name, "step": name.partition("[")[0], "outcome": outcome, "message": message,
        "seconds": seconds,
    }  # fmt: skip


def _seconds(one: Result, calls: Mapping[str, Call]) -> float | None:
    """How long it took, where a call made it: of other pictures only the moment is kept."""
    call = calls.get(one.call or "")
    if call is None or call.intent_at is None or call.ended_at is None:
        return None
    return round(max(0.0, call.ended_at - call.intent_at), 3)

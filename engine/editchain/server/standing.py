"""Standing: runs as clients read them, those that were asked for here and those of the command line. Pure."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from editchain.runs.standing import counts_of, spent_of
from editchain.server.showing import date

if TYPE_CHECKING:
    from collections.abc import Mapping

    from editchain.journal.entries import RunRecord
    from editchain.runs.outlining import Outline
    from editchain.runs.standing import State
    from editchain.server.rows import AskedRun, Asset, RunStatus


ENDED: tuple[RunStatus, ...] = ("done", "failed", "waiting", "stopped")
CANCELLED = 143
"""The exit code of a command that was told to stop."""


def status_of(exit_code: int) -> RunStatus:
    """How a run stands that ended with this exit code of the command."""
    if exit_code == 0:
        return "done"
    if exit_code == 4:
        return "waiting"
    return "stopped" if exit_code in (3, 130, CANCELLED) else "failed"


def run_document(one: AskedRun, counts: Mapping[str, int]) -> dict[str, Any]:
    """A run that was asked for here; `counts` are its tasks by outcome so far."""
    planned: dict[str, int] = json.loads(one.planned)
    options: dict[str, Any] = json.loads(one.options)
    cost = None if one.cost is None else {"amount": one.cost, "currency": one.currency}
    return {
        "id": one.id,
        "pipeline": one.pipeline,
        "file": one.file,
        "status": one.status,
        "is_cancelled": bool(one.is_cancelled),
        "command": "serve",
        "inputs": json.loads(one.inputs),
        "options": options,
        "tasks": {"total": planned["tasks"], "cached": planned["cached"], "to_run": planned["to_run"], "ended": dict(counts)},
        "calls": one.calls,
        "cost": cost,
        "spent": json.loads(one.spent),
        "exit_code": one.exit_code,
        "error": one.error,
        "repeats": one.source,
        "created_at": date(one.created_at),
        "started_at": None if one.started_at is None else date(one.started_at),
        "ended_at": None if one.ended_at is None else date(one.ended_at),
    }  # fmt: skip


def record_document(
    one: RunRecord, state: State, outline: Outline | None, root: Path, calls: int
) -> dict[str, Any]:
    """A run of the command line, in the same shape: what nobody kept of it is null."""
    file = os.path.relpath(one.pipeline, root).replace(os.sep, "/")
    status = "running" if state == "running" else "stopped"
    if one.exit_code is not None:
        status = status_of(one.exit_code)
    inputs = {} if outline is None else {each.name: each.text for each in outline.inputs}
    total = None if outline is None else sum(key is not None for step in outline.steps for key in step.keys)
    counts = counts_of(one)
    return {
        "id": one.id,
        "pipeline": Path(one.pipeline).stem if outline is None else outline.name,
        "file": None if file.startswith("../") else file,
        "status": status,
        "is_cancelled": False,
        "command": one.command,
        "inputs": inputs,
        "options": {},
        "tasks": {"total": total, "cached": counts.get("cached"), "to_run": None, "ended": counts},
        "calls": calls,
        "cost": None,
        "spent": spent_of(one),
        "exit_code": one.exit_code,
        "error": None,
        "repeats": None,
        "created_at": date(one.started_at),
        "started_at": date(one.started_at),
        "ended_at": None if one.ended_at is None else date(one.ended_at),
    }


def output_document(one: Asset, url: str) -> dict[str, Any]:
    """A picture of a run; `url` is where its bytes are, without credentials, for a while."""
    made = json.loads(one.metadata)
    name, task = made["output"], made["task"]
    return {
        "name": name,
        "key": task.partition("[")[2].removesuffix("]"),
        "task": task,
        "path": made["path"],
        "asset": one.id,
        "url": url,
        "digest": f"sha256:{one.digest}",
        "type": one.media_type,
        "size": one.size,
        "width": one.width,
        "height": one.height,
    }

"""Recalling: what a run was given, as a new one takes it: one that was asked for here, or one of the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio.to_thread

from editchain.artifacts import kind_of
from editchain.errors import StoreError
from editchain.runs import outlining
from editchain.server import finding, giving
from editchain.server.asking import Refusal
from editchain.server.giving import Asked, Local
from editchain.server.handling import desk_of
from editchain.server.journalled import OURS
from editchain.server.keys import LOCAL
from editchain.server.pipelines import declared
from editchain.server.readying import Wanted
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from starlette.requests import Request

    from editchain.runs.outlining import Outline
    from editchain.server.keys import Caller


class Recalled(NamedTuple):
    """What a run was given, and to which pipeline."""

    pipeline: str
    asked: Asked


async def recall(request: Request, caller: Caller, run: str) -> Recalled:
    """What a run was given. Pictures of the command line are taken in, as they are by now. Raises Refusal."""
    desk = desk_of(request)
    found = desk.shelf.run(caller.project, run)
    if found is not None:
        wanted = Wanted.of({**json.loads(found.given), **json.loads(found.options)})
        return Recalled(found.pipeline, Asked(wanted, json.loads(found.inputs), ()))
    if caller.key != LOCAL:
        raise Refusal(404, f"Run {run[:80]} not found")
    pipeline, given = await anyio.to_thread.run_sync(_given, desk.settings.root, run)
    asked = await giving.take(desk, caller.project, given, await declared(desk, pipeline))
    return Recalled(pipeline, asked)


def _given(root: Path, run: str) -> tuple[str, dict[str, Any]]:
    """The pipeline of a run of the command line, and its inputs. Raises Refusal and StoreError."""
    with Workspace(root) as workspace:
        record = None if workspace.look is None else workspace.look.run(run)
        if record is None or record.command == OURS:
            raise Refusal(404, f"Run {run[:80]} not found")
        try:
            outline = outlining.read(workspace.folder, run)
        except StoreError:  # damaged
            outline = None
    if outline is None:
        raise Refusal(409, f"Of run {run} only its numbers are kept, not what it was given")
    name = next((one.name for one in finding.places(root).values() if str(one.path) == outline.path), None)
    if name is None:
        raise Refusal(409, f"The pipeline of run {run} is none of this workspace any more")
    return name, _inputs(outline)


def _inputs(outline: Outline) -> dict[str, Any]:
    given = {}
    for one in outline.inputs:
        if one.is_given and one.given is None:
            raise Refusal(
                409,
                f"Input {one.name} had {one.size:,} values, more than are kept: run it from the command line",
            )
        if one.is_given:
            given[one.name] = _value(one.given)
    return given


def _value(value: Any) -> Any:
    """A value with its pictures: by address, or on this machine."""
    if isinstance(value, list):
        return [_value(one) for one in value]
    if isinstance(value, dict) and value.keys() == {outlining.PICTURE}:
        place: str = value[outlining.PICTURE]
        return Local(place) if kind_of(place) is None else place
    return _row(value) if isinstance(value, dict) else value


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {column: _value(cell) for column, cell in row.items()}

"""Runs: listed, read, followed while they go on, cancelled, repeated, and their pictures."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import anyio.to_thread
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from editchain.server import assets, journalled
from editchain.server.asking import Refusal
from editchain.server.handling import caller_of, desk_of, idempotency_of, page_size_of, token_of
from editchain.server.keys import LOCAL
from editchain.server.listening import overheard, stream
from editchain.server.pipelines import accept
from editchain.server.recalling import recall
from editchain.server.standing import ENDED, output_document, run_document

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from editchain.server.keys import Caller
    from editchain.server.rows import AskedRun

MOST_RUNS, MOST_OUTPUTS = 100, 500


async def listed(request: Request) -> Response:
    """`GET /v1/runs`: those of the project, the newest first; who needs no key sees those of the command line too."""
    caller, desk = caller_of(request), desk_of(request)
    size = page_size_of(request, 50, MOST_RUNS)
    after, query = token_of(request), request.query_params
    found = desk.shelf.runs(
        caller.project,
        pipeline=query.get("pipeline"),
        status=query.get("status"),
        after=after,
        limit=size + 1,
    )
    rows = [(one.created_at, one.id, run_document(one, desk.conductor.counts(one))) for one in found]
    if caller.key == LOCAL:
        others = await anyio.to_thread.run_sync(journalled.runs, desk.settings.root, after, size + 1)
        rows += [
            row
            for row in others
            if all(query.get(name) in (None, row[2][name]) for name in ("pipeline", "status"))
        ]
    rows.sort(key=lambda row: row[:2], reverse=True)
    document: dict[str, Any] = {"runs": [shown for _, _, shown in rows[:size]]}
    if len(rows) > size:
        token = json.dumps(rows[size - 1][:2]).encode()
        document["nextPaginationToken"] = base64.urlsafe_b64encode(token).decode("ascii")
    return JSONResponse(document)


async def read(request: Request) -> Response:
    """`GET /v1/runs/{runId}`: how a run stands."""
    caller, desk = caller_of(request), desk_of(request)
    run = desk.shelf.run(caller.project, request.path_params["run"])
    if run is not None:
        return JSONResponse({"run": run_document(run, desk.conductor.counts(run))})
    return JSONResponse({"run": await _of_the_journal(request, caller)})


async def _of_the_journal(request: Request, caller: Caller) -> dict[str, Any]:
    name = request.path_params["run"]
    found = None
    if caller.key == LOCAL:
        found = await anyio.to_thread.run_sync(journalled.run, desk_of(request).settings.root, name)
    if found is None:
        raise Refusal(404, f"Run {name[:80]} not found")
    return found


def _asked(request: Request, caller: Caller) -> AskedRun:
    name = request.path_params["run"]
    found = desk_of(request).shelf.run(caller.project, name)
    if found is None:
        raise Refusal(404, f"Run {name[:80]} not found")
    return found


async def cancel(request: Request) -> Response:
    """`POST /v1/runs/{runId}/cancel`: it starts nothing more and keeps what is made."""
    caller, desk = caller_of(request), desk_of(request)
    name = request.path_params["run"]
    if caller.key == LOCAL and desk.shelf.run(caller.project, name) is None:
        found = await anyio.to_thread.run_sync(journalled.cancel, desk.settings.root, name)
        if found is not None:
            return JSONResponse({"run": {**found, "is_cancelled": True}})
    run = _asked(request, caller)
    if run.status in ENDED:
        raise Refusal(409, f"Run {run.id} has ended: there is nothing to cancel")
    run = await desk.conductor.cancel(run)
    return JSONResponse({"run": run_document(run, desk.conductor.counts(run))})


async def repeat(request: Request) -> Response:
    """`POST /v1/runs/{runId}/repeat`: a new run of the same pipeline with the same inputs; what is stored is not made again."""
    caller, name = caller_of(request), request.path_params["run"]
    found = await recall(request, caller, name)
    token = idempotency_of(request)
    return await accept(request, caller, found.pipeline, found.asked, token=token, source=name)


async def inputs(request: Request) -> Response:
    """`POST /v1/runs/{runId}/inputs`: what a run was given, as a new one takes it; its files are taken in as assets."""
    caller = caller_of(request)
    found = await recall(request, caller, request.path_params["run"])
    await anyio.to_thread.run_sync(desk_of(request).shelf.put_assets, found.asked.new)
    return JSONResponse({"pipeline": found.pipeline, "inputs": found.asked.inputs})


async def outputs(request: Request) -> Response:
    """`GET /v1/runs/{runId}/outputs`: its pictures, each with an address that needs no credentials."""
    caller, desk = caller_of(request), desk_of(request)
    run = _asked(request, caller)
    size = page_size_of(request, 100, MOST_OUTPUTS)
    said = request.query_params.get("paginationToken") or "0"
    if not said.isascii() or not said.isdigit() or len(said) > 9:
        raise Refusal(400, "Input paginationToken is none that this server gave")
    found = desk.shelf.assets_of(caller.project, run.id, start=int(said), limit=size + 1)
    rows = [output_document(one, assets.address(request, one)) for one in found[:size]]
    more = {"nextPaginationToken": str(found[size].output_index)} if len(found) > size else {}
    return JSONResponse({"outputs": rows, **more})


async def events(request: Request) -> Response:
    """`GET /v1/runs/{runId}/events`: server-sent events, from the start or from where the client left off."""
    caller, desk = caller_of(request), desk_of(request)
    said = request.headers.get("last-event-id") or request.query_params.get("after", "0")
    if not said.isascii() or not said.isdigit() or len(said) > 15:
        raise Refusal(400, "Input after is no id of an event")
    after, name = int(said), request.path_params["run"]
    if caller.key == LOCAL and desk.shelf.run(caller.project, name) is None:
        found = await desk.hands.look("overhearing", run=name, after=after)
        if not found["told"] and not found["goes_on"]:
            return _nothing_more()
        desk.listeners.enter(caller.project)
        return _streamed(overheard(desk, caller.project, name, after))
    run = _asked(request, caller)
    try:
        told = await anyio.to_thread.run_sync(desk.telling.read, run.id, after)
    except ValueError:
        raise Refusal(400, "Input after is no id of an event of this run") from None
    if run.status in ENDED and after and not told:
        return _nothing_more()
    desk.listeners.enter(caller.project)
    return _streamed(stream(desk, caller.project, run.id, after))


def _nothing_more() -> Response:
    """What tells a browser not to ask again."""
    return Response(status_code=204)


def _streamed(events: AsyncIterator[bytes]) -> Response:
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


ROUTES = [
    Route("/runs", listed),
    Route("/runs/{run}", read),
    Route("/runs/{run}/events", events),
    Route("/runs/{run}/outputs", outputs),
    Route("/runs/{run}/cancel", cancel, methods=["POST"]),
    Route("/runs/{run}/inputs", inputs, methods=["POST"]),
    Route("/runs/{run}/repeat", repeat, methods=["POST"]),
]

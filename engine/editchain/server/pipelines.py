"""Pipelines: those of the workspace listed and described, planned, and accepted as runs."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio.to_thread
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from editchain.server import finding, giving
from editchain.server.asking import Refusal
from editchain.server.conducting import new_id
from editchain.server.handling import caller_of, check_room, check_stored, desk_of, idempotency_of
from editchain.server.reserving import Price, refuse_beyond
from editchain.server.rows import AskedRun
from editchain.server.standing import run_document

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from editchain.server.desk import Desk
    from editchain.server.giving import Asked
    from editchain.server.keys import Caller
    from editchain.server.readying import Wanted


async def listed(request: Request) -> Response:
    """`GET /v1/pipelines`: those of the workspace."""
    caller_of(request)
    return JSONResponse({"pipelines": await desk_of(request).hands.look("listing")})


async def read(request: Request) -> Response:
    """`GET /v1/pipelines/{name}`: its inputs, steps, outputs and problems."""
    caller_of(request)
    found = await desk_of(request).hands.look("describing", name=request.path_params["pipeline"])
    return JSONResponse({"pipeline": found})


async def plan(request: Request) -> Response:
    """`POST /v1/pipelines/{name}/plan`: what a run would do, and its price; nothing is kept, done or spent."""
    caller, desk = caller_of(request), desk_of(request)
    name = request.path_params["pipeline"]
    asked = await giving.read(request, caller, await declared(desk, name))
    document = await desk.hands.look_text("planning", name=name, wanted=asked.wanted.document())
    return Response(document, media_type="application/json")


async def start(request: Request) -> Response:
    """`POST /v1/pipelines/{name}/runs`: accepted once it is on disk."""
    caller, desk = caller_of(request), desk_of(request)
    name = request.path_params["pipeline"]
    token = idempotency_of(request)
    asked = await giving.read(request, caller, await declared(desk, name))
    return await accept(request, caller, name, asked, token=token)


async def declared(desk: Desk, name: str) -> dict[str, Mapping[str, Any]]:
    """The inputs of a pipeline as its file declares them. Raises Refusal where there is none."""

    def find() -> dict[str, Mapping[str, Any]]:
        place = finding.places(desk.settings.root).get(name)
        if place is None:
            raise Refusal(404, f"Pipeline {name[:80]} not found")
        inputs = finding.head(place.path).get("inputs")
        found = inputs if isinstance(inputs, dict) else {}
        return {str(key): raw for key, raw in found.items() if isinstance(raw, dict)}

    return await anyio.to_thread.run_sync(find)


async def accept(
    request: Request, caller: Caller, name: str, asked: Asked, *, token: str | None, source: str | None = None
) -> Response:
    """Accepts a run, or gives the one that the same token began. Raises Refusal."""
    desk, wanted = desk_of(request), asked.wanted
    print_ = wanted.fingerprint(name)
    if token is not None and (known := desk.shelf.run_by_token(caller.project, token)) is not None:
        return _reply(request, known, print_)
    check_room(desk, caller)
    await check_stored(desk, caller, sum(one.size for one in asked.new))
    found = await desk.hands.look("accepting", name=name, wanted=wanted.document())
    price = Price(**found["price"])
    check = partial(refuse_beyond, caller.limits, price) if caller.limits.spending else None
    if check is not None:
        check(desk.shelf.spent(caller.project))
    cost, currency = price.ceiling
    now = desk.settings.now()
    run = AskedRun(
        new_id(now), caller.project, name, found["file"], "queued", json.dumps(asked.inputs), _given(wanted), _options(wanted),
        json.dumps(found["summary"]), calls=price.calls, cost=cost, currency=currency, token=token, fingerprint=print_,
        source=source, created_at=now,
    )  # fmt: skip
    begun = await anyio.to_thread.run_sync(desk.shelf.begin_run, run, asked.new, check)
    if begun is run:
        desk.conductor.crew.begin(run.id)
    return _reply(request, begun, print_)


def _given(wanted: Wanted) -> str:
    document = wanted.document()
    return json.dumps({"given": document["given"], "pictures": document["pictures"]})


def _options(wanted: Wanted) -> str:
    document = wanted.document()
    return json.dumps({name: document[name] for name in giving.OPTIONS})


def _reply(request: Request, run: AskedRun, fingerprint: str) -> Response:
    if run.fingerprint != fingerprint:
        raise Refusal(422, "This Idempotency-Key began a run of something else")
    desk = desk_of(request)
    base = str(request.base_url).rstrip("/").removesuffix("/v1")
    headers = {"Location": f"{base}/v1/runs/{run.id}", "x-should-retry": "false"}
    return JSONResponse({"run": run_document(run, desk.conductor.counts(run))}, 202, headers)


ROUTES = [
    Route("/pipelines", listed),
    Route("/pipelines/{pipeline:path}/plan", plan, methods=["POST"]),
    Route("/pipelines/{pipeline:path}/runs", start, methods=["POST"]),
    Route("/pipelines/{pipeline:path}", read),
]

"""Calls in doubt: those of which nobody knows whether they were charged, listed and settled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from editchain.server.asking import Refusal
from editchain.server.handling import caller_of, desk_of, json_of
from editchain.server.keys import LOCAL

if TYPE_CHECKING:
    from starlette.requests import Request

    from editchain.server.keys import Caller


async def listed(request: Request) -> Response:
    """`GET /v1/calls?state=unknown`: those of the project's runs; who needs no key sees all."""
    caller = caller_of(request)
    if request.query_params.get("state", "unknown") != "unknown":
        raise Refusal(400, "Input state must be unknown: other calls need nothing of a person")
    return JSONResponse({"calls": await _doubts(request, caller)})


async def resolve(request: Request) -> Response:
    """`POST /v1/calls/{callId}/resolve`: says whether one was charged, or fetches what its job made."""
    caller = caller_of(request)
    body = await json_of(request, caller, "callSaying")
    saying, job = body["outcome"], (body.get("job") or "").strip() or None
    if (saying == "fetch") != (job is not None):
        raise Refusal(400, "Input job is the vendor's id of the job, and goes with the outcome fetch")
    name = request.path_params["call"]
    if name not in [one["id"] for one in await _doubts(request, caller)]:
        raise Refusal(404, f"No call {name[:80]} is in doubt")
    found = await desk_of(request).hands.look("resolving", call=name, saying=saying, job=job)
    return JSONResponse({"call": found})


async def _doubts(request: Request, caller: Caller) -> list[dict[str, Any]]:
    desk = desk_of(request)
    found: list[dict[str, Any]] = await desk.hands.look("doubting")
    if caller.key == LOCAL:
        return found
    return [one for one in found if desk.shelf.has_run(caller.project, one["run"])]


ROUTES = [
    Route("/calls", listed),
    Route("/calls/{call}/resolve", resolve, methods=["POST"]),
]

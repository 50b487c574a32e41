"""Asking for edits: the deprecated endpoint and the one of each model; priced, refused or accepted."""

from __future__ import annotations

import json
import secrets
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio.to_thread
from starlette.responses import JSONResponse
from starlette.routing import Route

from editchain.server import bodies, showing
from editchain.server.asking import Refusal, Wish, custom_wish, legacy_defaults, legacy_wish, offer_name
from editchain.server.describing import LEGACY, legacy, offers
from editchain.server.handling import caller_of, check_room, check_stored, desk_of, idempotency_of, json_of
from editchain.server.reserving import refuse_beyond
from editchain.server.rows import Job

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from editchain.server.keys import Caller

CUSTOM = "custom"
DRY = 269
"""The status of an answer that says what a request would cost; a success."""


async def prompt_editing(request: Request) -> Response:
    """`POST /v1/generate/prompt-editing`: the seed's request, its defaults, rules and fall-backs."""
    caller = caller_of(request)
    body = {name: one for name, one in (await json_of(request, caller)).items() if one is not None}
    offer = legacy(desk_of(request).workspace.catalogue, offer_name(body))
    wish = legacy_wish(offer, body)
    bodies.check("promptEditing", body)
    return await _accepted(request, caller, LEGACY, offer.id, wish, {**legacy_defaults(), **body})


async def custom(request: Request) -> Response:
    """`POST /v1/generate/custom/{modelId}`: a model by the inputs that its record lists."""
    caller = caller_of(request)
    name = request.path_params["model"]
    offer = offers(desk_of(request).workspace.catalogue).get(name)
    if offer is None:
        raise Refusal(404, f"Model {name[:80]} not found")
    body = await json_of(request, caller)
    return await _accepted(request, caller, CUSTOM, offer.id, custom_wish(offer, body), body)


async def _accepted(
    request: Request, caller: Caller, kind: str, model: str, wish: Wish, said: dict[str, Any]
) -> Response:
    desk = desk_of(request)
    action = showing.JOB_TYPES.get(kind, "custom-generation")
    token = idempotency_of(request)
    if token is not None and (known := desk.shelf.job_by_token(caller.project, token)) is not None:
        return _reply(known, action)
    await check_stored(desk, caller)
    taken, price = await desk.worker.plan(caller.project, wish)
    check = partial(refuse_beyond, caller.limits, price) if caller.limits.spending else None
    if check is not None:
        check(desk.shelf.spent(caller.project))
    cost, currency = price.ceiling
    if request.query_params.get("dryRun"):
        return JSONResponse(showing.costs(cost, currency, action), DRY)
    check_room(desk, caller)
    now = desk.settings.now()
    date = showing.date(now)
    job = Job(
        f"job_{secrets.token_urlsafe(15)}", caller.project, kind, model, "queued", json.dumps(taken.document()),
        json.dumps(_shortened(said)), history=json.dumps([{"status": "queued", "date": date}]), calls=price.calls,
        cost=cost, currency=currency, token=token, created_at=now, updated_at=now,
    )  # fmt: skip
    begun = await anyio.to_thread.run_sync(desk.shelf.begin_job, job, check)
    if begun is job:
        desk.worker.crew.begin(job.id)
    return _reply(begun, action)


def _reply(job: Job, action: str) -> Response:
    answer = {"job": showing.job(job), **showing.costs(job.cost, job.currency, action)}
    return JSONResponse(answer, headers={"x-should-retry": "false"})


def _shortened(said: dict[str, Any]) -> dict[str, Any]:
    """The request without the bytes of its pictures: they are kept by digest."""

    def short(value: Any) -> Any:
        if isinstance(value, str) and value.startswith("data:"):
            return f"{value.partition(',')[0]},..."
        return [short(one) for one in value] if isinstance(value, list) else value

    return {name: short(value) for name, value in said.items()}


ROUTES = [
    Route("/generate/prompt-editing", prompt_editing, methods=["POST"]),
    Route("/generate/custom/{model}", custom, methods=["POST"]),
]

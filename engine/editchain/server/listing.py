"""Models and jobs: lists, single records, and the one thing that can be done to a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse
from starlette.routing import Route

from editchain.server import showing
from editchain.server.asking import Refusal
from editchain.server.describing import LEGACY, offers, record
from editchain.server.handling import caller_of, desk_of, json_of, page, page_size_of, token_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

KINDS = {"image-prompt-editing": LEGACY}
MOST_MODELS, MOST_JOBS = 500, 100


async def models(request: Request) -> Response:
    """`GET /v1/models`: all models are public, so that other lists are empty, as they are for a new account."""
    caller_of(request)
    size = page_size_of(request, 100, MOST_MODELS)
    start = request.query_params.get("paginationToken") or "0"
    if not start.isascii() or not start.isdigit() or len(start) > 6:
        raise Refusal(400, "Input paginationToken is none that this server gave")
    found = list(offers(desk_of(request).workspace.catalogue).values())
    shown = found if request.query_params.get("privacy") == "public" else []
    end = int(start) + size
    more = {"nextPaginationToken": str(end)} if end < len(shown) else {}
    rows = [record(one, with_inputs=False) for one in shown[int(start) : end]]
    return JSONResponse({"models": rows, **more})


async def model(request: Request) -> Response:
    """`GET /v1/models/{modelId}`: a model with its `inputs`."""
    caller_of(request)
    name = request.path_params["model"]
    offer = offers(desk_of(request).workspace.catalogue).get(name)
    if offer is None:
        raise Refusal(404, f"Model {name[:80]} not found")
    return JSONResponse({"model": record(offer, with_inputs=True)})


async def models_by_id(request: Request) -> Response:
    """`POST /v1/models/get-bulk`: several by their ids; unknown ones are left out."""
    wanted = (await json_of(request, caller_of(request), "modelIds"))["modelIds"]
    found = offers(desk_of(request).workspace.catalogue)
    return JSONResponse({"models": [record(found[one], with_inputs=False) for one in wanted if one in found]})


async def jobs(request: Request) -> Response:
    """`GET /v1/jobs`: those of the project, the newest first."""
    caller = caller_of(request)
    size = page_size_of(request, 50, MOST_JOBS)
    query = request.query_params
    kinds = [one for one in (query.get("types") or query.get("type") or "").split(",") if one]
    kind = KINDS.get(kinds[0], kinds[0]) if kinds else None
    rows = desk_of(request).shelf.jobs(
        caller.project, kind=kind, status=query.get("status"), after=token_of(request), limit=size + 1
    )
    return JSONResponse(page("jobs", rows, size, showing.job))


async def job(request: Request) -> Response:
    """`GET /v1/jobs/{jobId}`: how a job stands."""
    caller = caller_of(request)
    name = request.path_params["job"]
    found = desk_of(request).shelf.job(caller.project, name)
    if found is None:
        raise Refusal(404, f"Job {name[:80]} not found")
    return JSONResponse({"job": showing.job(found)})


async def act_on_job(request: Request) -> Response:
    """`POST /v1/jobs/{jobId}/action`: cancel, which a job that has begun cannot be."""
    caller = caller_of(request)
    desk, name = desk_of(request), request.path_params["job"]
    await json_of(request, caller, "jobAction")
    found = desk.shelf.job(caller.project, name)
    if found is None:
        raise Refusal(404, f"Job {name[:80]} not found")
    if not desk.worker.cancel(found):
        raise Refusal(400, "Cannot cancel this type of job. Action not permitted.")
    return JSONResponse({"job": showing.job(desk.shelf.job(caller.project, name) or found)})


ROUTES = [
    Route("/models", models),
    Route("/models/get-bulk", models_by_id, methods=["POST"]),
    Route("/models/{model}", model),
    Route("/jobs", jobs),
    Route("/jobs/{job}", job),
    Route("/jobs/{job}/action", act_on_job, methods=["POST"]),
]

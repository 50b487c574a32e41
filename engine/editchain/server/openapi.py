"""The OpenAPI document: every route under /v1, with the schemas that its bodies are checked by and its answers kept to."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.responses import JSONResponse
from starlette.routing import Route

from editchain import __version__, schemas
from editchain.server import assets, bodies, calls, generating, listing, pipelines, runs, uploads
from editchain.server.generating import DRY
from editchain.server.handling import MAX_TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

JSON, FORM, EVENTS = "application/json", "multipart/form-data", "text/event-stream"
_PREFIX = "#/components/schemas/"


class Operation(NamedTuple):
    """What a route takes and gives: names of schemas; `answers` by status, None for an empty one."""

    answers: Mapping[int, str | None]
    body: str | None = None
    query: Sequence[str] = ()
    form: str | None = None
    media: str = JSON
    is_repeatable: bool = False


_JOB = {200: "jobAnswer", DRY: "costs"}
OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("POST", "/generate/prompt-editing"): Operation(_JOB, "promptEditing", ["dryRun"], is_repeatable=True),
    ("POST", "/generate/custom/{model}"): Operation(_JOB, "customEdit", ["dryRun"], is_repeatable=True),
    ("GET", "/models"): Operation({200: "models"}, None, ["privacy", "pageSize=500", "paginationToken"]),
    ("POST", "/models/get-bulk"): Operation({200: "models"}, "modelIds"),
    ("GET", "/models/{model}"): Operation({200: "modelAnswer"}),
    ("GET", "/jobs"): Operation({200: "jobs"}, None, ["type", "status", "pageSize=100", "paginationToken"]),
    ("GET", "/jobs/{job}"): Operation({200: "jobAnswer"}),
    ("POST", "/jobs/{job}/action"): Operation({200: "jobAnswer"}, "jobAction"),
    ("POST", "/assets"): Operation({200: "assetAnswer"}, "assetCreate"),
    ("GET", "/assets"): Operation({200: "assets"}, None, ["pageSize=100", "paginationToken"]),
    ("DELETE", "/assets"): Operation({200: "empty"}, "assetIds"),
    ("POST", "/assets/get-bulk"): Operation({200: "assets"}, "assetIds"),
    ("GET", "/assets/{asset}"): Operation({200: "assetAnswer"}),
    ("POST", "/assets/{asset}/download"): Operation({200: "assetAddress"}, "assetDownload"),
    ("POST", "/uploads"): Operation({200: "uploadAnswer"}, "uploadCreate"),
    ("GET", "/uploads/{upload}"): Operation({200: "uploadAnswer"}),
    ("POST", "/uploads/{upload}/action"): Operation({200: "uploadAnswer"}, "uploadAction"),
    ("GET", "/pipelines"): Operation({200: "pipelines"}),
    ("GET", "/pipelines/{pipeline}"): Operation({200: "pipelineAnswer"}),
    ("POST", "/pipelines/{pipeline}/plan"): Operation({200: "plan"}, "runRequest", form="runForm"),
    ("POST", "/pipelines/{pipeline}/runs"): Operation(
        {202: "runAnswer"}, "runRequest", ["budget", "fresh", "retry_rejected"], form="runForm", is_repeatable=True
    ),
    ("GET", "/runs"): Operation({200: "runs"}, None, ["pipeline", "status", "pageSize=100", "paginationToken"]),
    ("GET", "/runs/{run}"): Operation({200: "runAnswer"}),
    ("GET", "/runs/{run}/events"): Operation({200: "events", 204: None}, None, ["after"], media=EVENTS),
    ("GET", "/runs/{run}/outputs"): Operation({200: "outputs"}, None, ["pageSize=500", "paginationToken"]),
    ("POST", "/runs/{run}/cancel"): Operation({200: "runAnswer"}),
    ("POST", "/runs/{run}/inputs"): Operation({200: "runInputs"}),
    ("POST", "/runs/{run}/repeat"): Operation({202: "runAnswer"}, is_repeatable=True),
    ("GET", "/calls"): Operation({200: "calls"}, None, ["state"]),
    ("POST", "/calls/{call}/resolve"): Operation({200: "callAnswer"}, "callSaying"),
    ("GET", "/openapi.json"): Operation({200: "anything"}),
}  # fmt: skip
"""Each route that there is; a test holds that none is missing."""

_QUERY: Mapping[str, Mapping[str, Any]] = {
    "dryRun": {"description": "Anything: the price is answered with status 269, and nothing is done.", "schema": {"type": "string"}},
    "privacy": {"description": "public: all models here are.", "schema": {"type": "string"}},
    "type": {"description": "Jobs of one type.", "schema": {"type": "string"}},
    "status": {"description": "Those that stand so.", "schema": {"type": "string"}},
    "state": {"description": "unknown: no others are listed.", "schema": {"enum": ["unknown"]}},
    "pipeline": {"description": "Runs of one pipeline.", "schema": {"type": "string"}},
    "paginationToken": {"description": "What the page before says.", "schema": {"type": "string"}},
    "budget": {"description": "As in the body.", "schema": {"type": "string"}},
    "fresh": {"description": "As in the body.", "schema": {"type": "array", "items": {"type": "string"}}},
    "retry_rejected": {"description": "As in the body.", "schema": {"type": "boolean"}},
    "after": {"description": "The id of the last event that was heard.", "schema": {"type": "integer", "minimum": 0}},
}  # fmt: skip
_TOKEN = {
    "name": "Idempotency-Key", "in": "header",
    "description": "A repeated request with the same one is the same job or run.",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_TOKEN},
}  # fmt: skip


async def read(request: Request) -> Response:
    """`GET /v1/openapi.json`: this API, as OpenAPI 3.1."""
    _ = request
    return JSONResponse(document())


ROUTES = [Route("/openapi.json", read)]


def routes() -> list[Route]:
    """Everything under /v1."""
    return [
        *generating.ROUTES, *listing.ROUTES, *assets.ROUTES, *uploads.ROUTES, *pipelines.ROUTES, *runs.ROUTES, *calls.ROUTES,
        *ROUTES,
    ]  # fmt: skip


@cache
def document() -> dict[str, Any]:
    """The document."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes():
        path = re.sub(r":[a-z]+\}", "}", route.path)
        for method in sorted((route.methods or {"GET"}) - {"HEAD"}):
            said = (route.endpoint.__doc__ or "").partition(": ")[2].split("\n")[0]
            paths.setdefault(f"/v1{path}", {})[method.lower()] = _operation(
                OPERATIONS[method, path], route.name, said[:1].upper() + said[1:], path
            )
    return {
        "openapi": "3.1.0",
        "info": {"title": "editchain", "version": __version__, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "paths": paths,
        "security": [{}, {"key": []}],
        "components": {
            "schemas": components(),
            "securitySchemes": {"key": {"type": "http", "scheme": "basic", "description": "Key and secret. Without keys only this machine is answered, and needs none."}},
        },
    }  # fmt: skip


def _operation(one: Operation, name: str, summary: str, path: str) -> dict[str, Any]:
    made: dict[str, Any] = {"operationId": f"{name}_{path.strip('/').split('/')[0]}", "summary": summary}
    parameters = list(_parameters(one, path))
    if parameters:
        made["parameters"] = parameters
    if one.body is not None:
        content = {JSON: {"schema": _ref(one.body)}}
        if one.form is not None:
            content[FORM] = {"schema": _ref(one.form)}
        made["requestBody"] = {"required": True, "content": content}
    answers: dict[str, Any] = {
        str(status): {"description": "Done." if schema else "There is nothing more."}
        | ({"content": {one.media: {"schema": _ref(schema)}}} if schema else {})
        for status, schema in one.answers.items()
    }
    answers["default"] = {"description": "It is not taken.", "content": {JSON: {"schema": _ref("refusal")}}}
    return made | {"responses": answers}


def _parameters(one: Operation, path: str) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"\{(\w+)\}", path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    for said in one.query:
        name, _, most = said.partition("=")
        if name == "pageSize":
            yield {
                "name": name,
                "in": "query",
                "schema": {"type": "integer", "minimum": 1, "maximum": int(most)},
            }
        else:
            yield {"name": name, "in": "query", **_QUERY[name]}
    if one.is_repeatable:
        yield _TOKEN


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"{_PREFIX}{name}"}


def components() -> dict[str, Any]:
    """All schemas by name: those of bodies and answers, and those that commands write by."""
    output = schemas.folder() / "output"
    known = bodies.document()["$defs"]
    legacy = {name: _or_null(rules) for name, rules in known["promptEditing"]["properties"].items()}
    found: dict[str, Any] = {
        **known,
        "promptEditing": {**known["promptEditing"], "properties": legacy},
        "plan": schemas.read(output / "plan.json"),
        "event": schemas.read(output / "run.json"),
        "problem": schemas.read(output / "validate.json")["properties"]["problems"]["items"],
        "events": {
            "type": "object",
            "description": "A server-sent event. What `data` holds is an `event`, as `run --json` prints it.",
            "properties": {
                "id": {"type": "string", "pattern": "^[0-9]+$"}, "event": {"type": "string"},
                "data": {"type": "string", "contentMediaType": JSON, "contentSchema": _ref("event")},
            },
        },
        "anything": {"type": "object"},
    }  # fmt: skip
    made: dict[str, Any] = {}
    for name, schema in found.items():
        inner = schema.get("$defs", {}) if isinstance(schema, dict) else {}
        for part, one in inner.items():
            made[f"{name}.{part}"] = _moved(one, name, inner)
        bare = {key: one for key, one in schema.items() if key not in ("$defs", "$schema", "$id")}
        made[name] = _moved(bare, name, inner)
    return made


def _or_null(rules: Mapping[str, Any]) -> dict[str, Any]:
    """What is null counts as not said."""
    return {"anyOf": [dict(rules), {"type": "null"}]}


def _moved(schema: Any, name: str, inner: Mapping[str, Any]) -> Any:
    """A schema with its references to where its parts are in this document."""
    if isinstance(schema, list):
        return [_moved(one, name, inner) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _moved(one, name, inner) for key, one in schema.items()}
    target = made.get("$ref")
    if isinstance(target, str) and target.startswith("#/$defs/"):
        part = target.removeprefix("#/$defs/")
        made["$ref"] = f"{_PREFIX}{name}.{part}" if part in inner else f"{_PREFIX}{part}"
    return made

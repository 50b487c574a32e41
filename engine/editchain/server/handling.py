"""What handlers share: who asks, the body, and pages of lists."""

from __future__ import annotations

import base64
import binascii
import json
import math
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from editchain.server import bodies
from editchain.server.asking import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.requests import Request

    from editchain.server.desk import Desk
    from editchain.server.keys import Caller

MAX_PAGE = 500
BODY_SECONDS = 300.0
"""How long a body may take: who sends a byte now and then holds nothing up for ever."""


def desk_of(request: Request) -> Desk:
    """What the server works with."""
    desk: Desk = request.app.state.desk
    return desk


def caller_of(request: Request) -> Caller:
    """Who asks. Raises Refusal."""
    return desk_of(request).guard.caller(request.headers)


async def body_of(request: Request, most_bytes: int) -> bytes:
    """The whole body. Raises Refusal as soon as it is too large."""
    said = request.headers.get("content-length", "0")
    if said.isdigit() and int(said) > most_bytes:
        raise Refusal(413, f"A request may have {most_bytes:,} bytes at the most")
    body = bytearray()
    with anyio.move_on_after(BODY_SECONDS):
        async for chunk in request.stream():
            body += chunk
            if len(body) > most_bytes:
                raise Refusal(413, f"A request may have {most_bytes:,} bytes at the most")
        return bytes(body)
    raise Refusal(408, f"The body did not come within {BODY_SECONDS:.0f} s")


async def json_of(request: Request, caller: Caller, schema: str | None = None) -> dict[str, Any]:
    """The body as a JSON object, as a schema of `bodies` says. Raises Refusal."""
    data = await body_of(request, caller.limits.body_bytes)
    try:
        found = json.loads(data or b"{}", parse_constant=_no_number, parse_float=_number)
    except (ValueError, RecursionError):
        raise Refusal(400, "The body is not JSON") from None
    if not isinstance(found, dict):
        raise Refusal(400, "The body must be a JSON object")
    if _has_lone_surrogates(data):
        raise Refusal(400, "The body holds characters that are none")
    if schema is not None:
        bodies.check(schema, found)
    return found


def _no_number(text: str) -> float:
    raise ValueError(text)


def _number(text: str) -> float:
    """A number that is one: JSON has no infinity, and 1e999 is none either."""
    found = float(text)
    return found if math.isfinite(found) else _no_number(text)


def _has_lone_surrogates(data: bytes) -> bool:
    """Escapes of halves of characters: JSON lets them in, and no file or database takes them."""
    if b"\\u" not in data:
        return False
    try:
        json.dumps(json.loads(data), ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def page_size_of(request: Request, default: int, most: int) -> int:
    """How many rows a page shall have. Raises Refusal."""
    said = request.query_params.get("pageSize", str(default))
    if not said.isascii() or not said.isdigit() or len(said) > 6 or int(said) < 1:
        raise Refusal(400, "Input pageSize must be at least 1")
    if int(said) > most:
        raise Refusal(400, f"Input pageSize must be at most {most}")
    return int(said)


def token_of(request: Request) -> tuple[float, str] | None:
    """Where a page begins: after the row of this moment and id. Raises Refusal."""
    said = request.query_params.get("paginationToken")
    if not said:
        return None
    try:
        moment, id_ = json.loads(base64.urlsafe_b64decode(said.encode("ascii")))
        return float(moment), str(id_)
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise Refusal(400, "Input paginationToken is none that this server gave") from None


def page(name: str, rows: Sequence[Any], size: int, show: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    """A page of rows, of which one more than `size` was read where there is a next page."""
    document: dict[str, Any] = {name: [show(one) for one in rows[:size]]}
    if len(rows) > size:
        last = rows[size - 1]
        token = json.dumps([last.created_at, last.id]).encode()
        document["nextPaginationToken"] = base64.urlsafe_b64encode(token).decode("ascii")
    return document


MAX_TOKEN = 255


def idempotency_of(request: Request) -> str | None:
    """What makes a repeated request the same one. Raises Refusal."""
    token = request.headers.get("idempotency-key")
    if token is not None and not 1 <= len(token) <= MAX_TOKEN:
        raise Refusal(400, f"An Idempotency-Key has 1 to {MAX_TOKEN} characters")
    return token


async def check_stored(desk: Desk, caller: Caller, more_bytes: int = 0) -> None:
    """Raises Refusal where a project keeps as many bytes as it may, or would with so many more."""
    most = caller.limits.stored_bytes
    if most is None:
        return
    kept = await anyio.to_thread.run_sync(desk.shelf.stored_bytes, caller.project)
    if kept >= most or kept + more_bytes > most:
        details = {"actionName": "stored-bytes", "actionLimit": most}
        said = (
            f"Of the {most:,} bytes that this project may keep {kept:,} are taken; deleting assets makes room"
        )
        raise Refusal(403, said, details=details)


def check_room(desk: Desk, caller: Caller) -> None:
    """Raises Refusal where nothing more may be accepted now."""
    if desk.is_stopping or desk.worker.crew.is_draining:
        raise Refusal(503, "The server is about to stop", retry_after=5)
    if desk.shelf.open_count(caller.project) >= caller.limits.jobs:
        details = {"actionName": "parallel-custom-jobs", "actionLimit": caller.limits.jobs}
        raise Refusal(429, "Too many jobs at a time", details=details, retry_after=2)

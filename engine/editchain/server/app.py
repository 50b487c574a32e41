"""The server as an ASGI application: what is asked under which path, and how errors leave."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import time
from typing import TYPE_CHECKING

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from editchain.errors import EditchainError, Refused, Unsettled
from editchain.server import assets, openapi, pages, uploads
from editchain.server.asking import Refusal
from editchain.server.conducting import Conductor
from editchain.server.desk import Desk, Settings
from editchain.server.guarding import Guard, Signer
from editchain.server.hands import HandLost, Hands, OrderFailed
from editchain.server.shelf import Shelf
from editchain.server.shelving import Pictures
from editchain.server.showing import date
from editchain.server.telling import Telling
from editchain.server.working import Worker
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


log = logging.getLogger("editchain.server")

FIRST_SWEEP_SECONDS, SWEEP_SECONDS = 600.0, 6 * 3600.0


def application(settings: Settings) -> Starlette:
    """The application; its lifespan opens what it keeps, takes up what was accepted before, and drains at the end."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        desk = _open(settings)
        app.state.desk = desk
        loop = asyncio.get_running_loop()
        app.state.stop = lambda: loop.call_soon_threadsafe(desk.stop)
        try:
            async with anyio.create_task_group() as group:
                for worker in (desk.worker, desk.conductor):
                    begun = anyio.Event()
                    group.start_soon(lambda worker, begun: worker.serve(started=begun.set), worker, begun)
                    await begun.wait()
                group.start_soon(_keep_swept, desk)
                desk.is_ready = True
                yield
                desk.is_ready = False
                desk.stop()
                async with anyio.create_task_group() as draining:
                    for worker in (desk.worker, desk.conductor):
                        draining.start_soon(worker.crew.drain, desk.grace_seconds)
                group.cancel_scope.cancel()
        finally:
            await desk.hands.close()
            desk.pictures.close()
            desk.shelf.close()
            desk.workspace.close()

    routes = [
        Mount("/v1", routes=openapi.routes()),
        *uploads.STORAGE,
        *assets.DELIVERY,
        *pages.ROUTES,
        Route("/healthz", _is_alive),
        Route("/readyz", _is_ready),
    ]
    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers={
            Refusal: _refused,
            EditchainError: _in_trouble,
            HTTPException: _not_there,
            Exception: _failed,
        },
    )
    app.add_middleware(Outside)
    return app


def _open(settings: Settings) -> Desk:
    workspace = Workspace(settings.root, now=settings.now)
    folder = workspace.folder / "server"
    shelf = Shelf(folder / "server.db")
    pictures = Pictures(folder, shelf, settings.now)
    processes = settings.processes or os.cpu_count() or 2
    here = anyio.CapacityLimiter(processes)
    hands = Hands(settings.root, memory_bytes=settings.memory_bytes, most_idle=processes)
    worker = Worker(settings.root, shelf, pictures, now=settings.now, date=date, here=here, hands=hands)
    telling = Telling(folder / "events")
    conductor = Conductor(settings.root, shelf, hands, telling, now=settings.now, here=here)
    return Desk(
        settings, workspace, shelf, pictures, Guard(shelf, settings.now, settings.hosts), Signer(folder, settings.now), worker,
        hands, telling, conductor, folder,
    )  # fmt: skip


async def _keep_swept(desk: Desk) -> None:
    """Sweeps what the server keeps, again and again."""
    await anyio.sleep(FIRST_SWEEP_SECONDS)
    while True:
        try:
            swept = await desk.hands.do("sweeping", {"now": desk.settings.now()})
            log.info(json.dumps({"swept": json.loads(swept)}))
        except (EditchainError, HandLost, OrderFailed) as error:
            log.warning(json.dumps({"swept": None, "why": str(error)}))
        await anyio.sleep(SWEEP_SECONDS)


class Outside:
    """Checks where a request comes from, and says of every answer what it is and is not; writes a line for each."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()
        status = 0

        async def marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers_out = message.setdefault("headers", [])
                has_policy = any(name.lower() == _POLICY[0] for name, _ in headers_out)
                headers_out.extend(_HEADERS if has_policy else [*_HEADERS, _POLICY])
            await send(message)

        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            scope["app"].state.desk.guard.check_origin(headers, scope["method"], _count(scope, b"host"))
        except Refusal as refusal:
            await _answer(refusal)(scope, receive, marked)
        else:
            await self._app(scope, receive, marked)
        finally:
            line = {
                "method": scope["method"], "path": scope["path"], "status": status,
                "ms": round((time.monotonic() - began) * 1000, 1),
            }  # fmt: skip
            log.info(json.dumps(line))


def _count(scope: Scope, name: bytes) -> int:
    return sum(one == name for one, _ in scope["headers"])


_POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
"""Of what is no page: nothing in it is ever to run, or to be held in a frame."""
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


# ---------------------------------------------------------------------- errors


def _answer(refusal: Refusal) -> JSONResponse:
    body = {
        "reason": refusal.reason,
        **{name: one for name, one in refusal.more.items() if name != "retry_after"},
    }
    headers = {}
    if "retry_after" in refusal.more:
        headers["Retry-After"] = str(refusal.more["retry_after"])
    else:
        headers["x-should-retry"] = "false"
    if refusal.status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="editchain"'
    return JSONResponse(body, refusal.status, headers)


async def _refused(request: Request, error: Exception) -> Response:
    _ = request
    assert isinstance(error, Refusal)  # noqa: S101  (what the table of handlers says)
    return _answer(error)


async def _in_trouble(request: Request, error: Exception) -> Response:
    """What may not be as things stand is said; of the disk and the set-up, who runs the server reads more in its log."""
    if isinstance(error, (Refused, Unsettled)):
        return _answer(Refusal(409, str(error)))
    log.error("%s %s: %s", request.method, request.url.path, error)
    return _answer(Refusal(503, "The server is in trouble; who runs it finds the reason in its log"))


async def _not_there(request: Request, error: Exception) -> Response:
    _ = request
    assert isinstance(error, HTTPException)  # noqa: S101  (what the table of handlers says)
    response = _answer(Refusal(error.status_code, error.detail))
    response.headers.update(error.headers or {})
    return response


async def _failed(request: Request, error: Exception) -> Response:
    log.error("%s %s", request.method, request.url.path, exc_info=error)
    return _answer(Refusal(500, "The server failed at this; its log says why"))


# ---------------------------------------------------------------------- health


async def _is_alive(request: Request) -> Response:
    _ = request
    return JSONResponse({"status": "ok"})


async def _is_ready(request: Request) -> Response:
    desk: Desk = request.app.state.desk
    return JSONResponse({"status": "ready" if desk.is_ready else "draining"}, 200 if desk.is_ready else 503)

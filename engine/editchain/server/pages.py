"""Pages: what a person sees of the server in a browser, and the pictures on them. They load nothing from elsewhere."""

from __future__ import annotations

import base64
import re
from functools import cache
from hashlib import sha256
from html import escape
from typing import TYPE_CHECKING

import anyio.to_thread
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from editchain import __version__
from editchain.imaging.probe import HEAD_BYTES, MEDIA_TYPES, probe
from editchain.server import journalled
from editchain.server.asking import Refusal
from editchain.server.assets import POLICY as PICTURE_POLICY
from editchain.server.handling import caller_of, desk_of
from editchain.server.keys import LOCAL
from editchain.server.looking import signed_as
from editchain.viewing.html import DIALOG, FACTS, asset, shown, skip
from editchain.viewing.picturing import THUMBNAIL_SIDE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request

    from editchain.server.keys import Caller

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""No page elsewhere may hold one of these in a frame, and none of them runs or asks for what is not the server's own."""
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
}
KEPT = {"Cache-Control": "private, max-age=86400, immutable"}
"""For what is named by its bytes."""
VIEW_SIDE = 1280

_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
    "%3Crect x='1' y='1' width='14' height='14' rx='4' fill='%233a78d8'/%3E"
    "%3Cpath d='M4 8h8M9 5l3 3-3 3' fill='none' stroke='white' stroke-width='1.8'/%3E%3C/svg%3E"
)
_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}
_ASSETS = ("page.css", "live.css", "common.js", "asking.js", "page.js", "run.js", "home.js", "form.js")
_NAME = re.compile(r"([0-9a-f]{64})(\.view\.webp|\.webp)?")


# ---------------------------------------------------------------------- documents


def page(handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """A handler of a page: what it refuses is said on a page too."""

    async def handled(request: Request) -> Response:
        try:
            return await handler(request)
        except Refusal as refusal:
            body = f"<main><h1>{escape(refusal.reason)}</h1><p><a href='/'>To all pipelines and runs</a></p></main>"
            answer = _document(request, refusal.reason, body, status=refusal.status)
            if refusal.status == 401:
                answer.headers["WWW-Authenticate"] = 'Basic realm="editchain"'
            return answer

    return handled


@page
async def home(request: Request) -> Response:
    """`GET /`: pipelines, runs, and calls in doubt."""
    caller_of(request)
    body = """<main>
<section id="calls" aria-labelledby="calls-title" hidden></section>
<section aria-labelledby="pipelines-title"><h1 id="pipelines-title">Pipelines</h1><div id="pipelines" class="tiles" aria-busy="true"><p class="soft">Reading them…</p></div></section>
<section id="runs" tabindex="-1" aria-labelledby="runs-title"><h2 id="runs-title">Runs</h2><div id="list" aria-busy="true"><p class="soft">Looking…</p></div></section>
</main>"""
    return _document(
        request, desk_of(request).settings.root.name, body, ("common.js", "asking.js", "home.js"), {}
    )


@page
async def pipeline(request: Request) -> Response:
    """`GET /pipelines/{name}`: its inputs as a form, and what a run would do and cost."""
    caller_of(request)
    name = request.path_params["pipeline"]
    body = f"""<main class="pipeline">
<header><h1>{escape(name)}</h1><p id="description" class="soft">Reading it…</p><div id="problems"></div></header>
<form id="form" tabindex="-1" aria-label="Inputs" novalidate></form>
<aside id="plan" aria-label="Plan"></aside>
</main>"""
    return _document(
        request, name, body, ("common.js", "asking.js", "form.js"), {"pipeline": name}, ("form", "inputs")
    )


@page
async def run(request: Request) -> Response:
    """`GET /runs/{run}`: the page of a run, which goes on as the run does."""
    name = request.path_params["run"]
    title = await _title(request, caller_of(request), name)
    body = f"""<header>
<h1>{escape(title)}</h1>
<div id="live" class="live"></div>
{FACTS}
</header>
<main>
<section id="results" aria-label="Results"></section>
{shown("", f"Graph of {title}")}
</main>
{DIALOG}"""
    scripts = ("common.js", "asking.js", "page.js", "run.js")
    return _document(request, f"{title} · {name}", body, scripts, {"run": name}, ("steps", "steps"))


async def _title(request: Request, caller: Caller, name: str) -> str:
    """The pipeline of a run that the caller may see. Raises Refusal."""
    desk = desk_of(request)
    asked = desk.shelf.run(caller.project, name)
    if asked is not None:
        return asked.pipeline
    if caller.key == LOCAL:
        found = await anyio.to_thread.run_sync(journalled.run, desk.settings.root, name)
        if found is not None:
            return str(found["pipeline"])
    raise Refusal(404, f"Run {name[:80]} not found")


def _document(
    request: Request,
    title: str,
    body: str,
    scripts: tuple[str, ...] = (),
    data: Mapping[str, str] | None = None,
    target: tuple[str, str] | None = None,
    status: int = 200,
) -> Response:
    """A page; `target` is the element that a keyboard goes to at once, past its head, and what that is called."""
    place = escape(desk_of(request).settings.root.name)
    attributes = "".join(
        f' data-{name}="{escape(value, quote=True)}"' for name, value in (data or {}).items()
    )
    styles = "".join(f'<link rel="stylesheet" href="{_address(name)}">' for name in ("page.css", "live.css"))
    loaded = "".join(f'<script defer src="{_address(name)}"></script>' for name in scripts)
    text = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} · editchain</title>
<link rel="icon" href="{_ICON}">
{styles}
{loaded}
</head>
<body{attributes}>
{skip(*target) if target else ""}
<nav class="top" aria-label="editchain"><a class="brand" href="/">editchain</a><span class="soft">{place}</span></nav>
{body}
<footer>editchain {__version__}</footer>
</body>
</html>
"""
    return HTMLResponse(text, status, HEADERS)


# ---------------------------------------------------------------------- styles and scripts


@cache
def _address(name: str) -> str:
    """Where a style or script is, under a name that changes with it."""
    return f"/viewer/{name}?v={sha256(asset(name).encode()).hexdigest()[:16]}"


async def script(request: Request) -> Response:
    """`GET /viewer/{asset}`: a style or a script; there is nothing secret in them."""
    name = request.path_params["asset"]
    if name not in _ASSETS:
        raise Refusal(404, "There is no such file")
    return Response(asset(name), 200, KEPT, _TYPES[name.rpartition(".")[2]])


# ---------------------------------------------------------------------- what pages ask for


async def data(request: Request) -> Response:
    """`GET /runs/{run}/page`: all that the page of a run shows."""
    name = request.path_params["run"]
    await _title(request, caller_of(request), name)
    found = await desk_of(request).hands.look_text("paging", run=name)
    return Response(found, 200, {"Cache-Control": "no-store"}, "application/json")


async def cover(request: Request) -> Response:
    """`GET /runs/{run}/cover.webp`: a small picture that stands for a run."""
    name = request.path_params["run"]
    await _title(request, caller_of(request), name)
    return _webp(
        await desk_of(request).hands.look("covering", run=name), {"Cache-Control": "private, max-age=60"}
    )


async def preview(request: Request) -> Response:
    """`GET /previews/{pipeline}?input=NAME`: the picture that an input has unless another is given, small."""
    caller_of(request)
    name, of = request.path_params["pipeline"], request.query_params.get("input", "")
    found = await desk_of(request).hands.look("previewing", name=name, of=of)
    return _webp(found, {"Cache-Control": "private, max-age=60"})


async def picture(request: Request) -> Response:
    """`GET /runs/{run}/pictures/{name}` with a signature: a picture of a run as it is, or small."""
    desk, name = desk_of(request), request.path_params["run"]
    found = _NAME.fullmatch(request.path_params["name"])
    if found is None:
        raise Refusal(404, "There is no such picture")
    digest, ending = found.groups()
    desk.signer.check(signed_as(name, digest), request.query_params)
    if ending is None:
        return _whole(base64.b64decode(await desk.hands.look("reading", run=name, digest=digest)))
    side = VIEW_SIDE if ending == ".view.webp" else THUMBNAIL_SIDE
    kept = desk.smalls.get(digest, side)
    if kept is None:
        kept = base64.b64decode(await desk.hands.look("shrinking", run=name, digest=digest, side=side))
        desk.smalls.keep(digest, side, kept)
    return Response(kept, 200, KEPT, "image/webp")


def _webp(text: str, headers: dict[str, str]) -> Response:
    return Response(base64.b64decode(text), 200, headers, "image/webp")


def _whole(data: bytes) -> Response:
    kind = probe(data[:HEAD_BYTES])
    if kind is None:
        raise Refusal(404, "There is no such picture")
    headers = {**KEPT, "Content-Security-Policy": PICTURE_POLICY}
    return Response(data, 200, headers, MEDIA_TYPES[kind.format].media_type)


ROUTES = [
    Route("/", home),
    Route("/pipelines/{pipeline:path}", pipeline),
    Route("/previews/{pipeline:path}", preview),
    Route("/runs/{run}", run),
    Route("/runs/{run}/page", data),
    Route("/runs/{run}/cover.webp", cover),
    Route("/runs/{run}/pictures/{name}", picture),
    Route("/viewer/{asset}", script),
]

"""Assets: pictures of a project, taken in, listed, given out under signed addresses, converted, deleted."""

from __future__ import annotations

import base64
import hashlib
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio.to_thread
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from editchain.http import FetchError, fetch
from editchain.imaging.probe import MEDIA_TYPES
from editchain.server import showing
from editchain.server.asking import Refusal
from editchain.server.handling import (
    caller_of,
    check_stored,
    desk_of,
    json_of,
    page,
    page_size_of,
    token_of,
)
from editchain.server.shelving import decoded

if TYPE_CHECKING:
    from starlette.requests import Request

    from editchain.server.desk import Desk
    from editchain.server.rows import Asset

MOST_ASSETS = 100
FORMATS = {
    "jpg": "jpeg",
    "jpeg": "jpeg",
    "png": "png",
    "webp": "webp",
    "avif": "avif",
    "tiff": "tiff",
    "gif": "gif",
}
POLICY = "default-src 'none'; sandbox"


def shown(request: Request, one: Asset) -> dict[str, Any]:
    """An asset with its address."""
    return showing.asset(one, address(request, one))


def address(request: Request, one: Asset, form: str | None = None) -> str:
    """Where the bytes of an asset are, in its own format or another."""
    extension = form or _extension(one.media_type)
    path = f"/assets/{one.id}.{extension}"
    base = str(request.base_url).rstrip("/").removesuffix("/v1")
    return f"{base}{path}?{desk_of(request).signer.query(path)}"


def _extension(media_type: str) -> str:
    return next(kind.extension for kind in MEDIA_TYPES.values() if kind.media_type == media_type)


async def create(request: Request) -> Response:
    """`POST /v1/assets`: a picture as base64, a data: URL, or the address that it is fetched from."""
    caller, desk = caller_of(request), desk_of(request)
    body = await json_of(request, caller, "assetCreate")
    name, text, parent = body["name"], body["image"], body.get("parentId")
    if parent is not None and desk.shelf.asset(caller.project, parent) is None:
        raise Refusal(404, f"Asset {parent[:80]} not found")
    if is_address(text):
        data = await fetched(desk, text)
    else:
        data = decoded(text.partition(",")[2] if text.startswith("data:") else text)
    await check_stored(desk, caller, len(data))
    asset = await anyio.to_thread.run_sync(partial(_keep, desk, caller.project, data, name, parent))
    return JSONResponse({"asset": shown(request, asset)})


def is_address(text: str) -> bool:
    """Whether a picture is named by where it can be fetched from."""
    return text.startswith(("https:", "http:"))


async def fetched(desk: Desk, address: str) -> bytes:
    """A picture from a public address, as the server's rules let clients have it fetched. Raises Refusal."""
    try:
        return await fetch(address, desk.settings.rules)
    except FetchError as error:
        raise Refusal(400, str(error)) from None


def _keep(desk: Desk, project: str, data: bytes, name: str, parent: str | None) -> Asset:
    return desk.pictures.add(project, desk.pictures.take(data), name[:200], parent=parent)


async def read(request: Request) -> Response:
    """`GET /v1/assets/{assetId}`: a picture, with its address."""
    return JSONResponse({"asset": shown(request, _asset(request))})


def _asset(request: Request) -> Asset:
    caller = caller_of(request)
    name = request.path_params["asset"]
    found = desk_of(request).shelf.asset(caller.project, name)
    if found is None:
        raise Refusal(404, f"Asset {name[:80]} not found")
    return found


async def listed(request: Request) -> Response:
    """`GET /v1/assets`: those of the project, the newest first."""
    caller = caller_of(request)
    size = page_size_of(request, 50, MOST_ASSETS)
    rows = desk_of(request).shelf.assets(caller.project, after=token_of(request), limit=size + 1)
    return JSONResponse(page("assets", rows, size, partial(shown, request)))


async def in_bulk(request: Request) -> Response:
    """`POST /v1/assets/get-bulk`: several by their ids; unknown ones are left out."""
    caller = caller_of(request)
    wanted = (await json_of(request, caller, "assetIds"))["assetIds"]
    found = [desk_of(request).shelf.asset(caller.project, one) for one in wanted]
    return JSONResponse({"assets": [shown(request, one) for one in found if one is not None]})


async def delete(request: Request) -> Response:
    """`DELETE /v1/assets`: their bytes go with the last asset that has them."""
    caller, desk = caller_of(request), desk_of(request)
    wanted = (await json_of(request, caller, "assetIds"))["assetIds"]
    gone = await anyio.to_thread.run_sync(desk.shelf.drop_assets, caller.project, wanted)
    await anyio.to_thread.run_sync(desk.pictures.drop, gone)
    return JSONResponse({})


async def download(request: Request) -> Response:
    """`POST /v1/assets/{assetId}/download`: an address, of the picture in another format where that is asked for."""
    asset = _asset(request)
    wanted = (await json_of(request, caller_of(request), "assetDownload")).get("targetFormat")
    if wanted is None:
        return JSONResponse({"url": address(request, asset), "mimeType": asset.media_type})
    kind = MEDIA_TYPES[FORMATS[wanted]]
    return JSONResponse({"url": address(request, asset, kind.extension), "mimeType": kind.media_type})


async def deliver(request: Request) -> Response:
    """The bytes behind a signed address; no credentials are asked for."""
    desk = desk_of(request)
    desk.signer.check(request.url.path, request.query_params)
    found = desk.shelf.asset_by_id(request.path_params["asset"])
    if found is None:
        raise Refusal(404, "Asset not found")
    media_type, extension = found.media_type, request.path_params["extension"]
    if extension == _extension(media_type):
        data = await anyio.to_thread.run_sync(desk.pictures.read, found.digest)
    else:
        form = next((name for name, kind in MEDIA_TYPES.items() if kind.extension == extension), None)
        if form is None:
            raise Refusal(404, "Asset not found")
        # A picture of a stranger is decoded where it can do no harm.
        data = base64.b64decode(await desk.hands.look("converting", digest=found.digest, form=form))
        media_type = MEDIA_TYPES[form].media_type
    tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, max-age=3600", "Content-Security-Policy": POLICY}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(data, media_type=media_type, headers=headers)


ROUTES = [
    Route("/assets", create, methods=["POST"]),
    Route("/assets", listed, methods=["GET"]),
    Route("/assets", delete, methods=["DELETE"]),
    Route("/assets/get-bulk", in_bulk, methods=["POST"]),
    Route("/assets/{asset}", read),
    Route("/assets/{asset}/download", download, methods=["POST"]),
]
DELIVERY = [Route("/assets/{asset}.{extension}", deliver)]

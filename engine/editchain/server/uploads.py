"""Uploads in parts: begun, sent to signed addresses, completed, imported as an asset."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from typing import TYPE_CHECKING

import anyio.to_thread
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from editchain.server import showing
from editchain.server.asking import Refusal
from editchain.server.guarding import ADDRESS_SECONDS
from editchain.server.handling import body_of, caller_of, check_stored, desk_of, json_of
from editchain.server.rows import Upload

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request

    from editchain.server.desk import Desk

MIN_PART_BYTES = 5 * 1024 * 1024


async def start(request: Request) -> Response:
    """`POST /v1/uploads`: begins a large picture in parts, each with an address to put it to."""
    caller, desk = caller_of(request), desk_of(request)
    body = await json_of(request, caller, "uploadCreate")
    await check_stored(desk, caller, int(body["fileSize"]))
    made = Upload(
        f"upload_{secrets.token_urlsafe(15)}", caller.project, body["fileName"][:200], body["contentType"][:100],
        int(body["fileSize"]), json.dumps({"count": int(body["parts"])}), "pending", None, None, desk.settings.now(),
    )  # fmt: skip
    await anyio.to_thread.run_sync(desk.shelf.put_upload, made)
    return JSONResponse({"upload": _shown(request, made)})


def _shown(request: Request, one: Upload) -> dict[str, object]:
    desk = desk_of(request)
    base = str(request.base_url).rstrip("/").removesuffix("/v1")

    def address(number: int) -> str:
        path = f"/storage/{one.id}/{number}"
        return f"{base}{path}?{desk.signer.query(path)}"

    return showing.upload(one, address, showing.date(desk.settings.now() + ADDRESS_SECONDS / 2))


async def read(request: Request) -> Response:
    """`GET /v1/uploads/{uploadId}`: how it stands."""
    return JSONResponse({"upload": _shown(request, _upload(request))})


def _upload(request: Request) -> Upload:
    caller = caller_of(request)
    name = request.path_params["upload"]
    found = desk_of(request).shelf.upload(caller.project, name)
    if found is None:
        raise Refusal(404, f"Upload {name[:80]} not found")
    return found


async def store_part(request: Request) -> Response:
    """`PUT` to the signed address of a part; no credentials are asked for."""
    desk, number = desk_of(request), request.path_params["number"]
    desk.signer.check(request.url.path, request.query_params)
    found = desk.shelf.upload(None, request.path_params["upload"])
    if found is None or found.status != "pending" or not 1 <= number <= json.loads(found.parts)["count"]:
        raise Refusal(404, "There is no such part to send")
    data = await body_of(request, found.size)
    others = await anyio.to_thread.run_sync(_size_without, _folder(desk, found), number)
    if others + len(data) > found.size:
        raise Refusal(413, f"All parts have {found.size:,} bytes together, as was said")
    await anyio.to_thread.run_sync(_write, _folder(desk, found) / str(number), data)
    return Response(status_code=200, headers={"ETag": '"part"'})


def _size_without(folder: Path, number: int) -> int:
    """The bytes of all parts but one."""
    places = folder.iterdir() if folder.is_dir() else ()
    return sum(place.stat().st_size for place in places if place.name != str(number))


def _folder(desk: Desk, one: Upload) -> Path:
    return desk.folder / "uploads" / one.id


def _write(place: Path, data: bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = place.with_suffix(f".{os.getpid()}.{secrets.token_hex(4)}.tmp")
    temporary.write_bytes(data)
    os.replace(temporary, place)


async def act(request: Request) -> Response:
    """`POST /v1/uploads/{uploadId}/action`: complete."""
    desk, found = desk_of(request), _upload(request)
    await json_of(request, caller_of(request), "uploadAction")
    if found.status == "pending":
        found = await anyio.to_thread.run_sync(_import, desk, found)
    return JSONResponse({"upload": _shown(request, found)})


def _import(desk: Desk, one: Upload) -> Upload:
    """The parts as one picture, and that as an asset; raises Refusal where parts are missing or too small."""
    folder, count = _folder(desk, one), json.loads(one.parts)["count"]
    places = [folder / str(number) for number in range(1, count + 1)]
    sizes = [place.stat().st_size if place.is_file() else 0 for place in places]
    if not all(sizes) or any(size < MIN_PART_BYTES for size in sizes[:-1]):
        raise Refusal(400, "Your proposed upload is smaller than the minimum allowed size")
    if sum(sizes) != one.size:
        ended = one._replace(status="failed", error=f"{sum(sizes):,} bytes came, and {one.size:,} were said")
    else:
        try:
            digest = desk.pictures.take(b"".join(place.read_bytes() for place in places))
            asset = desk.pictures.add(one.project, digest, one.name)
            ended = one._replace(status="imported", asset=asset.id)
        except Refusal as refusal:
            ended = one._replace(status="failed", error=refusal.reason)
    desk.shelf.put_upload(ended)
    shutil.rmtree(folder, ignore_errors=True)
    return ended


ROUTES = [
    Route("/uploads", start, methods=["POST"]),
    Route("/uploads/{upload}", read),
    Route("/uploads/{upload}/action", act, methods=["POST"]),
]
STORAGE = [Route("/storage/{upload}/{number:int}", store_part, methods=["PUT"])]

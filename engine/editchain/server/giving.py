"""Giving: what a request gives to the inputs of a pipeline, with its pictures taken in. As JSON, or as a form with files."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio
import anyio.to_thread
from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from editchain.imaging.limits import MAX_BYTES
from editchain.language.scalars import SCALARS, typed
from editchain.server import bodies
from editchain.server.asking import Refusal
from editchain.server.assets import fetched, is_address
from editchain.server.handling import body_of, desk_of, json_of
from editchain.server.readying import Given, Wanted

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from starlette.requests import Request

    from editchain.server.desk import Desk
    from editchain.server.keys import Caller
    from editchain.server.rows import Asset

MOST_PICTURES, MOST_ADDRESSES = 1000, 50
MOST_PARTS = 1000
MOST_NAME = 60
OPTIONS = ("budget", "fresh", "retry_rejected")
_UNFIT = re.compile(r"[^A-Za-z0-9_.-]+")


class Asked(NamedTuple):
    """What a request asks for: `inputs` as they are shown, with the ids of assets, of which `new` are not kept yet."""

    wanted: Wanted
    inputs: Mapping[str, Any]
    new: tuple[Asset, ...]


class _Sent(NamedTuple):
    """A picture that came as a file of a form."""

    data: bytes
    name: str


class Local(NamedTuple):
    """A picture that lies on this machine, asked for by who may read it anyway."""

    path: str


async def read(request: Request, caller: Caller, declared: Mapping[str, Mapping[str, Any]]) -> Asked:
    """What a request asks of a pipeline with these inputs. Raises Refusal."""
    said: dict[str, Any]
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        given, said = await _form(request, caller, declared), {}
    elif kind == "application/x-www-form-urlencoded":
        raise Refusal(415, "Send JSON, or multipart/form-data where there are files")
    else:
        said = await json_of(request, caller, "runRequest")
        given = said.pop("inputs", {})
    options = _options(request, said)
    return await take(desk_of(request), caller.project, given, declared, **options)


async def take(
    desk: Desk,
    project: str,
    given: Mapping[str, Any],
    declared: Mapping[str, Mapping[str, Any]],
    **options: Any,
) -> Asked:
    """What is given to inputs that are declared so, its pictures taken in; `options` are those of a run. Raises Refusal."""
    taking = _Taking(desk, project)
    plain: dict[str, Any] = {}
    shown: dict[str, Any] = {}
    for name, value in given.items():
        if value is not None:
            plain[name], shown[name] = await taking.value(name, declared.get(name, {}), value)
    return Asked(Wanted(plain, tuple(taking.pictures), **options), shown, tuple(taking.new))


# ---------------------------------------------------------------------- the body


async def _form(
    request: Request, caller: Caller, declared: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """The parts of a form by name: files, and texts read as a command line's are."""
    data = await body_of(request, caller.limits.body_bytes)

    async def stream() -> AsyncGenerator[bytes, None]:
        yield data

    boundary = parse_options_header(request.headers["content-type"])[1].get(b"boundary", b"")
    if not boundary or not data.rstrip().endswith(b"--%s--" % boundary):
        raise Refusal(400, "The body is no form, or not the whole of one")
    parser = MultiPartParser(
        request.headers, stream(), max_files=MOST_PARTS, max_fields=MOST_PARTS, max_part_size=1024 * 1024
    )
    try:
        form = await parser.parse()
    except (MultiPartException, ValueError, KeyError, AssertionError) as error:
        raise Refusal(400, f"The body is no form: {str(error)[:200] or 'it has no parts'}") from None
    parts: dict[str, list[Any]] = {}
    try:
        for name, value in form.multi_items():
            one = _Sent(await value.read(), value.filename or "") if isinstance(value, UploadFile) else value
            if isinstance(one, _Sent) and not one.data and not one.name:
                continue  # what a page sends for a file that nobody chose
            parts.setdefault(name, []).append(one)
    finally:
        await form.close()
    return {name: _typed(declared.get(name, {}), values) for name, values in parts.items()}


def _typed(raw: Mapping[str, Any], values: list[Any]) -> Any:
    kind = raw.get("type")
    if kind == "table" and len(values) == 1 and isinstance(values[0], str):
        try:
            return json.loads(values[0])
        except (ValueError, RecursionError):
            raise Refusal(400, "A table in a form is a list of objects, as JSON") from None
    if kind == "list":
        of = raw.get("of")
        items = values if len(values) > 1 or of == "image" else _split(values[0])
        return [typed(one, of if of in SCALARS else "string") for one in items]
    if kind in SCALARS:
        values = [typed(one, str(kind)) for one in values]
    return values[0] if len(values) == 1 else values


def _split(value: Any) -> list[Any]:
    return [one.strip() for one in value.split(",")] if isinstance(value, str) else [value]


def _options(request: Request, body: Mapping[str, Any]) -> dict[str, Any]:
    """How a run is to go: from the body, or from the query."""
    query = request.query_params
    said: dict[str, Any] = {**body}
    if "budget" in query:
        said["budget"] = query["budget"]
    if "fresh" in query:
        said["fresh"] = query.getlist("fresh")
    if "retry_rejected" in query:
        said["retry_rejected"] = {"true": True, "false": False}.get(query["retry_rejected"])
    bodies.check("runRequest", said)
    return {
        "budget": said.get("budget"), "fresh": tuple(said.get("fresh", ())), "retry_rejected": said.get("retry_rejected", False),
    }  # fmt: skip


# ---------------------------------------------------------------------- values


class _Taking:
    """Takes the pictures of a request in, and says where among the inputs they stand."""

    def __init__(self, desk: Desk, project: str) -> None:
        self._desk = desk
        self._project = project
        self._addresses = 0
        self.pictures: list[Given] = []
        self.new: list[Asset] = []

    async def value(self, name: str, raw: Mapping[str, Any], value: Any) -> tuple[Any, Any]:
        """The value of an input without its pictures, and as it is shown. Raises Refusal for what cannot be one."""
        kind = raw.get("type")
        if kind == "table":
            return await self._table(name, raw, value)
        is_picture = kind in ("image", "images") or (kind == "list" and raw.get("of") == "image")
        if isinstance(value, list):
            pairs = [await self._one((name, at), one, is_picture) for at, one in enumerate(value)]
            return [one for one, _ in pairs], [one for _, one in pairs]
        return await self._one((name,), value, is_picture)

    async def _table(self, name: str, raw: Mapping[str, Any], value: Any) -> tuple[Any, Any]:
        if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
            raise Refusal(400, f"Input {name} must be an array of objects")
        columns = raw.get("columns")
        types = columns if isinstance(columns, dict) else {}
        rows, shown = [], []
        for at, row in enumerate(value):
            pairs = {
                column: await self._one((name, at, column), one, types.get(column) == "image")
                for column, one in row.items()
            }
            rows.append({column: one for column, (one, _) in pairs.items()})
            shown.append({column: one for column, (_, one) in pairs.items()})
        return rows, shown

    async def _one(self, at: tuple[str | int, ...], value: Any, is_picture: bool) -> tuple[Any, Any]:
        if isinstance(value, (dict, list)):
            raise Refusal(400, f"Input {_path(at)} must be a plain value")
        if not is_picture:
            if isinstance(value, _Sent):
                raise Refusal(400, f"Input {_path(at)} takes no file")
            return value, value
        if (isinstance(value, str) and not value) or not isinstance(value, (str, _Sent, Local)):
            raise Refusal(
                400, f"Input {_path(at)} must be a picture: an asset, a data: URL or an https: address"
            )
        if len(self.pictures) == MOST_PICTURES:
            raise Refusal(413, f"A request may have {MOST_PICTURES:,} pictures at the most")
        asset = await self._picture(value)
        self.pictures.append(Given(at, asset.digest, file_name(asset.name)))
        return None, asset.id

    async def _picture(self, value: str | _Sent | Local) -> Asset:
        pictures = self._desk.pictures
        if isinstance(value, str) and is_address(value):
            self._addresses += 1
            if self._addresses > MOST_ADDRESSES:
                raise Refusal(413, f"A request may name {MOST_ADDRESSES} addresses at the most")
            value = _Sent(
                await fetched(self._desk, value), value.partition("?")[0].rstrip("/").rpartition("/")[2]
            )
        if isinstance(value, Local):
            value = await anyio.to_thread.run_sync(_read, value.path)
        if isinstance(value, str) and not value.startswith("data:"):
            found = self._desk.shelf.asset(self._project, value)
            if found is None:
                raise Refusal(404, f"Asset {value[:80]} not found")
            return found

        def keep() -> Asset:
            if isinstance(value, str):
                return pictures.described(self._project, pictures.take_data_url(value), "picture")
            return pictures.described(self._project, pictures.take(value.data), value.name[:200] or "picture")

        made = await anyio.to_thread.run_sync(keep)
        self.new.append(made)
        return made


def _read(path: str) -> _Sent:
    name = os.path.basename(path)
    try:
        with open(path, "rb") as file:
            return _Sent(file.read(MAX_BYTES + 1), name)
    except OSError as error:
        raise Refusal(410, f"{name} cannot be read any more: {error.strerror}") from None


def _path(at: tuple[str | int, ...]) -> str:
    name, *rest = at
    return (
        f"{str(name)[:80]}{''.join(f'[{one}]' if isinstance(one, int) else f'.{one[:80]}' for one in rest)}"
    )


def file_name(name: str) -> str:
    """A name from outside as that of a file, without its extension: nothing but letters, digits, - and _."""
    stem = re.sub(r"\.[A-Za-z0-9]{1,5}$", "", re.split(r"[/\\]", name)[-1])
    return _UNFIT.sub("-", stem).replace(".", "-").strip("-_")[:MOST_NAME] or "picture"

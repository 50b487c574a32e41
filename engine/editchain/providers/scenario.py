"""Scenario as a provider: pictures are uploaded as assets, edits are jobs that are polled."""

from __future__ import annotations

import base64
import math
import re
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import quote

from editchain.errors import ConfigurationError, ProviderError, TaskError
from editchain.http import FetchError, ReplyLost
from editchain.providers import mapping
from editchain.providers.answers import (
    BUSY_SECONDS,
    document,
    free,
    is_moderation,
    list_in,
    mapping_in,
    moment,
    pause_seconds,
    shown,
    text_in,
    undecided,
    unreadable,
    values,
    words_of,
)
from editchain.providers.base import (
    BUSY,
    STALE,
    Absent,
    Accepted,
    Blob,
    Capabilities,
    Failed,
    Finished,
    Quote,
    Refused,
    Running,
    Standing,
    Unknown,
    Uploaded,
)
from editchain.providers.bodies import kind_of
from editchain.providers.lacking import advise_prompt as advise_prompt
from editchain.providers.lacking import cancel as cancel
from editchain.providers.lacking import check_prompt as check_prompt
from editchain.providers.preparing import prepared as prepared

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from editchain.http import Client, Reply
    from editchain.models import Route
    from editchain.providers.base import Polled, Request, Session, Submitted

is_local = False
capabilities = Capabilities(
    base_url="https://api.cloud.scenario.com/v1",
    console="https://app.scenario.com",
    credentials=(
        ("SCENARIO_API_KEY", "SCENARIO_SDK_API_KEY"),
        ("SCENARIO_API_SECRET", "SCENARIO_SDK_API_SECRET"),
    ),
    uploads=True,
    finds_lost=True,
    checks=True,
    quotes=True,
    concurrency=4,
    per_second=1.0,
    poll_seconds=2.5,
)

PROMPT_EDITING = "prompt-editing"
"""The endpoint of routes that still go the deprecated way."""
SMALL_BYTES = 4_000_000
"""What is larger goes up in parts: the vendor takes 6 MB in one body, and base64 makes four bytes of three."""
PART_BYTES = 8_000_000
IMPORT_READS = 5
"""How often an upload asks whether its picture has been imported; later, submit asks."""
SUBMIT_SECONDS = 100.0
SLACK_SECONDS = 300.0
"""How far the vendor's clock may be from ours when a lost job is looked for."""
SETTLE_SECONDS = 120.0
"""How long after its submission a job that is not listed is taken to be absent; before, the list may lag behind.

A submit that nobody answered may have arrived as late as it was waited for.
"""
MAX_PAGES = 20
PAGE_SIZE = "100"

_UPLOAD = "upload_"
_CREDITS = re.compile(r"credit|creative unit|compute unit|quota|insufficient", re.IGNORECASE)


def authorization(credentials: Sequence[str]) -> Mapping[str, str]:
    """HTTP Basic, of key and secret. Raises ConfigurationError, without showing them, where they cannot be sent."""
    key, secret = credentials
    if not all(one and one.isascii() and one.isprintable() for one in credentials) or ":" in key:
        raise ConfigurationError(
            "SCENARIO_API_KEY and SCENARIO_API_SECRET have to be printable ASCII text, the key without a colon."
        )
    token = base64.b64encode(f"{key}:{secret}".encode("ascii")).decode("ascii")
    return {"Authorization": f"Basic {token}"}


async def check(client: Client) -> Standing:
    """Whether the credential is accepted: the vendor's list of jobs costs nothing. It does not say what is left."""
    reply = await client.request("GET", "/jobs", query={"pageSize": "1"})
    if reply.status in (401, 402, 403):
        return Standing(refusal=_refused(reply).message)
    _free(reply)
    return Standing()


# ---------------------------------------------------------------------- pictures in


async def upload(session: Session, blob: Blob) -> Uploaded:
    """Brings a picture to the vendor as an asset.

    A large one goes up in parts and is then imported, which may take the vendor longer than the few reads made here:
    the handle is then that of the upload, which `submit` takes as well and asks for its asset.
    Raises ProviderError where the vendor does not take it, FetchError where it may be tried again.
    """
    data = blob.read()
    kind = kind_of(data)
    name = f"{blob.digest.hex()[:16]}.{kind.extension}"
    if len(data) > SMALL_BYTES:
        return Uploaded(await _upload_in_parts(session, name, kind.media_type, data))
    image = base64.b64encode(data).decode("ascii")
    reply = await session.client.request(
        "POST", "/assets", body={"name": name, "image": image}, seconds=120.0
    )
    return Uploaded(_text(_free(reply, "asset"), "id", "the uploaded asset"))


async def _upload_in_parts(session: Session, name: str, media_type: str, data: bytes) -> str:
    pieces = [data[start : start + PART_BYTES] for start in range(0, len(data), PART_BYTES)]
    asked = {
        "kind": "image",
        "fileName": name,
        "contentType": media_type,
        "fileSize": len(data),
        "parts": len(pieces),
    }
    made = _free(await session.client.request("POST", "/uploads", body=asked), "upload")
    upload_id = _text(made, "id", "the upload")
    places = sorted((one for one in list_in(made, "parts") if isinstance(one, dict)), key=_number)
    if len(places) != len(pieces):
        raise ProviderError(f"scenario gave {len(places)} places for {len(pieces)} parts of a picture.")
    for place, piece in zip(places, pieces, strict=True):
        status = await session.client.put(_text(place, "url", "a part"), piece)
        if not 200 <= status < 300:
            raise FetchError(f"scenario's storage answered with status {status} to a part of a picture.")
    path = f"/uploads/{quote(upload_id, safe='')}/action"
    _free(await session.client.request("POST", path, body={"action": "complete"}), "upload")
    for _ in range(IMPORT_READS):
        asset = await _imported(session, upload_id)
        if asset is not None:
            return asset
    return upload_id


async def _imported(session: Session, upload_id: str) -> str | None:
    """The asset that an upload became, or None while it has not. Raises ProviderError where it never will."""
    reply = await session.client.request("GET", f"/uploads/{quote(upload_id, safe='')}")
    found = _free(reply, "upload")
    status = str(found.get("status", "")).lower()
    if status == "failed":
        raise ProviderError(
            f"scenario did not take a picture: {shown(str(found.get('errorMessage') or status))}"
        )
    entity = found.get("entityId")
    return entity if status == "imported" and isinstance(entity, str) and entity else None


def _number(part: Mapping[str, Any]) -> float:
    number = part.get("number")
    return float(number) if isinstance(number, (int, Decimal)) else math.inf


# ---------------------------------------------------------------------- submit


async def submit(session: Session | None, request: Request) -> Submitted:
    """Sends the request. Raises TaskError, before anything is sent, naming what the route cannot send."""
    session = _there(session)
    try:
        request = await _with_assets(session, request)
    except (ReplyLost, FetchError) as error:
        return Refused("not-ready", f"{error} Nothing was submitted.", retry_after_seconds=BUSY_SECONDS)
    if any(one.startswith(_UPLOAD) for one in request.handles.values()):
        return Refused(
            "not-ready",
            "scenario is still importing a picture.",
            retry_after_seconds=capabilities.poll_seconds,
        )
    path, sent = _sendable(request, session.route)
    reply = await session.client.request("POST", path, body=sent, seconds=SUBMIT_SECONDS)
    return _submitted(reply)


async def price(session: Session, request: Request) -> Quote | Accepted:
    """What the vendor would take for a request, in its compute units, by a dry run: nothing runs.

    The pictures have to be uploaded. Raises ProviderError where it does not say.
    """
    path, sent = _sendable(await _with_assets(session, request), session.route)
    reply = await session.client.request("POST", path, body=sent, query={"dryRun": "true"})
    found = _free(reply)
    cost = found.get("creativeUnitsCost")
    if (job := _job_id(found)) is not None:
        return Accepted(job)
    if isinstance(cost, bool) or not isinstance(cost, (int, Decimal)):
        raise ProviderError("scenario's estimate does not say what the call costs.")
    return Quote(Decimal(cost), "CU")


def _there(session: Session | None) -> Session:
    if session is None:
        raise TaskError("scenario needs a connection.")
    return session


async def _with_assets(session: Session, request: Request) -> Request:
    """The request with the assets of uploads that have been imported since."""
    handles = dict(request.handles)
    for digest, handle in request.handles.items():
        if handle.startswith(_UPLOAD):
            handles[digest] = await _imported(session, handle) or handle
    return replace(request, handles=handles)


def _sendable(request: Request, route: Route) -> tuple[str, dict[str, Any]]:
    """The path and the body of a call. Raises TaskError for what cannot be sent."""
    if "dryRun" in request.options:
        raise TaskError(
            "provider_options: scenario ignores dryRun in a body, and would run and charge the job."
        )
    if request.images.get("mask") and "mask" in route.limits and request.prepared is None:
        # In the wrong form it would buy an edit of the wrong place.
        raise TaskError("mask: scenario wants it in a form of its own, and it was not prepared.")

    def asset(blob: Blob) -> str:
        try:
            return request.handles[blob.digest]
        except KeyError:
            raise TaskError("A picture has not been uploaded to scenario.") from None

    return _call(request, route, asset)


def _call(request: Request, route: Route, asset: Callable[[Blob], Any]) -> tuple[str, dict[str, Any]]:
    if route.endpoint == PROMPT_EDITING:
        fixed = {"modelId": route.id}
        return "/generate/prompt-editing", mapping.body(request, route, asset, fixed=fixed)
    if route.endpoint is not None:
        raise TaskError(f'scenario has no endpoint "{route.endpoint}".')
    return f"/generate/custom/{quote(route.id, safe='')}", mapping.body(request, route, asset)


def _submitted(reply: Reply) -> Submitted:
    if 200 <= reply.status < 300:
        found = document(reply)
        job = _job_id(found)
        if job is None:
            return unreadable("scenario", reply, "job")
        return Accepted(job, _costs(found))
    return undecided("scenario", reply) or _refused(reply)


def _refused(reply: Reply) -> Refused:
    found, words = document(reply), words_of(reply)
    if reply.status == 401:
        return Refused("credentials", f"scenario does not accept the credentials: {words}", stops_all=True)
    if reply.status == 403 and any(value == "ModelAccessRestrictedError" for value in values(found, "name")):
        plan = next((f" It needs {shown(str(one))}." for one in values(found, "requiredPlan")), "")
        return Refused("plan", f"The plan at scenario does not include this model.{plan}")
    if reply.status == 402 or (reply.status in (403, 429) and _CREDITS.search(words)):
        return Refused("credits", f"scenario says that the credits are used up: {words}", stops_all=True)
    if reply.status == 429:
        limits = [one for one in values(found, "actionLimit") if isinstance(one, int)]
        return Refused(
            BUSY,
            f"scenario has no room now: {words}",
            retry_after_seconds=_pause_seconds(reply),
            parallel=min(limits, default=None),
        )
    if reply.status == 404 and re.search(r"\basset", words, re.IGNORECASE):
        return Refused(STALE, f"scenario no longer has a picture that it was brought: {words}")
    reason = "rejected" if is_moderation(words) else "refused"
    return Refused(reason, f"scenario refused it with status {reply.status}: {words}")


def _costs(found: Mapping[str, Any]) -> dict[str, str]:
    names = ("creativeUnitsCost", "creativeUnitsDiscount")
    return {name: str(found[name]) for name in names if isinstance(found.get(name), (int, Decimal))}


# ---------------------------------------------------------------------- poll and download


async def poll(session: Session, vendor_id: str) -> Polled:
    """How a job stands. Raises FetchError where it may be asked again, ProviderError where asking is in vain."""
    reply = await session.client.request("GET", f"/jobs/{quote(vendor_id, safe='')}")
    if reply.status in (408, 429) or reply.status >= 500:
        return Running(_pause_seconds(reply), is_busy=reply.status == 429)
    if reply.status == 404:
        return Absent()
    job = _free(reply).get("job")
    return _polled(job) if isinstance(job, dict) else Running(capabilities.poll_seconds)


def _polled(job: Mapping[str, Any]) -> Polled:
    status = str(job.get("status", "")).strip().lower().replace("_", "-")
    metadata = mapping_in(job, "metadata")
    if status == "success":
        assets = tuple(one for one in list_in(metadata, "assetIds") if isinstance(one, str) and one)
        if assets:
            return Finished(downloads=assets, amount=_amount(job))
        return Failed("no-picture", "The job ended without a picture.", is_charged=True)
    if status == "failure":
        said = [metadata.get("error"), metadata.get("hint")]
        words = shown(" ".join(one for one in said if isinstance(one, str) and one)) or "The job failed."
        return Failed("rejected" if is_moderation(words) else "failed", words, _is_charged(job))
    if status in ("canceled", "cancelled"):
        return Failed("canceled", "The job was cancelled at the vendor.", is_charged=None)
    # pending, queued, warming-up, in-progress, finalizing, or a word that the vendor did not have yet.
    return Running(capabilities.poll_seconds)


def _is_charged(job: Mapping[str, Any]) -> bool | None:
    """Whether a failed job costs: it is refunded unless its billing says otherwise, and that may be missing."""
    billing = job.get("billing")
    if not isinstance(billing, dict):
        return None
    return bool(billing.get("disableRefund"))


def _amount(job: Mapping[str, Any]) -> str | None:
    """What the job cost before a discount: that the discount is not yet in the cost is unconfirmed."""
    cost = mapping_in(job, "billing").get("cuCost")
    return None if isinstance(cost, bool) or not isinstance(cost, (int, Decimal)) else f"{Decimal(cost):f}"


async def download(session: Session, address: str) -> bytes:
    """The bytes of an asset, unmodified; its address lives for a while only, so a fresh one is asked for.

    Raises FetchError where it may be tried again, ProviderError where the vendor no longer has it.
    """
    return await asset(session.client, address)


async def asset(client: Client, name: str) -> bytes:
    """The bytes of any asset of the account, as `download`."""
    url = await _address(client, name)
    try:
        return await client.fetch(url)
    except FetchError:
        fresh = await _address(client, name)
        if fresh == url:
            raise
        return await client.fetch(fresh)


async def _address(client: Client, asset: str) -> str:
    reply = await client.request("GET", f"/assets/{quote(asset, safe='')}", query={"originalAssets": "true"})
    if reply.status in (404, 410):
        raise ProviderError(f"scenario no longer has the picture {shown(asset)}.")
    found = _free(reply, "asset")
    status = str(found.get("status", "success")).lower()
    if status == "error":
        raise ProviderError(f"scenario could not keep the picture {shown(asset)}.")
    if status == "pending":
        raise FetchError(f"scenario has not stored the picture {shown(asset)} yet.")
    return _text(found, "url", "the picture")


# ---------------------------------------------------------------------- find


async def find(session: Session, request: Request, since: float) -> Accepted | Finished | Absent | Unknown:
    """Looks through the jobs submitted since for one of exactly this request.

    Absent only where the whole list has been read, some time after the moment, and no job could be it.
    """
    with suppress(ProviderError):  # of an upload that is gone, the picture cannot be compared; the rest can
        request = await _with_assets(session, request)
    sent = _comparable(request, session.route)
    same: list[str] = []
    alike: list[str] = []
    is_whole = is_settled = False
    async for page in _pages(session, since):
        is_whole, is_settled = page.is_last, page.is_settled
        for job in page.jobs:
            likeness = _likeness(job, sent, session.route)
            if likeness != "other":
                (same if likeness == "same" else alike).append(_job_id({"job": job}) or "?")
    if len(same) == 1 and is_whole:
        return Accepted(same[0])
    if same or alike:
        return Unknown(
            f"scenario has jobs that may be this one: {', '.join(map(shown, [*same, *alike][:5]))}."
        )
    if not is_whole:
        return Unknown("scenario's list of jobs could not be read to its end.")
    if not is_settled:
        return Unknown("scenario does not list the job, but it is too early to be sure.")
    return Absent()


class _Page(NamedTuple):
    """Some jobs; whether they end the list, and whether the vendor's clock is well past the moment of submission."""

    jobs: Sequence[Mapping[str, Any]]
    is_last: bool
    is_settled: bool


async def _pages(session: Session, since: float) -> AsyncIterator[_Page]:
    start = datetime.fromtimestamp(since - SLACK_SECONDS, UTC)
    # A filter by type would rule out createdAfter.
    query = {"createdAfter": start.strftime("%Y-%m-%dT%H:%M:%S.000Z"), "pageSize": PAGE_SIZE}
    is_readable = True
    for _ in range(MAX_PAGES):
        reply = await session.client.request("GET", "/jobs", query=query)
        found = _free(reply)
        jobs = [one for one in list_in(found, "jobs") if isinstance(one, dict)]
        is_readable = is_readable and isinstance(found.get("jobs"), list) and len(jobs) == len(found["jobs"])
        token = found.get("nextPaginationToken")
        now = moment(reply.headers.get("date"))
        yield _Page(
            jobs, is_readable and not token, now is not None and now > since + SUBMIT_SECONDS + SETTLE_SECONDS
        )
        if not token:
            return
        query = {**query, "paginationToken": str(token)}


def _comparable(request: Request, route: Route) -> Mapping[str, Any]:
    """What was sent, with None for each picture whose asset is not known."""

    def asset(blob: Blob) -> str | None:
        handle = request.handles.get(blob.digest)
        return None if handle is None or handle.startswith(_UPLOAD) else handle

    return _call(request, route, asset)[1]


def _likeness(
    job: Mapping[str, Any], sent: Mapping[str, Any], route: Route
) -> Literal["same", "other", "maybe"]:
    """Whether a job has surely, surely not, or perhaps the input that was sent; the vendor may echo it changed."""
    metadata = mapping_in(job, "metadata")
    echo = metadata.get("input")
    if str(job.get("jobType", "custom")) not in ("custom", "image-prompt-editing"):
        return "other"
    if any(isinstance(one.get("modelId"), str) and one["modelId"] != route.id for one in (job, metadata)):
        return "other"
    if not isinstance(echo, dict):
        return "maybe"
    found = {_compared(echo[name], value) if name in echo else "maybe" for name, value in sent.items()}
    if "other" in found:
        return "other"
    if "modelId" not in sent and echo.get("modelId", route.id) != route.id:
        return "other"
    # What it says more is a default that the vendor added, or makes it another request.
    if any(
        value not in (None, "", [], False) for name, value in echo.items() if name not in {*sent, "modelId"}
    ):
        return "maybe"
    return "maybe" if "maybe" in found else "same"


def _compared(echo: Any, sent: Any) -> Literal["same", "other", "maybe"]:
    if sent is None:
        return "maybe"
    if isinstance(sent, list) and isinstance(echo, list):
        if len(sent) != len(echo):
            return "other"
        found = {_compared(one, other) for one, other in zip(echo, sent, strict=True)}
        return "other" if "other" in found else "maybe" if "maybe" in found else "same"
    if isinstance(sent, float):
        sent = Decimal(str(sent))  # the echo is read exactly
    if echo == sent:
        return "same"
    if isinstance(sent, str) and isinstance(echo, str) and echo.startswith("asset_"):
        # A long text may have become an asset of its own.
        return "other" if sent.startswith("asset_") else "maybe"
    return "other"


# ---------------------------------------------------------------------- reading answers


def _free(reply: Reply, envelope: str | None = None) -> Mapping[str, Any]:
    """The answer to a request that costs nothing, or what is in its envelope. Raises as `answers.free` does."""
    found = free("scenario", reply)
    return found if envelope is None else mapping_in(found, envelope)


def _job_id(found: Mapping[str, Any]) -> str | None:
    """The id of a job, wherever the vendor's pages show it."""
    for where in (mapping_in(found, "job"), found):
        for name in ("jobId", "id"):
            value = where.get(name)
            if isinstance(value, str) and value:
                return value
    return None


def _text(found: Mapping[str, Any], name: str, what: str) -> str:
    value = text_in(found, name)
    if not value:
        raise FetchError(f"scenario's answer does not say the {name} of {what}.")
    return value


def _pause_seconds(reply: Reply) -> float:
    return pause_seconds(reply, "remainingSeconds")

"""Runway as a provider: pictures are uploaded for a day, edits are tasks that are polled."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import anyio.to_thread

from editchain.errors import EditchainError, ProviderError, TaskError
from editchain.http import FetchError
from editchain.providers import costs, mapping
from editchain.providers.answers import (
    amount_in,
    count_in,
    document,
    free,
    is_moderation,
    list_in,
    mapping_in,
    moment,
    objects_in,
    pause_seconds,
    shown,
    text_in,
    undecided,
    unreadable,
    words_of,
)
from editchain.providers.base import (
    BUSY,
    Absent,
    Accepted,
    Capabilities,
    Failed,
    Finished,
    Refused,
    Running,
    Standing,
    Unknown,
    Uploaded,
)
from editchain.providers.bodies import kind_of
from editchain.providers.headers import sendable
from editchain.providers.lacking import advise_prompt as advise_prompt
from editchain.providers.lacking import check_prompt as check_prompt
from editchain.providers.lacking import find as find
from editchain.providers.lacking import price as price
from editchain.providers.preparing import prepared as prepared

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from decimal import Decimal

    from editchain.http import Client, Reply
    from editchain.models import Route
    from editchain.providers.base import Blob, Polled, Request, Session, Submitted

is_local = False
capabilities = Capabilities(
    base_url="https://api.dev.runwayml.com/v1",  # whatever its name says, this is where the vendor sells
    console="https://dev.runwayml.com",
    credentials=(("RUNWAYML_API_SECRET", "RUNWAY_API_KEY"),),
    uploads=True,
    checks=True,
    concurrency=2,
    poll_seconds=5.0,
)

VERSION = "2024-11-06"
"""Of the protocol, which the vendor wants to be told with every request."""
UPLOAD_SECONDS = 24 * 3600.0
"""How long an uploaded picture may be asked for."""
FULL_SECONDS = 60.0
"""When to ask again where the vendor has no room and does not say until when: its limits are of a day, not of a minute."""

_CREDITS = re.compile(r"(enough|insufficient|out of|no)\b[^.]{0,20}\bcredits?|credit balance", re.IGNORECASE)


def authorization(credentials: Sequence[str]) -> Mapping[str, str]:
    """The key as a bearer token, with the version of the protocol. Raises ConfigurationError, without showing the key."""
    (key,) = sendable(credentials, capabilities)
    return {"Authorization": f"Bearer {key}", "X-Runway-Version": VERSION}


async def check(client: Client) -> Standing:
    """What is left of the account's credits."""
    reply = await client.request("GET", "/organization")
    if reply.status in (401, 402, 403):
        return Standing(refusal=_refused(reply).message)
    left = amount_in(free("runway", reply), "creditBalance")
    if left is None:
        return Standing()
    return Standing(f"{left:f} credits", None if left > 0 else "runway says that the credits are used up.")


# ---------------------------------------------------------------------- pictures in


async def upload(session: Session, blob: Blob) -> Uploaded:
    """Brings a picture to the vendor for a day.

    Raises ProviderError where the vendor does not take it, FetchError and NotSent where it may be tried again.
    """
    data = await anyio.to_thread.run_sync(blob.read)
    kind = kind_of(data)
    name = f"{blob.digest.hex()[:16]}.{kind.extension}"
    reply = await session.client.request("POST", "/uploads", body={"filename": name, "type": "ephemeral"})
    found = free("runway", reply)
    address, handle = text_in(found, "uploadUrl"), text_in(found, "runwayUri")
    if not address or not handle:
        raise FetchError("runway's answer does not say where a picture goes.")
    form = {key: str(value) for key, value in mapping_in(found, "fields").items()}
    status = await session.client.post(address, form=form, files={"file": (name, data, kind.media_type)})
    if not 200 <= status < 300:
        raise FetchError(f"runway's storage answered with status {status} to a picture.")
    now = moment(reply.headers.get("date"))
    return Uploaded(handle, 0.0 if now is None else now + UPLOAD_SECONDS)


# ---------------------------------------------------------------------- submit


async def submit(session: Session | None, request: Request) -> Submitted:
    """Sends the request. Raises TaskError, before anything is sent, naming what the route cannot send."""
    if session is None:
        raise TaskError("runway needs a connection.")
    body = await anyio.to_thread.run_sync(_body, request, session.route)
    reply = await session.client.request("POST", "/text_to_image", body=body, seconds=100.0)
    if 200 <= reply.status < 300:
        return _accepted(reply)
    open_answer = undecided("runway", reply)
    if open_answer is not None:
        return open_answer
    refused = _refused(reply)
    if refused.reason == BUSY and await _is_day_full(session):
        return Refused(
            "quota", f"runway takes no more of this model today: {words_of(reply)}", stops_all=True
        )
    return refused


def _body(request: Request, route: Route) -> dict[str, Any]:
    most = route.fields["prompt"].get("accepts", {}).get("maxLength")
    units = len(str(request.fields["prompt"]).encode("utf-16-le")) // 2
    if most is not None and units > most:
        raise TaskError(
            f"prompt: {units} characters, as runway counts them, are more than the {most} of this route."
        )

    def handle(blob: Blob) -> str:
        try:
            return request.handles[blob.digest]
        except KeyError:
            raise TaskError("A picture has not been uploaded to runway.") from None

    body = mapping.body(request, route, handle, fixed={"model": route.id})
    pictures = zip(body["referenceImages"], _tags(request, route), strict=True)
    body["referenceImages"] = [{"uri": uri, **tag} for uri, tag in pictures]
    return body


def _tags(request: Request, route: Route) -> Iterator[dict[str, str]]:
    """The name of each picture by which the prompt can speak of it, in the order in which they are sent."""
    for name, entry in route.fields.items():
        for number, _ in enumerate(request.images.get(name, ()), 1):
            if entry.get("to") == "referenceImages":
                tag = entry.get("tag")
                yield {} if tag is None else {"tag": tag.replace("{n}", str(number))}


def _accepted(reply: Reply) -> Accepted | Unknown:
    found = document(reply)
    task = text_in(found, "id")
    if not task:
        return unreadable("runway", reply, "task")
    most = amount_in(mapping_in(found, "estimatedCost"), "credits")
    return Accepted(task, {} if most is None else {"estimatedCredits": f"{most:f}"})


def _refused(reply: Reply) -> Refused:
    words = _said(reply)
    if reply.status in (401, 403):
        return Refused("credentials", f"runway does not accept the credential: {words}", stops_all=True)
    if reply.status == 402 or (reply.status in (400, 429) and _CREDITS.search(words)):
        return Refused("credits", f"runway says that the credits are used up: {words}", stops_all=True)
    if reply.status == 429:
        again = pause_seconds(reply, otherwise=FULL_SECONDS)
        return Refused(BUSY, f"runway has no room now: {words}", retry_after_seconds=again)
    if reply.status == 404:
        return Refused("model", f"runway does not have this: {words}")
    reason = "rejected" if is_moderation(words) else "refused"
    return Refused(reason, f"runway refused it with status {reply.status}: {words}")


def _said(reply: Reply) -> str:
    """The vendor's words, with what is wrong at each place."""
    found = document(reply)
    wrong = [
        ": ".join(filter(None, [".".join(map(str, list_in(one, "path"))), text_in(one, "message")]))
        for one in objects_in(found, "issues")
    ]
    words = "; ".join(filter(None, [text_in(found, "error"), *wrong]))
    return shown(words) if words else words_of(reply)


async def _is_day_full(session: Session) -> bool:
    """Whether the model has been asked for as often as the account may in a day, as far as the vendor says."""
    try:
        found = free("runway", await session.client.request("GET", "/organization"))
    except EditchainError:
        return False
    model = session.route.id
    most = count_in(mapping_in(mapping_in(mapping_in(found, "tier"), "models"), model), "maxDailyGenerations")
    done = count_in(mapping_in(mapping_in(mapping_in(found, "usage"), "models"), model), "dailyGenerations")
    return 0 < most <= done


# ---------------------------------------------------------------------- poll and download


async def poll(session: Session, vendor_id: str) -> Polled:
    """How a task stands. Raises FetchError where it may be asked again, ProviderError where asking is in vain."""
    reply = await session.client.request("GET", _path(vendor_id))
    if reply.status in (408, 429) or reply.status >= 500:
        again = pause_seconds(reply, otherwise=capabilities.poll_seconds)
        return Running(again, is_busy=reply.status == 429)
    if reply.status == 404:
        return Absent()
    return _polled(session, vendor_id, free("runway", reply))


def _path(task: str) -> str:
    return f"/tasks/{quote(task, safe='')}"


def _polled(session: Session, task: str, found: Mapping[str, Any]) -> Polled:
    status = text_in(found, "status").upper()
    paid = amount_in(mapping_in(found, "cost"), "credits")
    amount = None if paid is None else costs.amount(session.prices, {"credit": paid})
    if status == "SUCCEEDED":
        addresses = [one for one in list_in(found, "output") if isinstance(one, str) and one]
        if not addresses:
            message = "The task ended without a picture."
            return Failed("no-picture", message, _is_charged(paid, otherwise=True), amount)
        # An address dies within a day or two; with the task's name a fresh one can be asked for.
        downloads = tuple(f"{one}#{task}/{number}" for number, one in enumerate(addresses))
        return Finished(downloads=downloads, amount=amount)
    if status == "FAILED":
        return _failed(found, paid, amount)
    if status in ("CANCELLED", "CANCELED"):
        return Failed("canceled", "The task was cancelled at the vendor.", _is_charged(paid), amount)
    # PENDING, THROTTLED (accepted, and waiting for our own other tasks), RUNNING, or a word that is new.
    return Running(capabilities.poll_seconds)


def _failed(found: Mapping[str, Any], paid: Decimal | None, amount: str | None) -> Failed:
    """Why a task failed: what was charged is in its cost; where that is missing, only input is known to be kept."""
    code = text_in(found, "failureCode").upper()
    words = shown(text_in(found, "failure")) or "The task failed."
    said = f"{words} ({shown(code)})" if code else words
    if code.startswith("SAFETY."):
        kept = True if code.startswith("SAFETY.INPUT") else None
        return Failed("rejected", said, _is_charged(paid, otherwise=kept), amount)
    reason = "refused" if code.startswith("ASSET.") else "failed"
    return Failed(reason, said, _is_charged(paid), amount)


def _is_charged(paid: Decimal | None, *, otherwise: bool | None = None) -> bool | None:
    return otherwise if paid is None else paid > 0


async def download(session: Session, address: str) -> bytes:
    """The bytes of a picture; where its address is no good any more, by a fresh one.

    Raises FetchError where it may be tried again, ProviderError where the vendor no longer has the task.
    """
    url, _, place = address.rpartition("#")
    try:
        return await session.client.fetch(url)
    except FetchError:
        task, _, number = place.rpartition("/")
        fresh = await _address(session, task, int(number))
        if fresh == url:
            raise
        return await session.client.fetch(fresh)


async def _address(session: Session, task: str, number: int) -> str:
    reply = await session.client.request("GET", _path(task))
    if reply.status == 404:
        raise ProviderError(f"runway no longer has the task {shown(task)}.")
    addresses = list_in(free("runway", reply), "output")
    if number >= len(addresses) or not isinstance(addresses[number], str):
        raise FetchError(f"runway does not give the picture of {shown(task)} now.")
    return str(addresses[number])


async def cancel(session: Session, vendor_id: str) -> bool:
    """Cancels a task that has not begun. One that runs may be charged, and one that has ended would be deleted."""
    found = document(await session.client.request("GET", _path(vendor_id)))
    if text_in(found, "status").upper() not in ("PENDING", "THROTTLED"):
        return False
    reply = await session.client.request("DELETE", _path(vendor_id))
    return 200 <= reply.status < 300

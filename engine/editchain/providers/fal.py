"""fal as a provider: pictures go to its storage, edits are requests in a queue at addresses that it gives for each."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import anyio.to_thread

from editchain.errors import ProviderError, TaskError
from editchain.http import FetchError
from editchain.providers import costs, mapping
from editchain.providers.answers import (
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
    Blob,
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
from editchain.providers.lacking import download as download
from editchain.providers.lacking import find as find
from editchain.providers.lacking import price as price
from editchain.providers.preparing import prepared as prepared

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from editchain.http import Client, Reply
    from editchain.providers.base import Polled, Request, Session, Submitted

is_local = False
capabilities = Capabilities(
    base_url="https://queue.fal.run",
    console="https://fal.ai/dashboard",
    credentials=(("FAL_KEY",),),
    hosts=("rest.fal.ai",),
    uploads=True,
    checks=True,
    concurrency=10,
    poll_seconds=1.0,
)

STORAGE = "https://rest.fal.ai"
KEPT_SECONDS = 7 * 86_400
"""For how long the vendor is asked to keep what is uploaded: anybody who knows its address can read it."""
CANCELED = "canceled"
_NAMESPACES = ("workflows", "comfy")


def authorization(credentials: Sequence[str]) -> Mapping[str, str]:
    """The vendor's own scheme. Raises ConfigurationError, without showing it, where the key cannot be sent."""
    (key,) = sendable(credentials, capabilities)
    return {"Authorization": f"Key {key}"}


async def check(client: Client) -> Standing:
    """Whether the key is accepted: a token for uploads is asked for, which costs nothing."""
    path = f"{_storage(client)}/storage/auth/token?storage_type=fal-cdn-v3"
    reply = await client.request("POST", path, body={})
    if reply.status in (401, 402, 403):
        return Standing(refusal=_refused(reply).message)
    free("fal", reply)
    return Standing()


def _storage(client: Client) -> str:
    """Where pictures go: a server of another base URL has its own storage."""
    return STORAGE if client.base_url == capabilities.base_url else ""


# ---------------------------------------------------------------------- pictures in


async def upload(session: Session, blob: Blob) -> Uploaded:
    """Brings a picture to the vendor's storage, for a week.

    Raises ProviderError where the vendor does not take it, FetchError where it may be tried again.
    """
    data = await anyio.to_thread.run_sync(blob.read)
    kind = kind_of(data)
    reply = await session.client.request(
        "POST",
        f"{_storage(session.client)}/storage/upload/initiate?storage_type=fal-cdn-v3",
        body={"content_type": kind.media_type, "file_name": f"{blob.digest.hex()[:16]}.{kind.extension}"},
        headers={
            "X-Fal-Object-Lifecycle-Preference": json.dumps({"expiration_duration_seconds": KEPT_SECONDS})
        },
    )
    found = free("fal", reply)
    place, address = text_in(found, "upload_url"), text_in(found, "file_url")
    if not place or not address:
        raise FetchError("fal's answer does not say where a picture goes.")
    status = await session.client.put(place, data, headers={"Content-Type": kind.media_type})
    if not 200 <= status < 300:
        raise FetchError(f"fal's storage answered with status {status} to a picture.")
    now = moment(reply.headers.get("date"))
    return Uploaded(address, 0.0 if now is None else now + KEPT_SECONDS)


# ---------------------------------------------------------------------- submit


async def submit(session: Session | None, request: Request) -> Submitted:
    """Puts the edit into the queue. Raises TaskError for what cannot be sent, NotSent and ReplyLost."""
    if session is None:
        raise TaskError("fal needs a connection.")
    if "sync_mode" in request.options:
        raise TaskError(
            "provider_options: with sync_mode the vendor keeps no result, and a lost one is paid for."
        )

    def address(blob: Blob) -> str:
        try:
            return request.handles[blob.digest]
        except KeyError:
            raise TaskError("A picture has not been uploaded to fal.") from None

    body = await anyio.to_thread.run_sync(mapping.body, request, session.route, address)
    reply = await session.client.request("POST", f"/{quote(session.route.id)}", body=body, seconds=100.0)
    if 200 <= reply.status < 300:
        return _accepted(session.client, reply)
    return undecided("fal", reply, also=(499,)) or _refused(reply)


def _accepted(client: Client, reply: Reply) -> Accepted | Unknown:
    """The request, known by the address of its status: one made of the model's id would lead elsewhere."""
    found = document(reply)
    address, request = text_in(found, "status_url"), text_in(found, "request_id")
    name = address if client.trusts(address) else request
    if not name:
        return unreadable("fal", reply, "request")
    return Accepted(name, {"id": request})


def _refused(reply: Reply) -> Refused:
    words = words_of(reply)
    is_locked = reply.status == 403 and ("balance" in words.lower() or "locked" in words.lower())
    if reply.status == 402 or is_locked:
        return Refused("credits", f"fal says that the balance is used up: {words}", stops_all=True)
    if reply.status in (401, 403):
        return Refused("credentials", f"fal does not accept the credential: {words}", stops_all=True)
    if reply.status == 429:
        return Refused(BUSY, f"fal has no room now: {words}", retry_after_seconds=pause_seconds(reply))
    if reply.status == 404:
        return Refused("model", f"fal does not have this model: {words}")
    reason = "rejected" if is_moderation(words) else "refused"
    return Refused(reason, f"fal refused it with status {reply.status}: {words}")


# ---------------------------------------------------------------------- poll


async def poll(session: Session, vendor_id: str) -> Polled:
    """How a request stands, and its result where it has one. Raises FetchError and ProviderError."""
    where = _status_of(session, vendor_id)
    reply = await session.client.request("GET", where)
    if reply.status in (408, 429) or reply.status >= 500:
        return Running(pause_seconds(reply), is_busy=reply.status == 429)
    if reply.status == 404:
        return Absent()
    found = free("fal", reply)
    if text_in(found, "status").upper() != "COMPLETED":
        # IN_QUEUE, IN_PROGRESS, or a word that the vendor did not have yet.
        return Running(capabilities.poll_seconds)
    address = text_in(found, "response_url")
    result = address if session.client.trusts(address) else where.removesuffix("/status")
    return _ended(session, found, await session.client.request("GET", result))


def _status_of(session: Session, vendor_id: str) -> str:
    """Where a request's status is: as the vendor said, else, of a bare id, by owner and app of the model's id."""
    if vendor_id.startswith(("https:", "http:")):
        return vendor_id
    parts = session.route.id.split("/")
    app = "/".join(parts[: 3 if parts[0] in _NAMESPACES else 2])
    return f"/{quote(app)}/requests/{quote(vendor_id, safe='')}/status"


def _ended(session: Session, status: Mapping[str, Any], reply: Reply) -> Finished | Failed:
    kinds = {text_in(status, "error_type"), _kind(reply)} - {""}
    error = text_in(status, "error")
    if 200 <= reply.status < 300 and not (kinds or error):
        return _finished(session, reply)
    if not (kinds or error) or reply.status in (401, 402, 403, 408, 429):
        free("fal", reply)  # nothing of the job: the question itself went wrong
        raise ProviderError(f"fal answered with status {reply.status}: {words_of(reply)}")
    words = words_of(reply) if reply.status >= 300 else shown(error or ", ".join(kinds))
    units = _units(reply)
    is_charged = None if units is None else units > 0
    if reply.status >= 500:
        return Failed("failed", words, is_charged=False)
    if kinds & {"client_cancelled", "client_disconnected"}:
        return Failed(CANCELED, words, is_charged, _amount(session, units))
    reason = "rejected" if is_moderation(" ".join([*kinds, words])) else "failed"
    return Failed(reason, words, is_charged, _amount(session, units))


def _kind(reply: Reply) -> str:
    """The vendor's word for what went wrong: in a header, beside the detail, or in it."""
    found = document(reply)
    detail = next((text_in(one, "type") for one in objects_in(found, "detail")), "")
    return reply.headers.get("x-fal-error-type", "") or text_in(found, "error_type") or detail


def _finished(session: Session, reply: Reply) -> Finished | Failed:
    found, amount = document(reply), _amount(session, _units(reply))
    if not found:
        raise FetchError("fal's answer cannot be read.")
    if any(one is True for one in list_in(found, "has_nsfw_concepts")):
        words = "The vendor's safety checker blackened the picture that was made."
        return Failed("rejected", words, is_charged=True, amount=amount)
    shown_pictures = [*objects_in(found, "images"), mapping_in(found, "image")]
    addresses = tuple(address for one in shown_pictures if (address := text_in(one, "url")))
    if not addresses:
        return Failed("no-picture", "The request ended without a picture.", is_charged=True, amount=amount)
    seed = found.get("seed")
    return Finished(downloads=addresses, amount=amount, seed=seed if isinstance(seed, int) else None)


def _units(reply: Reply) -> Decimal | None:
    try:
        units = Decimal(reply.headers["x-fal-billable-units"])
    except (KeyError, InvalidOperation):
        return None
    return units if units.is_finite() else None


def _amount(session: Session, units: Decimal | None) -> str | None:
    """What units cost, which are those that the price is for."""
    if not units:
        return None
    return next(
        (one for per in ("megapixel", "picture") if (one := costs.amount(session.prices, {per: units}))), None
    )


async def cancel(session: Session, vendor_id: str) -> bool:
    """Takes a request out of the queue, which is free; one that has begun goes on and is charged."""
    where = _status_of(session, vendor_id)
    found = document(await session.client.request("GET", where))
    if text_in(found, "status").upper() != "IN_QUEUE":
        return False
    address = text_in(found, "cancel_url")
    place = address if session.client.trusts(address) else f"{where.removesuffix('/status')}/cancel"
    await session.client.request("PUT", place)
    ended = await poll(session, vendor_id)  # it may have begun in between
    return isinstance(ended, Failed) and ended.reason == CANCELED

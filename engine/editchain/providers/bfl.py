"""Black Forest Labs as a provider: edits are tasks that are polled at the address that the vendor gives for each."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

import anyio.to_thread

from editchain.errors import TaskError
from editchain.providers import costs, mapping
from editchain.providers.answers import (
    amount_in,
    document,
    free,
    is_moderation,
    mapping_in,
    moment,
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
)
from editchain.providers.bodies import Packed, pack
from editchain.providers.headers import sendable
from editchain.providers.lacking import advise_prompt as advise_prompt
from editchain.providers.lacking import cancel as cancel
from editchain.providers.lacking import check_prompt as check_prompt
from editchain.providers.lacking import download as download
from editchain.providers.lacking import find as find
from editchain.providers.lacking import price as price
from editchain.providers.lacking import upload as upload
from editchain.providers.preparing import prepared as prepared

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from editchain.http import Client, Reply
    from editchain.providers.base import Polled, Request, Session, Submitted

is_local = False
capabilities = Capabilities(
    base_url="https://api.bfl.ai",
    console="https://dashboard.bfl.ai",
    credentials=(("BFL_API_KEY",),),
    hosts=(".bfl.ai",),  # tasks are polled at regional hosts
    checks=True,
    concurrency=24,
    poll_seconds=1.0,
)


def authorization(credentials: Sequence[str]) -> Mapping[str, str]:
    """The vendor's own header. Raises ConfigurationError, without showing it, where the key cannot be sent."""
    (key,) = sendable(credentials, capabilities)
    return {"x-key": key}


async def check(client: Client) -> Standing:
    """What is left of the account's credits."""
    reply = await client.request("GET", "/v1/credits")
    if reply.status in (401, 402, 403):
        return Standing(refusal=_refused(reply).message)
    left = amount_in(free("bfl", reply), "credits")
    if left is None:
        return Standing()
    return Standing(f"{left:f} credits", None if left > 0 else "bfl says that the credits are used up.")


# ---------------------------------------------------------------------- submit


async def submit(session: Session | None, request: Request) -> Submitted:
    """Sends the edit, its pictures with it. Raises TaskError for what cannot be sent, NotSent and ReplyLost."""
    if session is None:
        raise TaskError("bfl needs a connection.")
    reply = await session.client.request(
        "POST",
        f"/v1/{quote(session.route.id, safe='')}",
        content=await anyio.to_thread.run_sync(_body, session, request),
        headers={"Content-Type": "application/json"},
        seconds=100.0,
    )
    if 200 <= reply.status < 300:
        return _accepted(session.client, reply)
    return undecided("bfl", reply) or _refused(reply)


def _body(session: Session, request: Request) -> bytes:
    """The body, in a thread: pictures are read and packed there."""
    return pack(mapping.body(request, session.route, _picture))


def _picture(blob: Blob) -> Packed:
    return Packed(blob.read())


def _accepted(client: Client, reply: Reply) -> Accepted | Unknown:
    """The task, known by its address: another host than the one that gave it may not find it."""
    found = document(reply)
    address, task = text_in(found, "polling_url"), text_in(found, "id")
    name = address if client.trusts(address) else task
    if not name:
        return unreadable("bfl", reply, "task")
    told = {key: amount_in(found, key) for key in ("cost", "input_mp", "output_mp")}
    return Accepted(name, {"id": task, **{key: str(one) for key, one in told.items() if one is not None}})


def _refused(reply: Reply) -> Refused:
    words = words_of(reply)
    if reply.status in (401, 403):
        return Refused("credentials", f"bfl does not accept the credential: {words}", stops_all=True)
    if reply.status == 402:
        return Refused("credits", f"bfl says that the credits are used up: {words}", stops_all=True)
    if reply.status == 429:
        return Refused(BUSY, f"bfl has no room now: {words}", retry_after_seconds=pause_seconds(reply))
    if reply.status == 404:
        return Refused("model", f"bfl does not have this model: {words}")
    reason = "rejected" if is_moderation(words) else "refused"
    return Refused(reason, f"bfl refused it with status {reply.status}: {words}")


# ---------------------------------------------------------------------- poll


async def poll(session: Session, vendor_id: str) -> Polled:
    """How a task stands, by its address, or by its bare id. Raises FetchError and ProviderError."""
    is_address = vendor_id.startswith(("https:", "http:"))
    path = vendor_id if is_address else f"/v1/get_result?id={quote(vendor_id, safe='')}"
    reply = await session.client.request("GET", path)
    if reply.status in (408, 429) or reply.status >= 500:
        return Running(pause_seconds(reply), is_busy=reply.status == 429)
    found = document(reply)
    status = "".join(filter(str.isalpha, text_in(found, "status"))).lower()
    if status:  # a task comes with a status of 422 or 404 as well
        return _polled(session, found, status, moment(reply.headers.get("date")))
    if reply.status == 404:
        return Absent()
    free("bfl", reply)
    return Running(capabilities.poll_seconds)


def _polled(session: Session, found: Mapping[str, Any], status: str, now: float | None) -> Polled:
    cost = amount_in(found, "cost")
    amount = costs.amount(session.prices, {"credit": cost}) if cost else None
    is_charged = None if cost is None else cost > 0
    details = _details(found)
    if status == "ready":
        return _finished(mapping_in(found, "result"), amount, now)
    if status in ("requestmoderated", "contentmoderated"):
        what = "the request" if status == "requestmoderated" else "the picture that was made"
        words = f"The vendor's moderation refused {what}{f': {details}' if details else '.'}"
        return Failed("rejected", words, is_charged, amount)
    if status in ("error", "failed"):
        return Failed("failed", details or "The task failed.", is_charged, amount)
    if status == "tasknotfound":
        return Absent()
    # Pending, Reasoning, Generating, or a word that the vendor did not have yet.
    return Running(capabilities.poll_seconds)


def _finished(result: Mapping[str, Any], amount: str | None, now: float | None) -> Finished | Failed:
    address, seed = text_in(result, "sample"), result.get("seed")
    if not address:
        return Failed("no-picture", "The task ended without a picture.", is_charged=True, amount=amount)
    end = _end(address)
    if end is not None and now is not None and end < now:
        return Failed(
            "lost",
            "The vendor kept the picture for ten minutes, which are over.",
            is_charged=True,
            amount=amount,
        )
    return Finished(downloads=(address,), amount=amount, seed=seed if isinstance(seed, int) else None)


def _end(address: str) -> float | None:
    """Until when a delivery address is good, by its own word, in unix seconds."""
    try:
        said = parse_qs(urlsplit(address).query)["se"][0]
        return datetime.fromisoformat(said.replace("Z", "+00:00")).timestamp()
    except (KeyError, ValueError, OverflowError):
        return None


def _details(found: Mapping[str, Any]) -> str:
    """What a task says of how it ended: text, or lists of text under names."""
    details = found.get("details")
    named = mapping_in(found, "details").values()
    words = [details] if isinstance(details, str) else [
        word for one in named for word in (one if isinstance(one, list) else [one])
    ]  # fmt: skip
    return shown("; ".join(word for word in words if isinstance(word, str)))

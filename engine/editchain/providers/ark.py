"""Ark as a provider, at BytePlus or Volcengine: one request, answered with the addresses of the pictures."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from editchain.errors import ProviderError, TaskError
from editchain.http import FetchError
from editchain.providers import mapping
from editchain.providers.answers import (
    BUSY_SECONDS,
    document,
    mapping_in,
    objects_in,
    pause_seconds,
    picture,
    read,
    shown,
    text_in,
    undecided,
    words_of,
)
from editchain.providers.base import BUSY, Blob, Capabilities, Failed, Finished, Refused, Unknown
from editchain.providers.bodies import data_url, pack
from editchain.providers.costs import amount
from editchain.providers.headers import sendable
from editchain.providers.lacking import advise_prompt as advise_prompt
from editchain.providers.lacking import cancel as cancel
from editchain.providers.lacking import check as check
from editchain.providers.lacking import check_prompt as check_prompt
from editchain.providers.lacking import find as find
from editchain.providers.lacking import poll as poll
from editchain.providers.lacking import price as price
from editchain.providers.lacking import upload as upload
from editchain.providers.preparing import prepared as prepared

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from editchain.http import Reply
    from editchain.providers.base import Request, Session, Submitted

is_local = False
capabilities = Capabilities(
    base_url="https://ark.ap-southeast.bytepluses.com/api/v3",
    console="https://console.byteplus.com/ark",
    credentials=(("ARK_API_KEY",),),
    concurrency=8,
    per_second=8.0,
    submit_seconds=600.0,
)

VOLCENGINE = ".volces.com"
"""Below this host the vendor's models have names of their own."""
GONE = frozenset({403, 404, 410})
"""What an address answers that has ended: it is the only one, and is good for a day."""
AGAIN_SECONDS = 2.0
"""When to ask again what failed inside the vendor's own servers."""

_SPENT = ("QuotaExceeded", "SetLimitExceeded")
_MODERATING = ("SensitiveContentDetected", "RiskDetection")


def authorization(credentials: Sequence[str]) -> Mapping[str, str]:
    """The key as a bearer token. Raises ConfigurationError, without showing it, where it cannot be sent."""
    (key,) = sendable(credentials, capabilities)
    return {"Authorization": f"Bearer {key}"}


# ---------------------------------------------------------------------- submit


async def submit(session: Session | None, request: Request) -> Submitted:
    """Asks for the edit and waits for it. Raises TaskError for what cannot be sent, NotSent and ReplyLost."""
    if session is None:
        raise TaskError("ark needs a connection.")
    content = await anyio.to_thread.run_sync(_body, session, request)
    trace = {"X-Client-Request-Id": request.token} if request.token else {}
    reply = await session.client.request(
        "POST",
        "/images/generations",
        content=content,
        headers={"Content-Type": "application/json", **trace},
        seconds=capabilities.submit_seconds,
    )
    if 200 <= reply.status < 300:
        return _answered(session, await read(reply), reply)
    code = text_in(mapping_in(document(reply), "error"), "code")
    is_said = bool(code) and reply.status == 500
    return undecided("ark", reply, _words(reply), is_said=is_said) or _refused(reply, code)


def _body(session: Session, request: Request) -> bytes:
    """The body, in a thread: an account's own endpoint may stand in for the model, as an option."""
    options = dict(request.options)
    model = options.pop("model", None) or _name(session)
    fixed = {"model": model, "response_format": "url"}
    return pack(mapping.body(replace(request, options=options), session.route, _picture, fixed=fixed))


def _picture(blob: Blob) -> Any:
    return data_url(blob.read())


def _name(session: Session) -> str:
    """What the vendor calls the model, which has a prefix at Volcengine."""
    host = session.client.base_url.partition("//")[2].partition("/")[0]
    return f"doubao-{session.route.id}" if host.endswith(VOLCENGINE) else session.route.id


def _answered(
    session: Session, found: Mapping[str, Any], reply: Reply
) -> Finished | Failed | Refused | Unknown:
    """What a 200 brings: pictures, of which some may be missing, or what is wrong with every one of them."""
    made = objects_in(found, "data")
    addresses = tuple(address for one in made if (address := text_in(one, "url")))
    pictures = tuple(data for one in made if (data := picture(one.get("b64_json"))) is not None)
    count = mapping_in(found, "usage").get("generated_images")
    generated = count if isinstance(count, int) else len(addresses or pictures)
    cost = amount(session.prices, {"picture": generated})
    if addresses or pictures:
        return Finished(pictures=() if addresses else pictures, downloads=addresses, amount=cost)
    errors = [mapping_in(one, "error") for one in (*made, found)]
    error = next((one for one in errors if one), None)
    if error is None:
        return Unknown(
            f"ark answered with status {reply.status} and nothing that can be read{_trace(reply)}."
        )
    code, words = text_in(error, "code"), shown(text_in(error, "message") or text_in(error, "code"))
    reason = "rejected" if _is_moderation(code) else "failed"
    if generated:
        return Failed(
            reason, f"ark made no picture of what it charged: {words}", is_charged=True, amount=cost
        )
    if reason == "rejected":
        return Refused(reason, f"ark's moderation refused it: {words}")
    # What it charges is what it counts.
    is_charged = False if isinstance(count, int) else None
    return Failed(reason, f"ark could not do it: {words}{_trace(reply)}", is_charged)


# ---------------------------------------------------------------------- refusals


def _refused(reply: Reply, code: str) -> Refused:
    words, status = _words(reply), reply.status
    if status >= 500 or code == "ContentSecurityDetectionError":
        again = pause_seconds(reply, otherwise=AGAIN_SECONDS)
        return Refused("not-ready", f"ark could not do it: {words}", retry_after_seconds=again)
    if code == "AccountOverdueError" or status == 402:
        return Refused("credits", f"ark says that the account is overdue: {words}", stops_all=True)
    if status == 401 or code == "InvalidAccountStatus":
        return Refused("credentials", f"ark does not accept the credential: {words}", stops_all=True)
    if status == 403:
        return Refused("plan", f"ark does not allow this model to the account: {words}")
    if status == 404:
        return Refused("model", f"ark does not have this model, or the account has not opened it: {words}")
    if status == 429 and code.startswith(_SPENT):
        return Refused("quota", f"ark says that a limit of the account is used up: {words}", stops_all=True)
    if status == 429:
        again = pause_seconds(reply, otherwise=BUSY_SECONDS)
        return Refused(BUSY, f"ark has no room now: {words}", retry_after_seconds=again)
    if _is_moderation(code):
        return Refused("rejected", f"ark's moderation refused it: {words}")
    return Refused("refused", f"ark refused it with status {status}: {words}")


def _is_moderation(code: str) -> bool:
    return any(word in code for word in _MODERATING)


def _words(reply: Reply) -> str:
    return f"{words_of(reply)}{_trace(reply)}"


def _trace(reply: Reply) -> str:
    """By which name the vendor's support finds a request."""
    request = reply.headers.get("x-request-id", "")
    return f" (request {shown(request)})" if request else ""


# ---------------------------------------------------------------------- download


async def download(session: Session, address: str) -> bytes:
    """The bytes of a picture. Raises FetchError where it may be tried again, ProviderError where it is gone for good."""
    try:
        return await session.client.fetch(address)
    except FetchError as error:
        if error.status in GONE:
            raise ProviderError("ark keeps pictures for a day, and this one is gone.") from error
        raise

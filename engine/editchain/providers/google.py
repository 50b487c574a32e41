"""Google as a provider: Gemini's image models by generateContent, at the Gemini API or at Vertex AI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import anyio.to_thread

from editchain.errors import TaskError
from editchain.providers import mapping
from editchain.providers.answers import (
    BUSY_SECONDS,
    count_in,
    document,
    duration,
    list_in,
    mapping_in,
    objects_in,
    pause_seconds,
    picture,
    read,
    shown,
    text_in,
    undecided,
    words_in,
    words_of,
)
from editchain.providers.base import BUSY, Capabilities, Failed, Finished, Refused, Standing, Unknown
from editchain.providers.bodies import Packed, kind_of, pack
from editchain.providers.costs import amount
from editchain.providers.headers import sendable
from editchain.providers.lacking import advise_prompt as advise_prompt
from editchain.providers.lacking import cancel as cancel
from editchain.providers.lacking import check_prompt as check_prompt
from editchain.providers.lacking import download as download
from editchain.providers.lacking import find as find
from editchain.providers.lacking import poll as poll
from editchain.providers.lacking import price as price
from editchain.providers.lacking import upload as upload
from editchain.providers.preparing import prepared as prepared

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from editchain.http import Client, Reply
    from editchain.models import Route
    from editchain.providers.base import Request, Session, Submitted

is_local = False
capabilities = Capabilities(
    base_url="https://generativelanguage.googleapis.com/v1beta",
    console="https://aistudio.google.com/usage",
    credentials=(("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_OAUTH_ACCESS_TOKEN"),),
    checks=True,
    concurrency=4,
    submit_seconds=300.0,
)

SPENT_SECONDS = 60.0
"""When to ask again where spending over the last ten minutes is at its limit and the vendor does not say until when."""
MAX_SHOWN = 160
"""How much of what the model says in words is shown."""

_TOKENS = ("ya29.", "eyJ")
"""How OAuth access tokens begin; API keys do not."""
_REFUSING = frozenset(
    {
        "SAFETY",
        "RECITATION",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
        "LANGUAGE",
        "ESCALATION",
        "MODEL_ARMOR",
        "PUP_LIMITED_DISABLED",
    }
)
"""Reasons to finish by which the vendor does not want to make the picture."""
_BY_CHANCE = frozenset({"NO_IMAGE", "IMAGE_OTHER", "OTHER", "MALFORMED_RESPONSE", "MALFORMED_FUNCTION_CALL"})
"""Reasons to finish by which another try may well give one."""


def authorization(credentials: Sequence[str]) -> Mapping[str, str]:
    """An API key by its own header, an OAuth access token, as Vertex AI wants it, as a bearer token.

    Raises ConfigurationError, without showing it, where it cannot be sent.
    """
    (credential,) = sendable(credentials, capabilities)
    if credential.startswith(_TOKENS):
        return {"Authorization": f"Bearer {credential}"}
    return {"x-goog-api-key": credential}


async def check(client: Client) -> Standing:
    """Whether the credential is taken, by the list of models. What is left of a quota, the vendor does not say."""
    reply = await client.request("GET", "/models", query={"pageSize": "1"})
    if reply.status in (400, 401) and (reply.status == 401 or _is_key_wrong(reply)):
        return Standing(refusal=f"the credential is not accepted: {_said(reply)}")
    return Standing()


# ---------------------------------------------------------------------- submit


async def submit(session: Session | None, request: Request) -> Submitted:
    """Sends the request and takes the pictures from the answer. Raises TaskError before anything is sent."""
    if session is None:
        raise TaskError("google needs a connection.")
    content = await anyio.to_thread.run_sync(_content, request, session.route)
    reply = await session.client.request(
        "POST",
        f"/models/{quote(session.route.id, safe='')}:generateContent",
        content=content,
        headers={"Content-Type": "application/json"},
        seconds=capabilities.submit_seconds - 5.0,
    )
    if 200 <= reply.status < 300:
        return _finished(await read(reply), session)
    return _refused(reply)


def _content(request: Request, route: Route) -> bytes:
    return pack(_body(request, route))


def _body(request: Request, route: Route) -> dict[str, Any]:
    """What is sent: the mapping lists pictures and prompt under `contents`, the vendor wants them as parts of one turn."""
    fixed = {"generationConfig.responseModalities": ["TEXT", "IMAGE"]}
    body = mapping.body(request, route, lambda blob: blob.read(), fixed=fixed)
    body["contents"] = [{"role": "user", "parts": [_part(one) for one in body["contents"]]}]
    return body


def _part(one: str | bytes) -> dict[str, Any]:
    if isinstance(one, str):
        return {"text": one}
    return {"inlineData": {"mimeType": kind_of(one).media_type, "data": Packed(one)}}


# ---------------------------------------------------------------------- an answer of 200


def _finished(found: Mapping[str, Any], session: Session) -> Submitted:
    """What came of it, in the vendor's order: blocked before, a picture, refused, by chance none, or only words."""
    if not found:
        return Unknown("google's answer cannot be read, so whether it was charged is not known.")
    blocked = text_in(mapping_in(found, "promptFeedback"), "blockReason")
    if blocked:
        return Failed("rejected", f"google blocked the prompt or a picture ({shown(blocked)}).", None)
    candidates = objects_in(found, "candidates")
    pictures = tuple(data for one in candidates for data in _pictures(one))
    cost = amount(session.prices, _tokens(mapping_in(found, "usageMetadata"), bool(pictures)))
    if pictures:
        return Finished(pictures, amount=cost)
    reason, message = _without_picture(candidates, mapping_in(found, "error"))
    return Failed(reason, message, True if cost else None, cost)


def _pictures(candidate: Mapping[str, Any]) -> Iterator[bytes]:
    """The pictures of an answer; those among the model's thoughts are drafts."""
    for part in objects_in(mapping_in(candidate, "content"), "parts"):
        data = picture(mapping_in(part, "inlineData").get("data"))
        if data is not None and part.get("thought") is not True:
            yield data


def _without_picture(candidates: Sequence[Mapping[str, Any]], error: Mapping[str, Any]) -> tuple[str, str]:
    """Why there is none: a reason and a sentence."""
    candidate = candidates[0] if candidates else {}
    finish, more = text_in(candidate, "finishReason"), text_in(candidate, "finishMessage")
    why = shown(f"{finish}: {more}" if more else finish)
    words = shown(" ".join(_words(candidate)))
    said = f' It said: "{words[:MAX_SHOWN]}"' if words else ""
    if finish in _REFUSING:
        return "rejected", f"google did not want to make it ({why}).{said}"
    if finish in _BY_CHANCE:
        return "no-picture", f"google made no picture this time ({why}); another try may give one.{said}"
    if finish == "STOP" and words:
        return "no-picture", f"google answered in words instead of a picture.{said}"
    if finish == "MAX_TOKENS":
        return "no-picture", f"google's answer ended before there was a picture ({why}).{said}"
    return (
        "no-picture",
        f"google answered without a picture ({why or words_in(error) or 'no reason given'}).{said}",
    )


def _words(candidate: Mapping[str, Any]) -> Iterator[str]:
    for part in objects_in(mapping_in(candidate, "content"), "parts"):
        if part.get("thought") is not True and text_in(part, "text"):
            yield text_in(part, "text")


def _tokens(usage: Mapping[str, Any], has_pictures: bool) -> dict[str, int]:
    """What was counted, by what prices are per; thoughts are words that are paid for."""
    given = count_in(usage, "promptTokenCount") + count_in(usage, "toolUsePromptTokenCount")
    made = count_in(usage, "candidatesTokenCount")
    given_image = _of_images(usage, "promptTokensDetails")
    made_image = _of_images(usage, "candidatesTokensDetails")
    if has_pictures and not list_in(usage, "candidatesTokensDetails"):
        made_image = made
    return {
        "million text tokens in": given - given_image,
        "million image tokens in": given_image,
        "million text tokens out": made - made_image + count_in(usage, "thoughtsTokenCount"),
        "million image tokens out": made_image,
    }


def _of_images(usage: Mapping[str, Any], name: str) -> int:
    return sum(
        count_in(one, "tokenCount") for one in objects_in(usage, name) if text_in(one, "modality") == "IMAGE"
    )


# ---------------------------------------------------------------------- any other answer


def _refused(reply: Reply) -> Submitted:
    """Why nothing was made. Only what the vendor itself says is certain; anything else leaves it open."""
    error = mapping_in(document(reply), "error")
    status, words = text_in(error, "status"), _said(reply)
    open_answer = undecided("google", reply, words, is_said=bool(status))
    if open_answer is not None:
        return open_answer
    if reply.status >= 500:
        again = _retry_seconds(reply, error, BUSY_SECONDS)
        reason = BUSY if reply.status == 503 else "not-ready"
        return Refused(reason, f"google could not do it: {words}", retry_after_seconds=again)
    if reply.status in (401, 403) or _is_key_wrong(reply):
        return Refused("credentials", f"google does not allow it: {words}", stops_all=True)
    if reply.status == 402 or status == "FAILED_PRECONDITION":
        return Refused(
            "quota", f"google wants the project's billing or region in order: {words}", stops_all=True
        )
    if reply.status == 429:
        return _exhausted(reply, error, words)
    reason = "model" if reply.status == 404 else "refused"
    return Refused(reason, f"google refused it with status {reply.status}: {words}")


def _exhausted(reply: Reply, error: Mapping[str, Any], words: str) -> Refused:
    """A limit that is reached: one of a day, or of none at all, is final for this run; others pass."""
    violations = [one for detail in objects_in(error, "details") for one in objects_in(detail, "violations")]
    limits = " ".join(
        f"{text_in(one, 'quotaId')} {text_in(one, 'quotaMetric')}" for one in violations
    ).lower()
    if "perday" in limits or "per day" in words.lower():
        message = f"google's quota for the day is used up, until midnight in California: {words}"
        return Refused("quota", message, stops_all=True)
    if any(str(one.get("quotaValue")) == "0" for one in violations) or "limit: 0" in words:
        return Refused("quota", f"google has no quota for this project: {words}", stops_all=True)
    otherwise = SPENT_SECONDS if "spend" in f"{limits} {words}".lower() else BUSY_SECONDS
    again = _retry_seconds(reply, error, otherwise)
    return Refused(BUSY, f"google has no room now: {words}", retry_after_seconds=again)


def _retry_seconds(reply: Reply, error: Mapping[str, Any], otherwise: float) -> float:
    """When to ask again, by the RetryInfo among the details of an error, else by the header."""
    for detail in objects_in(error, "details"):
        seconds = duration(detail.get("retryDelay"))
        if seconds is not None:
            return seconds
    return pause_seconds(reply, otherwise=otherwise)


def _said(reply: Reply) -> str:
    """The vendor's sentence; its details have reasons that are words of its own."""
    return shown(text_in(mapping_in(document(reply), "error"), "message")) or words_of(reply)


def _is_key_wrong(reply: Reply) -> bool:
    """Whether a refusal is of the key: this vendor says so with status 400."""
    details = objects_in(mapping_in(document(reply), "error"), "details")
    return any(text_in(one, "reason") in ("API_KEY_INVALID", "API_KEY_EXPIRED") for one in details)

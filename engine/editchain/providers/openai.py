"""OpenAI as a provider, and any server that speaks its image edits: one request, answered with the pictures."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

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
    values,
    words_in,
    words_of,
)
from editchain.providers.base import BUSY, Capabilities, Failed, Finished, Refused, Standing, Unknown
from editchain.providers.bodies import data_url, kind_of, pack
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
    base_url="https://api.openai.com/v1",
    console="https://platform.openai.com/usage",
    credentials=(("OPENAI_API_KEY",),),
    optional=(("OPENAI_ORG_ID", "OPENAI_ORGANIZATION"), ("OPENAI_PROJECT_ID", "OPENAI_PROJECT")),
    checks=True,
    concurrency=4,
    submit_seconds=600.0,
)

JSON = "json"
"""The endpoint of routes whose server takes JSON instead of a form."""
ONLY_JSON = frozenset({"moderation"})
"""What the vendor takes in JSON only: a request that says it goes that way."""
MAX_URL_CHARACTERS = 20_971_520
"""The longest data URL that the vendor takes in JSON."""
SLOW_SECONDS = 20.0
"""When to ask again where the vendor wants a lower rate altogether and does not say until when."""

_QUOTA = frozenset(
    {"organization_spend_limit_exceeded", "project_spend_limit_exceeded", "organization_usage_limit_exceeded"}
)
_CREDITS = frozenset({"insufficient_quota", "credit_balance_exhausted"})
_MODERATED = frozenset({"moderation_blocked", "content_policy_violation"})


def authorization(credentials: Sequence[str]) -> Mapping[str, str]:
    """The key as a bearer token, and organisation and project where they are said. Raises ConfigurationError."""
    key, organisation, project = sendable(credentials, capabilities)
    named = {"OpenAI-Organization": organisation, "OpenAI-Project": project}
    return {"Authorization": f"Bearer {key}", **{name: value for name, value in named.items() if value}}


async def check(client: Client) -> Standing:
    """Whether the key is taken, by the list of models. What is left of the credit, the vendor does not say."""
    reply = await client.request("GET", "/models")
    return Standing(refusal=f"the key is not accepted: {words_of(reply)}" if reply.status == 401 else None)


# ---------------------------------------------------------------------- submit


async def submit(session: Session | None, request: Request) -> Submitted:
    """Sends the request and takes the pictures from the answer. Raises TaskError before anything is sent."""
    if session is None:
        raise TaskError("openai needs a connection.")
    sent = await anyio.to_thread.run_sync(_sendable, request, session.route)
    reply = await session.client.request(
        "POST", "/images/edits", **sent, seconds=capabilities.submit_seconds - 5.0
    )
    if 200 <= reply.status < 300:
        return _finished(await read(reply), session)
    return _refused(reply)


def _sendable(request: Request, route: Route) -> dict[str, Any]:
    """How the request is sent, as a form or as JSON. Raises TaskError for what cannot be sent."""
    body = mapping.body(request, route, lambda blob: blob.read(), fixed={"model": route.id})
    pictures, mask = body.pop("image"), body.pop("mask", None)
    if route.endpoint == JSON or body.keys() & ONLY_JSON:
        return _as_json(body, pictures, mask)
    if route.endpoint is not None:
        raise TaskError(f'openai has no endpoint "{route.endpoint}".')
    name = "image" if len(pictures) == 1 else "image[]"
    files = [(name, _file(f"image{number}", data)) for number, data in enumerate(pictures)]
    if mask is not None:
        files.append(("mask", _file("mask", mask)))
    return {"files": files, "form": dict(_fields(body))}


def _as_json(body: dict[str, Any], pictures: Sequence[bytes], mask: bytes | None) -> dict[str, Any]:
    urls = [data_url(data) for data in (*pictures, *([] if mask is None else [mask]))]
    for url in urls:
        characters = len(url.prefix) + (len(url.data) + 2) // 3 * 4
        if characters > MAX_URL_CHARACTERS:
            raise TaskError(
                f"A picture of {len(url.data):,} bytes is too large for JSON: at most about {MAX_URL_CHARACTERS // 4 * 3:,}."
            )
    body["images"] = [{"image_url": url} for url in urls[: len(pictures)]]
    if mask is not None:
        body["mask"] = {"image_url": urls[-1]}
    return {"content": pack(body), "headers": {"Content-Type": "application/json"}}


def _file(name: str, data: bytes) -> tuple[str, bytes, str]:
    """A part of the form. The vendor refuses parts that do not say what kind of picture they are."""
    kind = kind_of(data)
    return f"{name}.{kind.extension}", data, kind.media_type


def _fields(body: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """The fields of a form; parts of an object go by name[part]."""
    for key, value in body.items():
        name = f"{above}[{key}]" if above else key
        if isinstance(value, dict):
            yield from _fields(value, name)
        else:
            yield name, value if isinstance(value, str) else json.dumps(value)


# ---------------------------------------------------------------------- the answer


def _finished(found: Mapping[str, Any], session: Session) -> Submitted:
    if not found:
        return Unknown("openai's answer cannot be read, so whether it was charged is not known.")
    results = objects_in(found, "data")
    cost = amount(session.prices, _tokens(mapping_in(found, "usage")))
    pictures = tuple(data for one in results if (data := picture(one.get("b64_json"))) is not None)
    if pictures:
        return Finished(pictures, amount=cost)
    addresses = tuple(url for one in results if (url := text_in(one, "url")))
    if addresses:  # servers that speak the protocol, not the vendor itself
        return Finished(downloads=addresses, amount=cost)
    words = words_in(found)
    message = f"openai answered without a picture{f': {words}' if words else '.'}"
    return Failed("no-picture", message, True if cost else None, cost)


def _tokens(usage: Mapping[str, Any]) -> dict[str, int]:
    """What was counted, by what prices are per. What of it came from a cache is not said and counted in full."""
    given, made = mapping_in(usage, "input_tokens_details"), mapping_in(usage, "output_tokens_details")
    out_text = count_in(made, "text_tokens")
    return {
        "million text tokens in": count_in(given, "text_tokens"),
        "million image tokens in": count_in(given, "image_tokens"),
        "million text tokens out": out_text,
        "million image tokens out": count_in(made, "image_tokens")
        or count_in(usage, "output_tokens") - out_text,
    }


def _refused(reply: Reply) -> Submitted:
    """Why there is no picture. Only what the vendor itself says is certain; anything else leaves it open."""
    error = mapping_in(document(reply), "error")
    said = {text_in(error, "code"), text_in(error, "type")}
    words = words_of(reply)
    open_answer = undecided("openai", reply, is_said=said != {""})
    if open_answer is not None:
        return open_answer
    if reply.status >= 500:
        again = pause_seconds(reply, otherwise=BUSY_SECONDS)
        reason = BUSY if reply.status == 503 else "not-ready"
        return Refused(reason, f"openai could not do it: {words}", retry_after_seconds=again)
    if reply.status in (401, 403):
        return Refused("credentials", f"openai does not allow it: {words}", stops_all=True)
    if reply.status == 402 or said & _CREDITS:
        return Refused("credits", f"openai says that the credit is used up: {words}", stops_all=True)
    if said & _QUOTA:
        return Refused("quota", f"openai says that a limit on spending is reached: {words}", stops_all=True)
    if reply.status == 429:
        again = pause_seconds(reply, otherwise=_reset_seconds(reply, said))
        return Refused(BUSY, f"openai has no room now: {words}", retry_after_seconds=again)
    if said & _MODERATED:
        return Refused("rejected", f"openai's moderation blocked it: {words}{_details(error)}")
    return Refused(
        "model" if reply.status == 404 else "refused",
        f"openai refused it with status {reply.status}: {words}",
    )


def _reset_seconds(reply: Reply, said: set[str]) -> float:
    """When the limit that is reached is one no longer, by the headers that say so."""
    resets = [
        seconds
        for kind in ("requests", "tokens", "images")
        if reply.headers.get(f"x-ratelimit-remaining-{kind}") == "0"
        and (seconds := duration(reply.headers.get(f"x-ratelimit-reset-{kind}"))) is not None
    ]
    return max(resets, default=SLOW_SECONDS if "slow_down" in said else BUSY_SECONDS)


def _details(error: Mapping[str, Any]) -> str:
    """At which stage it was blocked, and as what, where the vendor says so."""
    stages = [one for name in ("moderation_stage", "stage") for one in values(error, name)]
    kinds = [
        kind for one in values(error, "categories") for kind in (one if isinstance(one, list) else [one])
    ]
    kinds += list_in(error, "safety_violations")
    named = [shown(str(one)) for one in (*stages, *kinds) if isinstance(one, str)]
    return f" ({', '.join(dict.fromkeys(named))})" if named else ""

"""Reading vendors' answers: JSON with exact numbers, words fit to be shown, when to ask again."""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from editchain.credentials import redacted
from editchain.errors import ProviderError
from editchain.http import FetchError
from editchain.providers.base import Refused, Unknown
from editchain.providers.bodies import decoded

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from editchain.http import Reply

BUSY_SECONDS = 5.0
"""When to ask again where the vendor is busy and does not say until when."""
MOVED = frozenset({307, 308})
"""By these a server has the very request sent elsewhere (RFC 9110, 15.4): it did not carry it out itself."""
LONG = 65_536
"""From how many characters on a text of an answer is taken to be a picture in base64."""

_MODERATED = re.compile(
    r"moderat|nsfw|safety|content.?policy|inappropriate|sensitive.?content", re.IGNORECASE
)
_SIGNED = re.compile(r"(https?://[^\s\"'?]+)\?[^\s\"']+")
_SECRET = re.compile(r"\b(basic|bearer)\s+[A-Za-z0-9+/=._~-]{6,}", re.IGNORECASE)
_KEYS = re.compile(r"\b(?:sk-|AIza|ya29\.|key_)[A-Za-z0-9_.*-]{6,}")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


# ---------------------------------------------------------------------- documents


def document(reply: Reply) -> Mapping[str, Any]:
    """The body where it is a JSON object, with exact numbers; else nothing."""
    return _object(reply.body)


async def read(reply: Reply) -> Mapping[str, Any]:
    """As `document`, of an answer that may hold pictures: a long text in base64 comes as the bytes it stands for.

    It is taken apart in a thread and piece by piece, so that other calls go on meanwhile.
    """
    if len(reply.body) < LONG:
        return document(reply)
    return await anyio.to_thread.run_sync(_with_pictures, reply.body)


def picture(value: Any) -> bytes | None:
    """The bytes of a picture in an answer, as `read` or as base64 gives it; None where it is none."""
    return decoded(value) if isinstance(value, str) else value if isinstance(value, bytes) else None


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _with_pictures(body: bytes) -> Mapping[str, Any]:
    """The object without its long texts is small; they are put into it once they are decoded."""
    rest = bytearray()
    pictures: list[bytes] = []
    start = end = 0
    while (quote := body.find(b'"', end)) >= 0:
        if quote - end >= LONG and (data := decoded(body[end:quote])) is not None:
            rest += body[start:end] + b"\\u0000%d" % len(pictures)
            pictures.append(data)
            start = quote
        end = quote + 1
    found = _object(bytes(rest + body[start:]))
    return {name: _put_back(value, pictures) for name, value in found.items()} if pictures else found


def _put_back(value: Any, pictures: list[bytes], depth: int = 8) -> Any:
    if not depth:
        return value
    if isinstance(value, dict):
        return {name: _put_back(one, pictures, depth - 1) for name, one in value.items()}
    if isinstance(value, list):
        return [_put_back(one, pictures, depth - 1) for one in value]
    if isinstance(value, str) and value.startswith("\0") and value[1:].isdecimal():
        number = int(value[1:])
        return pictures[number] if number < len(pictures) else value
    return value


def mapping_in(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object of a name, or an empty one."""
    value = found.get(name)
    return value if isinstance(value, dict) else {}


def list_in(found: Mapping[str, Any], name: str) -> list[Any]:
    """The list of a name, or an empty one."""
    value = found.get(name)
    return value if isinstance(value, list) else []


def objects_in(found: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The objects in the list of a name."""
    return [one for one in list_in(found, name) if isinstance(one, dict)]


def text_in(found: Mapping[str, Any], name: str) -> str:
    """The text of a name, or an empty one."""
    value = found.get(name)
    return value if isinstance(value, str) else ""


def count_in(found: Mapping[str, Any], name: str) -> int:
    """The whole number of a name, or 0."""
    value = found.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def amount_in(found: Mapping[str, Any], name: str) -> Decimal | None:
    """The number of a name, exactly; None where there is none."""
    value = found.get(name)
    return None if isinstance(value, bool) or not isinstance(value, (int, Decimal)) else Decimal(value)


def values(found: Any, name: str, depth: int = 4) -> Iterator[Any]:
    """The values of a name wherever it is in an answer: how deep a vendor nests it is not always known."""
    if not depth:
        return
    if isinstance(found, list):
        for value in found:
            yield from values(value, name, depth - 1)
    if isinstance(found, dict):
        if name in found:
            yield found[name]
        for value in found.values():
            yield from values(value, name, depth - 1)


def free(vendor: str, reply: Reply) -> Mapping[str, Any]:
    """The answer to a request that costs nothing.

    Raises FetchError where it may be tried again, ProviderError where that is in vain.
    """
    if reply.status in (408, 429) or not 200 <= reply.status < 500:
        raise FetchError(f"{vendor} answered with status {reply.status}: {words_of(reply)}")
    if reply.status >= 300:
        raise ProviderError(f"{vendor} answered with status {reply.status}: {words_of(reply)}")
    found = document(reply)
    if not found:
        raise FetchError(f"{vendor}'s answer cannot be read.")
    return found


# ---------------------------------------------------------------------- answers to a submit


def undecided(
    vendor: str, reply: Reply, words: str | None = None, *, also: Collection[int] = (), is_said: bool = False
) -> Refused | Unknown | None:
    """What to make of an answer to a submit that is not the vendor's own refusal; None where it is one.

    Whether an error of a server was charged is not known, `also` under further statuses, unless the vendor itself
    says it (`is_said`). Who is sent elsewhere was surely not charged.
    """
    address = reply.headers.get("location")
    if reply.status in MOVED and address:
        message = f"{vendor} leads on to {shown(address.partition('?')[0])}, where no credential is sent"
        return Refused("moved", f"{message}: base_url in editchain.toml says where it is.", stops_all=True)
    if reply.status in (408, 409, *also) or not 400 <= reply.status < (600 if is_said else 500):
        return Unknown(f"{vendor} answered with status {reply.status}: {words or words_of(reply)}")
    return None


def unreadable(vendor: str, reply: Reply, what: str) -> Unknown:
    """An answer that says yes and does not have what it should: whether it was charged is not known."""
    words = words_in(document(reply))
    said = f": {words}" if words else "."
    return Unknown(f"{vendor} answered with status {reply.status} and no {what} that can be read{said}")


# ---------------------------------------------------------------------- words


def words_of(reply: Reply) -> str:
    """The vendor's own words for a refusal, in whichever of its forms."""
    return words_in(document(reply)) or "no reason given."


def words_in(found: Mapping[str, Any]) -> str:
    """As `words_of`, of an answer that has been read; empty where it has no words."""
    if detail := _detail(found):
        return shown(detail)
    for name in ("reason", "message", "error", "name", "code"):
        words = next((one for one in values(found, name) if isinstance(one, str) and one), None)
        if words:
            return shown(words)
    return ""


def _detail(found: Mapping[str, Any]) -> str:
    """What servers built with FastAPI say: a text, or what is wrong at each place."""
    wrong = [
        ": ".join(filter(None, [".".join(map(str, list_in(one, "loc")[1:])), text_in(one, "msg")]))
        for one in objects_in(found, "detail")
    ]
    return text_in(found, "detail") or "; ".join(filter(None, wrong))


def is_moderation(words: str) -> bool:
    """Whether a vendor's words speak of what it does not allow to be made."""
    return bool(_MODERATED.search(words))


def shown(words: str) -> str:
    """A vendor's words fit to be shown: on one line, not endless, without signed addresses and credentials."""
    words = "".join(one if one.isprintable() else " " for one in words[:2000])
    words = redacted(words)
    words = _KEYS.sub("***", _SECRET.sub(r"\1 ***", _SIGNED.sub(r"\1", words)))
    words = " ".join(words.split())
    return words if len(words) <= 300 else f"{words[:299]}…"


# ---------------------------------------------------------------------- when to ask again


def pause_seconds(reply: Reply, *names: str, otherwise: float = BUSY_SECONDS) -> float:
    """When the vendor wants to be asked again: by a field of its answer, by its headers, else after `otherwise`."""
    for value in (one for name in names for one in values(document(reply), name)):
        seconds = None if isinstance(value, bool) else _seconds(value, reply)
        if seconds is not None:
            return seconds
    milliseconds = _seconds(reply.headers.get("retry-after-ms"), reply)
    if milliseconds is not None:
        return milliseconds / 1000
    seconds = _seconds(reply.headers.get("retry-after"), reply)
    return otherwise if seconds is None else seconds


def duration(text: Any) -> float | None:
    """A length of time such as 34s, 6m0s or 500ms, in seconds; None where it is none."""
    if not isinstance(text, str) or not text or _DURATION.sub("", text):
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(text))


def moment(date: Any) -> float | None:
    """An HTTP date as unix seconds."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, AttributeError, IndexError, OverflowError):
        return None


def _seconds(said: Any, reply: Reply) -> float | None:
    if said is None:
        return None
    try:
        seconds = float(said)
    except (TypeError, ValueError):
        until, now = moment(said), moment(reply.headers.get("date"))
        if until is None or now is None:
            return None
        seconds = until - now
    return max(seconds, 0.0) if math.isfinite(seconds) else None

"""Who may ask, how much and how often; signed addresses. What every request passes first."""

from __future__ import annotations

import hmac
import os
import secrets
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from editchain.server.asking import Refusal
from editchain.server.keys import LOCAL, LOCAL_PROJECT, Caller, Limits, caller

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from editchain.server.shelf import Shelf

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
DAY_SECONDS = 86_400
ADDRESS_SECONDS = 2 * DAY_SECONDS
"""A signed address is good for one day at least: it ends with a day, so that it is the same all day long."""


class Guard:
    """Tells who asks. Without keys everybody on this machine may, and nobody else; browsers only from this server's pages."""

    def __init__(self, shelf: Shelf, now: Callable[[], float], hosts: frozenset[str] = frozenset()) -> None:
        """`hosts` are the names that this server goes by beside those of this machine."""
        self._shelf = shelf
        self._now = now
        self._hosts = LOOPBACK | hosts
        self._buckets: dict[str, tuple[float, float]] = {}

    def check_origin(self, headers: Mapping[str, str], method: str, hosts: int = 1) -> None:
        """Raises Refusal for requests that another page made, or that came under a name which is not ours, or `hosts` names."""
        if hosts > 1:
            raise Refusal(400, "A request names one host")
        said = urlsplit(f"//{headers.get('host', '')}")
        if said.hostname not in self._hosts or said.netloc != headers.get("host") or "@" in said.netloc:
            raise Refusal(421, "This server does not go by that name")
        origin = headers.get("origin")
        is_foreign = origin is not None and urlsplit(origin).netloc != headers.get("host")
        if method not in ("GET", "HEAD", "OPTIONS") and (
            is_foreign or headers.get("sec-fetch-site") in ("cross-site", "same-site")
        ):
            raise Refusal(403, "Pages of other sites may not ask this server for anything")

    def caller(self, headers: Mapping[str, str]) -> Caller:
        """Who asks, once that is within the limit of requests. Raises Refusal."""
        found = caller(self._shelf, headers.get("authorization"))
        if found is None and not self._shelf.has_keys():
            found = Caller(LOCAL, LOCAL_PROJECT, Limits())
        if found is None:
            raise Refusal(401, "Unauthorized")
        self._count(found)
        return found

    def _count(self, who: Caller) -> None:
        """A bucket of tokens for each key, which fills up over a minute."""
        most = float(who.limits.per_minute)
        left, then = self._buckets.get(who.key, (most, self._now()))
        left = min(most, left + (self._now() - then) * most / 60)
        if left < 1:
            wait = round((1 - left) * 60 / most + 0.5)
            raise Refusal(
                429,
                "Too many requests",
                retry_after=wait,
                details={"actionName": "requests-per-minute", "actionLimit": int(most)},
            )
        self._buckets[who.key] = (left - 1, self._now())


class Signer:
    """Signs addresses that need no credentials, with a secret that stays beside the shelf."""

    def __init__(self, folder: Path, now: Callable[[], float]) -> None:
        self._now = now
        place = folder / "secret"
        try:
            self._secret = place.read_bytes()
        except FileNotFoundError:
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            self._secret = secrets.token_bytes(32)
            with os.fdopen(descriptor, "wb") as file:
                file.write(self._secret)

    def query(self, what: str) -> str:
        """The query that lets whoever has it ask for something."""
        expires = int(self._now() // DAY_SECONDS) * DAY_SECONDS + ADDRESS_SECONDS
        return f"Expires={expires}&Signature={self._sign(what, expires)}"

    def check(self, what: str, query: Mapping[str, str]) -> None:
        """Raises Refusal where a query does not let one ask for it."""
        expires = query.get("Expires", "")
        is_date = expires.isascii() and expires.isdigit() and len(expires) < 13
        if not is_date or not hmac.compare_digest(self._sign(what, int(expires)), query.get("Signature", "")):
            raise Refusal(403, "This address is not signed")
        if int(expires) < self._now():
            raise Refusal(403, "This address has expired")

    def _sign(self, what: str, expires: int) -> str:
        return hmac.new(self._secret, f"{what}\n{expires}".encode(), sha256).hexdigest()

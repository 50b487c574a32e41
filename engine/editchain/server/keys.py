"""Keys: who asks, for which project, and within which limits."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import secrets
from dataclasses import asdict, dataclass
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from typing import TYPE_CHECKING

from editchain.errors import ConfigurationError
from editchain.server.rows import Key

if TYPE_CHECKING:
    from editchain.server.shelf import Shelf

LOCAL, LOCAL_PROJECT = "local", "proj_local"
"""Whose everything is while there are no keys and only this machine can ask."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a key may do: requests a minute, jobs at a time, bytes of one body, and in all money and bytes kept (None: no ceiling)."""

    per_minute: int = 1200
    jobs: int = 100
    body_bytes: int = 64 * 1024 * 1024
    spending: str | None = None
    currency: str | None = None
    stored_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks."""

    key: str
    project: str
    limits: Limits


def make(shelf: Shelf, project: str, limits: Limits, now: float) -> tuple[Key, str]:
    """A new key with its secret, which is shown once and kept nowhere. Raises ConfigurationError."""
    if not project.isascii() or not project.replace("-", "").replace("_", "").isalnum() or len(project) > 64:
        raise ConfigurationError(
            f'"{project}" is no name for a project: letters, digits, - and _, 64 at most.'
        )
    if limits.spending is not None and not _is_amount(limits.spending):
        raise ConfigurationError(f'"{limits.spending}" is no amount, such as "20 USD".')
    secret = secrets.token_urlsafe(32)
    name = project if project.startswith("proj_") else f"proj_{project}"
    key = Key(f"api_{secrets.token_hex(12)}", name, _hash(secret), json.dumps(asdict(limits)), now)
    shelf.put_key(key)
    return key, secret


def revoke(shelf: Shelf, id_: str, now: float) -> Key:
    """Ends a key. Raises ConfigurationError where there is none."""
    key = shelf.key(id_)
    if key is None:
        raise ConfigurationError(f'There is no key "{id_}". `editchain serve keys` lists them.')
    ended = key._replace(revoked_at=key.revoked_at or now)
    shelf.put_key(ended)
    return ended


def limits_of(key: Key) -> Limits:
    """What a key may do."""
    return Limits(**json.loads(key.limits))


def caller(shelf: Shelf, authorization: str | None) -> Caller | None:
    """Who sent these credentials (HTTP Basic, key and secret); None for nobody that we know."""
    kind, _, token = (authorization or "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        id_, _, secret = base64.b64decode(token.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        return None
    key = shelf.key(id_)
    # Compared also where there is no such key, so that time tells nobody which ones there are.
    is_right = hmac.compare_digest(_hash(secret), key.secret_hash if key else _hash(""))
    if key is None or not is_right or key.revoked_at is not None:
        return None
    return Caller(key.id, key.project, limits_of(key))


def _is_amount(text: str) -> bool:
    try:
        return Decimal(text).is_finite() and Decimal(text) >= 0
    except InvalidOperation:
        return False


def _hash(secret: str) -> bytes:
    """Secrets are 256 random bits, so a plain hash is as safe as a slow one, and does not slow every request."""
    return sha256(secret.encode()).digest()

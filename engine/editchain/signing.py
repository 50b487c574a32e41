"""Signing: content credentials (C2PA) put into pictures with a person's certificate, and read from any. Needs the extra c2pa."""

from __future__ import annotations

import importlib
import io
import json
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal

from editchain import __version__
from editchain.classes import dataclass
from editchain.errors import ConfigurationError, ImageError
from editchain.imaging import containers
from editchain.imaging.extra import need

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

Relation = Literal["parentOf", "componentOf", "inputTo"]

_OFFLINE = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_after_sign": False},
    "builder": {"thumbnail": {"enabled": False}},
}
_ALGORITHMS = {"secp256r1": b"es256", "secp384r1": b"es384", "secp521r1": b"es512"}


@dataclass(frozen=True, slots=True)
class Ingredient:
    """A picture that went into another: `id` is how actions name it, `data` its file, where it has credentials to keep."""

    id: str
    relation: Relation
    title: str
    media_type: str | None = None
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Claim:
    """What is claimed of a picture: actions in C2PA's words, in order, and ingredients."""

    actions: tuple[Mapping[str, Any], ...]
    ingredients: tuple[Ingredient, ...]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a file's content credentials come to. `state` is C2PA's: "Invalid", "Valid" (unchanged since, whoever signed),
    or "Trusted"; "unread" says that they are there. `actions` are of the last manifest, `manifests` the number of all.
    """

    state: str
    signer: str | None = None
    tool: str | None = None
    actions: tuple[str, ...] = ()
    ingredients: tuple[str, ...] = ()
    manifests: int = 1
    problems: tuple[str, ...] = ()


class Signer:
    """Signs with a certificate chain and its key, both as PEM."""

    def __init__(self, chain: bytes, key: bytes) -> None:
        """Raises ConfigurationError where the extra is missing, or the two cannot sign together."""
        need("[metadata] certificate", "c2pa")
        self._chain = chain
        self._key = key
        self._algorithm = _algorithm(chain, key)

    def check(self, now: datetime) -> None:
        """Raises ConfigurationError where the certificate does not hold at a moment."""
        leaf = _certificate(self._chain)
        if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
            raise ConfigurationError(
                f"[metadata] certificate holds from {leaf.not_valid_before_utc:%Y-%m-%d} to "
                f"{leaf.not_valid_after_utc:%Y-%m-%d}. Name one that holds today, or take the line out."
            )

    @cached_property
    def _signer(self) -> Any:
        c2pa = importlib.import_module("c2pa")
        # No address of an authority for time stamps: nothing is asked of the network.
        return c2pa.Signer.from_info(c2pa.C2paSignerInfo(self._algorithm, self._chain, self._key, None))

    def sign(self, data: bytes, claim: Claim) -> bytes:
        """The file with content credentials in the place of those it had. Raises ImageError where that cannot be."""
        c2pa = importlib.import_module("c2pa")
        media_type = _media_type(data)
        said = {
            "claim_generator_info": [{"name": "editchain", "version": __version__}],
            "format": media_type,
            "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": list(claim.actions)}}],
        }
        made = io.BytesIO()
        try:
            with _context(c2pa) as context, c2pa.Builder(json.dumps(said), context) as builder:
                for one in claim.ingredients:
                    _add(builder, one)
                builder.sign(self._signer, media_type, io.BytesIO(data), made)
        except c2pa.C2paError as error:
            raise ImageError(f"It cannot be signed: {error}") from error
        return made.getvalue()


def fingerprint(chain: bytes) -> str:
    """What tells certificates apart in names of what is signed with them."""
    return sha256(chain).hexdigest()[:16]


def read(data: bytes) -> Credentials | None:
    """What a file's content credentials say, checked against its bytes; None where it has none.

    Raises ConfigurationError where the extra is missing, ImageError where they cannot be read.
    """
    need("Reading content credentials (C2PA)", "c2pa")
    c2pa = importlib.import_module("c2pa")
    try:
        with (
            _context(c2pa) as context,
            c2pa.Reader(_media_type(data), io.BytesIO(data), context=context) as reader,
        ):
            found: dict[str, Any] = json.loads(reader.json())
    except c2pa.C2paError.ManifestNotFound:
        return None
    except c2pa.C2paError as error:
        raise ImageError(f"Its content credentials cannot be read: {error}") from error
    return _summed_up(found)


def media_type_of(data: bytes) -> str | None:
    """How a file's format is called there; None for one that takes no content credentials."""
    name = containers.name_of(data)
    return None if name is None else f"image/{name}"


# ---------------------------------------------------------------------- parts


def _context(c2pa: Any) -> Any:
    return c2pa.Context(c2pa.Settings.from_dict(_OFFLINE))


def _media_type(data: bytes) -> str:
    found = media_type_of(data)
    if found is None:
        raise ImageError("It is of a format that takes no content credentials.")
    return found


def _add(builder: Any, one: Ingredient) -> None:
    said = {"title": one.title, "relationship": one.relation, "instance_id": one.id, "label": one.id}
    if one.media_type is not None:
        said["format"] = one.media_type
    # What has no credentials need not be gone through.
    form = one.media_type if one.data and one.media_type else "application/octet-stream"
    builder.add_ingredient(said, form, io.BytesIO(one.data))


def _certificate(chain: bytes) -> Any:
    x509 = importlib.import_module("cryptography.x509")
    try:
        return x509.load_pem_x509_certificates(chain)[0]
    except ValueError as error:
        raise ConfigurationError(
            f"[metadata] certificate is no chain of certificates in PEM: {error}."
        ) from error


def _algorithm(chain: bytes, key: bytes) -> bytes:
    """How the two sign; raises ConfigurationError where they do not belong together."""
    serialization = importlib.import_module("cryptography.hazmat.primitives.serialization")
    public = _certificate(chain).public_key()
    try:
        private = serialization.load_pem_private_key(key, None)
    except (ValueError, TypeError) as error:
        raise ConfigurationError("[metadata] key is no private key in PEM without a password.") from error
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    if private.public_key().public_bytes(*form) != public.public_bytes(*form):
        raise ConfigurationError("[metadata] key and certificate do not belong together.")
    curve = getattr(getattr(public, "curve", None), "name", None)
    kind = type(public).__name__.lower()
    if curve in _ALGORITHMS:
        return _ALGORITHMS[curve]
    if "ed25519" in kind:
        return b"ed25519"
    if "rsa" in kind:
        return b"ps256"
    raise ConfigurationError(
        "[metadata] certificate has a key of a kind that C2PA does not sign with: P-256, P-384, P-521, Ed25519 and RSA are."
    )


def _summed_up(found: dict[str, Any]) -> Credentials:
    manifests = found.get("manifests", {})
    active = manifests.get(found.get("active_manifest"), {})
    signature = active.get("signature_info", {})
    tools = active.get("claim_generator_info") or [{}]
    actions = [
        action
        for assertion in active.get("assertions", ())
        if assertion["label"].startswith("c2pa.actions")
        for action in assertion["data"]["actions"]
    ]
    failures = found.get("validation_results", {}).get("activeManifest", {}).get("failure", ())
    named = (signature.get("common_name"), signature.get("issuer"))
    return Credentials(
        found.get("validation_state", "Invalid"),
        ", ".join(dict.fromkeys(filter(None, named))) or None,
        " ".join(filter(None, (tools[0].get("name"), tools[0].get("version")))) or None,
        tuple(map(_in_words, actions)),
        tuple(one.get("title") or one.get("instance_id") or "?" for one in active.get("ingredients", ())),
        len(manifests),
        tuple(
            dict.fromkeys(
                one["explanation"] for one in failures if one["code"] != "signingCredential.untrusted"
            )
        ),
    )


def _in_words(action: Mapping[str, Any]) -> str:
    """An action with who did it."""
    agent = action.get("softwareAgent")
    name = agent.get("name") if isinstance(agent, dict) else agent
    source = action.get("digitalSourceType", "").rpartition("/")[2]
    said = ", ".join(filter(None, (name, source)))
    return f"{action['action']} ({said})" if said else str(action["action"])

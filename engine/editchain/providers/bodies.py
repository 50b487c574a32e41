"""Pictures in JSON bodies as base64, packed and unpacked piece by piece, so that other calls go on meanwhile."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import time
from typing import Any

import anyio.to_thread

from editchain.classes import dataclass
from editchain.imaging.probe import HEAD_BYTES, MEDIA_TYPES, Kind, probe

PIECE_BYTES = 3 << 16
"""How much is packed at once: what one step of it takes holds up everything else. It makes whole base64 groups."""
_PIECE_CHARACTERS = PIECE_BYTES // 3 * 4


@dataclass(frozen=True, slots=True)
class Packed:
    """A picture on its way into a JSON body: its bytes as base64, after a prefix."""

    data: bytes
    prefix: str = ""


def kind_of(data: bytes) -> Kind:
    """What a picture's bytes are, for those who want to be told."""
    found = probe(data[:HEAD_BYTES])
    return MEDIA_TYPES[found.format] if found else Kind("application/octet-stream", "bin")


def data_url(data: bytes) -> Packed:
    """A picture as a data URL."""
    return Packed(data, f"data:{kind_of(data).media_type};base64,")


async def packed(document: Any) -> bytes:
    """A JSON body in which pictures may stand as `Packed`; made in a thread."""
    return await anyio.to_thread.run_sync(pack, document)


def pack(document: Any) -> bytes:
    """As `packed`, for whoever is in a thread already."""
    mark = secrets.token_hex(16)
    found: list[Packed] = []

    def stand_in(value: Any) -> str:
        if not isinstance(value, Packed):
            raise TypeError(f"{type(value).__name__} cannot stand in a JSON body.")
        found.append(value)
        return mark

    pieces = json.dumps(document, default=stand_in, separators=(",", ":")).encode().split(mark.encode())
    whole = [pieces[0]]
    for one, rest in zip(found, pieces[1:], strict=True):
        whole.append(one.prefix.encode())
        for start in range(0, len(one.data), PIECE_BYTES):
            whole.append(base64.b64encode(one.data[start : start + PIECE_BYTES]))
            _let_others()
        whole.append(rest)
    return b"".join(whole)


def decoded(text: str | bytes) -> bytes | None:
    """The bytes that base64 stands for; None where it is none."""
    if isinstance(text, str):
        if not text.isascii():
            return None
        text = text.encode("ascii")
    pieces = []
    try:
        for start in range(0, len(text), _PIECE_CHARACTERS):
            pieces.append(binascii.a2b_base64(text[start : start + _PIECE_CHARACTERS], strict_mode=True))
            _let_others()
    except binascii.Error:
        return None
    return b"".join(pieces)


def _let_others() -> None:
    """Hands the interpreter over to a thread that waits for it, which else may wait for some milliseconds."""
    time.sleep(0)

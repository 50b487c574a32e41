"""Pictures for benchmarks: PNG files of one pixel, each with its own bytes."""

from __future__ import annotations

import zlib

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def _chunk(name: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")


_HEAD = _SIGNATURE + _chunk(b"IHDR", bytes((0, 0, 0, 1, 0, 0, 0, 1, 8, 2, 0, 0, 0)))
_TAIL = _chunk(b"IDAT", zlib.compress(b"\0\x80\x80\x80")) + _chunk(b"IEND", b"")


def tiny_png(text: str) -> bytes:
    """A PNG file of one grey pixel that carries a text."""
    return _HEAD + _chunk(b"tEXt", b"Comment\0" + text.encode("latin-1")) + _TAIL

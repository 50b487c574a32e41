"""WebP: chunks of RIFF, of which the first says which others there are."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from editchain.imaging.containers.base import Said

if TYPE_CHECKING:
    from collections.abc import Iterator

_START = 12
_SHOWN = frozenset({b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ICCP", b"ANIM", b"ANMF"})
_HAS_XMP, _HAS_EXIF, _HAS_ALPHA = 0x04, 0x08, 0x10
_EXIF = b"Exif\0\0"
"""Before EXIF, as some write it."""


def read(data: bytes) -> Said:
    """What a file says."""
    exif = xmp = credentials = None
    has_more = False
    end = _START
    for kind, at, end in _chunks(data):
        body = data[at + 8 : end]
        if kind == b"EXIF":
            exif = body.removeprefix(_EXIF)
        elif kind == b"XMP ":
            xmp = body
        elif kind == b"C2PA":
            credentials = body
        elif kind not in _SHOWN:
            has_more = True
    return Said(exif, xmp, None, (), credentials, has_more or end + end % 2 < len(data))


def write(data: bytes, said: Said, *, keeps_more: bool) -> bytes:
    """The file with this said."""
    parts: list[bytes] = []
    flags = None
    for kind, at, end in _chunks(data):
        if kind == b"VP8X":
            flags = data[at + 8]
        if kind in _SHOWN or (keeps_more and kind not in (b"XMP ", b"C2PA")):
            parts.append(data[at:end] + b"\0" * ((end - at) % 2))
    exif = None if keeps_more else said.exif
    added = [] if exif is None else [_chunk(b"EXIF", exif)]
    if said.xmp is not None:
        added.append(_chunk(b"XMP ", said.xmp))
    if flags is not None:
        flags &= ~_HAS_XMP if keeps_more else ~(_HAS_XMP | _HAS_EXIF)
        flags |= (_HAS_XMP if said.xmp is not None else 0) | (_HAS_EXIF if exif is not None else 0)
        parts = [part if part[:4] != b"VP8X" else part[:8] + bytes([flags]) + part[9:] for part in parts]
    elif added:
        parts.insert(0, _extended(data, said.xmp is not None, exif is not None))
    body = b"WEBP" + b"".join((*parts, *added))
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _extended(data: bytes, has_xmp: bool, has_exif: bool) -> bytes:
    """The header that a WebP file needs to have more than pixels."""
    from editchain.imaging import probe

    found = probe.probe(data[: probe.HEAD_BYTES])
    if found is None:
        raise ValueError("the size cannot be read")
    flags = (_HAS_XMP if has_xmp else 0) | (_HAS_EXIF if has_exif else 0)
    if data[12:16] == b"VP8L" and data[24] & 0x10:
        flags |= _HAS_ALPHA
    size = (found.width - 1).to_bytes(3, "little") + (found.height - 1).to_bytes(3, "little")
    return b"VP8X" + struct.pack("<I", 10) + bytes([flags, 0, 0, 0]) + size


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The type of each chunk, where it starts, and where what it holds ends."""
    at, last = _START, 8 + struct.unpack_from("<I", data, 4)[0]
    if last > len(data) + 1:  # some leave out the last filling byte
        raise ValueError("the file is cut short")
    while at + 8 <= last:
        kind, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length
        if end > len(data):
            raise ValueError("a chunk is cut short")
        yield kind, at, end
        at = end + length % 2

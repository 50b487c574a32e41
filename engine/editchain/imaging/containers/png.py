"""PNG: chunks with a type, a length and a checksum."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING

from editchain.imaging.containers.base import Said

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_START, _HEADER = 8, 33
"""Where the chunks begin, and where the first of them ends."""
_XMP = b"XML:com.adobe.xmp\0"
_XMP_HEAD = _XMP + b"\0\0\0\0"
_MOST_TEXT_BYTES = 16 * 1024 * 1024
_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_SHOWN = frozenset(
    {
        *(b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"mDCV"),
        *(b"cLLI", b"sBIT", b"bKGD", b"pHYs", b"acTL", b"fcTL", b"fdAT"),
    }
)
"""What a viewer shows a picture by."""


def read(data: bytes) -> Said:
    """What a file says."""
    exif = xmp = credentials = None
    texts: list[tuple[str, bytes]] = []
    has_more = False
    end = _START
    for kind, at, end in _chunks(data):
        if kind in _SHOWN:
            continue
        body = data[at + 8 : end - 4]
        if kind == b"iTXt" and body.startswith(_XMP):
            xmp = _text(body)
        elif kind in _TEXTS:
            texts.append((body.partition(b"\0")[0].decode("latin-1"), data[at:end]))
        elif kind == b"eXIf":
            exif = body
        elif kind == b"caBX":
            credentials = body
        else:
            has_more = True
    return Said(exif, xmp, None, tuple(texts), credentials, has_more or end < len(data))


def write(data: bytes, said: Said, *, keeps_more: bool) -> bytes:
    """The file with this said."""
    # Right behind the header, where readers find it without going through the pixels.
    parts = [data[:_HEADER], _said(said, keeps_more=keeps_more)]
    start = end = _HEADER
    for kind, at, end in _chunks(data):
        if kind in _SHOWN or (keeps_more and kind != b"caBX" and not _is_xmp(data, kind, at)):
            continue
        parts.append(data[start:at])
        start = end
    parts.append(data[start:] if keeps_more else data[start:end])
    return b"".join(parts)


def written(
    size: tuple[int, int], mode: str, rows: Iterable[bytes], *, profile: bytes | None, level: int
) -> bytes:
    """A file of 16 bits a channel, of filtered rows."""
    header = struct.pack(">IIBBBBB", *size, 16, {"L": 0, "RGB": 2, "RGBA": 6}[mode], 0, 0, 0)
    made = io.BytesIO()
    made.write(_SIGNATURE + _chunk(b"IHDR", header))
    if profile is not None:
        made.write(_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(profile)))
    packer = zlib.compressobj(level)
    for part in rows:
        made.write(_chunk(b"IDAT", packer.compress(part)))
    made.write(_chunk(b"IDAT", packer.flush()) + _chunk(b"IEND", b""))
    return made.getvalue()


def _said(said: Said, *, keeps_more: bool) -> bytes:
    found = b"" if said.xmp is None else _chunk(b"iTXt", _XMP_HEAD + said.xmp)
    if keeps_more:
        return found
    if said.exif is not None:
        found += _chunk(b"eXIf", said.exif)
    return found + b"".join(chunk for _, chunk in said.texts)


def _text(body: bytes) -> bytes:
    """What an iTXt chunk says: behind its keyword, two flags, a language and the keyword in that."""
    _, _, rest = body.partition(b"\0")
    _, _, behind = rest[2:].partition(b"\0")
    text = behind.partition(b"\0")[2]
    if not rest[0]:
        return text
    try:
        return zlib.decompressobj().decompress(text, _MOST_TEXT_BYTES)
    except zlib.error as error:
        raise ValueError(str(error)) from error


def _chunk(kind: bytes, body: bytes) -> bytes:
    whole = kind + body
    return struct.pack(">I", len(body)) + whole + struct.pack(">I", zlib.crc32(whole))


def _is_xmp(data: bytes, kind: bytes, at: int) -> bool:
    return kind == b"iTXt" and data.startswith(_XMP, at + 8)


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The type of each chunk up to the last, where it starts and where it ends."""
    at = _START
    while True:
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            raise ValueError("a chunk is cut short")
        if at == _START and (kind, end) != (b"IHDR", _HEADER):
            raise ValueError("the header is missing")
        yield kind, at, end
        if kind == b"IEND":
            return
        at = end

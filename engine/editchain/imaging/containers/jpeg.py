"""JPEG: segments with a marker and a length, before and between the pixels."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

from editchain.imaging.containers.base import Said

if TYPE_CHECKING:
    from collections.abc import Iterator

_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_EXIF = b"Exif\0\0"
_PHOTOSHOP = b"Photoshop 3.0\0"
_MOST = 65533
_APP0, _APP1, _APP2, _APP11, _APP13, _APP14, _COMMENT = 0xE0, 0xE1, 0xE2, 0xEB, 0xED, 0xEE, 0xFE
_IPTC = 0x0404
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
_JFIF_LENGTH = 16
"""Of the first segment without a preview."""


def read(data: bytes) -> Said:
    """What a file says."""
    exif = xmp = iptc = None
    credentials = b""
    has_more = False
    end = 2
    for marker, at, end in _segments(data):
        body = _body(data, marker, at, end)
        if _is_shown(marker, body):
            has_more |= marker == _APP0 and end - at > _JFIF_LENGTH + 2
        elif marker == _APP1 and body.startswith(_XMP):
            xmp = xmp or body[len(_XMP) :]
        elif marker == _APP1 and body.startswith(_EXIF):
            exif = exif or body[len(_EXIF) :]
        elif marker == _APP11 and body.startswith(b"JP"):
            credentials += body
        elif marker == _APP13 and body.startswith(_PHOTOSHOP):
            resources = list(_resources(body[len(_PHOTOSHOP) :]))
            iptc = next((value for number, value in resources if number == _IPTC), iptc)
            has_more |= any(number != _IPTC for number, _ in resources)
        else:
            has_more = True
    return Said(exif, xmp, iptc, (), credentials or None, has_more or end < len(data))


def write(data: bytes, said: Said, *, keeps_more: bool) -> bytes:
    """The file with this said. XMP that is longer than a segment is left out."""
    parts, first, end = [data[:2]], 1, 2
    for marker, at, end in _segments(data):
        body = _body(data, marker, at, end)
        is_xmp = marker == _APP1 and body.startswith(_XMP)
        if not _is_shown(marker, body) and (not keeps_more or is_xmp or marker == _APP11):
            continue
        is_jfif = marker == _APP0 and body.startswith(b"JFIF\0")
        if is_jfif and not keeps_more and end - at > _JFIF_LENGTH + 2:
            parts.append(_segment(_APP0, body[:12] + b"\0\0"))  # no preview
        else:
            parts.append(data[at:end])
        # JFIF and Exif want to be first.
        if is_jfif or (marker == _APP1 and body.startswith(_EXIF)):
            first = len(parts)
    if keeps_more:
        parts.append(data[end:])
    return b"".join((*parts[:first], _said(said, keeps_more=keeps_more), *parts[first:]))


def _said(said: Said, *, keeps_more: bool) -> bytes:
    found = b""
    if not keeps_more and said.exif is not None:
        found += _segment(_APP1, _EXIF + said.exif)
    if said.xmp is not None:
        found += _segment(_APP1, _XMP + said.xmp)
    if not keeps_more and said.iptc is not None:
        padded = said.iptc + b"\0" * (len(said.iptc) % 2)
        resource = b"8BIM" + struct.pack(">HHI", _IPTC, 0, len(said.iptc)) + padded
        found += _segment(_APP13, _PHOTOSHOP + resource)
    return found


def _segment(marker: int, body: bytes) -> bytes:
    return b"" if len(body) > _MOST else b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body


def _is_shown(marker: int, body: bytes) -> bool:
    """Whether a viewer shows a picture by it."""
    if marker == _APP0:
        return body.startswith(b"JFIF\0")
    if marker == _APP2:
        return body.startswith(b"ICC_PROFILE\0")
    if marker == _APP14:
        return body.startswith(b"Adobe")
    return not _APP0 <= marker <= _COMMENT or 0xF0 <= marker < _COMMENT


def _body(data: bytes, marker: int, at: int, end: int) -> bytes:
    """What a segment that may say something holds."""
    return data[at + 4 : end] if _APP0 <= marker <= _COMMENT else b""


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """The marker of each segment to the end of the picture, where it starts and where it ends."""
    at = 2
    while True:
        if data[at] != 0xFF:
            raise ValueError("no segment where one should be")
        marker = data[at + 1]
        if marker == 0xFF:  # filling
            at += 1
            continue
        if marker == 0xD9:
            yield marker, at, at + 2
            return
        end = at + 2 + struct.unpack_from(">H", data, at + 2)[0]
        if end > len(data):
            raise ValueError("a segment is cut short")
        if marker == 0xDA:  # pixels follow, up to the next marker that is not among them
            found = _MARKER.search(data, end)
            if found is None:
                raise ValueError("the pixels are cut short")
            end = found.start()
        yield marker, at, end
        at = end


def _resources(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Photoshop's image resources: number and value."""
    at = 0
    while body[at : at + 4] == b"8BIM":
        (number,) = struct.unpack_from(">H", body, at + 4)
        name = 1 + body[at + 6]
        at += 6 + name + name % 2
        (length,) = struct.unpack_from(">I", body, at)
        yield number, body[at + 4 : at + 4 + length]
        at += 4 + length + length % 2

"""GIF: blocks of at most 255 bytes in a row, of which extensions say something."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.imaging.containers.base import Said

if TYPE_CHECKING:
    from collections.abc import Iterator

_XMP = b"XMP DataXMP"
_XMP_END = b"\1" + bytes(range(255, -1, -1)) + b"\0"
"""Leads whoever reads a packet as blocks, which it is not, to its end."""
_SHOWN = (b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012")
_IMAGE, _EXTENSION, _END = 0x2C, 0x21, 0x3B
_COMMENT, _APPLICATION = 0xFE, 0xFF


def read(data: bytes) -> Said:
    """What a file says."""
    xmp, has_more, end = None, False, 0
    for at, end in _blocks(data):
        name = _application(data, at)
        if name == _XMP:
            xmp = data[at + 14 : end].removesuffix(_XMP_END)
        else:
            has_more |= not _is_shown(data, at)
    return Said(None, xmp, None, (), None, has_more or end < len(data))


def write(data: bytes, said: Said, *, keeps_more: bool) -> bytes:
    """The file with this said; of it only the XMP has a place."""
    parts: list[bytes] = []
    first, end = None, 0
    for at, end in _blocks(data):
        name = _application(data, at)
        if name == _XMP or not (keeps_more or _is_shown(data, at)):
            continue
        if name is None and first is None and parts:
            first = len(parts)  # behind what says how often an animation goes round
        parts.append(data[at:end])
    if keeps_more:
        parts.append(data[end:])
    if said.xmp is None:
        return b"".join(parts)
    extension = bytes((_EXTENSION, _APPLICATION, len(_XMP))) + _XMP + said.xmp + _XMP_END
    parts[0] = b"GIF89a" + parts[0][6:]  # the older form has no extensions
    return b"".join((*parts[:first], extension, *parts[first:]))


def _application(data: bytes, at: int) -> bytes | None:
    is_one = at and data[at] == _EXTENSION and data[at + 1] == _APPLICATION
    return data[at + 3 : at + 14] if is_one else None


def _is_shown(data: bytes, at: int) -> bool:
    """Whether a viewer shows a picture by a block."""
    if at == 0 or data[at] != _EXTENSION:
        return True
    return data[at + 1] != _COMMENT if data[at + 1] != _APPLICATION else _application(data, at) in _SHOWN


def _blocks(data: bytes) -> Iterator[tuple[int, int]]:
    """Where the header, each extension and picture, and the trailer start and end."""
    at = 13 + _table(data[10])
    yield 0, at
    while data[at] != _END:
        if data[at] == _EXTENSION:
            end = at + 2
        elif data[at] == _IMAGE:
            end = at + 11 + _table(data[at + 9])
        else:
            raise ValueError("no block where one should be")
        while length := data[end]:
            end += 1 + length
        yield at, end + 1
        at = end + 1
    yield at, at + 1


def _table(flags: int) -> int:
    """How long the colour table is that these flags announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0

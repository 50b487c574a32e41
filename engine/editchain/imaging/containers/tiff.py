"""TIFF: directories of tags, which point at pixels and values anywhere in the file."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

from editchain.imaging.containers.base import Said

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_XMP, _IPTC, _EXIF, _GPS, _CREDENTIALS, _OLD_JPEG = 700, 33723, 34665, 34853, 52545, 513
_ARTIST, _COPYRIGHT = 315, 33432
_DEFLATE, _BY_DIFFERENCE, _PLAIN_ALPHA = 8, 2, 2
_OFFSETS = {273: 279, 324: 325}
"""The tags that point at pixels, in strips or tiles, and those that say how many bytes they are."""
_SHOWN = frozenset(
    {
        *(254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 274, 277, 278, 279, 280, 281, 282, 283, 284),
        *(286, 287, 290, 291, 292, 293, 296, 297, 301, 317, 318, 319, 320, 321, 322, 323, 324, 325, 332, 334, 336),
        *(338, 339, 340, 341, 342, 347, 512, 529, 530, 531, 532, 34675),
    }
)  # fmt: skip
"""What a viewer shows a picture by."""
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_MAX_PAGES = 1000
_MOST_TIMES = 4
"""How many times the bytes of a file its values may come to: who has more points at the same ones over and over."""
_BYTES, _SHORT, _LONG, _UNDEFINED = 1, 3, 4, 7


class _Entry(NamedTuple):
    """A tag with its value, as it stands in the file."""

    tag: int
    kind: int
    length: int
    value: bytes


def read(data: bytes) -> Said:
    """What a file says. `exif` is the file itself, as its first directory is what EXIF begins with."""
    pages = _pages(data)
    first = {entry.tag: entry for entry in pages[0]}
    xmp, iptc, credentials = first.get(_XMP), first.get(_IPTC), first.get(_CREDENTIALS)
    others = {entry.tag for page in pages for entry in page} - _SHOWN
    return Said(
        data if others & {_ARTIST, _COPYRIGHT, _EXIF, _GPS} else None,
        xmp.value if xmp else None,
        iptc.value if iptc else None,
        credentials=credentials.value if credentials else None,
        has_more=bool(others - {_XMP, _IPTC, _CREDENTIALS, _ARTIST, _COPYRIGHT, _EXIF, _GPS}),
    )


def write(data: bytes, said: Said, *, keeps_more: bool) -> bytes:
    """The file with this said; of EXIF only whom the picture is by."""
    order = _order(data)
    xmp = [] if said.xmp is None else [_Entry(_XMP, _BYTES, len(said.xmp), said.xmp)]
    pages = _pages(data)
    if (
        keeps_more
        and xmp
        and xmp[0].value == next((entry.value for entry in pages[0] if entry.tag == _XMP), None)
    ):
        return data
    if keeps_more:
        return _with_first(
            data, order, [entry for entry in pages[0] if entry.tag not in (_XMP, _CREDENTIALS)] + xmp
        )
    own = [] if said.exif is None else _in_order(_pages(said.exif)[0], _order(said.exif), order)
    extra = xmp + [entry for entry in own if entry.tag in (_ARTIST, _COPYRIGHT)]
    if said.iptc is not None:
        extra.append(_Entry(_IPTC, _UNDEFINED, len(said.iptc), said.iptc))
    if any(entry.tag == _OLD_JPEG for page in pages for entry in page):
        raise ValueError("JPEG inside of TIFF in its old form")
    kept = [[entry for entry in page if entry.tag in _SHOWN] for page in pages]
    kept[0] += extra
    return _rewritten(data, order, kept)


def written(
    size: tuple[int, int], mode: str, strips: Iterable[bytes], rows: int, *, profile: bytes | None
) -> bytes:
    """A file of 16 bits a channel, of strips of so many rows, in which a pixel is its difference from the one before."""
    channels = len(mode)
    made = bytearray(b"II*\0" + bytes(4))
    places: list[tuple[int, int]] = []
    for strip in strips:
        packed = zlib.compress(strip, 6)
        places.append((len(made), len(packed)))
        made += packed + b"\0" * (len(packed) % 2)
    entries = [
        _entry(256, _LONG, size[0]),
        _entry(257, _LONG, size[1]),
        _entry(258, _SHORT, *[16] * channels),
        _entry(259, _SHORT, _DEFLATE),
        _entry(262, _SHORT, 1 if mode == "L" else 2),
        _entry(273, _LONG, *(at for at, _ in places)),
        _entry(277, _SHORT, channels),
        _entry(278, _LONG, rows),
        _entry(279, _LONG, *(length for _, length in places)),
        _entry(317, _SHORT, _BY_DIFFERENCE),
    ]
    if mode == "RGBA":
        entries.append(_entry(338, _SHORT, _PLAIN_ALPHA))
    if profile is not None:
        entries.append(_Entry(34675, _UNDEFINED, len(profile), profile))
    struct.pack_into("<I", made, 4, _append(made, "<", entries))
    return bytes(made)


def _entry(tag: int, kind: int, *numbers: int) -> _Entry:
    code = "H" if kind == _SHORT else "I"
    return _Entry(tag, kind, len(numbers), struct.pack(f"<{len(numbers)}{code}", *numbers))


def _order(data: bytes) -> str:
    return "<" if data[:2] == b"II" else ">"


def _pages(data: bytes) -> list[list[_Entry]]:
    order = _order(data)
    found: list[list[_Entry]] = []
    left = _MOST_TIMES * len(data)
    (at,) = struct.unpack_from(order + "I", data, 4)
    while at:
        if len(found) == _MAX_PAGES:
            raise ValueError("the directories go round, or are too many")
        page: list[_Entry] = []
        for entry in _entries(data, at, order):
            left -= len(entry.value)
            if left < 0:
                raise ValueError("values lie in each other")
            page.append(entry)
        found.append(page)
        (at,) = struct.unpack_from(order + "I", data, at + 2 + 12 * len(found[-1]))
    if not found:
        raise ValueError("there is no directory")
    return found


def _entries(data: bytes, at: int, order: str) -> Iterator[_Entry]:
    for number in range(struct.unpack_from(order + "H", data, at)[0]):
        place = at + 2 + 12 * number
        tag, kind, count = struct.unpack_from(order + "HHI", data, place)
        length = _SIZES[kind] * count if kind in _SIZES else 4
        start = place + 8 if length <= 4 else struct.unpack_from(order + "I", data, place + 8)[0]
        if start + length > len(data):
            raise ValueError("a value lies beyond the end")
        yield _Entry(tag, kind, count, data[start : start + length])


def _numbers(entry: _Entry, order: str) -> tuple[int, ...]:
    return struct.unpack(f"{order}{entry.length}{'H' if entry.kind == _SHORT else 'I'}", entry.value)


def _in_order(entries: Sequence[_Entry], was: str, wanted: str) -> list[_Entry]:
    """Entries of texts and bytes as they stand in a file of another byte order: as they are."""
    return [entry for entry in entries if was == wanted or _SIZES.get(entry.kind) == 1]


def _with_first(data: bytes, order: str, entries: Sequence[_Entry]) -> bytes:
    """The file with another first directory, at its end; pages and pixels stay where they are."""
    (was,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, was)
    (following,) = struct.unpack_from(order + "I", data, was + 2 + 12 * count)
    made = bytearray(data + b"\0" * (len(data) % 2))
    at = _append(made, order, entries)
    struct.pack_into(order + "I", made, at + 2 + 12 * len(entries), following)
    struct.pack_into(order + "I", made, 4, at)
    return bytes(made)


def _rewritten(data: bytes, order: str, pages: Sequence[Sequence[_Entry]]) -> bytes:
    """A file of nothing but these directories and their pixels."""
    made = bytearray(data[:8])
    link = 4
    for page in pages:
        by_tag = {entry.tag: entry for entry in page}
        entries = [
            _moved(data, made, order, entry, by_tag[_OFFSETS[entry.tag]]) if entry.tag in _OFFSETS else entry
            for entry in page
        ]
        at = _append(made, order, entries)
        struct.pack_into(order + "I", made, link, at)
        link = at + 2 + 12 * len(entries)
    return bytes(made)


def _moved(data: bytes, made: bytearray, order: str, offsets: _Entry, lengths: _Entry) -> _Entry:
    """Takes pixels over; gives the tag that points at them."""
    places = []
    for offset, length in zip(_numbers(offsets, order), _numbers(lengths, order), strict=True):
        if offset + length > len(data):
            raise ValueError("the pixels are cut short")
        places.append(len(made))
        made += data[offset : offset + length] + b"\0" * (length % 2)
    return _Entry(offsets.tag, _LONG, len(places), struct.pack(f"{order}{len(places)}I", *places))


def _append(made: bytearray, order: str, entries: Sequence[_Entry]) -> int:
    """Writes a directory, the last of its file, and its values; gives its place."""
    entries = sorted(entries, key=lambda entry: entry.tag)
    at = len(made)
    made += struct.pack(order + "H", len(entries)) + bytes(12 * len(entries) + 4)
    for number, entry in enumerate(entries):
        value = entry.value
        if len(value) > 4:
            value = struct.pack(order + "I", len(made))
            made += entry.value + b"\0" * (len(entry.value) % 2)
        struct.pack_into(
            order + "HHI4s", made, at + 2 + 12 * number, entry.tag, entry.kind, entry.length, value
        )
    return at

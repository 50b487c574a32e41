"""AVIF: boxes in boxes; one lists items, of which some are pixels and others say something."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import TYPE_CHECKING

from editchain.classes import dataclass
from editchain.imaging.containers.base import Said

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_SHOWN = frozenset({b"ftyp", b"meta", b"mdat", b"moov", b"moof"})
_CREDENTIALS = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_MOST_TIMES = 4
"""How many times the bytes of a file its items may come to: who has more points at the same ones over and over."""
_XMP_TYPE = b"application/rdf+xml"
_IN_FILE, _IN_META = 0, 1
"""Where the bytes of an item are: at a place in the file, or in a box beside the list."""


@dataclass(frozen=True, slots=True)
class _Item:
    """An item of the list. `info` is its box there, `extents` are places and lengths, by the `method`."""

    id: int
    kind: bytes
    info: bytes
    method: int = _IN_FILE
    extents: tuple[tuple[int, int], ...] = ()

    @property
    def is_exif(self) -> bool:
        return self.kind == b"Exif"

    @property
    def is_xmp(self) -> bool:
        return self.kind == b"mime" and _XMP_TYPE in self.info

    @property
    def is_said(self) -> bool:
        """Whether it is something that a picture is shown without."""
        return self.kind in (b"Exif", b"mime", b"uri ")


@dataclass(frozen=True, slots=True)
class _Meta:
    """The box that lists the items. `data` is where in the file the bytes beside the list are."""

    start: int
    end: int
    items: tuple[_Item, ...]
    primary: int
    data: tuple[int, int]


def read(data: bytes) -> Said:
    """What a file says."""
    exif = xmp = credentials = None
    has_more = False
    for kind, at, end in _boxes(data, 0, len(data)):
        if _is_signature(data, kind, at):
            credentials = data[at:end]
        elif kind not in _SHOWN:
            has_more |= kind not in (b"free", b"skip") or any(data[at + 8 : end])
    meta = _meta(data)
    for item in meta.items:
        if item.is_exif and exif is None:
            found = _bytes(data, meta, item)
            exif = found[4 + struct.unpack_from(">I", found)[0] :]
        elif item.is_xmp and xmp is None:
            xmp = _bytes(data, meta, item)
        else:
            has_more |= item.is_said
    return Said(exif, xmp, None, (), credentials, has_more)


def write(data: bytes, said: Said, *, keeps_more: bool) -> bytes:
    """The file with this said."""
    meta = _meta(data)
    gone = [item for item in meta.items if item.is_xmp or (item.is_said and not keeps_more)]
    blank = bytearray(data)
    for at, length in (place for item in gone for place in _places(meta, item)):
        blank[at : at + length] = bytes(length)
    emptied = [item for item in gone if item.method == _IN_FILE]
    kept = [
        (at, end)
        for kind, at, end in _boxes(data, 0, len(data))
        if (kind in _SHOWN or (keeps_more and not _is_signature(data, kind, at)))
        and not (kind == b"mdat" and _is_full_of(emptied, at + 8, end))
    ]
    added: list[tuple[bytes, bytes, bytes]] = []
    if said.exif is not None and not keeps_more:
        added.append((b"Exif", b"", b"\0\0\0\0" + said.exif))
    if said.xmp is not None:
        added.append((b"mime", _XMP_TYPE + b"\0", said.xmp))
    if not gone and not added and sum(end - at for at, end in kept) == len(data):
        return data
    return _assembled(bytes(blank), meta, kept, [item for item in meta.items if item not in gone], added)


def _is_signature(data: bytes, kind: bytes, at: int) -> bool:
    return kind == b"uuid" and data[at + 8 : at + 24] == _CREDENTIALS


def _is_full_of(items: Iterable[_Item], start: int, end: int) -> bool:
    """Whether a place in the file holds these items and no others."""
    lengths = [length for item in items for at, length in item.extents if start <= at < end]
    return sum(lengths) == end - start > 0


def _assembled(
    data: bytes,
    meta: _Meta,
    kept: Sequence[tuple[int, int]],
    items: Sequence[_Item],
    added: Sequence[tuple[bytes, bytes, bytes]],
) -> bytes:
    """The boxes that are kept, with another list of items, and what is added behind them."""
    first = max((item.id for item in items), default=0) + 1
    new = [
        _Item(number, kind, _info(number, kind, what), _IN_FILE, ((0, len(body)),))
        for number, (kind, what, body) in enumerate(added, first)
    ]
    gone = {item.id for item in meta.items} - {item.id for item in items}
    # How long the list is does not hang on the places in it, so the places can be reckoned with its length.
    length = len(_list(data, meta, [*items, *new], gone, [item.id for item in new]))
    places, at = [], 0
    for start, end in kept:
        places.append((start, end, at - start))
        at += length if start == meta.start else end - start
    if any(
        shift for (start, _, shift) in places if data[start + 4 : start + 8] in (b"mdat", b"moof")
    ) and any(data[start + 4 : start + 8] in (b"moov", b"moof") for start, _ in kept):
        raise ValueError("moving pictures point at places that would move")
    moved = [_moved(item, places) for item in items]
    at += 8
    for number, (_, _, body) in enumerate(added):
        new[number] = replace(new[number], extents=((at, len(body)),))
        at += len(body)
    listed = _list(data, meta, [*moved, *new], gone, [item.id for item in new])
    parts = [listed if start == meta.start else data[start:end] for start, end in kept]
    if added:
        parts.append(_box(b"mdat", b"".join(body for _, _, body in added)))
    return b"".join(parts)


def _moved(item: _Item, places: Sequence[tuple[int, int, int]]) -> _Item:
    if item.method != _IN_FILE:
        return item
    extents = []
    for at, length in item.extents:
        shift = next((shift for start, end, shift in places if start <= at < end), None)
        if shift is None:
            raise ValueError("an item lies outside of what is kept")
        extents.append((at + shift, length))
    return replace(item, extents=tuple(extents))


def _info(id_: int, kind: bytes, what: bytes) -> bytes:
    # Flag 1: hidden, as no viewer shows it.
    return _box(b"infe", struct.pack(">BBHHH4s", 2, 0, 1, id_, 0, kind) + b"\0" + what)


# ---------------------------------------------------------------------- the list of items


def _meta(data: bytes) -> _Meta:
    start, end = next((at, end) for kind, at, end in _boxes(data, 0, len(data)) if kind == b"meta")
    boxes = {kind: (at, stop) for kind, at, stop in _boxes(data, start + 12, end)}
    located = dict(_locations(data, boxes[b"iloc"][0]))
    if sum(length for _, extents in located.values() for _, length in extents) > _MOST_TIMES * len(data):
        raise ValueError("items lie in each other")
    items = []
    at = boxes[b"iinf"][0] + 8
    first = at + (6 if data[at] == 0 else 8)
    for _, box, stop in _boxes(data, first, boxes[b"iinf"][1]):
        version = data[box + 8]
        if version not in (2, 3):
            raise ValueError("an item of an old form")
        id_, kind = struct.unpack_from(">H2x4s" if version == 2 else ">I2x4s", data, box + 12)
        method, extents = located.get(id_, (_IN_META, ()))
        items.append(_Item(id_, kind, data[box:stop], method, extents))
    at = boxes[b"pitm"][0] + 8
    (primary,) = struct.unpack_from(">H" if data[at] == 0 else ">I", data, at + 4)
    idat = boxes.get(b"idat")
    return _Meta(start, end, tuple(items), primary, (idat[0] + 8, idat[1]) if idat else (0, 0))


def _locations(data: bytes, box: int) -> Iterator[tuple[int, tuple[int, tuple[tuple[int, int], ...]]]]:
    """Item, and its method with its extents."""
    version, sizes = data[box + 8], struct.unpack_from(">H", data, box + 12)[0]
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version else 0
    wide = 4 if version == 2 else 2
    count, at = _number(data, box + 14, wide), box + 14 + wide
    for _ in range(count):
        id_, at = _number(data, at, wide), at + wide
        method = _IN_FILE
        if version:
            method, at = data[at + 1] & 15, at + 2
        base, at = _number(data, at + 2, base_size), at + 2 + base_size
        extents = []
        many, at = _number(data, at, 2), at + 2
        for _ in range(many):
            at += index_size
            offset, length = (
                _number(data, at, offset_size),
                _number(data, at + offset_size, length_size),
            )
            extents.append((base + offset, length))
            at += offset_size + length_size
        yield id_, (method, tuple(extents))


def _list(
    data: bytes, meta: _Meta, items: Sequence[_Item], gone: set[int], describing: Sequence[int]
) -> bytes:
    """The box that lists the items, with others than before."""
    parts = [data[meta.start + 8 : meta.start + 12]]
    has_references = False
    for kind, at, end in _boxes(data, meta.start + 12, meta.end):
        if kind == b"iloc":
            parts.append(_located(items))
        elif kind == b"iinf":
            infos = b"".join(item.info for item in items)
            parts.append(_box(b"iinf", struct.pack(">IH", 0, len(items)) + infos))
        elif kind == b"iref":
            has_references = True
            parts.append(_references(data, meta, (at, end), gone, describing))
        elif kind == b"idat" or kind in (b"hdlr", b"pitm", b"iprp", b"grpl", b"dinf", b"ipro"):
            parts.append(data[at:end])
    if describing and not has_references:
        parts.append(_box(b"iref", bytes(4) + _described(meta, describing, 0)))
    return _box(b"meta", b"".join(parts))


def _located(items: Sequence[_Item]) -> bytes:
    found = [item for item in items if item.extents]
    if any(item.id > 0xFFFF for item in found):
        raise ValueError("items with numbers that are too large")
    parts = [struct.pack(">IHH", 1 << 24, 0x4400, len(found))]
    for item in found:
        parts.append(struct.pack(">HHHH", item.id, item.method, 0, len(item.extents)))
        parts += [struct.pack(">II", *extent) for extent in item.extents]
    return _box(b"iloc", b"".join(parts))


def _references(
    data: bytes, meta: _Meta, box: tuple[int, int], gone: set[int], describing: Sequence[int]
) -> bytes:
    version = data[box[0] + 8]
    wide = 4 if version else 2
    parts = [data[box[0] + 8 : box[0] + 12]]
    for _, at, end in _boxes(data, box[0] + 12, box[1]):
        if _number(data, at + 8, wide) not in gone:
            parts.append(data[at:end])
    return _box(b"iref", b"".join((*parts, _described(meta, describing, version))))


def _described(meta: _Meta, describing: Sequence[int], version: int) -> bytes:
    """That items describe the picture."""
    form = ">IHI" if version else ">HHH"
    return b"".join(_box(b"cdsc", struct.pack(form, id_, 1, meta.primary)) for id_ in describing)


# ---------------------------------------------------------------------- boxes


def _bytes(data: bytes, meta: _Meta, item: _Item) -> bytes:
    return b"".join(data[at : at + length] for at, length in _places(meta, item))


def _places(meta: _Meta, item: _Item) -> Iterator[tuple[int, int]]:
    base = meta.data[0] if item.method == _IN_META else 0
    return ((base + at, length) for at, length in item.extents)


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body) + 8, kind) + body


def _number(data: bytes, at: int, size: int) -> int:
    if at + size > len(data):
        raise ValueError("a box is cut short")
    return int.from_bytes(data[at : at + size], "big")


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The type of each box, where it starts and where it ends."""
    while at < end:
        length, kind = struct.unpack_from(">I4s", data, at)
        if length == 1:
            raise ValueError("a box of 4 GB or more")
        stop = end if length == 0 else at + length
        if not at + 8 <= stop <= end:
            raise ValueError("a box is cut short")
        yield kind, at, stop
        at = stop

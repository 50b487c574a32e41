"""What an image file holds beside its pixels, and the same file without it; nothing is decoded."""

from __future__ import annotations

import io
import re
import struct
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image

from editchain.classes import dataclass
from editchain.errors import ImageError
from editchain.imaging.probe import HEAD_BYTES, check, probe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TAKEN_APART = ("png", "jpeg", "webp")
"""Formats whose parts are known here; of others only format and size are."""
UPRIGHT = 1
"""The orientation of a picture whose rows and columns are as they are to be seen."""

_ICC_JPEG = b"ICC_PROFILE\0"
_SCAN_END = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_STANDALONE = frozenset({0x01, *range(0xD0, 0xDA)})
_START, _END, _SCAN, _COMMENT = 0xD8, 0xD9, 0xDA, 0xFE
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}

_PNG_KEPT = frozenset(
    {
        b"IHDR",
        b"PLTE",
        b"tRNS",
        b"IDAT",
        b"IEND",
        b"sRGB",
        b"gAMA",
        b"cHRM",
        b"sBIT",
        b"bKGD",
        b"pHYs",
        b"iCCP",
    }
)
_WEBP_KEPT = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP"})
_WEBP_METADATA_FLAGS = 0x0C  # EXIF and XMP
_WEBP_ALPHA_FLAG, _WEBP_ANIMATION_FLAG = 0x10, 0x02


@dataclass(frozen=True, slots=True)
class Anatomy:
    """A file's format, its width and height in pixels as stored, and what stands beside its pixels.

    `orientation` is EXIF's, 1 to 8. `has_metadata` is anything that tells of a person, a place, a time or a device, and
    anything else that no decoder needs. `is_plain` says that it is one picture of 8 bits a channel, grey or RGB.
    """

    format: str
    width: int
    height: int
    orientation: int = UPRIGHT
    profile: bytes | None = None
    has_metadata: bool = False
    has_alpha: bool = False
    is_plain: bool = True

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as they are to be seen."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)


class _Piece(NamedTuple):
    """A part of a file: what it is called, all its bytes, and those inside."""

    name: bytes
    whole: bytes
    inside: bytes


def look(data: bytes) -> Anatomy:
    """What a file holds. Raises ImageError where it is no image that may come in."""
    head = data[:HEAD_BYTES]
    if head.startswith(b"GIF8") and (found := probe(head)) is not None:
        return Anatomy("gif", found.width, found.height, is_plain=False)  # our own steps may write one
    found = check(head, len(data))
    if found.format not in _READERS:
        # What is in a TIFF or an AVIF is not looked for: they are decoded, which leaves all of it behind.
        size = (found.width, found.height) if found.width else _size(data)
        return Anatomy(found.format, *size, is_plain=False)
    split, read = _READERS[found.format]
    try:
        pieces = list(split(data))
        anatomy = read(pieces, found.width, found.height)
    except (struct.error, IndexError, StopIteration) as error:
        raise ImageError(f"This {found.format.upper()} image is damaged or cut short.") from error
    if sum(len(piece.whole) for piece in pieces) + _HEAD_LENGTHS[found.format] != len(data):
        anatomy = replace(anatomy, has_metadata=True)  # a second picture or a film lies behind the first
    return _turned(anatomy, data) if anatomy.has_metadata else anatomy


def stripped(data: bytes) -> bytes:
    """A JPEG, PNG or WebP with the same pixels, its colour profile, and nothing else.

    Raises ImageError where it is none of them, or damaged.
    """
    found = check(data[:HEAD_BYTES], len(data))
    if found.format not in _WITHOUT:
        raise ImageError(f"A {found.format.upper()} file is not taken apart here.")
    try:
        return _WITHOUT[found.format](data)
    except (struct.error, IndexError) as error:
        raise ImageError(f"This {found.format.upper()} image is damaged or cut short.") from error


def _size(data: bytes) -> tuple[int, int]:
    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.size
    except Exception as error:  # decoders raise whatever they like on damaged bytes
        raise ImageError("This image is damaged or cut short.") from error


def _turned(anatomy: Anatomy, data: bytes) -> Anatomy:
    """With the orientation that its metadata says, by the rules of whoever decodes it."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            said = image.getexif().get(0x0112, UPRIGHT)
    except Exception:  # metadata that cannot be read turns nothing, here as when it is decoded
        said = UPRIGHT
    return replace(anatomy, orientation=said if isinstance(said, int) and 1 <= said <= 8 else UPRIGHT)


# ---------------------------------------------------------------------- JPEG


def _jpeg_pieces(data: bytes) -> Iterator[_Piece]:
    """The segments with their markers; a scan goes with its coded pixels. Ends with the first picture's end."""
    at = 2
    yield _Piece(b"\xd8", data[:2], b"")
    while at < len(data):
        if data[at] != 0xFF:
            raise IndexError
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker == _END:
            yield _Piece(b"\xd9", data[at : at + 2], b"")
            return
        if marker in _STANDALONE:
            yield _Piece(bytes([marker]), data[at : at + 2], b"")
            at += 2
            continue
        length = struct.unpack_from(">H", data, at + 2)[0]
        stop = at + 2 + length
        inside = data[at + 4 : stop]
        if marker == _SCAN:
            following = _SCAN_END.search(data, stop)
            stop = following.start() if following else len(data)
        if length < 2 or stop > len(data):
            raise IndexError
        yield _Piece(bytes([marker]), data[at:stop], inside)
        at = stop


def _is_jpeg_pixels(piece: _Piece) -> bool:
    marker = piece.name[0]
    if marker == 0xE0:
        return piece.inside.startswith(b"JFIF\0")
    if marker == 0xEE:
        return piece.inside.startswith(b"Adobe")  # says how colours are coded
    return not 0xE0 <= marker <= 0xEF and marker != _COMMENT


def _is_jpeg_profile(piece: _Piece) -> bool:
    return piece.name == b"\xe2" and piece.inside.startswith(_ICC_JPEG)


def _jpeg(pieces: list[_Piece], width: int, height: int) -> Anatomy:
    profiles = sorted(
        (piece.inside[len(_ICC_JPEG)], piece.inside[len(_ICC_JPEG) + 2 :])
        for piece in pieces
        if _is_jpeg_profile(piece)
    )
    frame = next(piece for piece in pieces if piece.name[0] in _FRAMES)
    return Anatomy(
        "jpeg",
        width,
        height,
        profile=b"".join(part for _, part in profiles) or None,
        has_metadata=any(not (_is_jpeg_pixels(piece) or _is_jpeg_profile(piece)) for piece in pieces),
        is_plain=frame.inside[0] == 8 and frame.inside[5] in (1, 3),
    )


def _jpeg_without(data: bytes) -> bytes:
    pieces = _jpeg_pieces(data)
    return b"".join(piece.whole for piece in pieces if _is_jpeg_pixels(piece) or _is_jpeg_profile(piece))


# ---------------------------------------------------------------------- PNG


def _png_pieces(data: bytes) -> Iterator[_Piece]:
    at = 8
    while at < len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        stop = at + 12 + length
        if stop > len(data):
            raise IndexError
        yield _Piece(name, data[at:stop], data[at + 8 : stop - 4])
        if name == b"IEND":
            return
        at = stop


def _png(pieces: list[_Piece], width: int, height: int) -> Anatomy:
    names = {piece.name for piece in pieces}
    depth, colour = pieces[0].inside[8], pieces[0].inside[9]
    profile = next((piece.inside for piece in pieces if piece.name == b"iCCP"), None)
    return Anatomy(
        "png",
        width,
        height,
        profile=None if profile is None else _inflated(profile),
        has_metadata=bool(names - _PNG_KEPT - {b"acTL", b"fcTL", b"fdAT"}),
        has_alpha=colour in (4, 6) or b"tRNS" in names,
        is_plain=depth <= 8 and b"acTL" not in names,
    )


def _inflated(chunk: bytes) -> bytes:
    """A colour profile out of its chunk; a damaged one is none that a decoder would know."""
    packed = chunk[chunk.index(0) + 2 :] if 0 in chunk else b""
    try:
        return zlib.decompressobj().decompress(packed, 16 * 1024 * 1024)
    except zlib.error:
        return b"?"


def _png_without(data: bytes) -> bytes:
    return data[:8] + b"".join(piece.whole for piece in _png_pieces(data) if piece.name in _PNG_KEPT)


# ---------------------------------------------------------------------- WebP


def _webp_pieces(data: bytes) -> Iterator[_Piece]:
    at, end = 12, min(len(data), 8 + struct.unpack_from("<I", data, 4)[0])
    while at + 8 <= end:
        name, length = struct.unpack_from("<4sI", data, at)
        stop = at + 8 + length
        if stop > end:
            raise IndexError
        padded = stop + length % 2
        yield _Piece(name, data[at:stop] + b"\0" * (length % 2), data[at + 8 : stop])
        at = padded


def _webp(pieces: list[_Piece], width: int, height: int) -> Anatomy:
    by_name = {piece.name: piece.inside for piece in pieces}
    flags = by_name[b"VP8X"][0] if b"VP8X" in by_name else 0
    lossless = by_name.get(b"VP8L", b"")
    return Anatomy(
        "webp",
        width,
        height,
        profile=by_name.get(b"ICCP"),
        has_metadata=bool(by_name.keys() - _WEBP_KEPT - {b"ANIM", b"ANMF"}),
        has_alpha=bool(flags & _WEBP_ALPHA_FLAG) or bool(lossless[4:5] and lossless[4] & 0x10),
        is_plain=not flags & _WEBP_ANIMATION_FLAG,
    )


def _webp_without(data: bytes) -> bytes:
    kept = []
    for piece in _webp_pieces(data):
        if piece.name == b"VP8X":
            flags = piece.inside[0] & ~_WEBP_METADATA_FLAGS
            kept.append(piece.whole[:8] + bytes([flags]) + piece.whole[9:])
        elif piece.name in _WEBP_KEPT:
            kept.append(piece.whole)
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body


_READERS: dict[
    str, tuple[Callable[[bytes], Iterator[_Piece]], Callable[[list[_Piece], int, int], Anatomy]]
] = {
    "jpeg": (_jpeg_pieces, _jpeg),
    "png": (_png_pieces, _png),
    "webp": (_webp_pieces, _webp),
}
_HEAD_LENGTHS = {"jpeg": 0, "png": 8, "webp": 12}
_WITHOUT: dict[str, Callable[[bytes], bytes]] = {
    "jpeg": _jpeg_without,
    "png": _png_without,
    "webp": _webp_without,
}

"""What an image file is, by its first bytes and without decoding it."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

from editchain.classes import dataclass
from editchain.errors import ImageError
from editchain.imaging.limits import length_problem, size_problem
from editchain.imaging.tables import cube_size

HEAD_BYTES = 256 * 1024
_SUBJECT = re.compile("^This(?: [A-Z]+ image)?(?= )")


class Kind(NamedTuple):
    """How a format is called outside: its media type and the extension we write, without the dot."""

    media_type: str
    extension: str


MEDIA_TYPES: dict[str, Kind] = {
    "png": Kind("image/png", "png"),
    "jpeg": Kind("image/jpeg", "jpg"),
    "webp": Kind("image/webp", "webp"),
    "avif": Kind("image/avif", "avif"),
    "tiff": Kind("image/tiff", "tif"),
    "gif": Kind("image/gif", "gif"),
    "bmp": Kind("image/bmp", "bmp"),
    "heic": Kind("image/heic", "heic"),
    "cube": Kind("application/x-cube", "cube"),
}

EXTENSIONS = frozenset({"png", "jpg", "jpeg", "webp", "avif", "tif", "tiff"})
"""Which files of a folder count as its images, in lower case and without the dot."""

ACCEPTED = frozenset({"png", "jpeg", "webp", "avif", "tiff", "cube"})
"""Formats that come in; others are refused by name. A .cube file is a look-up table, which is a picture here."""

FONT_STARTS = (b"\0\1\0\0\0", b"OTTO", b"true\0", b"ttcf")
"""How font files begin: TrueType, OpenType, Apple's TrueType, collections."""

_TIFF_STARTS = (b"II*\0", b"MM\0*")

_ADVICE = {
    "gif": "a GIF file; only its first frame could be edited: save that as PNG",
    "bmp": "a BMP file; save it as PNG",
    "heic": "a HEIC file; save it as JPEG or PNG",
}


@dataclass(frozen=True, slots=True)
class Probe:
    """Format, and width and height in pixels as stored (before EXIF rotation); 0 where unread.

    `bits` are those of a channel, as far as the first bytes of a PNG or TIFF tell, else 8.
    """

    format: str
    width: int
    height: int
    bits: int = 8


def probe(head: bytes) -> Probe | None:
    """What the first bytes of a file (up to `HEAD_BYTES`) say it is, or None for what is no known image."""
    try:
        return _probe(head)
    except (struct.error, IndexError):
        return None


def check(head: bytes, length_bytes: int) -> Probe:
    """The probe of a file that may come in; raises ImageError for any other, saying what it looks like."""
    found = probe(head)
    if found is None:
        raise ImageError(f"This is not an image: it looks like {_likeness(head, length_bytes)}.")
    if found.format not in ACCEPTED:
        raise ImageError(f"This is {_ADVICE[found.format]}.")
    problem = length_problem(length_bytes) or (
        size_problem(found.width, found.height) if found.width or found.height else None
    )
    if problem:
        raise ImageError(f"This {found.format.upper()} image is not accepted: {problem}.")
    return found


def read_probe(path: Path) -> Probe:
    """The probe of a file; raises ImageError where it is no image that may come in, OSError as usual."""
    with path.open("rb", buffering=0) as file:
        length_bytes = file.seek(0, 2)
        file.seek(0)
        try:
            return check(_enough(file), length_bytes)
        except ImageError as error:
            raise ImageError(said_of(path.name, error)) from None


def said_of(name: str, error: ImageError) -> str:
    """What is wrong with an image, with its name for `This` or `This PNG image`."""
    return _SUBJECT.sub(lambda _found: name, str(error), count=1)


def _enough(file: BinaryIO) -> bytes:
    """As little of the file as tells its size: most images need one small read."""
    head = file.read(4096)
    if _is_complete(head):
        return head
    head += file.read(HEAD_BYTES - len(head))
    if head.startswith(b"\xff\xd8\xff") and probe(head) is None:
        head += file.read(16 * HEAD_BYTES)  # a printer's colour profile or a preview stands before the size
    if head[:4] in _TIFF_STARTS and not _is_complete(head):
        return _with_directory(head, file)
    return head


def _is_complete(head: bytes) -> bool:
    found = probe(head)
    return found is not None and found.width > 0


def _with_directory(head: bytes, file: BinaryIO) -> bytes:
    """A TIFF's header and its directory, which may stand at the end of the file, moved together."""
    order = "<" if head[:2] == b"II" else ">"
    file.seek(struct.unpack_from(order + "I", head, 4)[0])
    return head[:4] + struct.pack(order + "I", 8) + file.read(2 + 12 * 256)


def _probe(head: bytes) -> Probe | None:
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(head)
    if head.startswith(b"\xff\xd8\xff"):
        return _jpeg(head)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _webp(head)
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return Probe("gif", *struct.unpack_from("<HH", head, 6))
    if head[:4] in _TIFF_STARTS:
        return _tiff(head)
    if head[:2] == b"BM" and len(head) >= 26 and head[6:10] == b"\0\0\0\0":
        width, height = struct.unpack_from("<ii", head, 18)
        return Probe("bmp", width, abs(height))
    if head[4:8] == b"ftyp":
        return _heif(head)
    size = cube_size(head)
    return Probe("cube", *size) if size else None


def _png(head: bytes) -> Probe | None:
    if head[12:16] != b"IHDR":
        return None
    return Probe("png", *struct.unpack_from(">IIB", head, 16))


def _jpeg(head: bytes) -> Probe | None:
    """The size stands in the first start-of-frame segment, after any amount of metadata."""
    at = 2
    while True:
        if head[at] != 0xFF:
            return None
        marker = head[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:  # markers without a length
            at += 2
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", head, at + 5)
            return Probe("jpeg", width, height)
        if marker in (0xD9, 0xDA):
            return None
        at += 2 + struct.unpack_from(">H", head, at + 2)[0]


def _webp(head: bytes) -> Probe | None:
    kind = head[12:16]
    if kind == b"VP8 ":
        if head[23:26] != b"\x9d\x01\x2a":
            return None
        width, height = struct.unpack_from("<HH", head, 26)
        return Probe("webp", width & 0x3FFF, height & 0x3FFF)
    if kind == b"VP8L":
        if head[20] != 0x2F:
            return None
        bits = struct.unpack_from("<I", head, 21)[0]
        return Probe("webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8X":
        width = int.from_bytes(head[24:27], "little") + 1
        height = int.from_bytes(head[27:30], "little") + 1
        return Probe("webp", width, height) if len(head) >= 30 else None
    return None


def _tiff(head: bytes) -> Probe | None:
    """Reads the first directory; one that lies beyond the head leaves the size unread."""
    order = "<" if head[:2] == b"II" else ">"
    at = struct.unpack_from(order + "I", head, 4)[0]
    if at < 8:
        return None
    if at + 2 > len(head):
        return Probe("tiff", 0, 0)
    sizes = {}
    bits = 8
    for index in range(struct.unpack_from(order + "H", head, at)[0]):
        entry = at + 2 + 12 * index
        if entry + 12 > len(head):
            return Probe("tiff", 0, 0)
        tag, kind = struct.unpack_from(order + "HH", head, entry)
        if tag in (256, 257) and kind in (3, 4):
            sizes[tag] = struct.unpack_from(order + ("H" if kind == 3 else "I"), head, entry + 8)[0]
        elif (tag, kind) == (258, 3):
            bits = _bits(head, order, entry)
    return Probe("tiff", sizes[256], sizes[257], bits) if len(sizes) == 2 else None


def _bits(head: bytes, order: str, entry: int) -> int:
    """What a TIFF says of all its channels alike: in the directory where they are few, else at an address in the head."""
    count, at = struct.unpack_from(order + "II", head, entry + 4)
    at = entry + 8 if count <= 2 else at
    if not 0 < count <= 8 or at + 2 * count > len(head):
        return 8
    said = set(struct.unpack_from(f"{order}{count}H", head, at))
    return said.pop() if len(said) == 1 else 8


def _heif(head: bytes) -> Probe | None:
    """AVIF and HEIC share one container; the brands tell which it is."""
    length = struct.unpack_from(">I", head, 0)[0]
    if length < 16:
        return None
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, min(length, len(head)), 4))}
    if brands & {b"avif", b"avis"}:
        width, height = _extents(head, length)
        return Probe("avif", width, height) if width else None
    if brands & {b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"}:
        return Probe("heic", *_extents(head, length))
    return None


def _extents(head: bytes, start: int) -> tuple[int, int]:
    """The largest `ispe` in meta/iprp/ipco: alpha planes, tiles and thumbnails have their own."""
    ipco = _find_box(head, (b"meta", b"iprp", b"ipco"), start, len(head))
    if ipco is None:
        return 0, 0
    found = (0, 0)
    for name, at, _ in _boxes(head, *ipco):
        if name == b"ispe":
            found = max(found, struct.unpack_from(">II", head, at + 4), key=lambda size: size[0] * size[1])
    return found


def _find_box(head: bytes, names: tuple[bytes, ...], start: int, end: int) -> tuple[int, int] | None:
    for name in names:
        inside = next(((at, stop) for found, at, stop in _boxes(head, start, end) if found == name), None)
        if inside is None:
            return None
        start, end = inside
        if name == b"meta":
            start += 4  # version and flags
    return start, end


def _boxes(head: bytes, start: int, end: int) -> list[tuple[bytes, int, int]]:
    """(name, start and end of what is inside) of each box that begins in the range."""
    boxes = []
    while start + 8 <= min(end, len(head)):
        length, name = struct.unpack_from(">I4s", head, start)
        stop = end if length == 0 else start + length
        if stop < start + 8:
            break
        boxes.append((name, start + 8, min(stop, end)))
        start = stop
    return boxes


_LIKENESSES: tuple[tuple[bytes, str], ...] = (
    *((start, "a font; operations that write text take one as font_file") for start in FONT_STARTS),
    (b"%PDF", "a PDF document"),
    (b"8BPS", "a Photoshop document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\0\0\x01\0", "a Windows icon"),
    (b"\xff\x0a", "a JPEG XL file"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL file"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 file"),
    (b"\x7fELF", "a program"),
    (b"version https://git-lfs", "a Git LFS pointer; fetch the file itself with `git lfs pull`"),
    (b"\x89PNG", "a damaged PNG file"),
    (b"\xff\xd8\xff", "a JPEG file without a picture size, cut short or damaged"),
    (b"RIFF", "a RIFF file (sound, video or a damaged WebP)"),
    (b"II*\0", "a damaged TIFF file"),
    (b"MM\0*", "a damaged TIFF file"),
    (b"GIF8", "a damaged GIF file"),
)


def _likeness(head: bytes, length_bytes: int) -> str:
    if length_bytes == 0 or not head:
        return "an empty file"
    for start, name in _LIKENESSES:
        if head.startswith(start):
            return name
    if head[4:8] == b"ftyp":
        return "a video or a damaged AVIF or HEIC file"
    return _text_likeness(head[:4096].removeprefix(b"\xef\xbb\xbf"))


def _text_likeness(start: bytes) -> str:
    if b"\0" in start:
        return "binary data of an unknown kind"
    try:
        text = start[:-3].decode() if len(start) > 3 else start.decode()
    except UnicodeDecodeError as error:
        if error.start < len(start) - 6:
            return "binary data of an unknown kind"
        text = start[: error.start].decode()
    text = text.lstrip().lower()
    if text.startswith(("<!doctype html", "<html")):
        return "an HTML page"
    if "<svg" in text:
        return "an SVG drawing"
    if text.startswith("<?xml"):
        return "an XML document"
    if text.startswith(("{", "[")):
        return "JSON text"
    if text.startswith("data:"):
        return "the text of a data URL"
    return "text"

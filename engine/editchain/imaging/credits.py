"""Credits: what a picture file says of how it was made, as XMP, put in and read without touching its pixels."""

from __future__ import annotations

import html
import re
import struct
import zlib
from typing import TYPE_CHECKING

from editchain.classes import dataclass
from editchain.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
TRAINED, COMPOSITE, ENHANCED = (
    "trainedAlgorithmicMedia",
    "compositeWithTrainedAlgorithmicMedia",
    "algorithmicallyEnhanced",
)
"""What IPTC calls a picture that a model made, a photo that a model edited, and one that was edited by functions."""

_NAMESPACES = {
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "editchain": "https://editchain.dev/ns/1.0/",
}
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_BEGIN = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
# What XML 1.0 cannot hold.
_UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_HEAD = b"XML:com.adobe.xmp\0\0\0\0\0"
_JPEG_HEAD = b"http://ns.adobe.com/xap/1.0/\0"
_JPEG_MOST = 65533
_VP8X_XMP, _VP8X_ALPHA = 0x04, 0x10


@dataclass(frozen=True, slots=True)
class Credit:
    """What a file says of how it was made. `source_type` is IPTC's word, `recipe` the SHA-256 of the recipe's text, in hex."""

    source_type: str | None = None
    tool: str | None = None
    models: tuple[str, ...] = ()
    key: bytes | None = None
    step: str | None = None
    prompt: str | None = None
    seed: int | None = None
    recipe: str | None = None

    def packet(self) -> str:
        """The XMP packet; the same text for the same credit."""
        said = {
            "xmp:CreatorTool": self.tool,
            "Iptc4xmpExt:DigitalSourceType": self.source_type and SOURCE_TYPES + self.source_type,
            "editchain:models": ", ".join(self.models) or None,
            "editchain:key": self.key and self.key.hex(),
            "editchain:step": self.step,
            "editchain:prompt": self.prompt,
            "editchain:seed": None if self.seed is None else str(self.seed),
            "editchain:recipe": self.recipe,
        }
        names = "".join(f' xmlns:{name}="{address}"' for name, address in _NAMESPACES.items())
        values = "".join(f' {name}="{_escaped(value)}"' for name, value in said.items() if value)
        return (
            f'{_BEGIN}<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF[1:-1]}">'
            f'<rdf:Description rdf:about=""{names}{values}/></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
        )


def _escaped(value: str) -> str:
    # As references, as readers of attributes turn lines and tabs into spaces.
    text = html.escape(_UNWRITABLE.sub("", value))
    return text.replace("\n", "&#10;").replace("\r", "&#13;").replace("\t", "&#9;")


def embed(data: bytes, packet: str) -> bytes:
    """The file with an XMP packet, its pixels as they were.

    It stays as it is where it has a packet already, is signed (whatever is put in would break the signature), or is
    neither PNG, JPEG nor WebP.
    """
    xmp = packet.encode()
    try:
        if data.startswith(_PNG):
            return _into_png(data, xmp)
        if data.startswith(b"\xff\xd8"):
            return _into_jpeg(data, xmp)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _into_webp(data, xmp)
    except (struct.error, ImageError):
        pass  # its chunks are not as they should be, and whoever reads it bears that
    return data


def read(data: bytes) -> Credit | None:
    """What a file says of how editchain made it; None where it says nothing of that, or cannot be read."""
    from xml.etree import ElementTree

    packet = _packet(data)
    # A document type could make a small packet expand beyond all bounds.
    if packet is None or b"<!" in packet:
        return None
    try:
        tree = ElementTree.fromstring(packet.decode().strip("\0"))
    except (ElementTree.ParseError, UnicodeDecodeError, ValueError):
        return None
    said: dict[str, str] = {}
    for one in tree.iter(f"{_RDF}Description"):
        for prefix, address in _NAMESPACES.items():
            start = f"{{{address}}}"
            said |= {
                f"{prefix}:{name[len(start) :]}": value
                for name, value in one.attrib.items()
                if name.startswith(start)
            }
    key, seed = said.get("editchain:key", ""), said.get("editchain:seed", "")
    if not re.fullmatch("[0-9a-f]{64}", key):
        return None
    return Credit(
        said.get("Iptc4xmpExt:DigitalSourceType", "").removeprefix(SOURCE_TYPES) or None,
        said.get("xmp:CreatorTool"),
        tuple(filter(None, said.get("editchain:models", "").split(", "))),
        bytes.fromhex(key),
        said.get("editchain:step"),
        said.get("editchain:prompt"),
        int(seed) if re.fullmatch("-?[0-9]{1,20}", seed) else None,
        said.get("editchain:recipe"),
    )


def _packet(data: bytes) -> bytes | None:
    try:
        if data.startswith(_PNG):
            texts = (data[at + 8 : end - 4] for kind, at, end in _png_chunks(data) if kind == b"iTXt")
            return next((one[len(_PNG_HEAD) :] for one in texts if one.startswith(_PNG_HEAD)), None)
        if data.startswith(b"\xff\xd8"):
            segments = (data[at + 4 : end] for marker, at, end in _segments(data) if marker == 0xE1)
            return next((one[len(_JPEG_HEAD) :] for one in segments if one.startswith(_JPEG_HEAD)), None)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return next((data[at + 8 : end] for kind, at, end in _riff_chunks(data) if kind == b"XMP "), None)
    except struct.error:
        pass  # it is cut short
    return None


# ---------------------------------------------------------------------- PNG


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The type of each chunk, where it starts and where it ends."""
    at = len(_PNG)
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        yield kind, at, at + 12 + length
        at += 12 + length


def _into_png(data: bytes, xmp: bytes) -> bytes:
    after = 0
    for kind, at, end in _png_chunks(data):
        if kind == b"caBX" or (kind == b"iTXt" and data[at + 8 : end].startswith(b"XML:com.adobe.xmp\0")):
            return data
        if kind == b"IHDR":
            after = end
    body = b"iTXt" + _PNG_HEAD + xmp
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return data[:after] + chunk + data[after:]


# ---------------------------------------------------------------------- JPEG


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """The marker of each segment before the pixels, where it starts and where it ends."""
    at = 2
    while data[at : at + 1] == b"\xff" and at + 1 < len(data):
        marker = data[at + 1]
        if marker == 0xFF:  # filling
            at += 1
            continue
        if marker == 0xDA:
            return
        (length,) = struct.unpack_from(">H", data, at + 2)
        yield marker, at, at + 2 + length
        at += 2 + length


def _into_jpeg(data: bytes, xmp: bytes) -> bytes:
    if len(_JPEG_HEAD) + len(xmp) > _JPEG_MOST:
        return data
    after = 2
    for marker, at, end in _segments(data):
        body = data[at + 4 : end]
        if marker == 0xEB or (marker == 0xE1 and body.startswith(_JPEG_HEAD)):
            return data  # JUMBF is where signatures are
        # JFIF and Exif want to be first.
        if end > after and at == after and (marker == 0xE0 or body.startswith(b"Exif\0")):
            after = end
    body = _JPEG_HEAD + xmp
    return data[:after] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[after:]


# ---------------------------------------------------------------------- WebP


def _riff_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The type of each chunk, where it starts, and where what it holds ends."""
    at = 12
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        yield kind, at, at + 8 + length
        at += 8 + length + length % 2


def _into_webp(data: bytes, xmp: bytes) -> bytes:
    chunks = {kind: (at, end) for kind, at, end in _riff_chunks(data)}
    if b"XMP " in chunks or b"C2PA" in chunks:
        return data
    body = data[12:] + b"\0" * (len(data) % 2)
    if b"VP8X" in chunks:
        at = chunks[b"VP8X"][0] - 12 + 8
        body = body[:at] + bytes([body[at] | _VP8X_XMP]) + body[at + 1 :]
    else:
        body = _extended(data) + body
    body += b"XMP " + struct.pack("<I", len(xmp)) + xmp + b"\0" * (len(xmp) % 2)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _extended(data: bytes) -> bytes:
    """The header that a WebP file needs to have more than pixels."""
    from editchain.imaging import probe

    found = probe.check(data, len(data))
    flags = _VP8X_XMP
    if data[12:16] == b"VP8L" and data[24] & 0x10:
        flags |= _VP8X_ALPHA
    size = (found.width - 1).to_bytes(3, "little") + (found.height - 1).to_bytes(3, "little")
    return b"VP8X" + struct.pack("<I", 10) + bytes([flags, 0, 0, 0]) + size

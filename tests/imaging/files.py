"""Small pictures in every format that metadata is put into, plain and with what others write into them."""

from __future__ import annotations

import contextlib
import io
import random
import struct
import zlib
from typing import Any
from xml.etree import ElementTree

from PIL import Image, ImageOps, PngImagePlugin, features

HAS_AVIF = "avif" in features.modules and features.check("avif")
PROMPT = "a secret castle at dawn"
PLACE = "SecretVille"
AUTHOR, RIGHTS = "Ada Author", "(c) 2026 Ada"
SECRETS = (
    PROMPT.encode(),
    PROMPT.encode("utf-16-le"),
    PLACE.encode(),
    b"/home/secret",
    b"SECRETCAM",
    b"SECRETPREVIEW",
)

XMP = f"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" photoshop:City="{PLACE}" photoshop:Credit="{RIGHTS}" xmp:CreatorTool="/home/secret/tool">
<dc:creator><rdf:Seq><rdf:li>{AUTHOR}</rdf:li></rdf:Seq></dc:creator>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{PROMPT}</rdf:li></rdf:Alt></dc:description>
</rdf:Description></rdf:RDF></x:xmpmeta>""".encode()


def picture(mode: str = "RGB") -> Image.Image:
    """A picture with a colour of its own in each corner, so that turning it shows."""
    image = Image.frombytes("L", (33, 21), random.Random(7).randbytes(33 * 21)).convert(mode)
    image.putpixel((0, 0), {"RGB": (255, 0, 0), "RGBA": (255, 0, 0, 9)}[mode])
    return image


def file(form: str, mode: str = "RGB", **how: Any) -> bytes:
    """A picture in a format."""
    out = io.BytesIO()
    picture(mode).save(out, form, **how)
    return out.getvalue()


def exif(orientation: int | None = 6) -> Image.Exif:
    """What a camera and a careless tool write."""
    said = Image.Exif()
    if orientation:
        said[0x0112] = orientation
    said[0x010E] = PROMPT
    said[0x010F] = "SECRETCAM"
    said[0x0131] = "/home/secret/tool"
    said[0x013B] = AUTHOR
    said[0x8298] = RIGHTS
    said.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + PROMPT.encode("utf-16-le")
    said.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 0.0), 29: PLACE})
    return said


def _texts() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", PROMPT)
    info.add_text("workflow", f'{{"path": "/home/secret/x", "text": "{PROMPT}"}}', zip=True)
    info.add_itxt("Description", PROMPT, zip=True)
    info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    info.add_text("Author", AUTHOR)
    info.add_text("Copyright", RIGHTS)
    info.add(b"prIv", b"SECRETCAM", after_idat=False)
    return info


def _iptc() -> bytes:
    records = {(2, 120): PROMPT, (2, 90): PLACE, (2, 80): AUTHOR, (2, 116): RIGHTS}
    return b"".join(
        struct.pack(">BBBH", 0x1C, *which, len(text)) + text.encode() for which, text in records.items()
    )


def _segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def _jpeg() -> bytes:
    data = file("JPEG", exif=exif(), xmp=XMP, comment=PROMPT.encode(), icc_profile=b"P" * 200, quality=95)
    iptc = _iptc()
    photoshop = b"Photoshop 3.0\0" + b"8BIM" + struct.pack(">HHI", 0x0404, 0, len(iptc)) + iptc
    photoshop += b"\0" * (len(iptc) % 2) + b"8BIM" + struct.pack(">HHI", 0x040C, 0, 14) + b"SECRETPREVIEW\0"
    more = _segment(0xED, photoshop) + _segment(0xE2, b"FPXR\0SECRETCAM") + _segment(0xE5, PROMPT.encode())
    return data[:2] + more + data[2:] + file("JPEG", comment=b"SECRETPREVIEW")


def _gif() -> bytes:
    images = [picture().quantize(8), picture().rotate(180).quantize(8)]
    out = io.BytesIO()
    images[0].save(
        out, "GIF", save_all=True, append_images=images[1:], loop=3, duration=70, comment=PROMPT.encode()
    )
    data = out.getvalue()
    at = data.index(b"\x21\xf9")
    own = b"\x21\xff\x0bSECRETCAM  \x05place\0"
    return data[:at] + own + data[at:] + b"SECRETPREVIEW"


def _tiff(**how: Any) -> bytes:
    tags = dict(exif())
    tags |= {700: XMP, 33723: _iptc(), 37724: b"SECRETPREVIEW"}
    return file("TIFF", tiffinfo=tags, icc_profile=b"P" * 200, **how)


FILES = {
    "png": file("PNG"),
    "jpeg": file("JPEG"),
    "jpeg-progressive": file("JPEG", progressive=True),
    "webp-lossy": file("WEBP"),
    "webp-lossless": file("WEBP", lossless=True),
    "webp-alpha": file("WEBP", "RGBA", lossless=True),
    "webp-extended": file("WEBP", icc_profile=b"x" * 129),
    "gif": file("GIF"),
    "tiff": file("TIFF"),
    "tiff-deflate": file("TIFF", compression="tiff_adobe_deflate"),
    **({"avif": file("AVIF"), "avif-alpha": file("AVIF", "RGBA")} if HAS_AVIF else {}),
}
"""Files that say nothing."""

TALKING = {
    "png": file("PNG", pnginfo=_texts(), exif=exif(), icc_profile=b"P" * 200) + b"SECRETPREVIEW",
    "jpeg": _jpeg(),
    "webp": file("WEBP", exif=exif(), xmp=XMP, icc_profile=b"P" * 200, lossless=True),
    "gif": _gif(),
    "tiff": _tiff(compression="tiff_adobe_deflate"),
    **({"avif": file("AVIF", exif=exif(), xmp=XMP, icc_profile=b"P" * 200)} if HAS_AVIF else {}),
}
"""Files that say more than their owner may like: prompts, places, paths, cameras, previews, and whose they are."""


SIGNED = {
    "png": FILES["png"][:33] + b"\0\0\0\4caBXjumb\0\0\0\0" + FILES["png"][33:],
    "jpeg": FILES["jpeg"][:2] + b"\xff\xeb\0\x08JPjumb" + FILES["jpeg"][2:],
    "webp": FILES["webp-extended"][:4]
    + (len(FILES["webp-extended"]) + 4).to_bytes(4, "little")
    + FILES["webp-extended"][8:]
    + b"C2PA\x04\0\0\0jumb",
}
"""Files with boxes of C2PA, which nobody could check."""
if HAS_AVIF:
    SIGNED["avif"] = (
        FILES["avif"] + b"\0\0\0\x1cuuid" + bytes.fromhex("d8fec3d61b0e483c92975828877ec481") + b"jumb"
    )


def image_of(data: bytes) -> list[object]:
    """What a viewer shows: the frames, turned upright, with the colour profile and how they are played."""
    with Image.open(io.BytesIO(data)) as image:
        shown: list[object] = [image.format, image.info.get("icc_profile"), image.info.get("loop")]
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            upright = ImageOps.exif_transpose(image)
            shown.append((image.mode, upright.size, upright.tobytes(), image.info.get("duration")))
        return shown


def described(data: bytes) -> dict[str, str]:
    """What a file's XMP says in attributes, by local names, as another reader than ours finds it."""
    with Image.open(io.BytesIO(data)) as image:
        found = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
        if image.format == "GIF":  # which is told where to look
            name, at = image.info["extension"]
            assert name == b"XMP DataXMP"
            found = data[at : data.index(b'<?xpacket end="r"?>') + 19]
    tree = ElementTree.fromstring(found.encode() if isinstance(found, str) else found)
    return {name.rpartition("}")[2]: value for one in tree.iter() for name, value in one.attrib.items()}


def all_of(data: bytes) -> bytes:
    """The bytes of a file, and those of its compressed texts, to look for what must not be there."""
    found, at = [data], 0
    while (at := data.find(b"\x78", at)) >= 0:
        unpacked = zlib.decompressobj()
        with contextlib.suppress(zlib.error):
            found.append(unpacked.decompress(data[at:], 100_000))
        at += 1
    return b"\n".join(found)

"""Colour profiles, made here so that their bytes are the same each time: those of Pillow carry the time of day."""

from __future__ import annotations

import io
import struct
from functools import cache
from typing import Any

from PIL import Image, ImageCms

from editchain.errors import ImageError

_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_WHITE = (0.9642, 1.0, 0.8249)
_COPYRIGHT = "No copyright, use freely"

# red, green and blue as XYZ under D50 (to which profiles refer), and the curve
_SPACES: dict[str, tuple[str, tuple[tuple[float, float, float], ...], tuple[float, ...]]] = {
    "srgb": (
        "sRGB",
        ((0.43604, 0.22249, 0.01392), (0.38512, 0.7169, 0.09706), (0.14305, 0.06061, 0.71393)),
        _SRGB_CURVE,
    ),
    "display_p3": (
        "Display P3",
        ((0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407)),
        _SRGB_CURVE,
    ),
    "adobe_rgb": (
        "Adobe RGB (1998)",
        ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)),
        (2.19921875,),
    ),
}


@cache
def profile(name: str) -> bytes:
    """An ICC profile (version 4, matrix and curve): `srgb`, `display_p3` or `adobe_rgb`."""
    title, primaries, curve = _SPACES[name]
    tone = b"para" + struct.pack(">IHH", 0, 3 if len(curve) == 5 else 0, 0) + b"".join(map(_fixed, curve))
    tags = [
        (b"desc", _text(title)),
        (b"cprt", _text(_COPYRIGHT)),
        (b"wtpt", _xyz(_WHITE)),
        *((name + b"XYZ", _xyz(value)) for name, value in zip((b"r", b"g", b"b"), primaries, strict=True)),
    ]
    parts, table, at = [], [], 128 + 4 + 12 * (len(tags) + 3)
    for signature, body in [*tags, (b"rTRC", tone)]:
        table.append(struct.pack(">4sII", signature, at, len(body)))
        parts.append(body + b"\0" * (-len(body) % 4))
        at += len(parts[-1])
    curve_at = at - len(parts[-1])
    table += [struct.pack(">4sII", name, curve_at, len(tone)) for name in (b"gTRC", b"bTRC")]
    head = struct.pack(
        ">I4sI4s4s4s12s4s4sI4s4sQI12s48x",
        at, b"\0" * 4, 0x04000000, b"mntr", b"RGB ", b"XYZ ",
        struct.pack(">6H", 2000, 1, 1, 0, 0, 0), b"acsp", b"\0" * 4, 0, b"\0" * 4, b"\0" * 4, 0, 0,
        b"".join(map(_fixed, _WHITE)),
    )  # fmt: skip
    return head + struct.pack(">I", len(table)) + b"".join(table) + b"".join(parts)


def from_srgb(image: Image.Image, name: str) -> Image.Image:
    """An sRGB picture in the numbers of another space; RGB, or RGBA where it has alpha."""
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    colours = image.convert("RGB")
    if name != "srgb":
        spaces = [ImageCms.ImageCmsProfile(io.BytesIO(profile(one))) for one in ("srgb", name)]
        made: Any = ImageCms.profileToProfile(
            colours, spaces[0], spaces[1], renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC
        )
        if made is None:
            raise ImageError("This build of Pillow cannot convert colours.")
        colours = made
    if alpha is not None:
        colours = colours if colours is not image else colours.copy()
        colours.putalpha(alpha)
    return colours


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _xyz(value: tuple[float, float, float]) -> bytes:
    return b"XYZ " + b"\0" * 4 + b"".join(map(_fixed, value))


def _text(text: str) -> bytes:
    body = text.encode("utf-16-be")
    return b"mluc" + struct.pack(">IIIHHII", 0, 1, 12, 0x656E, 0x5553, len(body), 28) + body

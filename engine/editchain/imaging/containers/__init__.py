"""Containers: what image files say beside their pixels, read and written without touching the pixels. One module a format."""

from __future__ import annotations

import importlib
import struct
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from editchain.imaging.containers.base import Container

FORMATS = ("png", "jpeg", "webp", "gif", "tiff", "avif")
"""The formats that have a place for metadata; each has its module here."""

DAMAGED = (struct.error, LookupError, ValueError, StopIteration)
"""What reading and writing raises where the boxes of a file are not as they should be."""


def of(data: bytes) -> Container | None:
    """The container of a file by its first bytes; None where it is none that metadata is put into."""
    name = name_of(data)
    return None if name is None else cast("Container", importlib.import_module(f"{__name__}.{name}"))


def name_of(data: bytes) -> str | None:
    """The format of a file by its first bytes, of those that metadata is put into."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data.startswith(b"\xff\xd8"):
        return "jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return "gif"
    if data[:4] in (b"II*\0", b"MM\0*"):
        return "tiff"
    if data[4:8] == b"ftyp" and b"avi" in data[8 : int.from_bytes(data[:4], "big")]:
        return "avif"
    return None

"""Marking: what a published file says of how it was made is put in, and of what others wrote into it only what may stay."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from editchain.classes import dataclass
from editchain.errors import ImageError
from editchain.imaging import containers, xmp
from editchain.imaging.containers.base import NOTHING, Said

if TYPE_CHECKING:
    from collections.abc import Callable

    from editchain.imaging.containers.base import Container

Keep = Literal["nothing", "rights", "all"]
"""What stays of what others wrote: nothing, whose the picture is, or all of it."""

FIGURES = "editchain:measures"
"""Under which what was measured stands in a PNG, as JSON: it is what that picture is about, and stays under every mark."""

_ORIENTATION, _ARTIST, _COPYRIGHT = 0x0112, 0x013B, 0x8298
_RIGHTS_TEXTS = frozenset({"Author", "Copyright", FIGURES})
_RIGHTS_RECORDS = frozenset({(1, 90), (2, 80), (2, 85), (2, 110), (2, 115), (2, 116)})
"""IIM: the character set, by-line with its title, credit, source and copyright."""
_PLACE = b"GPSL"
"""What stands in credentials that name the place where a photo was taken."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What a published file is to say: our XMP packet, or None, and what stays of what others wrote.

    `words` name it: files with the same words say the same. What `resigns` is signed afterwards, whatever it was before.
    """

    words: str
    packet: bytes | None = None
    keep: Keep = "nothing"
    resigns: bool = False


def marked(data: bytes, mark: Mark, source: bytes | None = None) -> bytes:
    """The file with a mark, its pixels as they were; the same bytes where nothing has to change.

    Of a file that was encoded anew, `source` is the one that it was made of, with what others wrote. A file that is
    signed (C2PA) stays as it is where all that others wrote may stay, as an addition would break the signature; where
    not, the signature goes too.

    Raises ImageError where a file that is to say nothing cannot be taken apart; another stays as it is.
    """
    container = containers.of(data)
    if container is None:
        return data
    try:
        return _marked(data, container, mark, source)
    except containers.DAMAGED as error:
        if mark.keep != "nothing":
            return data  # its boxes are not as they should be, and whoever reads it bears that
        raise ImageError(
            f"What it says beside its pixels cannot be taken out ({error}). "
            'With `publish = "full"` in [metadata] it is published as it is.'
        ) from error


def credentials_in(data: bytes) -> bytes | None:
    """The boxes of C2PA in a file; None where it has none, or cannot be taken apart."""
    container = containers.of(data)
    try:
        return None if container is None else container.read(data).credentials
    except containers.DAMAGED:
        return None


def names_a_place(credentials: bytes) -> bool:
    """Whether credentials say where a photo was taken."""
    return _PLACE in credentials


def _marked(data: bytes, container: Container, mark: Mark, source: bytes | None) -> bytes:
    said = container.read(data) if source is None else _said_by(source)
    if said == NOTHING:
        return container.write(data, Said(xmp=mark.packet), keeps_more=False)
    kept = _kept(said, mark.keep)
    is_signed = source is None and said.credentials is not None and not mark.resigns
    if is_signed and mark.keep != "nothing" and _is_whole(said, kept):
        return data
    if source is not None and kept.exif is not None:
        kept = replace(kept, exif=_upright(kept.exif))
    return container.write(
        data,
        replace(kept, xmp=_joined(mark, said.xmp)),
        keeps_more=mark.keep == "all" and source is None,
    )


def _said_by(source: bytes) -> Said:
    container = containers.of(source)
    return NOTHING if container is None else container.read(source)


def _is_whole(said: Said, kept: Said) -> bool:
    """Whether nothing that was said has to go; credentials are not taken apart for it."""
    return said == kept or (
        kept.has_more == said.has_more
        and (kept.exif, kept.iptc, kept.texts) == (said.exif, said.iptc, said.texts)
        and (said.xmp is None or kept.xmp == said.xmp)
        and not names_a_place(said.credentials or b"")
    )


# ---------------------------------------------------------------------- what stays


def _kept(said: Said, keep: Keep) -> Said:
    """What stays of what others wrote; XMP as it was where none of it has to go."""
    if keep == "all":
        return said
    tags = (_ORIENTATION,) if keep == "nothing" else (_ORIENTATION, _ARTIST, _COPYRIGHT)
    exif = None if said.exif is None else _exif(said.exif, tags)
    if keep == "nothing":
        return Said(exif, texts=tuple(text for text in said.texts if text[0] == FIGURES))
    return Said(
        exif,
        said.xmp if said.xmp is not None and xmp.is_only(said.xmp, _may_stay) else None,
        None if said.iptc is None else _records(said.iptc),
        tuple(text for text in said.texts if text[0] in _RIGHTS_TEXTS),
    )


def _may_stay(space: str, name: str) -> bool:
    return xmp.is_of_rights(space, name) or name == "DigitalSourceType"


def _joined(mark: Mark, others: bytes | None) -> bytes | None:
    """The XMP of a file: ours, with what stays of another's."""
    if mark.keep == "nothing":
        return mark.packet
    keep: Callable[[str, str], bool] = xmp.is_of_rights if mark.keep == "rights" else _anything
    if mark.packet is None:
        return None if others is None else xmp.kept(others, keep)
    return xmp.joined(mark.packet, others, keep)


def _anything(space: str, name: str) -> bool:
    _ = space, name
    return True


def _exif(data: bytes, tags: tuple[int, ...]) -> bytes | None:
    """EXIF with these tags of its first directory; as it was where it has no others, None where it has none of them."""
    from PIL import Image

    try:
        exif = Image.Exif()
        exif.load(data)
        found = {tag: exif[tag] for tag in tags if tag in exif and (tag, exif[tag]) != (_ORIENTATION, 1)}
        if exif.keys() == found.keys():
            return data
        exif = Image.Exif()
        exif.update(found)
        return exif.tobytes().removeprefix(b"Exif\0\0") if found else None
    except Exception:  # damaged EXIF raises whatever it likes, and is not worth a picture
        return None


def _upright(data: bytes) -> bytes | None:
    """EXIF of a picture whose pixels were turned upright since, without its preview."""
    from PIL import Image

    try:
        exif = Image.Exif()
        exif.load(data)
        exif.pop(_ORIENTATION, None)
        return exif.tobytes().removeprefix(b"Exif\0\0") if len(exif) else None
    except Exception:
        return None


def _records(data: bytes) -> bytes | None:
    """The IIM records that say whose a picture is."""
    found, at = b"", 0
    while at + 5 <= len(data) and data[at] == 0x1C:
        (length,) = struct.unpack_from(">H", data, at + 3)
        if length & 0x8000:
            break  # of a length of its own: no text of ours
        if (data[at + 1], data[at + 2]) in _RIGHTS_RECORDS:
            found += data[at : at + 5 + length]
        at += 5 + length
    return found or None

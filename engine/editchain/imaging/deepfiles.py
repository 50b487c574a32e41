"""Files of 16 bits a channel, PNG and TIFF, which Pillow reads with 8 and does not write; needs the extra."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image, ImageOps

from editchain.errors import ImageError
from editchain.imaging.containers import png, tiff
from editchain.imaging.containers.base import Said
from editchain.imaging.deep import Deep, Words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from editchain.imaging.codec import Attached
    from editchain.imaging.containers.base import Container

ROWS = 128
_UP = 2
"""PNG's filter of rows by those above."""
_EXTRA_SAMPLES, _WEIGHED = 338, (1,)
"""How a TIFF says that the colours are multiplied with its alpha."""

cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # what it cannot read, we say


def read(image: Image.Image, data: bytes) -> tuple[Deep, bytes | None]:
    """An opened picture with all its bits, upright, and its profile.

    Raises ImageError where what OpenCV reads is not what Pillow reads with 8 bits: files may say what only one of them heeds.
    """
    image.load()
    own = image.info.get("icc_profile")
    if image.mode.startswith("I;16"):
        planes: tuple[Image.Image, ...] = (Image.fromarray(np.asarray(image).astype(np.uint16)),)
    else:
        planes = _colours(image, data)
    upright = Deep(tuple(_upright(plane, image) for plane in planes))
    return upright, own if isinstance(own, bytes) and own else None


def _colours(image: Image.Image, data: bytes) -> tuple[Image.Image, ...]:
    plain = image.convert("RGBA") if image.mode == "LA" or image.has_transparency_data else image
    found: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    order = {"RGB": (2, 1, 0), "RGBA": (2, 1, 0, 3)}[plain.mode]
    is_read = (
        found is not None
        and found.dtype == np.uint16
        and found.shape == (plain.height, plain.width, len(order))
        and all(_is_whole(part, seen, order, image) for part, seen in _strips(found, plain))
    )
    if found is None or not is_read:
        raise ImageError(
            "This image keeps its 16 bits in a way that is not read whole; without native it is read with 8."
        )
    return tuple(Image.fromarray(np.ascontiguousarray(found[..., at])) for at in order)


def _strips(found: Words, plain: Image.Image) -> Iterator[tuple[Words, Image.Image]]:
    for top in range(0, plain.height, ROWS):
        yield found[top : top + ROWS], plain.crop((0, top, plain.width, min(plain.height, top + ROWS)))


def _is_whole(part: Words, seen: Image.Image, order: tuple[int, ...], image: Image.Image) -> bool:
    """Whether some rows are what Pillow sees with 8 bits; where their colours are weighed with alpha, takes that out of them."""
    high: Words = part >> np.uint16(8)
    if getattr(image, "tag_v2", {}).get(_EXTRA_SAMPLES) == _WEIGHED:
        _unweigh(high, 255)
        _unweigh(part, 65535)
    return np.array_equal(high[..., order], np.asarray(seen))


def _unweigh(part: Words, most: int) -> None:
    """Rounds down, as Pillow does; what cannot be seen is black."""
    alpha = part[..., 3:].astype(np.uint32)
    colours = part[..., :3] * np.uint32(most) // np.maximum(alpha, 1)
    part[..., :3] = np.where(alpha > 0, np.minimum(colours, most), 0)


def _upright(plane: Image.Image, image: Image.Image) -> Image.Image:
    """A plane as the EXIF of its picture says that it stands."""
    plane.getexif().update(image.getexif())
    made = ImageOps.exif_transpose(plane)
    made.info = {}
    return made


def written(image: Deep, form: str, attached: Attached, *, compact: bool = False) -> bytes:
    """The picture as png or tiff, with what is attached to it; made a few rows at a time."""
    rows = _rows(image)
    if form == "png":
        data = png.written(
            image.size, image.mode, map(_as_png, rows), profile=attached.profile, level=6 if compact else 1
        )
    else:
        data = tiff.written(image.size, image.mode, map(_as_tiff, rows), ROWS, profile=attached.profile)
    if attached.exif is None and attached.xmp is None:
        return data
    exif = attached.exif
    container: Container = png if form == "png" else tiff
    return container.write(
        data, Said(exif and exif.removeprefix(b"Exif\0\0"), attached.xmp), keeps_more=False
    )


def _rows(image: Deep) -> Iterator[tuple[Words, Words]]:
    """Some rows after the other, rows × columns × channels, each with the row above the first."""
    above = np.zeros((1, image.width, len(image.planes)), np.uint16)
    for top in range(0, image.height, ROWS):
        box = (0, top, image.width, min(image.height, top + ROWS))
        part = np.stack([np.asarray(plane.crop(box)) for plane in image.planes], -1)
        yield part, above
        above = part[-1:]


def _as_png(rows: tuple[Words, Words]) -> bytes:
    """Rows by how their bytes differ from those above, which packs well."""
    part, above = (one.astype(">u2").reshape(len(one), -1).view(np.uint8) for one in rows)
    made = np.empty((part.shape[0], part.shape[1] + 1), np.uint8)
    made[:, 0] = _UP
    made[:, 1:] = part - np.concatenate((above, part[:-1]))
    return made.tobytes()


def _as_tiff(rows: tuple[Words, Words]) -> bytes:
    """Rows by how each pixel differs from the one on its left."""
    part, _ = rows
    made = part.copy()
    made[:, 1:] -= part[:, :-1]
    return made.astype("<u2").tobytes()

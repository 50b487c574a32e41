"""What a photo says of itself, carried over to another picture: EXIF and XMP, without the place unless it is wanted."""

from __future__ import annotations

from PIL import Image

from editchain.imaging.codec import Attached, metadata_of

_ORIENTATION = 0x0112
_GPS = 0x8825
_PLACES = (b"GPS", b"Location", b"City", b"Country", b"State")


def carried(image: Image.Image, *, location: bool) -> Attached:
    """EXIF and XMP of a picture as it was decoded, for one that stands upright.

    Without `location` the positions in EXIF go, and XMP goes whole where it may name a place.
    """
    found = metadata_of(image)
    return Attached(
        exif=None if found.exif is None else _exif(found.exif, location),
        xmp=found.xmp if found.xmp is not None and (location or not _names_a_place(found.xmp)) else None,
    )


def _exif(data: bytes, location: bool) -> bytes | None:
    """Read and written again by Pillow: the preview, which shows the old picture, stays behind."""
    try:
        exif = Image.Exif()
        exif.load(data)
        exif.pop(_ORIENTATION, None)
        if not location:
            exif.pop(_GPS, None)
        return exif.tobytes() if len(exif) else None
    except Exception:  # damaged EXIF raises whatever it likes, and is not worth a picture
        return None


def _names_a_place(xmp: bytes) -> bool:
    return any(word in xmp for word in _PLACES)

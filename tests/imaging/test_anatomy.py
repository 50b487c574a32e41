"""Anatomy: what lies beside the pixels of a file is found and taken away, and the pixels stay as they were coded."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image, ImageCms, PngImagePlugin

from editchain.errors import ImageError
from editchain.imaging import anatomy, codec

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF/></x:xmpmeta>'
PLACE = {1: "N", 2: (48.0, 8.0, 14.0), 3: "E", 4: (11.0, 34.0, 31.0)}


def picture(mode: str = "RGB", size: tuple[int, int] = (40, 24)) -> Image.Image:
    """A picture with an edge in it, so that recoding would change its bytes."""
    made = Image.new(mode, size, 120 if mode == "L" else (120, 60, 30, 255)[: len(mode)])
    made.paste(10 if mode == "L" else (10, 200, 90, 128)[: len(mode)], (5, 5, 25, 15))
    return made


def exif(orientation: int = 1) -> Image.Exif:
    """What a phone writes: make, orientation, place."""
    made = Image.Exif()
    made[0x010F] = "A telephone"
    made[0x0112] = orientation
    made.get_ifd(0x8825).update(PLACE)
    return made


def saved(image: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def told(data: bytes) -> bool:
    """Whether anything of the place or the telephone is left in the bytes."""
    with Image.open(io.BytesIO(data)) as image:
        return bool(dict(image.getexif())) or b"telephone" in data or b"xmpmeta" in data


@pytest.mark.parametrize("form", ["jpeg", "png", "webp"])
def test_metadata_is_taken_away_and_the_pixels_stay_as_coded(form: str) -> None:
    plain = saved(picture(), form)
    data = (
        saved(picture(), form, exif=exif(), xmp=XMP) if form != "png" else saved(picture(), form, exif=exif())
    )
    assert told(data)
    assert anatomy.look(data).has_metadata
    left = anatomy.stripped(data)
    assert not told(left)
    assert not anatomy.look(left).has_metadata
    assert codec.decode(left).tobytes() == codec.decode(plain).tobytes()
    assert len(left) <= len(plain) + 32


@pytest.mark.parametrize("form", ["jpeg", "png", "webp"])
def test_a_colour_profile_is_found_and_stays(form: str) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = saved(picture(), form, icc_profile=profile, exif=exif())
    assert anatomy.look(data).profile == profile
    assert anatomy.look(anatomy.stripped(data)).profile == profile


@pytest.mark.parametrize("form", ["jpeg", "png", "webp"])
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_the_orientation_says_how_large_a_picture_is_to_be_seen(form: str, orientation: int) -> None:
    found = anatomy.look(saved(picture(), form, exif=exif(orientation)))
    assert found.orientation == orientation
    assert found.size == ((24, 40) if orientation == 6 else (40, 24))


def test_what_hangs_behind_a_picture_is_metadata_too() -> None:
    plain = saved(picture(), "jpeg")
    film = plain + b"\0\0\0\x18ftypmp42" + bytes(500)
    assert not anatomy.look(plain).has_metadata
    assert anatomy.look(film).has_metadata
    assert anatomy.stripped(film) == plain


def test_texts_of_a_png_go() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", "telephone")
    data = saved(picture("RGBA"), "png", pnginfo=info)
    assert anatomy.look(data).has_metadata
    assert anatomy.stripped(data) == saved(picture("RGBA"), "png")


def test_a_progressive_picture_keeps_all_of_its_scans() -> None:
    data = saved(picture(size=(200, 160)), "jpeg", progressive=True, comment=b"telephone")
    left = anatomy.stripped(data)
    assert b"telephone" not in left
    assert codec.decode(left).tobytes() == codec.decode(data).tobytes()


@pytest.mark.parametrize(
    ("data", "alpha", "plain"),
    [
        (saved(picture("RGBA"), "png"), True, True),
        (saved(picture("RGB"), "png"), False, True),
        (saved(picture("L"), "png"), False, True),
        (saved(picture("RGBA"), "webp"), True, True),
        (saved(picture("RGBA"), "webp", lossless=True), True, True),
        (saved(picture("RGB"), "webp", lossless=True), False, True),
        (saved(picture("RGB"), "jpeg"), False, True),
        (saved(picture("RGB").convert("CMYK"), "jpeg"), False, False),
        (saved(picture("L").convert("I").point(lambda v: v * 200).convert("I;16"), "png"), False, False),
        (saved(picture("RGB"), "png", save_all=True, append_images=[picture().rotate(180)]), False, False),
        (saved(picture("RGB"), "webp", save_all=True, append_images=[picture().rotate(180)]), False, False),
    ],
)  # fmt: skip
def test_alpha_and_what_needs_writing_anew(data: bytes, alpha: bool, plain: bool) -> None:
    found = anatomy.look(data)
    assert (found.has_alpha, found.is_plain) == (alpha, plain)


@pytest.mark.parametrize("form", ["tiff", "avif", "gif"])
def test_other_formats_are_known_by_their_size(form: str) -> None:
    found = anatomy.look(saved(picture(), form))
    assert (found.format, found.size, found.is_plain) == (form, (40, 24), False)
    with pytest.raises(ImageError):
        anatomy.stripped(saved(picture(), form))


@pytest.mark.parametrize("form", ["jpeg", "png", "webp"])
def test_no_cut_is_more_than_an_error(form: str) -> None:
    data = saved(picture(), form, exif=exif(6))
    for at in range(0, len(data), 7):
        for act in (anatomy.look, anatomy.stripped):
            try:
                act(data[:at])
            except ImageError:
                continue


def test_a_damaged_profile_is_not_srgb() -> None:
    data = saved(picture(), "png")
    chunk = b"iCCPx\0\0not deflated"
    whole = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    found = anatomy.look(data[:33] + whole + data[33:])
    assert found.profile == b"?"
    assert not codec.is_srgb(found.profile)

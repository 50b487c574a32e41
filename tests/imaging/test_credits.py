"""Credits go into files and come out again; the pixels, and files that are signed or cut short, stay as they are."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from editchain.imaging import credits as crediting
from editchain.imaging.credits import COMPOSITE, Credit

CREDIT = Credit(
    COMPOSITE,
    "editchain 1",
    ("flux-kontext", "darkroom"),
    bytes(range(32)),
    "night[time=dusk]",
    'Say "<&>"\nin two lines,\tfür 夜',
    7,
    "ab" * 32,
)


def file(form: str, mode: str = "RGB", **how: Any) -> bytes:
    picture = Image.effect_noise((33, 21), 60).convert(mode)
    out = io.BytesIO()
    picture.save(out, form, **how)
    return out.getvalue()


EXIF = Image.Exif()
EXIF[0x010E] = "a description"
FILES = {
    "png": file("PNG"),
    "jpeg": file("JPEG"),
    "jpeg-exif": file("JPEG", exif=EXIF),
    "webp-lossy": file("WEBP"),
    "webp-lossless": file("WEBP", lossless=True),
    "webp-alpha": file("WEBP", "RGBA", lossless=True),
    "webp-extended": file("WEBP", icc_profile=b"x" * 129),
}


@pytest.mark.parametrize("name", FILES)
def test_it_comes_out_as_it_went_in_and_the_pixels_stay(name: str) -> None:
    data = crediting.embed(FILES[name], CREDIT.packet())
    assert crediting.read(FILES[name]) is None
    assert crediting.read(data) == CREDIT
    before, after = Image.open(io.BytesIO(FILES[name])), Image.open(io.BytesIO(data))
    assert (after.mode, after.tobytes()) == (before.mode, before.tobytes())
    # another reader than ours finds the packet too
    said = after.info.get("xmp") or after.info["XML:com.adobe.xmp"]
    assert (said if isinstance(said, str) else said.decode()) == CREDIT.packet()
    assert crediting.embed(data, "another") == data


def test_what_xml_cannot_hold_is_left_out() -> None:
    data = crediting.embed(FILES["png"], Credit(key=bytes(32), prompt="a\0b\x1bc\ud800d").packet())
    found = crediting.read(data)
    assert found is not None
    assert found.prompt == "abcd"


def test_signed_files_and_other_formats_stay_as_they_are() -> None:
    signed_png = FILES["png"][:33] + b"\0\0\0\0caBX\0\0\0\0" + FILES["png"][33:]
    signed_jpeg = FILES["jpeg"][:2] + b"\xff\xeb\0\x04JP" + FILES["jpeg"][2:]
    signed_webp = FILES["webp-lossy"] + b"C2PA\x02\0\0\0ab"
    for data in (signed_png, signed_jpeg, signed_webp, file("TIFF"), b"", b"no picture"):
        assert crediting.embed(data, CREDIT.packet()) == data


def test_metadata_of_others_is_not_ours_and_stays() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", "<x/>")
    data = file("PNG", pnginfo=info)
    assert crediting.embed(data, CREDIT.packet()) == data
    assert crediting.read(data) is None


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_cut_anywhere_are_borne(name: str) -> None:
    data = crediting.embed(FILES[name], CREDIT.packet())
    for end in range(0, min(len(data), 1500), 3):
        assert crediting.read(data[:end]) in (None, CREDIT)
        assert crediting.embed(data[:end], CREDIT.packet()).startswith(data[:2][:end])


def test_entities_are_not_expanded() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa">]>' + Credit(key=bytes(32), prompt="&a;").packet()
    assert crediting.read(crediting.embed(FILES["png"], bomb)) is None

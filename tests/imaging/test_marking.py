"""Marking: nothing of what others wrote stays that may not, whatever the format, and the picture stays as it is."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

import pytest
from PIL import Image, PngImagePlugin
from tests.imaging.files import (
    AUTHOR,
    FILES,
    PLACE,
    PROMPT,
    RIGHTS,
    SECRETS,
    SIGNED,
    TALKING,
    XMP,
    all_of,
    described,
    file,
    image_of,
)

from editchain.errors import ImageError
from editchain.imaging import containers
from editchain.imaging import credits as crediting
from editchain.imaging.containers import png
from editchain.imaging.containers.base import NOTHING, Said
from editchain.imaging.credits import Credit
from editchain.imaging.marking import Mark, marked

if TYPE_CHECKING:
    from editchain.imaging.marking import Keep

PACKET = Credit("algorithmicMedia", "editchain", (), bytes(32)).packet()
NONE, RIGHTS_ONLY, ALL = Mark("none"), Mark("credit", PACKET, "rights"), Mark("full", PACKET, "all")


def said_by(data: bytes) -> Said:
    container = containers.of(data)
    assert container is not None
    return container.read(data)


@pytest.mark.parametrize("name", TALKING)
def test_the_samples_say_what_is_looked_for(name: str) -> None:
    found = all_of(TALKING[name])
    assert PROMPT.encode() in found
    assert b"SECRETCAM" in found
    assert name == "gif" or PLACE.encode() in found


@pytest.mark.parametrize("name", TALKING)
def test_nothing_leaves_no_trace_and_the_picture_as_it_is(name: str) -> None:
    data = marked(TALKING[name], NONE)
    assert [secret for secret in (*SECRETS, AUTHOR.encode(), RIGHTS.encode()) if secret in all_of(data)] == []
    assert image_of(data) == image_of(TALKING[name])
    with Image.open(io.BytesIO(data)) as image:
        assert set(image.getexif()) - set(image.__dict__.get("tag_v2", ())) <= {0x0112}
    assert marked(data, NONE) == data


@pytest.mark.parametrize("name", FILES)
def test_what_says_nothing_stays_byte_for_byte(name: str) -> None:
    said = said_by(FILES[name])
    assert (said.exif, said.xmp, said.texts, said.credentials) == (None, None, (), None)
    if not name.startswith("tiff"):  # what lies between its directories cannot be told from what is nobody's
        assert marked(FILES[name], NONE) == FILES[name]
    if name in ("png", "jpeg", "jpeg-progressive", "webp-extended", "tiff"):  # others have other headers then
        plain = marked(FILES[name], NONE)
        assert marked(marked(FILES[name], RIGHTS_ONLY), NONE) == plain


@pytest.mark.parametrize("name", TALKING)
def test_of_rights_there_stays_whose_the_picture_is(name: str) -> None:
    data = marked(TALKING[name], RIGHTS_ONLY)
    assert [secret for secret in SECRETS if secret in all_of(data)] == []
    if name != "gif":
        assert AUTHOR.encode() in data
        assert RIGHTS.encode() in data
    assert image_of(data) == image_of(TALKING[name])
    assert crediting.read(data) == Credit("algorithmicMedia", "editchain", (), bytes(32))
    assert marked(data, RIGHTS_ONLY) == data


@pytest.mark.parametrize("name", TALKING)
def test_all_stays_where_all_may(name: str) -> None:
    data = marked(TALKING[name], ALL)
    before = all_of(TALKING[name])
    # the tool alone is said anew
    missing = [
        one
        for one in (*SECRETS, AUTHOR.encode(), RIGHTS.encode())
        if one in before and one not in all_of(data)
    ]
    assert missing in ([], [b"/home/secret"])
    assert image_of(data) == image_of(TALKING[name])
    assert crediting.read(data) == Credit("algorithmicMedia", "editchain", (), bytes(32))
    assert marked(data, ALL) == data


@pytest.mark.parametrize("name", [name for name in TALKING if name != "gif"])
def test_another_reader_finds_whose_it_is(name: str) -> None:
    data = marked(TALKING[name], RIGHTS_ONLY)
    with Image.open(io.BytesIO(data)) as image:
        found = image.getexif()
        assert (found[0x013B], found[0x8298]) == (AUTHOR, RIGHTS)
        assert 0x8825 not in found
    assert described(data)["Credit"] == RIGHTS


@pytest.mark.parametrize("keep", ["nothing", "rights", "all"])
@pytest.mark.parametrize("form", [name.upper() for name in TALKING if name != "gif"])
def test_encoded_anew_it_says_what_its_source_may(form: str, keep: Keep) -> None:
    source = TALKING["jpeg"]
    data = marked(file(form), Mark("", None if keep == "nothing" else PACKET, keep), source)
    found = all_of(data)
    assert (AUTHOR.encode() in found) == (keep != "nothing")
    assert (PROMPT.encode() in found) == (PLACE.encode() in found) == (keep == "all")
    assert b"SECRETPREVIEW" not in found
    with Image.open(io.BytesIO(data)) as image:
        assert image.getexif().get(0x0112, 1) == 1  # its pixels stand upright
    assert image_of(data) == image_of(file(form))


@pytest.mark.parametrize("name", SIGNED)
def test_what_is_signed_stays_as_it_is_unless_something_has_to_go(name: str) -> None:
    assert said_by(SIGNED[name]).credentials is not None
    assert marked(SIGNED[name], RIGHTS_ONLY) == marked(SIGNED[name], ALL) == SIGNED[name]
    assert b"jumb" not in marked(SIGNED[name], NONE)
    placed = SIGNED[name].replace(b"jumb", b"GPSL")
    assert marked(placed, ALL) == placed
    assert b"GPSL" not in marked(placed, RIGHTS_ONLY)
    assert crediting.read(marked(placed, RIGHTS_ONLY)) is not None


def test_other_files_stay_as_they_are() -> None:
    for data in (b"", b"no picture", b"TITLE x\nLUT_3D_SIZE 2\n"):
        assert marked(data, NONE) == marked(data, RIGHTS_ONLY) == data


@pytest.mark.parametrize("name", TALKING)
def test_what_cannot_be_taken_apart_is_not_published_as_if_it_said_nothing(name: str) -> None:
    cut = TALKING[name][: 200 if name == "gif" else 900]
    assert marked(cut, RIGHTS_ONLY) == cut
    with pytest.raises(ImageError, match="cannot be taken out"):
        marked(cut, NONE)


def test_a_preview_in_the_first_segment_goes() -> None:
    data = FILES["jpeg"]
    assert data[2:4] == b"\xff\xe0"
    preview = data[:4] + b"\0\x13" + data[6:18] + b"\1\1\xaa\xbb\xcc" + data[20:]
    assert said_by(preview).has_more
    assert marked(preview, NONE) == data


def test_a_file_of_the_other_byte_order_is_written_in_its_own() -> None:
    out = io.BytesIO()
    image = Image.new("I;16B", (5, 4), 1000)
    image.save(out, "TIFF")
    data = out.getvalue()
    assert data[:2] == b"MM"
    assert crediting.read(marked(data, RIGHTS_ONLY)) is not None
    assert image_of(marked(data, RIGHTS_ONLY)) == image_of(data)


def test_every_page_and_tile_is_kept() -> None:
    out = io.BytesIO()
    pages = [Image.linear_gradient("L").resize((40, 300)), Image.radial_gradient("L")]
    pages[0].save(
        out, "TIFF", save_all=True, append_images=pages[1:], tiffinfo={270: PROMPT}, compression="packbits"
    )
    data = marked(out.getvalue(), NONE)
    assert PROMPT.encode() not in data
    assert image_of(data) == image_of(out.getvalue())
    assert len(image_of(data)) == 5


XMP_IN_ZIP = PngImagePlugin.PngInfo()
XMP_IN_ZIP.add_itxt("XML:com.adobe.xmp", XMP.decode(), "en", "XMP", zip=True)


def test_xmp_in_a_compressed_text_is_read() -> None:
    data = file("PNG", pnginfo=XMP_IN_ZIP)
    assert AUTHOR.encode() in marked(data, RIGHTS_ONLY)
    assert PROMPT.encode() in marked(data, ALL)


def test_xmp_without_end_is_left_out() -> None:
    deep = b'<x xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:creator>' + b"<a>" * 100_000
    rdf = b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description>'
    body = rdf + deep[deep.index(b"<dc") :].replace(
        b"<dc:creator>", b'<dc:creator xmlns:dc="http://purl.org/dc/elements/1.1/">'
    )
    packet = body + b"</a>" * 100_000 + b"</dc:creator></rdf:Description></rdf:RDF>"
    data = png.write(FILES["png"], Said(xmp=packet), keeps_more=True)
    assert crediting.read(marked(data, RIGHTS_ONLY)) is not None
    assert b"<a>" not in marked(data, RIGHTS_ONLY)


def test_a_small_tiff_does_not_become_large() -> None:
    """A thousand tags that all point at the same bytes."""
    entries = b"".join(struct.pack("<HHII", 40000 + at, 1, 20_000, 8) for at in range(1000))
    directory = struct.pack("<H", 1000) + entries + bytes(4)
    data = b"II*\0" + struct.pack("<I", 20_008) + bytes(20_000) + directory
    assert marked(data, RIGHTS_ONLY) == data
    with pytest.raises(ImageError, match="values lie in each other"):
        marked(data, NONE)


def test_nothing_is_nothing() -> None:
    assert Said() == NOTHING

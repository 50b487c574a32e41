"""What an image file is, by its first bytes."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, features

from editchain.errors import ImageError
from editchain.imaging.limits import MAX_BYTES, MAX_SIDE
from editchain.imaging.probe import EXTENSIONS, HEAD_BYTES, MEDIA_TYPES, Probe, check, probe, read_probe


def test_a_message_calls_a_file_by_its_name(tmp_path: Path) -> None:
    for data, said in (
        (
            saved(picture(), "PNG").replace(b"\0\0\0\x25\0\0\0\x17", b"\0\0\0\0\0\0\0\x17"),
            "is not accepted: 0×23 pixels",
        ),
        (b"no picture", "is not an image: it looks like text."),
    ):
        (tmp_path / "a.png").write_bytes(data)
        with pytest.raises(ImageError, match=f"^a.png {said}"):
            read_probe(tmp_path / "a.png")


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def picture(mode: str = "RGB", size: tuple[int, int] = (37, 23)) -> Image.Image:
    return Image.linear_gradient("L").resize(size).convert(mode)


MADE: list[tuple[str, str, dict[str, Any]]] = [
    ("png", "RGB", {}),
    ("png", "RGBA", {}),
    ("jpeg", "RGB", {}),
    ("jpeg", "L", {"progressive": True}),
    ("webp", "RGB", {"quality": 80}),
    ("webp", "RGB", {"lossless": True}),
    ("webp", "RGBA", {"quality": 80}),
    ("gif", "L", {}),
    ("bmp", "RGB", {}),
    ("tiff", "RGB", {}),
    ("tiff", "L", {"compression": "tiff_adobe_deflate"}),
]


@pytest.mark.parametrize(("kind", "mode", "options"), MADE)
def test_format_and_size_are_read_from_the_bytes(kind: str, mode: str, options: dict[str, Any]) -> None:
    assert probe(saved(picture(mode), kind, **options)) == Probe(kind, 37, 23)


@pytest.mark.parametrize("kind", ["png", "tiff"])
@pytest.mark.parametrize(("bands", "bits"), [(1, 16), (3, 16), (4, 16), (1, 8), (3, 8), (4, 8)])
def test_how_many_bits_a_channel_has_is_read(kind: str, bands: int, bits: int) -> None:
    pytest.importorskip("cv2")
    from editchain.imaging.deep import deepened
    from editchain.imaging.native import Native

    plain = picture({1: "L", 3: "RGB", 4: "RGBA"}[bands])
    data = Native(deepened(plain)).file(kind) if bits == 16 else saved(plain, kind)
    assert probe(data) == Probe(kind, 37, 23, bits)


@pytest.mark.skipif(
    "avif" not in features.modules or not features.check("avif"), reason="this Pillow has no AVIF"
)
def test_avif_with_alpha_gives_the_size_of_the_picture() -> None:
    assert probe(saved(picture("RGBA"), "avif", max_threads=1)) == Probe("avif", 37, 23)


@pytest.mark.parametrize("order", ["little", "big"])
def test_tiff_of_both_byte_orders(order: Any) -> None:
    def number(value: int, length: int) -> bytes:
        return value.to_bytes(length, order)

    entries = [(256, 3, number(640, 2) + b"\0\0"), (257, 4, number(480, 4))]
    directory = number(len(entries), 2) + b"".join(
        number(tag, 2) + number(kind, 2) + number(1, 4) + value for tag, kind, value in entries
    )
    start = (b"II" if order == "little" else b"MM") + number(42, 2) + number(8, 4)
    assert probe(start + directory) == Probe("tiff", 640, 480)


def test_a_tiff_whose_directory_lies_at_the_end_is_read_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "large.tif"
    Image.effect_noise((700, 500), 40).save(path, compression="tiff_adobe_deflate")
    head = path.read_bytes()[:4096]
    assert probe(head) == Probe("tiff", 0, 0)
    assert read_probe(path) == Probe("tiff", 700, 500)


def test_a_jpeg_whose_size_stands_behind_much_metadata(tmp_path: Path) -> None:
    plain = saved(picture(), "jpeg")
    segment = b"\xff\xe2\xff\xff" + bytes(65533)
    path = tmp_path / "photo.jpg"
    path.write_bytes(plain[:2] + segment * 6 + plain[2:])
    assert probe(path.read_bytes()[:HEAD_BYTES]) is None
    assert read_probe(path) == Probe("jpeg", 37, 23)


def test_the_content_counts_and_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(saved(picture(), "jpeg"))
    assert read_probe(path).format == "jpeg"


@pytest.mark.parametrize(
    ("data", "likeness"),
    [
        (b"", "an empty file"),
        (b"this is text, whatever its name says\n", "text"),
        ("Grüße".encode(), "text"),
        (b"<!DOCTYPE html><html></html>", "an HTML page"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
        (b'{"error": "not found"}', "JSON text"),
        (b"%PDF-1.7", "a PDF document"),
        (b"8BPS\0\1", "a Photoshop document"),
        (b"PK\x03\x04....", "a ZIP archive"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"\x89PNG\r\n\x1a\nxxxxxxxxxxxx", "a damaged PNG file"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "cut short or damaged"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL file"),
        (bytes(range(256)), "binary data"),
    ],
)
def test_what_is_no_image_is_refused_with_what_it_looks_like(
    tmp_path: Path, data: bytes, likeness: str
) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(data)
    with pytest.raises(ImageError, match=r"photo\.png is not an image: it looks like") as caught:
        read_probe(path)
    assert likeness in str(caught.value)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (saved(picture(), "gif"), "a GIF file"),
        (saved(picture(), "bmp"), "a BMP file"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC file"),
    ],
)
def test_other_kinds_of_image_are_refused_by_name(tmp_path: Path, data: bytes, name: str) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    with pytest.raises(ImageError, match=f"photo.jpg is {name}; .*save"):
        read_probe(path)


def png_of(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08"


@pytest.mark.parametrize(
    ("width", "height", "reason"),
    [
        (MAX_SIDE + 1, 10, "16384 on a side"),
        (16000, 16000, "244 megapixels, more than 64"),
        (0, 5, "no picture"),
    ],
)
def test_sizes_beyond_the_limits_are_refused(width: int, height: int, reason: str) -> None:
    data = png_of(width, height)
    if width:
        with pytest.raises(ImageError, match=reason):
            check(data, len(data))
    else:
        assert probe(data) == Probe("png", 0, 5)


def test_a_file_beyond_the_limit_of_bytes_is_refused() -> None:
    with pytest.raises(ImageError, match=r"50\.0 MB is more than 50 MB"):
        check(png_of(10, 10), MAX_BYTES + 1)


def test_the_largest_that_is_allowed_is_accepted() -> None:
    assert check(png_of(MAX_SIDE, 4096), MAX_BYTES) == Probe("png", MAX_SIDE, 4096)


def test_every_extension_of_a_folder_belongs_to_a_format_that_is_accepted() -> None:
    ours = {kind.extension for kind in MEDIA_TYPES.values()}
    assert {"jpeg", "tiff"} | ours >= EXTENSIONS
    assert {"gif", "bmp", "heic"}.isdisjoint(EXTENSIONS)


def test_probing_does_not_import_pillow() -> None:
    code = "import sys, editchain.imaging.probe; sys.exit('PIL' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


HEADS = [saved(picture(mode), kind, **options) for kind, mode, options in MADE]


@given(st.sampled_from(HEADS), st.integers(0, 400), st.binary(max_size=6), st.integers(0, 400))
def test_damaged_bytes_are_never_an_exception(data: bytes, at: int, junk: bytes, end: int) -> None:
    damaged = (data[:at] + junk + data[at + len(junk) :])[:end]
    found = probe(damaged)
    assert found is None or (found.format in MEDIA_TYPES and min(found.width, found.height) >= 0)


@given(st.binary(max_size=80))
def test_any_bytes_are_probed_or_refused(data: bytes) -> None:
    try:
        check(data, len(data))
    except ImageError as error:
        assert str(error).startswith("This ")

"""Bytes to pictures and back."""

from __future__ import annotations

import io
import random
import threading
import warnings
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, features

from editchain.errors import ImageError
from editchain.imaging.codec import decode, encode, flatten, has_transparency
from editchain.imaging.limits import MAX_FRAMES

HAS_AVIF = "avif" in features.modules and features.check("avif")
FORMATS = ["png", "jpeg", "webp", "tiff", "gif", *(["avif"] if HAS_AVIF else [])]


def photo(mode: str = "RGB", size: tuple[int, int] = (64, 48)) -> Image.Image:
    source = random.Random(3)
    grid = Image.frombytes("RGBA", (8, 6), source.randbytes(8 * 6 * 4))
    return grid.resize(size, Image.Resampling.BICUBIC).convert(mode)


def saved(image: Image.Image, kind: str = "png", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_what_is_written_is_read_again_and_written_the_same(kind: str, mode: str) -> None:
    data = encode(photo(mode), kind)
    again = decode(data)
    assert again.size == (64, 48)
    assert again.mode in ("L", "RGB", "RGBA")
    assert encode(photo(mode), kind) == data


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize(("kind", "lossless"), [("png", False), ("webp", True), ("tiff", False)])
def test_lossless_keeps_every_pixel(kind: str, lossless: bool, mode: str) -> None:
    again = decode(encode(photo(mode), kind, lossless=lossless))
    assert again.convert(mode).tobytes() == photo(mode).tobytes()


@pytest.mark.parametrize("kind", ["jpeg", "webp", *(["avif"] if HAS_AVIF else [])])
def test_quality_makes_files_larger(kind: str) -> None:
    assert len(encode(photo(), kind, quality=30)) < len(encode(photo(), kind, quality=95))


def test_compact_pngs_are_smaller_and_hold_the_same_pixels() -> None:
    image = photo(size=(400, 300))
    quick, compact = encode(image, "png"), encode(image, "png", compact=True)
    assert len(compact) < len(quick)
    assert decode(compact).tobytes() == decode(quick).tobytes()


def test_a_jpeg_lies_on_white_where_the_picture_is_transparent() -> None:
    image = Image.new("RGBA", (16, 16), (200, 0, 0, 0))
    assert decode(encode(image, "jpeg")).getpixel((8, 8)) == (255, 255, 255)


@pytest.mark.parametrize(("kind", "lossless"), [("jpeg", True), ("avif", True)])
def test_what_cannot_be_lossless_says_so(kind: str, lossless: bool) -> None:
    with pytest.raises(ImageError, match="never lossless"):
        encode(photo(), kind, lossless=lossless)


@pytest.mark.parametrize("quality", [0, 101, -5])
def test_quality_is_from_1_to_100(quality: int) -> None:
    with pytest.raises(ImageError, match="between 1 and 100"):
        encode(photo(), "jpeg", quality=quality)


def test_other_formats_are_refused() -> None:
    with pytest.raises(ImageError, match="'psd'"):
        encode(photo(), "psd")


def test_a_size_that_a_format_does_not_have_is_an_image_error() -> None:
    with pytest.raises(ImageError, match="16384×1"):
        encode(Image.new("RGB", (16384, 1)), "webp")


def test_metadata_is_neither_kept_nor_written() -> None:
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    data = saved(photo(), "jpeg", exif=exif, comment=b"secret comment", dpi=(300, 300))
    assert b"secret" in data
    image = decode(data)
    assert image.info == {}
    assert dict(image.getexif()) == {}
    image.info["comment"] = b"secret comment"
    for kind in FORMATS:
        assert b"secret" not in encode(image, kind)
    assert image.info == {"comment": b"secret comment"}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_stand_upright(orientation: int) -> None:
    image = Image.new("RGB", (40, 20), (0, 0, 255))
    image.paste((255, 0, 0), (0, 0, 20, 10))
    turned = image if orientation == 1 else image.transpose(_BACK[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    made = decode(saved(turned, "png", exif=exif))
    assert made.size == (40, 20)
    assert made.getpixel((2, 2)) == (255, 0, 0)
    assert made.getpixel((38, 18)) == (0, 0, 255)


_BACK = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def test_sixteen_bit_grey_is_scaled_and_not_cut_off() -> None:
    image = Image.new("I;16", (3, 1))
    for x, value in enumerate((0, 32896, 65535)):
        image.putpixel((x, 0), value)
    made = decode(saved(image))
    assert made.mode == "L"
    assert list(made.tobytes()) == [0, 128, 255]


def test_bilevel_palette_and_grey_with_alpha_become_plain_modes() -> None:
    assert decode(saved(photo("L").convert("1"))).mode == "L"
    assert decode(saved(photo().quantize(16))).mode == "RGB"
    assert decode(saved(photo("LA"))).mode == "RGBA"
    palette = photo().quantize(16)
    assert decode(saved(palette, transparency=0)).mode == "RGBA"


def test_cmyk_becomes_rgb() -> None:
    made = decode(saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "jpeg", quality=95))
    assert made.mode == "RGB"
    red, green, blue = made.getpixel((4, 4))  # type: ignore[misc]
    assert red > 240
    assert green < 15
    assert blue < 15


def profile(name: Any, **options: Any) -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(name, **options)).tobytes()


def test_a_lab_picture_is_converted() -> None:
    assert decode(saved(Image.new("LAB", (4, 4), (128, 128, 128)), "tiff")).mode == "RGB"


def test_a_profile_for_another_kind_of_picture_is_passed_over() -> None:
    made = decode(saved(photo(), icc_profile=profile("XYZ")))
    assert made.tobytes() == photo().tobytes()


def test_an_srgb_profile_changes_no_pixel() -> None:
    assert decode(saved(photo(), icc_profile=profile("sRGB"))).tobytes() == photo().tobytes()


def swapped_profile() -> bytes:
    """A profile in which red and blue have changed places."""
    swapped = bytearray(profile("sRGB"))
    red, blue = swapped.index(b"rXYZ"), swapped.index(b"bXYZ")
    swapped[red : red + 4], swapped[blue : blue + 4] = b"bXYZ", b"rXYZ"
    at = swapped.index("sRGB".encode("utf-16-be"))
    swapped[at : at + 8] = "xRGB".encode("utf-16-be")
    return bytes(swapped)


def test_another_profile_is_converted_to_srgb() -> None:
    image = Image.new("RGBA", (4, 4), (255, 0, 0, 77))
    made = decode(saved(image, icc_profile=swapped_profile()))
    assert made.getpixel((0, 0)) == (0, 0, 255, 77)


def test_a_profile_that_cannot_be_read_is_an_image_error() -> None:
    with pytest.raises(ImageError, match="colour profile"):
        decode(saved(photo(), icc_profile=b"not a profile at all"))


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_files_that_are_cut_short_are_refused(kind: str, share: float) -> None:
    image = Image.frombytes("RGB", (80, 60), random.Random(1).randbytes(80 * 60 * 3))
    data = encode(image, kind)
    with pytest.raises(ImageError):
        decode(data[: round(len(data) * share)])


@pytest.mark.parametrize(
    "data", [b"", b"text", b"<html>", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\0\x08\0\0\0"], ids=repr
)
def test_what_is_no_image_is_an_image_error(data: bytes) -> None:
    with pytest.raises(ImageError):
        decode(data)


def test_a_picture_with_too_many_frames_is_refused() -> None:
    frames = [Image.new("L", (2, 2), shade % 256) for shade in range(MAX_FRAMES + 1)]
    data = saved(frames[0], "png", save_all=True, append_images=frames[1:])
    with pytest.raises(ImageError, match="201 frames"):
        decode(data)


def test_the_first_frame_is_the_picture() -> None:
    first, second = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    data = saved(first, "webp", save_all=True, append_images=[second], lossless=True)
    assert decode(data).getpixel((4, 4)) == (255, 0, 0)


def corrupt_exif() -> bytes:
    # a directory that promises more entries than there are
    return saved(photo(), "jpeg", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\x00\x12\x01")


def test_what_makes_the_decoder_warn_is_refused_whatever_the_filters_say() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ImageError, match="EXIF"):
            decode(corrupt_exif())


def test_warnings_of_others_stay_warnings_while_pictures_are_decoded_in_threads() -> None:
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(10):
                decode(encode(photo(), "png"))
                with pytest.raises(ImageError):
                    decode(corrupt_exif())
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for thread in threads:
            thread.start()
        warnings.warn("of somebody else", UserWarning, stacklevel=1)
        for thread in threads:
            thread.join()
    assert failures == []
    assert "of somebody else" in [str(warning.message) for warning in caught]


ENCODED = [encode(photo(mode, (20, 15)), kind) for kind in FORMATS for mode in ("RGB", "RGBA")]


@given(st.sampled_from(ENCODED), st.integers(0, 2000), st.binary(min_size=1, max_size=8))
@settings(max_examples=150, deadline=None)
def test_damaged_files_are_decoded_or_refused_and_nothing_else(data: bytes, at: int, junk: bytes) -> None:
    at %= len(data)
    try:
        image = decode(data[:at] + junk + data[at + len(junk) :])
    except ImageError:
        return
    assert image.mode in ("L", "RGB", "RGBA")


def test_flattening_and_transparency() -> None:
    image = Image.new("RGBA", (2, 1), (10, 20, 30, 255))
    assert not has_transparency(image)
    image.putpixel((0, 0), (0, 0, 0, 0))
    assert has_transparency(image)
    assert flatten(image, (1, 2, 3)).getpixel((0, 0)) == (1, 2, 3)
    assert flatten(photo()) is not None
    assert not has_transparency(photo())


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_gif_is_clear_where_a_picture_is_less_than_half_opaque(mode: str) -> None:
    image = photo(mode).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    again = decode(encode(image, "gif"))
    alpha = again.getchannel("A")
    assert alpha.getcolors() == [(image.width * image.height // 2, 0), (image.width * image.height // 2, 255)]
    assert alpha.crop((0, image.height // 2, *image.size)).getextrema() == (255, 255)


def test_a_profile_that_cannot_be_read_is_refused_with_what_to_do() -> None:
    data = saved(photo("RGB"), "jpeg", icc_profile=b"this is no profile" * 20)
    with pytest.raises(
        ImageError, match=r"profile that cannot be read: .*\. Save it with another, or with none\.$"
    ):
        decode(data)

"""Shadows, decals, shapes of masks, parts that are found, profiles, metadata, letters of other scripts."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageCms, ImageStat
from tests.operations.examples import asset, made, photo, plain, stored

from editchain.errors import OperationError
from editchain.imaging import extra
from editchain.imaging.codec import decode
from editchain.imaging.profiles import from_srgb, profile

NEEDS_EXTRA = pytest.mark.skipif(not extra.is_installed(), reason="needs the extra darkroom")
NEEDS_TEXT = pytest.mark.skipif(not extra.is_installed("text"), reason="needs the extra text")


def at(image: Image.Image, x: int, y: int) -> tuple[int, ...]:
    found = image.convert("RGB").getpixel((x, y))
    assert isinstance(found, tuple)
    return found


# ---- composite


def test_a_shadow_falls_beside_what_casts_it_and_not_elsewhere() -> None:
    overlay = plain("red", (40, 40))
    fields: dict[str, Any] = {"image": plain("white", (160, 120)), "overlay": overlay, "position": [50, 40]}
    without = made("composite", **fields)
    shaded = made("composite", **fields, shadow=0.6, shadow_offset=[8, 8], shadow_softness=4)
    assert at(shaded, 60, 60) == (255, 0, 0)
    assert at(shaded, 94, 70)[0] < 180
    assert at(shaded, 5, 5) == (255, 255, 255)
    assert at(without, 94, 70) == (255, 255, 255)


def test_the_shadow_has_the_shape_of_the_alpha() -> None:
    ring = Image.new("RGBA", (60, 60))
    ring.paste((0, 0, 255, 255), (0, 0, 60, 10))
    shaded = made("composite", image=plain("white", (100, 100)), overlay=ring, position=[20, 20], shadow=1, shadow_offset=[0, 5], shadow_softness=2)  # fmt: skip
    assert at(shaded, 50, 33)[0] < 200
    assert at(shaded, 50, 70) == (255, 255, 255)


# ---- decal


def test_a_decal_lies_between_its_corners_and_takes_the_light() -> None:
    wall = Image.linear_gradient("L").resize((200, 160)).convert("RGB")
    corners = [[40, 30], [150, 50], [150, 120], [40, 130]]
    result = made("decal", image=wall, overlay=plain((200, 60, 60)), corners=corners, texture=1)
    changed = ImageChops.difference(result, wall).getbbox()
    assert changed is not None
    assert (40 <= changed[0] <= 42, 148 <= changed[2] <= 151) == (True, True)
    assert at(result, 90, 115)[0] > at(result, 90, 60)[0] + 40
    flat = made("decal", image=wall, overlay=plain((200, 60, 60)), corners=corners, texture=0)
    assert at(flat, 90, 115) == pytest.approx(at(flat, 90, 60), abs=2)


def test_a_decal_shows_the_grain_of_its_surface() -> None:
    rough = Image.effect_noise((120, 120), 60).convert("RGB")
    fields: dict[str, Any] = {"image": rough, "overlay": plain("teal"), "box": [10, 10, 100, 100]}
    spread = [
        ImageStat.Stat(made("decal", **fields, texture=texture).crop((20, 20, 100, 100))).stddev[1]
        for texture in (0, 0.5, 1)
    ]
    assert spread[0] < 1 < spread[1] < spread[2]


@pytest.mark.parametrize("side", [60, 97, 350, 1001])
def test_a_large_picture_keeps_its_thin_lines_as_a_small_decal(side: int) -> None:
    striped = Image.new("RGB", (side, side), "white")
    for left in range(0, side, 4):
        striped.paste("black", (left, 0, left + 2, side))
    result = made("decal", image=plain("grey"), overlay=striped, corners=[[10, 10], [40, 12], [40, 40], [10, 41]], texture=0)  # fmt: skip
    assert at(result, 25, 25)[0] == pytest.approx(128, abs=128 if side < 100 else 25)


def test_corners_that_cross_are_refused() -> None:
    with pytest.raises(OperationError, match="clockwise"):
        made("decal", image=photo(), overlay=photo(), corners=[[0, 0], [50, 50], [50, 0], [0, 50]])


# ---- shapes of masks


def test_an_ellipse_is_black_in_the_middle_and_white_in_the_corners_of_its_box() -> None:
    mask = made("mask", image=plain(size=(200, 100)), by="ellipse", box=[50, 20, 100, 60])
    assert [mask.getpixel(place) for place in ((100, 50), (51, 21), (148, 78), (10, 50))] == [
        0,
        255,
        255,
        255,
    ]
    share = 1 - ImageStat.Stat(mask).mean[0] / 255
    assert share == pytest.approx(3.14159 * 50 * 30 / 20000, rel=0.01)


@pytest.mark.parametrize("points", [[[20, 10], [180, 10], [20, 90]], [[0.1, 0.1], [0.9, 0.1], [0.1, 0.9]]])
def test_a_polygon_is_black_between_its_corners(points: list[list[float]]) -> None:
    mask = made("mask", image=plain(size=(200, 100)), by="polygon", points=points)
    assert [mask.getpixel(place) for place in ((40, 20), (170, 80))] == [0, 255]
    assert 1 - ImageStat.Stat(mask).mean[0] / 255 == pytest.approx(0.32, rel=0.02)


@pytest.mark.parametrize(("points", "said"), [([[0, 0], [300, 0], [9, 9]], "outside"), ([[5, 5], [9, 5], [20, 5]], "one line")])  # fmt: skip
def test_a_polygon_that_is_none_is_refused(points: list[list[float]], said: str) -> None:
    with pytest.raises(OperationError, match=said):
        made("mask", image=plain(size=(200, 100)), by="polygon", points=points)


# ---- crop around


def spot(size: tuple[int, int], box: tuple[int, int, int, int]) -> Image.Image:
    mask = Image.new("L", size, 255)
    mask.paste(0, box)
    return mask


def test_a_mask_alone_is_cut_to_its_box_with_a_margin() -> None:
    image, mask = photo(), spot((96, 64), (30, 20, 50, 40))
    assert made("crop", image=image, mask=mask).tobytes() == image.crop((30, 20, 50, 40)).tobytes()
    assert made("crop", image=image, mask=mask, margin=5).size == (30, 30)
    assert made("crop", image=image, mask=mask, margin=500).size == (96, 64)


def test_a_mask_with_a_ratio_is_the_smallest_part_of_that_shape_around_it() -> None:
    image, mask = photo(), spot((96, 64), (70, 20, 90, 40))
    part = made("crop", image=image, mask=mask, aspect_ratio="2:1")
    assert part.size == (40, 20)
    assert part.tobytes() == image.crop((56, 20, 96, 40)).tobytes()


def test_a_mask_with_a_size_is_in_the_middle_of_the_piece() -> None:
    image, mask = photo(), spot((96, 64), (44, 28, 52, 36))
    assert (
        made("crop", image=image, mask=mask, width=20, height=20).tobytes()
        == image.crop((38, 22, 58, 42)).tobytes()
    )
    with pytest.raises(OperationError, match="marks nothing"):
        made("crop", image=image, mask=Image.new("L", (96, 64), 255))


@NEEDS_EXTRA
@pytest.mark.parametrize("left", [20, 200])
def test_a_crop_around_the_subject_follows_it(left: int) -> None:
    image = plain((120, 130, 120), (320, 120))
    image.paste(asset("lantern.jpg").resize((100, 100)), (left, 10))
    part = made("crop", image=image, aspect_ratio="1:1", around="subject")
    assert part.size == (120, 120)
    offset = next(x for x in range(201) if image.crop((x, 0, x + 120, 120)).tobytes() == part.tobytes())
    assert left - 20 <= offset <= left


@NEEDS_EXTRA
def test_a_crop_around_faces_holds_them_and_says_where_there_is_none() -> None:
    image = asset("astronaut.jpg")
    part = made("crop", image=image, width=200, height=200, around="faces")
    assert part.tobytes() != made("crop", image=image, width=200, height=200).tobytes()
    from editchain.imaging.faces import faces

    assert len(faces(part)) == 1
    with pytest.raises(OperationError, match="no face"):
        made("crop", image=photo(), aspect_ratio="1:1", around="faces")


# ---- convert


@pytest.mark.parametrize("name", ["srgb", "display_p3", "adobe_rgb"])
@pytest.mark.parametrize("form", ["png", "jpeg", "webp", "tiff", "avif"])
def test_a_picture_with_a_profile_comes_back_as_it_was(name: str, form: str) -> None:
    data = stored(
        "convert", image=photo(), format=form, colours=name, quality=None if form in ("png", "tiff") else 95
    )
    with Image.open(io.BytesIO(data)) as image:
        assert image.info["icc_profile"] == profile(name)
    difference = ImageStat.Stat(ImageChops.difference(decode(data).convert("RGB"), photo()))
    assert max(difference.mean) < 5


def test_a_profile_is_read_by_the_colour_library_and_has_its_primaries() -> None:
    for name, wanted in (("srgb", (255, 0, 0)), ("display_p3", (234, 51, 35)), ("adobe_rgb", (219, 0, 0))):
        assert ImageCms.getOpenProfile(io.BytesIO(profile(name))).profile.xcolor_space == "RGB "
        assert from_srgb(plain("red"), name).getpixel((0, 0)) == pytest.approx(wanted, abs=1)


def test_alpha_survives_a_profile() -> None:
    data = stored("convert", image=photo("RGBA"), colours="display_p3")
    assert decode(data).getchannel("A").tobytes() == photo("RGBA").getchannel("A").tobytes()


def shot(**options: Any) -> Image.Image:
    exif = Image.Exif()
    exif[0x010F] = "A maker"
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[1] = "N"
    buffer = io.BytesIO()
    photo().save(buffer, "jpeg", exif=exif, **options)
    return decode(buffer.getvalue())


@pytest.mark.parametrize("form", ["jpeg", "png", "webp", "avif"])
def test_metadata_is_carried_over_by_name_and_the_place_is_not(form: str) -> None:
    data = stored("convert", image=photo(seed=2), format=form, metadata_of=shot())
    with Image.open(io.BytesIO(data)) as image:
        exif = image.getexif()
        assert exif[0x010F] == "A maker"
        assert 0x0112 not in exif
        assert not exif.get_ifd(0x8825)
    kept = stored("convert", image=photo(seed=2), format=form, metadata_of=shot(), location=True)
    with Image.open(io.BytesIO(kept)) as image:
        assert image.getexif().get_ifd(0x8825)[1] == "N"


@pytest.mark.parametrize(
    ("xmp", "is_kept"), [(b"<x>a title</x>", True), (b"<x exif:GPSLatitude='1'/>", False)]
)
def test_xmp_goes_where_it_may_name_a_place(xmp: bytes, is_kept: bool) -> None:
    data = stored("convert", image=photo(), format="png", metadata_of=shot(xmp=xmp))
    assert (xmp in data) == is_kept
    assert xmp in stored("convert", image=photo(), format="png", metadata_of=shot(xmp=xmp), location=True)


def test_an_edited_picture_has_no_metadata_to_carry_over() -> None:
    for edit in (made("resize", image=shot(), width=50), made("resize", image=shot(), width=64)):
        assert b"maker" not in stored("convert", image=photo(), format="png", metadata_of=edit)


# ---- letters


@pytest.mark.parametrize("font", ["sans", "serif", "mono"])
@pytest.mark.parametrize("bold", [False, True])
def test_every_font_draws_and_differs(font: str, bold: bool) -> None:
    result = made(
        "text", image=plain("black", (300, 100)), text="Grøße 12", font=font, bold=bold, shadow=False
    )
    assert result.getbbox() is not None
    others = [one for one in ("sans", "serif", "mono") if one != font]
    for other in others:
        drawn = made(
            "text", image=plain("black", (300, 100)), text="Grøße 12", font=other, bold=bold, shadow=False
        )
        assert drawn.tobytes() != result.tobytes()


def test_what_a_font_lacks_is_drawn_in_sans() -> None:
    serif, sans = (made("text", image=plain("black"), text="★", font=font) for font in ("serif", "sans"))
    assert serif.tobytes() == sans.tobytes()


@NEEDS_TEXT
def test_hebrew_runs_from_right_to_left() -> None:
    fields: dict[str, Any] = {
        "image": plain("black", (300, 60)),
        "size": 30,
        "shadow": False,
        "anchor": "centre",
    }
    alef_bet, reverse = (made("text", text=text, **fields) for text in ("א ב", "ב א"))
    assert alef_bet.tobytes() != reverse.tobytes()
    from editchain.imaging.draw import as_seen

    assert as_seen("שלום") == "םולש"
    assert as_seen("abc שלום 12") == "abc 12 םולש"


@NEEDS_TEXT
def test_arabic_letters_are_joined() -> None:
    from editchain.imaging.draw import as_seen, font

    seen = as_seen("بيت")
    assert [hex(ord(letter)) for letter in seen] == ["0xfe96", "0xfef4", "0xfe91"]
    missing = bytes(font(30).getmask("\uffff"))
    for letter in as_seen("لا إله گلچین پژوهش ٣٤"):
        assert letter == " " or bytes(font(30).getmask(letter)) != missing


@NEEDS_TEXT
def test_long_hebrew_is_broken_between_words_from_the_first_on() -> None:
    made("text", image=plain("black", (120, 120)), text="שלום עולם טוב מאוד", size=20, width=80)
    from editchain.imaging.draw import Lettering, written

    style = Lettering("top_right", 20, (255, 255, 255, 255), width=80, shadow=False)
    both = written(Image.new("RGB", (120, 120)), "שלום עולם", style)
    first = written(Image.new("RGB", (120, 120)), "שלום", style)
    box = first.getbbox()
    assert box is not None
    assert both.crop(box).tobytes() == first.crop(box).tobytes()

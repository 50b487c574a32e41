"""What each operation makes of small pictures."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageStat
from tests.operations.examples import MINIMAL, RUNNABLE, made, photo, picture, plain, stored

from editchain.errors import OperationError
from editchain.operations import OPERATIONS


def test_there_is_an_example_of_every_operation() -> None:
    assert set(MINIMAL) == set(OPERATIONS)


@pytest.mark.parametrize("name", RUNNABLE)
def test_the_same_fields_give_the_same_bytes_and_leave_the_inputs_alone(name: str) -> None:
    fields = MINIMAL[name]
    given_images = [value for value in fields.values() if isinstance(value, Image.Image)]
    before = [image.tobytes() for image in given_images]
    first, second = (stored(name, **fields) for _ in range(2))
    assert first == second
    assert [image.tobytes() for image in given_images] == before


# ---- resize


@pytest.mark.parametrize(
    ("size", "fields", "expected"),
    [
        ((96, 64), {"width": 48}, (48, 32)),
        ((60, 40), {"width": 40}, (40, 27)),
        ((60, 40), {"height": 20}, (30, 20)),
        ((60, 40), {"scale": 0.5}, (30, 20)),
        ((60, 40), {"scale": 2}, (120, 80)),
        ((60, 40), {"width": 30, "height": 30}, (30, 20)),
        ((60, 40), {"width": 30, "height": 30, "fit": "cover"}, (30, 30)),
        ((60, 40), {"width": 30, "height": 30, "fit": "exact"}, (30, 30)),
        ((60, 40), {"width": 600, "enlarge": False}, (60, 40)),
        ((60, 40), {"width": 80, "height": 80, "fit": "cover", "enlarge": False}, (40, 40)),
        ((60, 40), {"width": 60}, (60, 40)),
        ((1000, 2), {"width": 10}, (10, 1)),
    ],
)
def test_resize(size: tuple[int, int], fields: dict[str, Any], expected: tuple[int, int]) -> None:
    assert made("resize", image=photo(size=size), **fields).size == expected


def test_resize_to_its_own_size_changes_no_pixel() -> None:
    assert made("resize", image=photo(), width=96).tobytes() == photo().tobytes()


def test_resize_covers_from_its_anchor() -> None:
    image = plain("blue")
    image.paste("red", (0, 0, 48, 64))
    assert made("resize", image=image, width=20, height=30, fit="cover", anchor="left").getpixel((2, 9)) == (
        255,
        0,
        0,
    )


def test_nearest_keeps_hard_edges() -> None:
    image = Image.new("L", (2, 1))
    image.putpixel((1, 0), 255)
    assert set(made("resize", image=image, width=64, sampling="nearest").tobytes()) == {0, 255}


def test_resize_beyond_the_limits_is_refused() -> None:
    with pytest.raises(OperationError, match="16384"):
        made("resize", image=photo(), scale=400)


# ---- crop


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({"box": [10, 20, 30, 40]}, (30, 40)),
        ({"box": [0.25, 0.25, 0.5, 0.5]}, (48, 32)),
        ({"aspect_ratio": "1:1"}, (64, 64)),
        ({"aspect_ratio": "16:9"}, (96, 54)),
        ({"width": 40}, (40, 64)),
        ({"width": 40, "height": 10}, (40, 10)),
    ],
)
def test_crop(fields: dict[str, Any], size: tuple[int, int]) -> None:
    assert made("crop", image=photo(), **fields).size == size


def test_crop_takes_the_pixels_of_the_box() -> None:
    assert (
        made("crop", image=photo(), box=[10, 20, 30, 40]).tobytes()
        == photo().crop((10, 20, 40, 60)).tobytes()
    )


@pytest.mark.parametrize(("anchor", "colour"), [("left", (255, 0, 0)), ("right", (0, 0, 255))])
def test_crop_is_held_to_its_anchor(anchor: str, colour: tuple[int, int, int]) -> None:
    image = plain("blue")
    image.paste("red", (0, 0, 48, 64))
    assert made("crop", image=image, width=48, anchor=anchor).getcolors() == [(48 * 64, colour)]


@pytest.mark.parametrize("fields", [{"box": [90, 0, 20, 10]}, {"width": 97}, {"box": [200, 200, 5, 5]}])
def test_crop_outside_the_picture_is_refused_with_its_size(fields: dict[str, Any]) -> None:
    with pytest.raises(OperationError, match="96×64"):
        made("crop", image=photo(), **fields)


# ---- convert


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "tiff", "gif"])
def test_convert_says_how_the_result_is_stored(kind: str) -> None:
    result = picture("convert", image=photo(), format=kind, quality=70)
    assert (result.format, result.quality, result.lossless) == (kind, 70, False)


@pytest.mark.parametrize(
    ("mode", "expected"), [("grey", "L"), ("rgb", "RGB"), ("rgba", "RGBA"), ("keep", "RGB")]
)
def test_convert_modes(mode: str, expected: str) -> None:
    assert made("convert", image=photo(), mode=mode).mode == expected


def test_grey_keeps_transparency() -> None:
    image = photo("RGBA")
    result = made("convert", image=image, mode="grey")
    assert result.getchannel("A").tobytes() == image.getchannel("A").tobytes()
    assert result.getchannel("R").tobytes() == result.getchannel("B").tobytes()


def test_a_background_shows_through_what_is_transparent() -> None:
    clear = plain((0, 0, 0, 0), mode="RGBA")
    assert made("convert", image=clear, background="teal").getpixel((0, 0)) == (0, 128, 128)
    assert made("convert", image=clear, format="jpeg").getpixel((0, 0)) == (255, 255, 255)


# ---- composite


@pytest.mark.parametrize(
    ("fields", "corner"),
    [
        ({}, (38, 27)),
        ({"anchor": "top_left"}, (0, 0)),
        ({"anchor": "bottom_right", "offset": [6, 4]}, (70, 50)),
        ({"anchor": "top_left", "offset": [6, 4]}, (6, 4)),
        ({"anchor": "top_left", "offset": [0.5, 0.25]}, (48, 16)),
        ({"position": [3, 5]}, (3, 5)),
        ({"position": [0.5, 0.5]}, (48, 32)),
    ],
)
def test_composite_places_the_overlay(fields: dict[str, Any], corner: tuple[int, int]) -> None:
    result = made("composite", image=plain("white"), overlay=plain("red", (20, 10)), **fields)
    box = ImageChops.difference(result, plain("white")).getbbox()
    assert box == (*corner, corner[0] + 20, corner[1] + 10)


def test_composite_scales_the_overlay_to_a_part_of_the_width() -> None:
    result = made("composite", image=plain("white"), overlay=plain("red", (200, 100)), scale=0.5)
    assert ImageChops.difference(result, plain("white")).getbbox() == (24, 20, 72, 44)


def test_composite_mixes_by_opacity() -> None:
    result = made("composite", image=plain("white"), overlay=plain("black"), opacity=0.25)
    assert result.getpixel((40, 30)) == (191, 191, 191)


def test_composite_with_an_overlay_that_does_not_touch_is_refused() -> None:
    with pytest.raises(OperationError, match="outside"):
        made("composite", image=photo(), overlay=photo(size=(10, 10)), position=[96, 0])


def test_composite_keeps_a_transparent_picture_transparent() -> None:
    result = made(
        "composite", image=plain((0, 0, 0, 0), mode="RGBA"), overlay=plain("red", (10, 10)), anchor="top_left"
    )
    assert result.mode == "RGBA"
    assert result.getpixel((50, 50)) == (0, 0, 0, 0)


# ---- contact sheet


def sheet(count: int = 3, **fields: Any) -> Image.Image:
    colours = ["red", "lime", "blue", "yellow", "black"]
    return made("contact_sheet", images=[plain(colours[index % 5]) for index in range(count)], **fields)


def test_a_sheet_stands_in_reading_order() -> None:
    page = sheet(3, columns=2, gap=10)
    assert page.size == (2 * 96 + 3 * 10, 2 * 64 + 3 * 10)
    assert page.getpixel((15, 15)) == (255, 0, 0)
    assert page.getpixel((10 + 96 + 15, 15)) == (0, 255, 0)
    assert page.getpixel((15, 10 + 64 + 15)) == (0, 0, 255)
    assert page.getpixel((10 + 96 + 15, 10 + 64 + 15)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("count", "columns", "expected"), [(1, None, 1), (4, None, 2), (5, None, 3), (2, 6, 2)]
)
def test_columns(count: int, columns: int | None, expected: int) -> None:
    assert sheet(count, columns=columns, gap=0).width == expected * 96


def test_small_pictures_are_not_enlarged_unless_cells_are_to_be_filled() -> None:
    images = [plain("red", (10, 10)), plain("blue", (40, 40))]
    inside = made("contact_sheet", images=images, columns=2, gap=0, cell_width=40)
    cover = made("contact_sheet", images=images, columns=2, gap=0, cell_width=40, fit="cover")
    assert ImageChops.difference(inside, plain("white", inside.size)).crop((0, 0, 40, 40)).getbbox() == (
        15,
        15,
        25,
        25,
    )
    assert cover.getpixel((1, 1)) == (255, 0, 0)


def test_large_pictures_shrink_to_their_cells() -> None:
    assert made("contact_sheet", images=[plain(size=(2000, 1000))], gap=0).size == (512, 256)
    assert made(
        "contact_sheet", images=[plain(size=(2000, 1000))], gap=0, cell_width=100, cell_height=30
    ).size == (100, 30)


def test_labels_stand_below_and_need_one_for_each() -> None:
    without, labelled = sheet(2, columns=2), sheet(2, columns=2, labels=["one", "two"])
    assert labelled.height > without.height
    assert (
        labelled.crop((0, 0, *without.size)).crop((0, 0, without.width, 64)).tobytes()
        == without.crop((0, 0, without.width, 64)).tobytes()
    )
    with pytest.raises(OperationError, match="1 labels for 2 pictures"):
        sheet(2, labels=["one"])


def test_a_transparent_page_stays_transparent() -> None:
    page = sheet(2, columns=2, background="transparent")
    assert page.getpixel((0, 0)) == (0, 0, 0, 0)


def test_a_sheet_beyond_the_limits_is_refused() -> None:
    with pytest.raises(OperationError, match="16384"):
        sheet(5, columns=5, cell_width=4000)


# ---- the others


def test_rotate_turns_clockwise() -> None:
    image = plain("white", (3, 2))
    image.putpixel((0, 0), (255, 0, 0))
    assert made("rotate", image=image, degrees=90).getpixel((1, 0)) == (255, 0, 0)


def test_rotate_may_keep_the_size() -> None:
    assert made("rotate", image=photo(), degrees=20, expand=False).size == (96, 64)
    assert made("rotate", image=photo(), degrees=20).size > (96, 64)


@pytest.mark.parametrize("direction", ["horizontal", "vertical"])
def test_flipping_twice_is_the_picture_again(direction: str) -> None:
    once = made("flip", image=photo(), direction=direction)
    assert once.tobytes() != photo().tobytes()
    assert made("flip", image=once, direction=direction).tobytes() == photo().tobytes()


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({"aspect_ratio": "1:1"}, (96, 96)),
        ({"aspect_ratio": "16:9"}, (114, 64)),
        ({"width": 200}, (200, 64)),
        ({"width": 200, "height": 100}, (200, 100)),
        ({"aspect_ratio": "1:1", "blur": True}, (96, 96)),
    ],
)
def test_pad_keeps_every_pixel_of_the_picture(fields: dict[str, Any], size: tuple[int, int]) -> None:
    result = made("pad", image=photo(), **fields)
    assert result.size == size
    x, y = (size[0] - 96 + 1) // 2, (size[1] - 64 + 1) // 2
    assert result.crop((x, y, x + 96, y + 64)).tobytes() == photo().tobytes()


def test_pad_to_less_than_the_picture_is_refused() -> None:
    with pytest.raises(OperationError, match="smaller than the picture"):
        made("pad", image=photo(), width=50)


def test_border_widths_and_colour() -> None:
    result = made("border", image=photo(), width=5, bottom=20, colour="navy")
    assert result.size == (106, 89)
    assert result.getpixel((0, 88)) == (0, 0, 128)
    assert result.crop((5, 5, 101, 69)).tobytes() == photo().tobytes()


def test_border_of_no_width_is_the_picture() -> None:
    assert made("border", image=photo(), width=0).tobytes() == photo().tobytes()


def test_border_rounds_corners() -> None:
    result = made("border", image=photo(), width=0, radius=0.25)
    assert result.getpixel((0, 0))[3] == 0  # type: ignore[index]
    assert result.getpixel((48, 0))[3] == 255  # type: ignore[index]


def changed(result: Image.Image, before: Image.Image) -> tuple[int, int, int, int]:
    box = ImageChops.difference(result, before).getbbox()
    assert box
    return box


@pytest.mark.parametrize(
    ("anchor", "inside"),
    [("top_left", (0, 0, 150, 100)), ("bottom_right", (150, 100, 300, 200)), ("centre", (75, 50, 225, 150))],
)
def test_text_is_held_to_its_anchor(anchor: str, inside: tuple[int, int, int, int]) -> None:
    grey = plain("grey", (300, 200))
    left, top, right, bottom = changed(made("text", image=grey, text="Ok", anchor=anchor), grey)
    assert inside[0] <= left < right <= inside[2]
    assert inside[1] <= top < bottom <= inside[3]


def test_text_of_two_lines_is_higher() -> None:
    grey = plain("grey", (300, 200))
    one = changed(made("text", image=grey, text="one", anchor="top"), grey)
    two = changed(made("text", image=grey, text="one\ntwo", anchor="top"), grey)
    assert two[3] - two[1] > 1.7 * (one[3] - one[1])


def test_text_without_a_shadow_has_only_its_colour() -> None:
    black = plain("black", (300, 200))
    result = made("text", image=black, text="Ok", colour="red", shadow=False)
    assert ImageStat.Stat(result).extrema[1:] == [(0, 0), (0, 0)]


def test_text_that_is_invisible_changes_nothing() -> None:
    assert made("text", image=photo(), text="Ok", opacity=0).tobytes() == photo().tobytes()


def test_text_with_letters_that_the_font_lacks_is_refused() -> None:
    with pytest.raises(OperationError, match='"写"'):
        made("text", image=photo(), text="写真")


@pytest.mark.parametrize(
    ("layout", "size"),
    [
        ("side_by_side", (96 + 8 + 96, 64)),
        ("stacked", (96, 64 + 8 + 64)),
        ("split", (96, 64)),
        ("difference", (96, 64)),
    ],
)
def test_compare_sizes(layout: str, size: tuple[int, int]) -> None:
    assert made("compare", image=photo(), edited=photo(size=(192, 128)), layout=layout).size == size


def test_compare_split_shows_both() -> None:
    result = made("compare", image=plain("red"), edited=plain("blue"), layout="split", at=0.25, gap=2)
    assert result.getpixel((5, 5)) == (255, 0, 0)
    assert result.getpixel((24, 5)) == (255, 255, 255)
    assert result.getpixel((40, 5)) == (0, 0, 255)


def test_a_map_of_differences_is_dim_and_grey_but_where_something_changed() -> None:
    before, after = plain("grey"), plain("grey")
    after.paste("white", (10, 10, 20, 20))
    after.paste((148, 128, 128), (40, 10, 50, 20))
    same = made("compare", image=before, edited=before, layout="difference")
    assert same.getextrema() == ((51, 51),) * 3
    shown = made("compare", image=before, edited=after, layout="difference")
    assert ImageChops.difference(shown, same).getbbox() == (10, 10, 50, 20)
    much, little = shown.getpixel((15, 15)), shown.getpixel((45, 15))
    assert isinstance(much, tuple)
    assert isinstance(little, tuple)
    assert sum(much) > sum(little) > 3 * 51


def test_in_a_strip_the_line_moves_from_right_to_left() -> None:
    strip = made("compare", image=plain("red"), edited=plain("blue"), layout="strip", steps=3, gap=4)
    assert strip.size == (96 * 3 + 8, 64)
    found = [strip.getpixel((left, 30)) for left in (2, 90, 102, 194, 202, 290)]
    red, blue = (255, 0, 0), (0, 0, 255)
    assert found == [red, red, red, blue, blue, blue]


def test_compare_writes_its_labels() -> None:
    without = made("compare", image=plain("grey"), edited=plain("grey"))
    assert changed(
        made("compare", image=plain("grey"), edited=plain("grey"), labels=["before", "after"]), without
    )


def test_a_mask_of_a_box_is_black_inside() -> None:
    mask = made("mask", image=photo(), by="box", box=[10, 10, 20, 20])
    assert (mask.mode, mask.size) == ("L", (96, 64))
    assert mask.getcolors() == [(400, 0), (96 * 64 - 400, 255)]
    assert mask.getpixel((15, 15)) == 0


def test_a_mask_of_a_colour() -> None:
    image = plain("white")
    image.paste((200, 30, 30), (10, 10, 20, 20))
    mask = made("mask", image=image, by="colour", colour="#c82020", tolerance=0.05)
    assert mask.getcolors() == [(100, 0), (96 * 64 - 100, 255)]


def test_a_mask_of_dark_parts() -> None:
    ramp = Image.linear_gradient("L")
    mask = made("mask", image=ramp, by="luminance", tones=[0, 0.25])
    assert mask.getpixel((5, 10)) == 0
    assert mask.getpixel((5, 200)) == 255


def test_a_mask_of_transparency() -> None:
    image = plain((1, 2, 3, 255), mode="RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 48, 64))
    mask = made("mask", image=image, by="alpha")
    assert (mask.getpixel((10, 10)), mask.getpixel((90, 10))) == (0, 255)
    assert made("mask", image=photo(), by="alpha").getextrema() == (255, 255)


def test_a_mask_is_turned_round_grown_and_softened() -> None:
    fields: dict[str, Any] = {"image": photo(), "by": "box", "box": [30, 20, 20, 20]}
    mask = made("mask", **fields)
    assert ImageChops.invert(made("mask", invert=True, **fields)).tobytes() == mask.tobytes()
    assert made("mask", grow=5, **fields).getcolors() == [(900, 0), (96 * 64 - 900, 255)]
    assert made("mask", grow=-5, **fields).getcolors() == [(100, 0), (96 * 64 - 100, 255)]
    assert len(made("mask", feather=6, **fields).getcolors() or ()) > 10


@pytest.mark.parametrize(
    ("name", "fields"), [("blur", {"radius": 6}), ("sharpen", {"amount": 2}), ("adjust", {"brightness": 0.5})]
)
def test_a_mask_keeps_what_is_white(name: str, fields: dict[str, Any]) -> None:
    mask = Image.new("L", (96, 64), 255)
    mask.paste(0, (0, 0, 48, 64))
    result = made(name, image=photo(), mask=mask, **fields)
    assert result.crop((48, 0, 96, 64)).tobytes() == photo().crop((48, 0, 96, 64)).tobytes()
    assert (
        result.crop((0, 0, 48, 64)).tobytes()
        == made(name, image=photo(), **fields).crop((0, 0, 48, 64)).tobytes()
    )
    assert result.crop((0, 0, 48, 64)).tobytes() != photo().crop((0, 0, 48, 64)).tobytes()


def test_a_radius_below_one_is_a_part_of_the_shorter_side() -> None:
    assert (
        made("blur", image=photo(), radius=3 / 64).tobytes()
        == made("blur", image=photo(), radius=3).tobytes()
    )


def test_adjust_with_nothing_said_changes_nothing() -> None:
    for mode in ("RGB", "RGBA"):
        assert made("adjust", image=photo(mode)).tobytes() == photo(mode).tobytes()


AMOUNTS = ("brightness", "contrast", "shadows", "highlights", "warmth", "saturation", "vibrance")


@pytest.mark.parametrize("field", AMOUNTS)
def test_each_number_of_adjust_goes_both_ways(field: str) -> None:
    up, down = made("adjust", image=photo(), **{field: 0.4}), made("adjust", image=photo(), **{field: -0.4})
    assert len({up.tobytes(), down.tobytes(), photo().tobytes()}) == 3


def test_highlights_above_zero_are_brighter() -> None:
    bright = plain((220, 220, 220))
    assert made("adjust", image=bright, highlights=0.5).getpixel((0, 0)) > (220, 220, 220)  # type: ignore[operator]
    assert made("adjust", image=bright, highlights=-0.5).getpixel((0, 0)) < (220, 220, 220)  # type: ignore[operator]


def test_a_full_turn_of_hues_is_the_picture_nearly_again() -> None:
    there = made("adjust", image=photo(), hue=180)
    back = made("adjust", image=there, hue=180)
    assert there.tobytes() != photo().tobytes()
    assert ImageStat.Stat(ImageChops.difference(back, photo())).mean[0] < 30


@given(st.integers(1, 200), st.integers(1, 200), st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_resizing_to_a_width_has_that_width_and_the_shape(width: int, height: int, to_width: int) -> None:
    result = made("resize", image=Image.new("L", (width, height)), width=to_width)
    assert result.width == to_width
    assert abs(result.height - max(1, height * to_width / width)) <= 0.5


# ---- protect


def test_protect_keeps_exactly_the_box_of_the_original() -> None:
    result = made("protect", image=plain("red"), edited=plain("blue"), box=[10, 8, 20, 16], feather=0)
    kept = ImageChops.difference(result, plain("blue")).getbbox()
    assert kept == (10, 8, 30, 24)
    assert result.crop(kept).tobytes() == plain("red", (20, 16)).tobytes()


def test_protect_and_crop_mean_the_same_by_a_box() -> None:
    box = [0.1, 0.2, 0.33, 0.41]
    result = made("protect", image=plain("red"), edited=plain("blue"), box=box, feather=0)
    area = ImageChops.difference(result, plain("blue")).getbbox()
    assert area is not None
    assert (area[2] - area[0], area[3] - area[1]) == made("crop", image=plain("red"), box=box).size


def test_protect_refuses_a_box_outside_the_picture() -> None:
    with pytest.raises(OperationError, match="outside the 96×64 picture"):
        made("protect", image=plain("red"), edited=plain("blue"), box=[90, 8, 20, 16])


@pytest.mark.parametrize("mode", ["L", "RGBA"])
def test_protect_keeps_what_is_white_and_opaque_in_a_mask_of_another_size(mode: str) -> None:
    mask = Image.new("RGBA", (48, 32), (255, 255, 255, 0) if mode == "RGBA" else (0, 0, 0, 255))
    mask.paste((255, 255, 255, 255), (0, 0, 24, 32))
    result = made("protect", image=plain("red"), edited=plain("blue"), mask=mask.convert(mode), feather=0)
    assert result.getpixel((10, 30)) == (255, 0, 0)
    assert result.getpixel((80, 30)) == (0, 0, 255)


def test_protect_scales_the_edit_to_the_original_and_softens_the_edge() -> None:
    edited = plain("blue", (48, 32))
    result = made("protect", image=plain("red"), edited=edited, box=[0, 0, 48, 64], feather=0.05)
    assert result.size == (96, 64)
    edge = result.getpixel((48, 30))
    assert isinstance(edge, tuple)
    assert edge[0] > 60
    assert edge[2] > 60

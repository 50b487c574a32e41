"""What the finishing operations make of small pictures: curves, tables, channels, frames, marks."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageCms, ImageStat
from tests.operations.examples import asset, half_mask, made, photo, plain

from editchain.errors import OperationError
from editchain.imaging.lut import neutral
from editchain.imaging.tone import through

# ---- curves


def test_a_straight_curve_changes_nothing() -> None:
    assert made("curves", image=photo(), master=[[0, 0], [0.5, 0.5], [1, 1]]).tobytes() == photo().tobytes()


def test_a_curve_goes_through_its_points() -> None:
    grey = plain((64, 64, 64))
    assert made("curves", image=grey, master=[[0, 0], [64 / 255, 0.5], [1, 1]]).getpixel((0, 0)) == (
        128,
        128,
        128,
    )
    assert made("curves", image=grey, blue=[[0, 0], [64 / 255, 1], [1, 1]]).getpixel((0, 0)) == (64, 64, 255)


@given(
    st.lists(
        st.tuples(st.integers(0, 100), st.floats(0, 1)), min_size=2, max_size=8, unique_by=lambda p: p[0]
    )
)
def test_between_two_points_a_curve_stays_between_them(points: list[tuple[int, float]]) -> None:
    ordered = [[x / 100, y] for x, y in sorted(points)]
    curve = through(ordered)
    for before, after in pairwise(ordered):
        low, high = sorted((before[1], after[1]))
        for step in range(11):
            value = curve(before[0] + (after[0] - before[0]) * step / 10)
            assert low - 1e-9 <= value <= high + 1e-9


def test_points_that_do_not_rise_are_refused() -> None:
    with pytest.raises(OperationError, match="have to rise"):
        made("curves", image=photo(), red=[[0.5, 0], [0.2, 1]])


# ---- look-up tables


@pytest.mark.parametrize("level", [4, 6])
def test_a_neutral_table_changes_next_to_nothing(level: int) -> None:
    result = made("lut", image=photo(), table=neutral(level * level))
    assert max(high for _, high in ImageChops.difference(result, photo()).getextrema()) <= 1  # type: ignore[misc]


def test_a_table_that_was_graded_grades_the_picture_alike() -> None:
    grade = {"warmth": 0.5, "contrast": 0.3}
    table = made("adjust", image=neutral(64), **grade)
    by_table, directly = made("lut", image=photo(), table=table), made("adjust", image=photo(), **grade)
    assert ImageStat.Stat(ImageChops.difference(by_table, directly)).mean == pytest.approx([0, 0, 0], abs=1.0)
    assert made("lut", image=photo(), table=table, amount=0).tobytes() == photo().tobytes()


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(OperationError, match="96×64; a Hald image is square, of 64, 125"):
        made("lut", image=photo(), table=photo())


# ---- channels


@pytest.mark.parametrize(("channel", "band"), [("red", 0), ("green", 1), ("blue", 2)])
def test_split_shows_one_channel(channel: str, band: int) -> None:
    result = made("split", image=photo(), channel=channel)
    assert (result.mode, result.tobytes()) == ("L", photo().getchannel(band).tobytes())


def test_split_and_merge_take_apart_and_put_together() -> None:
    parts = {
        name: made("split", image=photo("RGBA"), channel=name) for name in ("red", "green", "blue", "alpha")
    }
    assert made("merge", image=plain("white"), **parts).tobytes() == photo("RGBA").tobytes()


def test_a_picture_without_alpha_is_opaque_all_over() -> None:
    assert made("split", image=photo(), channel="alpha").getextrema() == (255, 255)


def test_merge_gives_a_picture_its_shape_and_keeps_its_colours() -> None:
    result = made("merge", image=photo(), alpha=half_mask((48, 32)))
    assert result.mode == "RGBA"
    assert result.convert("RGB").tobytes() == photo().tobytes()
    assert (result.getpixel((5, 5))[3], result.getpixel((90, 5))[3]) == (0, 255)  # type: ignore[index]


# ---- trim, perspective, upscale


def test_trim_takes_an_even_border_away_and_leaves_a_margin() -> None:
    framed = plain("white", (140, 100))
    framed.paste(plain("navy", (60, 40)), (30, 20))
    assert made("trim", image=framed).size == (60, 40)
    assert made("trim", image=framed, margin=5).size == (70, 50)
    assert made("trim", image=framed, margin=500).size == (140, 100)
    assert made("trim", image=plain("white")).size == (96, 64)


def test_trim_takes_transparent_edges_away() -> None:
    clear = Image.new("RGBA", (80, 60))
    clear.paste((9, 9, 9, 255), (10, 20, 40, 50))
    assert made("trim", image=clear).size == (30, 30)


def test_perspective_of_the_whole_picture_is_the_picture() -> None:
    result = made("perspective", image=photo(), corners=[[0, 0], [96, 0], [96, 64], [0, 64]])
    assert result.tobytes() == photo().tobytes()
    fractions = made("perspective", image=photo(), corners=[[0, 0], [1, 0], [1, 1], [0, 1]])
    assert fractions.tobytes() == photo().tobytes()


def test_perspective_brings_each_corner_to_its_place() -> None:
    image = plain("black", (200, 160))
    corners = [[40, 20], [170, 40], [180, 150], [20, 120]]
    for (x, y), colour in zip(corners, ("red", "lime", "blue", "white"), strict=True):
        image.paste(colour, (x - 12, y - 12, x + 12, y + 12))
    result = made("perspective", image=image, corners=corners, width=100, height=80)
    found = [result.getpixel(at) for at in ((2, 2), (97, 2), (97, 77), (2, 77))]
    assert found == [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]


@pytest.mark.parametrize(
    ("corners", "words"),
    [
        ([[0, 0], [0, 64], [96, 64], [96, 0]], "clockwise"),
        ([[0, 0], [50, 0], [90, 0], [30, 0]], "clockwise"),
        ([[0, 0], [97, 0], [96, 64], [0, 64]], "outside the picture"),
    ],
)
def test_perspective_refuses_corners_that_enclose_nothing(corners: list[list[float]], words: str) -> None:
    with pytest.raises(OperationError, match=words):
        made("perspective", image=photo(), corners=corners)


def test_upscale() -> None:
    assert made("upscale", image=photo(), factor=2.5).size == (240, 160)
    with pytest.raises(OperationError, match="16384"):
        made("upscale", image=plain(size=(4000, 10)), factor=8)


# ---- looks


def lab_of(image: Image.Image) -> list[float]:
    """The mean L, a and b, in levels."""
    made = ImageCms.profileToProfile(
        image.resize((64, 64), Image.Resampling.BOX),
        ImageCms.createProfile("sRGB"),
        ImageCms.createProfile("LAB"),
        outputMode="LAB",
    )
    assert made is not None
    return [ImageStat.Stat(channel).mean[0] for channel in made.split()]


def test_reinhard_takes_over_the_mean_light_and_hues_within_its_limits() -> None:
    image, reference = asset("lake.jpg"), asset("skies/evening.jpg")
    before, wanted = lab_of(image), lab_of(reference)
    after = lab_of(made("match_colours", image=image, reference=reference, method="reinhard", amount=1))
    for own, theirs, found in zip(before, wanted, after, strict=True):
        assert abs(found - theirs) < abs(own - theirs) or abs(own - theirs) < 3
    same = made("match_colours", image=image, reference=image, method="reinhard", amount=1)
    assert max(high for _, high in ImageChops.difference(same, image).getextrema()) <= 4  # type: ignore[misc]


def test_match_colours_goes_as_far_as_it_is_asked() -> None:
    blue = Image.blend(photo(seed=2), plain("blue"), 0.6)
    means = [
        ImageStat.Stat(made("match_colours", image=photo(), reference=blue, amount=amount)).mean[2]
        for amount in (0, 0.5, 1)
    ]
    assert means[0] == ImageStat.Stat(photo()).mean[2]
    assert means[0] < means[1] < means[2]


def test_grain_is_that_of_its_seed_and_keeps_to_its_mask() -> None:
    one, other = made("grain", image=photo(), seed=1), made("grain", image=photo(), seed=2)
    assert one.tobytes() != other.tobytes()
    masked = made("grain", image=photo(), mask=half_mask())
    right = (50, 0, 96, 64)
    assert masked.crop(right).tobytes() == photo().crop(right).tobytes()
    assert made("grain", image=photo(), amount=0).tobytes() == photo().tobytes()


def test_vignette_changes_corners_and_not_the_middle() -> None:
    result = made("vignette", image=plain("grey", (200, 150)), amount=0.8, colour="white")
    corner = result.getpixel((1, 1))
    assert isinstance(corner, tuple)
    assert corner[0] > 200
    assert result.getpixel((100, 75)) == (128, 128, 128)


# ---- watermark


def test_a_watermark_is_all_over_the_picture_and_faint() -> None:
    image = asset("coffee.jpg")
    result = made("watermark", image=image, text="Größe €", opacity=0.3)
    changed = ImageChops.difference(result, image).convert("L")
    for left in (0, 300):
        for top in (0, 200):
            assert changed.crop((left, top, left + 300, top + 200)).getbbox()
    assert changed.getextrema()[1] <= 0.3 * 255 + 1  # type: ignore[operator]
    assert made("watermark", image=image, text="a", opacity=0).tobytes() == image.tobytes()


def test_a_logo_is_repeated_in_its_own_colours() -> None:
    logo = Image.new("RGBA", (20, 20), (255, 0, 0, 255))
    result = made("watermark", image=plain("black", (200, 200)), logo=logo, opacity=1, degrees=0)
    assert result.getchannel("R").getextrema() == (0, 255)
    assert result.getchannel("B").getextrema() == (0, 0)


def test_tiny_marks_on_a_wide_picture_are_soon_done() -> None:
    assert made("watermark", image=plain(size=(16000, 8)), text=".", size=0.01, spacing=0).size == (16000, 8)


def test_a_watermark_that_the_font_cannot_write_is_refused() -> None:
    with pytest.raises(OperationError, match='"写"'):
        made("watermark", image=photo(), text="写")

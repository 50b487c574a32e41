"""Size, place and orientation of pictures."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from editchain.errors import OperationError
from editchain.imaging.geometry import (
    covering,
    fitting_size,
    largest_of_ratio,
    length,
    pixel_box,
    place,
    ratio,
    rotated,
    rounded,
    scaled,
    smallest_of_ratio,
)

SIDES = st.integers(1, 3000)


@pytest.mark.parametrize(
    ("size", "width", "height", "expected"),
    [
        ((96, 64), 48, None, (48, 32)),
        ((60, 40), 40, None, (40, 27)),
        ((60, 40), None, 20, (30, 20)),
        ((100, 100), 50, 20, (20, 20)),
        ((1000, 1), 10, None, (10, 1)),
        ((3, 2), 1, None, (1, 1)),
    ],
)
def test_a_size_that_fits(
    size: tuple[int, int], width: int | None, height: int | None, expected: tuple[int, int]
) -> None:
    assert fitting_size(size, width, height) == expected


@given(SIDES, SIDES, SIDES, SIDES)
def test_a_fitting_size_is_inside_and_touches(width: int, height: int, to_width: int, to_height: int) -> None:
    made = fitting_size((width, height), to_width, to_height)
    assert made[0] <= to_width
    assert made[1] <= to_height
    assert made[0] == to_width or made[1] == to_height


@given(SIDES, SIDES, st.integers(1, 30), st.integers(1, 30))
def test_sizes_of_a_ratio_lie_within_and_around(width: int, height: int, across: int, down: int) -> None:
    inner = largest_of_ratio((width, height), Fraction(across, down))
    outer = smallest_of_ratio((width, height), Fraction(across, down))
    assert inner[0] <= width <= outer[0]
    assert inner[1] <= height <= outer[1]
    assert inner[0] == width or inner[1] == height
    assert outer[0] == width or outer[1] == height


@pytest.mark.parametrize(("value", "whole"), [(0.5, 1), (1.5, 2), (2.5, 3), (-0.5, 0), (0.49999, 0)])
def test_halves_are_rounded_upwards(value: float, whole: int) -> None:
    assert rounded(value) == whole


def test_a_ratio_is_read_exactly() -> None:
    assert ratio("16:9") == Fraction(16, 9)
    assert ratio("2.39:1") == Fraction(239, 100)


def test_lengths_below_one_are_parts() -> None:
    assert (length(0.5, 300), length(1, 300), length(24, 300), length(-0.1, 300)) == (150, 1, 24, -30)


@pytest.mark.parametrize(
    ("numbers", "box"),
    [
        ([10, 20, 30, 40], (10, 20, 40, 60)),
        ([0, 0, 1, 1], (0, 0, 200, 100)),
        ([0.25, 0.5, 0.5, 0.5], (50, 50, 150, 100)),
    ],
)
def test_a_box_in_pixels_or_parts(numbers: list[float], box: tuple[int, int, int, int]) -> None:
    assert pixel_box(numbers, (200, 100)) == box


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [([150, 0, 60, 10], "reaches to 210, 10, outside the 200×100"), ([5, 5, 0, 5], "holds no pixel")],
)
def test_a_box_that_is_not_in_the_picture(numbers: list[float], reason: str) -> None:
    with pytest.raises(OperationError, match=reason):
        pixel_box(numbers, (200, 100))


@pytest.mark.parametrize(
    ("anchor", "corner"),
    [
        ("centre", (45, 20)),
        ("top_left", (0, 0)),
        ("bottom_right", (90, 40)),
        ("right", (90, 20)),
        ("top", (45, 0)),
    ],
)
def test_places(anchor: str, corner: tuple[int, int]) -> None:
    assert place((100, 50), (10, 10), anchor) == corner


def test_hidden_colours_do_not_bleed_when_a_picture_is_scaled() -> None:
    image = Image.new("RGBA", (20, 20), (0, 255, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 10, 20))
    made = scaled(image, (7, 7))
    pixels = [made.getpixel((x, 3)) for x in range(7)]
    assert all(green < 8 for _, green, _, alpha in pixels if alpha > 8)  # type: ignore[misc]


def test_scaling_to_its_own_size_is_the_picture_itself() -> None:
    image = Image.new("L", (5, 4))
    assert scaled(image, (5, 4)) is image


def test_covering_keeps_the_anchor_and_the_shape() -> None:
    image = Image.new("RGB", (300, 100), "blue")
    image.paste("red", (0, 0, 100, 100))
    assert covering(image, (50, 50), "left").getpixel((40, 25)) == (255, 0, 0)
    assert covering(image, (50, 50), "right").getpixel((0, 25)) == (0, 0, 255)
    assert covering(image, (60, 20)).tobytes() == scaled(image, (60, 20)).tobytes()


def test_covering_never_makes_a_picture_of_the_whole_on_the_way() -> None:
    assert covering(Image.new("L", (16000, 1)), (100, 100)).size == (100, 100)


@pytest.mark.parametrize("degrees", [90, 180, 270, -90, 450])
def test_quarter_turns_lose_nothing(degrees: int) -> None:
    image = Image.radial_gradient("L").resize((31, 17))
    back = rotated(rotated(image, degrees), -degrees)
    assert back.tobytes() == image.tobytes()


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_corners_that_come_into_view_have_the_colour(mode: str) -> None:
    made = rotated(Image.new(mode, (40, 40), "black"), 45, fill=(255, 255, 255, 255))
    assert made.size[0] > 50
    assert made.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    assert made.convert("RGB").getpixel((made.width // 2, made.height // 2)) == (0, 0, 0)


def test_a_transparent_background_makes_transparent_corners() -> None:
    made = rotated(Image.new("RGB", (40, 40), "black"), 30, fill=(0, 0, 0, 0))
    assert made.getpixel((0, 0)) == (0, 0, 0, 0)


def test_turning_without_growing_keeps_the_size() -> None:
    assert rotated(Image.new("RGB", (40, 20)), 90, expand=False).size == (40, 20)

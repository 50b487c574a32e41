"""Pictures laid on one another."""

from __future__ import annotations

import pytest
from PIL import Image

from editchain.errors import OperationError
from editchain.imaging.blends import BLENDS
from editchain.imaging.compose import (
    kept_where_white,
    laid_over,
    mask_of,
    on_colour,
    parse_colour,
    with_opacity,
)

GREY = Image.new("RGB", (4, 4), (128, 100, 200))


def over(colour: tuple[int, ...], blend: str, below: Image.Image = GREY) -> object:
    return laid_over(below, Image.new("RGBA", (4, 4), colour), (0, 0), blend).getpixel((0, 0))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("blend", "colour", "expected"),
    [
        ("normal", (10, 20, 30, 255), (10, 20, 30)),
        ("multiply", (255, 255, 255, 255), (128, 100, 200)),
        ("multiply", (0, 0, 0, 255), (0, 0, 0)),
        ("screen", (0, 0, 0, 255), (128, 100, 200)),
        ("screen", (255, 255, 255, 255), (255, 255, 255)),
        ("darken", (10, 255, 10, 255), (10, 100, 10)),
        ("lighten", (10, 255, 10, 255), (128, 255, 200)),
        ("difference", (128, 100, 200, 255), (0, 0, 0)),
        ("add", (100, 100, 100, 255), (228, 200, 255)),
        ("subtract", (100, 100, 100, 255), (28, 0, 100)),
    ],
)
def test_blends(blend: str, colour: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert over(colour, blend) == expected


@pytest.mark.parametrize("blend", BLENDS)
def test_what_is_transparent_changes_nothing(blend: str) -> None:
    assert over((10, 20, 30, 0), blend) == (128, 100, 200)


@pytest.mark.parametrize("blend", BLENDS)
def test_on_nothing_every_blend_is_the_overlay_itself(blend: str) -> None:
    below = Image.new("RGBA", (4, 4), (128, 100, 200, 0))
    assert over((10, 20, 30, 255), blend, below) == (10, 20, 30, 255)


def test_opacity_is_a_share_of_alpha() -> None:
    assert with_opacity(Image.new("RGBA", (1, 1), (1, 2, 3, 200)), 0.5).getpixel((0, 0)) == (1, 2, 3, 100)


def test_an_overlay_that_reaches_over_the_edge_is_cut() -> None:
    made = laid_over(GREY, Image.new("RGB", (4, 4), "red"), (2, -2))
    assert made.size == (4, 4)
    assert made.getpixel((3, 0)) == (255, 0, 0)
    assert made.getpixel((3, 3)) == (128, 100, 200)


def test_a_mask_shows_the_overlay_where_it_is_black() -> None:
    mask = Image.new("L", (4, 4), 255)
    mask.paste(0, (0, 0, 2, 4))
    made = laid_over(GREY, Image.new("RGB", (4, 4), "red"), (0, 0), mask=mask)
    assert made.getpixel((0, 0)) == (255, 0, 0)
    assert made.getpixel((3, 0)) == (128, 100, 200)


def test_a_mask_may_be_drawn_with_transparency() -> None:
    mask = Image.new("RGBA", (2, 1), (255, 255, 255, 255))
    mask.putpixel((0, 0), (255, 255, 255, 0))
    assert list(mask_of(mask, (2, 1)).tobytes()) == [0, 255]


def test_masked_pictures_of_two_modes_are_joined() -> None:
    after = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    assert kept_where_white(GREY, after, Image.new("L", (4, 4), 0)).getpixel((0, 0)) == (0, 0, 0, 0)
    assert kept_where_white(GREY, after, Image.new("L", (4, 4), 255)).getpixel((0, 0)) == (128, 100, 200, 255)


def test_a_background_that_is_half_transparent_keeps_alpha() -> None:
    clear = Image.new("RGBA", (1, 1), (0, 0, 0, 0))
    assert on_colour(clear, (9, 9, 9, 255)).getpixel((0, 0)) == (9, 9, 9)
    assert on_colour(clear, (9, 9, 9, 100)).getpixel((0, 0)) == (9, 9, 9, 100)


def test_an_unknown_colour_says_how_to_write_one() -> None:
    with pytest.raises(OperationError, match='"tael" is no colour'):
        parse_colour("tael")

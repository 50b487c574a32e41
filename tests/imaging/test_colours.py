"""Colours as people write them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from PIL import ImageColor

from editchain.imaging.colours import NAMES, colour

FIELDS = json.loads((Path(__file__).parents[2] / "schemas" / "fields.json").read_text("utf-8"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("teal", (0, 128, 128, 255)),
        (" Teal ", (0, 128, 128, 255)),
        ("transparent", (0, 0, 0, 0)),
        ("#0aa", (0, 170, 170, 255)),
        ("#0aa8", (0, 170, 170, 136)),
        ("#102030", (16, 32, 48, 255)),
        ("#10203040", (16, 32, 48, 64)),
    ],
)
def test_colours(text: str, value: tuple[int, int, int, int]) -> None:
    assert colour(text) == value


@pytest.mark.parametrize("text", ["", "tael", "#", "#12", "#12345", "#ggg", "0aa", "rgb(1,2,3)"])
def test_what_is_no_colour(text: str) -> None:
    assert colour(text) is None


def test_the_names_are_those_of_css() -> None:
    assert set(NAMES) == set(ImageColor.colormap)
    for name, value in NAMES.items():
        assert ImageColor.getrgb(name) == (value >> 16, value >> 8 & 255, value & 255)


def test_the_schema_accepts_what_is_read_here_and_nothing_else() -> None:
    pattern = re.compile(FIELDS["$defs"]["colour"]["pattern"])
    for text in (*NAMES, "transparent", "#0aa", "#0AA8", "#102030", "#10203040"):
        assert pattern.search(text)
        assert colour(text)
    for text in ("tael", "#12", "#12345", "#ggg", "0aa", "teal "):
        assert not pattern.search(text)

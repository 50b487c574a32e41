"""Text on pictures: which letters there are, and how lines are set."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from editchain.errors import OperationError
from editchain.imaging.draw import Lettering, check_text, font, text_size, written
from editchain.imaging.letters import letters, missing

FIELDS = Path(__file__).parents[2] / "schemas" / "fields.json"
WHITE = (255, 255, 255, 255)


def drawn(character: str, *, bold: bool = False) -> bytes:
    return bytes(font(32, bold=bold).getmask(character))


def area(text: str, style: Lettering, size: tuple[int, int] = (400, 200)) -> tuple[int, int, int, int]:
    """Where the text changes a black picture."""
    found = written(Image.new("RGB", size), text, style).getbbox()
    assert found is not None
    return found


@pytest.mark.parametrize("bold", [False, True])
def test_both_fonts_draw_every_letter_that_is_listed(bold: bool) -> None:
    nothing = drawn("\uffff", bold=bold)
    blank = [
        letter
        for letter in letters()
        if unicodedata.category(letter) not in ("Zs", "Cf") and drawn(letter, bold=bold) in (nothing, b"")
    ]
    assert blank == []


def test_the_pattern_of_drawn_text_is_the_same_list() -> None:
    pattern = re.compile(json.loads(FIELDS.read_text("utf-8"))["$defs"]["lettering"]["pattern"])
    allowed = {chr(code) for code in range(0x10000) if pattern.fullmatch(chr(code))}
    assert allowed == letters() | {"\n"}


def test_accents_may_be_written_apart_from_their_letters() -> None:
    assert check_text("Cafe\u0301") == "Café"


def test_a_letter_that_is_not_there_is_named() -> None:
    assert missing("aбγ写") == "写"
    with pytest.raises(OperationError, match='The font has no "写"'):
        check_text("写真")


def test_a_long_line_is_broken_between_words_at_the_size_asked_for() -> None:
    style = Lettering("centre", 24, WHITE, shadow=False)
    one, three = area("word", style), area("word and word and word and word and word", style)
    assert three[3] - three[1] > 1.8 * (one[3] - one[1])
    assert three[2] - three[0] <= 400


def test_lines_keep_within_the_width_that_is_given() -> None:
    wide = area("one two three four", Lettering("left", 20, WHITE, shadow=False))
    narrow = area("one two three four", Lettering("left", 20, WHITE, width=120, shadow=False))
    assert narrow[2] - narrow[0] <= 120 < wide[2] - wide[0]


def test_what_cannot_be_broken_or_is_too_high_is_made_smaller() -> None:
    long = area("W" * 40, Lettering("centre", 60, WHITE, shadow=False))
    assert 0 < long[0] < long[2] < 400
    high = area("line\n" * 12, Lettering("centre", 60, WHITE, shadow=False))
    assert 0 < high[1] < high[3] < 200


def test_lines_stand_as_they_are_aligned() -> None:
    text = "wwwwwwww\ni"
    left = area(text, Lettering("centre", 30, WHITE, align="left", shadow=False))
    picture = written(
        Image.new("RGB", (400, 200)), text, Lettering("centre", 30, WHITE, align="right", shadow=False)
    )
    second = picture.crop((0, 100, 400, 200)).getbbox()
    assert second is not None
    assert second[0] > left[0] + 100


def test_bold_letters_are_wider() -> None:
    assert text_size("weight", 40, bold=True)[0] > text_size("weight", 40)[0]


def test_a_box_lies_behind_the_text() -> None:
    style = Lettering("top_left", 30, WHITE, background=(0, 0, 255, 255))
    picture = written(Image.new("RGB", (200, 100)), "Hi", style)
    blue = picture.getchannel("B").getbbox()
    letters = picture.getchannel("R").getbbox()
    assert blue is not None
    assert letters is not None
    assert blue[0] < letters[0]
    assert blue[3] > letters[3]


def test_opacity_and_shadow_count() -> None:
    grey = Image.new("RGB", (200, 100), "grey")
    plain = written(grey, "Hi", Lettering("centre", 40, WHITE, shadow=False))
    faint = written(grey, "Hi", Lettering("centre", 40, WHITE, 0.5, shadow=False))
    assert plain.getchannel("R").getextrema() == (128, 255)
    assert faint.getchannel("R").getextrema()[1] < 200
    assert ImageChops.difference(plain, written(grey, "Hi", Lettering("centre", 40, WHITE))).getbbox()

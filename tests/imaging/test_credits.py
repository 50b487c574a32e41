"""Credits: what is said of how a picture was made comes out of XMP as it went in."""

from __future__ import annotations

import pytest
from tests.imaging.files import FILES, described, image_of

from editchain.imaging import credits as crediting
from editchain.imaging.credits import COMPOSITE, MOST_PROMPT_CHARACTERS, Credit
from editchain.imaging.marking import Mark, marked

CREDIT = Credit(
    COMPOSITE,
    "editchain 1",
    ("flux-kontext", "darkroom"),
    bytes(range(32)),
    "night[time=dusk]",
    'Say "<&>"\nin two lines,\tfür 夜',
    7,
    "ab" * 32,
)


def credited(data: bytes, credit: Credit = CREDIT) -> bytes:
    return marked(data, Mark("", credit.packet(), "rights"))


@pytest.mark.parametrize("name", FILES)
def test_it_comes_out_as_it_went_in_and_the_pixels_stay(name: str) -> None:
    data = credited(FILES[name])
    assert crediting.read(FILES[name]) is None
    assert crediting.read(data) == CREDIT
    assert image_of(data) == image_of(FILES[name])
    said = described(data)
    assert said["prompt"] == CREDIT.prompt
    assert said["DigitalSourceType"] == crediting.SOURCE_TYPES + COMPOSITE
    assert credited(data) == data


def test_what_xml_cannot_hold_is_left_out() -> None:
    found = crediting.read(credited(FILES["png"], Credit(key=bytes(32), prompt="a\0b\x1bc\ud800d")))
    assert found is not None
    assert found.prompt == "abcd"


def test_of_a_very_long_prompt_a_file_has_the_beginning() -> None:
    found = crediting.read(credited(FILES["jpeg"], Credit(key=bytes(32), prompt='"' * 100_000)))
    assert found is not None
    assert found.prompt == '"' * (MOST_PROMPT_CHARACTERS - 1) + "…"


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_cut_anywhere_are_borne(name: str) -> None:
    data = credited(FILES[name])
    for end in range(0, len(data), max(1, len(data) // 120)):
        assert crediting.read(data[:end]) in (None, CREDIT)
        assert credited(data[:end]).startswith(data[:2][:end])


def test_entities_are_not_expanded() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + Credit(key=bytes(32), prompt="&a;").packet()
    assert crediting.read(marked(FILES["png"], Mark("", bomb))) is None

"""`editchain edit` makes one edit at once, never over anything, and writes a recipe that costs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image
from tests.workbench import paint

from editchain.diagnostics import Problems
from editchain.language.recipes import Recipe, text_of, value_of, without_references, words_of
from editchain.language.references import Reference
from editchain.language.references import parse as parse_references
from editchain.language.syntax import parse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.commands.conftest import Said

    Call = Callable[..., Said]


def test_the_result_lies_beside_and_says_what_was_done(folder: Path, call: Call) -> None:
    said = call("edit", "a.png", "make it black and white")
    assert (said.code, said.out) == (0, "a-black-white.png\n")
    with Image.open("a-black-white.png") as made, Image.open("a.png") as original:
        assert made.size == original.size
        assert made.convert("RGB").getpixel((4, 4)) == made.convert("L").convert("RGB").getpixel((4, 4))


def test_the_same_again_makes_nothing(folder: Path, call: Call) -> None:
    call("edit", "a.png", "sepia")
    said = call("edit", "a.png", "sepia", "--json").document("edit")
    assert said["counts"] == {"cached": 1}
    assert said["files"] == [str(folder / "a-sepia.png")]


@pytest.mark.parametrize("extra", [(), ("--overwrite",)])
def test_the_photo_is_never_written_over(folder: Path, call: Call, extra: tuple[str, ...]) -> None:
    before = (folder / "a.png").read_bytes()
    said = call("edit", "a.png", "sepia", "-o", "a.png", *extra)
    assert said.code == 2
    assert "a.png is what this edit reads" in said.err
    assert (folder / "a.png").read_bytes() == before


def test_another_file_is_written_over_only_when_told(folder: Path, call: Call) -> None:
    (folder / "b.png").write_text("mine")
    said = call("edit", "a.png", "sepia", "-o", "b.png")
    assert (said.code, (folder / "b.png").read_text()) == (2, "mine")
    assert "--overwrite" in said.err
    assert call("edit", "a.png", "sepia", "-o", "b.png", "--overwrite").code == 0
    with Image.open("b.png") as made:
        assert made.size == (8, 6)


def test_an_earlier_edit_of_another_photo_is_not_written_over(folder: Path, call: Call) -> None:
    call("edit", "a.png", "sepia")
    paint(folder / "more" / "a.png", (1, 2, 3))
    before = (folder / "a-sepia.png").read_bytes()
    assert call("edit", "more/a.png", "sepia").code == 2
    assert (folder / "a-sepia.png").read_bytes() == before


def test_what_is_not_understood_is_said_and_nothing_is_made(folder: Path, call: Call) -> None:
    said = call("edit", "a.png", "sepia, add a hat")
    assert said.code == 2
    assert "  1 | sepia, add a hat\n    |        ^^^^^^^^^\n" in said.err
    assert sorted(one.name for one in folder.iterdir()) == ["a.png", "editchain.toml", "look.yaml"]


def test_several_photos(folder: Path, call: Call) -> None:
    paint(folder / "more" / "b.png")
    paint(folder / "more" / "c.png", (1, 200, 3))
    said = call("edit", "more/*.png", "sepia", "-o", "done")
    assert said.out.split() == ["done/b-sepia.png", "done/c-sepia.png"]
    said = call("edit", "a.png", "more/b.png", "sepia")
    assert sorted(said.out.split()) == ["a-sepia.png", "more/b-sepia.png"]


def test_the_format_of_the_photos_is_kept(folder: Path, call: Call) -> None:
    for name in ("one.JPG", "two.jpg"):
        paint(folder / "more" / name)
    assert call("edit", "more", "sepia", "-o", "done").out.split() == [
        "done/one-sepia.jpg",
        "done/two-sepia.jpg",
    ]
    paint(folder / "more" / "three.webp")
    said = call("edit", "more/*", "blur", "-o", "done")
    assert said.out.split() == ["done/one-blur.png", "done/three-blur.png", "done/two-blur.png"]


def test_the_recipe_runs_and_costs_nothing(folder: Path, call: Call) -> None:
    said = call("edit", "a.png", "sepia, then add a white border", "--seed", "3", "--save", "framed.yaml")
    assert said.code == 0
    text = (folder / "framed.yaml").read_text()
    assert 'default: "a.png"' in text
    assert "seed: 3" in text
    assert call("plan", "framed.yaml").out == "1 task · 1 cached\n"
    assert call("edit", "a.png", "blur", "--save", "framed.yaml").code == 2


def test_a_recipe_names_no_file_outside_of_its_workspace(folder: Path, call: Call) -> None:
    paint(folder.parent / "far.png")
    said = call("edit", "../far.png", "sepia", "--save", "far.yaml")
    assert said.code == 0
    assert str(folder.parent) not in (folder / "far.yaml").read_text()
    assert call("plan", "far.yaml", "-i", "photo=../far.png").out == "1 task · 1 cached\n"


def test_outside_of_a_workspace_it_uses_the_cache(
    folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = folder.parent / "elsewhere"
    paint(place / "x.png")
    monkeypatch.chdir(place)
    assert call("edit", "x.png", "sepia").code == 0
    assert sorted(one.name for one in place.iterdir()) == ["x-sepia.png", "x.png"]
    assert (folder.parent / "cache" / "editchain" / ".editchain" / "journal.db").is_file()


def test_a_budget_is_an_amount_and_holds_nothing_up_that_is_free(folder: Path, call: Call) -> None:
    assert call("edit", "a.png", "sepia", "--budget", "0").code == 0
    assert call("edit", "a.png", "sepia", "--budget", "much").code == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("b.png", "sepia"), 'There is no photo b.png. Did you mean "a.png"?'),
        (("a.png", "sepia", "--model", "darkrom"), 'Did you mean "darkroom"?'),
        (("a.png", "sepia", "--set", "strength=7"), "strength: 7 is more than the most, 1"),
        (("a.png", "sepia", "--set", "strength"), "is not FIELD=VALUE"),
        (("a.png", "sepia", "--save", "x.txt"), "NAME.yaml"),
        (("a.png", "sepia", "--save", "no/x.yaml"), "there is no folder no"),
        (("look.yaml", "sepia"), "is not an image"),
        (("a.png", "sepia", "--mask", "m.png"), "There is no photo m.png"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_plainly(
    folder: Path, call: Call, arguments: tuple[str, ...], says: str
) -> None:
    said = call("edit", *arguments)
    assert said.code == 2
    assert says in said.err
    assert ".editchain/edits" not in said.err


@pytest.mark.parametrize(
    "text",
    ["sepia", "$5 and $name and ${name} and $$", "a: b # c", "- x", "yes", "12", "null", 'say "hi"', "two\nlines", "'"],
)  # fmt: skip
def test_a_recipe_says_any_prompt_as_it_is(text: str) -> None:
    problems = Problems()
    written = text_of(Recipe("x", "darkroom", text, "{photo}-x.png"))
    document = parse(written, "x.yaml", problems)
    assert document is not None
    assert not problems.found
    assert parse_references(document.root["steps"]["edit"]["prompt"]) == text
    assert isinstance(parse_references("$name"), Reference)


def test_values_stay_what_they_are() -> None:
    assert [value_of(one) for one in (1, True, "16:9", "a b", 0.5)] == ["1", "true", '"16:9"', "a b", "0.5"]
    assert without_references("$5 $a $$") == "$5 $$a $$$"


def test_the_name_of_a_file_is_short_and_plain() -> None:
    assert words_of("Please make it Black & White!") == "black-white"
    assert words_of("the") == "the"
    assert words_of("!") == "edited"
    assert len(words_of("word " * 50)) <= 48

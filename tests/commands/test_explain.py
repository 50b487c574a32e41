"""`editchain explain` says what is understood, and where not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.darkroom.grammar import instructions

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.commands.conftest import Said

    Call = Callable[..., Said]


def test_edits_with_their_values_and_words(call: Call) -> None:
    said = call("explain", "make it much warmer, then crop to 16:9")
    assert said.code == 0
    assert [line.split() for line in said.out.splitlines()[1:]] == [
        ["1", "warmth", "amount", "+70%", '"make', "it", "much", 'warmer"'],
        ["2", "crop", "ratio", "16:9", '"crop', "to", '16:9"'],
    ]


def test_what_is_not_understood(call: Call) -> None:
    said = call("explain", "sepia, add a hat", "--json")
    found = said.document("explain")
    assert said.code == 2
    assert [one["edit"] for one in found["edits"]] == ["sepia"]
    assert [(one["start"], one["end"]) for one in found["problems"]] == [(7, 16)]
    assert "^^^^^^^^^" in call("explain", "sepia, add a hat").err


def test_a_misspelt_word_is_put_right(call: Call) -> None:
    assert 'Did you mean "vintage look"?' in call("explain", "vintege look").err


def test_without_a_prompt_all_instructions(call: Call) -> None:
    found = call("explain", "--json").document("explain")["instructions"]
    assert [(one["edit"], one["example"]) for one in found] == list(instructions())
    assert len(call("explain").out.splitlines()) == len(found) + 1


def test_an_empty_prompt(call: Call) -> None:
    assert call("explain", "").code == 2
    assert call("explain", "\n \x00").code == 2

"""The embedded model as a provider: what it says of prompts before anything runs."""

from __future__ import annotations

import pytest

from editchain.providers import advise_prompt, check_prompt

MATCH = "sepia, then match the colours of the reference"


def test_a_prompt_alone_is_held_against_the_vocabulary_only() -> None:
    assert list(check_prompt("darkroom", MATCH)) == []
    assert len(list(check_prompt("darkroom", "add a hat"))) == 1


def test_a_mask_does_not_go_with_a_change_of_shape() -> None:
    prompt = "sepia, then crop to 16:9, add a white border"
    found = list(check_prompt("darkroom", prompt, {"image": "$photo", "mask": "m.png"}))
    assert [prompt[start:end] for start, end, _, _ in found] == ["crop to 16:9", "add a white border"]
    assert "mask" in found[0][2]
    assert list(check_prompt("darkroom", prompt, ["image"])) == []
    assert list(check_prompt("darkroom", "sepia", ["image", "mask"])) == []


def test_an_instruction_that_looks_at_a_reference_needs_one() -> None:
    ((start, end, message, suggestion),) = check_prompt("darkroom", MATCH, ["image"])
    assert MATCH[start:end] == "match the colours of the reference"
    assert "no references" in message
    assert suggestion == "Give one under references."
    assert list(check_prompt("darkroom", MATCH, ["image", "references"])) == []


@pytest.mark.parametrize(("prompt", "count"), [("sepia", 1), (MATCH, 0), ("add a hat", 0)])
def test_references_that_nothing_uses_are_warned_of_once(prompt: str, count: int) -> None:
    found = list(advise_prompt("darkroom", prompt, ["image", "references"]))
    assert [(start, end) for start, end, _, _ in found] == [(0, len(prompt))] * count
    assert list(advise_prompt("darkroom", prompt, ["image"])) == []

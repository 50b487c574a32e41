"""Reasons: why a task is not stored, from the nearest result that is."""

from __future__ import annotations

import pytest

from editchain.plans.reasons import Difference, differences, nearest, phrase

STORED = 'editchain 1\nmodel=darkroom 1\nprompt="sepia"\nseed=4\nimage=sha256:aa\nreferences=task:01\nreferences=task:02\n'


def test_what_differs_is_told_field_by_field() -> None:
    wanted = STORED.replace("seed=4", "strength=0.5").replace("sepia", "cooler")
    assert differences(STORED, wanted) == (
        Difference("prompt", '"sepia"', '"cooler"'), Difference("strength", None, "0.5"), Difference("seed", "4", None),
    )  # fmt: skip
    assert differences(STORED, STORED) == ()


def test_pictures_of_a_list_are_one_field() -> None:
    assert differences(STORED, STORED.replace("task:02", "task:03")) == (
        Difference("references", "task:01,task:02", "task:01,task:03"),
    )


def test_a_value_with_an_equals_sign_and_line_breaks_is_one_value() -> None:
    wanted = STORED.replace('"sepia"', '"a=b\\nseed=9"')
    assert differences(STORED, wanted) == (Difference("prompt", '"sepia"', '"a=b\\nseed=9"'),)


def test_the_nearest_has_the_fewest_differences() -> None:
    far = STORED.replace("sepia", "cooler").replace("seed=4", "seed=5").replace("aa", "bb")
    near = STORED.replace("seed=4", "seed=5")
    found = nearest(STORED, [far, near])
    assert found is not None
    assert [one.field for one in found] == ["seed"]
    assert nearest(STORED, []) is None


@pytest.mark.parametrize(("wanted", "said"), [
    (STORED.replace("sepia", "cooler"), "prompt changed"),
    (STORED.replace("sepia", "cooler").replace("seed=4", "seed=5"), "prompt and seed changed"),
    (STORED.replace("task:02", "task:03"), "references changed"),
    (STORED.replace("seed=4\n", ""), "seed differs"),
    (STORED.replace("seed=4\n", "").replace("sepia", "x"), "prompt and seed differ"),
    (STORED, "asked for anew"),
    ("editchain 1\nmodel=other 1\nprompt=1\nseed=2\nimage=x\n", "new"),
])  # fmt: skip
def test_a_reason_is_a_phrase(wanted: str, said: str) -> None:
    assert phrase(nearest(wanted, [STORED])) == said


def test_without_anything_stored_it_is_new() -> None:
    assert phrase(None) == "new"

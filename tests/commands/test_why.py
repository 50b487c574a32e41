"""`editchain why` finds the one thing that changed, however far upstream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.commands.conftest import RECIPE
from tests.workbench import paint

from editchain.commands.showing import word_diff

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.commands.conftest import Said

    Call = Callable[..., Said]


def change(folder: Path, old: str, new: str) -> None:
    assert RECIPE.count(old) == 1
    (folder / "look.yaml").write_text(RECIPE.replace(old, new), encoding="utf-8")


def causes(call: Call, step: str, *more: str) -> list[Any]:
    found = call("why", "look.yaml", step, "--json", *more).document("why")
    assert found["state"] == "not-stored"
    return [(one["task"], one["field"]) for one in found["changes"] if one["is_cause"]]


def test_before_the_first_run(folder: Path, call: Call) -> None:
    said = call("why", "look.yaml", "tidy")
    assert (said.code, said.out) == (0, "tidy is not stored: nothing by darkroom is yet.\n")


def test_a_step_that_runs_a_pipeline_has_steps_of_its_own(folder: Path, call: Call) -> None:
    inner = "version: 1\nsteps:\n  in_: {pipeline: ./look.yaml}\n"
    (folder / "inner.yaml").write_text(inner)
    (folder / "outer.yaml").write_text(inner.replace("look", "inner").replace("in_", "sub"))
    said = call("why", "outer.yaml", "sub/in_")
    assert said.code == 2
    assert '"sub/in_" runs a pipeline. Name one of its steps: sub/in_/tidy' in said.err
    assert call("run", "outer.yaml").code == 0
    every = call("plan", "outer.yaml", "--json").document("plan")["summary"]["cached"]
    fresh = call("plan", "outer.yaml", "--json", "--fresh", "sub/in_").document("plan")["summary"]
    assert fresh["to_run"] == every > 0


def test_what_is_stored_says_when_and_by_which_run(ran: Path, call: Call) -> None:
    run = call("runs", "--json").document("runs")["runs"][0]["id"]
    said = call("why", "look.yaml", "sheet")
    assert said.out.startswith("sheet is stored.\n")
    assert f"by run {run} of look.yaml" in said.out
    assert call("why", "look.yaml", "sheet", "--json").document("why")["state"] == "stored"


def test_a_prompt_is_shown_word_by_word(ran: Path, call: Call) -> None:
    change(ran, "sepia, vintage", "sepia, vintage look")
    assert "prompt: vintage{+ look+}" in call("why", "look.yaml", "tone[vintage look]").out


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("crop to 4:3", "crop to 16:9", "crop to [-4:3-]{+16:9+}"),
        ("make it warmer", "brighten by 20%", "[-make it warmer-]{+brighten by 20%+}"),
        ("sepia, then blur", "sepia", "sepia[-, then blur-]"),
        ("add a thin border", "add a border", "add a [-thin -]border"),
    ],
)
def test_changed_words_stand_together(before: str, after: str, shown: str) -> None:
    assert word_diff(before, after) == shown


def test_the_cause_is_found_upstream(ran: Path, call: Call) -> None:
    change(ran, "auto levels", "auto levels and sharpen")
    assert causes(call, "sheet") == [("tidy", "prompt")]
    lines = call("why", "look.yaml", "sheet").out.splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["sheet", "tone[look=sepia]", "tidy"]


def test_of_several_pictures_the_changed_one_is_followed(ran: Path, call: Call) -> None:
    change(ran, "sepia, vintage", "sepia, blur")
    assert causes(call, "sheet") == [("tone[look=blur]", "prompt")]


def test_a_changed_file_is_named(ran: Path, call: Call) -> None:
    paint(ran / "a.png", (1, 2, 3))
    assert causes(call, "sheet") == [("tidy", "image[0]")]
    assert "a.png is another picture than it was then" in call("why", "look.yaml", "tidy").out


def test_another_file_is_named(ran: Path, call: Call) -> None:
    paint(ran / "b.png", (1, 2, 3))
    assert "is b.png, was a.png" in call("why", "look.yaml", "tidy", "-i", "photo=b.png").out


def test_another_model_is_named(ran: Path, call: Call) -> None:
    change(ran, "{model: darkroom}", "{model: seedream-4}")
    assert causes(call, "tidy") == [("tidy", "model")]
    said = call("why", "look.yaml", "tone[sepia]")
    assert said.out.startswith("tone[look=sepia] is not stored, and what it will be is not known yet")
    assert call("why", "look.yaml", "tone", "--json").document("why")["after"] == ["tidy"]


def test_more_pictures_than_then(ran: Path, call: Call) -> None:
    change(ran, "sepia, vintage", "sepia, vintage, blur")
    assert "images: takes 3 pictures of tone, took 2 then" in call("why", "look.yaml", "sheet").out


def test_an_operation_field_with_its_default(ran: Path, call: Call) -> None:
    change(ran, "images: $tone.*", "images: $tone.*, gap: 20")
    assert "gap: is 20, was 12 (not said)" in call("why", "look.yaml", "sheet").out


def test_a_step_of_several_tasks(ran: Path, call: Call) -> None:
    assert call("why", "look.yaml", "tone").out.startswith(
        "All 2 tasks of tone are stored. The first of them:\n"
    )
    change(ran, "sepia, vintage", "sepia, blur")
    assert call("why", "look.yaml", "tone").out.startswith("1 of 2 tasks of tone is not stored. The first:\n")


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ("tidi", 'Did you mean "tidy"?'),
        ("tone[blur]", 'tone has no key "blur"'),
        ("tone[look=vintag]", 'Did you mean "vintage"?'),
        ("tidy[sepia]", "tidy is a single task"),
        ("[", 'No step is called "["'),
        ("", 'No step is called ""'),
    ],
)
def test_a_wrong_address_is_said(folder: Path, call: Call, step: str, says: str) -> None:
    said = call("why", "look.yaml", step)
    assert said.code == 2
    assert says in said.err


def test_colour_only_on_a_terminal(ran: Path, call: Call) -> None:
    change(ran, "auto levels", "auto enhance")
    assert "\x1b" not in call("why", "look.yaml", "tidy").out

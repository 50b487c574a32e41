"""What published pictures are called: by all that had a hand in them, however far back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.workbench import paint, plan_of, step_of, written

from editchain.imaging.credits import ALGORITHMIC, COMPOSITE, ENHANCED, SOURCE_TYPES, TRAINED
from editchain.imaging.marking import Mark
from editchain.models import Model
from editchain.runs.crediting import Crediting, Past

if TYPE_CHECKING:
    from editchain.plans.tasks import StepPlan

RECIPE = """\
version: 1
steps:
  photo: {operation: flip, image: a.png}
  bought: {model: flux-kontext, image: a.png, prompt: Make it night}
  free: {model: darkroom, image: $photo, prompt: sepia}
  drawn: {operation: neutral_table, steps: 16}
  dreamt: {model: flux-kontext, image: $drawn, prompt: A castle}
"""


@pytest.mark.parametrize(
    ("step", "source_type", "models"),
    [
        ("photo", ENHANCED, ""),
        ("free", ENHANCED, "darkroom"),
        ("bought", COMPOSITE, "flux-kontext"),
        ("dreamt", TRAINED, "flux-kontext"),
        ("drawn", ALGORITHMIC, ""),
    ],
)
def test_the_source_type_is_of_all_that_had_a_hand_in_it(
    tmp_path: Path, step: str, source_type: str, models: str
) -> None:
    paint(tmp_path / "a.png")
    plan = plan_of(written(tmp_path, RECIPE))
    packet = Crediting(plan, "credit", {}).mark(step_of(plan, step), 0).packet
    assert packet is not None
    assert f'"{SOURCE_TYPES}{source_type}"'.encode() in packet
    assert (f'editchain:models="{models}"'.encode() in packet) == bool(models)
    assert Crediting(plan, "none", {}).mark(step_of(plan, step), 0) == Mark("none")


MAKERS = """\
version: 1
steps:
  drawn: {operation: neutral_table, steps: 16}
  made: {for_each: {maker: [flux-kontext, darkroom]}, model: $maker, image: $drawn, prompt: sepia}
  flip: {operation: flip, image: $made}
  sheet: {operation: contact_sheet, images: $flip.*}
  photo: {for_each: {at: [1, 2]}, model: darkroom, image: a.png, prompt: "brighten by ${at}0%"}
"""


def test_tasks_of_one_step_may_have_different_pasts(tmp_path: Path) -> None:
    """Where all tasks of a step take the same way one speaks for all; where not, each is looked at."""
    paint(tmp_path / "a.png")
    plan = plan_of(written(tmp_path, MAKERS))
    crediting = Crediting(plan, "credit", {})
    pasts = {one.task_name(at): crediting.past(one, at) for one in plan.steps for at in one.ordinals()}
    assert pasts == {one.task_name(at): _walked(one, at) for one in plan.steps for at in one.ordinals()}
    assert pasts["flip[maker=darkroom]"].source_type == ALGORITHMIC
    assert pasts["flip[maker=flux-kontext]"].source_type == TRAINED
    assert pasts["sheet"] == Past(("flux-kontext", "darkroom"), True, False)
    assert pasts["photo[at=2]"].source_type == ENHANCED


def _walked(one: StepPlan, at: int) -> Past:
    """The past by the definition: of all tasks that a picture came through."""
    models, is_trained, has_given = [], False, False
    left = [(one, at)]
    while left:
        task, ordinal = left.pop()
        document = task.way(ordinal).document
        if isinstance(document, Model):
            models.append(document.name)
            is_trained |= not document.deterministic
        has_given |= task.name == "photo"
        left += reversed(list(task.needs(ordinal)))
    return Past(tuple(dict.fromkeys(models)), is_trained, has_given)


def test_the_recipe_is_the_same_whatever_ends_its_lines(tmp_path: Path) -> None:
    paint(tmp_path / "a.png")
    plan = plan_of(written(tmp_path, RECIPE))
    was = Crediting(plan, "credit", {}).mark(step_of(plan, "bought"), 0)
    (tmp_path / "p.yaml").write_bytes((tmp_path / "p.yaml").read_bytes().replace(b"\n", b"\r\n"))
    assert Crediting(plan, "credit", {}).mark(step_of(plan, "bought"), 0) == was


def test_an_edit_of_the_recipe_changes_what_is_said_but_not_the_words(tmp_path: Path) -> None:
    paint(tmp_path / "a.png")
    for setting in ("credit", "full"):
        plan = plan_of(written(tmp_path, RECIPE))
        was = Crediting(plan, setting, {}).mark(step_of(plan, "bought"), 0)
        (tmp_path / "p.yaml").write_text(f"# a comment\n{RECIPE}")
        now = Crediting(plan, setting, {}).mark(step_of(plan, "bought"), 0)
        assert was.words == now.words
        assert was.packet != now.packet

"""What published pictures are called: by all that had a hand in them, however far back."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.workbench import paint, plan_of, step_of, written

from editchain.imaging.credits import COMPOSITE, ENHANCED, SOURCE_TYPES, TRAINED
from editchain.runs.crediting import ALGORITHMIC, Crediting

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
    packet = Crediting(plan, "credit", {}).packet(step_of(plan, step), 0)
    assert packet is not None
    assert f'"{SOURCE_TYPES}{source_type}"' in packet
    assert (f'editchain:models="{models}"' in packet) == bool(models)
    assert Crediting(plan, "none", {}).packet(step_of(plan, step), 0) is None

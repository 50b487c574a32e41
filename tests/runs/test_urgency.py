"""How long what follows takes, and where it leads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from benchmarks.pictures import tiny_png
from benchmarks.simulation import planned

from editchain.runs.urgency import LOCAL, LOCAL_SECONDS, REMOTE_SECONDS, Urgency

if TYPE_CHECKING:
    from pathlib import Path

    from editchain.plans.tasks import Plan

TEXT = """\
version: 1
inputs: {photo: {type: image, default: photo.png}}
steps:
  small: {operation: flip, image: $photo}
  quick: {model: flux-kontext, image: $small, prompt: Make it night.}
  slow: {model: gpt-image-2, image: $quick, prompt: Make it night.}
  end: {operation: flip, image: $slow}
  later: {operation: rotate, image: $photo, degrees: 90, after: [slow]}
outputs: {end: $end, later: $later}
"""
FLUX, GPT = "of flux-kontext", "of gpt-image-2"


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    (tmp_path / "photo.png").write_bytes(tiny_png("photo"))
    (tmp_path / "pipeline.yaml").write_text(TEXT)
    return planned(tmp_path / "pipeline.yaml")


def by_name(plan: Plan, values: list[float]) -> dict[str, float]:
    return {one.name: values[one.index] for one in plan.steps}


def test_without_experience_calls_are_alike(plan: Plan) -> None:
    urgency = Urgency(plan, {})
    slow = REMOTE_SECONDS + LOCAL_SECONDS
    assert by_name(plan, urgency.priorities) == pytest.approx(
        {
            "small": 2 * LOCAL_SECONDS + 2 * REMOTE_SECONDS, "quick": REMOTE_SECONDS + slow, "slow": slow,
            "end": LOCAL_SECONDS, "later": LOCAL_SECONDS,
        }
    )  # fmt: skip
    assert urgency.lanes == [[LOCAL], [FLUX], [GPT], [LOCAL], [LOCAL]]


def test_calls_are_taken_to_last_as_long_as_they_did(plan: Plan) -> None:
    urgency = Urgency(
        plan, {(FLUX, "flux-kontext"): 4.0, (GPT, "gpt-image-2"): 60.0, (FLUX, "gpt-image-2"): 9.0}
    )
    priorities = by_name(plan, urgency.priorities)
    assert priorities["slow"] == pytest.approx(60.0 + LOCAL_SECONDS)
    assert priorities["quick"] == pytest.approx(64.0 + LOCAL_SECONDS)
    assert urgency.distances[0] == pytest.approx({FLUX: LOCAL_SECONDS, GPT: LOCAL_SECONDS + 4.0})


def test_a_lane_is_as_far_as_what_comes_before_it(plan: Plan) -> None:
    distances = Urgency(plan, {}).distances
    assert distances[0] == pytest.approx({FLUX: LOCAL_SECONDS, GPT: LOCAL_SECONDS + REMOTE_SECONDS})
    assert distances[1] == {GPT: REMOTE_SECONDS}
    assert distances[2:] == [{}, {}, {}]

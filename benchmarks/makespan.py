"""How long a run takes on a virtual clock, beside what no schedule can be shorter than."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from benchmarks.measuring import ROUNDS, Row, process, python

if TYPE_CHECKING:
    from pathlib import Path

STEPS, PHOTOS = 20, 50


def rows(folder: Path, *, steps: int = STEPS, photos: int = PHOTOS, rounds: int = ROUNDS) -> list[Row]:
    """The median and the worst of `3 * rounds` random pipelines of `steps` steps over `photos` photos."""
    command = python("-m", "benchmarks.simulation", str(folder), str(steps), str(photos), str(3 * rounds))
    found = sorted(json.loads(process(command, folder).output), key=lambda one: one[0] / one[1])
    samples = {"ours": [one[0] for one in found], "bound": [one[1] for one in found]}
    chosen = {"median": found[len(found) // 2], "worst": found[-1]}
    return [
        Row(
            f"makespan of {steps * photos:,} tasks, {which} of {len(found)}",
            makespan,
            least,
            "s",
            "lower bound",
            1.03,
            samples,
        )
        for which, (makespan, least) in chosen.items()
    ]

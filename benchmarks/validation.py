"""The rules of each step's model applied to its fields, beside fastjsonschema."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from benchmarks.measuring import ROUNDS, Row, median, process, python

if TYPE_CHECKING:
    from pathlib import Path

STEPS = 10_000


def rows(folder: Path, *, steps: int = STEPS, rounds: int = ROUNDS) -> list[Row]:
    """CPU for the fields of `steps` steps, their models in turn."""
    command = python("-m", "benchmarks.documents", "validation", str(folder), str(steps), str(rounds))
    used = {
        name: [one * 1000 for one in values]
        for name, values in json.loads(process(command, folder).output).items()
    }
    return [
        Row(
            f"rules of {steps:,} steps",
            median(used["ours"]),
            median(used["peer"]),
            "ms",
            "fastjsonschema",
            1.5,
            used,
        )
    ]

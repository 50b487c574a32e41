"""From the text of a pipeline to a checked one with the place of every value, beside the C loader of PyYAML alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from benchmarks.measuring import ROUNDS, Row, median, process, python
from benchmarks.pictures import tiny_png

if TYPE_CHECKING:
    from pathlib import Path

STEPS = 10_000


def rows(folder: Path, *, steps: int = STEPS, rounds: int = ROUNDS) -> list[Row]:
    """CPU for a file of `steps` steps."""
    (folder / "photo.png").write_bytes(tiny_png("photo"))
    code = f"from benchmarks.documents import pipeline; print(pipeline({steps}))"
    (folder / "pipeline.yaml").write_text(process(python("-c", code), folder).output)
    output = process(
        python("-m", "benchmarks.documents", "reading", str(folder), str(steps), str(rounds)), folder
    ).output
    used = {name: [one * 1000 for one in values] for name, values in json.loads(output).items()}
    return [
        Row(
            f"reading and checking {steps:,} steps",
            median(used["ours"]),
            median(used["peer"]),
            "ms",
            "yaml.load, CSafeLoader",
            0.5,
            used,
        )
    ]

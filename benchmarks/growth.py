"""How CPU and memory grow with the number of tasks, beside a bare loop that keeps the same promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.measuring import ROUNDS, Row, in_memory, in_turns, median
from benchmarks.tasks import LAYERS, WIDTH, bare, ours

if TYPE_CHECKING:
    from pathlib import Path

TIMES = 10
LIBRARIES = (
    "anyio",
    "anyio._backends._asyncio",
    "asyncio",
    "PIL.Image",
    "PIL.ImageOps",
    "yaml",
    "jsonschema_rs",
)
"""What the engine is built on, and every run needs."""


def rows(
    folder: Path, *, layers: int = LAYERS, width: int = WIDTH, times: int = TIMES, rounds: int = ROUNDS
) -> list[Row]:
    """CPU for a task among `times` as many, files in memory, and the peak memory of the process at both sizes."""
    few, many = layers * width, layers * width * times
    with in_memory(folder) as memory:
        used = in_turns(
            rounds,
            ours=lambda: ours(memory / "ours", layers, width),
            bare=lambda: bare(memory / "bare", layers, width),
            laden=lambda: bare(memory / "bare", layers, width, *LIBRARIES),
            ours_many=lambda: ours(memory / "ours", layers, width * times),
            bare_many=lambda: bare(memory / "bare", layers, width * times),
        )
    counts = {"ours": few, "ours_many": many}
    cpu = {name: [one.cpu_seconds / counts[name] * 1e6 for one in used[name]] for name in counts}
    peak = {name: [one.peak_bytes / 1e6 for one in values] for name, values in used.items()}
    middle = {name: median(values) for name, values in peak.items()}
    return [
        Row(
            f"a task of {many:,}",
            median(cpu["ours_many"]),
            median(cpu["ours"]),
            "µs",
            f"of {few:,}",
            1.4,
            cpu,
        ),
        Row(f"peak memory, {few:,} tasks", middle["ours"], middle["bare"], "MB", "bare loop", 1.5, peak),
        Row(
            f"peak memory, {few:,} tasks",
            middle["ours"],
            middle["laden"],
            "MB",
            "bare loop and the libraries",
            1.5,
            peak,
        ),
        Row(
            f"peak memory, {many:,} tasks",
            middle["ours_many"],
            middle["bare_many"],
            "MB",
            "bare loop",
            1.5,
            peak,
        ),
    ]

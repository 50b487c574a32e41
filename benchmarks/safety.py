"""What safety costs: runs that wait for the disk beside the same ones that do not, and a kill with its repetition."""

from __future__ import annotations

import shutil
import signal
from typing import TYPE_CHECKING

from benchmarks.measuring import ROUNDS, Row, in_turns, median, process, python
from benchmarks.tasks import LAYERS, WIDTH, write_pipeline

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.measuring import Used

CALLS = 1000


def rows(
    folder: Path, *, calls: int = CALLS, layers: int = LAYERS, width: int = WIDTH, rounds: int = ROUNDS
) -> list[Row]:
    """By the clock, as waiting for the disk is no work: calls of 100 ms at 32 in flight, and trivial local tasks.

    By the processor: a run that is killed half-way and repeated, beside one that is left alone.
    """
    tasks = layers * width

    def of_calls(*more: str) -> float:
        write_calls(folder / "calls", calls)
        return float(_done(folder / "calls", "calls", *more).output)

    def of_tasks(*more: str) -> Used:
        write_pipeline(folder / "tasks", layers, width)
        return _done(folder / "tasks", "tasks", *more)

    def killed_and_repeated() -> float:
        write_pipeline(folder / "tasks", layers, width)
        half = ("--dies-after", str(max(1, tasks // 2)))
        killed = process(_command(folder / "tasks", "tasks", *half), folder, codes=(-signal.SIGKILL,))
        return killed.cpu_seconds + _done(folder / "tasks", "tasks").cpu_seconds

    clock = in_turns(
        rounds,
        calls=of_calls,
        calls_unsynced=lambda: of_calls("--unsynced"),
        tasks=lambda: float(of_tasks().output),
        tasks_unsynced=lambda: float(of_tasks("--unsynced").output),
    )
    cpu = in_turns(rounds, killed=killed_and_repeated, clean=lambda: of_tasks().cpu_seconds)
    return [
        _row(f"{calls:,} calls of 100 ms, 32 in flight, synced", clock["calls"], clock["calls_unsynced"], "unsynced", 1.1),
        _row(f"{tasks:,} trivial tasks, synced", clock["tasks"], clock["tasks_unsynced"], "unsynced", 1.25),
        _row(f"killed half-way and repeated, {tasks:,} tasks", cpu["killed"], cpu["clean"], "one clean run", 1.1),
    ]  # fmt: skip


def _row(measure: str, ours: Sequence[float], peer: Sequence[float], against: str, reach: float) -> Row:
    return Row(measure, median(ours), median(peer), "s", against, reach, {"ours": ours, "peer": peer})


def write_calls(folder: Path, calls: int) -> None:
    """A pipeline of so many edits at a vendor."""
    write_pipeline(folder, 1, 1)
    (folder / "editchain.toml").touch()
    numbers = ", ".join(f'"{number}"' for number in range(calls))
    (folder / "pipeline.yaml").write_text(
        f"version: 1\nsteps:\n  edit: {{for_each: {{n: [{numbers}]}}, model: flux-kontext, image: photo.png, prompt: Edit $n}}\n"
        'outputs:\n  edit: {from: $edit, path: "{n}.png"}\n'
    )


def _done(folder: Path, *arguments: str) -> Used:
    """A run to its end, with everything removed that it made."""
    used = process(_command(folder, *arguments), folder)
    shutil.rmtree(folder)
    return used


def _command(folder: Path, kind: str, *more: str) -> list[str]:
    return python("-m", "benchmarks.safe", kind, str(folder), *more)

"""What a trivial durable task costs, beside a bare loop that keeps the same promises."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from benchmarks.measuring import ROUNDS, Row, in_memory, in_turns, median, process, python
from benchmarks.pictures import tiny_png

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.measuring import Used

LAYERS, WIDTH = 10, 1000


def rows(folder: Path, *, layers: int = LAYERS, width: int = WIDTH, rounds: int = ROUNDS) -> list[Row]:
    """CPU for each of `layers` times `width` tasks, start and end of the process included: on disk, and in memory.

    In memory the system's part in making files is small, and the engine's own shows.
    """
    with in_memory(folder) as memory:
        return [
            _row(folder, "on disk", layers, width, rounds),
            _row(memory, "in memory", layers, width, rounds),
        ]


def _row(folder: Path, where: str, layers: int, width: int, rounds: int) -> Row:
    count = layers * width
    used = in_turns(
        rounds,
        ours=lambda: ours(folder / "ours", layers, width),
        bare=lambda: bare(folder / "bare", layers, width),
    )
    samples = {name: [one.cpu_seconds / count * 1e6 for one in values] for name, values in used.items()}
    return Row(
        f"a trivial durable task of {count:,}, {where}",
        median(samples["ours"]),
        median(samples["bare"]),
        "µs",
        "bare loop",
        1.5,
        samples,
    )


def write_pipeline(folder: Path, layers: int, width: int) -> None:
    """A pipeline of `layers` steps, each of `width` tasks that take the pictures of the step before."""
    folder.mkdir(parents=True)
    (folder / "photo.png").write_bytes(tiny_png("photo"))
    (folder / "editchain.toml").write_text('[metadata]\npublish = "none"\n')  # the bare loop copies too
    lines = ["version: 1", "inputs:", "  photo: {type: image, default: photo.png}", "steps:"]
    outputs = ["outputs:"]
    for layer in range(layers):
        source = f"s{layer - 1}" if layer else "photo"
        loop = f"for_each: {{number: {list(range(width))}}}, " if layer == 0 else ""
        lines.append(
            f"  s{layer}: {{{loop}model: darkroom, image: ${source}, prompt: sepia, seed: $number, strength: {(layer + 1) / (layers + 1):.4f}}}"
        )
        outputs.append(f'  o{layer}: {{from: $s{layer}, path: "layer{layer}/{{number}}.png"}}')
    (folder / "pipeline.yaml").write_text("\n".join([*lines, *outputs]) + "\n")


def ours(folder: Path, layers: int, width: int) -> Used:
    """One run of the engine in an empty folder."""
    write_pipeline(folder, layers, width)
    used = process(python("-m", "benchmarks.trivial", str(folder)), folder)
    shutil.rmtree(folder)
    return used


def bare(folder: Path, layers: int, width: int, *modules: str) -> Used:
    """One run of the bare loop in an empty folder, with modules that it imports and does not use."""
    folder.mkdir(parents=True)
    used = process(python("-m", "benchmarks.bare", str(folder), str(layers), str(width), *modules), folder)
    shutil.rmtree(folder)
    return used

"""Chains of local operations on large photos, beside the same by hand in Pillow."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from benchmarks.measuring import ROUNDS, Row, in_turns, median, process, python

if TYPE_CHECKING:
    from pathlib import Path

PHOTOS = 16
MEGAPIXELS = 12
LARGE = 50
MOST_MB = 400.0


def rows(
    folder: Path,
    *,
    rounds: int = ROUNDS,
    photos: int = PHOTOS,
    megapixels: float = MEGAPIXELS,
    large: float = LARGE,
) -> list[Row]:
    """CPU of one chain, the gain of a second core over several photos, and the memory that a chain takes, also of a large photo."""
    subprocess.run(_command(folder, "paint", photos, megapixels), check=True)
    (folder / "large").mkdir()
    subprocess.run(_command(folder / "large", "paint", 1, large), check=True)
    own = json.loads(process(_command(folder, "beside", rounds), folder).output)
    clock = in_turns(
        max(3, rounds // 2),
        one=lambda: _seconds(folder, 1),
        two=lambda: _seconds(folder, 2),
    )
    memory = in_turns(
        min(3, rounds),
        base=lambda: process(_command(folder, "once", "small.jpg"), folder).peak_bytes / 1e6,
        chain=lambda: process(_command(folder, "once", "photo-0.jpg"), folder).peak_bytes / 1e6,
        large=lambda: process(_command(folder, "once", "large/photo-0.jpg"), folder).peak_bytes / 1e6,
    )
    middle = {name: median(values) for name, values in (clock | memory).items()}
    size = f"{megapixels:g} megapixels"
    return [
        Row(
            f"a chain of 5 operations, {size}",
            median(own["ours"]),
            median(own["peer"]),
            "ms",
            "by hand in Pillow",
            1.10,
            own,
        ),
        Row(
            f"{photos} photos on two cores",
            middle["two"],
            middle["one"],
            "ms",
            "on one core, on the clock",
            round(1 / 1.85, 4),
            clock,
        ),
        Row(
            f"peak memory of a chain, {size}",
            max(middle["chain"] - middle["base"], 0.01),
            MOST_MB,
            "MB",
            "the limit, above the base",
            1.0,
            memory,
        ),
        Row(
            f"peak memory of a chain, {large:g} megapixels",
            max(middle["large"] - middle["base"], 0.01),
            MOST_MB * large / megapixels,
            "MB",
            "the limit in proportion",
            1.0,
            memory,
        ),
    ]


def _command(folder: Path, *arguments: object) -> list[str]:
    return python("-m", "benchmarks.chains", str(folder), *map(str, arguments))


def _seconds(folder: Path, workers: int) -> float:
    """How long all photos take by the clock, in milliseconds, less what other programs took of the processors."""
    return float(process(_command(folder, "all", workers), folder).output) * 1000

"""Runs are killed at random moments and started again: in the end everything is as if nobody had."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from tests.workbench import Bench

from editchain.journal.journal import Journal
from editchain.journal.maintenance import verify
from editchain.store import Store

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("EDITCHAIN_KILLS", "40"))
SEED = int(os.environ.get("EDITCHAIN_SEED", "1"))

COMMAND = [sys.executable, "-c", "from editchain.cli import main; main()", "run", "p.yaml"]

TWELVE = "[" + ", ".join(f'"{n}"' for n in range(12)) + "]"
RECIPE = f"""
inputs:
  photo: {{type: image, default: [a.png, b.png]}}
steps:
  grain: {{model: darkroom, image: $photo, prompt: add film grain, num_samples: 3}}
  words: {{for_each: {{n: {TWELVE}}}, operation: text, image: $photo, text: WORD $n}}
  small: {{operation: resize, image: $words, width: 90}}
  page: {{operation: contact_sheet, images: [$grain.*, $small.*]}}
outputs:
  page: {{from: $page, format: jpeg}}
  small: $small
  words: {{from: $words, path: "w/{{n}}.webp"}}
"""


def bench_at(folder: Path) -> Bench:
    bench = Bench(folder)
    bench.paint("a.png", (200, 120, 40), (160, 120))
    bench.paint("b.png", (20, 160, 220), (160, 120))
    return bench


def undisturbed(folder: Path, text: str) -> dict[str, bytes]:
    """What a run comes to that nobody disturbs."""
    bench = bench_at(folder)
    assert bench.run(bench.write(text)).report.exit_code == 0
    return bench.published()


def kill_one(bench: Bench, seconds: float) -> bool:
    """Starts a run and kills it after so long; whether it had not ended by then."""
    process = subprocess.Popen(
        COMMAND, cwd=bench.root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return True
    _, messages = process.communicate()
    assert process.returncode == 0, messages
    return False


def check_sound(bench: Bench) -> None:
    """The store holds what the journal says, and nothing is left lying about."""
    folder = bench.root / ".editchain"
    with Journal.open(folder, now=time.time) as journal, Store(folder) as store:
        store.sweep()
        found = verify(store, journal)
        assert found.damaged == ()
        assert found.missing == ()
        assert journal.counts()["claims"] == 0
        assert [path.name for path in (folder / "owners").iterdir()] == [journal.owner]
    assert list(bench.root.rglob("*.tmp")) == []


def test_runs_killed_at_any_moment_come_to_the_same(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    texts = [RECIPE, RECIPE.replace("WORD", "OTHER").replace("width: 90", "width: 80")]
    wanted = [undisturbed(tmp_path / f"calm{number}", text) for number, text in enumerate(texts)]
    began = time.monotonic()
    assert not kill_one(bench_with(tmp_path / "timed", texts[0]), 60)
    whole = time.monotonic() - began
    kills = rounds = 0
    while kills < KILLS:
        rounds += 1
        bench = bench_with(tmp_path / f"round{rounds}", texts[0])
        wishes = rng.choice(
            [[0], [0], [0, 1], [1, 0]]
        )  # now and then the recipe changes between kill and repetition
        for wish in wishes:
            bench.write(texts[wish])
            for _ in range(rng.randint(1, 6)):
                if not kill_one(bench, rng.uniform(0.1, whole)):
                    break
                kills += 1
        ran = subprocess.run(COMMAND, cwd=bench.root, capture_output=True, text=True, timeout=120)
        assert ran.returncode == 0, ran.stderr
        assert "left alone" not in ran.stdout
        assert bench.published() == wanted[wishes[-1]]
        assert bench.left(bench.root / "p.yaml") == 0
        check_sound(bench)
        results = bench.rows("results")
        assert len(results) == len({row["key"] for row in results})


def bench_with(folder: Path, text: str) -> Bench:
    bench = bench_at(folder)
    bench.write(text)
    return bench

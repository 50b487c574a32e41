"""Every benchmark runs at a tiny size and gives rows; how long anything takes is not asserted."""

from __future__ import annotations

import importlib
import json
import math
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from benchmarks import BENCHMARKS
from benchmarks.__main__ import main, table
from benchmarks.bare import main as bare
from benchmarks.heaviest import CASES
from benchmarks.measuring import Row, in_turns
from benchmarks.pictures import tiny_png
from benchmarks.simulation import Lengths, bound, lane_of, planned, simulate

from editchain.imaging.probe import probe
from editchain.operations import OPERATIONS
from editchain.runs.urgency import LOCAL

if TYPE_CHECKING:
    from pathlib import Path

TINY: dict[str, dict[str, Any]] = {
    "nothing": {"layers": 2, "width": 3},
    "tasks": {"layers": 2, "width": 3},
    "growth": {"layers": 2, "width": 3, "times": 2},
    "reading": {"steps": 8},
    "validation": {"steps": 8},
    "makespan": {"steps": 5, "photos": 4},
    "starting": {},
    "chaining": {"photos": 2, "megapixels": 0.01, "large": 0.02},
    "edits": {"megapixels": 0.01},
    "heaviest": {"megapixels": 0.3, "word": "crop"},
    "serving": {"clients": 3, "seconds": 1.5},
    "calls": {"calls": 6, "few": 1, "in_flight": 3},
    "safety": {"calls": 3, "layers": 2, "width": 3},
}
NEEDS_NINJA = pytest.mark.skipif(shutil.which("ninja") is None, reason="ninja is not installed")
SLOW = ("nothing", "growth", "chaining", "edits", "heaviest", "serving", "calls", "safety")
"""Those that begin many processes, or work on pictures."""
MARKS = {name: [pytest.mark.slow] for name in SLOW}
MARKS["nothing"].append(NEEDS_NINJA)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=MARKS.get(name, ())) for name in BENCHMARKS],
)
def test_gives_rows_at_a_tiny_size(name: str, tmp_path: Path) -> None:
    rows: list[Row] = importlib.import_module(f"benchmarks.{name}").rows(tmp_path, rounds=1, **TINY[name])
    assert rows
    for row in rows:
        assert row.measure and row.against and row.unit
        assert row.ours > 0 and row.peer > 0 and row.reach > 0
        assert math.isfinite(row.ratio)
        assert all(len(values) >= 1 for values in row.samples.values())


def test_the_heaviest_is_looked_for_among_all_operations() -> None:
    assert {case["operation"] for case in CASES} == OPERATIONS.keys() - {"run_command"}


def test_the_table_says_what_is_reached() -> None:
    rows = [Row("a", 1.0, 2.0, "ms", "b", 0.5), Row("c", 3.0, 2.0, "ms", "d", 1.4)]
    lines = table(rows).splitlines()
    assert lines[2] == "| a | 1.0 ms | b | 2.0 ms | 0.500 | ≤ 0.5 | reached |"
    assert lines[3].endswith("| 1.500 | ≤ 1.4 | **not reached** |")


@pytest.mark.skipif(shutil.which("ninja") is None, reason="its version is part of the machine")
def test_the_command_writes_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(
        ["validation", "--rounds", "1", "--folder", str(tmp_path), "--json", str(tmp_path / "figures.json")]
    )
    written = json.loads((tmp_path / "figures.json").read_text())
    assert [row["measure"] for row in written["rows"]] == ["rules of 10,000 steps"]
    assert code == (0 if written["rows"][0]["is_reached"] else 1)
    assert "rules of 10,000 steps" in capsys.readouterr().out
    assert written["machine"]["processor"]


def test_a_name_that_is_no_benchmark_is_refused() -> None:
    with pytest.raises(SystemExit):
        main(["nonsense"])


class Given(Lengths):
    """Lengths that are said, by the places of steps."""

    def __init__(self, of: dict[tuple[int, int], float]) -> None:
        self.of = of


def test_the_bound_counts_what_a_lane_waits_for_and_what_comes_after(tmp_path: Path) -> None:
    lines = ["version: 1", "inputs:", "  photo: {type: images, default: photos}", "steps:"]
    lines += ["  first: {operation: flip, image: $photo}"]
    lines += ["  call: {model: flux-kontext, image: $first, prompt: Make it night.}"]
    lines += ["  last: {operation: flip, image: $call}", "outputs: {last: $last}"]
    (tmp_path / "pipeline.yaml").write_text("\n".join(lines))
    (tmp_path / "photos").mkdir()
    for at in range(4):
        (tmp_path / f"photos/{at}.png").write_bytes(tiny_png(str(at)))
    plan = planned(tmp_path / "pipeline.yaml")
    lane = lane_of(plan.steps[1])
    lengths = Given({(one.index, at): 1.0 + one.index for one in plan.steps for at in range(4)})
    limits = {LOCAL: 4, lane: 2}
    assert bound(plan, lengths, limits) == 1.0 + 4 * 2.0 / 2 + 3.0
    assert bound(plan, lengths, {LOCAL: 4, lane: 4}) == 1.0 + 2.0 + 3.0, (
        "fewer tasks than that counts: the chain"
    )
    assert bound(plan, lengths, {LOCAL: 1, lane: 4}) == 4 * 1.0 + 4 * 3.0, "a lane's own work"


def test_no_schedule_is_shorter_than_the_bound(tmp_path: Path) -> None:
    for seed in range(12):
        makespan, least = simulate(tmp_path / str(seed), 4, 6, seed)
        assert makespan >= least - 1e-9


def test_turns_change_who_is_first() -> None:
    order: list[str] = []
    taken = in_turns(3, first=lambda: order.append("first"), second=lambda: order.append("second"))
    assert order == ["first", "second", "second", "first", "first", "second"]
    assert {name: len(values) for name, values in taken.items()} == {"first": 3, "second": 3}


def test_tiny_pictures_differ_and_are_pictures() -> None:
    first, second = tiny_png("one"), tiny_png("two")
    assert first != second
    found = probe(first)
    assert found is not None and (found.format, found.width, found.height) == ("png", 1, 1)


def test_the_bare_loop_keeps_its_promises(tmp_path: Path) -> None:
    bare(tmp_path, 2, 3)
    published = sorted(path.relative_to(tmp_path / "out").as_posix() for path in tmp_path.glob("out/*/*"))
    assert published == [f"layer{layer}/{number}.png" for layer in range(2) for number in range(3)]
    assert len([path for path in tmp_path.glob("objects/*/*") if path.is_file()]) == 6
    assert len((tmp_path / "records.jsonl").read_text().splitlines()) == 6

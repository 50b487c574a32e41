"""What a run does to its lock, where the tests of the command do not look."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.workbench import loaded

import editchain
from editchain.errors import StoreError, Unsettled
from editchain.lockfiles import read, stamp
from editchain.runs import locking
from editchain.runs.preparing import Preparation

if TYPE_CHECKING:
    from tests.workbench import Bench

RECIPE = """\
steps:
  one: {operation: flip, image: a.png}
  two: {operation: rotate, image: b.png, degrees: 90}
outputs: {one: $one, two: $two}
"""


def test_a_program_writes_the_lock_too(bench: Bench) -> None:
    file = bench.write(RECIPE)
    assert editchain.run(editchain.load(file), bench.root / "out").exit_code == 0
    place = bench.root / "p.lock.jsonl"
    assert [line.task for line in read(place).lines] == ["one", "two"]
    text = place.read_text().splitlines()
    other = text[1].replace(read(place).lines[0].digest.hex(), "ab" * 32)
    place.write_text("\n".join([*text, other, ""]))
    with pytest.raises(Unsettled, match="2 pictures for one"):
        editchain.plan(editchain.load(file))


def test_lines_that_another_run_wrote_meanwhile_stay(bench: Bench) -> None:
    file = bench.write(RECIPE)
    assert bench.command("run", "p.yaml", "--until", "one")[0] == 0
    place = bench.root / "p.lock.jsonl"
    with bench.workspace() as workspace:
        preparation = Preparation(workspace, loaded(file))
        begun = preparation.locking(is_partial=True)
        assert bench.command("run", "p.yaml", "--until", "two")[0] == 0
        assert stamp(place) != begun.stamp
        look = workspace.look
        assert look is not None
        locking.write(begun, preparation.plan(), look, preparation.digests, workspace.store)
    assert [line.task for line in read(place).lines] == ["one", "two"]


def test_a_lock_that_cannot_be_written_takes_nothing_else_along(bench: Bench) -> None:
    pipeline = editchain.load(bench.write(RECIPE))
    place = bench.root / "p.lock.jsonl"
    with pytest.raises(StoreError, match="is a folder where a file should be"):
        editchain.run(pipeline, bench.root / "out", watch=lambda _ended: place.mkdir(exist_ok=True))
    assert sorted(bench.published()) == ["one.png", "two.png"]
    assert bench.rows("runs")[-1]["exit_code"] == 0
    place.rmdir()
    assert bench.command("run", "p.yaml")[0] == 0
    assert len(read(place).lines) == 2

"""Providers are kept busy: what leads to one that is about to run dry goes before longer paths."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.simulation import simulate

from editchain.runs.board import Board

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def feeds(task: int) -> Iterable[tuple[str, tuple[float, int]]]:
    """Task 1 leads to y soon, 2 to z, 3 to y later; 0 and 4 lead nowhere."""
    return {1: [("y", (1.0, 0))], 2: [("z", (1.0, 0))], 3: [("y", (5.0, 0))]}.get(task, [])


def board() -> Board:
    return Board(5, [], lambda _task: "x", lambda task: float(10 - task), range(5), feeds)


def test_urgent_tasks_come_first_where_no_lane_is_hungry() -> None:
    assert board().take("x", 5) == [0, 1, 2, 3, 4]


def test_what_leads_to_a_hungry_lane_comes_before_the_urgent() -> None:
    assert board().take("x", 3, ["y"]) == [1, 0, 2]
    assert board().take("x", 3, ["z", "y"]) == [2, 1, 0]


def test_nothing_is_lost_where_more_lanes_are_hungry_than_tasks_wanted() -> None:
    one = board()
    assert [one.take("x", 1, ["y", "z"]) for _ in range(6)] == [[1], [3], [2], [0], [4], []]
    assert one.ready("x") == 0
    assert one.lanes() == []


def test_a_task_that_was_put_back_is_taken_once_more() -> None:
    one = board()
    assert one.take("x", 1, ["y"]) == [1]
    one.push(1)
    assert one.ready("x") == 5
    assert sorted(one.take("x", 9, ["y"])) == [0, 1, 2, 3, 4]


def test_lanes_know_what_is_left_in_them() -> None:
    one = board()
    one.take("x", 1)
    one.settle(0)
    assert (one.left_in("x"), one.left_in("y"), one.left) == (4, 0, 4)


def test_two_providers_that_take_turns_are_both_kept_busy(tmp_path: Path) -> None:
    makespan, bound = simulate(tmp_path, 10, 100, 19)
    assert makespan <= 1.1 * bound

"""The pace of a vendor's account: down at once, slowly up, never beyond what is allowed."""

from __future__ import annotations

import random

import pytest

from editchain.runs.pacing import PATIENCE_SECONDS, Lane, Pace


def test_a_vendor_without_trouble_is_used_as_far_as_it_allows() -> None:
    pace = Pace(Lane(8, 2.0))
    assert (pace.width, pace.per_second, pace.pause(0.0)) == (8, 2.0, 0.0)
    pace.begin(0.0)
    assert pace.pause(0.0) == pytest.approx(0.5)
    for _ in range(100):
        pace.succeed()
    assert (pace.width, pace.per_second) == (8, 2.0)


def test_a_wish_for_less_is_heeded_at_once_and_by_all() -> None:
    pace = Pace(Lane(8, 2.0))
    assert pace.slow(10.0, 9.0, 30.0)
    assert (pace.width, pace.per_second, pace.pause(10.0)) == (4, 1.0, 30.0)


def test_of_many_that_are_refused_together_one_counts() -> None:
    pace = Pace(Lane(16))
    assert pace.slow(10.0, 9.0, 1.0)
    assert not any(pace.slow(10.1, 9.5, 5.0) for _ in range(15))
    assert pace.width == 8
    assert pace.pause(10.1) == pytest.approx(5.0)  # the longest wish holds all the same
    assert pace.slow(30.0, 20.0, 1.0)
    assert pace.width == 4


def test_it_goes_up_slowly() -> None:
    pace = Pace(Lane(16))
    pace.slow(0.0, 0.0, 1.0)
    widths = []
    for _ in range(200):
        pace.succeed()
        widths.append(pace.width)
    assert widths[7] == 8  # one more takes about as many successes as there are calls at a time
    assert widths[8] == 9
    assert widths[-1] == 16
    assert widths == sorted(widths)


def test_how_many_the_vendor_says_it_takes_is_the_most_from_then_on() -> None:
    pace = Pace(Lane(16))
    pace.slow(0.0, 0.0, 1.0, parallel=3)
    for _ in range(500):
        pace.succeed()
    assert pace.width == 3


def test_it_is_never_less_than_one_and_never_more_than_allowed() -> None:
    chance = random.Random(5)
    pace, now = Pace(Lane(6, 3.0)), 0.0
    for _ in range(5000):
        now += chance.uniform(0, 2)
        if chance.random() < 0.3:
            pace.slow(now, now - chance.uniform(0, 3), chance.uniform(0, 9), chance.choice([None, 0, 2, 99]))
        else:
            pace.succeed()
        assert 1 <= pace.width <= 6
        assert pace.per_second is not None
        assert 3.0 / 16 <= pace.per_second <= 3.0


def test_an_account_that_is_busy_for_long_without_a_success_is_given_up() -> None:
    pace = Pace(Lane(4))
    pace.slow(0.0, 0.0, 1.0)
    assert not pace.is_hopeless(PATIENCE_SECONDS - 1)
    assert pace.is_hopeless(PATIENCE_SECONDS)
    assert pace.is_hopeless(61.0, patience_seconds=60.0)
    pace.succeed()
    assert not pace.is_hopeless(PATIENCE_SECONDS * 9)


def test_an_outage_is_not_multiplied() -> None:
    pace = Pace(Lane(4))
    assert [pace.may_retry() for _ in range(12)] == [True] * 10 + [False] * 2
    for _ in range(10):
        pace.succeed()
    assert [pace.may_retry() for _ in range(2)] == [True, False]

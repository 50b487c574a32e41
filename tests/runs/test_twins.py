"""Which of tasks with equal keys leads."""

from __future__ import annotations

import random

from editchain.runs.twins import Twins


def test_the_first_of_a_key_leads_the_others() -> None:
    keys = [b"a" * 32, b"b" * 32, b"a" * 32]
    twins = Twins(3, keys.__getitem__)
    assert [twins.lead(key, task) for task, key in enumerate(keys)] == [0, 1, 0]
    assert twins.leader(b"b" * 32) == 1
    assert twins.leader(b"c" * 32) is None


def test_keys_that_begin_alike_are_told_apart() -> None:
    keys = [b"same....".ljust(32, bytes((last,))) for last in range(50)]
    twins = Twins(50, keys.__getitem__)
    assert [twins.lead(key, task) for task, key in enumerate(keys)] == list(range(50))
    assert [twins.leader(key) for key in keys] == list(range(50))


def test_it_says_what_a_dict_would() -> None:
    chance = random.Random(7)
    keys = [chance.randbytes(32) for _ in range(60)] * 4
    chance.shuffle(keys)
    twins, first = Twins(len(keys), keys.__getitem__), {}
    for task, key in enumerate(keys):
        assert twins.lead(key, task) == first.setdefault(key, task)


def test_a_key_that_a_leader_has_no_more_is_free() -> None:
    keys = [b"a" * 32, b"b" * 32]
    twins = Twins(2, keys.__getitem__)
    twins.lead(keys[0], 0)
    keys[0] = b"c" * 32
    assert twins.leader(b"a" * 32) is None
    assert twins.lead(b"a" * 32, 1) == 1


def test_followers_are_given_out_once() -> None:
    twins = Twins(3, lambda _task: b"a" * 32)
    twins.follow(0, 1)
    twins.follow(0, 2)
    assert twins.take_followers(0) == [1, 2]
    assert twins.take_followers(0) == []

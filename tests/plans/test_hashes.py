"""Keys and digests, held in one piece."""

from __future__ import annotations

import pytest

from editchain.plans.hashes import Digests, Keys

A, B = b"a" * 32, b"b" * 32


def test_keys_are_open_until_they_are_known() -> None:
    keys = Keys(3)
    keys[1] = A
    assert list(keys) == [None, A, None]
    assert keys[1] == A and keys[2] is None
    keys[1] = None
    assert keys == [None, None, None] and keys != [None, A, None]
    assert len(keys) == 3


def test_tasks_that_are_alike_have_one_key() -> None:
    keys = Keys(2)
    keys.fill(B)
    assert keys == [B, B]
    keys[0] = A
    assert keys == [A, B]


def test_digests_are_a_mapping_of_those_that_are_known() -> None:
    digests = Digests(4)
    assert not digests
    digests[2], digests[0] = A, b""
    assert digests == {0: b"", 2: A}
    assert 2 in digests and 1 not in digests
    assert digests.get(0) == b"" and digests.get(1) is None and digests.get(1, B) == B
    assert digests.has_empty
    del digests[0]
    assert digests == {2: A} and not digests.has_empty
    with pytest.raises(KeyError):
        digests[1]


def test_a_hash_is_of_32_bytes_and_an_ordinal_of_the_step() -> None:
    digests = Digests(1)
    with pytest.raises(ValueError, match="assignment"):
        digests[0] = b"short"
    with pytest.raises(IndexError):
        Keys(1)[1]


def test_they_show_the_beginnings_of_what_they_hold() -> None:
    keys = Keys(2)
    keys[0] = A
    assert repr(keys) == "Keys(['61616161', None])"

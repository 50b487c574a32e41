"""The lock as text: read, sorted, merged, settled."""

from __future__ import annotations

import errno
import json
import os
import random
from typing import TYPE_CHECKING

import pytest

from editchain import lockfiles
from editchain.errors import ConfigurationError, StoreError, Unsettled
from editchain.lock import Held, Line, Lock, Output, named, parse, place_of, text_of
from editchain.platform import Disk

if TYPE_CHECKING:
    from pathlib import Path


def picture(number: int) -> Output:
    return Output(bytes([number]) * 32, "image/png", 100 + number)


def line(task: str, number: int = 1, made: int | None = None, **other: object) -> Line:
    """A line of a task under the key of a number, with the picture of another."""
    known = {
        "kind": "model",
        "name": "flux-kontext",
        "version": "1",
        "take": 1,
        "route": "bfl",
        "seed": 7,
    } | other
    outputs = (picture(number if made is None else made),)
    return Line(task, bytes([number]) * 32, outputs=outputs, **known)  # type: ignore[arg-type]  # a test's shorthand


def test_it_is_a_header_and_a_line_a_task_in_order() -> None:
    text = text_of(Lock((line("b", 2), line("a", 1), line("a", 0)), (Held("https://x/y.png", picture(9)),)))
    rows = [json.loads(one) for one in text.splitlines()]
    assert rows[0] == {"lock": 1, "by": "editchain"}
    assert rows[1] == {"input": "https://x/y.png", "digest": "09" * 32, "type": "image/png", "size": 109}
    assert [(row["task"], row["key"][:2]) for row in rows[2:]] == [("a", "00"), ("a", "01"), ("b", "02")]
    assert rows[2] == {
        "task": "a", "key": "00" * 32, "model": "flux-kontext", "version": "1", "route": "bfl", "seed": 7, "take": 1,
        "outputs": [{"digest": "00" * 32, "type": "image/png", "size": 100}],
    }  # fmt: skip


def test_what_is_written_is_what_was_read() -> None:
    lock = Lock(
        (
            line("ärger [x=\u2028, y=😀]", 1),
            line("named \udcff", 2),
            line("op", 3, kind="operation", name="resize", version="2", route=None, seed=None),
            line("paid", 4, request_key=b"r" * 32, take=3),
        ),
        (Held("https://x/y", picture(5)),),
    )
    text = text_of(lock)
    text.encode()
    again = parse(text, "p.lock.jsonl")
    assert set(again.lines) == set(lock.lines)
    assert again.inputs == lock.inputs
    assert text_of(again) == text


def test_the_order_of_lines_and_their_number_say_nothing() -> None:
    lines = [line(f"t[{number}]", number) for number in range(40)]
    shuffled = [*lines, *lines[:9]]
    random.Random(3).shuffle(shuffled)
    assert text_of(Lock(tuple(shuffled))) == text_of(Lock(tuple(lines)))


@pytest.mark.parametrize(
    "text",
    [
        "{", "[" * 100_000, "[]", "5", "null", '"task"', "{}", '{"task": "a"}', '{"lock": "x"}', "{}, {}",
        '{"task": "a", "key": "zz", "model": "m", "version": "1", "take": 1, "outputs": []}',
        '{"task": "a", "key": "' + "0" * 64 + '", "model": "m", "version": "1", "take": 1, "outputs": []}',
        '{"task": "a", "key": "' + "0" * 62 + '", "model": "m", "version": "1", "take": 1, "outputs": []}',
        '{"task": "a", "key": "' + "0" * 64 + '", "version": "1", "take": 1, "outputs": [{"digest": "00", "type": "", "size": 1}]}',
        '{"input": "https://x", "digest": 7, "type": "image/png", "size": 1}',
    ],
)  # fmt: skip
def test_a_line_that_is_none_is_named(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^p\.lock\.jsonl:3  This is no line of a lock"):
        parse(f'{{"lock": 1}}\n\n{text}\n', "p.lock.jsonl")


def test_a_newer_lock_says_to_upgrade() -> None:
    with pytest.raises(ConfigurationError, match=r"p:1 .*upgrade"):
        parse('{"lock": 2}\n', "p")


# ---------------------------------------------------------------------- what a merge leaves


def test_lines_of_one_task_under_several_keys_are_facts_beside_each_other() -> None:
    lock = Lock((line("a", 1), line("a", 2)))
    assert lock.conflicts == ()
    assert lock.by_key[b"\1" * 32].digest == b"\1" * 32
    assert lock.by_key[b"\2" * 32].digest == b"\2" * 32


def test_two_pictures_for_one_key_are_a_conflict_until_one_is_chosen() -> None:
    lock = Lock((line("a", 1, made=1), line("a", 1, made=2), line("b", 5)))
    (conflict,) = lock.conflicts
    assert (conflict.what, [one.digest[0] for one in conflict.choices]) == ("a", [1, 2])
    settled = lock.settled({conflict.place: b"\2" * 32})
    assert (settled.conflicts, settled.lines) == ((), (line("a", 1, made=2), line("b", 5)))


def test_a_picture_may_win_for_one_task_and_lose_for_another() -> None:
    lock = Lock((line("a", 1, made=1), line("a", 1, made=2), line("b", 2, made=2), line("b", 2, made=3)))
    settled = lock.settled({b"\1" * 32: b"\1" * 32, b"\2" * 32: b"\2" * 32})
    assert settled.conflicts == ()
    assert [(one.task, one.digest[0]) for one in settled.lines] == [("a", 1), ("b", 2)]


def test_the_same_picture_by_two_routes_is_no_conflict() -> None:
    lock = Lock((line("a", 1, route="bfl"), line("a", 1, route="fal", seed=8)))
    assert lock.conflicts == ()


def test_an_address_with_two_pictures_is_a_conflict() -> None:
    lock = Lock((), (Held("https://x", picture(1)), Held("https://x", picture(2))))
    assert [conflict.what for conflict in lock.conflicts] == ["https://x"]
    assert lock.settled({"https://x": b"\1" * 32}).inputs == (Held("https://x", picture(1)),)


def test_a_merge_that_git_could_not_finish_is_read_only_to_finish_it(tmp_path: Path) -> None:
    ours, base, theirs = (text_of(Lock((line("a", number),))).split("\n")[1] for number in (1, 2, 3))
    place = tmp_path / "p.lock.jsonl"
    header = '{"lock": 1, "by": "editchain"}'
    place.write_text(
        "\n".join(
            [header, "<<<<<<< HEAD", ours, "||||||| base", base, "=======", theirs, ">>>>>>> other", ""]
        )
    )
    with pytest.raises(Unsettled, match="editchain lock merge"):
        lockfiles.read(place)
    lock = lockfiles.read(place, merging=True)
    assert {one.key[0] for one in lock.lines} == {1, 3}


def test_an_address_is_named_without_what_may_be_secret() -> None:
    assert named("https://x.org/a.png") == "https://x.org/a.png"
    signed = named("https://user:pass@x.org:8443/a.png?signature=s3cret")
    assert signed.startswith("https://x.org:8443/a.png?")
    assert "s3cret" not in signed
    assert "pass" not in signed
    assert signed != named("https://x.org:8443/a.png?signature=other")


# ---------------------------------------------------------------------- the file


def test_an_unchanged_file_is_not_touched(tmp_path: Path) -> None:
    place = place_of(tmp_path / "night.yaml")
    assert place.name == "night.lock.jsonl"
    assert lockfiles.read(place) == Lock()
    assert not lockfiles.write(place, Lock())
    assert not place.exists()
    assert lockfiles.write(place, Lock((line("a"),)))
    os.utime(place, (1, 1))
    inode = place.stat().st_ino
    assert not lockfiles.write(place, Lock((line("a"), line("a"))))
    assert (place.stat().st_ino, place.stat().st_mtime) == (inode, 1)
    assert lockfiles.write(place, Lock())
    assert lockfiles.read(place) == Lock()
    assert [path.name for path in tmp_path.iterdir()] == ["night.lock.jsonl"]


def test_what_is_no_text_is_no_lock(tmp_path: Path) -> None:
    place = tmp_path / "p.lock.jsonl"
    place.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="no lock"):
        lockfiles.read(place)


def test_a_disk_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    def full(_source: str, _target: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    place = tmp_path / "p.lock.jsonl"
    lockfiles.write(place, Lock((line("a"),)))
    before = place.read_bytes()
    with pytest.raises(StoreError, match="is full"):
        lockfiles.write(place, Lock((line("b"),)), Disk(replace=full))
    assert place.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [place.name]

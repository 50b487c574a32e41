"""Async tasks share commits, and each is told when its rows are safe, or that they are not."""

from __future__ import annotations

import dataclasses
import errno
import os
import threading
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import pytest

from editchain.errors import StoreError
from editchain.journal.committing import Committer
from editchain.journal.journal import Blocked, Call, Journal, Result, Start
from editchain.platform import DISK, flush

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


class Flushes:
    """A disk that counts flushes of the records, one for each commit, and can be made full."""

    def __init__(self) -> None:
        self.count = 0
        self.full = False
        self.go = threading.Event()
        self.go.set()
        self.disk = dataclasses.replace(DISK, flush=self._flush)

    def _flush(self, descriptor: int) -> None:
        self.count += 1
        self.go.wait()
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        flush(descriptor)


@pytest.fixture
def flushes() -> Flushes:
    return Flushes()


@pytest.fixture
def journal(tmp_path: Path, flushes: Flushes) -> Iterator[Journal]:
    with Journal.open(tmp_path / ".editchain", now=lambda: 1.0, disk=flushes.disk) as made:
        yield made
        flushes.full = False


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


def result(number: int) -> Result:
    return Result(
        key(number), key(number), "image/png", 1, 1, 1, "model", "m", "1", None, None, None, 1, "{}",
        None, None, 1.0,
    )  # fmt: skip


def start(number: int) -> Start:
    return Start(Call(str(number), key(number), "bfl", "bfl", "flux"), [key(number)])


async def test_what_was_added_before_is_on_disk(journal: Journal) -> None:
    committer = Committer(journal)
    journal.add_result(result(1))
    await committer.durable()
    assert journal.has_results([key(1)])


async def test_nothing_to_write_is_nothing_to_wait_for(journal: Journal, flushes: Flushes) -> None:
    await Committer(journal).durable()
    assert flushes.count == 0


async def test_many_that_wait_share_few_commits(journal: Journal, flushes: Flushes) -> None:
    committer = Committer(journal)
    seen: list[int] = []

    async def work(number: int) -> None:
        journal.add_result(result(number))
        await committer.durable()
        assert journal.has_results([key(number)])
        seen.append(number)

    async with anyio.create_task_group() as group:
        for number in range(200):
            group.start_soon(work, number)
    assert sorted(seen) == list(range(200))
    assert flushes.count <= 3


async def test_calls_that_begin_together_are_one_commit(journal: Journal, flushes: Flushes) -> None:
    committer = Committer(journal)
    answers: dict[int, Call | Blocked] = {}

    async def begin(number: int) -> None:
        answers[number] = await committer.begin_call(start(number % 40))

    async with anyio.create_task_group() as group:
        for number in range(50):
            group.start_soon(begin, number)
    # Every call once: the ten that came second are told of the first.
    assert sum(isinstance(answer, Call) for answer in answers.values()) == 40
    assert {answer.reason for answer in answers.values() if isinstance(answer, Blocked)} == {"call"}
    assert len(journal.open_calls()) == 40
    assert flushes.count <= 3


async def test_an_error_reaches_everyone_whose_rows_are_not_safe(journal: Journal, flushes: Flushes) -> None:
    committer = Committer(journal)
    failed: list[str] = []

    async def work(number: int) -> None:
        journal.add_result(result(number))
        try:
            await committer.durable()
        except StoreError as error:
            failed.append(str(error))

    flushes.full = True
    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(work, number)
    assert len(failed) == 20
    assert all("full: make room" in text for text in failed)
    assert journal.pending == 20
    with pytest.raises(StoreError, match="full"):
        await committer.begin_call(start(1))
    flushes.full = False
    await committer.durable()
    assert len(journal.has_results([key(number) for number in range(20)])) == 20
    assert journal.open_calls() == []


async def test_soon_is_written_in_the_background(journal: Journal) -> None:
    committer = Committer(journal, rows=10, delay_seconds=3600.0)
    async with anyio.create_task_group() as group:
        group.start_soon(committer.serve)
        for number in range(25):
            journal.add_result(result(number))
            committer.soon()
        with anyio.fail_after(30):
            while journal.pending:
                await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    assert len(journal.all_results()) == 25


async def test_little_is_written_soon_too(journal: Journal) -> None:
    committer = Committer(journal, rows=10, delay_seconds=0.0)
    async with anyio.create_task_group() as group:
        group.start_soon(committer.serve)
        for number in range(3):
            journal.add_result(result(number))
            committer.soon()
            with anyio.fail_after(30):
                while journal.pending:
                    await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    assert len(journal.all_results()) == 3


async def test_the_background_outlives_a_full_disk(journal: Journal, flushes: Flushes) -> None:
    committer = Committer(journal, rows=1, delay_seconds=0.0)
    flushes.full = True
    async with anyio.create_task_group() as group:
        group.start_soon(committer.serve)
        journal.add_result(result(1))
        committer.soon()
        with anyio.fail_after(30):
            while not flushes.count:
                await anyio.lowlevel.checkpoint()
        flushes.full = False
        journal.add_result(result(2))
        committer.soon()
        with anyio.fail_after(30):
            while journal.pending:
                await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    assert len(journal.all_results()) == 2


async def test_a_stop_does_not_leave_rows_behind(journal: Journal) -> None:
    committer = Committer(journal)
    with anyio.CancelScope() as scope:
        scope.cancel()
        journal.add_result(result(1))
        await committer.durable()
    assert journal.has_results([key(1)])


async def test_an_intent_is_told_to_its_caller_even_when_stopped(journal: Journal, flushes: Flushes) -> None:
    committer = Committer(journal)
    told: list[Call | Blocked] = []

    async def begin(number: int) -> None:
        told.append(await committer.begin_call(start(number)))

    flushes.go.clear()
    async with anyio.create_task_group() as group:
        for number in range(5):
            group.start_soon(begin, number)
        while not flushes.count:
            await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
        flushes.go.set()
    # Nobody's intent lies in the journal without its caller knowing.
    assert len(told) == len(journal.open_calls()) == 5

"""Commits of the journal for many async tasks: one flush for all that wait at the moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from editchain.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from editchain.journal.entries import Call
    from editchain.journal.journal import Blocked, Journal, Start

ROWS = 512
DELAY_SECONDS = 0.1


class _Waiting:
    """A call that waits for its intent to be journalled."""

    __slots__ = ("answer", "start")

    def __init__(self, start: Start) -> None:
        self.start = start
        self.answer: Call | Blocked | StoreError | None = None


class Committer:
    """Writes the journal from a worker thread: the loop never waits for the disk. Made inside the loop.

    `serve` has to run beside it for `soon` to have an effect; `durable` and `begin_call` need nothing.
    """

    def __init__(self, journal: Journal, *, rows: int = ROWS, delay_seconds: float = DELAY_SECONDS) -> None:
        self._journal = journal
        self._rows = rows
        self._delay_seconds = delay_seconds
        self._lock = anyio.Lock()
        # Its own thread: pictures being decoded may fill all others.
        self._thread = anyio.CapacityLimiter(1)
        self._begun = 0
        self._ended = 0
        self._failed = 0
        self._error: StoreError | None = None
        self._starts: list[_Waiting] = []
        self._wanted = anyio.Event()
        self._full = anyio.Event()

    def soon(self) -> None:
        """Says that something was added: it is written when enough waits, or shortly."""
        self._wanted.set()
        if self._journal.pending >= self._rows:
            self._full.set()

    async def serve(self) -> None:
        """Writes what `soon` announced, until it is cancelled.

        An error is left to `durable`: the rows go on waiting, and whoever needs them on disk is told.
        """
        while True:
            await self._wanted.wait()
            with anyio.move_on_after(self._delay_seconds):
                await self._full.wait()
            self._wanted, self._full = anyio.Event(), anyio.Event()
            try:
                await self.durable()
            except StoreError:
                continue

    async def durable(self) -> None:
        """Returns when all that was added before would survive a power cut; it is not cancelled half-way.

        Raises StoreError, to everyone whose rows could not be written.
        """
        if not self._journal.pending:
            return
        wanted = self._begun + 1
        with anyio.CancelScope(shield=True):
            async with self._lock:
                if self._ended >= wanted:
                    return
                if self._failed >= wanted and self._error is not None:
                    raise type(self._error)(str(self._error)) from self._error
                await self._in_thread(self._journal.commit)

    async def begin_call(self, start: Start) -> Call | Blocked:
        """`Journal.begin_calls` for one call, in one transaction with the others that wait at the moment.

        A call is on disk, and is the caller's to send or to abandon, also when it was cancelled meanwhile. Raises
        StoreError.
        """
        mine = _Waiting(start)
        self._starts.append(mine)
        with anyio.CancelScope(shield=True):
            async with self._lock:
                if mine.answer is None:
                    await self._begin_all()
        if mine.answer is None:
            raise AssertionError
        if isinstance(mine.answer, StoreError):
            raise type(mine.answer)(str(mine.answer)) from mine.answer
        return mine.answer

    async def _begin_all(self) -> None:
        waiting, self._starts = self._starts, []
        starts = [one.start for one in waiting]
        answers: list[Call | Blocked | StoreError] = []

        def begin() -> None:
            answers.extend(self._journal.begin_calls(starts))

        try:
            await self._in_thread(begin)
        except StoreError as error:
            answers = [error] * len(waiting)
        for one, answer in zip(waiting, answers, strict=True):
            one.answer = answer

    async def _in_thread(self, write: Callable[[], None]) -> None:
        self._begun += 1
        number = self._begun
        try:
            await anyio.to_thread.run_sync(write, limiter=self._thread)
        except StoreError as error:
            self._failed, self._error = number, error
            raise
        self._ended = number

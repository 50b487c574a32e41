"""Hands: the processes that carry out the server's orders, begun when they are needed and kept for the next one."""

from __future__ import annotations

import json
import logging
import os
import sys
from typing import TYPE_CHECKING, Any

import anyio
from anyio.streams.buffered import BufferedByteReceiveStream

from editchain.classes import dataclass
from editchain.errors import ConfigurationError, EditchainError, Refused, StoreError, Unsettled
from editchain.server import hand
from editchain.server.asking import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from anyio.abc import ByteSendStream, Process

    from editchain.runs.outcomes import Stop

log = logging.getLogger("editchain.server")

MEMORY_BYTES = 4 * 1024**3
"""What one hand may have in memory: the largest picture that may come in, a few times over."""
MOST_ORDERS = 200
"""After so many a hand makes room for a new one, so that nothing it keeps grows for ever."""
MOST_BYTES = 256 * 1024 * 1024
"""The longest answer; a plan of a million tasks has about half of it."""
LOOKING_AT_ONCE = 2
LOOKING, WORKING = 3, 10
"""How nice hands are: the server answers first, then those hands by which it does, and then those that work."""
ALONE = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""Threads of libraries take memory for each core of the machine, and hands have no use for them."""

_ERRORS = {2: ConfigurationError, 3: Refused, 4: Unsettled, 5: StoreError}


class HandLost(Exception):
    """A hand ended in the middle of an order: a picture that its libraries do not survive, or no memory was left."""


class OrderFailed(Exception):
    """An order failed at what nobody foresaw; the log says where."""


@dataclass(slots=True)
class _Hand:
    process: Process
    orders: ByteSendStream
    answers: BufferedByteReceiveStream
    niceness: int
    done: int = 0


class Hands:
    """Carries out orders in processes of their own: what a stranger's picture does to one of them, it does to no other."""

    def __init__(self, root: Path, *, memory_bytes: int = MEMORY_BYTES, most_idle: int = 2) -> None:
        """`most_idle` of each kind are kept when they have nothing to do."""
        self._root = root
        self._memory_bytes = memory_bytes
        self._most_idle = most_idle
        self._idle: dict[int, list[_Hand]] = {LOOKING: [], WORKING: []}
        self._looking = anyio.CapacityLimiter(LOOKING_AT_ONCE)

    async def look(self, order: str, **arguments: Any) -> Any:
        """Carries out a short order, a few at a time. Raises Refusal and EditchainError."""
        return json.loads(await self.look_text(order, **arguments))

    async def look_text(self, order: str, **arguments: Any) -> bytes:
        """The same, the answer as the JSON that it came as."""
        async with self._looking:
            for _ in range(2):
                try:
                    return await self.do(order, arguments, niceness=LOOKING)
                except HandLost as lost:
                    log.warning("%s", json.dumps({"order": order, "lost": str(lost)}))
        raise Refusal(
            422, "The process that looked into this was lost, twice: a picture may be more than it can bear"
        )

    async def do(
        self,
        order: str,
        arguments: dict[str, Any],
        *,
        hear: Callable[[bytes], None] = lambda _: None,
        stop: Stop | None = None,
        niceness: int = WORKING,
    ) -> bytes:
        """Carries out an order and gives the JSON of its answer; `hear` takes its events, `stop` ends it tidily.

        Raises Refusal, EditchainError, and HandLost.
        """
        idle = self._idle[niceness]
        one = idle.pop() if idle else await self._begin(niceness)
        is_well, letter, answer = False, hand.BUG, b""
        try:
            await one.orders.send(_line({"order": order, "arguments": arguments}))
            async with anyio.create_task_group() as group:
                if stop is not None:
                    group.start_soon(_pass_on, stop, one.orders)
                letter, answer = await self._answer(one, hear)
                group.cancel_scope.cancel()
            is_well = True
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            raise HandLost(f"{order}: {error}") from error
        except BaseExceptionGroup as trouble:
            raise _single(trouble) from None
        finally:
            one.done += 1
            if is_well and one.done < MOST_ORDERS and len(idle) < self._most_idle:
                idle.append(one)
            else:
                with anyio.CancelScope(shield=True):
                    await _end(one, kills=not is_well)
        return _told(order, letter, answer)

    async def _begin(self, niceness: int) -> _Hand:
        settings = [str(self._root), str(self._memory_bytes), str(niceness)]
        command = [sys.executable, "-P", "-m", hand.__name__, *settings]
        # A session of its own, so that a signal from the keyboard is the server's to heed.
        process = await anyio.open_process(
            command, stderr=None, cwd=self._root, env={**os.environ, **ALONE}, start_new_session=True
        )
        assert process.stdin is not None and process.stdout is not None  # noqa: S101  (pipes, as nothing else is said)
        return _Hand(process, process.stdin, BufferedByteReceiveStream(process.stdout), niceness)

    async def _answer(self, one: _Hand, hear: Callable[[bytes], None]) -> tuple[int, bytes]:
        while True:
            try:
                line = await one.answers.receive_until(b"\n", MOST_BYTES)
            except (anyio.IncompleteRead, anyio.EndOfStream) as error:
                code = await one.process.wait()
                raise HandLost(f"it ended with {code}") from error
            if line[0] != hand.EVENT:
                return line[0], line[1:]
            hear(line[1:])

    async def close(self) -> None:
        """Ends those that have nothing to do; to be called once nothing is under way."""
        for idle in self._idle.values():
            while idle:
                await _end(idle.pop(), kills=False)


async def _end(one: _Hand, *, kills: bool) -> None:
    """Ends a hand: it goes by itself when no more orders come."""
    if kills and one.process.returncode is None:
        one.process.kill()
    await one.orders.aclose()
    with anyio.move_on_after(5):
        await one.process.wait()
    await one.process.aclose()  # kills what has not ended


async def _pass_on(stop: Stop, orders: ByteSendStream) -> None:
    """Tells a hand of a stop as soon as it is asked for."""
    asked = anyio.Event()
    stop.listen(asked.set)
    await asked.wait()
    await orders.send(_line({"stop": stop.reason or "cancel"}))
    await anyio.sleep_forever()


def _line(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode() + b"\n"


def _single(trouble: BaseExceptionGroup[BaseException]) -> BaseException:
    while isinstance(trouble.exceptions[0], BaseExceptionGroup):
        trouble = trouble.exceptions[0]
    first = trouble.exceptions[0]
    if isinstance(first, (anyio.BrokenResourceError, anyio.ClosedResourceError)):
        return HandLost(str(first))
    return first


def _told(order: str, letter: int, answer: bytes) -> bytes:
    """The answer, or what went wrong as it would have been raised here."""
    if letter == hand.DONE:
        return answer
    said = json.loads(answer)
    if letter == hand.REFUSED:
        raise Refusal(said["status"], said["reason"], **said["more"])
    if letter == hand.TROUBLE:
        raise _ERRORS.get(said["exit_code"], EditchainError)(said["message"])
    log.error("%s", json.dumps({"order": order, "traceback": said}))
    raise OrderFailed(order)

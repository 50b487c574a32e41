"""Listening: the events of a run as they come, over a connection that stays open for as long as the run goes on."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from editchain.errors import EditchainError
from editchain.server.asking import Refusal
from editchain.server.hands import OrderFailed
from editchain.server.standing import ENDED

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from editchain.server.desk import Desk
    from editchain.server.rows import AskedRun

log = logging.getLogger("editchain.server")

HEARTBEAT_SECONDS = 15.0
"""How often something is sent where nothing happens, so that nobody in between takes the connection for dead."""
LONGEST_SECONDS = 3600.0
"""After that a client has to come again, which it does by itself."""
LOOK_SECONDS = 0.7
"""After so long the journal is looked at again for a run of another process."""
AGAIN, HEARTBEAT = b"retry: 2000\n\n", b": still here\n\n"


async def stream(desk: Desk, project: str, run: str, after: int) -> AsyncIterator[bytes]:
    """The events of a run that was asked for here, from a place on, with heartbeats between; ends with its end event."""
    try:
        yield AGAIN
        until = anyio.current_time() + LONGEST_SECONDS
        while not desk.is_stopping and anyio.current_time() < until:
            waiting = desk.telling.next(run)
            # Looked at before the events are: what ended by then has told all that it will.
            found = desk.shelf.run(project, run)
            told = await anyio.to_thread.run_sync(desk.telling.read, run, after)
            for after, line in told:
                name = json.loads(line)["event"]
                yield _event(after, name, line)
                if name == "end":
                    return
            if told:
                continue
            if found is None or found.status in ENDED:
                if found is not None:
                    yield _event(after, "end", _end(found))
                return
            with anyio.move_on_after(HEARTBEAT_SECONDS) as silence:
                await waiting.wait()
            if silence.cancelled_caught:
                yield HEARTBEAT
    finally:
        desk.telling.wake(run)
        desk.listeners.leave(project)


async def overheard(desk: Desk, project: str, run: str, after: int) -> AsyncIterator[bytes]:
    """The same of a run of the command line, which tells nobody: the journal is looked at again and again.

    Of a run that lost its process no end comes.
    """
    try:
        yield AGAIN
        spoken = anyio.current_time()
        until = spoken + LONGEST_SECONDS
        while not desk.is_stopping and (began := anyio.current_time()) < until:
            try:
                found = await desk.hands.look("overhearing", run=run, after=after)
            except (Refusal, EditchainError, OrderFailed) as error:
                log.warning(json.dumps({"run": run, "unheard": str(error)}))
                return  # who listens comes again
            for after, event in found["told"]:
                yield _event(after, event["event"], _line(event))
            if not found["goes_on"]:
                return
            now = anyio.current_time()
            if found["told"]:
                spoken = now
            elif now - spoken >= HEARTBEAT_SECONDS:
                spoken = now
                yield HEARTBEAT
            # Where there are many tasks a look takes long, and others want to look too.
            await anyio.sleep(max(LOOK_SECONDS, 5 * (now - began)))
    finally:
        desk.listeners.leave(project)


def _event(after: int, name: str, line: bytes) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (after, name.encode(), line)


def _end(run: AskedRun) -> bytes:
    """The end of a run whose server was killed after the run had ended and before it could say so."""
    event = {
        "version": 1, "event": "end", "id": run.id, "exit_code": run.exit_code, "counts": json.loads(run.counts),
        "published": [], "left_alone": [],
    }  # fmt: skip
    return _line(event)


def _line(event: dict[str, Any]) -> bytes:
    return json.dumps(event, ensure_ascii=False).encode("utf-8", "surrogateescape")

"""A hand: a process of the server's in which pictures of strangers are read and orders are carried out, one at a time."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
import traceback
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from editchain.errors import EditchainError
from editchain.runs.outcomes import Stop
from editchain.server.asking import Refusal
from editchain.server.orders import ORDERS

if TYPE_CHECKING:
    from collections.abc import Callable

EVENT, DONE, REFUSED, TROUBLE, BUG = b"EDRTB"
"""What a line says that a hand answers with: its first byte, before the JSON."""


class Stopping:
    """Passes on that a stop was asked for, from the thread that hears of it into the event loop of the run."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._ask: Callable[[str], None] | None = None
        self.reason: str | None = None

    def begin(self) -> None:
        """Forgets what was asked of an earlier order."""
        with self._mutex:
            self._ask = self.reason = None

    def ask(self, reason: str) -> None:
        """Asks what runs to stop, and what is about to run."""
        with self._mutex:
            self.reason = self.reason or reason
            if self._ask is not None:
                self._ask(reason)

    def tie(self, stop: Stop) -> None:
        """Has a run's stop asked for inside the event loop that this is called in."""
        import asyncio

        loop = asyncio.get_running_loop()

        async def stopping(reason: str) -> None:  # a task, as who listens looks at the loop's clock
            stop.ask(reason)

        def ask(reason: str) -> None:
            asking = stopping(reason)
            try:
                asyncio.run_coroutine_threadsafe(asking, loop)
            except RuntimeError:  # the loop has just ended
                asking.close()

        with self._mutex:
            self._ask = ask
            if self.reason is not None:
                ask(self.reason)


def main(root: str, memory_bytes: int, niceness: int) -> None:
    """Carries out orders from standard input until it ends; then what runs is asked to stop."""
    _limit(memory_bytes)
    threading.Thread(target=_give_way, args=(niceness,), daemon=True).start()
    # What libraries print must not come between the answers.
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    orders: SimpleQueue[tuple[str, dict[str, Any]] | None] = SimpleQueue()
    stopping = Stopping()
    threading.Thread(target=_listen, args=(orders, stopping), daemon=True).start()

    def say(letter: int, text: str) -> None:
        with contextlib.suppress(OSError):  # nobody hears any more: what is under way still ends well
            answers.write(bytes([letter]) + text.encode("utf-8", "surrogateescape") + b"\n")

    while (order := orders.get()) is not None:
        name, arguments = order
        letter, document = _carry_out(Path(root), name, arguments, lambda text: say(EVENT, text), stopping)
        say(letter, json.dumps(document))


def _listen(orders: SimpleQueue[tuple[str, dict[str, Any]] | None], stopping: Stopping) -> None:
    for line in sys.stdin.buffer:
        said = json.loads(line)
        if "stop" in said:
            stopping.ask(said["stop"])
        else:
            stopping.begin()
            orders.put((said["order"], said["arguments"]))
    stopping.ask("SIGHUP")
    orders.put(None)


def _carry_out(
    root: Path, name: str, arguments: dict[str, Any], tell: Callable[[str], None], stopping: Stopping
) -> tuple[int, Any]:
    try:
        return DONE, ORDERS[name](root, tell=tell, tie=stopping.tie, **arguments)
    except Refusal as refusal:
        return REFUSED, {"status": refusal.status, "reason": refusal.reason, "more": refusal.more}
    except EditchainError as error:
        return TROUBLE, {"message": str(error), "exit_code": error.exit_code}
    except MemoryError:
        return TROUBLE, {"message": "There is not enough memory for this.", "exit_code": 1}
    except Exception:
        return BUG, traceback.format_exc()


def _limit(memory_bytes: int) -> None:
    """No more memory than this, where the system can be told so."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        what = resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS
        resource.setrlimit(what, (memory_bytes, memory_bytes))


def _give_way(niceness: int) -> None:
    """After the server in line. Linux shares time out between sessions before it looks at who in them is nice."""
    with contextlib.suppress(OSError):
        os.nice(niceness)
    for _ in range(100):
        try:
            Path("/proc/self/autogroup").write_text(str(niceness))
        except BlockingIOError:  # only so many may say so in a second
            time.sleep(0.1)
        except OSError:  # nothing of the kind here
            break
        else:
            break


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))

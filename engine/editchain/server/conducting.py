"""Conducting: accepted runs are carried out, in order, a few at a time; what was accepted outlives the process."""

from __future__ import annotations

import json
import logging
import secrets
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from editchain.errors import EditchainError
from editchain.runs.outcomes import Stop
from editchain.server import journalled
from editchain.server.asking import Refusal
from editchain.server.carrying import Kept
from editchain.server.hands import HandLost
from editchain.server.shelving import asset_of
from editchain.server.standing import CANCELLED, ENDED, status_of
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from anyio.abc import TaskGroup

    from editchain.server.hands import Hands
    from editchain.server.rows import AskedRun, Asset
    from editchain.server.shelf import Shelf
    from editchain.server.telling import Telling

log = logging.getLogger("editchain.server")

WITH_CALLS_AT_ONCE = 8
"""How many runs wait for vendors at a time; each is a process, and each makes as many calls at a time as its vendors allow."""
COLLECT_AGAIN_SECONDS = 20.0
"""How long a run whose vendor is still at work waits until it is looked for again."""
MOST_ATTEMPTS = 3
STOP = "SIGTERM"
"""A cancel is what the first such signal is to a command."""
_NOTHING: dict[str, Any] = {"counts": {}, "ended": {}, "spent": {}, "outputs": []}
"""How a run ended that came to nothing."""


def new_id(now: float) -> str:
    """A name for a run that sorts by time; many may begin within a second, and none can be guessed."""
    return f"{datetime.fromtimestamp(now, UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(8)}"


class Conductor:
    """Has accepted runs carried out by hands, the oldest first, and notes how they end."""

    def __init__(
        self,
        root: Path,
        shelf: Shelf,
        hands: Hands,
        telling: Telling,
        *,
        now: Callable[[], float],
        here: anyio.CapacityLimiter,
    ) -> None:
        """`here` is how many local jobs and runs go on at a time."""
        self._root = root
        self._shelf = shelf
        self._hands = hands
        self._telling = telling
        self._now = now
        self._here = here
        self._with_calls = anyio.CapacityLimiter(WITH_CALLS_AT_ONCE)
        self._stops: dict[str, Stop] = {}
        self._counts: dict[str, Counter[str]] = {}
        self._group: TaskGroup | None = None
        self.is_draining = False

    async def serve(self, *, started: Callable[[], None]) -> None:
        """Works until it is cancelled; first on what an earlier process accepted and did not end."""
        async with anyio.create_task_group() as group:
            self._group = group
            for run in self._shelf.open_runs():
                self._telling.take_up(run.id)
                self.begin(run)
            started()
            await anyio.sleep_forever()

    def begin(self, run: AskedRun) -> None:
        """Has a run carried out as soon as there is room for it."""
        if self._group is not None and not self.is_draining:
            self._group.start_soon(self._work, run.id)

    def cancel(self, run: AskedRun) -> AskedRun:
        """Ends a run that waits, or asks one that goes on to stop; gives it as it then is."""
        run = run._replace(is_cancelled=1)
        stop = self._stops.get(run.id)
        if stop is None:
            return self._end(run, CANCELLED, None)
        self._shelf.put_run(run)
        stop.ask(STOP)
        return run

    async def drain(self, seconds: float) -> None:
        """Starts nothing more and asks what runs to stop tidily; the next process takes it up again."""
        self.is_draining = True
        for stop in list(self._stops.values()):
            stop.ask(STOP)
        with anyio.move_on_after(seconds):
            while self._stops:
                await anyio.sleep(0.02)

    def counts(self, run: AskedRun) -> Mapping[str, int]:
        """Tasks by outcome, as far as the run has come."""
        found: Mapping[str, int] = json.loads(run.counts)
        return found or self._counts.get(run.id, {})

    # ------------------------------------------------------------------ one run

    async def _work(self, name: str) -> None:
        try:
            await self._until_ended(name)
        except Exception:
            log.exception("run %s", name)
            if (run := self._shelf.run(None, name)) is not None and run.status not in ENDED:
                self._end(run, 1, "The server failed at it; its log says why.")

    async def _until_ended(self, name: str) -> None:
        while (run := self._shelf.run(None, name)) is not None and run.status not in ENDED:
            async with self._with_calls if run.calls else self._here:
                run = self._shelf.run(None, name)
                if run is None or run.status in ENDED or self.is_draining:
                    return
                if run.is_cancelled:
                    self._end(run, CANCELLED, None)
                    return
                await self._wait_for_others(run)
                await self._attempt(run)
            if self.is_draining:
                return
            if (
                (run := self._shelf.run(None, name)) is not None
                and run.status not in ENDED
                and not run.attempts
            ):
                await anyio.sleep(COLLECT_AGAIN_SECONDS)

    async def _wait_for_others(self, run: AskedRun) -> None:
        """Until the hand of a server that was killed has left the run: it stops as soon as it can."""

        def has_left() -> bool:
            with Workspace(self._root) as workspace:
                look = workspace.look
                record = None if look is None else look.run(run.id)
                return look is None or record is None or not look.is_alive(record.owner or "")

        while run.started_at is not None and not await anyio.to_thread.run_sync(has_left):
            await anyio.sleep(0.2)

    async def _attempt(self, run: AskedRun) -> None:
        """Carries a run out once. Afterwards it has ended, or has no attempts where a vendor is still at work."""
        if run.attempts == MOST_ATTEMPTS:
            self._end(
                run, 1, "The process that carried it out was lost again and again: see the server's log."
            )
            return
        run = run._replace(
            status="running", started_at=run.started_at or self._now(), attempts=run.attempts + 1
        )
        self._shelf.put_run(run)
        stop = self._stops[run.id] = Stop()
        self._counts[run.id] = Counter()
        try:
            answer = await self._hands.do(
                "run", self._order(run), hear=lambda line: self._hear(run.id, line), stop=stop
            )
        except HandLost as lost:
            log.warning("%s", json.dumps({"run": run.id, "lost": str(lost), "attempt": run.attempts}))
        except (Refusal, EditchainError) as error:
            await self._give_up(run, str(error), 2 if isinstance(error, Refusal) else error.exit_code)
        else:
            self._settle(self._fresh(run), json.loads(answer))
        finally:
            self._stops.pop(run.id, None)

    def _order(self, run: AskedRun) -> dict[str, Any]:
        options = json.loads(run.options)
        ceiling = None if run.cost is None else [run.cost, run.currency]
        free = self._here.total_tokens - self._here.borrowed_tokens
        return {
            "name": run.id, "file": run.file, "ceiling": ceiling, "workers": max(1, int(free) + 1),
            "wanted": {**json.loads(run.given), **options},
        }  # fmt: skip

    def _fresh(self, run: AskedRun) -> AskedRun:
        """The run as it is kept: a cancel may have been asked for meanwhile."""
        return self._shelf.run(None, run.id) or run

    def _hear(self, run: str, line: bytes) -> None:
        event = json.loads(line)
        if event["event"] == "task":
            self._counts[run][event["outcome"]] += 1
        self._telling.tell(run, line)

    def _settle(self, run: AskedRun, found: dict[str, Any]) -> None:
        """What becomes of a run whose hand came to an end of its own."""
        is_stopped = found["stopped_by"] == STOP
        if is_stopped and self.is_draining and not run.is_cancelled:
            self._shelf.put_run(run._replace(status="queued", attempts=0))
        elif found["is_open"] and not is_stopped and not self.is_draining:
            self._shelf.put_run(run._replace(attempts=0))
        else:
            self._end(run, found["exit_code"], "\n".join(found["troubles"]) or None, found)

    async def _give_up(self, run: AskedRun, error: str, exit_code: int) -> None:
        """Ends a run that could not be carried out to its end; what it bought until then is what it cost."""
        spent = await anyio.to_thread.run_sync(journalled.costs, self._root, run.id) if run.calls else {}
        self._end(self._fresh(run), exit_code, error, {**_NOTHING, "spent": spent})

    def _end(
        self, run: AskedRun, exit_code: int, error: str | None, found: dict[str, Any] | None = None
    ) -> AskedRun:
        """Notes how a run ended, with its pictures; says so to who listens."""
        found = found or _NOTHING
        spent = found["spent"]
        ended = run._replace(
            status=status_of(exit_code), exit_code=exit_code, error=error, counts=json.dumps(found["counts"]),
            spent=json.dumps(spent), cost=None if run.currency is None else spent.get(run.currency, "0"),
            attempts=0, ended_at=self._now(),
        )  # fmt: skip
        self._shelf.finish_run(ended, [self._asset(run, at, one) for at, one in enumerate(found["outputs"])])
        self._counts.pop(run.id, None)
        event = {
            "version": 1, "event": "end", "id": run.id, "exit_code": exit_code, "counts": found["ended"],
            "published": [one["path"] for one in found["outputs"]], "left_alone": [],
        }  # fmt: skip
        self._telling.tell(run.id, json.dumps(event, ensure_ascii=False).encode("utf-8", "surrogateescape"))
        log.info("%s", json.dumps({"run": run.id, "pipeline": run.pipeline, "exit_code": exit_code}))
        return ended

    def _asset(self, run: AskedRun, at: int, one: dict[str, Any]) -> Asset:
        metadata = {
            "kind": "image", "type": "pipeline-run", "pipeline": run.pipeline, "run": run.id,
            "output": one["output"], "task": one["task"], "path": one["path"],
        }  # fmt: skip
        kept = Kept(*(one[field] for field in Kept._fields))
        name = one["path"].rpartition("/")[2]
        return asset_of(kept, run.project, name, self._now(), job=run.id, index=at, metadata=metadata)

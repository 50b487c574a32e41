"""Conducting: accepted runs are carried out, in order, a few at a time; what was accepted outlives the process."""

from __future__ import annotations

import json
import logging
import secrets
from collections import Counter
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from editchain.errors import EditchainError
from editchain.server import journalled
from editchain.server.asking import Refusal
from editchain.server.carrying import Kept
from editchain.server.crew import COLLECT_AGAIN_SECONDS, STOP, Crew
from editchain.server.hands import HandLost
from editchain.server.shelving import asset_of
from editchain.server.standing import CANCELLED, ENDED, status_of
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from editchain.server.hands import Hands
    from editchain.server.rows import AskedRun, Asset
    from editchain.server.shelf import Shelf
    from editchain.server.telling import Telling

log = logging.getLogger("editchain.server")

WITH_CALLS_AT_ONCE = 8
"""How many runs wait for vendors at a time; each is a process, and each makes as many calls at a time as its vendors allow."""
MOST_ATTEMPTS = 3
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
        self._counts: dict[str, Counter[str]] = {}
        self._cancelled: set[str] = set()
        self.crew = Crew(self._work)

    async def serve(self, *, started: Callable[[], None]) -> None:
        """Works until it is cancelled; first on what an earlier process accepted and did not end."""
        left = [run.id for run in self._shelf.open_runs()]
        for name in left:
            self._telling.take_up(name)
        await self.crew.serve(left, started=started)

    async def cancel(self, run: AskedRun) -> AskedRun:
        """Ends a run that waits, or asks one that goes on to stop; gives it as it then is."""
        self._cancelled.add(run.id)
        run = run._replace(is_cancelled=1)
        if not self.crew.goes_on(run.id):
            # From here on no attempt begins, as this is looked at without a pause in between.
            return await self._give_up(run, None, CANCELLED)
        await self._change(run, is_cancelled=1)
        self.crew.stop(run.id)
        return run

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
                await self._give_up(run, "The server failed at it; its log says why.", 1)

    async def _until_ended(self, name: str) -> None:
        while (run := self._shelf.run(None, name)) is not None and run.status not in ENDED:
            async with self._with_calls if run.calls else self._here:
                await self._wait_for_others(run)
                run = self._shelf.run(None, name)
                if run is None or run.status in ENDED or name in self._cancelled or self.crew.is_draining:
                    return
                await self._attempt(run)
            if self.crew.is_draining:
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
        with self.crew.stoppable(run.id) as stop:
            if run.is_cancelled:  # before the server was killed
                self._cancelled.add(run.id)
                stop.ask(STOP)
            self._counts[run.id] = Counter()
            if run.attempts == MOST_ATTEMPTS:
                await self._give_up(run, "The process that carried it out was lost again and again.", 1)
                return
            began = run.started_at or self._now()
            await self._change(run, status="running", started_at=began, attempts=run.attempts + 1)
            try:
                answer = await self._hands.do(
                    "run", self._order(run), hear=lambda line: self._hear(run.id, line), stop=stop
                )
            except HandLost as lost:
                log.warning("%s", json.dumps({"run": run.id, "lost": str(lost), "attempt": run.attempts}))
            except (Refusal, EditchainError) as error:
                await self._give_up(run, str(error), 2 if isinstance(error, Refusal) else error.exit_code)
            else:
                await self._settle(run, json.loads(answer))

    def _order(self, run: AskedRun) -> dict[str, Any]:
        options = json.loads(run.options)
        ceiling = None if run.cost is None else [run.cost, run.currency]
        free = self._here.total_tokens - self._here.borrowed_tokens
        return {
            "name": run.id, "file": run.file, "ceiling": ceiling, "workers": max(1, int(free) + 1),
            "wanted": {**json.loads(run.given), **options},
        }  # fmt: skip

    def _hear(self, run: str, line: bytes) -> None:
        event = json.loads(line)
        if event["event"] == "task":
            self._counts[run][event["outcome"]] += 1
        self._telling.tell(run, line)

    async def _change(self, run: AskedRun, **fields: Any) -> None:
        """Changes fields of a run: in a thread, as a flush to the disk would hold everybody up."""
        await anyio.to_thread.run_sync(partial(self._shelf.change_run, run.id, **fields))

    async def _settle(self, run: AskedRun, found: dict[str, Any]) -> None:
        """What becomes of a run whose hand came to an end of its own."""
        is_stopped = found["stopped_by"] == STOP
        if is_stopped and self.crew.is_draining and run.id not in self._cancelled:
            await self._change(run, status="queued", attempts=0)
        elif found["is_open"] and not is_stopped and not self.crew.is_draining:
            await self._change(run, attempts=0)
        else:
            await self._end(run, found["exit_code"], "\n".join(found["troubles"]) or None, found)

    async def _give_up(self, run: AskedRun, error: str | None, exit_code: int) -> AskedRun:
        """Ends a run that was not carried out to its end; what it bought until then is what it cost."""
        spent = await anyio.to_thread.run_sync(journalled.costs, self._root, run.id) if run.calls else {}
        return await self._end(run, exit_code, error, {**_NOTHING, "spent": spent})

    async def _end(self, run: AskedRun, exit_code: int, error: str | None, found: dict[str, Any]) -> AskedRun:
        """Notes how a run ended, with its pictures; says so to who listens."""
        run = self._shelf.run(None, run.id) or run
        spent = found["spent"]
        ended = run._replace(
            status=status_of(exit_code), exit_code=exit_code, error=error, counts=json.dumps(found["counts"]),
            spent=json.dumps(spent), cost=None if run.currency is None else spent.get(run.currency, "0"),
            attempts=0, is_cancelled=int(run.id in self._cancelled), ended_at=self._now(),
        )  # fmt: skip
        assets = [self._asset(run, at, one) for at, one in enumerate(found["outputs"])]
        await anyio.to_thread.run_sync(self._shelf.finish_run, ended, assets)
        self._counts.pop(run.id, None)
        self._cancelled.discard(run.id)
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

"""Working: accepted jobs become pictures, in order, a few at a time; what was accepted outlives the process."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from editchain.errors import EditchainError, TaskError
from editchain.runs.outcomes import Stop
from editchain.server import journalled
from editchain.server.asking import Refusal, Wish
from editchain.server.carrying import Outcome, carry_out
from editchain.server.conducting import new_id
from editchain.server.hands import HandLost
from editchain.server.reserving import Price
from editchain.server.shelf import with_status
from editchain.server.shelving import asset_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from anyio.abc import TaskGroup

    from editchain.server.carrying import Outcome
    from editchain.server.hands import Hands
    from editchain.server.rows import Asset, Job
    from editchain.server.shelf import Shelf
    from editchain.server.shelving import Pictures

log = logging.getLogger("editchain.server")

CALLS_AT_ONCE = 32
COLLECT_AGAIN_SECONDS = 20.0
"""How long a job whose vendor is still at work waits until it is looked for again."""


class Worker:
    """Takes jobs from the shelf, the oldest first. Local work goes to processes of its own, calls stay in this one."""

    def __init__(
        self,
        root: Path,
        shelf: Shelf,
        pictures: Pictures,
        *,
        now: Callable[[], float],
        date: Callable[[float], str],
        here: anyio.CapacityLimiter,
        hands: Hands,
    ) -> None:
        self._root = root
        self._hands = hands
        self._shelf = shelf
        self._pictures = pictures
        self._now = now
        self._date = date
        self._here = here
        self._calls = anyio.CapacityLimiter(CALLS_AT_ONCE)
        self._stops: dict[str, Stop] = {}
        self._begun: set[str] = set()
        self._group: TaskGroup | None = None
        self.is_draining = False

    async def serve(self, *, started: Callable[[], None]) -> None:
        """Works until it is cancelled; first on what an earlier process accepted and did not end."""
        async with anyio.create_task_group() as group:
            self._group = group
            for job in self._shelf.open_jobs():
                self.begin(job)
            started()
            await anyio.sleep_forever()

    def begin(self, job: Job) -> None:
        """Has a job carried out as soon as there is room for it."""
        if self._group is not None and not self.is_draining:
            self._group.start_soon(self._work, job)

    async def drain(self, seconds: float) -> None:
        """Starts nothing more and asks what runs to stop tidily; the next process takes it up again."""
        self.is_draining = True
        for stop in list(self._stops.values()):
            stop.ask("SIGTERM")
        with anyio.move_on_after(seconds):
            while self._stops:
                await anyio.sleep(0.02)

    def cancel(self, job: Job) -> bool:
        """Ends a job that has not begun; whether it had not."""
        if job.status != "queued" or job.id in self._begun:
            return False
        self._shelf.put_job(with_status(job, "canceled", self._today(), updated_at=self._now()))
        return True

    # ------------------------------------------------------------------ plans

    async def plan(self, project: str, wish: Wish) -> tuple[Wish, Price]:
        """A wish with its pictures taken in, and its price. Raises Refusal."""
        taken = await anyio.to_thread.run_sync(self._taken, project, wish)
        return taken, Price(**await self._hands.look("pricing", wish=taken.document()))

    def _taken(self, project: str, wish: Wish) -> Wish:
        def digest(named: str) -> str:
            return self._pictures.digest_of(project, named)

        return Wish(
            wish.model,
            None if wish.image is None else digest(wish.image),
            tuple(digest(one) for one in wish.references),
            None if wish.mask is None else digest(wish.mask),
            wish.fields,
        )

    # ------------------------------------------------------------------ one job

    async def _work(self, job: Job) -> None:
        try:
            await self._attempt(job)
        except Exception:
            log.exception("job %s", job.id)
            await self._end(job, "The server failed at it; its log says why.")
        finally:
            self._begun.discard(job.id)

    async def _attempt(self, job: Job) -> None:
        limiter = self._calls if job.calls else self._here
        while True:
            async with limiter:
                job = self._shelf.job(None, job.id) or job
                if job.status == "canceled" or self.is_draining:
                    return
                self._begun.add(job.id)
                # One name for all attempts: the calls that it has made are found, and counted, by it.
                job = await self._note(job, run=job.run or new_id(self._now()))
                stop = self._stops[job.id] = Stop()
                try:
                    outcome = await self._carried_out(job, stop)
                except (Refusal, EditchainError) as error:
                    await self._give_up(job, str(error))
                    return
                finally:
                    self._stops.pop(job.id, None)
            if outcome.is_stopped and self.is_draining:
                return
            if not outcome.is_open:
                await self._finish(job, outcome)
                return
            await anyio.sleep(COLLECT_AGAIN_SECONDS)

    async def _carried_out(self, job: Job, stop: Stop) -> Outcome:
        """Raises Refusal and EditchainError."""
        assert job.run is not None  # noqa: S101  (every attempt has one)
        if job.calls:
            ceiling = None if job.cost is None else (job.cost, job.currency)
            return await carry_out(self._root, Wish.of(json.loads(job.wish)), ceiling, job.run, stop)
        order = {"name": job.run, "wish": json.loads(job.wish)}
        for is_last in (False, True):
            try:
                return Outcome.of(json.loads(await self._hands.do("editing", order, stop=stop)))
            except HandLost as lost:
                log.warning("%s", json.dumps({"job": job.id, "lost": str(lost)}))
                if is_last:
                    raise TaskError("The process that carried it out was lost twice.") from lost
        raise AssertionError

    async def _note(self, job: Job, **changed: Any) -> Job:
        job = with_status(job, "in-progress", self._today(), updated_at=self._now(), **changed)
        await anyio.to_thread.run_sync(
            self._shelf.put_job, job
        )  # a flush to the disk would hold everybody up
        return job

    async def _finish(self, job: Job, outcome: Outcome) -> None:
        """The pictures of a job become assets of its project, and then it has ended."""
        metadata = _metadata(job)
        assets = [
            asset_of(
                one, job.project, f"{job.id}-{at + 1}", self._now(), job=job.id, index=at, metadata=metadata
            )
            for at, one in enumerate(outcome.pictures)
        ]
        job = _with_costs(job, outcome.costs)._replace(assets=json.dumps([one.id for one in assets]))
        if outcome.problems or not assets:
            await self._end(job, "\n".join(outcome.problems) or "It made no picture.", assets)
        else:
            ended = with_status(job, "success", self._today(), updated_at=self._now())
            await anyio.to_thread.run_sync(self._shelf.finish_job, ended, assets)

    async def _give_up(self, job: Job, error: str) -> None:
        """Ends a job that could not be carried out to its end; what it bought until then is what it cost."""
        spent = (
            await anyio.to_thread.run_sync(journalled.costs, self._root, job.run or "") if job.calls else {}
        )
        await self._end(_with_costs(job, spent), error)

    async def _end(self, job: Job, error: str, assets: Sequence[Asset] = ()) -> None:
        """Without all that was asked for: what there is stays."""
        ended = with_status(job, "failure", self._today(), updated_at=self._now(), error=error)
        await anyio.to_thread.run_sync(self._shelf.finish_job, ended, assets)

    def _today(self) -> str:
        return self._date(self._now())


def _with_costs(job: Job, costs: Mapping[str, str]) -> Job:
    currency = next(iter(costs), job.currency)
    return job._replace(cost=costs.get(currency or "", "0") if job.calls else None, currency=currency)


def _metadata(job: Job) -> dict[str, Any]:
    fields = json.loads(job.wish)["fields"]
    return {
        "kind": "image", "type": "image-prompt-editing", "modelId": job.model,
        "prompt": fields.get("prompt", ""), "seed": str(fields.get("seed", "")),
    }  # fmt: skip

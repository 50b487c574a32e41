"""Working: accepted jobs become pictures, in order, a few at a time; what was accepted outlives the process."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from editchain.errors import EditchainError, TaskError
from editchain.server import journalled
from editchain.server.asking import Refusal, Wish
from editchain.server.carrying import Outcome, carry_out
from editchain.server.conducting import new_id
from editchain.server.crew import COLLECT_AGAIN_SECONDS, Crew
from editchain.server.hands import HandLost
from editchain.server.reserving import Price
from editchain.server.shelf import with_status
from editchain.server.shelving import asset_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from editchain.runs.outcomes import Stop
    from editchain.runs.pacing import Pace
    from editchain.server.hands import Hands
    from editchain.server.rows import Asset, Job
    from editchain.server.shelf import Shelf
    from editchain.server.shelving import Pictures

log = logging.getLogger("editchain.server")

CALLS_AT_ONCE = 32


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
        self._begun: set[str] = set()
        self._paces: dict[str, Pace] = {}
        self.crew = Crew(self._work)

    async def serve(self, *, started: Callable[[], None]) -> None:
        """Works until it is cancelled; first on what an earlier process accepted and did not end."""
        await self.crew.serve([job.id for job in self._shelf.open_jobs()], started=started)

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

    async def _work(self, name: str) -> None:
        try:
            await self._until_ended(name)
        except Exception:
            log.exception("job %s", name)
            if (job := self._shelf.job(None, name)) is not None:
                await self._end(job, "The server failed at it; its log says why.")
        finally:
            self._begun.discard(name)

    async def _until_ended(self, name: str) -> None:
        while (job := self._shelf.job(None, name)) is not None:
            async with self._calls if job.calls else self._here:
                job = self._shelf.job(None, name) or job
                if job.status == "canceled" or self.crew.is_draining:
                    return
                self._begun.add(name)
                # One name for all attempts: the calls that it has made are found, and counted, by it.
                job = await self._note(job, run=job.run or new_id(self._now()))
                with self.crew.stoppable(name) as stop:
                    try:
                        outcome = await self._carried_out(job, stop)
                    except (Refusal, EditchainError) as error:
                        await self._give_up(job, str(error))
                        return
            if outcome.is_stopped and self.crew.is_draining:
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
            wish = Wish.of(json.loads(job.wish))
            return await carry_out(self._root, wish, ceiling, job.run, stop, self._paces)
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

"""Working: accepted jobs become pictures, in order, a few at a time; what was accepted outlives the process."""

from __future__ import annotations

import json
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_process

from editchain.errors import EditchainError
from editchain.runs.running import new_run_id
from editchain.server.asking import Refusal, Wish
from editchain.server.carrying import carry_out, carry_out_here, given_of, ready, recipe_of
from editchain.server.shelf import with_status
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from anyio.abc import TaskGroup

    from editchain.plans.tasks import Plan
    from editchain.server.carrying import Outcome
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
    ) -> None:
        self._root = root
        with Workspace(root) as workspace:
            self._folder = workspace.folder
        self._shelf = shelf
        self._pictures = pictures
        self._now = now
        self._date = date
        self._here = here
        self._calls = anyio.CapacityLimiter(CALLS_AT_ONCE)
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
        """Starts nothing more and waits for what runs here; the rest is taken up by the next process."""
        self.is_draining = True
        with anyio.move_on_after(seconds):
            while self._here.borrowed_tokens or self._calls.borrowed_tokens:
                await anyio.sleep(0.05)

    def cancel(self, job: Job) -> bool:
        """Ends a job that has not begun; whether it had not."""
        if job.status != "queued":
            return False
        self._shelf.put_job(with_status(job, "canceled", self._today(), updated_at=self._now()))
        return True

    # ------------------------------------------------------------------ plans

    def plan(self, project: str, wish: Wish) -> tuple[Wish, Plan]:
        """A wish with its pictures taken in, and what it would do. Raises Refusal."""
        taken = self._taken(project, wish)
        place = recipe_of(taken, self._folder / "server" / "recipes")
        with Workspace(self._root, now=self._now) as workspace:
            found = ready(workspace, place, given_of(taken, self._pictures.path))
        return taken, found.plan

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
            self._end(job, "The server failed at it; its log says why.")

    async def _attempt(self, job: Job) -> None:
        wish = Wish.of(json.loads(job.wish))
        is_call = job.calls > 0
        limiter = self._calls if is_call else self._here
        while True:
            async with limiter:
                job = self._shelf.job(None, job.id) or job
                if job.status == "canceled" or self.is_draining:
                    return
                job = self._note(job, run=new_run_id(self._now()))
                try:
                    outcome = await self._carried_out(job, wish, is_call=is_call)
                except (Refusal, EditchainError) as error:
                    self._end(job, str(error))
                    return
            if not outcome.is_open:
                self._finish(job, wish, outcome)
                return
            await anyio.sleep(COLLECT_AGAIN_SECONDS)

    async def _carried_out(self, job: Job, wish: Wish, *, is_call: bool) -> Outcome:
        place = await anyio.to_thread.run_sync(recipe_of, wish, self._folder / "server" / "recipes")
        given = given_of(wish, self._pictures.path)
        ceiling = None if job.cost is None else (job.cost, job.currency)
        arguments = (str(self._root), str(place), given, ceiling, job.run)
        if is_call:
            return await carry_out(*arguments)  # type: ignore[arg-type]
        # Pictures of strangers are decoded in a process of its own, which takes nothing with it where it ends badly.
        return await anyio.to_process.run_sync(
            partial(carry_out_here, *arguments), cancellable=True, limiter=anyio.CapacityLimiter(1)
        )

    def _note(self, job: Job, **changed: Any) -> Job:
        job = with_status(job, "in-progress", self._today(), updated_at=self._now(), **changed)
        self._shelf.put_job(job)
        return job

    def _finish(self, job: Job, wish: Wish, outcome: Outcome) -> None:
        """The pictures of a job become assets of its project, and then it has ended."""
        with Workspace(self._root) as workspace:
            digests = [
                self._pictures.take(workspace.store.read(bytes.fromhex(one))) for one in outcome.pictures
            ]
        metadata = _metadata(job, wish)
        assets = [
            self._pictures.described(
                job.project, digest, f"{job.id}-{at + 1}", job=job.id, index=at, metadata=metadata
            )
            for at, digest in enumerate(digests)
        ]
        currency = next(iter(outcome.costs), job.currency)
        job = job._replace(
            assets=json.dumps([one.id for one in assets]),
            cost=outcome.costs.get(currency or "", "0") if job.calls else None,
            currency=currency,
        )
        if outcome.problems or not assets:
            self._end(job, "\n".join(outcome.problems) or "It made no picture.", assets)
        else:
            ended = with_status(job, "success", self._today(), updated_at=self._now())
            self._shelf.finish_job(ended, assets)

    def _end(self, job: Job, error: str, assets: Sequence[Asset] = ()) -> None:
        """Without all that was asked for: what there is stays."""
        ended = with_status(job, "failure", self._today(), updated_at=self._now(), error=error)
        self._shelf.finish_job(ended, assets)

    def _today(self) -> str:
        return self._date(self._now())


def _metadata(job: Job, wish: Wish) -> dict[str, Any]:
    return {
        "kind": "image", "type": "image-prompt-editing", "modelId": job.model,
        "prompt": wish.fields.get("prompt", ""), "seed": str(wish.fields.get("seed", "")),
    }  # fmt: skip

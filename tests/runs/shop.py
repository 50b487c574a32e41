"""A workspace whose models are at vendors that keep a bill, on a virtual clock: what the tests of calls share."""

from __future__ import annotations

import io
import random
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import trio
from PIL import Image
from tests.workbench import NOW, loaded, paint, written
from trio.testing import MockClock

from editchain.http import Client, NotSent
from editchain.journal.committing import Committer
from editchain.journal.ledger import Ceiling
from editchain.known import Known
from editchain.models import Model, Price, Route
from editchain.plans.planning import plan
from editchain.plans.tasks import Plan, Way
from editchain.providers.base import (
    Accepted,
    Blob,
    Capabilities,
    Finished,
    Quote,
    Request,
    Session,
    Standing,
    Unknown,
    Uploaded,
)
from editchain.runs.books import Books
from editchain.runs.calling import Caller
from editchain.runs.outcomes import Ended, Notice, Run, Stop
from editchain.runs.pacing import Lane, Pace
from editchain.runs.repeating import Repeater
from editchain.runs.running import JournalResults, local_executor
from editchain.runs.scheduling import Scheduler
from editchain.runs.vendors import Vendors
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from editchain.pipeline import Pipeline, Step

MANY = "steps:\n" + "".join(
    f"  s{n}: {{model: flux-kontext, image: a.png, prompt: P{n}, seed: 1}}\n" for n in range(6)
)
RECIPE = """
steps:
  night: {model: flux-kontext, image: a.png, prompt: Night, seed: 7}
  small: {operation: resize, image: $night, width: 4}
"""


def picture(number: int = 1) -> bytes:
    """The bytes of a small picture, a different one for each number."""
    data = io.BytesIO()
    Image.new("RGB", (8, 6), (number * 40 % 256, number // 32 % 256, 200)).save(data, "PNG")
    return data.getvalue()


@dataclass
class Vendor:
    """A vendor that keeps a bill: what it answers is scripted by beat, what it charges is counted when it accepts."""

    submits: list[Any] = field(default_factory=list)
    polls: list[Any] = field(default_factory=list)
    downloads: list[Any] = field(default_factory=list)
    finds: list[Any] = field(default_factory=list)
    capabilities: Capabilities = field(default_factory=Capabilities)
    standings: list[Any] = field(default_factory=list)
    quotes: list[Any] = field(default_factory=list)
    cancels: bool = False
    is_local: bool = False
    bill: list[Request] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)

    def check_prompt(self, prompt: str) -> Iterable[tuple[int, int, str, str | None]]:
        return ()

    def authorization(self, credentials: Sequence[str]) -> Mapping[str, str]:
        return {}

    def prepared(self, request: Request, route: Route) -> Request:
        return request

    async def upload(self, session: Session, blob: Blob) -> Uploaded:
        self.heard.append("upload")
        return Uploaded(blob.digest.hex()[:8])

    async def price(self, session: Session, request: Request) -> Any:
        self.heard.append("price")
        return _said(self.quotes, Quote(Decimal(1), "CU"))

    async def submit(self, session: Session | None, request: Request) -> Any:
        self.heard.append("submit")
        answer = self.submits.pop(0) if self.submits else Accepted(f"job-{len(self.bill) + 1}")
        if isinstance(answer, (Accepted, Finished)) or (
            isinstance(answer, Exception) and not isinstance(answer, NotSent)
        ):
            self.bill.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def poll(self, session: Session, vendor_id: str) -> Any:
        self.heard.append(f"poll {vendor_id}")
        return _said(self.polls, Finished(downloads=(vendor_id,)))

    async def download(self, session: Session, address: str) -> bytes:
        self.heard.append(f"download {address}")
        return _said(self.downloads, picture(int(address.rpartition("-")[2])))

    async def find(self, session: Session, request: Request, since: float) -> Any:
        self.heard.append("find")
        return _said(self.finds, Unknown("cannot tell"))

    async def cancel(self, session: Session, vendor_id: str) -> bool:
        self.heard.append(f"cancel {vendor_id}")
        return self.cancels

    async def check(self, client: Client) -> Standing:
        self.heard.append("check")
        return _said(self.standings, Standing())


async def _here(work: Callable[..., Any], *arguments: Any, **_: Any) -> Any:
    await trio.lowlevel.checkpoint()
    return work(*arguments)


def _said(script: list[Any], otherwise: Any) -> Any:
    answer = script.pop(0) if script else otherwise
    if isinstance(answer, Exception):
        raise answer
    return answer


@dataclass
class Shop:
    """A workspace whose every model is at one vendor; each `run` is a process of its own to the journal."""

    folder: Path
    vendor: Vendor
    stop: Stop = field(default_factory=Stop)
    price: bool = True
    fresh: tuple[str, ...] = ()
    resends: bool = False
    first: str = "scenario"
    recipe: str = "p.yaml"
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    ended: Callable[[], None] = lambda: None
    others: dict[str, Vendor] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    watch: Callable[[Ended], None] | None = None
    open: Callable[..., Workspace] = Workspace
    instruments: Sequence[trio.abc.Instrument] = ()
    paces: dict[str, Pace] | None = None

    @property
    def vendors(self) -> dict[str, Vendor]:
        """All vendors by name."""
        return {"scenario": self.vendor, **self.others}

    def choose(self, step: Step, model: Model) -> Way:
        by_name = {route.provider: route for route in reversed(model.routes)}
        names = sorted(self.vendors, key=lambda name: name != self.first)
        first, *others = [Way(model, by_name[name], False, self.price_at(name, model)) for name in names]
        return replace(first, others=tuple(others))

    def price_at(self, name: str, model: Model) -> Price | None:
        """What a picture costs at a vendor, where this shop has prices."""
        return model.price(name) if self.price else None

    def pipeline(self) -> Pipeline:
        """The recipe as it stands."""
        return loaded(self.folder / self.recipe)

    def plan(self, workspace: Workspace) -> tuple[Plan, Any]:
        pipeline = self.pipeline()
        digests = workspace.digest_inputs(pipeline)
        known = Known(workspace.look, digests, lost=workspace.store.lost())
        fresh = (lambda one: one.step.name in self.fresh) if self.fresh else None
        return plan(pipeline, known, self.choose, protect=workspace.protect, fresh=fresh), digests

    def run(self, *, ceilings: tuple[Ceiling, ...] = (), concurrency: int = 4) -> Run:
        work = partial(self._run, ceilings, concurrency)
        try:
            # Without threads, so that the virtual clock never runs ahead of them.
            with patch("anyio.to_thread.run_sync", _here):
                return trio.run(work, clock=MockClock(autojump_threshold=0), instruments=self.instruments)
        finally:
            self.stop = Stop()  # a process of its own has its own

    def run_beside(self, other: Shop) -> list[Run]:
        """Two runs at once, each a process of its own to the journal."""
        runs: list[Run] = []

        async def one(shop: Shop) -> None:
            runs.append(await shop._run((), 4))

        async def both() -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(one, self)
                nursery.start_soon(one, other)

        with patch("anyio.to_thread.run_sync", _here):
            trio.run(both, clock=MockClock(autojump_threshold=0))
        return runs

    async def _run(self, ceilings: tuple[Ceiling, ...], concurrency: int) -> Run:
        with self.open(self.folder, now=lambda: NOW) as workspace:
            _ = workspace.journal
            made, digests = self.plan(workspace)
            executor = local_executor(workspace, digests, 2)
            committer = Committer(workspace.journal)
            results = JournalResults(workspace.journal, committer, "run", lambda: NOW, workspace.store.lost())
            books = Books(
                workspace.store, workspace.journal, committer, run="run", now=lambda: NOW, ceilings=ceilings,
                tell=self.notices.append,
            )  # fmt: skip
            repeater = Repeater(self.stop, random.Random(1))
            paces = self.paces or {name: Pace(Lane(concurrency)) for name in self.vendors}
            vendors = Vendors(
                books, repeater, self.vendors.__getitem__, lambda _name, _provider: Client("http://127.0.0.1:9", {}), paces
            )  # fmt: skip
            caller = Caller(
                books, vendors, repeater, executor.request_of, tell=self.notices.append, resends=self.resends
            )  # fmt: skip
            scheduler = Scheduler(
                made, executor, results, call=caller, watch=self.watch, stop=self.stop, paces=paces
            )
            with trio.CancelScope() as self.scope:
                await scheduler.go()
            self.ended()
            await caller.close()
            await committer.durable()
            return scheduler.run

    def counts(self) -> Mapping[str, int]:
        """What a plan of now says."""
        with Workspace(self.folder, now=lambda: NOW) as workspace:
            return {name: count for name, count in self.plan(workspace)[0].counts.items() if count}

    def calls(self) -> list[tuple[str, str]]:
        """State and charge of every call in the journal."""
        with Workspace(self.folder, now=lambda: NOW) as workspace:
            return sorted((call.state, call.charged) for call in workspace.journal.calls())


def outcomes(run: Run) -> dict[str, int]:
    return {str(name): count for name, count in run.counts.items()}


def opened(folder: Path, recipe: str = RECIPE, vendor: Vendor | None = None) -> Shop:
    """A shop with a recipe: one call and one operation after it, unless another is given."""
    paint(folder / "a.png")
    (folder / "editchain.toml").touch()
    written(folder, recipe)
    return Shop(folder, vendor or Vendor())

"""Running: a plan to a Run, with everything that it touches handed in."""

from __future__ import annotations

import json
import os
import secrets
import signal
from dataclasses import field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
import PIL

from editchain import __version__
from editchain.classes import dataclass
from editchain.errors import ConfigurationError
from editchain.executors.local import LocalExecutor
from editchain.imaging.codec import free_memory
from editchain.imaging.extra import versions
from editchain.journal.committing import Committer
from editchain.journal.entries import Result, RunRecord, RunTask
from editchain.journal.ledger import NO_RATES
from editchain.models import Model
from editchain.runs import locking, outlining
from editchain.runs.copies import Copy, Formats, copies, unmade
from editchain.runs.crediting import FULL, Crediting
from editchain.runs.locking import Locked
from editchain.runs.outcomes import Notice, Run, Stop
from editchain.runs.pacing import Lane, Pace
from editchain.runs.recording import Publication, Publisher, groups, refuse_unwritable
from editchain.runs.scheduling import Scheduler, single

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from editchain.artifacts import ImageSource
    from editchain.digests import Digests
    from editchain.executors.base import Executor, Made, Work
    from editchain.journal.entries import Call, Owner
    from editchain.journal.journal import Journal
    from editchain.journal.ledger import Ceiling
    from editchain.plans.tasks import Plan
    from editchain.runs.calling import Caller
    from editchain.runs.locking import Locking
    from editchain.runs.outcomes import Ended
    from editchain.workspace import Workspace


LEAST_ROOM_BYTES = 64 * 1024 * 1024
"""With less room on the disk nothing is bought."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a run goes: where outputs go, and what a person chose on the command line.

    `locking` is what to write the lock by; None leaves it alone. `rebuys` lets what was paid for and is gone be bought again.
    Where it does not publish, its pictures stay in the store; where it `is_offline`, nothing is collected either. A program that has signals of its own to heed hands in a
    Stop instead.
    """

    out: str
    command: str = "run"
    overwrite: bool = False
    prune: bool = False
    fail_fast: bool = False
    workers: int | None = None
    rebuys: bool = False
    locking: Locking | None = None
    ceilings: tuple[Ceiling, ...] = ()
    publishes: bool = True
    is_offline: bool = False
    heeds_signals: bool = True


@dataclass(slots=True)
class Report:
    """A run with what it published; `exit_code` is the command's."""

    id: str
    run: Run
    publication: Publication
    exit_code: int
    cached: int = 0
    rejected: int = 0
    locked: Locked = field(default_factory=Locked)
    versions: Mapping[str, str] = field(default_factory=dict)


class JournalResults:
    """The scheduler's view of the journal: finds, claims and adds results."""

    def __init__(
        self,
        journal: Journal,
        committer: Committer,
        run: str,
        now: Callable[[], float],
        lost: frozenset[bytes] = frozenset(),
    ) -> None:
        """`lost` are digests whose objects are gone from the store."""
        self._lost = lost
        self._journal = journal
        self._committer = committer
        self._run = run
        self._now = now
        self._versions = library_versions_json()

    def find(self, keys: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """The digests of stored results."""
        found = self._journal.has_results(keys)
        return {key: digest for key, digest in found.items() if digest and digest not in self._lost}

    def claim(self, keys: Sequence[bytes]) -> Mapping[bytes, Owner]:
        """Takes keys for this process."""
        return self._journal.claim(keys)

    def release(self, keys: Sequence[bytes]) -> None:
        """Gives back claims without a result."""
        self._journal.release(keys)
        self._committer.soon()

    def add(self, work: Work, made: Made) -> None:
        """Records a picture; it is durable with the next group."""
        plan, ordinal = work.plan, work.ordinal
        way = plan.way(ordinal)
        document = way.document
        is_model = isinstance(document, Model)
        take = plan.value("take", ordinal) if "take" in plan.values else 1
        self._journal.add_result(
            Result(
                work.key,
                made.digest,
                made.media_type,
                made.size,
                made.width,
                made.height,
                "model" if is_model else "operation",
                document.name,
                document.version if isinstance(document, Model) else str(document.behaviour),
                made.request_key,
                made.route or (way.route.provider if way.route else None),
                made.seed,
                take or 1,
                self._versions,
                made.call,
                self._run,
                self._now(),
            ),
            plan.identity(ordinal),
        )
        self._committer.soon()


def library_versions() -> dict[str, str]:
    """The versions that a picture's bytes may depend on; they are recorded beside it and are not in its key."""
    return {"editchain": __version__, "Pillow": PIL.__version__, **versions()}


def library_versions_json() -> str:
    """The same as it stands in the journal."""
    return json.dumps(library_versions(), sort_keys=True)


def refuse_unreachable(plan: Plan) -> None:
    """Raises ConfigurationError where a model that is left to run cannot be reached from here."""
    if plan.problems:
        raise ConfigurationError("\n".join(plan.problems))


def new_run_id(now: float) -> str:
    """A name for a run that sorts by time."""
    return f"{datetime.fromtimestamp(now, UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


async def run(
    workspace: Workspace,
    plan: Plan,
    digests: Digests,
    options: Options,
    *,
    watch: Callable[[Ended], None] | None = None,
    tell: Callable[[Notice], None] | None = None,
    stop: Stop | None = None,
    executor: Executor | None = None,
    run_id: str | None = None,
    lanes: Mapping[str, Lane] | None = None,
    paces: dict[str, Pace] | None = None,
) -> Report:
    """Carries out a plan, publishes its outputs, and journals it. Failures are outcomes; raises StoreError.

    Works on asyncio and on trio. `stop` asks for a tidy end; the executor is the local one unless one is handed in. Runs
    that go on beside each other in an event loop share what vendors allow by handing in the same `paces`.
    """
    journal = workspace.journal
    run_id = run_id or new_run_id(workspace.now())
    workers = options.workers or workspace.configuration.workers or os.cpu_count() or 2
    record = RunRecord(run_id, str(plan.pipeline.path), options.command, journal.owner, workspace.now())
    journal.put_run(record)
    workspace.store.sweep()  # what runs that were killed left half-written
    journal.put_run_keys(run_id, _keys(plan))
    if digests.fresh:
        journal.put_files(digests.fresh)
    _keep_outline(workspace, plan, run_id, options, digests)
    committer = Committer(journal)
    stop = stop or Stop()
    executor = executor or local_executor(workspace, digests, workers)
    results = JournalResults(journal, committer, run_id, workspace.now, workspace.store.lost())
    paces = {} if paces is None else paces
    for name, lane in {**_lanes(workspace, plan), **(lanes or {})}.items():
        paces.setdefault(name, Pace(lane))
    notices: list[Notice] = []

    def note(notice: Notice) -> None:
        notices.append(notice)
        if tell is not None:
            tell(notice)

    caller = None
    if options.publishes:
        _ = workspace.signer  # which cannot sign, while nothing was made yet
    left = [] if options.is_offline else _left_behind(journal, plan)
    if plan.calls:
        _refuse_unwritable(workspace, options)
    if plan.calls or left:
        caller = _caller(workspace, digests, options, committer, run_id, stop, paces, note)
    scheduler = Scheduler(
        plan,
        executor,
        results,
        call=caller,
        watch=watch,
        stop=stop,
        fail_fast=options.fail_fast,
        paces=paces,
        took=journal.call_seconds() if plan.calls else None,
    )
    cached = plan.counts["cached"]
    try:
        outcome = await _carry_out(
            scheduler,
            committer,
            stop if options.heeds_signals else None,
            None if caller is None or not left else partial(caller.recover, left, workspace.catalogue),
        )
    finally:
        free_memory()
        if caller is not None:
            await caller.close()
    outcome.notices = notices
    outcome.is_over_budget = caller is not None and caller.is_over_budget
    publication = await anyio.to_thread.run_sync(
        _publish, workspace, plan, options, run_id, workers, digests.digest
    )
    exit_code = _exit_code(outcome, plan) or (1 if publication.failed else 0)
    counts = dict(outcome.counts)
    counts["cached"] = counts.get("cached", 0) + cached
    journal.put_run(
        record._replace(
            ended_at=workspace.now(),
            outcome=outcome.stopped_by or ("done" if exit_code == 0 else "failed"),
            exit_code=exit_code,
            counts=json.dumps(counts),
        )
    )
    journal.put_run_tasks(
        [RunTask(run_id, one.task, one.outcome, one.message or None, None) for one in outcome.troubles]
    )
    if plan.counts["after"]:
        journal.put_run_keys(run_id, _keys(plan))
        _keep_outline(workspace, plan, run_id, options, digests)
    await committer.durable()
    locked = Locked()
    if options.locking is not None:  # at last: a folder that cannot be written takes nothing else along
        locked = await anyio.to_thread.run_sync(
            locking.write, options.locking, plan, journal, digests, workspace.store
        )
    return Report(run_id, outcome, publication, exit_code, cached, plan.counts["rejected"], locked)


async def _carry_out(
    scheduler: Scheduler,
    committer: Committer,
    stop: Stop | None,
    recover: Callable[[], Awaitable[None]] | None,
) -> Run:
    """Runs the tasks with the journal written beside them; everything is on disk when it returns.

    Signals ask for `stop`. At last what earlier runs bought is recovered, where there is such.
    """
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(committer.serve)
            if stop is not None:
                group.start_soon(_heed, stop)
            await scheduler.go()
            if recover is not None and scheduler.run.stopped_by is None:
                await recover()
            group.cancel_scope.cancel()
    except BaseExceptionGroup as trouble:
        raise single(trouble) from None
    await committer.durable()
    return scheduler.run


def _lanes(workspace: Workspace, plan: Plan) -> dict[str, Lane]:
    """What each vendor of a plan allows: as the workspace says, else as the provider does."""
    from editchain import providers

    ways = (other for one in plan.steps for way in one.ways for other in (way, *way.others))
    routes = {way.route.provider for way in ways if way.route and not way.is_local}
    lanes = {}
    for name in routes & providers.PROVIDERS.keys():
        capabilities = providers.load(name).capabilities
        said = workspace.configuration.limits.get(name, {})
        lanes[name] = Lane(
            int(said.get("concurrency", capabilities.concurrency)),
            said.get("per_second", capabilities.per_second),
        )
    return lanes


def _keep_outline(workspace: Workspace, plan: Plan, run_id: str, options: Options, digests: Digests) -> None:
    kept = outlining.outline(plan, run_id, options.out, digests.digest)
    outlining.save(workspace.folder, kept, workspace.store.temporary_beside)


def _left_behind(journal: Journal, plan: Plan) -> list[Call]:
    """What earlier runs bought, did not live to fetch, and no task of this plan asks for."""
    if not journal.open_calls():
        return []
    from editchain.runs.recovering import left_behind

    return left_behind(journal, {*_keys(plan)})


def _keys(plan: Plan) -> list[bytes]:
    return [key for one in plan.steps for key in one.keys if key is not None]


def _refuse_unwritable(workspace: Workspace, options: Options) -> None:
    """Raises StoreError where what is about to be paid for could not be stored or published."""
    workspace.store.refuse_unwritable(LEAST_ROOM_BYTES)
    refuse_unwritable(options.out)


def _caller(
    workspace: Workspace,
    digests: Digests,
    options: Options,
    committer: Committer,
    run_id: str,
    stop: Stop,
    paces: Mapping[str, Pace],
    tell: Callable[[Notice], None],
) -> Caller:
    # What speaks with vendors takes longest to import, and most runs here need none.
    from editchain import providers
    from editchain.runs.books import Books
    from editchain.runs.calling import Caller
    from editchain.runs.repeating import Repeater
    from editchain.runs.vendors import Vendors

    books = Books(
        workspace.store, workspace.journal, committer, run=run_id, now=workspace.now,
        versions=library_versions_json(), ceilings=options.ceilings,
        rates=workspace.configuration.rates or NO_RATES, tell=tell, rebuys=options.rebuys,
    )  # fmt: skip
    repeater = Repeater(stop)
    configuration = workspace.configuration
    return Caller(
        books,
        Vendors(books, repeater, providers.load, workspace.client, paces),
        repeater,
        local_executor(workspace, digests, 1).request_of,
        tell=tell,
        resends=configuration.on_unknown == "resend",
        stop_grace_seconds=configuration.stop_grace_seconds,
    )


def local_executor(workspace: Workspace, digests: Digests, workers: int) -> LocalExecutor:
    """The executor of this machine, with the operations and providers of this installation."""
    from editchain import providers

    return LocalExecutor(
        workspace.store, digests.digest, workspace.operation, providers.load, workers=workers
    )


async def _heed(stop: Stop) -> None:
    """Turns the first signal into a tidy stop, and ends the process at a second."""
    try:
        receiver = anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        with receiver as signals:
            async for number in signals:
                if stop.is_asked:
                    os._exit(128 + number)
                stop.ask(signal.Signals(number).name)
    except (RuntimeError, NotImplementedError, ValueError):
        return  # not in the main thread: whoever runs us there takes the signals


def _publish(
    workspace: Workspace,
    plan: Plan,
    options: Options,
    run_id: str,
    workers: int,
    digest: Callable[[ImageSource], bytes | None],
) -> Publication:
    if not options.publishes:
        return Publication()
    journal = workspace.journal
    publisher = Publisher(
        workspace.store, journal, options.out, str(plan.pipeline.path), run_id, overwrite=options.overwrite
    )
    formats, crediting = _formats(journal, plan), _crediting(workspace, journal, plan)
    attester = None
    if workspace.signer is not None:
        from editchain.runs.attesting import Attester

        attester = Attester(workspace.signer, workspace.store, crediting, digest)
    publication = publisher.publish(copies(plan, formats, crediting, attester), workers=workers)
    if options.prune:
        named = {os.path.join(os.path.abspath(options.out), path) for path in unmade(plan, formats)}
        publication.pruned = publisher.prune(named.union(publication.paths))
    return publication


def wanted_copies(workspace: Workspace, journal: Journal, plan: Plan) -> Iterator[Copy]:
    """The files that a plan's outputs want, as far as their pictures are there, to be looked at."""
    return copies(plan, _formats(journal, plan), _crediting(workspace, journal, plan))


def _formats(journal: Journal, plan: Plan) -> Formats:
    """What the pictures that are published are stored as."""
    wanted = {id(output.picture.step) for output in plan.pipeline.outputs}
    stored = (
        (one, at, key)
        for one in plan.steps
        if id(one.step) in wanted
        for at, key in enumerate(one.keys)
        if key is not None and at in one.digests
    )
    formats = Formats()
    for group in groups(stored):
        results = journal.results([key for *_, key in group])
        for one, at, key in group:
            result = results.get(key)
            if result is not None and result.digest:
                formats.note(one, at, result.media_type)
    return formats


def _crediting(workspace: Workspace, journal: Journal, plan: Plan) -> Crediting:
    """What published pictures are to say; with the seeds of what was prompted, where those are to be said."""
    metadata = workspace.configuration.metadata
    seeds: dict[bytes, int] = {}
    prompted = (one for one in plan.steps if metadata == FULL and "prompt" in one.values)
    for group in groups(key for one in prompted for key in one.keys if key is not None):
        made = {**journal.passed(group), **journal.results(group)}
        seeds.update((key, result.seed) for key, result in made.items() if result.seed is not None)
    return Crediting(plan, metadata, seeds, workspace.signature)


def _exit_code(outcome: Run, plan: Plan) -> int:
    """The command's exit code, as the contract lists them: the first of those that hold."""
    counts = outcome.counts
    stopped: dict[str, int] = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129, "SIGPIPE": 141}
    if outcome.stopped_by in stopped:
        return stopped[outcome.stopped_by]
    if counts.get("waiting"):
        return 4
    if outcome.is_over_budget:
        return 3
    if (
        any(counts.get(name) for name in ("failed", "rejected", "skipped", "open", "stopped"))
        or plan.counts["rejected"]
    ):
        return 1
    return 0


def summary(plan: Plan) -> dict[str, Any]:
    """The numbers of a plan."""
    return {
        "tasks": plan.total,
        "cached": plan.counts["cached"],
        "known": plan.counts["known"],
        "to_run": plan.counts["run"] + plan.counts["after"],
        "calls": plan.calls,
        "rejected": plan.counts["rejected"],
        "unneeded": plan.counts["unneeded"],
    }

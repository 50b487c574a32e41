"""The simulated world: a machine that dies and forgets what was not flushed, vendors with whims, and the judge of a trial."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import trio
import trio._core._run as trio_run
from tests.runs.shop import Shop, Vendor, outcomes, picture
from tests.workbench import NOW, paint, shipped

from editchain.configuration import Configuration
from editchain.errors import ProviderError, StoreError
from editchain.http import FetchError, NotSent, ReplyLost
from editchain.journal.journal import Journal
from editchain.platform import Disk
from editchain.providers.base import (
    BUSY,
    Absent,
    Accepted,
    Capabilities,
    Failed,
    Finished,
    Refused,
    Request,
    Running,
    Unknown,
)
from editchain.runs.books import Detail
from editchain.store import Store
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from editchain.models import Catalogue
    from editchain.pipeline import Pipeline
    from editchain.plans.tasks import Plan
    from editchain.runs.outcomes import Ended, Run

LIVES = 4
"""How many processes a trial may lose before the world calms down."""
IN_FLIGHT = 4
"""Calls that a process has out at each vendor, at the most."""
LAST_INSTANT = 140
"""A process that dies does so at one of so many instants: most runs have more."""
CALM_RUNS = 8
"""A calm world settles in fewer runs than this."""


class Died(BaseException):
    """The process is no more: whatever asks a vendor after that only has to end."""


class Wrong(AssertionError):
    """The engine broke a promise."""


# ---------------------------------------------------------------------- the machine


@dataclass(eq=False)
class Machine(trio.abc.Instrument):
    """A disk that knows what was flushed, and a process that dies at the `dies_at`-th instant.

    An instant is a step of any task, a call that changes a file, or the moment before and after a commit. What the dead
    process leaves is copied at that instant; whatever it does later happens to files that nobody sees.
    """

    folder: Path
    chance: random.Random
    dies_at: int = 0
    is_power_cut: bool = False
    instants: int = 0
    is_dead: bool = False
    _flushed: dict[int, int] = field(default_factory=dict)
    _names: set[str] = field(default_factory=set)
    _log: int = 0

    @property
    def store(self) -> Path:
        return self.folder / ".editchain"

    @property
    def image(self) -> Path:
        return self.folder / "image"

    def begin(self, dies_at: int, *, is_power_cut: bool) -> None:
        """A new process; it lives for good where `dies_at` is 0."""
        self.dies_at, self.is_power_cut, self.instants, self.is_dead = dies_at, is_power_cut, 0, False

    def instant(self) -> None:
        """One moment at which the process may die."""
        if self.is_dead:
            return
        self.instants += 1
        if self.instants == self.dies_at:
            self.die()

    def before_task_step(self, task: Any) -> None:
        self.instant()

    def die(self) -> None:
        """What the process leaves is what is on disk now; without power, no more than was flushed."""
        self.is_dead = True
        self.image.mkdir()
        if self.store.exists():
            self._copy()

    def _copy(self) -> None:
        flushed: dict[int, int] = {}
        for place, _, names in os.walk(self.store):
            to = self.image / Path(place).relative_to(self.store)
            to.mkdir(exist_ok=True)
            for name in names:
                if name.endswith("-shm"):
                    continue
                source, target = f"{place}/{name}", f"{to}/{name}"
                shutil.copyfile(source, target)
                known = self._flushed.get(os.stat(source).st_ino)
                if known is not None:
                    flushed[os.stat(target).st_ino] = known
        self._flushed = flushed
        if self.is_power_cut:
            self._forget()

    def _forget(self) -> None:
        """Drops what was not flushed: names as a coin says, bytes from a random place on."""
        log = self.image / "journal.db-wal"
        if log.exists():
            self._cut(log, self._log)
        for place, folders, names in os.walk(self.image, topdown=True):
            inside = Path(place).relative_to(self.image)
            if inside.parts[:1] not in ((), ("objects",)):
                continue
            for name in sorted(folders):
                if (inside.parts or name == "objects") and self._is_forgotten(inside / name):
                    shutil.rmtree(f"{place}/{name}")
                    folders.remove(name)
            for name in sorted(names):
                path = Path(place) / name
                known = self._flushed.get(path.stat().st_ino)
                if known is None:
                    continue
                if self._is_forgotten(inside / name):
                    path.unlink()
                else:
                    self._cut(path, known)
            folders.sort()

    def _is_forgotten(self, inside: Path) -> bool:
        return str(self.store / inside) not in self._names and self.chance.random() < 0.7

    def _cut(self, path: Path, flushed: int) -> None:
        size = path.stat().st_size
        if flushed < size:
            path.chmod(0o644)
            os.truncate(path, self.chance.choice([flushed, self.chance.randint(flushed, size)]))

    def bury(self) -> None:
        """The next process finds what the dead one left."""
        if self.is_dead:
            shutil.rmtree(self.store, ignore_errors=True)
            self.image.rename(self.store)

    # The calls that change files

    @cached_property
    def disk(self) -> Disk:
        return Disk(
            open=self._open, write=self._write, flush=self._flush, close=os.close, replace=self._replace,
            unlink=self._unlink, flush_folder=self._flush_folder,
        )  # fmt: skip

    def _open(self, path: str, flags: int, mode: int) -> int:
        self.instant()
        descriptor = os.open(path, flags, mode)
        found = os.fstat(descriptor)
        if found.st_size == 0:
            self._flushed[found.st_ino] = 0
            self._names.discard(path)
        return descriptor

    def _write(self, descriptor: int, data: bytes | memoryview) -> int:
        self.instant()
        return os.write(descriptor, data)

    def _flush(self, descriptor: int) -> None:
        self.instant()
        found = os.fstat(descriptor)
        self._flushed[found.st_ino] = found.st_size

    def _replace(self, source: str, target: str) -> None:
        self.instant()
        os.replace(source, target)
        self._names.discard(target)

    def _unlink(self, path: str) -> None:
        self.instant()
        os.unlink(path)

    def _flush_folder(self, path: str) -> None:
        self.instant()
        self._names.update(f"{path}/{name}" for name in os.listdir(path))

    # The database

    def connection(self) -> type[sqlite3.Connection]:
        """A connection that tells what of its log was flushed, without flushing anything."""
        machine = self

        class Watched(sqlite3.Connection):
            is_flushing = False

            def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:  # type: ignore[override]  # as it is called here
                if sql.startswith("PRAGMA synchronous = "):
                    self.is_flushing = sql.endswith("FULL")
                    return super().execute("PRAGMA synchronous = OFF")
                if sql != "COMMIT":
                    return super().execute(sql, *values)
                machine.instant()
                done = super().execute(sql)
                if self.is_flushing and not machine.is_dead:
                    machine.note_flushed_log()
                machine.instant()
                return done

        self._log = min(self._log, self._log_bytes())
        return Watched

    def note_flushed_log(self) -> None:
        self._log = self._log_bytes()

    def _log_bytes(self) -> int:
        try:
            return os.stat(f"{self.store}/journal.db-wal").st_size
        except FileNotFoundError:
            return 0


# ---------------------------------------------------------------------- vendors


@dataclass(eq=False)
class Submission:
    """One request that reached a vendor. `charged` are so many of its pictures, the first ones.

    Whether we were told what became of it: `is_doubtful` says that we were not, `is_final` that it may never be asked
    again. `may_be_held` excuses a call that a person has to settle.
    """

    token: str
    content: str
    count: int
    is_settling: bool
    is_replaying: bool
    charged: int = 0
    is_doubtful: bool = True
    is_final: bool = False
    may_be_held: bool = False
    is_followed: bool = False


@dataclass(eq=False)
class Job:
    """What a vendor makes of a request it has taken."""

    id: str
    submission: Submission
    numbers: tuple[int, ...]
    end: Failed | None = None
    looks: int = 0
    is_lost: bool = False
    is_gone: bool = False


def content_of(request: Request) -> str:
    """What is asked for, in the vendor's own words: nothing of it is the engine's idea of a key."""
    fields = {name: value for name, value in request.fields.items() if name in request.said}
    images = sorted((name, [blob.digest.hex() for blob in blobs]) for name, blobs in request.images.items())
    seed = request.seed if request.said - request.fields.keys() else None
    return repr((request.model, sorted(fields.items()), images, seed, request.take))


class Whimsical(Vendor):
    """A vendor of one kind whose answers come late, not at all, or are something else; calm, it does as it is asked.

    Kinds: "lists" its jobs, "replays" a token, has "jobs" and can tell nothing of a lost reply, answers "at once" with
    the pictures or with their "addresses".
    """

    def __init__(self, name: str, world: World, kind: str) -> None:
        super().__init__()
        self.name, self.world, self.kind = name, world, kind
        self.chance = world.chance
        self.capabilities = Capabilities(
            finds_lost=kind == "lists", replays=kind == "replays", submit_seconds=60, job_seconds=90
        )
        self.jobs: dict[str, Job] = {}

    async def _passes(self) -> None:
        """Time, in which the process may have died."""
        await trio.sleep(self.chance.choice([0, 0, 0.1, 1, 5]))
        self.world.beat()
        if self.world.machine.is_dead:
            raise Died

    def _whim(self, rate: float, *whims: str) -> str:
        """One of several things that go wrong, or nothing."""
        if self.world.is_calm or self.chance.random() >= rate:
            return ""
        return self.chance.choice(whims)

    async def submit(self, session: Any, request: Request) -> Any:
        await self._passes()
        known = next((one for one in self.jobs.values() if one.submission.token == request.token), None)
        if self.kind == "replays" and known is not None:
            return await self._accept(request, known.submission, known)
        whim = self._whim(0.3, "unsent", "busy", "hours", "no", "moderated", "credits", "failed", "dropped")
        if whim == "unsent":
            raise NotSent("no connection")
        mine = self.world.submitted(self, request)
        if whim == "dropped":
            raise ReplyLost("cut before it was read")
        answer = self._answer(whim, mine)
        if (
            isinstance(answer, Failed) and mine.is_settling
        ):  # its list, and its memory of tokens, have those too
            self._enlist(Job(self._next_id(), mine, (), answer))
        if answer is None:
            return await self._accept(request, mine, None)
        await self._passes()
        mine.is_doubtful = False
        if isinstance(answer, Failed) and mine.is_replaying:
            self.world.found(mine.token)
        mine.is_final = mine.is_final or whim in ("no", "moderated")
        return answer

    def _answer(self, whim: str, mine: Submission) -> Any:
        if whim in ("no", "moderated"):
            return Refused("refused" if whim == "no" else "rejected", "no")
        if whim == "failed":
            charged = self.chance.choice([True, False, None])
            mine.charged, mine.is_final = 0 if charged is False else mine.count, charged is not False
            return Failed("broken", "it broke", charged)
        return {
            "busy": Refused(BUSY, "too many", retry_after_seconds=self.chance.choice([1, 20])),
            "hours": Refused(BUSY, "come back later", retry_after_seconds=7200),
            "credits": Refused("credits", "none left", stops_all=True),
        }.get(whim)

    async def _accept(self, request: Request, mine: Submission, job: Job | None) -> Any:
        job = job or self._new_job(request, mine)
        self.world.machine.instant()
        whim = self._whim(0.25, "lost", "lost", "slow", "unreadable", "unknown", "error")
        if whim == "lost":
            raise ReplyLost("the connection was lost")
        if whim == "slow":
            await trio.sleep(1000)
        if whim == "unreadable":
            raise KeyError("id")
        if whim == "error":
            return Unknown("HTTP 502")
        if whim == "unknown":
            return Unknown("words that nobody knows")
        await self._passes()
        mine.is_doubtful = False
        if mine.is_replaying:
            self.world.found(mine.token)
        addresses = self._addresses(job)
        if self.kind == "at once":
            return Finished(tuple(picture(number) for number in job.numbers))
        if self.kind == "addresses":
            return Finished(downloads=addresses)
        return Accepted(job.id)

    def _new_job(self, request: Request, mine: Submission) -> Job:
        count = request.count if self._whim(0.1, "short") == "" else max(1, request.count - 1)
        mine.charged = count
        job = self._enlist(Job(self._next_id(), mine, self.world.numbers(count)))
        if self.kind in ("lists", "replays", "jobs"):
            self._decide(job)
        return job

    def _next_id(self) -> str:
        return f"{self.name}-{len(self.jobs) + 1}"

    def _enlist(self, job: Job) -> Job:
        self.jobs[job.id] = job
        return job

    def _decide(self, job: Job) -> None:
        """How a job will end."""
        whim = self._whim(0.2, "fails", "moderates", "loses", "free")
        mine = job.submission
        if whim == "free":
            job.end, mine.charged = Failed("broken", "it broke", False), 0
        elif whim:
            mine.is_final, mine.charged = True, mine.count
            job.end = Failed(whim, "no picture", None if whim == "fails" else True)
            job.is_lost = whim == "loses"

    def _addresses(self, job: Job) -> tuple[str, ...]:
        return tuple(f"{job.id}/{number}" for number in job.numbers)

    async def poll(self, session: Any, vendor_id: str) -> Any:
        await self._passes()
        job = self.jobs[vendor_id]
        job.submission.is_followed = True
        job.looks += 1
        whim = self._whim(0.3, "cut", "unsent", "lost", "busy", "absent", "stuck", "running")
        if whim == "cut":
            raise FetchError("HTTP 500")
        if whim == "unsent":
            raise NotSent("no connection")
        if whim == "lost":
            raise ReplyLost("no reply")
        if whim == "absent" or job.is_lost:
            return Absent() if job.is_lost or job.looks == 1 else Running(3)
        if whim == "stuck":
            return Running(1000)
        if whim:
            return Running(10, is_busy=whim == "busy")
        return job.end or Finished(downloads=self._addresses(job))

    async def download(self, session: Any, address: str) -> bytes:
        await self._passes()
        name, _, number = address.partition("/")
        job = self.jobs[name]
        job.submission.is_followed = True
        whim = self._whim(0.2, "cut", "page", "half", "expired", "gone")
        if whim == "gone" and self.kind != "lists":
            job.is_gone = job.submission.is_final = True
        if job.is_gone:
            raise ProviderError("it was deleted")
        if whim in ("cut", "expired"):
            raise FetchError("HTTP 403")
        if whim == "page":
            return b"<!doctype html>"
        data = picture(int(number))
        return data[: len(data) // 2] if whim == "half" else data

    async def find(self, session: Any, request: Request, since: float) -> Any:
        await self._passes()
        whim = self._whim(0.3, "cut", "unsure")
        if whim == "cut":
            raise FetchError("HTTP 500")
        if whim == "unsure":
            return Unknown("the list is not complete yet")
        found = [one for one in self.jobs.values() if one.submission.token == request.token]
        await self._passes()
        self.world.found(request.token or "")
        return Accepted(found[0].id) if found else Absent()

    async def cancel(self, session: Any, vendor_id: str) -> bool:
        await self._passes()
        job = self.jobs[vendor_id]
        if job.end is not None or self._whim(0.5, "no"):
            return False
        job.end, job.submission.charged = Failed("cancelled", "cancelled", False), 0
        return True


# ---------------------------------------------------------------------- the world


class SimulatedWorkspace(Workspace):
    """A workspace on the simulated machine."""

    machine: Machine

    @cached_property
    def store(self) -> Store:
        return Store(self.folder, disk=self.machine.disk)

    @property
    def catalogue(self) -> Catalogue:  # type: ignore[override]  # the same for all, so read once
        return shipped()

    @cached_property
    def configuration(self) -> Configuration:
        return Configuration()

    @property
    def journal(self) -> Journal:
        if self._journal is None:
            self._journal = Journal.open(self.folder, now=self.now, disk=self.machine.disk)
        return self._journal


@dataclass
class PlannedShop(Shop):
    """A shop that remembers how many calls the last plan had."""

    planned: int = 0

    @cached_property
    def _read(self) -> Pipeline:
        return super().pipeline()

    def pipeline(self) -> Pipeline:
        """As it was read first: nobody changes it in a trial."""
        return self._read

    def plan(self, workspace: Workspace) -> tuple[Plan, Any]:
        plan, digests = super().plan(workspace)
        self.planned = plan.calls
        return plan, digests


class World:
    """One trial: a pipeline, vendors, and processes that die, all of it from one seed."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.seed = seed
        self.chance = random.Random(seed)
        self.machine = Machine(folder, self.chance)
        self.is_calm = False
        self.submissions: list[Submission] = []
        self.done: set[str] = set()
        self.figures: Counter[str] = Counter()
        self._pictures = 0
        self._stops_at = 0
        paint(folder / "a.png")
        (folder / "editchain.toml").touch()
        self.document = recipe(self.chance)
        (folder / "p.yaml").write_text(json.dumps(self.document))
        kinds = ["lists", "replays", "jobs", "at once", "addresses"]
        vendor = Whimsical("one", self, self.chance.choice(kinds))
        self.shop = PlannedShop(
            folder, vendor, watch=self._watch, open=self._open, instruments=[self.machine]
        )
        if self.chance.random() < 0.4:
            self.shop.others["fal"] = Whimsical("two", self, self.chance.choice(kinds))

    def _open(self, root: Path, **options: Any) -> Workspace:
        made = SimulatedWorkspace(root, **options)
        made.machine = self.machine
        return made

    # What vendors tell it

    def numbers(self, count: int) -> tuple[int, ...]:
        """Pictures that nobody has seen before."""
        self._pictures += count
        return tuple(range(self._pictures - count + 1, self._pictures + 1))

    def submitted(self, vendor: Whimsical, request: Request) -> Submission:
        is_replaying = vendor.kind == "replays"
        is_settling = is_replaying or vendor.kind == "lists"
        content = content_of(request)
        made = Submission(request.token or "", content, request.count, is_settling, is_replaying)
        self.submissions.append(made)
        return made

    def found(self, token: str) -> None:
        """A vendor told what became of a request, and of all that had its token."""
        for one in self.submissions:
            if one.token == token:
                one.is_doubtful, one.is_final = False, one.is_final and one.charged > 0

    def beat(self) -> None:
        """An exchange with a vendor; the run may be asked to stop at one."""
        self.machine.instant()
        self._stops_at -= 1
        if self._stops_at == 0 and not self.machine.is_dead:
            self.figures["stops"] += 1
            self.shop.stop.ask("SIGINT")

    def _watch(self, ended: Ended) -> None:
        if ended.outcome == "done" and not self.machine.is_dead:
            self.done.add(ended.address)

    # Its course

    def go(self) -> Counter[str]:
        """Lives and dies, calms down, settles, and is judged. Raises Wrong."""
        ids = random.Random(self.seed)
        chances = random.Random(self.seed)
        connect = sqlite3.connect

        def watched(*values: Any, **options: Any) -> sqlite3.Connection:
            return connect(*values, **options, factory=self.machine.connection())

        with (
            patch("secrets.token_hex", lambda count: f"{ids.getrandbits(8 * count):0{2 * count}x}"),
            patch("sqlite3.connect", watched),
            patch.object(trio_run, "_r", chances),
            patch.object(trio_run, "_ALLOW_DETERMINISTIC_SCHEDULING", True),
        ):
            for _ in range(self.chance.randint(1, LIVES)):
                self._live()
            self._settle()
        self.figures["trials"] += 1
        self.figures["charges"] += sum(1 for one in self.submissions if one.charged)
        return self.figures

    def _live(self) -> None:
        """One process, to its end or its death."""
        fate = self.chance.choice(["lives", "stops", "kill", "kill", "cut", "cut", "cut"])
        dies_at = self.chance.randint(1, LAST_INSTANT) if fate in ("kill", "cut") else 0
        self._stops_at = self.chance.randint(1, 12) if fate == "stops" else 0
        self._run(dies_at, is_power_cut=fate == "cut")
        if not self.machine.is_dead and self.chance.random() < 0.5:
            # After a good end the power goes all the same.
            self.machine.is_power_cut = True
            self.machine.die()
            self.machine.bury()
            self.figures["cuts after an end"] += 1
        self._judge()

    def _run(self, dies_at: int = 0, *, is_power_cut: bool = False) -> Run | None:
        before = self._calls_charged()
        self.shop.planned = 0
        self.machine.begin(dies_at, is_power_cut=is_power_cut)
        first = len(self.submissions)
        run: Run | None = None
        try:
            run = self.shop.run()
        except BaseException as error:
            if not self.machine.is_dead and isinstance(error, StoreError):
                raise Wrong(f"the store is not as it should be: {error}") from error
            if not self.machine.is_dead or isinstance(error, KeyboardInterrupt):
                raise
        if self.machine.is_dead:
            run = None
            self.figures["cuts" if is_power_cut else "kills"] += 1
            for one in self.submissions[first:]:
                if not one.is_followed:
                    # It may have heard the answer and not have lived to write it down.
                    one.may_be_held, one.is_final = True, one.is_final and one.charged > 0
            self.machine.bury()
        self.figures["runs"] += 1
        made = self._calls_charged() - before
        if made > self.shop.planned:
            raise Wrong(f"{made} calls were made where {self.shop.planned} were planned")
        return run

    def _calls_charged(self) -> int:
        return len({id(one) for one in self.submissions if one.charged})

    def _settle(self) -> None:
        """Runs in a calm world until nothing changes; then once more, which has to be free."""
        self.is_calm = True
        self._stops_at = 0
        before: Any = None
        for _ in range(CALM_RUNS):
            run = self._run()
            assert run is not None
            now = (self._charges(), self._judge())
            if now == before:
                break
            before = now
        else:
            raise Wrong(f"it does not settle: {outcomes(run)} {[one.message for one in run.troubles]}")
        self._judge_end(run)

    # ------------------------------------------------------------------ judging

    def _charges(self) -> int:
        return sum(one.charged for one in self.submissions)

    def _judge(self) -> dict[bytes, bytes]:
        """What has to hold at every moment; gives what is stored, by key. Raises Wrong."""
        self.machine.begin(0, is_power_cut=False)
        with self._open(self.machine.folder, now=lambda: NOW) as workspace:
            journal = workspace.look
            calls = {call.token: Detail.of(call) for call in journal.calls()} if journal else {}
            stored = {one.key: one.digest for one in journal.all_results()} if journal else {}
        charged: Counter[bytes] = Counter()
        closed: dict[bytes, str] = {}
        for one in self.submissions:
            detail = calls.get(one.token)
            if detail is None:
                raise Wrong(f"a request went out of which the journal knows nothing: {one}")
            keys = [sample.request_key for sample in detail.samples]
            for key in keys:
                if key in closed and not (one.is_replaying and closed[key] == one.token):
                    raise Wrong(f"it was asked again for what was held or refused for good: {one}")
            if one.is_doubtful or (one.is_final and not one.charged):
                closed |= dict.fromkeys(keys, one.token)
            elif one.is_final:
                closed |= dict.fromkeys(keys[: one.charged], one.token)
            charged.update(keys[: one.charged])
        contents = Counter(
            one.content for one in self.submissions if one.charged and "Several" not in one.content
        )
        twice = [key for key, times in (*charged.items(), *contents.items()) if times > 1]
        if twice:
            raise Wrong(f"charged twice: {twice}")
        return stored

    def _judge_end(self, run: Run) -> None:
        """What has to hold when the world has been calm for long enough. Raises Wrong."""
        troubles = {one.outcome for one in run.troubles}
        if not troubles <= {"rejected", "waiting", "skipped"}:
            raise Wrong(
                f"left undone: {[one for one in run.troubles if one.outcome not in ('rejected', 'skipped')]}"
            )
        with self._open(self.machine.folder, now=lambda: NOW) as workspace:
            journal = workspace.journal
            open_calls = journal.open_calls()
            plan, _ = self.shop.plan(workspace)
            left = {one.task_name(at) for one in plan.steps for at in one.ordinals() if one.is_to_do(at)}
            digests = [one.digest for one in journal.all_results() if one.kind == "model"]
            for digest in digests:
                try:
                    workspace.store.read(digest)
                except StoreError as error:
                    raise Wrong(f"paid for and lost: {error}") from error
        excused = {one.token for one in self.submissions if one.may_be_held or one.is_doubtful}
        # What no vendor ever heard of was on its way when a process died.
        unheard = {call.token for call in open_calls} - {one.token for one in self.submissions}
        deaths = self.figures["kills"] + self.figures["cuts"]
        if len(unheard) > IN_FLIGHT * deaths:
            raise Wrong(f"{len(unheard)} calls that were never sent are held after {deaths} deaths")
        for call in open_calls:
            if call.state != "unknown":
                raise Wrong(f"a call never ended: {call}")
            if call.token not in excused | unheard:
                raise Wrong(f"held without need: {call}")
        held = [one for one in run.troubles if one.outcome == "waiting"]
        if any("gone from the store" in one.message for one in held):
            raise Wrong(f"paid for and lost: {held}")
        if self.done & left:
            raise Wrong(f"reported done and lost: {sorted(self.done & left)}")
        self.figures["held"] += len(open_calls)


def recipe(chance: random.Random) -> dict[str, Any]:
    """One to six tasks: edits alone and in chains, twins, samples, and operations between them."""
    steps: dict[str, Any] = {}
    several: set[str] = set()
    for number in range(chance.randint(1, 4)):
        name = f"s{number}"
        source = chance.choice(list(steps)) if steps and chance.random() < 0.6 else ""
        image = f"${source}" if source else "a.png"
        kind = chance.choice(["edit", "edit", "edit", "several", "small"])
        if kind == "small":
            steps[name] = {"operation": "resize", "image": image, "width": chance.choice([3, 4])}
        elif kind == "several" and source not in several:
            steps[name] = {
                "model": "gemini-2.5-flash",
                "image": image,
                "prompt": f"Several {number}",
                "num_samples": chance.randint(2, 3),
            }
        else:
            steps[name] = {"model": "flux-kontext", "image": image, "prompt": chance.choice("ABC"), "seed": 1}
        if kind == "several" or source in several:
            several.add(name)
    return {"version": 1, "steps": steps}

"""Scheduling: the loop that hands out what is ready and takes it back, failures kept as outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import anyio

from editchain.errors import StoreError
from editchain.executors.base import Failure, Made, Work
from editchain.plans.fusing import fuse
from editchain.plans.identity import key_of
from editchain.plans.sharing import call_sizes, coordinate_of
from editchain.plans.tasks import CACHED, REJECTED, RUN, StepPlan
from editchain.runs.layout import Layout
from editchain.runs.outcomes import Ended, Run, Stop
from editchain.runs.pacing import TICK_SECONDS, Lane, Pace
from editchain.runs.twins import Twins
from editchain.runs.urgency import LOCAL, Urgency

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from editchain.executors.base import Executor
    from editchain.plans.tasks import Plan
    from editchain.runs.outcomes import Outcome

FEED_SHARE = 0.95
"""A provider about to run dry is fed first unless it has less than this part of a lane's own work left."""

BATCH_SECONDS = 0.02
"""How long a batch of quick local tasks may last: long enough to pay for its hand-over, short enough to stop soon."""
MAX_BATCH = 256
QUICK_SECONDS = 0.0005
"""Tasks quicker than this are worked by one thread: more would only pass the interpreter's lock to each other."""
OTHERS_SECONDS = 0.25
"""How often a task that another process works on is looked for."""


class Results(Protocol):
    """Where results are looked up while a run goes on, and where they are put."""

    def find(self, keys: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """The digests of stored pictures."""
        ...

    def claim(self, keys: Sequence[bytes]) -> Mapping[bytes, object]:
        """Takes keys for this process; gives those that others hold."""
        ...

    def release(self, keys: Sequence[bytes]) -> None:
        """Gives back claims without a result."""
        ...

    def add(self, work: Work, made: Made) -> None:
        """Records a picture that is in the store."""
        ...


class Scheduler:
    """Runs the tasks of a plan that are left to do. Only ready tasks are handed out; nothing waits in memory."""

    def __init__(
        self,
        plan: Plan,
        executor: Executor,
        results: Results,
        *,
        call: Callable[[Sequence[Work]], Awaitable[Sequence[Made | Failure | Ended]]] | None = None,
        paces: Mapping[str, Pace] | None = None,
        watch: Callable[[Ended], None] | None = None,
        stop: Stop | None = None,
        fail_fast: bool = False,
        took: Mapping[tuple[str, str], float] | None = None,
    ) -> None:
        """`took` is how long calls took lately, by provider and model, for the order in which tasks start."""
        self.plan = plan
        self.run = Run()
        self.stop = stop or Stop()
        self._executor = executor
        self._results = results
        self._call = call
        self._paces = dict(paces or {})
        self._watch = watch or (lambda _ended: None)
        self._fail_fast = fail_fast
        self._in_flight: dict[str, int] = {}
        self._batch = 1
        self._are_quick = False
        self._twins = Twins(sum(one.count for one in plan.steps), self._key_of)
        self._failed: dict[int, Ended] = {}
        self._loose = _loose(plan)
        self._fusion = fuse(plan, executor.hands_on)
        self._layout = Layout(plan, self._fusion, Urgency(plan, took or {}))
        self._place = self._layout.place
        self._look_at = 0.0
        self._parked: list[int] = []
        self._wake = anyio.Event()
        self._trouble: StoreError | None = None
        for one in plan.steps:
            if REJECTED in one.states:
                one.lost.update(ordinal for ordinal in one.ordinals() if one.states[ordinal] == REJECTED)
        self._board = self._layout.board()
        self.stop.listen(self.interrupt)

    # ------------------------------------------------------------------ lanes

    def _hungry(self, lane: str) -> list[str]:
        """The other providers that will have nothing to do soon, and are not far ahead of this lane's work."""
        board, found = self._board, []
        own = board.left_in(lane) / self._capacity(lane)
        for other, pace in self._paces.items():
            if other in (lane, LOCAL):
                continue
            at_hand = board.ready(other) + self._in_flight.get(other, 0)
            left = board.left_in(other)
            if at_hand < min(left, pace.width) and (lane == LOCAL or left / pace.width > FEED_SHARE * own):
                found.append(other)
        return found

    def _capacity(self, lane: str) -> int:
        return self._executor.workers if lane == LOCAL else self._pace(lane).width

    def _pace(self, lane: str) -> Pace:
        if lane not in self._paces:
            self._paces[lane] = Pace(Lane(4))
        return self._paces[lane]

    # ------------------------------------------------------------------ the loop

    async def go(self) -> Run:
        """Runs until everything has an outcome; failures are outcomes. Raises StoreError where the disk is in trouble."""
        try:
            async with anyio.create_task_group() as group:
                while self._board.left:
                    self._wake = anyio.Event()
                    if self.stop.is_asked:
                        self._give_up()
                    wait = self._hand_out(group)
                    if not self._board.left:
                        break
                    if self.stop.is_asked and not any(self._in_flight.values()):
                        continue
                    with anyio.move_on_after(wait):
                        await self._wake.wait()
        except BaseExceptionGroup as trouble:
            raise single(trouble) from None
        if self._trouble is not None:
            raise self._trouble
        if self.stop.is_asked:
            self.run.stopped_by = self.stop.reason
        return self.run

    def interrupt(self) -> None:
        """Wakes the loop, so that a stop that was asked for is seen at once."""
        self._wake.set()

    def _hand_out(self, group: anyio.abc.TaskGroup) -> float | None:
        """Starts what may start; gives the seconds after which there is something to look at again."""
        wait: float | None = None
        now = anyio.current_time()
        if self._parked and now > self._look_at - TICK_SECONDS:
            self._look_again()
            self._look_at = now + OTHERS_SECONDS
        progress = True
        while progress:
            progress = False
            for lane in self._board.lanes():
                free, pause = self._free(lane)
                if pause is not None:
                    wait = pause if wait is None else min(wait, pause)
                if free <= 0:
                    continue
                if lane == LOCAL:
                    progress |= self._start_local(group, free)
                else:
                    progress |= self._start_call(group, lane)
        if self._parked:
            if self._look_at <= now:
                self._look_at = now + OTHERS_SECONDS
            wait = min(self._look_at - now, wait if wait is not None else OTHERS_SECONDS)
        return wait

    def _free(self, lane: str) -> tuple[int, float | None]:
        """How many more a lane may have in flight, and how long its rate makes it wait."""
        if lane == LOCAL:
            workers = 1 if self._are_quick else self._executor.workers
            return workers - self._in_flight.get(lane, 0), None
        pace = self._pace(lane)
        own = self._in_flight.get(lane, 0)
        free = pace.width - pace.begun
        if free > 0 and (pause := pace.pause(anyio.current_time())):
            return 0, pause
        # Calls of a run beside this one end without a word to it.
        return free, OTHERS_SECONDS if free <= 0 and own < pace.width else None

    def _start_local(self, group: anyio.abc.TaskGroup, free: int) -> bool:
        ready = self._board.ready(LOCAL)
        share = -(-ready // free)
        works = self._admit(self._board.take(LOCAL, max(1, min(self._batch, share)), self._hungry(LOCAL)))
        if works:
            self._in_flight[LOCAL] = self._in_flight.get(LOCAL, 0) + 1
            group.start_soon(self._work, works)
        return True

    def _start_call(self, group: anyio.abc.TaskGroup, lane: str) -> bool:
        """Starts a call for the most urgent task, and for the samples of its coordinate that it may bring."""
        tasks = self._board.take(lane, 1, self._hungry(lane))
        works = self._admit(tasks)
        if not works:
            return True
        size = call_sizes(works[0].plan, works[0].ordinal)[0]
        for task in self._others_of(works[0]) if size > 1 else ():
            if len(works) == size:
                break
            if self._board.take_this(task):
                works += self._admit([task])
        self._in_flight[lane] = self._in_flight.get(lane, 0) + 1
        pace = self._pace(lane)
        pace.begin(anyio.current_time())
        pace.begun += 1
        group.start_soon(self._send, lane, works)
        return True

    def _others_of(self, work: Work) -> list[int]:
        """The tasks that are samples of the same coordinate."""
        one = work.plan
        return [one.offset + at for at in coordinate_of(one, work.ordinal) if at != work.ordinal]

    # ------------------------------------------------------------------ admitting

    def _admit(self, tasks: list[int]) -> list[Work]:
        """Of tasks that were taken, the ones to work on now; the others are settled, follow a twin, or are parked."""
        asked: list[tuple[int, StepPlan, int, bytes]] = []
        for task in tasks:
            if self._layout.is_barrier(task):
                self._settle(task)
                continue
            one, ordinal = self._place(task)
            chain = [self._place(member) for member in self._fusion.chains.get(task, ())]
            if not self._may_start(task, chain):
                continue
            for member, at in chain:
                self._find_key(member, at)
            key = self._find_key(one, ordinal)
            if key is None:
                self._end(task, one, ordinal, "skipped", "a picture that it needs is missing")
                continue
            leader = self._twins.lead(key, task)
            if leader != task:
                self._follow(task, one, ordinal, leader)
                continue
            asked.append((task, one, ordinal, key))
        return self._claimed(asked) if asked else []

    def _may_start(self, task: int, chain: list[tuple[StepPlan, int]]) -> bool:
        """Whether a task has what it and its chain need; ends them all where one has not."""
        for one, ordinal in (*chain, self._place(task)):
            blocked = self._blocked(one, ordinal)
            if blocked is not None:
                self._end(one.offset + ordinal, one, ordinal, "skipped", blocked)
                if one.offset + ordinal != task:
                    self._end(task, *self._place(task), "skipped", f"{one.task_name(ordinal)} has no picture")
                return False
        return True

    def _find_key(self, one: StepPlan, ordinal: int) -> bytes | None:
        """The key of a task, which what was made meanwhile may have opened or changed."""
        key = one.keys[ordinal]
        if key is None or (one.index in self._loose and any(other.lost for other in self.plan.steps)):
            key = key_of(one, ordinal)
            one.keys[ordinal] = key or one.keys[ordinal]
        return key

    def _claimed(self, asked: list[tuple[int, StepPlan, int, bytes]]) -> list[Work]:
        """Takes tasks for this process; each comes after the ones of its chain."""
        works: list[Work] = []
        held = self._results.claim([key for *_, key in asked])
        # Only now: whoever had the claim before may have finished since the plan was made.
        found = self._results.find([key for _, one, _, key in asked if key not in held and not one.is_fresh])
        if found:
            self._results.release(list(found))
        for task, one, ordinal, key in asked:
            if key in found:
                one.digests[ordinal] = found[key]
                self._end(task, one, ordinal, "cached")
            elif key in held:
                self._parked.append(task)
            else:
                for member, at in map(self._place, self._fusion.chains.get(task, ())):
                    works.append(Work(member, at, self._find_key(member, at) or b"", is_kept=False))
                works.append(Work(one, ordinal, key))
        return works

    def _follow(self, task: int, one: StepPlan, ordinal: int, leader: int) -> None:
        """Equal keys are one piece of work: a task takes over what another with its key made, or waits for it."""
        other, at = self._place(leader)
        if at in other.digests:
            one.digests[ordinal] = other.digests[at]
            self._end(task, one, ordinal, "cached")
        elif (ended := self._failed.get(leader)) is not None:
            self._end(task, one, ordinal, ended.outcome, ended.message)
        else:
            self._twins.follow(leader, task)

    def _blocked(self, one: StepPlan, ordinal: int) -> str | None:
        """Why a task cannot be carried out: what it needs has no picture. `missing: drop` lets gathers go on without."""
        drops = one.step.missing == "drop"
        for edge in one.edges:
            producer = edge.producer
            if not self._failed and REJECTED not in producer.states:
                continue
            there = 0
            needs = edge.ordinals(ordinal)
            for need in needs:
                if (
                    need in producer.digests
                    or producer.states[need] == CACHED
                    or self._is_coming(producer, need)
                ):
                    there += 1
                elif not (drops and edge.is_list):
                    return f"{producer.task_name(need)} has no picture"
            if needs and not there:
                return f"nothing of {producer.name} has a picture"
        for other in one.after:
            if other.lost:
                return f"not all of {other.name} succeeded"
        return None

    def _is_coming(self, one: StepPlan, ordinal: int) -> bool:
        """Whether a picture will be handed on in memory."""
        task = one.offset + ordinal
        return task in self._layout.ends and task not in self._failed

    def _look_again(self) -> None:
        """Tasks that another process works on: its result is taken; if it died, the claim passes on."""
        parked, self._parked = self._parked, []
        keys = {task: self._key_of(task) or b"" for task in parked}
        wanted = [keys[task] for task in parked if not self._place(task)[0].is_fresh]
        found = self._results.find(wanted)
        left = [key for key in keys.values() if key not in found]
        held = self._results.claim(left) if left else {}
        for task in parked:
            one, ordinal = self._place(task)
            key = keys[task]
            if key in found:
                one.digests[ordinal] = found[key]
                self._end(task, one, ordinal, "cached")
            elif key in held:
                self._parked.append(task)
            else:
                self._board.push(task)

    def _key_of(self, task: int) -> bytes | None:
        one, ordinal = self._place(task)
        return one.keys[ordinal]

    # ------------------------------------------------------------------ working

    async def _work(self, works: list[Work]) -> None:
        began = anyio.current_time()
        outcomes: Sequence[Made | Failure]
        try:
            outcomes = await self._executor.execute(works)
        except StoreError as error:
            outcomes = self._in_trouble(error, works)
        seconds = (anyio.current_time() - began) / len(works)
        self._are_quick = seconds < QUICK_SECONDS
        self._batch = max(1, min(MAX_BATCH, int(BATCH_SECONDS / max(seconds, 1e-6))))
        for work, outcome in zip(works, outcomes, strict=True):
            self._take_back(work, outcome)
        self._in_flight[LOCAL] -= 1
        self._wake.set()

    async def _send(self, lane: str, works: list[Work]) -> None:
        assert self._call is not None  # noqa: S101  (a plan with calls is not run without a caller)
        outcomes: Sequence[Made | Failure | Ended]
        try:
            outcomes = await self._call(works)
        except StoreError as error:
            outcomes = self._in_trouble(error, works)
        finally:
            self._pace(lane).begun -= 1
        for work, outcome in zip(works, outcomes, strict=True):
            self._take_back(work, outcome)
        self._in_flight[lane] -= 1
        self._wake.set()

    def _in_trouble(self, error: StoreError, works: Sequence[Work]) -> list[Failure]:
        """Trouble with the disk ends the run, tidily: calls may hold what was paid for, and end in their own time."""
        self._trouble = self._trouble or error
        self.stop.ask("store")
        return [Failure("failed", str(error))] * len(works)

    def _take_back(self, work: Work, outcome: Made | Failure | Ended) -> None:
        one, ordinal = work.plan, work.ordinal
        task = one.offset + ordinal
        if isinstance(outcome, Made):
            if not work.is_kept and one.states[ordinal] == CACHED:
                return  # it was known, and made again on the way
            if outcome.call is None:  # a bought one was recorded with the end of its call
                self._results.add(work, outcome)
            one.digests[ordinal] = outcome.digest
            self._end(task, one, ordinal, "done", seconds=outcome.seconds)
            return
        if work.is_kept:
            self._results.release([work.key])
        elif one.states[ordinal] == CACHED:
            # Known, and it cannot be made again.
            one.states[ordinal] = RUN
            del one.digests[ordinal]
        blocked = self._blocked(one, ordinal)
        if blocked is not None:
            self._end(task, one, ordinal, "skipped", blocked)
        elif isinstance(outcome, Ended):
            self._end(task, one, ordinal, outcome.outcome, outcome.message)
        else:
            self._end(
                task,
                one,
                ordinal,
                "rejected" if outcome.is_final and not one.way(ordinal).is_local else "failed",
                outcome.message,
            )

    def _end(
        self,
        task: int,
        one: StepPlan,
        ordinal: int,
        outcome: Outcome,
        message: str = "",
        seconds: float = 0.0,
    ) -> None:
        """Gives a task its outcome, its twins with it, and frees what waited for it."""
        stack: list[tuple[int, StepPlan, int, Outcome, str, float]] = [
            (task, one, ordinal, outcome, message, seconds)
        ]
        while stack:
            task, one, ordinal, outcome, message, seconds = stack.pop()
            ended = Ended(
                one.task_name(ordinal) if outcome not in ("done", "cached") else one.name,
                one.name,
                outcome,
                message,
                seconds,
                (one, ordinal),
            )
            if (
                outcome not in ("done", "cached") or task not in self._fusion.again
            ):  # those count as cached already
                self.run.add(ended)
                self._watch(ended)
            for member in self._fusion.chains.get(task, ()):
                other, at = self._place(member)
                if other.is_to_do(at) and member not in self._failed:
                    stack.append((member, other, at, outcome, message, 0.0))
            if outcome in ("done", "cached"):
                one.states[ordinal] = CACHED
            else:
                self._failed[task] = ended
                one.lost.add(ordinal)
                if self._fail_fast and outcome in ("failed", "rejected"):
                    self.stop.ask("fail-fast")
            for twin in self._twins.take_followers(task):
                other, at = self._place(twin)
                if outcome in ("done", "cached"):
                    other.digests[at] = one.digests[ordinal]
                    stack.append((twin, other, at, "cached", "", 0.0))
                else:
                    stack.append((twin, other, at, outcome, message, 0.0))
            if task not in self._layout.ends:
                self._settle(task)

    def _settle(self, task: int) -> None:
        """Frees what waited for a task; a barrier that is freed frees its own at once."""
        settled = [task]
        for one in settled:  # grows while it is walked
            for freed in self._board.settle(one):
                if self._layout.is_barrier(freed):
                    settled.append(freed)
                else:
                    self._board.push(freed)

    def _give_up(self) -> None:
        """After a stop was asked: nothing more starts."""
        for task in self._parked:
            one, ordinal = self._place(task)
            self._end(task, one, ordinal, "stopped", "the run was stopped first")
        self._parked = []
        while any(self._board.ready(lane) for lane in self._board.lanes()):
            for lane in self._board.lanes():
                for task in self._board.take(lane, self._board.ready(lane)):
                    if self._layout.is_barrier(task):
                        self._settle(task)
                        continue
                    one, ordinal = self._place(task)
                    key = one.keys[ordinal]
                    leader = None if key is None else self._twins.leader(key)
                    if leader is not None and leader != task:
                        self._follow(task, one, ordinal, leader)
                    else:
                        self._end(task, one, ordinal, "stopped", "the run was stopped first")


def _loose(plan: Plan) -> frozenset[int]:
    """The steps whose keys may change while a run goes on: they do without what fails, or need such a step."""
    loose: set[int] = set()
    for one in plan.steps:
        if any(edge.drops or edge.producer.index in loose for edge in one.edges):
            loose.add(one.index)
    return frozenset(loose)


def single(trouble: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one error behind a group of them, for those who catch by type."""
    error: BaseException = trouble
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    return error

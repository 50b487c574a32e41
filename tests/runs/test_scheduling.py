"""Scheduling: what runs when, on a virtual clock, against a naive model of what should come of it."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest
import trio.testing
import yaml
from tests.workbench import Remembered, paint, plan_of, step_of

from editchain.executors.base import Failure, Made
from editchain.journal.journal import Journal
from editchain.plans.tasks import CACHED, Way
from editchain.runs.board import Board
from editchain.runs.outcomes import Ended, Run, Stop
from editchain.runs.pacing import Lane, Pace
from editchain.runs.scheduling import Scheduler

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from editchain.executors.base import Work
    from editchain.models import Model
    from editchain.pipeline import Step
    from editchain.plans.tasks import Plan, StepPlan

Task = tuple[str, int]
"""A task by its step's name and its ordinal."""


@dataclass
class Beat:
    """What a task did: when it began and ended, and beside how many of its lane."""

    task: Task
    lane: str
    began: float
    ended: float = -1.0


@dataclass
class Lab:
    """Stand-ins for everything that a scheduler touches, which note what they are asked for."""

    seconds: Callable[[Work], float] = lambda _work: 1.0
    fails: Callable[[Work], bool] = lambda _work: False
    workers: int = 2
    hands_on: bool = False
    beats: list[Beat] = field(default_factory=list)
    stored: dict[bytes, bytes] = field(default_factory=dict)
    held: set[bytes] = field(default_factory=set)
    mine: set[bytes] = field(default_factory=set)
    added: list[bytes] = field(default_factory=list)
    made: int = 0

    # the executor

    async def execute(self, batch: Sequence[Work]) -> Sequence[Made | Failure]:
        return [await self._one(work, "local") for work in batch]

    # the caller

    async def call(self, works: Sequence[Work]) -> Sequence[Made | Failure | Ended]:
        route = works[0].plan.way(works[0].ordinal).route
        assert route is not None
        return [await self._one(work, route.provider) for work in works]

    async def _one(self, work: Work, lane: str) -> Made | Failure:
        beat = Beat((work.plan.name, work.ordinal), lane, anyio.current_time())
        self.beats.append(beat)
        assert work.key in self.mine, "worked on without a claim"
        for producer, need in work.plan.needs(work.ordinal):
            assert need in producer.digests or need in producer.lost, "begun before what it needs was there"
        seconds = self.seconds(work)
        if seconds:
            await anyio.sleep(seconds)
        else:
            await anyio.lowlevel.checkpoint()
        beat.ended = anyio.current_time()
        if self.fails(work):
            return Failure("failed", f"{work.plan.name} would not")
        self.made += 1
        return Made(self.made.to_bytes(32, "big"), "image/png", 1, 1, 1, None, seconds)

    # the results

    def find(self, keys: Sequence[bytes]) -> Mapping[bytes, bytes]:
        return {key: self.stored[key] for key in keys if key in self.stored}

    def claim(self, keys: Sequence[bytes]) -> Mapping[bytes, object]:
        held = {key: "another" for key in keys if key in self.held}
        self.mine.update(key for key in keys if key not in held)
        return held

    def release(self, keys: Sequence[bytes]) -> None:
        self.mine.difference_update(keys)

    def add(self, work: Work, made: Made) -> None:
        self.added.append(work.key)
        self.stored[work.key] = made.digest
        self.mine.discard(work.key)

    # looking back

    @property
    def worked(self) -> list[Task]:
        return [beat.task for beat in self.beats]

    def most_at_once(self, lane: str) -> int:
        edges = sorted(
            [(beat.began, 1) for beat in self.beats if beat.lane == lane]
            + [(beat.ended, -1) for beat in self.beats if beat.lane == lane],
            key=lambda edge: (edge[0], edge[1]),
        )
        most = now = 0
        for _, step in edges:
            now += step
            most = max(most, now)
        return most


def vendors(step: Step, model: Model) -> Way:
    """Generative models at vendors, the others here."""
    route = model.routes[0]
    return Way(model, route, model.deterministic, None)


def lane_of(name: str) -> str:
    from tests.workbench import shipped

    return shipped().models[name].routes[0].provider


BACKENDS = [
    pytest.param(("trio", True), id="trio"),
    pytest.param(("asyncio", False), id="asyncio"),
]


def go(backend: tuple[str, bool], work: Callable[[], Any]) -> Any:
    name, is_virtual = backend
    options = {"clock": trio.testing.MockClock(autojump_threshold=0)} if is_virtual else {}
    return anyio.run(work, backend=name, backend_options=options)


def carry_out(
    plan: Plan,
    lab: Lab,
    *,
    backend: tuple[str, bool] = ("trio", True),
    during: Callable[[Scheduler], Any] | None = None,
    **options: Any,
) -> tuple[Run, list[Ended]]:
    ended: list[Ended] = []

    async def work() -> Run:
        scheduler = Scheduler(plan, lab, lab, call=lab.call, watch=ended.append, **options)
        async with anyio.create_task_group() as group:
            if during is not None:
                group.start_soon(during, scheduler)
            run = await scheduler.go()
            group.cancel_scope.cancel()
        return run

    return go(backend, work), ended


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "editchain.toml").touch()
    paint(tmp_path / "a.png")
    paint(tmp_path / "b.png", (1, 2, 3))
    return tmp_path


def planned(
    folder: Path, text: str | dict[str, Any], known: Remembered | None = None, **options: Any
) -> Plan:
    file = folder / "p.yaml"
    file.write_text("version: 1\n" + text if isinstance(text, str) else yaml.safe_dump(text, sort_keys=False))
    return plan_of(file, known, choose=vendors, **options)


def outcomes(plan: Plan, ended: list[Ended]) -> dict[str, list[str]]:
    """The outcomes of each step, sorted."""
    found: dict[str, list[str]] = {}
    for one in ended:
        found.setdefault(one.step, []).append(one.outcome)
    return {name: sorted(found[name]) for name in sorted(found)}


# ---------------------------------------------------------------------- the board


def test_the_board_gives_out_what_is_ready_the_most_urgent_first() -> None:
    board = Board(
        4,
        [(0, 2), (1, 2), (2, 3)],
        lambda task: "x" if task == 1 else "local",
        lambda task: [1.0, 2.0, 3.0, 4.0][task],
        range(4),
    )
    assert board.lanes() == ["local", "x"]
    assert board.take("local", 9) == [0]
    assert board.take("x", 9) == [1]
    assert board.settle(0) == []
    assert board.settle(1) == [2]
    board.push(2)
    board.push(3)
    assert board.take("local", 1) == [3]
    assert board.left == 2


# ---------------------------------------------------------------------- random graphs


def random_pipeline(rng: random.Random) -> dict[str, Any]:
    """Some ten steps here and at two vendors, with loops, gathers, barriers and twins."""
    steps: dict[str, Any] = {}
    looped: set[str] = set()
    for number in range(rng.randint(2, 12)):
        name = f"s{number}"
        earlier = list(steps)
        step: dict[str, Any]
        kind = rng.choice(["sheet", "sheet", "flux-kontext", "gpt-image-2", "darkroom"])
        source = rng.choice([None, *earlier]) if earlier else None
        if kind == "sheet":
            used = rng.sample(earlier, min(len(earlier), rng.randint(0, 3)))
            step = {
                "operation": "contact_sheet",
                "images": ["a.png", *(f"${one}.*" for one in used)],
                "columns": rng.choice([1, number + 2]),
            }
        else:
            step = {
                "model": kind,
                "image": f"${source}" if source else "a.png",
                "prompt": rng.choice(["sepia", "make it warmer", "make it cooler"]),
            }
            if source in looped:
                looped.add(name)
            elif rng.random() < 0.5:
                step["for_each"] = {f"l{number}": [f"{value}" for value in range(rng.randint(2, 4))]}
                step["prompt"] = "sepia" if kind == "darkroom" else f"$l{number}"
                looped.add(name)
        if earlier and rng.random() < 0.3:
            step["after"] = [rng.choice(earlier)]
        if kind == "sheet" and rng.random() < 0.4:
            step["missing"] = "drop"
        steps[name] = step
    return {"version": 1, "steps": steps, "outputs": {name: f"${name}" for name in steps}}


def expected(plan: Plan, failing: set[bytes]) -> dict[Task, str]:
    """What should become of each task: `ok`, `failed` or `skipped`, told from its needs alone, one after the other."""
    found: dict[Task, str] = {}
    for one in plan.steps:
        for ordinal in one.ordinals():
            found[one.name, ordinal] = _expected(one, ordinal, found, failing)
    return found


def _expected(one: StepPlan, ordinal: int, found: dict[Task, str], failing: set[bytes]) -> str:
    for other in one.after:
        if any(found[other.name, at] != "ok" for at in other.ordinals()):
            return "skipped"
    for edge in one.edges:
        there = [found[edge.producer.name, need] == "ok" for need in edge.ordinals(ordinal)]
        drops = edge.is_list and one.step.missing == "drop"
        if not any(there) or (not all(there) and not drops):
            return "skipped"
    return "failed" if _mark(one, ordinal) in failing else "ok"


def _mark(one: StepPlan, ordinal: int) -> bytes:
    """What tells apart the tasks that fail: steps and ordinals that are twins fail together."""
    return f"{one.step.target} {one.value('prompt', ordinal) if 'prompt' in one.values else ''}".encode()


@pytest.mark.parametrize("seed", range(60))
def test_random_graphs_end_as_the_naive_model_says(folder: Path, seed: int) -> None:
    rng = random.Random(seed)
    plan = planned(folder, random_pipeline(rng))
    marks = sorted({_mark(one, at) for one in plan.steps for at in one.ordinals()})
    failing = set(rng.sample(marks, min(len(marks), rng.choice([0, 0, 1, 2]))))
    length = {mark: rng.uniform(0.1, 9.0) for mark in marks}
    lab = Lab(
        seconds=lambda work: length[_mark(work.plan, work.ordinal)],
        fails=lambda work: _mark(work.plan, work.ordinal) in failing,
        workers=rng.randint(1, 3),
    )
    lanes = {
        lane_of("flux-kontext"): Lane(rng.randint(1, 3), rng.choice([None, 0.5, 4.0])),
        lane_of("gpt-image-2"): Lane(rng.randint(1, 2)),
    }
    wanted = expected(plan, failing)
    run, ended = carry_out(plan, lab, paces={name: Pace(lane) for name, lane in lanes.items()})
    # Everything has one outcome, and it is the right one.
    assert len(ended) == plan.total == sum(run.counts.values())
    found: dict[Task, str] = {}
    for one in plan.steps:
        for at in one.ordinals():
            found[one.name, at] = (
                "ok"
                if one.states[at] == CACHED
                else next(e.outcome for e in run.troubles if e.task == one.task_name(at))
            )
    assert found == wanted
    # Each once, each key once.
    assert len(lab.worked) == len(set(lab.worked))
    assert len(lab.added) == len(set(lab.added))
    assert not lab.mine
    # Never before its needs or its barriers, whatever became of these.
    ends = {beat.task: beat.ended for beat in lab.beats}
    for beat in lab.beats:
        one = step_of(plan, beat.task[0])
        for producer, need in one.needs(beat.task[1]):
            assert ends.get((producer.name, need), -1.0) <= beat.began
        for other in one.after:
            assert all(ends.get((other.name, at), -1.0) <= beat.began for at in other.ordinals())
    # Within the limits.
    assert lab.most_at_once("local") <= lab.workers
    for lane, limit in lanes.items():
        assert lab.most_at_once(lane) <= limit.concurrency
        if limit.per_second is not None:
            begins = sorted(beat.began for beat in lab.beats if beat.lane == lane)
            assert all(
                later - sooner >= 1 / limit.per_second - 1e-6 for sooner, later in itertools.pairwise(begins)
            )


@pytest.mark.parametrize("seed", range(40))
def test_a_stop_at_any_moment_starts_nothing_more_and_leaves_an_outcome_for_everything(
    folder: Path, seed: int
) -> None:
    rng = random.Random(1000 + seed)
    plan = planned(folder, random_pipeline(rng))
    lab = Lab(seconds=lambda work: rng.uniform(0.1, 3.0))
    stop = Stop()
    moment = rng.uniform(0.0, 6.0)

    async def ask(scheduler: Scheduler) -> None:
        await anyio.sleep(moment)
        stop.ask("SIGINT")
        scheduler.interrupt()

    run, ended = carry_out(plan, lab, stop=stop, during=ask)
    assert len(ended) == plan.total
    assert all(beat.began <= moment + 1e-9 and beat.ended >= 0 for beat in lab.beats)
    assert not lab.mine
    if run.counts.get("stopped"):
        assert run.stopped_by == "SIGINT"
    assert set(run.counts) <= {"done", "cached", "stopped", "skipped"}


@pytest.mark.parametrize("seed", range(12))
def test_both_event_loops_come_to_the_same(folder: Path, seed: int) -> None:
    found = []
    for backend in (("asyncio", False), ("trio", True)):
        rng = random.Random(2000 + seed)
        plan = planned(folder, random_pipeline(rng))
        marks = sorted({_mark(one, at) for one in plan.steps for at in one.ordinals()})
        failing = set(rng.sample(marks, 1)) if seed % 2 else set()
        lab = Lab(
            seconds=lambda _work: 0.0,
            fails=lambda work, failing=failing: _mark(work.plan, work.ordinal) in failing,
        )  # type: ignore[misc]  # the default is only there to be bound now
        run, ended = carry_out(plan, lab, backend=backend)
        found.append(
            (run.counts, outcomes(plan, ended), sorted(lab.added) if not run.counts.get("skipped") else None)
        )
    assert found[0][:2] == found[1][:2]


# ---------------------------------------------------------------------- order and limits


def test_the_longest_remaining_path_goes_first(folder: Path) -> None:
    plan = planned(
        folder,
        """
steps:
  short: {operation: flip, image: a.png}
  chain: {operation: flip, image: b.png}
  next: {operation: resize, image: $chain, width: 4}
  last: {model: flux-kontext, image: $next, prompt: x}
""",
    )
    lab = Lab(workers=1)
    carry_out(plan, lab)
    assert [name for name, _ in lab.worked if name != "last"] == ["chain", "next", "short"]


def test_a_lane_takes_no_more_at_once_than_it_may_and_no_sooner(folder: Path) -> None:
    plan = planned(
        folder,
        "steps:\n  s: {for_each: {x: ["
        + ", ".join(f'"{n}"' for n in range(12))
        + "]}, model: flux-kontext, image: a.png, prompt: $x}\n",
    )
    lane = lane_of("flux-kontext")
    lab = Lab(seconds=lambda _work: 10.0)
    carry_out(plan, lab, paces={lane: Pace(Lane(3))})
    assert sorted(beat.began for beat in lab.beats) == [0.0] * 3 + [10.0] * 3 + [20.0] * 3 + [30.0] * 3
    plan = planned(folder, (folder / "p.yaml").read_text().removeprefix("version: 1\n"))
    lab = Lab(seconds=lambda _work: 0.5)
    carry_out(plan, lab, paces={lane: Pace(Lane(100, 2.0))})
    assert sorted(beat.began for beat in lab.beats) == pytest.approx([n * 0.5 for n in range(12)])


def test_vendors_do_not_wait_for_workers_here(folder: Path) -> None:
    """A barrier takes no worker, and what stands behind it at a vendor needs none."""
    plan = planned(
        folder,
        """
steps:
  first: {model: gpt-image-2, image: a.png, prompt: x}
  slow: {for_each: {x: ["1", "2", "3"]}, operation: text, image: b.png, text: $x}
  second: {model: flux-kontext, image: b.png, prompt: y, after: [first]}
""",
    )
    lab = Lab(workers=1, seconds=lambda work: 100.0 if work.plan.name == "slow" else 1.0)
    carry_out(plan, lab)
    assert {beat.task[0]: beat.began for beat in lab.beats if beat.task[0] != "slow"} == {
        "first": 0.0,
        "second": 1.0,
    }


# ---------------------------------------------------------------------- failures


def test_failures_skip_exactly_what_hangs_on_them(folder: Path) -> None:
    plan = planned(
        folder,
        """
steps:
  s: {for_each: {x: ["1", "2", "3"]}, operation: text, image: a.png, text: $x}
  small: {operation: flip, image: $s}
  sheet: {operation: contact_sheet, images: $small.*}
  kept: {operation: contact_sheet, images: $small.*, missing: drop, columns: 1}
  after_kept: {operation: flip, image: $kept}
  apart: {operation: flip, image: b.png}
  late: {operation: flip, image: b.png, direction: vertical, after: [s]}
  later: {operation: resize, image: b.png, width: 3, after: [apart]}
""",
    )
    lab = Lab(fails=lambda work: work.plan.name == "s" and work.ordinal == 1)
    run, ended = carry_out(plan, lab)
    assert outcomes(plan, ended) == {
        "s": ["done", "done", "failed"], "small": ["done", "done", "skipped"], "sheet": ["skipped"], "kept": ["done"],
        "after_kept": ["done"], "apart": ["done"], "late": ["skipped"], "later": ["done"],
    }  # fmt: skip
    said = {one.task: one.message for one in run.troubles}
    assert said == {
        "s[x=2]": "s would not",
        "small[x=2]": "s[x=2] has no picture",
        "sheet": "small[x=2] has no picture",
        "late": "not all of s succeeded",
    }


def test_a_gather_that_goes_on_without_a_picture_is_another_picture(folder: Path) -> None:
    """Else the page of three would be taken for the page of four as soon as the fourth can be made."""
    text = """
steps:
  s: {for_each: {x: ["1", "2", "3"]}, operation: text, image: a.png, text: $x}
  page: {operation: contact_sheet, images: $s.*, missing: drop}
  small: {operation: flip, image: $page}
outputs: {small: $small}
"""
    whole = planned(folder, text)
    plan = planned(folder, text)
    lab = Lab(fails=lambda work: work.plan.name == "s" and work.ordinal == 1)
    run, _ = carry_out(plan, lab)
    assert run.counts == {"done": 4, "failed": 1}
    for name in ("page", "small"):
        assert step_of(whole, name).keys[0] not in lab.stored
        assert step_of(plan, name).keys[0] in lab.stored
    # The next run makes the missing one and the true page.
    again = Lab(stored=lab.stored)
    run, _ = carry_out(planned(folder, text, Remembered(lab.stored)), again)
    assert sorted(again.worked) == [("page", 0), ("s", 1), ("small", 0)]
    # It fails again: what was made without it is there already.
    del lab.stored[step_of(whole, "s").keys[1] or b""]
    for name in ("page", "small"):
        del lab.stored[step_of(whole, name).keys[0] or b""]
    last = Lab(stored=lab.stored, fails=lab.fails)
    run, _ = carry_out(planned(folder, text, Remembered(lab.stored)), last)
    assert run.counts == {"failed": 1, "cached": 2}
    assert last.worked == [("s", 1)]


def test_what_is_left_of_a_gather_has_the_key_of_a_gather_of_that(folder: Path) -> None:
    plan = planned(
        folder,
        'steps:\n  s: {for_each: {x: ["1", "2"]}, operation: text, image: a.png, text: $x}\n  page: {operation: contact_sheet, images: $s.*, missing: drop}\n',
    )
    carry_out(plan, Lab(fails=lambda work: work.plan.name == "s" and work.ordinal == 1))
    apart = planned(
        folder,
        'steps:\n  s: {operation: text, image: a.png, text: "1"}\n  page: {operation: contact_sheet, images: [$s]}\n',
    )
    assert step_of(plan, "page").keys == step_of(apart, "page").keys


def test_a_gather_of_nothing_is_skipped_even_where_it_drops(folder: Path) -> None:
    plan = planned(
        folder,
        'steps:\n  s: {for_each: {x: ["1", "2"]}, operation: text, image: a.png, text: $x}\n  page: {operation: contact_sheet, images: $s.*, missing: drop}\n',
    )
    run, _ = carry_out(plan, Lab(fails=lambda work: work.plan.name == "s"))
    assert run.counts == {"failed": 2, "skipped": 1}
    assert run.troubles[-1].message == "nothing of s has a picture"


def test_what_a_vendor_refused_before_is_not_asked_and_skips_what_hangs_on_it(folder: Path) -> None:
    text = "steps:\n  s: {for_each: {x: ['1', '2']}, model: flux-kontext, image: a.png, prompt: $x}\n  page: {operation: contact_sheet, images: $s.*}\n  loose: {operation: contact_sheet, images: $s.*, missing: drop}\n"
    known = Remembered()
    known.refused[step_of(planned(folder, text), "s").keys[0] or b""] = "no"
    plan = planned(folder, text, known)
    assert plan.counts["rejected"] == 1
    lab = Lab()
    run, _ = carry_out(plan, lab)
    assert lab.worked == [("s", 1), ("loose", 0)]
    assert run.counts == {"done": 2, "skipped": 1}


def test_fail_fast_starts_nothing_more(folder: Path) -> None:
    plan = planned(
        folder,
        "steps:\n  s: {for_each: {x: ["
        + ", ".join(f'"{n}"' for n in range(9))
        + "]}, model: flux-kontext, image: a.png, prompt: $x}\n",
    )
    lab = Lab(fails=lambda work: work.ordinal == 2, seconds=lambda work: 1.0 + work.ordinal / 10)
    run, _ = carry_out(plan, lab, paces={lane_of("flux-kontext"): Pace(Lane(3))}, fail_fast=True)
    # Two are begun in the place of the two that were done before the third failed.
    assert len(lab.worked) == 5
    assert run.counts == {"done": 4, "failed": 1, "stopped": 4}
    assert run.stopped_by == "fail-fast"


def test_a_final_no_of_a_vendor_is_rejected_and_a_final_no_here_is_failed(folder: Path) -> None:
    class No(Lab):
        async def _one(self, work: Work, lane: str) -> Failure:
            return Failure("no", "No.", is_final=True)

    plan = planned(
        folder,
        "steps:\n  here: {operation: flip, image: a.png}\n  there: {model: flux-kontext, image: a.png, prompt: x}\n",
    )
    _, ended = carry_out(plan, No())
    assert outcomes(plan, ended) == {"here": ["failed"], "there": ["rejected"]}


# ---------------------------------------------------------------------- equal keys


@pytest.mark.parametrize("backend", BACKENDS)
def test_equal_keys_are_worked_once(folder: Path, backend: tuple[str, bool]) -> None:
    plan = planned(
        folder,
        """
steps:
  one: {operation: flip, image: a.png}
  two: {operation: flip, image: a.png}
  next: {operation: resize, image: $one, width: 4}
  other: {operation: resize, image: $two, width: 4}
  page: {operation: contact_sheet, images: [$next, $other]}
""",
    )
    lab = Lab(seconds=lambda _work: 0.0)
    run, _ = carry_out(plan, lab, backend=backend)
    assert run.counts == {"done": 3, "cached": 2}
    assert len(lab.added) == 3


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_twin_that_is_ready_later_shares_a_failure_too(folder: Path, backend: tuple[str, bool]) -> None:
    plan = planned(
        folder,
        """
steps:
  first: {operation: flip, image: b.png}
  one: {model: flux-kontext, image: a.png, prompt: x}
  two: {model: flux-kontext, image: a.png, prompt: x, after: [first]}
""",
    )
    lab = Lab(seconds=lambda work: 0.0, fails=lambda work: work.plan.name in ("one", "two"))
    run, ended = carry_out(plan, lab, backend=backend)
    assert outcomes(plan, ended) == {"first": ["done"], "one": ["failed"], "two": ["failed"]}
    assert len([task for task in lab.worked if task[0] != "first"]) == 1
    assert {one.message for one in run.troubles} == {"one would not"}


@pytest.mark.parametrize("backend", BACKENDS)
def test_keys_that_are_known_only_when_a_picture_is_there(folder: Path, backend: tuple[str, bool]) -> None:
    """Two generative pictures with the same bytes make what follows one piece of work."""

    class Same(Lab):
        async def _one(self, work: Work, lane: str) -> Made | Failure:
            made = await super()._one(work, lane)
            assert isinstance(made, Made)
            return (
                made
                if work.plan.name not in ("one", "two")
                else Made(b"s" * 32, "image/png", 1, 1, 1, None, 0)
            )

    plan = planned(
        folder,
        """
steps:
  one: {model: flux-kontext, image: a.png, prompt: x}
  two: {model: flux-kontext, image: a.png, prompt: y}
  next: {operation: flip, image: $one}
  other: {operation: flip, image: $two}
""",
    )
    assert plan.counts["after"] == 2
    lab = Same(seconds=lambda _work: 0.0)
    run, _ = carry_out(plan, lab, backend=backend)
    assert run.counts == {"done": 3, "cached": 1}
    assert step_of(plan, "next").keys == step_of(plan, "other").keys
    # What is stored under a key that was open when the plan was made is taken from the store.
    text = (folder / "p.yaml").read_text().removeprefix("version: 1\n")
    again = Same(seconds=lambda _work: 0.0, stored={step_of(plan, "next").keys[0] or b"": b"n" * 32})
    run, _ = carry_out(planned(folder, text), again, backend=backend)
    assert run.counts == {"done": 2, "cached": 2}


def test_what_is_wanted_fresh_is_made_although_it_is_stored(folder: Path) -> None:
    text = "steps:\n  one: {model: flux-kontext, image: a.png, prompt: x}\n  next: {model: gpt-image-2, image: $one, prompt: y}\n  last: {operation: flip, image: $next}\n"
    lab = Lab()
    plan = planned(folder, text)
    carry_out(plan, lab)
    assert planned(folder, text, Remembered(lab.stored)).is_settled
    fresh = planned(folder, text, Remembered(lab.stored), fresh=lambda one: one.name in ("one", "next"))
    assert [fresh.counts[name] for name in ("cached", "run", "after")] == [0, 1, 2]
    again = Lab(stored=dict(lab.stored), made=100)
    carry_out(fresh, again)
    assert again.worked == [("one", 0), ("next", 0), ("last", 0)]


# ---------------------------------------------------------------------- other processes


def test_what_another_works_on_is_waited_for_and_taken(folder: Path) -> None:
    plan = planned(
        folder,
        "steps:\n  one: {operation: flip, image: a.png}\n  next: {operation: resize, image: $one, width: 4}\n",
    )
    key = step_of(plan, "one").keys[0] or b""
    lab = Lab(held={key})

    async def finish(_: Scheduler) -> None:
        await anyio.sleep(3.1)
        lab.stored[key] = b"o" * 32
        lab.held.clear()

    run, _ = carry_out(plan, lab, during=finish)
    assert lab.worked == [("next", 0)]
    assert run.counts == {"done": 1, "cached": 1}
    assert 3.1 <= lab.beats[0].began <= 3.6
    assert step_of(plan, "one").digests == {0: b"o" * 32}


def test_what_another_did_not_finish_is_taken_over_with_its_claim(folder: Path) -> None:
    plan = planned(
        folder,
        "steps:\n  one: {operation: flip, image: a.png}\n  twin: {operation: flip, image: a.png}\n  next: {operation: resize, image: $one, width: 4}\n",
    )
    key = step_of(plan, "one").keys[0] or b""
    lab = Lab(held={key}, seconds=lambda _work: 2.0)

    async def die(_: Scheduler) -> None:
        await anyio.sleep(1.0)
        lab.held.clear()

    run, _ = carry_out(plan, lab, during=die)
    assert run.counts == {"done": 2, "cached": 1}
    assert len(lab.worked) == 2


def test_twins_behind_a_parked_task_are_not_forgotten(folder: Path) -> None:
    """A more urgent twin comes while its leader is parked: all three have an outcome."""
    plan = planned(
        folder,
        """
steps:
  gate: {model: gpt-image-2, image: b.png, prompt: g}
  one: {operation: flip, image: a.png}
  two: {operation: flip, image: a.png}
  three: {operation: flip, image: a.png, after: [gate]}
  far: {model: flux-kontext, image: $three, prompt: x}
""",
    )
    lab = Lab(held={step_of(plan, "one").keys[0] or b""}, workers=1)

    async def die(_: Scheduler) -> None:
        await anyio.sleep(1.05)
        lab.held.clear()

    with_deadline, _ = carry_out(plan, lab, during=die)
    assert with_deadline.counts == {"done": 3, "cached": 2}


def test_what_another_finished_since_the_plan_is_not_made_again(folder: Path) -> None:
    plan = planned(
        folder,
        "steps:\n  one: {operation: flip, image: a.png}\n  s: {model: flux-kontext, image: b.png, prompt: x}\n",
    )
    lab = Lab(stored={key: b"o" * 32 for one in plan.steps for key in one.keys if key})
    run, _ = carry_out(plan, lab)
    assert run.counts == {"cached": 2}
    assert lab.worked == []
    assert not lab.mine


def test_others_are_not_asked_after_more_often_than_need_be(folder: Path) -> None:
    class Counting(Lab):
        asked = 0

        def claim(self, keys: Sequence[bytes]) -> Mapping[bytes, object]:
            Counting.asked += 1
            return super().claim(keys)

    plan = planned(
        folder,
        "steps:\n  one: {operation: flip, image: a.png}\n  s: {for_each: {x: ["
        + ", ".join(f'"{n}"' for n in range(50))
        + "]}, operation: text, image: b.png, text: $x}\n",
    )
    key = step_of(plan, "one").keys[0] or b""
    lab = Counting(held={key}, seconds=lambda _work: 0.01, workers=1)

    async def die(_: Scheduler) -> None:
        await anyio.sleep(1.0)
        lab.held.clear()

    carry_out(plan, lab, during=die)
    # One for each batch, and one each quarter of a second for the parked task.
    assert Counting.asked <= 52 + 6


def test_a_stop_ends_what_waits_for_another(folder: Path) -> None:
    plan = planned(
        folder,
        "steps:\n  one: {operation: flip, image: a.png}\n  two: {operation: flip, image: a.png}\n  next: {operation: resize, image: $one, width: 4}\n",
    )
    lab = Lab(held={step_of(plan, "one").keys[0] or b""})
    stop = Stop()

    async def ask(scheduler: Scheduler) -> None:
        await anyio.sleep(1.0)
        stop.ask("SIGTERM")
        scheduler.interrupt()

    run, _ = carry_out(plan, lab, stop=stop, during=ask)
    assert run.counts == {"stopped": 3}


class Shared(Lab):
    """Results in a true journal, as one of two processes has it open."""

    journal: Journal

    def find(self, keys: Sequence[bytes]) -> Mapping[bytes, bytes]:
        return self.journal.has_results(keys)

    def claim(self, keys: Sequence[bytes]) -> Mapping[bytes, object]:
        self.mine.update(keys)
        return self.journal.claim(keys)

    def release(self, keys: Sequence[bytes]) -> None:
        self.journal.release(keys)
        self.journal.commit()

    def add(self, work: Work, made: Made) -> None:
        from editchain.journal.entries import Result

        self.added.append(work.key)
        self.journal.add_result(
            Result(
                work.key,
                made.digest,
                "image/png",
                1,
                1,
                1,
                "operation",
                "x",
                "1",
                None,
                None,
                None,
                1,
                "{}",
                None,
                None,
                1.0,
            )
        )
        self.journal.commit()


def test_two_schedulers_on_one_journal_make_each_picture_once(folder: Path) -> None:
    values = ", ".join(f'"{n}"' for n in range(20))
    text = (
        "steps:\n  s: {for_each: {x: ["
        + values
        + "]}, operation: text, image: a.png, text: $x}\n  small: {operation: flip, image: $s}\n  page: {operation: contact_sheet, images: $small.*}\n"
    )
    store = folder / ".editchain"
    with Journal.open(store, now=lambda: 1.0) as first, Journal.open(store, now=lambda: 1.0) as second:
        labs = [Shared(seconds=lambda _work: 0.1), Shared(seconds=lambda _work: 0.07)]
        labs[0].journal, labs[1].journal = first, second
        plans = [planned(folder, text), planned(folder, text)]
        runs: list[Run] = []

        async def one(plan: Plan, lab: Shared) -> None:
            runs.append(await Scheduler(plan, lab, lab).go())

        async def work() -> None:
            async with anyio.create_task_group() as group:
                for plan, lab in zip(plans, labs, strict=True):
                    group.start_soon(one, plan, lab)

        go(("trio", True), work)
        made = [*labs[0].added, *labs[1].added]
        assert len(made) == len(set(made)) == 41
        assert all(set(run.counts) == {"done", "cached"} and sum(run.counts.values()) == 41 for run in runs)
        assert labs[0].added
        assert labs[1].added
        assert first.claims(made) == {}


def test_a_scheduler_takes_over_from_one_that_died(folder: Path) -> None:
    text = "steps:\n  s: {for_each: {x: ['1', '2', '3']}, operation: text, image: a.png, text: $x}\n"
    store = folder / ".editchain"
    plan = planned(folder, text)
    dead = Journal.open(store, now=lambda: 1.0)
    assert dead.claim([key for one in plan.steps for key in one.keys if key]) == {}
    with Journal.open(store, now=lambda: 1.0) as journal:
        lab = Shared(seconds=lambda _work: 0.1)
        lab.journal = journal

        async def work() -> Run:
            async with anyio.create_task_group() as group:
                group.start_soon(die)
                return await Scheduler(plan, lab, lab).go()

        async def die() -> None:
            await anyio.sleep(2.0)
            assert lab.added == []
            dead.close()

        run = go(("trio", True), work)
    assert run.counts == {"done": 3}


def test_trouble_with_the_disk_comes_out_as_itself(folder: Path) -> None:
    from editchain.errors import StoreError

    class Full(Lab):
        async def _one(self, work: Work, lane: str) -> Made:
            raise StoreError("the disk is full")

    with pytest.raises(StoreError, match="the disk is full"):
        plan = planned(folder, "steps:\n  one: {operation: flip, image: a.png}\n")
        anyio.run(Scheduler(plan, Full(), Full()).go)

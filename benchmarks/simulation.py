"""Scheduling on a virtual clock: `python -m benchmarks.simulation FOLDER STEPS PHOTOS SEEDS` prints makespans and bounds."""

from __future__ import annotations

import json
import random
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import trio
import trio.testing

from benchmarks.pictures import tiny_png
from editchain import providers
from editchain.executors.base import Made
from editchain.language import loading
from editchain.lock import Lock
from editchain.models import catalogue
from editchain.plans import planning
from editchain.plans.tasks import Way
from editchain.runs.pacing import Lane, Pace
from editchain.runs.scheduling import Scheduler
from editchain.runs.urgency import LOCAL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from editchain.artifacts import ImageSource
    from editchain.executors.base import Work
    from editchain.models import Model
    from editchain.pipeline import Step
    from editchain.plans.identity import Elsewhere
    from editchain.plans.tasks import Plan, StepPlan

MODELS = {"flux-kontext": 8, "gpt-image-2": 5, "gemini-2.5-flash": 12}
"""Models to how many calls their providers take at a time."""
WORKERS = 2
SHORTEST_SECONDS, LONGEST_SECONDS = 2.0, 30.0
LOCAL_SECONDS = 0.4


class Nothing:
    """Knows nothing: every task has to run, and no claim is refused."""

    lock = Lock()
    remakes = True

    def results(self, keys: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """No results."""
        _ = keys
        return {}

    find = results
    claim = results

    def elsewhere(self, keys: Sequence[bytes], stored: Mapping[bytes, bytes]) -> Mapping[bytes, Elsewhere]:
        """Nothing elsewhere."""
        _ = keys, stored
        return {}

    def refusals(self, keys: Sequence[bytes]) -> Mapping[bytes, str]:
        """No refusals."""
        _ = keys
        return {}

    def identity(self, source: ImageSource) -> str | None:
        """An input is known by its place."""
        return source.location

    def release(self, keys: Sequence[bytes]) -> None:
        """Nothing is held."""

    def add(self, work: Work, made: Made) -> None:
        """Nothing is kept."""


class Lengths:
    """How long each task takes, drawn at random once."""

    def __init__(self, plan: Plan, chance: random.Random) -> None:
        self.of = {(one.index, at): self._draw(one, chance) for one in plan.steps for at in one.ordinals()}

    @staticmethod
    def _draw(one: StepPlan, chance: random.Random) -> float:
        if lane_of(one) == LOCAL:
            return chance.uniform(LOCAL_SECONDS / 2, LOCAL_SECONDS)
        return chance.uniform(SHORTEST_SECONDS, LONGEST_SECONDS)

    def __getitem__(self, work: Work) -> float:
        return self.of[work.plan.index, work.ordinal]


class Sleeper:
    """An executor that only takes its time."""

    def __init__(self, lengths: Lengths) -> None:
        self.workers = WORKERS
        self.hands_on = False
        self._lengths = lengths

    async def execute(self, batch: Sequence[Work]) -> Sequence[Made]:
        """Takes as long as the tasks of the batch together."""
        await trio.sleep(sum(self._lengths[work] for work in batch))
        return [made(work) for work in batch]

    async def call(self, works: Sequence[Work]) -> Sequence[Made]:
        """Takes as long as the task."""
        await trio.sleep(self._lengths[works[0]])
        return [made(work) for work in works]


def made(work: Work) -> Made:
    """A picture that nobody looks at."""
    return Made(work.key, "image/png", 1, 1, 1, None, 1.0)


def lane_of(one: StepPlan) -> str:
    """Where the tasks of a step run."""
    route = one.ways[0].route
    return LOCAL if route is None else route.provider


def write_pipeline(folder: Path, steps: int, photos: int, chance: random.Random) -> Path:
    """A pipeline of random steps over a folder of photos: each takes the picture of one, or two, of the last few."""
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    for at in range(photos):
        (folder / f"photos/p{at:04}.png").write_bytes(tiny_png(str(at)))
    lines = ["version: 1", "inputs:", "  photo: {type: images, default: photos}", "steps:"]
    for step in range(steps):
        near = ["photo", *(f"s{one}" for one in range(max(0, step - 4), step))]
        source, other = chance.choice(near), chance.choice(near)
        if chance.random() < 0.2:
            lines.append(f"  s{step}: {{operation: rotate, image: ${source}, degrees: {step + 1}}}")
            continue
        references = f", references: [${other}]" if chance.random() < 0.3 else ""
        model = chance.choice(list(MODELS))
        lines.append(
            f"  s{step}: {{model: {model}, image: ${source}, prompt: Edit number {step}.{references}}}"
        )
    outputs = ["outputs:", *(f"  o{step}: $s{step}" for step in range(steps))]
    path = folder / "pipeline.yaml"
    path.write_text("\n".join([*lines, *outputs]) + "\n")
    return path


def planned(path: Path) -> Plan:
    """The plan of a pipeline of which nothing is stored."""
    documents = catalogue()
    surroundings = loading.Surroundings(documents, date(2026, 1, 1), providers.check_prompt)
    pipeline = loading.load(path, surroundings, folder=str(path.parent))

    def choose(step: Step, model: Model) -> Way:
        _ = step
        # A provider for each model, whatever the documents say of routes.
        return Way(model, replace(model.routes[0], provider=f"of {model.name}"), False, None)

    return planning.plan(pipeline, Nothing(), choose, protect=documents.operations["protect"])


def bound(plan: Plan, lengths: Lengths, limits: Mapping[str, int]) -> float:
    """What no schedule is shorter than: the longest chain of tasks, and what each lane needs.

    Of a lane that takes m tasks at a time, let a task's head be the longest chain that comes before it, and its tail
    the longest that comes after. Where the lane has 2m tasks or more, m times any makespan is no less than its work, the
    m smallest heads and the m smallest tails together. For give each task that runs one of m slots. A slot that is used
    stands idle before its first task for that task's head or longer, and after its last for that one's tail; the first
    tasks of k slots are k different ones, as are the last, so that their heads come to no less than the k smallest, and
    their tails likewise. A slot that is not used stands idle for the whole makespan, which is no less than the r-th
    smallest head and the r-th smallest tail together, for any r up to m: all but r - 1 tasks have such a head or a
    larger one, and all but r - 1 such a tail, so that one of 2m tasks has both.
    """
    heads: dict[tuple[int, int], float] = {}
    for one in plan.steps:
        for at in one.ordinals():
            ends = (heads[need.index, other] + lengths.of[need.index, other] for need, other in one.needs(at))
            heads[one.index, at] = max(ends, default=0.0)
    tails = dict.fromkeys(heads, 0.0)
    lanes: dict[str, list[tuple[int, int]]] = {}
    for one in reversed(plan.steps):
        for at in one.ordinals():
            task = one.index, at
            lanes.setdefault(lane_of(one), []).append(task)
            for need, other in one.needs(at):
                tails[need.index, other] = max(tails[need.index, other], lengths.of[task] + tails[task])
    longest = max(heads[task] + lengths.of[task] for task in heads)
    return max(
        longest, *(_least_of(lane, limits[name], lengths, heads, tails) for name, lane in lanes.items())
    )


def _least_of(
    lane: Sequence[tuple[int, int]],
    limit: int,
    lengths: Lengths,
    heads: Mapping[tuple[int, int], float],
    tails: Mapping[tuple[int, int], float],
) -> float:
    """What no schedule of a lane's tasks is shorter than."""
    least = sum(lengths.of[task] for task in lane)
    if len(lane) >= 2 * limit:
        least += sum(sorted(heads[task] for task in lane)[:limit])
        least += sum(sorted(tails[task] for task in lane)[:limit])
    return least / limit


def simulate(folder: Path, steps: int, photos: int, seed: int) -> tuple[float, float]:
    """The makespan and the bound of one random pipeline, in virtual seconds."""
    chance = random.Random(seed)
    plan = planned(write_pipeline(folder, steps, photos, chance))
    lengths = Lengths(plan, chance)
    sleeper = Sleeper(lengths)
    routes = {one.ways[0].document.name: lane_of(one) for one in plan.steps if lane_of(one) != LOCAL}
    limits = {LOCAL: WORKERS, **{lane: MODELS[name] for name, lane in routes.items()}}

    async def run() -> float:
        paces = {name: Pace(Lane(limit)) for name, limit in limits.items()}
        scheduler = Scheduler(plan, sleeper, Nothing(), call=sleeper.call, paces=paces)
        began = trio.current_time()
        outcome = await scheduler.go()
        assert outcome.counts == {"done": plan.total}, outcome.counts
        return trio.current_time() - began

    least = bound(plan, lengths, limits)
    return trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0)), least


def main(folder: Path, steps: int, photos: int, seeds: int) -> None:
    """Prints makespan and bound for each seed."""
    sys.stdout.write(json.dumps([simulate(folder, steps, photos, seed) for seed in range(seeds)]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))

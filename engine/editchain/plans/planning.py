"""Planning: a checked pipeline to its tasks, what is stored of them, and what is left to do. Pure."""

from __future__ import annotations

from operator import or_
from typing import TYPE_CHECKING

from editchain.plans.dimensions import strides, walk
from editchain.plans.expansion import expand
from editchain.plans.identity import identify
from editchain.plans.purchasing import missing, price
from editchain.plans.tasks import AFTER, CACHED, RUN, STATES, UNNEEDED, Plan, StepPlan, Way

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from editchain.models import Model, OperationDocument
    from editchain.pipeline import Output, Pipeline, Step
    from editchain.plans.identity import Known
    from editchain.plans.tasks import State


def plan(
    pipeline: Pipeline,
    known: Known,
    choose: Callable[[Step, Model | OperationDocument], Way],
    *,
    protect: OperationDocument,
    targets: Callable[[Step], bool] | None = None,
    fresh: Callable[[StepPlan], bool] | None = None,
) -> Plan:
    """The tasks of a pipeline, what is stored of them, and what is left to do.

    `choose` gives the way to a model for a step. `targets` narrows what is wanted to some steps (all outputs
    otherwise); `fresh` names steps whose stored results do not count. Raises BadPlan.
    """
    steps = expand(pipeline, choose, protect)
    identify(steps, known, fresh or (lambda _one: False))
    by_step = {id(one.step): one for one in steps}
    _mark(steps, by_step, pipeline.outputs, targets)
    counts = _counts(steps)
    calls, money = price(steps)
    calls_again, rebuying = price(steps, missing(steps))
    problems = tuple(
        dict.fromkeys(way.problem for one in steps if _has_work(one) for way in one.ways if way.problem)
    )
    return Plan(
        pipeline,
        tuple(steps),
        sum(one.total for one in steps),
        counts,
        calls,
        money,
        problems,
        tuple(_notices(pipeline, steps)),
        calls_again,
        rebuying,
    )


def _mark(
    steps: list[StepPlan],
    by_step: Mapping[int, StepPlan],
    outputs: Sequence[Output],
    targets: Callable[[Step], bool] | None,
) -> None:
    """What is not stored and not needed by anything that is left to do need not be made."""
    index = {id(one): at for at, one in enumerate(steps)}
    published = [bytearray(one.count) for one in steps]
    for output in outputs:
        for producer, ordinal in published_tasks(output, by_step):
            published[index[id(producer)]][ordinal] = 1
    wanted = published
    if targets is not None:
        wanted = [bytearray(one.count) for one in steps]
        for at, one in enumerate(steps):
            if targets(one.step):
                wanted[at] = bytearray(b"\1") * one.count
    for at, one in enumerate(steps):
        if one.is_fresh:
            wanted[at] = bytearray(b"\1") * one.count
    for one, named, shown in zip(steps, wanted, published, strict=True):
        one.kept = bytes(map(or_, named, shown))
    for at in range(len(steps) - 1, -1, -1):
        one, flags = steps[at], wanted[at]
        has_work = False
        states = one.states
        for ordinal in one.ordinals():
            state = states[ordinal]
            if not flags[ordinal]:
                if state != CACHED:
                    states[ordinal] = UNNEEDED
                continue
            if state in (RUN, AFTER) or one.is_in_passing(ordinal):
                has_work |= state != CACHED
                for producer, need in one.needs(ordinal):
                    wanted[index[id(producer)]][need] = 1
        if has_work:
            for other in one.after:
                wanted[index[id(other)]] = bytearray(b"\1") * other.count


def published_tasks(output: Output, by_step: Mapping[int, StepPlan]) -> Iterator[tuple[StepPlan, int]]:
    """The tasks whose pictures an output publishes."""
    producer = by_step[id(output.picture.step)]
    steps = strides(producer.dimensions)
    start = sum(steps[dimension.name] * position for dimension, position in output.picture.fixed)
    dimensions = output.picture.dimensions
    for ordinal in walk(dimensions, {one.name: steps[one.name] for one in dimensions}, start):
        if producer.exists is None or producer.exists[ordinal]:
            yield producer, ordinal


def _counts(steps: list[StepPlan]) -> dict[State, int]:
    totals = dict.fromkeys(STATES, 0)
    for one in steps:
        for number, name in enumerate(STATES):
            totals[name] += one.states.count(number)
    return totals


def _has_work(one: StepPlan) -> bool:
    return RUN in one.states or AFTER in one.states


def _notices(pipeline: Pipeline, steps: list[StepPlan]) -> Iterator[str]:
    """Two image inputs of equal size that multiply are often meant as pairs."""
    images = {
        one.dimension.name: one.dimension
        for one in pipeline.inputs.values()
        if one.dimension is not None and one.type in ("image", "images")
    }
    told: set[tuple[str, str]] = set()
    for one in steps:
        own = [dimension for dimension in one.dimensions if dimension.name in images and dimension.size > 1]
        for at, first in enumerate(own):
            for second in own[at + 1 :]:
                if first.size == second.size and (first.name, second.name) not in told:
                    told.add((first.name, second.name))
                    yield (
                        f"{first.name} and {second.name} multiply in {one.name} ({first.size} × {second.size} = {first.size * second.size} tasks); "
                        "to pair them one to one, put both in a table."
                    )

"""Planning: a checked pipeline to its tasks, what is stored of them, and what is left to do. Pure."""

from __future__ import annotations

from decimal import Decimal
from operator import or_
from typing import TYPE_CHECKING

from editchain.plans.dimensions import strides, walk
from editchain.plans.expansion import expand
from editchain.plans.identity import foretold, identify
from editchain.plans.sharing import call_size, coordinate_of
from editchain.plans.tasks import AFTER, CACHED, KNOWN, RUN, STATES, UNNEEDED, Money, Plan, StepPlan, Way

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

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
    calls, money = _price(steps)
    calls_again, rebuying = _price(steps, _known(steps))
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


def purchases(
    steps: Sequence[StepPlan], again: Collection[tuple[int, int]] | None = None
) -> Iterator[tuple[StepPlan, int, bool]]:
    """The pictures that are left to buy, or those of `again` (step and ordinal), with whether a call begins with it.

    Calls are at the most. Keys that equal another's are bought once, and samples share calls.
    """
    seen: set[bytes] = set()
    paid = [one for one in steps if not all(way.is_local for way in one.ways)]
    is_open = again is None and any(AFTER in one.states for one in paid)
    open_keys = foretold(steps) if is_open else {}
    for one in paid:
        shared: dict[int, int] = {}
        for ordinal in one.ordinals():
            is_bought = one.is_to_do(ordinal) if again is None else (one.index, ordinal) in again
            if one.way(ordinal).is_local or not is_bought:
                continue
            key = one.keys[ordinal] or open_keys[one.index, ordinal]
            if key in seen:
                continue
            seen.add(key)
            size = call_size(one, ordinal)
            begins = True
            if size > 1:
                coordinate = coordinate_of(one, ordinal).start
                so_far = shared[coordinate] = shared.get(coordinate, 0) + 1
                begins = so_far % size == 1
            yield one, ordinal, begins


def _known(steps: Sequence[StepPlan]) -> set[tuple[int, int]]:
    """What is known and needed, and what that would need in its turn if it had to be bought again."""
    found: set[tuple[int, int]] = set()
    for one in reversed(steps):
        for ordinal in one.ordinals() if found or KNOWN in one.states else ():
            if one.states[ordinal] == KNOWN or (one.index, ordinal) in found:
                found.add((one.index, ordinal))
                found.update(
                    (other.index, need)
                    for other, need in one.needs(ordinal)
                    if other.states[need] in (KNOWN, UNNEEDED)
                )
    return found


def _price(steps: Sequence[StepPlan], again: Collection[tuple[int, int]] | None = None) -> tuple[int, Money]:
    """How many calls there are at the most for what is left to do, or for what is bought `again`, and what they cost."""
    least: dict[str, Decimal] = {}
    most: dict[str, Decimal] = {}
    calls = unknown = 0
    for one, ordinal, begins in purchases(steps, again):
        calls += begins
        way = one.way(ordinal)
        if way.price is None:
            unknown += begins
            continue
        currency = way.price.currency
        least[currency] = least.get(currency, Decimal(0)) + way.price.least
        most[currency] = most.get(currency, Decimal(0)) + way.dearest(currency)
    return calls, Money(least, most, unknown)


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

"""Expansion: the steps of a pipeline to the tasks of each, and where each takes its pictures from. Pure."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

from editchain.language.values import dimensions_of
from editchain.models import Model, OperationDocument
from editchain.pipeline import UNKNOWN, Gathered, Joined, Listing, PathOf, Pick, Picture, Record, Step
from editchain.plans.dimensions import positions, strides, walk
from editchain.plans.tasks import (
    Column,
    Edge,
    StepPlan,
    Way,
)
from editchain.rules import Rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from editchain.pipeline import Dimension, Pipeline


class BadPlan(Exception):
    """The pipeline cannot be planned with these inputs; `step` and the message say why."""

    def __init__(self, step: Step, code: str, message: str, suggestion: str | None = None) -> None:
        self.step = step
        self.code = code
        self.message = message
        self.suggestion = suggestion
        super().__init__(message)


def expand(
    pipeline: Pipeline, choose: Callable[[Step, Model | OperationDocument], Way], protect: OperationDocument
) -> list[StepPlan]:
    steps: list[StepPlan] = []
    by_step: dict[int, StepPlan] = {}
    offset = 0
    for step in pipeline.steps:
        one = _expand_step(step, len(steps), offset, by_step, choose)
        steps.append(one)
        offset += one.count
        if step.protect is not None:
            one = _protected(one, len(steps), offset, by_step, protect)
            steps.append(one)
            offset += one.count
        if step.expect:
            one = _checked(one, len(steps), offset, by_step)
            steps.append(one)
            offset += one.count
        by_step[id(step)] = one
    return steps


def _expand_step(
    step: Step,
    index: int,
    offset: int,
    by_step: Mapping[int, StepPlan],
    choose: Callable[[Step, Model | OperationDocument], Way],
) -> StepPlan:
    dimensions = step.dimensions
    count = step.count
    names = list(step.documents)
    ways = tuple(_way(step, document, choose) for document in step.documents.values())
    way_at = None
    if isinstance(step.target, Pick):
        target = step.target
        of_value = [names.index(str(_cell(target, at))) for at in range(target.dimension.size)]
        way_at = Column(of_value, positions(dimensions, target.dimension.name))
    one = StepPlan(
        step,
        step.name,
        index,
        offset,
        dimensions,
        count,
        ways,
        way_at,
        None,
        {},
        {},
        [],
        tuple(by_step[id(other)] for other in step.after if id(other) in by_step),
    )
    one.price_fields = tuple(dict.fromkeys(name for way in ways for name in way.price_fields))
    image_fields = {
        name
        for document in step.documents.values()
        for name in (*document.image_fields, *document.image_list_fields)
    }
    for name, value in step.fields.items():
        if name in image_fields:
            one.images[name] = tuple(_image_parts(value, one, by_step))
        else:
            one.values[name] = column(value, dimensions)
    if "prompt" in one.values:
        one.values["prompt"] = _trimmed(one.values["prompt"])
    one.options = column(step.provider_options, dimensions)
    _set_take_and_seed(one)
    one.exists = _existence(one)
    return one


def _trimmed(prompt: Any) -> Any:
    """A prompt from wherever it came as one that stands in the step: white space at its ends goes, lines end in LF."""
    if isinstance(prompt, Column):
        return Column([_trimmed(one) for one in prompt.values], prompt.at)
    return prompt.replace("\r\n", "\n").strip() if isinstance(prompt, str) else prompt


def _way(
    step: Step, document: Model | OperationDocument, choose: Callable[[Step, Model | OperationDocument], Way]
) -> Way:
    if isinstance(document, Model) or document.is_asked:
        return choose(step, document)
    return Way(document, None, True, None)


def _protected(
    call: StepPlan, index: int, offset: int, by_step: Mapping[int, StepPlan], protect: OperationDocument
) -> StepPlan:
    """The local task after a call that pastes the original back where the mask keeps."""
    step = call.step
    one = StepPlan(
        step,
        step.name,
        index,
        offset,
        call.dimensions,
        call.count,
        (Way(protect, None, True, None),),
        None,
        call.exists,
        {},
        {},
        [],
        (),
        is_protect=True,
    )
    call.name = f"{step.name}.call"
    own = Edge(call, range(call.count), (0,), False)
    one.edges.append(own)
    one.images["edited"] = (own,)
    one.images["image"] = tuple(_image_parts(step.fields["image"], one, by_step))
    if isinstance(step.protect, dict):
        one.values["box"] = step.protect.get("box")
    else:
        one.images["mask"] = tuple(_image_parts(step.protect, one, by_step))
    one.exists = _existence(one)
    return one


EXPECT = OperationDocument(
    name="expect",
    document={"properties": {}},
    image_fields=("image", "original", "mask"),
    image_list_fields=(),
    font_fields=(),
    defaults={},
    rules=Rules("expect", {"properties": {}}, "operation"),
    behaviour=1,
)
"""What a step's `expect` runs by: a local task that gives the picture on as it is, or fails."""


def _checked(made: StepPlan, index: int, offset: int, by_step: Mapping[int, StepPlan]) -> StepPlan:
    """The local task that holds a step's picture against what the step expects."""
    step = made.step
    one = StepPlan(
        step,
        step.name,
        index,
        offset,
        made.dimensions,
        made.count,
        (Way(EXPECT, None, True, None),),
        None,
        made.exists,
        {},
        {},
        [],
        (),
        is_check=True,
    )
    if made.name == step.name:
        made.name = f"{step.name}.made"
    own = Edge(made, range(made.count), (0,), False)
    one.edges.append(own)
    one.images["image"] = (own,)
    one.values["expect"] = column(step.expect, made.dimensions)
    if "image" in step.fields:
        one.images["original"] = tuple(_image_parts(step.fields["image"], one, by_step))
    mask = step.fields.get("mask", step.protect if not isinstance(step.protect, dict) else None)
    if mask is not None:
        one.images["mask"] = tuple(_image_parts(mask, one, by_step))
    one.exists = _existence(one)
    return one


def _cell(pick: Pick | Gathered, at: int) -> Any:
    value = pick.dimension.values[at]
    return value if pick.column is None else value[pick.column]


def _image_parts(value: Any, one: StepPlan, by_step: Mapping[int, StepPlan]) -> Iterator[Any]:
    """The pictures of a field: edges to other steps, image sources, and columns of sources."""
    if isinstance(value, Picture):
        edge = _edge(value, one, by_step)
        one.edges.append(edge)
        yield edge
    elif isinstance(value, Listing):
        for item in value.items:
            yield from _image_parts(item, one, by_step)
    elif isinstance(value, list):
        for item in value:
            yield from _image_parts(item, one, by_step)
    elif isinstance(value, Gathered) and not value.is_lined_up:
        for at in range(value.dimension.size):
            yield from _image_parts(_cell(value, at), one, by_step)
    elif isinstance(value, (Pick, Gathered)):
        yield from _picked(value, one, by_step)
    elif isinstance(value, PathOf):
        yield _paths(value, one.dimensions)
    elif value is not UNKNOWN and value is not None:
        yield value


def _picked(value: Pick | Gathered, one: StepPlan, by_step: Mapping[int, StepPlan]) -> Iterator[Any]:
    """A picture for each position of a dimension: from files, or of steps where a caller handed a list of them in."""
    at = positions(one.dimensions, value.dimension.name)
    cells = [_cell(value, position) for position in range(value.dimension.size)]
    edges = {
        position: _edge(cell, one, by_step)
        for position, cell in enumerate(cells)
        if isinstance(cell, Picture)
    }
    if len(edges) < len(cells):
        yield Column([None if isinstance(cell, Picture) else cell for cell in cells], at)
    for producer in dict.fromkeys(edge.producer for edge in edges.values()):
        own = {position: edge.base for position, edge in edges.items() if edge.producer is producer}
        base = array(
            "I", [own[position][ordinal] if position in own else 0 for ordinal, position in enumerate(at)]
        )
        only = bytearray(position in own for position in at) if len(own) < len(cells) else None
        edge = Edge(producer, base, (0,), False, only)
        one.edges.append(edge)
        yield edge


def _paths(value: PathOf, dimensions: tuple[Dimension, ...]) -> Column:
    own = [positions(dimensions, one.name) for one in value.dimensions]
    total = 1
    for one in dimensions:
        total *= one.size
    return Column([value.sources[tuple(at[ordinal] for at in own)] for ordinal in range(total)], None)


def _edge(picture: Picture, one: StepPlan, by_step: Mapping[int, StepPlan]) -> Edge:
    producer = by_step[id(picture.step)]
    steps = strides(producer.dimensions)
    start = sum(steps[dimension.name] * position for dimension, position in picture.fixed)
    gone = {dimension.name for dimension, _ in picture.fixed} | {
        dimension.name for dimension in picture.gathered
    }
    moving = {name: step for name, step in steps.items() if name not in gone}
    base = walk(one.dimensions, moving, start)
    offsets = (
        tuple(
            walk(picture.gathered, {dimension.name: steps[dimension.name] for dimension in picture.gathered})
        )
        if picture.gathered
        else (0,)
    )
    drops = picture.is_list and one.step.missing == "drop"
    return Edge(producer, base, offsets, picture.is_list, drops=drops)


def column(value: Any, dimensions: tuple[Dimension, ...]) -> Any:
    """A bound value as plain data where it is the same for every task, else as a Column."""
    varying = dimensions_of(value)
    if isinstance(value, Gathered) and not value.is_lined_up:
        return [_cell(value, at) for at in range(value.dimension.size)]
    if not varying:
        return _evaluate(value, {})
    if isinstance(value, Pick):
        return Column(
            [_cell(value, at) for at in range(value.dimension.size)],
            positions(dimensions, value.dimension.name),
        )
    steps = strides(varying)
    total = 1
    for one in varying:
        total *= one.size
    combinations = [
        _evaluate(value, dict(zip((one.name for one in varying), place, strict=True)))
        for place in _places(varying, total)
    ]
    return Column(combinations, walk(dimensions, steps))


def _places(dimensions: tuple[Dimension, ...], total: int) -> Iterator[tuple[int, ...]]:
    columns = [positions(dimensions, one.name) for one in dimensions]
    for ordinal in range(total):
        yield tuple(column[ordinal] for column in columns)


def _evaluate(value: Any, at: Mapping[str, int]) -> Any:
    if isinstance(value, Pick):
        return _cell(value, at[value.dimension.name])
    if isinstance(value, Joined):
        return "".join(
            part if isinstance(part, str) else _text(part, at[part.dimension.name]) for part in value.parts
        ).strip()
    if isinstance(value, Listing):
        items: list[Any] = []
        for one in value.items:
            got = _evaluate(one, at)
            items.extend(got) if isinstance(one, Gathered) else items.append(got)
        return items
    if isinstance(value, Gathered):
        return (
            [_cell(value, at[value.dimension.name])]
            if value.is_lined_up
            else [_cell(value, one) for one in range(value.dimension.size)]
        )
    if isinstance(value, (Record, dict)):
        return {
            name: _evaluate(one, at)
            for name, one in (value.items if isinstance(value, Record) else value).items()
        }
    return [_evaluate(one, at) for one in value] if isinstance(value, list) else value


def _text(pick: Pick, at: int) -> str:
    text = pick.dimension.texts[at]
    return str(text if pick.column is None else text[pick.column])


def _set_take_and_seed(one: StepPlan) -> None:
    """Sample i is take `take + i - 1`, with seed `seed + i - 1` on a step with a fixed seed."""
    step = one.step
    if step.kind != "model":
        return
    seeded = next(
        (way.document.seeded for way in one.ways if isinstance(way.document, Model) and way.document.seeded),
        None,
    )
    take: Any = column(step.take, one.dimensions)
    seed = one.values.get(seeded) if seeded else None
    if step.samples is not None and any(dimension.name == "sample" for dimension in one.dimensions):
        at = positions(one.dimensions, "sample")
        take = Column([_item(take, ordinal) + position for ordinal, position in enumerate(at)], None)
        if seeded and isinstance(seed, (int, Column)):
            seeds = ((_item(seed, ordinal), position) for ordinal, position in enumerate(at))
            seed = one.values[seeded] = Column(
                [
                    one_seed + position if isinstance(one_seed, int) else one_seed
                    for one_seed, position in seeds
                ],
                None,
            )
    if isinstance(seed, Column):
        # a fixed seed says which picture; the take says nothing more
        take = Column([1 if isinstance(seed[at], int) else _item(take, at) for at in range(one.count)], None)
    if not isinstance(seed, int):
        one.values["take"] = take


def _item(value: Any, ordinal: int) -> Any:
    return value[ordinal] if isinstance(value, Column) else value


def _existence(one: StepPlan) -> bytearray | None:
    """Which places have a task: all that are not excluded and where everything referred to exists."""
    exists: bytearray | None = None
    for exclusion in one.step.excluded:
        columns = [
            (positions(one.dimensions, name), at)
            for name, at in exclusion.items()
            if any(dimension.name == name for dimension in one.dimensions)
        ]
        if len(columns) < len(exclusion):
            continue
        exists = exists or bytearray(b"\1") * one.count
        for ordinal in range(one.count):
            if all(column[ordinal] in at for column, at in columns):
                exists[ordinal] = 0
    for edge in one.edges:
        there = edge.producer.exists
        if there is None:
            continue
        exists = exists or bytearray(b"\1") * one.count
        for ordinal in range(one.count):
            if not exists[ordinal]:
                continue
            if edge.only is not None and not edge.only[ordinal]:
                continue
            if not edge.is_list:
                exists[ordinal] = there[edge.base[ordinal]]
            elif not edge.ordinals(ordinal):
                raise BadPlan(
                    one.step,
                    "empty-gather",
                    f"steps.{one.step.name}: nothing is left to gather from {edge.producer.name}: every combination is excluded.",
                    "Exclude less.",
                )
    if exists is not None and not any(exists):
        raise BadPlan(
            one.step,
            "empty-dimension",
            f"steps.{one.step.name}: every combination is excluded, so there is no task.",
            "Exclude less.",
        )
    return exists

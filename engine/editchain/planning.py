"""Planning: a checked pipeline to the tasks that it means, with what is known of each. Pure.

Tasks are held by step, in columns: a task is a step's plan and an ordinal, its place in the product of the step's
dimensions (the last one innermost). What the tasks of a step share is held once.
"""

from __future__ import annotations

import json
from array import array
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal, Protocol

from editchain.artifacts import ImageSource
from editchain.binding import dimensions_of
from editchain.dimensions import keys_at, positions, strides, walk
from editchain.models import Model, OperationDocument
from editchain.pipeline import UNKNOWN, Gathered, Joined, Listing, PathOf, Pick, Picture, Record, Step
from editchain.schemas import Rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from editchain.models import Price, Route
    from editchain.pipeline import Dimension, Output, Pipeline

State = Literal["absent", "cached", "run", "after", "rejected", "unneeded"]

ABSENT, CACHED, RUN, AFTER, REJECTED, UNNEEDED = range(6)
STATES: tuple[State, ...] = ("absent", "cached", "run", "after", "rejected", "unneeded")

PROTECT = "protect"
"""The operation that pastes the original back where a step's `protect` keeps."""


class Known(Protocol):
    """What is known already, asked for many at once."""

    def results(self, keys: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """The digest of the stored picture for each key that has one."""
        ...

    def refusals(self, keys: Sequence[bytes]) -> Mapping[bytes, str]:
        """What a vendor said for each key that it refused."""
        ...

    def identity(self, source: ImageSource) -> str | None:
        """How an input picture is known: by the digest of its bytes, or None before it was fetched."""
        ...


@dataclass(frozen=True, slots=True)
class Way:
    """How a step's tasks are carried out: by an operation, or by a route to a model; `is_local` costs nothing."""

    document: Model | OperationDocument
    route: Route | None
    is_local: bool
    price: Price | None
    problem: str | None = None


@dataclass(slots=True, eq=False)
class Edge:
    """The pictures that a field takes from another step: for each task, its base there plus each of `offsets`.

    `only` marks the tasks that take any, where a list was handed in of which each takes another item. With `drops` the
    user goes on without pictures that could not be made.
    """

    producer: StepPlan
    base: range | array[int]
    offsets: tuple[int, ...]
    is_list: bool
    only: bytearray | None = None
    drops: bool = False

    def ordinals(self, ordinal: int) -> list[int]:
        """The tasks of the producer that one task takes its pictures from."""
        if self.only is not None and not self.only[ordinal]:
            return []
        base, exists = self.base[ordinal], self.producer.exists
        if exists is None:
            return [base + offset for offset in self.offsets]
        return [base + offset for offset in self.offsets if exists[base + offset]]

    def present(self, ordinal: int) -> list[int]:
        """Those that count for what the task is: without the ones that it goes on without."""
        lost = self.producer.lost
        found = self.ordinals(ordinal)
        return [need for need in found if need not in lost] if self.drops and lost else found


class Column:
    """A value for every task of a step, of which only the different ones are held."""

    __slots__ = ("at", "values")

    def __init__(self, values: Sequence[Any], at: range | array[int] | None) -> None:
        self.values = values
        self.at = at

    def __getitem__(self, ordinal: int) -> Any:
        return self.values[ordinal] if self.at is None else self.values[self.at[ordinal]]


@dataclass(slots=True, eq=False)
class StepPlan:
    """The tasks of one step. Sequences go by ordinal; `keys` holds None where a key is open or there is no task.

    `options` are the step's for vendors; `lost` has the tasks that a run ended without a picture.
    """

    step: Step
    name: str
    index: int
    offset: int
    dimensions: tuple[Dimension, ...]
    count: int
    ways: tuple[Way, ...]
    way_at: Column | None
    exists: bytearray | None
    values: dict[str, Any]
    images: dict[str, tuple[Any, ...]]
    edges: list[Edge]
    after: tuple[StepPlan, ...]
    is_protect: bool = False
    is_check: bool = False
    is_fresh: bool = False
    options: Any = None
    lost: set[int] = field(default_factory=set)
    keys: list[bytes | None] = field(default_factory=list)
    digests: dict[int, bytes] = field(default_factory=dict)
    states: bytearray = field(default_factory=bytearray)
    segments: list[Any] = field(default_factory=list)

    def way(self, ordinal: int) -> Way:
        """How one task is carried out."""
        return self.ways[0] if self.way_at is None else self.ways[self.way_at[ordinal]]

    @property
    def total(self) -> int:
        """How many tasks there are."""
        return self.count if self.exists is None else sum(self.exists)

    def ordinals(self) -> Iterable[int]:
        """The ordinals that have a task."""
        exists = self.exists
        return range(self.count) if exists is None else (at for at in range(self.count) if exists[at])

    def task_name(self, ordinal: int) -> str:
        """A task's address: `scene[season=winter]`."""
        if not self.dimensions:
            return self.name
        return f"{self.name}[{', '.join(f'{name}={key}' for name, key in keys_at(self.dimensions, ordinal).items())}]"

    def needs(self, ordinal: int) -> Iterator[tuple[StepPlan, int]]:
        """The tasks whose pictures one task takes."""
        for edge in self.edges:
            for need in edge.ordinals(ordinal):
                yield edge.producer, need

    def value(self, name: str, ordinal: int) -> Any:
        """A field's value for one task (pictures apart)."""
        value = self.values[name]
        return value[ordinal] if isinstance(value, Column) else value

    def provider_options(self, ordinal: int) -> dict[str, Any]:
        """What one task says to single vendors, by the names of providers."""
        options = self.options[ordinal] if isinstance(self.options, Column) else self.options
        return dict(options or {})

    def identity(self, ordinal: int) -> str | None:
        """The text whose hash is the task's key: one line for each thing that counts. None while it is open."""
        parts = []
        for segment in self.segments:
            if isinstance(segment, str):
                parts.append(segment)
            else:
                part = segment(ordinal)
                if part is None:
                    return None
                parts.append(part)
        return "".join(parts)


@dataclass(frozen=True, slots=True)
class Money:
    """What calls cost: an interval in each currency, and how many calls have no known price."""

    least: Mapping[str, Decimal]
    most: Mapping[str, Decimal]
    unknown: int


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Every task of a pipeline with its key and state. `steps` are in an order in which needs come first."""

    pipeline: Pipeline
    steps: tuple[StepPlan, ...]
    total: int
    counts: Mapping[State, int]
    calls: int
    money: Money
    problems: tuple[str, ...]
    notices: tuple[str, ...]

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.counts["run"] or self.counts["after"] or self.counts["rejected"])

    def by_step(self) -> Mapping[int, StepPlan]:
        """The plan of each step whose pictures others use (after `protect`), by the identity of the step."""
        return {id(one.step): one for one in self.steps}


class BadPlan(Exception):
    """The pipeline cannot be planned with these inputs; `step` and the message say why."""

    def __init__(self, step: Step, code: str, message: str, suggestion: str | None = None) -> None:
        self.step = step
        self.code = code
        self.message = message
        self.suggestion = suggestion
        super().__init__(message)


Choose = "Callable[[Step, Model], Way]"


def plan(
    pipeline: Pipeline,
    known: Known,
    choose: Callable[[Step, Model], Way],
    *,
    protect: OperationDocument,
    targets: Callable[[Step], bool] | None = None,
    fresh: Callable[[StepPlan], bool] | None = None,
) -> Plan:
    """The tasks of a pipeline, what is stored of them, and what is left to do.

    `choose` gives the way to a model for a step. `targets` narrows what is wanted to some steps (all outputs
    otherwise); `fresh` names steps whose stored results do not count. Raises BadPlan.
    """
    steps = _expand(pipeline, choose, protect)
    _identify(steps, known, fresh or (lambda _one: False))
    by_step = {id(one.step): one for one in steps}
    _mark(steps, by_step, pipeline.outputs, targets)
    counts = _counts(steps)
    calls, money = _price(steps)
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
    )


# ---------------------------------------------------------------------- expansion


def _expand(
    pipeline: Pipeline, choose: Callable[[Step, Model], Way], protect: OperationDocument
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
    step: Step, index: int, offset: int, by_step: Mapping[int, StepPlan], choose: Callable[[Step, Model], Way]
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
    image_fields = {
        name
        for document in step.documents.values()
        for name in (*document.image_fields, *document.image_list_fields)
    }
    for name, value in step.fields.items():
        if name in image_fields:
            one.images[name] = tuple(_image_parts(value, one, by_step))
        else:
            one.values[name] = _column(value, dimensions)
    if "prompt" in one.values:
        one.values["prompt"] = _trimmed(one.values["prompt"])
    one.options = _column(step.provider_options, dimensions)
    _set_take_and_seed(one)
    one.exists = _existence(one)
    return one


def _trimmed(prompt: Any) -> Any:
    """A prompt from wherever it came as one that stands in the step: white space at its ends goes, lines end in LF."""
    if isinstance(prompt, Column):
        return Column([_trimmed(one) for one in prompt.values], prompt.at)
    return prompt.replace("\r\n", "\n").strip() if isinstance(prompt, str) else prompt


def _way(step: Step, document: Model | OperationDocument, choose: Callable[[Step, Model], Way]) -> Way:
    return choose(step, document) if isinstance(document, Model) else Way(document, None, True, None)


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
    one.values["expect"] = _column(step.expect, made.dimensions)
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


def _column(value: Any, dimensions: tuple[Dimension, ...]) -> Any:
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
    take: Any = _column(step.take, one.dimensions)
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


# ---------------------------------------------------------------------- identity


def _identify(steps: list[StepPlan], known: Known, fresh: Callable[[StepPlan], bool]) -> None:
    """Keys and stored results, asked for in as few questions as the dependence of keys on pictures allows."""
    asked: list[StepPlan] = []

    def ask() -> None:
        keys = [key for one in asked for key in one.keys if key is not None]
        results = known.results(keys) if keys else {}
        missing = [key for key in keys if key not in results]
        refusals = known.refusals(missing) if missing else {}
        for one in asked:
            _look_up(one, results, refusals)
        asked.clear()

    for one in steps:
        if any(not _is_deterministic(edge.producer) and edge.producer in asked for edge in one.edges):
            ask()
        one.is_fresh = fresh(one)
        one.segments = list(_segments(one, known))
        one.keys = _keys(one)
        asked.append(one)
    ask()


def _is_deterministic(one: StepPlan) -> bool:
    while one.is_check:
        one = one.edges[0].producer
    return all(not isinstance(way.document, Model) or way.document.deterministic for way in one.ways)


def _look_up(one: StepPlan, results: Mapping[bytes, bytes], refusals: Mapping[bytes, str]) -> None:
    is_fresh = one.is_fresh
    states = bytearray(one.count)
    exists = one.exists
    for ordinal, key in enumerate(one.keys):
        if exists is not None and not exists[ordinal]:
            continue
        if key is None:
            states[ordinal] = AFTER
        elif key in results and not is_fresh:
            states[ordinal] = CACHED
            one.digests[ordinal] = results[key]
        else:
            states[ordinal] = REJECTED if key in refusals and not is_fresh else RUN
    one.states = states


def _keys(one: StepPlan) -> list[bytes | None]:
    segments, exists = one.segments, one.exists
    if all(isinstance(segment, str) for segment in segments):
        key = sha256("".join(segments).encode()).digest()
        return [key] * one.count if exists is None else [key if there else None for there in exists]
    keys: list[bytes | None] = []
    identity = one.identity
    for ordinal in range(one.count):
        text = identity(ordinal) if exists is None or exists[ordinal] else None
        keys.append(None if text is None else sha256(text.encode()).digest())
    return keys


def key_of(one: StepPlan, ordinal: int) -> bytes | None:
    """The key of a task as it can be known now, pictures that were made meanwhile included."""
    text = one.identity(ordinal)
    return None if text is None else sha256(text.encode()).digest()


def _segments(one: StepPlan, known: Known) -> Iterator[Any]:
    """The identity of a step's tasks as constant texts and functions of the ordinal."""
    lines: list[Any] = [_head(one)]
    for name in sorted(one.values):
        if name in ("num_samples",):
            continue
        lines.extend(_value_line(name, one))
    if one.step.provider_options and not (one.is_protect or one.is_check):
        lines.append(_spelt("provider_options", one.options, None))
    for name in sorted(one.images):
        lines.extend(_image_lines(name, one, known))
    merged = ""
    for line in lines:
        if isinstance(line, str):
            merged += line
            continue
        if merged:
            yield merged
            merged = ""
        yield line
    if merged:
        yield merged


def _head(one: StepPlan) -> Any:
    heads = [_document_line(way.document) for way in one.ways]
    way_at = one.way_at
    if way_at is None:
        return heads[0]
    return lambda ordinal: heads[way_at[ordinal]]


def _document_line(document: Model | OperationDocument) -> str:
    if isinstance(document, Model):
        return f"editchain 1\nmodel={document.name} {document.version}\n"
    return f"editchain 1\noperation={document.name} {document.behaviour}\n"


def _value_line(name: str, one: StepPlan) -> Iterator[Any]:
    """A field's line; none where its value is the default of its document, so that saying a default changes nothing."""
    value = one.values[name]
    lines = [
        _spelt(name, value, 1 if name == "take" else way.document.defaults.get(name)) for way in one.ways
    ]
    way_at = one.way_at
    if way_at is None:
        yield lines[0]
    else:
        yield lambda ordinal: _line_at(lines[way_at[ordinal]], ordinal)


def _spelt(name: str, value: Any, default: Any) -> str | Callable[[int], str]:
    if not isinstance(value, Column):
        return "" if value is None or _is_equal(value, default) else f"{name}={canonical(value)}\n"
    spelt = [
        ("" if one_value is None or _is_equal(one_value, default) else f"{name}={canonical(one_value)}\n")
        for one_value in value.values
    ]
    return Column(spelt, value.at).__getitem__


def _line_at(line: str | Callable[[int], str], ordinal: int) -> str:
    return line if isinstance(line, str) else line(ordinal)


def _is_equal(value: Any, default: Any) -> bool:
    return default is not None and isinstance(value, bool) == isinstance(default, bool) and value == default


def canonical(value: Any) -> str:
    """One spelling for equal values: sorted keys, no spaces, whole numbers without a point."""
    return json.dumps(_plain_numbers(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _plain_numbers(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _plain_numbers(one) for key, one in value.items()}
    return [_plain_numbers(one) for one in value] if isinstance(value, list) else value


def _image_lines(name: str, one: StepPlan, known: Known) -> Iterator[Any]:
    """A line for each picture, in order, however the list of them was written."""
    prefix = f"{name}="
    for part in one.images[name]:
        if isinstance(part, ImageSource):
            identity = known.identity(part)
            yield (lambda _ordinal: None) if identity is None else f"{prefix}{identity}\n"
        elif isinstance(part, Column):
            yield _source_column(prefix, part, known)
        else:
            yield _edge_line(prefix, part)


def _source_column(prefix: str, part: Column, known: Known) -> Any:
    """None stands where another part of the field has the picture; UNKNOWN where it is yet to be fetched."""
    spelt: list[str | None] = []
    for source in part.values:
        identity = None if source is UNKNOWN else "" if source is None else known.identity(source)
        spelt.append(identity and f"{prefix}{identity}\n")
    return Column(spelt, part.at).__getitem__


def _edge_line(prefix: str, edge: Edge) -> Callable[[int], str | None]:
    producer = edge.producer
    is_plain = _is_deterministic(producer) and not producer.is_check and producer.exists is None
    if edge.is_list or edge.only is not None or not is_plain:
        return lambda ordinal: _joined(
            prefix, (_picture_line(producer, need) for need in edge.present(ordinal))
        )
    base, offset = edge.base, edge.offsets[0]

    def single(ordinal: int) -> str | None:
        key = producer.keys[base[ordinal] + offset]
        return None if key is None else f"{prefix}task:{key.hex()}\n"

    return single


def _picture_line(producer: StepPlan, ordinal: int) -> str | None:
    """How a picture of another step is known: by its task's key where that tells its bytes, else by its digest."""
    made = producer
    while made.is_check:
        # a check gives the picture on, so what follows knows the picture itself
        made = made.edges[0].producer
    document = made.way(ordinal).document
    if isinstance(document, Model) and not document.deterministic:
        digest = producer.digests.get(ordinal)
        return None if digest is None else f"sha256:{digest.hex()}"
    key = made.keys[ordinal]
    return None if key is None else f"task:{key.hex()}"


def _joined(prefix: str, parts: Iterable[str | None]) -> str | None:
    found = list(parts)
    return None if None in found else "".join(f"{prefix}{part}\n" for part in found)


# ---------------------------------------------------------------------- what is left to do


def _mark(
    steps: list[StepPlan],
    by_step: Mapping[int, StepPlan],
    outputs: Sequence[Output],
    targets: Callable[[Step], bool] | None,
) -> None:
    """What is not stored and not needed by anything that is left to do need not be made."""
    wanted = [bytearray(one.count) for one in steps]
    index = {id(one): at for at, one in enumerate(steps)}
    if targets is None:
        for output in outputs:
            for producer, ordinal in published_tasks(output, by_step):
                wanted[index[id(producer)]][ordinal] = 1
    else:
        for at, one in enumerate(steps):
            if targets(one.step):
                wanted[at] = bytearray(b"\1") * one.count
    for at, one in enumerate(steps):
        if one.is_fresh:
            wanted[at] = bytearray(b"\1") * one.count
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
            if state in (RUN, AFTER):
                has_work = True
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


def _price(steps: list[StepPlan]) -> tuple[int, Money]:
    """Calls at the most, and what they cost: the keys that equal another's are bought once."""
    least: dict[str, Decimal] = {}
    most: dict[str, Decimal] = {}
    calls = unknown = 0
    seen: set[bytes] = set()
    for one in steps:
        if all(way.is_local for way in one.ways):
            continue
        for ordinal in one.ordinals():
            way = one.way(ordinal)
            if way.is_local or one.states[ordinal] not in (RUN, AFTER):
                continue
            key = one.keys[ordinal]
            if key is not None and key in seen:
                continue
            if key is not None:
                seen.add(key)
            calls += 1
            if way.price is None:
                unknown += 1
                continue
            currency = way.price.currency
            least[currency] = least.get(currency, Decimal(0)) + way.price.least
            most[currency] = most.get(currency, Decimal(0)) + way.price.most
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

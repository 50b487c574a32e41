"""Tasks: what a pipeline comes to, as data.

Tasks are held by step, in columns: a task is a step's plan and an ordinal, its place in the product of the step's
dimensions (the last one innermost). What the tasks of a step share is held once.
"""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING, Any, Literal

from editchain.classes import dataclass
from editchain.plans.dimensions import keys_at
from editchain.plans.hashes import Digests, Keys

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from decimal import Decimal

    from editchain.models import Model, OperationDocument, Price, Route
    from editchain.pipeline import Dimension, Pipeline, Step

State = Literal["absent", "cached", "run", "after", "rejected", "unneeded", "known"]

ABSENT, CACHED, RUN, AFTER, REJECTED, UNNEEDED, KNOWN = range(7)
STATES: tuple[State, ...] = ("absent", "cached", "run", "after", "rejected", "unneeded", "known")


IN_PASSING = b""
"""In the place of a digest: the picture was made on the way to another and not stored; its key is enough to make it."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a step's tasks are carried out: by an operation, or by a route to a model; `is_local` costs nothing.

    `others` are the ways to go where it is certain that this one did not charge, in their order.
    """

    document: Model | OperationDocument
    route: Route | None
    is_local: bool
    price: Price | None
    problem: str | None = None
    others: tuple[Way, ...] = ()

    @property
    def price_fields(self) -> tuple[str, ...]:
        """The fields that the price goes by, on this way or on the others."""
        routes = [way.route.provider for way in (self, *self.others) if way.route is not None]
        fields = getattr(self.document, "price_fields", lambda _provider: ())
        return tuple(dict.fromkeys(name for provider in routes for name in fields(provider)))

    def priced(self, fields: Mapping[str, Any]) -> Way:
        """The way with what it costs where a step has these fields."""
        if self.price is None or self.route is None:
            return self
        price = self.document.price(self.route.provider, fields)  # type: ignore[union-attr]  # what has a price is a model
        return replace(self, price=price, others=tuple(way.priced(fields) for way in self.others))


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

    `options` are the step's for vendors; `lost` has the tasks that a run ended without a picture; `versions` has the
    version of the document in the key of those tasks that the lock has under another than today's. `kept` marks those
    whose bytes somebody asks for: what is published, and the steps that were named. `priced` has the ways at the
    prices of the `price_fields` that were met so far.
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
    versions: dict[int, str] = field(default_factory=dict)
    kept: bytes | bytearray = b""
    keys: Keys = field(init=False)
    digests: Digests = field(init=False)
    price_fields: tuple[str, ...] = ()
    priced: dict[Any, Way] = field(default_factory=dict)
    states: bytearray = field(default_factory=bytearray)
    segments: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keys, self.digests = Keys(self.count), Digests(self.count)

    def way(self, ordinal: int) -> Way:
        """How one task is carried out, at the price of its fields."""
        way = self.ways[0] if self.way_at is None else self.ways[self.way_at[ordinal]]
        return self._priced(way, ordinal) if self.price_fields else way

    def _priced(self, way: Way, ordinal: int) -> Way:
        """The way at the price of a task's fields, looked up once for all tasks that have the same."""
        said = {name: self.value(name, ordinal) for name in self.price_fields if name in self.values}
        key = (id(way), repr(said))
        if key not in self.priced:
            given = {name: value for name, value in said.items() if value is not None}
            self.priced[key] = way.priced({**way.document.defaults, **given})
        return self.priced[key]

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

    def is_to_do(self, ordinal: int) -> bool:
        """Whether a task is left to do."""
        return self.states[ordinal] in (RUN, AFTER)

    def is_in_passing(self, ordinal: int) -> bool:
        """Whether a task was done, and its bytes would have to be made again."""
        return self.states[ordinal] == CACHED and self.digests.get(ordinal) == IN_PASSING

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
        text = "".join(parts)
        return text if ordinal not in self.versions else with_version(text, self.versions[ordinal])


def with_version(identity: str, version: str) -> str:
    """An identity as it is under another version of its model or operation."""
    first, document, rest = identity.split("\n", 2)
    return f"{first}\n{document.rpartition(' ')[0]} {version}\n{rest}"


@dataclass(frozen=True, slots=True)
class Money:
    """What calls cost: an interval in each currency, and how many calls have no known price."""

    least: Mapping[str, Decimal]
    most: Mapping[str, Decimal]
    unknown: int


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Every task of a pipeline with its key and state. `steps` are in an order in which needs come first.

    `rebuying` is what it would cost to buy the pictures again that are known and not here, and `calls_again` how many
    calls that are.
    """

    pipeline: Pipeline
    steps: tuple[StepPlan, ...]
    total: int
    counts: Mapping[State, int]
    calls: int
    money: Money
    problems: tuple[str, ...]
    notices: tuple[str, ...]
    calls_again: int = 0
    rebuying: Money = field(default_factory=lambda: Money({}, {}, 0))

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing to do."""
        return not any(self.counts[state] for state in ("run", "after", "rejected", "known"))

    def by_step(self) -> Mapping[int, StepPlan]:
        """The plan of each step whose pictures others use (after `protect`), by the identity of the step."""
        return {id(one.step): one for one in self.steps}

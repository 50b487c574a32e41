"""The checked pipeline: inputs, dimensions, steps and outputs as frozen data, every name resolved."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any, Final

from editchain.classes import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from editchain.diagnostics import Place, Problem
    from editchain.language.reading import Evidence
    from editchain.models import Model, OperationDocument


class Unknown:
    """The value of what only a run's inputs can tell, or of what is wrong and has been said so."""

    __slots__ = ()


UNKNOWN: Final = Unknown()


@dataclass(frozen=True, slots=True, eq=False)
class Dimension:
    """A named axis. `values` and `texts` go with `keys`, one for each; None where inputs are not given yet.

    A value is a scalar, an ImageSource, or a dict of those (a row, a loop item), whose texts are then dicts too.
    `columns` names what a row has. `is_outer` marks an image input that was given several values.
    `value_places` go with `keys`; `cell_place` looks up where a cell of a row stands.
    """

    name: str
    keys: tuple[str, ...] | None
    values: tuple[Any, ...] = ()
    texts: tuple[Any, ...] = ()
    columns: tuple[str, ...] | None = None
    is_outer: bool = False
    place: Place | None = None
    value_places: tuple[Place, ...] = ()
    cell_place: Callable[[int, str], Place] | None = None

    def place_at(self, position: int, column: str | None = None) -> Place | None:
        """Where the value at a position stands, or its cell in a column; None where that is not known."""
        if column is not None and self.cell_place is not None:
            return self.cell_place(position, column)
        return self.value_places[position] if position < len(self.value_places) else None

    @property
    def size(self) -> int:
        """How many keys it has; 1 where they are not known yet."""
        return 1 if self.keys is None else len(self.keys)

    def is_same_as(self, other: Dimension) -> bool:
        """Whether both are one axis: the same keys with the same values."""
        return self is other or (
            self.name == other.name
            and self.keys == other.keys
            and self.texts == other.texts
            and self.values == other.values
        )


@dataclass(frozen=True, slots=True, eq=False)
class Pick:
    """The value at a task's place on a dimension; `column` picks from a row or loop item."""

    dimension: Dimension
    column: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """The image of another step at a task's coordinate.

    `fixed` pins dimensions of that step to a position; `gathered` are those given up, which makes it a list.
    """

    step: Step
    fixed: tuple[tuple[Dimension, int], ...] = ()
    gathered: tuple[Dimension, ...] = ()
    is_list: bool = False

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """The dimensions that a user of this image has from it."""
        if not self.fixed and not self.gathered:
            return self.step.dimensions
        gone = {dimension.name for dimension, _ in self.fixed} | {
            dimension.name for dimension in self.gathered
        }
        return tuple(dimension for dimension in self.step.dimensions if dimension.name not in gone)


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """The values of an input's dimension (or of a column of it) as a list; lined up where the step has the dimension."""

    dimension: Dimension
    column: str | None
    is_lined_up: bool


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """A list of which an item varies or is spliced in."""

    items: tuple[Any, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """A mapping of which a value varies."""

    items: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Joined:
    """A text of literal parts and picks."""

    parts: tuple[str | Pick, ...]


@dataclass(frozen=True, slots=True, eq=False)
class PathOf:
    """An image file whose path varies along dimensions; `sources` has the file for each combination of their positions."""

    text: Joined | Pick
    dimensions: tuple[Dimension, ...]
    sources: Mapping[tuple[int, ...], Any]


@dataclass(frozen=True, slots=True, eq=False)
class Input:
    """A declared input with what it was given or defaults to.

    `value` is a scalar, an ImageSource, None for nothing, or UNKNOWN; `dimension` is set for what has several values.
    """

    name: str
    type: str
    value: Any
    text: str | None
    dimension: Dimension | None
    is_required: bool
    place: Place
    value_place: Place
    is_given: bool


@dataclass(frozen=True, slots=True)
class Retry:
    """How often, and after how many seconds, what is safe to repeat is repeated."""

    attempts: int = 6
    delay_seconds: float = 1.0


@dataclass(slots=True, eq=False)
class Step:
    """A step with every name resolved. Made by the loader alone; nobody changes it afterwards.

    `name` is its address (`pack/soft` inside a sub-pipeline). `fields` maps a field to its value: plain data, or one of
    Pick, Picture, Gathered, Listing, Record, Joined, PathOf. `rules_by_name` has the documents that the step can run by;
    `target` is the name of the one, or a Pick of several. `objections` says, by model and number of the route in its
    document, what a route cannot be told of what the step says.
    """

    name: str
    kind: str
    target: Any
    documents: Mapping[str, Model | OperationDocument]
    fields: Mapping[str, Any]
    dimensions: tuple[Dimension, ...]
    excluded: tuple[Mapping[str, frozenset[int]], ...]
    after: tuple[Step, ...]
    take: Any
    samples: int | None
    missing: str
    retry: Retry
    timeout_seconds: float | None
    providers: tuple[str, ...]
    provider_options: Mapping[str, Any]
    protect: Any
    expect: Mapping[str, Any] | None
    place: Place
    is_sound: bool = True
    objections: Mapping[tuple[str, int], tuple[str, ...]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many tasks it has at the most, excluded combinations not taken off."""
        total = 1
        for dimension in self.dimensions:
            total *= dimension.size
        return total


@dataclass(frozen=True, slots=True, eq=False)
class Output:
    """What is published: a step's images, under a path template (None for the default one)."""

    name: str
    picture: Picture
    path: str | None
    format: str | None
    quality: int | None
    lossless: bool
    place: Place


@dataclass(frozen=True, slots=True)
class Budget:
    """A ceiling for one run; `most` is decimal text."""

    most: str
    currency: str


@dataclass(frozen=True, slots=True, eq=False)
class Pipeline:
    """A pipeline that has been read and checked, with the inputs it was given.

    `steps` are in an order in which each stands after what it needs; `evidence` says which files were read for it;
    `warnings` are the problems that do not stop it.
    """

    path: Path
    workspace: Path
    name: str
    description: str | None
    inputs: Mapping[str, Input]
    steps: tuple[Step, ...]
    outputs: tuple[Output, ...]
    budget: Budget | None
    warnings: tuple[Problem, ...]
    evidence: Evidence

"""What a page of a run shows, as data: the run, its graph, its tasks with their pictures, its calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from editchain.runs.outlining import InputOutline


@dataclass(frozen=True, slots=True)
class PictureView:
    """A picture by the digest of its bytes (hex); sizes in pixels and bytes, 0 where they are not known.

    `place` is where an input's file lies, seen from the workspace. `is_here` says whether its bytes can be read.
    """

    digest: str
    media_type: str
    width: int
    height: int
    size: int
    place: str | None
    is_here: bool


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task: its name, how it went, what made its picture, and from which.

    `state` is an outcome (done, cached, failed, ...) or `waiting` where it has none yet. `fields` are what it said, but
    for the prompt; `takes` are the digests of the pictures that each field took, or `task:KEY` of one that was made in passing
    and whose bytes nobody has. `before` is the picture it edits.
    """

    name: str
    keys: tuple[str, ...]
    state: str
    key: str | None
    digest: str | None
    made_by: str | None
    prompt: str | None
    fields: Mapping[str, str]
    takes: Mapping[str, tuple[str, ...]]
    before: str | None
    route: str | None
    seed: int | None
    call: str | None
    made_at: float | None
    message: str | None


@dataclass(frozen=True, slots=True)
class StepView:
    """A step: what carries it out, its dimensions with their keys, and its tasks, the last dimension innermost."""

    name: str
    kind: str
    by: tuple[str, ...]
    dimensions: tuple[tuple[str, tuple[str, ...]], ...]
    tasks: tuple[TaskView, ...]


@dataclass(frozen=True, slots=True)
class CallView:
    """A call of the run: times in unix seconds, money as decimal text."""

    id: str
    model: str
    provider: str
    state: str
    charged: str
    attempt: int
    began: float | None
    ended: float | None
    price_most: str | None
    price_actual: str | None
    currency: str | None
    vendor_id: str | None
    serves: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Arrow:
    """That pictures go from an input or step (`input:NAME`, `step:NAME`) to a step; `label` names the fields."""

    start: str
    end: str
    label: str


@dataclass(frozen=True, slots=True)
class Page:
    """A run as a page shows it. Times are unix seconds; `pictures` are by digest; `outputs` name a step each."""

    run: str
    pipeline: str
    path: str
    command: str
    state: str
    outcome: str
    exit_code: int | None
    counts: Mapping[str, int]
    spent: Mapping[str, str]
    began: float
    ended: float | None
    inputs: tuple[InputOutline, ...]
    outputs: tuple[tuple[str, str], ...]
    arrows: tuple[Arrow, ...]
    steps: tuple[StepView, ...]
    calls: tuple[CallView, ...]
    notices: tuple[str, ...]
    pictures: Mapping[str, PictureView]

    def document(self) -> dict[str, Any]:
        """The page as a JSON document."""
        steps = [{**_fields(step), "tasks": list(map(_fields, step.tasks))} for step in self.steps]
        return {
            **_fields(self),
            "inputs": [[one.name, one.type, one.text, one.size] for one in self.inputs],
            "arrows": list(map(_fields, self.arrows)),
            "steps": steps,
            "calls": list(map(_fields, self.calls)),
            "pictures": {digest: _fields(one) for digest, one in self.pictures.items()},
        }


def _fields(one: Any) -> dict[str, Any]:
    """The fields of a view, as they are: copying all that is in them takes most of the time of a large page."""
    return {name: getattr(one, name) for name in one.__slots__}

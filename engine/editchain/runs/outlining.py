"""Outlines: what a run is made of, kept as one file a run for whoever looks at it later."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from editchain.artifacts import ImageSource
from editchain.errors import StoreError
from editchain.plans.tasks import Column, Edge
from editchain.platform import disk_error, temporary_beside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from editchain.pipeline import Input
    from editchain.plans.tasks import Plan, StepPlan

VERSION = 1
PREFIX_BYTES = 8
"""So much of a key is kept: enough to tell it among those that the journal has for the run."""
KEPT = 500
"""Of how many runs outlines are kept; their names begin with the time."""

PICTURE = "picture"
MOST_GIVEN = 1000
"""Inputs of more values are kept as their number alone."""

_OPEN = bytes(PREFIX_BYTES)


class InputOutline(NamedTuple):
    """An input with its value as text, or how many values it has.

    `given` is what it was given, as JSON, with `{"picture": PLACE}` for a picture; None where its default holds, or it is
    more than is kept.
    """

    name: str
    type: str
    text: str | None
    size: int
    is_given: bool = False
    given: Any = None


class Take(NamedTuple):
    """That a field of a step takes pictures from an input or from another step."""

    field: str
    kind: Literal["input", "step"]
    name: str


@dataclass(frozen=True, slots=True)
class StepOutline:
    """A step with its tasks: one for each combination of its dimensions' keys, the last dimension innermost.

    `keys` has the first bytes of each task's key, None where it is open or where there is no task.
    """

    name: str
    kind: str
    by: tuple[str, ...]
    dimensions: tuple[tuple[str, tuple[str, ...]], ...]
    takes: tuple[Take, ...]
    keys: tuple[bytes | None, ...]

    def addresses(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """The keys on its dimensions and the address of each task, in order, those without a task too."""
        for keys in product(*(keys for _, keys in self.dimensions)):
            at = ", ".join(f"{name}={key}" for (name, _), key in zip(self.dimensions, keys, strict=True))
            yield keys, f"{self.name}[{at}]" if at else self.name


@dataclass(frozen=True, slots=True)
class Outline:
    """What a run is made of. `path` and the places of `sources` (by digest, in hex) are absolute; `out` is the folder published to."""

    run: str
    name: str
    path: str
    out: str
    inputs: tuple[InputOutline, ...]
    steps: tuple[StepOutline, ...]
    outputs: tuple[tuple[str, str], ...]
    sources: Mapping[str, str]
    notices: tuple[str, ...]

    def names(self) -> dict[bytes, str]:
        """The addresses of tasks by the first bytes of their keys; of equal tasks that of the first."""
        found: dict[bytes, str] = {}
        for step in self.steps:
            for key, (_, name) in zip(step.keys, step.addresses(), strict=True):
                if key is not None:
                    found.setdefault(key, name)
        return found


def outline(plan: Plan, run: str, out: str, digest: Callable[[ImageSource], bytes | None]) -> Outline:
    """The outline of a plan as it stands; `digest` gives that of an input's bytes."""
    pipeline = plan.pipeline
    names = {
        one.value.location: one.name for one in pipeline.inputs.values() if isinstance(one.value, ImageSource)
    }
    sources = {
        found.hex(): source.location
        for one in plan.steps
        for source in _sources(one)
        if source.kind in ("file", "url") and (found := digest(source)) is not None
    }
    return Outline(
        run,
        pipeline.name,
        str(pipeline.path),
        os.path.abspath(out),
        tuple(_input(one) for one in pipeline.inputs.values()),
        tuple(_step(one, names, set(pipeline.inputs)) for one in plan.steps),
        tuple((output.name, output.picture.step.name) for output in pipeline.outputs),
        sources,
        plan.notices,
    )


def _input(one: Input) -> InputOutline:
    size = one.dimension.size if one.dimension is not None else 1
    return InputOutline(
        one.name, one.type, one.text, size, one.is_given, _given(one) if one.is_given else None
    )


def _given(one: Input) -> Any:
    if one.dimension is None:
        return _plain(one.value)
    return [_plain(value) for value in one.dimension.values] if one.dimension.size <= MOST_GIVEN else None


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(cell) for name, cell in value.items()}
    return {PICTURE: value.location} if isinstance(value, ImageSource) else value


def _step(one: StepPlan, names: Mapping[str, str], inputs: set[str]) -> StepOutline:
    dimensions = tuple((dimension.name, dimension.keys or ()) for dimension in one.dimensions)
    return StepOutline(
        one.name,
        "check" if one.is_check else "protect" if one.is_protect else one.step.kind,
        tuple(dict.fromkeys(way.document.name for way in one.ways)),
        dimensions,
        tuple(dict.fromkeys(_takes(one, names, inputs))),
        tuple(None if key is None else key[:PREFIX_BYTES] for key in one.keys),
    )


def _takes(one: StepPlan, names: Mapping[str, str], inputs: set[str]) -> Iterator[Take]:
    own = {dimension.name for dimension in one.dimensions} & inputs
    for field, parts in one.images.items():
        for part in parts:
            if isinstance(part, Edge):
                yield Take(field, "step", part.producer.name)
            elif isinstance(part, ImageSource):
                if part.location in names:
                    yield Take(field, "input", names[part.location])
            else:
                yield from (Take(field, "input", name) for name in sorted(own))


def _sources(one: StepPlan) -> Iterator[ImageSource]:
    for parts in one.images.values():
        for part in parts:
            if isinstance(part, ImageSource):
                yield part
            elif isinstance(part, Column):
                yield from (source for source in part.values if isinstance(source, ImageSource))


# ---------------------------------------------------------------------- on disk


def save(folder: Path, kept: Outline, beside: Callable[[str], str] = temporary_beside) -> None:
    """Keeps an outline below the store's folder, whole or not at all; `beside` gives a temporary name. Raises StoreError."""
    place = _place(folder, kept.run)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary = beside(str(place))
        Path(temporary).write_text(json.dumps(_document(kept)), encoding="utf-8")
        os.replace(temporary, place)
        _forget_old(place.parent)
    except OSError as error:
        raise disk_error(error, str(place)) from error


def read(folder: Path, run: str) -> Outline | None:
    """The outline of a run; None where none was kept. Raises StoreError where it cannot be read."""
    place = _place(folder, run)
    try:
        document = json.loads(place.read_text(encoding="utf-8"))
        return _outline(document) if document["version"] == VERSION else None
    except FileNotFoundError:
        return None
    except OSError as error:
        raise disk_error(error, str(place)) from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise StoreError(f"{place} is damaged; take it away: only pages of that run need it.") from error


def _forget_old(folder: Path) -> None:
    for place in sorted(folder.glob("*.json"))[:-KEPT]:
        place.unlink(missing_ok=True)


def _place(folder: Path, run: str) -> Path:
    return folder / "runs" / f"{run}.json"


def _document(kept: Outline) -> dict[str, Any]:
    return {
        "version": VERSION, "run": kept.run, "name": kept.name, "path": kept.path, "out": kept.out,
        "inputs": kept.inputs, "outputs": kept.outputs, "sources": dict(kept.sources), "notices": kept.notices,
        "steps": [
            {
                "name": one.name, "kind": one.kind, "by": one.by, "dimensions": one.dimensions, "takes": one.takes,
                "keys": base64.b64encode(b"".join(key or _OPEN for key in one.keys)).decode(),
            }
            for one in kept.steps
        ],
    }  # fmt: skip


def _outline(document: Mapping[str, Any]) -> Outline:
    return Outline(
        document["run"],
        document["name"],
        document["path"],
        document["out"],
        tuple(InputOutline(*one) for one in document["inputs"]),
        tuple(
            StepOutline(
                one["name"],
                one["kind"],
                tuple(one["by"]),
                tuple((name, tuple(keys)) for name, keys in one["dimensions"]),
                tuple(Take(*take) for take in one["takes"]),
                tuple(_keys(base64.b64decode(one["keys"]))),
            )
            for one in document["steps"]
        ),
        tuple((name, step) for name, step in document["outputs"]),
        document["sources"],
        tuple(document["notices"]),
    )


def _keys(packed: bytes) -> Iterator[bytes | None]:
    for at in range(0, len(packed), PREFIX_BYTES):
        key = packed[at : at + PREFIX_BYTES]
        yield None if key == _OPEN else key

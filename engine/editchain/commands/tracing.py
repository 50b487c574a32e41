"""Why a task is not stored: what differs from the nearest result, followed down to its cause."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from editchain.artifacts import ImageSource
from editchain.classes import dataclass
from editchain.commands.showing import path as shown
from editchain.models import Model
from editchain.plans import reasons
from editchain.plans.tasks import Column, Edge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from editchain.journal.entries import Result
    from editchain.journal.journal import Journal
    from editchain.plans.tasks import StepPlan
    from editchain.workspace import Workspace

NEAREST = 200
"""How many of the newest results of a model or operation are compared."""

MAX_DEPTH = 64
# Of results with equally many differences, how many are compared more closely, how deep, and how much of a text.
MOST_ALIKE, MAX_DISTANCE, MOST_COMPARED = 24, 4, 400


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs, at one task: the field, what it said then and says now, and that in words.

    `is_cause` is False where it only follows from a change at another task, which then comes after it.
    """

    task: str
    field: str
    stored: str | None
    wanted: str | None
    says: str
    is_cause: bool = True


@dataclass(frozen=True, slots=True)
class Trace:
    """The nearest stored result, and what changed since, from the task asked for down to the causes."""

    result: Result | None
    changes: tuple[Change, ...]


class Tracer:
    """Compares the tasks of a plan with what the journal remembers of earlier ones."""

    def __init__(self, workspace: Workspace, look: Journal | None) -> None:
        self._workspace = workspace
        self._look = look
        self._places: dict[bytes, str] | None = None

    def trace(self, one: StepPlan, ordinal: int) -> Trace:
        """Why a task that has a key is not stored."""
        wanted = one.identity(ordinal)
        if wanted is None or self._look is None:
            return Trace(None, ())
        found = self._nearest(self._look, one, ordinal, wanted)
        if found is None:
            return Trace(None, ())
        result, identity = found
        return Trace(result, tuple(self._changes(one, ordinal, identity, wanted, 0)))

    def _nearest(self, look: Journal, one: StepPlan, ordinal: int, wanted: str) -> tuple[Result, str] | None:
        """The stored result with the fewest differences; of those the most alike, then the newest."""
        document = one.way(ordinal).document
        names = list(self._workspace.catalogue.models) if isinstance(document, Model) else [document.name]
        results = [result for name in names for result in look.nearest(name, NEAREST)]
        results.sort(key=lambda result: (result.name != document.name, -result.made_at))
        identities = look.identities([result.key for result in results])
        known = [(result, identities[result.key]) for result in results if result.key in identities]
        # Another model's picture says something only where nothing but the model changed.
        known = [
            (result, identity) for result, identity in known
            if result.name == document.name or len(reasons.differences(identity, wanted)) == 1
        ]  # fmt: skip
        counts = [len(reasons.differences(identity, wanted)) for _, identity in known]
        fewest = [pair for pair, count in zip(known, counts, strict=True) if count == min(counts)][
            :MOST_ALIKE
        ]
        return min(fewest, key=lambda pair: self._distance(one, ordinal, pair[1], wanted, 0), default=None)

    def _distance(self, one: StepPlan, ordinal: int, stored: str, wanted: str, depth: int) -> float:
        """How unlike two tasks are: a picture of another step counts by what it was made from."""
        total = 0.0
        for part, difference in _differences(one, ordinal, stored, wanted):
            before, now = difference.stored or "", difference.wanted or ""
            if "[" not in difference.field:
                total += (
                    1 - difflib.SequenceMatcher(None, before[:MOST_COMPARED], now[:MOST_COMPARED]).ratio()
                )
            elif isinstance(part, Edge) and depth < MAX_DISTANCE:
                total += self._distance_of_pictures(part, ordinal, before.split(","), now.split(","), depth)
            else:
                total += 1
        return total

    def _distance_of_pictures(
        self, edge: Edge, ordinal: int, before: list[str], now: list[str], depth: int
    ) -> float:
        needs = edge.present(ordinal)
        if len(before) != len(now) or len(needs) != len(now):
            return 1
        others = [(then, at) for then, new, at in zip(before, now, needs, strict=True) if then != new][:8]
        distances = []
        for then, at in others:
            stored, wanted = self._made_from(then), edge.producer.identity(at)
            if stored is None or wanted is None:
                distances.append(1.0)
            else:
                distances.append(self._distance(edge.producer, at, stored, wanted, depth + 1))
        return sum(distances) / max(1, len(distances))

    def _made_from(self, identity: str) -> str | None:
        """What the task said that made a picture, where the picture is known by its task."""
        if self._look is None or not identity.startswith("task:"):
            return None
        key = bytes.fromhex(identity.removeprefix("task:"))
        return self._look.identities([key]).get(key)

    def _changes(self, one: StepPlan, ordinal: int, stored: str, wanted: str, depth: int) -> Iterator[Change]:
        for part, difference in _differences(one, ordinal, stored, wanted):
            if "[" not in difference.field:
                yield self._field(one, ordinal, difference)
            elif isinstance(part, Edge):
                yield from self._pictures(one, ordinal, part, difference, depth)
            else:
                yield self._file(one, ordinal, part, difference)

    def _field(self, one: StepPlan, ordinal: int, difference: reasons.Difference) -> Change:
        document = one.way(ordinal).document
        name, stored, wanted = difference.field, difference.stored, difference.wanted
        if name in ("model", "operation"):
            says = f"is {wanted or 'none'}, was {stored or 'none'}"
        else:
            says = (
                f"is {_said(wanted, name, document.defaults)}, was {_said(stored, name, document.defaults)}"
            )
        return Change(one.task_name(ordinal), name, stored, wanted, says)

    def _file(self, one: StepPlan, ordinal: int, part: Any, difference: reasons.Difference) -> Change:
        source = part[ordinal] if isinstance(part, Column) else part
        task, stored, wanted = one.task_name(ordinal), difference.stored, difference.wanted
        if wanted is None or not isinstance(source, ImageSource):
            return Change(task, difference.field, stored, wanted, "is not given, was given then")
        now = shown(source.location) if source.kind == "file" else source.location
        if stored is None:
            return Change(task, difference.field, stored, wanted, f"is {now}, was not given then")
        before = self._place(stored)
        if before == source.location:
            says = f"{now} is another picture than it was then"
        elif before is not None:
            says = f"is {now}, was {shown(before)}"
        elif stored.startswith("task:"):
            says = f"is {now}, was a picture of another step"
        else:
            says = f"{now} is another picture than the one that was used then"
        return Change(task, difference.field, stored, wanted, says)

    def _place(self, identity: str) -> str | None:
        """The file that had these bytes when it was last read."""
        if self._look is None or not identity.startswith("sha256:"):
            return None
        if self._places is None:
            below = self._look.files_below(str(self._workspace.root))
            self._places = {file.digest: path for path, file in below.items()}
        return self._places.get(bytes.fromhex(identity.removeprefix("sha256:")))

    def _pictures(
        self, one: StepPlan, ordinal: int, edge: Edge, difference: reasons.Difference, depth: int
    ) -> Iterator[Change]:
        """Pictures of another step: which of them changed, and why."""
        task, field = one.task_name(ordinal), difference.field.partition("[")[0]
        stored, wanted = difference.stored, difference.wanted
        producer = edge.producer
        before, now = (stored or "").split(","), (wanted or "").split(",")
        if stored is None or wanted is None or len(before) != len(now):
            was = "nothing" if stored is None else f"{len(before)}"
            says = f"takes {len(now)} pictures of {producer.name}, took {was} then"
            yield Change(task, field, stored, wanted, says)
            return
        needs = edge.present(ordinal)
        others = [(then, need) for then, new, need in zip(before, now, needs, strict=True) if then != new]
        if sorted(before) == sorted(now):
            yield Change(
                task, field, stored, wanted, f"takes the pictures of {producer.name} in another order"
            )
            return
        then, need = others[0]
        more = f", as {len(others) - 1} more of {producer.name} did" if len(others) > 1 else ""
        cause = list(self._upstream(producer, need, then, depth + 1)) if depth < MAX_DEPTH else []
        says = f"the picture of {producer.task_name(need)} changed{more}"
        yield Change(task, field, stored, wanted, says, is_cause=not cause)
        yield from cause

    def _upstream(self, producer: StepPlan, need: int, then: str, depth: int) -> Iterator[Change]:
        """What changed at the task that made a picture, compared with the task that made the old one."""
        wanted = producer.identity(need)
        if self._look is None or wanted is None:
            return
        stored = self._made_from(then)
        if not then.startswith("task:"):
            found = self._nearest(self._look, producer, need, wanted)
            stored = None if found is None else found[1]
        if stored is not None:
            yield from self._changes(producer, need, stored, wanted, depth)


def _differences(
    one: StepPlan, ordinal: int, stored: str, wanted: str
) -> Iterator[tuple[Any, reasons.Difference]]:
    """The differences of a task; those of pictures as `images[1]`, each with the part of the field that it concerns."""
    for difference in reasons.differences(stored, wanted):
        parts = one.images.get(difference.field)
        if parts is None:
            yield None, difference
            continue
        before, now = _pictures_of(difference.stored), _pictures_of(difference.wanted)
        counts = [_count(part, ordinal) for part in parts]
        lists = [at for at, part in enumerate(parts) if isinstance(part, Edge) and part.is_list]
        # More or fewer pictures than then: they are the list's, where there is one, else the last.
        more = len(before) - len(now)
        grown = next((at for at in lists if counts[at] + more >= 0), None) if before else None
        start = then = 0
        for at, part in enumerate(parts):
            length = counts[at] + (more if at == grown else 0)
            old, new = before[then : then + length], now[start : start + counts[at]]
            start, then = start + counts[at], then + length
            if old != new:
                field = f"{difference.field}[{at}]"
                yield part, reasons.Difference(field, ",".join(old) or None, ",".join(new) or None)
        if then < len(before):
            field = f"{difference.field}[{len(parts)}]"
            yield None, reasons.Difference(field, ",".join(before[then:]), None)


def _pictures_of(said: str | None) -> list[str]:
    return said.split(",") if said else []


def _count(part: Any, ordinal: int) -> int:
    """How many pictures a part of a field gives to one task."""
    if isinstance(part, Edge):
        return len(part.present(ordinal))
    return 0 if isinstance(part, Column) and part[ordinal] is None else 1


def _said(value: str | None, name: str, defaults: Mapping[str, object]) -> str:
    """A field's value in words: what it says nothing about has its default."""
    if value is not None:
        return value
    default = defaults.get(name)
    return "not given" if default is None else f"{default} (not said)"

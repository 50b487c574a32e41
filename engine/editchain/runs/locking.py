"""Locking: from a plan and what was made to the lines of its lock, and from a lock to what a plan may not do."""

from __future__ import annotations

import os
from dataclasses import field, replace
from typing import TYPE_CHECKING

from editchain import lockfiles
from editchain.classes import dataclass
from editchain.diagnostics import counted
from editchain.errors import Refused
from editchain.fetching import addresses
from editchain.imaging.probe import MEDIA_TYPES
from editchain.lock import Held, Line, Lock, Output, named
from editchain.models import Model
from editchain.plans.identity import version_of
from editchain.plans.reasons import differences, phrase
from editchain.plans.tasks import IN_PASSING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from editchain.digests import Digests
    from editchain.journal.entries import Result
    from editchain.journal.journal import Journal
    from editchain.pipeline import Pipeline, Step
    from editchain.plans.tasks import Plan, StepPlan
    from editchain.store import Store


MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class Locking:
    """The lock that a run began with, where it lies, and by what to tell whether another run wrote it since.

    `renewed` are keys whose pictures the run makes anew although the lock has them; `is_partial` where it runs only some
    of the steps.
    """

    place: Path
    lock: Lock
    stamp: tuple[int, int, int] | None
    renewed: frozenset[bytes] = frozenset()
    is_partial: bool = False


@dataclass(slots=True)
class Locked:
    """What became of a lock: whether its file was written, and the tasks whose pictures came out otherwise than it says."""

    is_written: bool = False
    others: list[str] = field(default_factory=list)


def write(locking: Locking, plan: Plan, journal: Journal, digests: Digests, store: Store) -> Locked:
    """Writes what a plan's tasks resolved to; what the file has of them already stays as it is. Raises StoreError."""
    if lockfiles.stamp(locking.place) != locking.stamp:
        # Another run, or git, wrote it meanwhile.
        locking = replace(locking, lock=lockfiles.read(locking.place, merging=True))
    locked = Locked()
    old = locking.lock
    lines = {line.task: line for line in _lines(locking, plan, journal, locked)}
    kept = _kept_lines(locking, plan, lines)
    inputs = {held.address: held for held in _held(plan.pipeline, digests, old)}
    if _is_given(plan.pipeline) or locking.is_partial:
        inputs = {**old.by_address, **inputs}
    new = Lock((*lines.values(), *kept), tuple(inputs.values()))
    if set(new.lines) != set(old.lines) or set(new.inputs) != set(old.inputs):
        locked.is_written = lockfiles.write(locking.place, new, beside=store.temporary_beside)
    return locked


def _lines(locking: Locking, plan: Plan, journal: Journal, locked: Locked) -> Iterator[Line]:
    """A line for every task that has a picture. The fact about a key stays unless its picture was made anew on purpose."""
    old = locking.lock.by_key
    fresh: list[tuple[StepPlan, int, bytes, bytes]] = []
    for one in plan.steps:
        for ordinal, digest in one.digests.items():
            key = one.keys[ordinal]
            if key is None:
                continue
            line = old.get(key)
            is_anew = one.is_fresh or key in locking.renewed
            if line is None or (line.digest != digest and is_anew):
                fresh.append((one, ordinal, key, digest))
                continue
            if line.digest != digest and digest != IN_PASSING:
                locked.others.append(one.task_name(ordinal))
            yield line._replace(task=one.task_name(ordinal))
    results = journal.results([key for _, _, key, _ in fresh])
    for one, ordinal, key, digest in fresh:
        result = results.get(key)
        if result is not None and result.digest == digest:
            yield _line(one, ordinal, result)


def _line(one: StepPlan, ordinal: int, result: Result) -> Line:
    return Line(
        one.task_name(ordinal),
        result.key,
        "model" if result.kind == "model" else "operation",
        result.name,
        # the one in the key, whatever it was made with
        one.versions.get(ordinal) or version_of(one.way(ordinal).document),
        result.take,
        (Output(result.digest, result.media_type, result.size),),
        result.request_key,
        result.route,
        result.seed,
    )


def _kept_lines(locking: Locking, plan: Plan, lines: Mapping[str, Line]) -> Iterator[Line]:
    """The lines that stay beside the new ones.

    Those are: of tasks that have no picture now; of tasks that other inputs, or other steps, give; and, where a default
    of the recipe was replaced, of the same tasks as the recipe itself asks for them.
    """
    is_other = any(one.is_given and not one.is_required for one in plan.pipeline.inputs.values())
    is_open = _is_given(plan.pipeline) or locking.is_partial
    tasks: set[str] | None = None
    others = tuple(_names_of_other_inputs(plan))
    for line in locking.lock.lines:
        new = lines.get(line.task)
        if new is not None:
            if line.key != new.key and is_other:
                yield line
            continue
        if tasks is None:
            tasks = {one.task_name(ordinal) for one in plan.steps for ordinal in one.ordinals()}
        if is_open or line.task in tasks or line.task.startswith(others):
            yield line


def _is_given(pipeline: Pipeline) -> bool:
    """Whether a run was given inputs, so that there may be other runs of the recipe that count."""
    return any(one.is_given for one in pipeline.inputs.values())


def _names_of_other_inputs(plan: Plan) -> Iterator[str]:
    """How the tasks of a run over several photos begin, where this plan has one photo."""
    for one in plan.pipeline.inputs.values():
        if one.type == "image" and one.dimension is None:
            yield from (f"{step.name}[{one.name}=" for step in plan.steps)


def _held(pipeline: Pipeline, digests: Digests, old: Lock) -> Iterator[Held]:
    """What addresses without a pin are held to from now on."""
    for address, source in addresses(pipeline).items():
        name = named(address)
        digest = None if source.sha256 is not None else digests.digest(source)
        if digest is None:
            continue
        held = old.by_address.get(name)
        if held is not None and held.output.digest == digest:
            yield held
        elif (file := digests.file(address)) is not None:
            yield Held(name, Output(digest, MEDIA_TYPES[file.format].media_type, file.size))


# ---------------------------------------------------------------------- --locked


@dataclass(frozen=True, slots=True)
class Unlocked:
    """A task that is not as the lock has it, with what differs in a phrase. `follows` where it only hangs on others."""

    task: str
    what: str
    follows: bool


def refuse_unlocked(
    plan: Plan,
    lock: Lock,
    place: Path,
    journal: Journal | None,
    targets: Callable[[Step], bool] | None = None,
) -> None:
    """Raises Refused where a plan has tasks that are not as the lock has them, naming what differs."""
    outside = unlocked(plan, lock, journal, targets)
    if not outside:
        return
    causes = [one for one in outside if not one.follows]
    lines = [f"  {one.task}: {one.what}" for one in causes[:MOST_NAMED]]
    if len(causes) > MOST_NAMED:
        lines.append(f"  and {len(causes) - MOST_NAMED:,} more")
    if follow := len(outside) - len(causes):
        lines.append(f"  and {counted(follow, 'task')} that follow{'s' if follow == 1 else ''}")
    are = "is" if len(outside) == 1 else "are"
    head = f"--locked: {counted(len(outside), 'task')} {are} not as {os.path.relpath(place)} has them:"
    raise Refused("\n".join([head, *lines, "A run without --locked writes the lock anew."]))


def unlocked(
    plan: Plan, lock: Lock, journal: Journal | None, targets: Callable[[Step], bool] | None = None
) -> list[Unlocked]:
    """The tasks that are wanted, or needed for what is, and that the lock does not have, or has with another picture.

    What costs nothing and is taken by a task that the lock has need not be in it: the key of that task holds it.
    """
    outside: set[tuple[int, int]] = set()
    seen: set[tuple[int, int, bool]] = set()
    left = [
        (one, ordinal, False)
        for one in plan.steps
        for ordinal in one.ordinals()
        if (one.kept[ordinal] if targets is None else targets(one.step))
    ]
    while left:
        one, ordinal, is_implied = left.pop()
        if (one.index, ordinal, is_implied) in seen:
            continue
        seen.add((one.index, ordinal, is_implied))
        is_in = _is_in(lock, one, ordinal) or (is_implied and not is_paid(one, ordinal))
        if not is_in:
            outside.add((one.index, ordinal))
        if not is_in or one.is_to_do(ordinal):
            left.extend((other, need, is_in) for other, need in one.needs(ordinal))
    tasks = {line.task: line for line in lock.lines} if outside else {}
    found: list[Unlocked] = []
    for index, ordinal in sorted(outside):
        one = plan.steps[index]
        follows = any((other.index, at) in outside for other, at in one.needs(ordinal))
        name = one.task_name(ordinal)
        what = "" if follows else _difference(one, ordinal, tasks.get(name), journal)
        found.append(Unlocked(name, what, follows))
    return found


def _is_in(lock: Lock, one: StepPlan, ordinal: int) -> bool:
    key = one.keys[ordinal]
    line = None if key is None else lock.by_key.get(key)
    return line is not None and one.digests.get(ordinal) in (None, IN_PASSING, line.digest)


def _difference(one: StepPlan, ordinal: int, line: Line | None, journal: Journal | None) -> str:
    if line is None:
        return "the lock does not have it"
    if line.key == one.keys[ordinal]:
        return "the lock names another picture, which cannot be had"
    wanted = one.identity(ordinal)
    stored = None if journal is None else journal.identities([line.key]).get(line.key)
    if stored is not None and wanted is not None:
        return phrase(differences(stored, wanted))
    document = one.way(ordinal).document
    take = one.value("take", ordinal) if "take" in one.values else 1
    if document.name != line.name:
        return f"{line.name} became {document.name}"
    if version_of(document) != line.version:
        return f"{document.name} is now of version {version_of(document)}, not {line.version}"
    if (take or 1) != line.take:
        return f"take {line.take} became {take}"
    return "its prompt, another field or a picture that it takes changed"


def is_paid(one: StepPlan, ordinal: int) -> bool:
    """Whether a task's picture cannot be made again for nothing."""
    way = one.way(ordinal)
    return not way.is_local or (isinstance(way.document, Model) and not way.document.deterministic)

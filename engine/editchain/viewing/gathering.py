"""From the journal and the outline of a run to its page. Reads; makes no picture."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from editchain.errors import ConfigurationError
from editchain.plans import reasons
from editchain.runs.outlining import PREFIX_BYTES
from editchain.viewing.pages import Arrow, CallView, Page, PictureView, StepView, TaskView

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from editchain.journal.entries import Call, Result, RunRecord, RunTask
    from editchain.journal.journal import Journal
    from editchain.runs.outlining import Outline, StepOutline
    from editchain.store import Store

EDITED = ("image", "images")
"""Fields of which the first picture is what a task edits."""


def gather(
    look: Journal, store: Store, record: RunRecord, outline: Outline | None, state: str, root: str
) -> Page:
    """The page of a run; `state` is how it stands, `root` the workspace's folder.

    Raises ConfigurationError where no outline of the run was kept.
    """
    if outline is None:
        raise ConfigurationError(
            f"Of run {record.id} only its numbers are kept, and a page needs more. `editchain status {record.id}` shows them."
        )
    return _Gatherer(look, store, record, outline, root).page(state)


class _Gatherer:
    def __init__(self, look: Journal, store: Store, record: RunRecord, outline: Outline, root: str) -> None:
        self._record = record
        self._outline = outline
        self._root = root
        self._store = store
        keys = {key[:PREFIX_BYTES]: key for key in look.run_keys(record.id) or ()}
        self._keys = keys
        self._results = look.results(keys.values())
        self._passed = look.passed(keys.values())
        self._identities = look.identities(keys.values())
        self._troubles = {one.task: one for one in look.run_tasks(record.id)}
        self._calls = look.calls(record.id)
        self._served = look.call_tasks(one.id for one in self._calls)
        self._pictures: dict[str, PictureView] = {}
        self._names: dict[bytes, str] = {}

    def page(self, state: str) -> Page:
        record, outline = self._record, self._outline
        steps = tuple(self._step(one) for one in outline.steps)
        return Page(
            run=record.id,
            pipeline=outline.name,
            path=self._shown(outline.path),
            command=record.command,
            state=state,
            outcome=record.outcome or "",
            exit_code=record.exit_code,
            counts=_states(steps),
            spent=json.loads(record.spent),
            began=record.started_at,
            ended=record.ended_at,
            inputs=outline.inputs,
            outputs=outline.outputs,
            arrows=tuple(self._arrows()),
            steps=steps,
            calls=tuple(self._call(one) for one in self._calls),
            notices=outline.notices,
            pictures=self._pictures,
        )

    def _shown(self, path: str) -> str:
        """A path as seen from the workspace: a page that is passed on says nothing of the machine."""
        inside = os.path.relpath(path, self._root)
        return os.path.basename(path) if inside.startswith("..") else inside

    def _arrows(self) -> Iterator[Arrow]:
        for step in self._outline.steps:
            fields: dict[str, list[str]] = {}
            for take in step.takes:
                fields.setdefault(f"{take.kind}:{take.name}", []).append(take.field)
            yield from (
                Arrow(start, f"step:{step.name}", ", ".join(names)) for start, names in fields.items()
            )

    def _step(self, one: StepOutline) -> StepView:
        tasks = (
            self._task(name, keys, prefix)
            for (keys, name), prefix in zip(one.addresses(), one.keys, strict=True)
        )
        return StepView(
            one.name, one.kind, one.by, one.dimensions, tuple(task for task in tasks if task is not None)
        )

    def _task(self, name: str, keys: tuple[str, ...], prefix: bytes | None) -> TaskView | None:
        trouble = self._troubles.get(name)
        key = None if prefix is None else self._keys.get(prefix)
        if key is None:
            # Where there is neither a key nor an outcome, the combination was excluded, or is still to come.
            return TaskView(
                name, keys, trouble.outcome if trouble else "waiting", None, None, None, None, {}, {}, None,
                None, None, None, None, trouble.reason if trouble else None,
            ) if trouble or self._record.ended_at is None else None  # fmt: skip
        self._names[key] = name
        stored = self._results.get(key)
        result = stored or self._passed.get(key)
        fields = reasons.fields(self._identities.get(key, ""))
        takes = {field: tuple(self._taken(value)) for field, value in _pictures(fields).items()}
        prompt = fields.pop("prompt", None)
        digest = None if stored is None else self._result(stored)
        return TaskView(
            name,
            keys,
            self._state(result, trouble),
            key.hex(),
            digest,
            fields.pop("model", None) or fields.pop("operation", None),
            None if prompt is None else str(json.loads(prompt)),
            {field: value for field, value in fields.items() if field not in takes},
            {field: found for field, found in takes.items() if found},
            next((takes[field][0] for field in EDITED if takes.get(field)), None),
            result.route if result else None,
            result.seed if result else None,
            result.call if result else None,
            result.made_at if result else None,
            trouble.reason if trouble else None,
        )

    def _state(self, result: Result | None, trouble: RunTask | None) -> str:
        if trouble is not None:
            return trouble.outcome
        if result is None:
            return "waiting"
        return "done" if result.run == self._record.id else "cached"

    def _result(self, result: Result) -> str:
        digest = result.digest.hex()
        if digest not in self._pictures:
            self._pictures[digest] = PictureView(
                digest, result.media_type, result.width or 0, result.height or 0, result.size, None,
                self._store.has(result.digest),
            )  # fmt: skip
        return digest

    def _taken(self, identities: Iterable[str]) -> Iterator[str]:
        """The digests of pictures that a task took, by how its identity knows them; as it knows them where there are no bytes."""
        for identity in identities:
            kind, _, value = identity.partition(":")
            if kind == "task":
                key = bytes.fromhex(value)
                result = self._results.get(key)
                if result is not None:
                    yield self._result(result)
                elif key[:PREFIX_BYTES] in self._keys:
                    yield identity  # it was made in passing: its task is here, its bytes are not
            elif kind == "sha256":
                if value not in self._pictures:
                    place = self._outline.sources.get(value)
                    shown = None if place is None else self._shown(place) if os.path.isabs(place) else place
                    is_here = self._store.has(bytes.fromhex(value)) or (
                        place is not None and os.path.isfile(place)
                    )
                    self._pictures[value] = PictureView(value, "", 0, 0, 0, shown, is_here)
                yield value

    def _call(self, one: Call) -> CallView:
        serves = tuple(
            self._names[task.key] for task in self._served.get(one.id, ()) if task.key in self._names
        )
        return CallView(
            one.id, one.model, one.provider, one.state, one.charged, one.attempt, one.intent_at, one.ended_at,
            one.price_most, one.price_actual, one.currency, one.vendor_id, serves,
        )  # fmt: skip


def _pictures(fields: Mapping[str, str]) -> dict[str, list[str]]:
    return {
        name: value.split(",")
        for name, value in fields.items()
        if value.startswith(("task:", "sha256:", "asset:"))
    }


def _states(steps: Iterable[StepView]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for step in steps:
        for task in step.tasks:
            counts[task.state] = counts.get(task.state, 0) + 1
    return counts

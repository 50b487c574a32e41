"""Remaking: the bytes of pictures that were made in passing, made again from what the journal knows of their keys."""

from __future__ import annotations

import json
import time
from dataclasses import field
from hashlib import sha256
from typing import TYPE_CHECKING

from editchain.artifacts import ImageSource
from editchain.classes import dataclass
from editchain.diagnostics import Place, Source
from editchain.errors import StoreError
from editchain.executors.base import Made, Work
from editchain.executors.local import LocalExecutor
from editchain.models import Model
from editchain.pipeline import Retry, Step
from editchain.plans import reasons
from editchain.plans.tasks import Edge, StepPlan, Way
from editchain.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from editchain.journal.entries import Result
    from editchain.models import OperationDocument
    from editchain.workspace import Workspace


def make_again(workspace: Workspace, keys: Iterable[bytes]) -> int:
    """Stores the pictures of those keys that were made in passing; gives how many now are there.

    One that cannot be made any more stays as it is: what it was made from is gone, or this version makes it otherwise.
    Raises StoreError.
    """
    look = workspace.look
    passed = {} if look is None else look.passed(keys)
    if not passed:
        return 0
    return _Remaker(workspace).make(passed.values())


@dataclass(slots=True)
class Comparison:
    """What came of making results again without keeping them: `others` came out with other bytes than those stored.

    `same` counts those with the very bytes, `lost` those that cannot be made again here: what they were made from is gone,
    or this version makes them otherwise on purpose.
    """

    same: int = 0
    lost: int = 0
    others: list[Result] = field(default_factory=list)

    @property
    def done(self) -> int:
        """How many were looked after."""
        return self.same + self.lost + len(self.others)


def compared(workspace: Workspace, results: Iterable[Result], watch: Callable[[int], None]) -> Comparison:
    """Makes results again that cost nothing, and compares; stores nothing. `watch` is told how many were looked after."""
    remaker = _Remaker(workspace, _Trial(workspace.folder))
    found = Comparison()
    for result in results:
        digest = remaker.digest_of(result)
        if digest is None:
            found.lost += 1
        elif digest == result.digest:
            found.same += 1
        else:
            found.others.append(result)
        watch(found.done)
    return found


class _Trial(Store):
    """A store that reads and keeps nothing."""

    def put(self, data: bytes, *, durable: bool) -> bytes:
        """The digest of bytes."""
        _ = durable
        return sha256(data).digest()


# What is made again stands in no pipeline.
_NO_STEP = Step(
    name="", kind="", target=None, documents={}, fields={}, dimensions=(), excluded=(), after=(), take=None, samples=None,
    missing="", retry=Retry(), timeout_seconds=None, providers=(), provider_options={}, protect=None, expect=None,
    place=Place(Source("", ""), 0),
)  # fmt: skip


class _Lost(Exception):
    """A picture cannot be made again."""


class _Remaker:
    def __init__(self, workspace: Workspace, store: Store | None = None) -> None:
        from editchain import operations, providers

        look = workspace.look
        assert look is not None  # noqa: S101  (there are results)
        self._workspace = workspace
        self._journal = look
        self._tasks: dict[bytes, StepPlan] = {}
        self._files: dict[bytes, str] | None = None
        self._known: dict[str, bytes] = {}
        self._executor = LocalExecutor(
            store or workspace.store,
            lambda source: self._known.get(source.location),
            operations.load,
            providers.load,
            workers=1,
        )

    def make(self, passed: Iterable[Result]) -> int:
        made = 0
        for row in passed:
            try:
                works = list(self._works(row.key))
            except _Lost:
                continue
            outcome = self._executor.execute_here(works)[-1]
            if isinstance(outcome, Made):
                self._workspace.journal.add_result(
                    row._replace(
                        digest=outcome.digest,
                        media_type=outcome.media_type,
                        size=outcome.size,
                        made_at=time.time(),
                    )
                )
                self._tasks[row.key].digests[0] = outcome.digest
                made += 1
        self._workspace.journal.commit()
        return made

    def digest_of(self, result: Result) -> bytes | None:
        """What a result comes out as when it is made again; None where it cannot be."""
        try:
            works = list(self._works(result.key))
        except _Lost:
            return None
        try:
            outcome = self._executor.execute_here(works)[-1]
        except StoreError:
            return None  # what it was made from is damaged
        return outcome.digest if isinstance(outcome, Made) else None

    def _works(self, wanted: bytes) -> Iterator[Work]:
        """What has to be made for a key, what is needed first; pictures that are stored end the way back."""
        order: list[bytes] = []
        left = [wanted]
        while left:
            key = left.pop()
            if key in order:
                raise _Lost  # taken twice on the way: not a chain that was made in passing
            order.append(key)
            task = self._task(key)
            left.extend(edge.producer.keys[0] or b"" for edge in task.edges if not edge.producer.digests)
        for key in reversed(order):
            yield Work(self._tasks[key], 0, key, is_kept=key == wanted)

    def _task(self, key: bytes) -> StepPlan:
        """A key as a task of its own, with what the document behind the key says."""
        if key in self._tasks and self._tasks[key].ways:
            return self._tasks[key]
        text = self._journal.identities([key]).get(key)
        if text is None:
            raise _Lost
        fields = reasons.fields(text)
        document = self._document(fields)
        task = self._named(key)
        route = document.routes[0] if isinstance(document, Model) else None
        task.ways = (Way(document, route, True, None),)
        for name, said in fields.items():
            if name in document.image_fields or name in document.image_list_fields:
                task.images[name] = tuple(self._picture(one, task) for one in said.split(","))
            elif name not in ("model", "operation"):
                task.values[name] = json.loads(said)
        return task

    def _document(self, fields: dict[str, str]) -> Model | OperationDocument:
        catalogue = self._workspace.catalogue
        model, operation = fields.get("model", "").split(), fields.get("operation", "").split()
        if model and model[0] in catalogue.models:
            found = catalogue.models[model[0]]
            if found.version == model[1] and found.deterministic:
                return found
        elif operation and operation[0] in catalogue.operations:
            document = catalogue.operations[operation[0]]
            if str(document.behaviour) == operation[1] and not document.is_asked:
                return document
        raise _Lost

    def _named(self, key: bytes) -> StepPlan:
        """The task of a key, as one that others take a picture from."""
        if key not in self._tasks:
            index = len(self._tasks)
            task = StepPlan(
                step=_NO_STEP,
                name=key.hex()[:16], index=index, offset=index, dimensions=(), count=1, ways=(), way_at=None,
                exists=None, values={}, images={}, edges=[], after=(),
            )  # fmt: skip
            task.keys[0] = key
            stored = self._journal.has_results([key]).get(key)
            if stored:
                task.digests[0] = stored
            self._tasks[key] = task
        return self._tasks[key]

    def _picture(self, identity: str, task: StepPlan) -> Edge | ImageSource:
        kind, _, value = identity.partition(":")
        if kind == "task":
            edge = Edge(self._named(bytes.fromhex(value)), range(1), (0,), is_list=False)
            task.edges.append(edge)
            return edge
        if kind != "sha256":
            raise _Lost
        digest = bytes.fromhex(value)
        if self._workspace.store.has(digest):
            stored = self._named(digest)
            stored.digests[0] = digest
            return Edge(stored, range(1), (0,), is_list=False)
        if self._files is None:
            below = self._journal.files_below("")
            self._files = {file.digest: path for path, file in below.items()}
        path = self._files.get(digest)
        if path is None:
            raise _Lost
        self._known[path] = digest
        return ImageSource("file", path, path)

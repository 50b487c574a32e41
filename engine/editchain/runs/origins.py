"""Origins: what made a picture and from which pictures, back to the inputs, from the journal and the locks. Reads only."""

from __future__ import annotations

import json
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

from editchain.classes import dataclass
from editchain.plans import reasons
from editchain.runs import outlining
from editchain.runs.outlining import PREFIX_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from editchain.journal.entries import Call, Published, Result
    from editchain.journal.journal import Journal
    from editchain.lock import Line, Lock

_PICTURES = ("task:", "sha256:", "asset:")


@dataclass(frozen=True, slots=True)
class Take:
    """A picture that a task takes: under which field, and the `id` of its origin."""

    field: str
    id: str


@dataclass(frozen=True, slots=True)
class Origin:
    """What is known of one picture. `id` is how tasks that take it know it: task:KEY, sha256:DIGEST or asset:ID.

    `kind` is None where nothing is known of how it was made; "input" says that it was given. `said_by` is "journal" or
    "lock". `fields` are as JSON has them, without prompt and pictures; `made_at` is in unix seconds.
    """

    id: str
    said_by: str | None = None
    kind: str | None = None
    task: str | None = None
    key: bytes | None = None
    digest: bytes | None = None
    name: str | None = None
    version: str | None = None
    route: str | None = None
    prompt: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    made_at: float | None = None
    run: str | None = None
    pipeline: str | None = None
    call: Call | None = None
    path: str | None = None
    takes: tuple[Take, ...] = ()


class Finder:
    """Finds origins in what a workspace knows: its journal, where it has one, and its locks. `folder` is the store's."""

    def __init__(self, look: Journal | None, folder: Path, locks: Iterable[Lock]) -> None:
        self._look = look
        self._folder = folder
        self._lines: dict[bytes, Line] = {}
        self._lines_with: dict[bytes, Line] = {}
        for lock in locks:
            for line in lock.lines:
                self._lines.setdefault(line.key, line)
                for output in line.outputs:
                    self._lines_with.setdefault(output.digest, line)
        self._runs: dict[str, tuple[str | None, Mapping[bytes, str]]] = {}

    def of_digest(self, digest: bytes) -> dict[str, Origin]:
        """The origins of a file with these bytes, by id, that of the file itself first; empty where nothing is known."""
        return self._trace(f"sha256:{digest.hex()}")

    def of_key(self, key: bytes) -> dict[str, Origin]:
        """The origins of a task's picture, by id, its own first; empty where nothing is known."""
        return self._trace(f"task:{key.hex()}")

    def _trace(self, start: str) -> dict[str, Origin]:
        found: dict[str, Origin] = {}
        makers: dict[str, str] = {}
        before: dict[bytes, float] = {}
        level = [start]
        while level:
            digests = [bytes.fromhex(one[7:]) for one in level if one.startswith("sha256:")]
            inputs = self._look.files_with(digests) if self._look is not None and digests else {}
            made_by = self._makers(digests, inputs, before)
            makers |= {f"sha256:{digest.hex()}": made_by[digest] for digest in made_by}
            made = self._of_tasks([one for one in level if one.startswith("task:")])
            made |= {one.id: one for one in map(_input, inputs, inputs.values())}
            found |= {one: made.get(one) or Origin(one) for one in level if one not in makers}
            for origin in made.values():
                for take in origin.takes:
                    if take.id.startswith("sha256:") and origin.made_at is not None:
                        digest = bytes.fromhex(take.id[7:])
                        before[digest] = max(before.get(digest, 0.0), origin.made_at)
            wanted = [makers[one] for one in level if one in makers]
            wanted += [take.id for one in level if one in found for take in found[one].takes]
            level = [one for one in dict.fromkeys(wanted) if one not in found and one not in makers]
        if next(iter(found.values())).kind is None:
            return {}
        return {id_: _with_makers(origin, makers) for id_, origin in found.items()}

    # ------------------------------------------------------------------ tasks

    def _of_tasks(self, ids: Sequence[str]) -> dict[str, Origin]:
        keys = [bytes.fromhex(one[5:]) for one in ids]
        results: dict[bytes, Result] = {}
        said: dict[bytes, str] = {}
        if self._look is not None and keys:
            results = {**self._look.passed(keys), **self._look.results(keys)}
            said = self._look.identities(keys)
        return {
            f"task:{key.hex()}": self._of_task(key, results.get(key), said.get(key))
            for key in keys
            if key in results or key in self._lines
        }

    def _of_task(self, key: bytes, result: Result | None, identity: str | None) -> Origin:
        fields = reasons.fields(identity or "")
        takes = tuple(
            Take(name, one)
            for name, value in fields.items()
            if value.startswith(_PICTURES)
            for one in value.split(",")
        )
        prompt = fields.pop("prompt", None)
        plain = {
            name: _value(value)
            for name, value in fields.items()
            if name not in ("model", "operation") and not value.startswith(_PICTURES)
        }
        line = self._lines.get(key)
        if result is None:
            assert line is not None  # noqa: S101  (it is asked for what is known)
            return Origin(
                f"task:{key.hex()}", "lock", line.kind, line.task, key, line.digest, line.name, line.version,
                line.route, seed=line.seed, fields=plain, takes=takes,
                prompt=None if prompt is None else str(_value(prompt)),
            )  # fmt: skip
        return Origin(
            f"task:{key.hex()}",
            "journal",
            result.kind,
            self._task(result),
            key,
            result.digest or None,
            result.name,
            result.version,
            result.route,
            None if prompt is None else str(_value(prompt)),
            plain,
            result.seed,
            result.made_at,
            result.run,
            self._run(result.run)[0],
            self._look.call(result.call) if result.call and self._look else None,
            takes=takes,
        )

    def _run(self, run: str | None) -> tuple[str | None, Mapping[bytes, str]]:
        """The pipeline of a run, and its tasks by the beginning of their keys."""
        if run is None or self._look is None:
            return None, {}
        if run not in self._runs:
            record = self._look.run(run)
            outline = outlining.read(self._folder, run)
            self._runs[run] = (record.pipeline if record else None, outline.names() if outline else {})
        return self._runs[run]

    # ------------------------------------------------------------------ files

    def _makers(
        self, digests: Sequence[bytes], inputs: Mapping[bytes, str], before: Mapping[bytes, float]
    ) -> dict[bytes, str]:
        """Digest to the id of the task that made these bytes, or the picture that was published with them.

        Bytes that were given as an input, too, were made by a task only where it ran `before` that which took them:
        else a task that changed nothing would be taken for what made its input.
        """
        found: dict[bytes, str] = {}
        rows = {row.digest: row for row in self._published(digests)}
        results = {digest: rows[digest].result if digest in rows else digest for digest in digests}
        made: dict[bytes, list[Result]] = {}
        if self._look is not None and digests:
            for one in self._look.results_with(results.values()):
                made.setdefault(one.digest, []).append(one)
        for digest, result in results.items():
            candidates = [
                one
                for one in made.get(result, ())
                if digest not in inputs or digest not in before or one.made_at < before[digest]
            ]
            task = rows[digest].task if digest in rows else None
            named = [one for one in candidates if task is not None and self._task(one) == task]
            line = self._lines_with.get(digest) if digest not in inputs else None
            if candidates:
                found[digest] = f"task:{(named or candidates)[0].key.hex()}"
            elif line is not None:
                found[digest] = f"task:{line.key.hex()}"
        return found

    def _published(self, digests: Sequence[bytes]) -> list[Published]:
        return self._look.published_with(digests) if self._look is not None and digests else []

    def _task(self, result: Result) -> str | None:
        """The address of the task that made a result, where its run is still known, or a lock has it."""
        line = self._lines.get(result.key)
        return self._run(result.run)[1].get(result.key[:PREFIX_BYTES]) or (line.task if line else None)


def _input(digest: bytes, path: str) -> Origin:
    return Origin(f"sha256:{digest.hex()}", "journal", "input", digest=digest, path=path)


def _with_makers(origin: Origin, makers: Mapping[str, str]) -> Origin:
    """An origin that names the task that made a picture, rather than the picture's bytes."""
    takes = tuple(Take(one.field, makers.get(one.id, one.id)) for one in origin.takes)
    return replace(origin, takes=takes) if takes != origin.takes else origin


def _value(said: str) -> Any:
    """A field as JSON; the text itself where it is none."""
    try:
        return json.loads(said)
    except ValueError:
        return said

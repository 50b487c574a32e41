"""Recording: the pictures of a run to published files, each complete or not there; what others changed is left alone."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from editchain.artifacts import ImageSource
from editchain.dimensions import keys_at
from editchain.entries import Published
from editchain.planning import published_tasks
from editchain.publishing import FORMATS, folded, path_of, template
from editchain.reading import stat_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from editchain.journal import Journal
    from editchain.pipeline import Output
    from editchain.planning import Plan, StepPlan
    from editchain.store import Store

_EXTENSIONS = {"jpeg": "jpg", "tiff": "tif"}
_FORMAT_OF = {
    "image/png": "png",
    "image/jpeg": "jpeg",
    "image/webp": "webp",
    "image/avif": "avif",
    "image/tiff": "tiff",
    "image/gif": "gif",
}


@dataclass(frozen=True, slots=True)
class Copy:
    """One file to publish: where, from which result, and how its bytes are made from the result's."""

    path: str
    digest: bytes
    format: str | None
    quality: int | None
    lossless: bool
    output: str
    task: str

    @property
    def encoding(self) -> str:
        """How the bytes are made, in words that are the same for the same bytes."""
        return (
            "copy"
            if self.format is None
            else f"{self.format} quality={self.quality} lossless={self.lossless}"
        )


@dataclass(slots=True)
class Publication:
    """What publishing did: files written, files that were there already, and those left alone with the reason."""

    written: list[str] = field(default_factory=list)
    unchanged: int = 0
    left_alone: list[tuple[str, str]] = field(default_factory=list)
    pruned: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


def copies(plan: Plan, types: Mapping[bytes, str]) -> Iterator[Copy]:
    """The files of every output whose pictures are there; `types` has the media types of stored results by digest."""
    by_step = plan.by_step()
    inputs = plan.pipeline.inputs
    fixed = {one.name: one.value.key for one in inputs.values() if isinstance(one.value, ImageSource)}
    for output in plan.pipeline.outputs:
        tasks = [(one, at) for one, at in published_tasks(output, by_step) if one.digests.get(at) in types]
        written = template(output.path) if output.path is not None else None
        for one, at in tasks:
            digest = one.digests[at]
            own = _FORMAT_OF[types[digest]]
            wanted = _wanted(output, written.extension if written else None) or own
            keys = _keys(one, at, fixed)
            path = path_of(
                output.name, written, output.picture.dimensions, keys, _EXTENSIONS.get(wanted, wanted)
            )
            is_copy = wanted == own and output.quality is None and not output.lossless
            yield Copy(
                path,
                digest,
                None if is_copy else wanted,
                output.quality,
                output.lossless,
                output.name,
                one.task_name(at),
            )


def _wanted(output: Output, extension: str | None) -> str | None:
    return FORMATS[extension] if extension is not None else output.format


def _keys(one: StepPlan, at: int, fixed: Mapping[str, str]) -> dict[str, str]:
    return {**fixed, **keys_at(one.dimensions, at)} if one.dimensions else dict(fixed)


class Publisher:
    """Writes the files of a run below a folder."""

    def __init__(
        self,
        store: Store,
        journal: Journal,
        out: str,
        pipeline: str,
        run: str | None,
        *,
        overwrite: bool = False,
    ) -> None:
        self._store = store
        self._journal = journal
        self._out = os.path.abspath(out)
        self._pipeline = pipeline
        self._run = run
        self._overwrite = overwrite
        self._adopted: list[tuple[str, Copy, tuple[os.stat_result, bytes]]] = []

    def look(self, wanted: list[Copy]) -> tuple[Publication, list[tuple[str, Copy]]]:
        """What publishing would leave as it is, and what it would write."""
        result = Publication()
        named = [(os.path.join(self._out, copy.path), copy) for copy in wanted]
        known = self._journal.published([path for path, _ in named])
        todo: list[tuple[str, Copy]] = []
        seen: dict[str, str] = {}
        for path, copy in named:
            result.paths.append(path)
            key = folded(copy.path)
            if key in seen:
                result.left_alone.append((path, f"{seen[key]} is published there already"))
                continue
            seen[key] = copy.task
            verdict = self._verdict(path, copy, known.get(path))
            if verdict is None:
                todo.append((path, copy))
            elif verdict:
                result.left_alone.append((path, verdict))
            else:
                result.unchanged += 1
        return result, todo

    def publish(self, wanted: list[Copy], *, workers: int) -> Publication:
        """Writes what is not there yet, flushes it together, and notes it for the journal. Raises StoreError."""
        result, todo = self.look(wanted)
        for path, copy, (found, digest) in self._adopted:
            self._journal.put_published(self._row(path, copy, found, digest))
        for path, row in self._write_all(todo, workers):
            self._journal.put_published(row)
            result.written.append(path)
        if result.written:
            self._store.sync({os.path.dirname(path) for path in result.written})
        return result

    def _verdict(self, path: str, copy: Copy, row: Published | None) -> str | None:
        """None: to be written. Empty: it is there as wanted. Else why it is left alone."""
        try:
            found = os.lstat(path)
        except OSError:
            return None
        if row is not None and (row.size, row.mtime_ns, row.ctime_ns, row.inode) == stat_of(found):
            if row.pipeline != self._pipeline and not self._overwrite and row.result != copy.digest:
                return f"it was published by {os.path.basename(row.pipeline)}"
            return "" if row.result == copy.digest and row.encoding == copy.encoding else None
        if self._overwrite:
            return None
        digest = _digest(path)
        if row is not None and digest == row.digest:
            return (
                self._adopt(path, copy, found, digest)
                if row.result == copy.digest and row.encoding == copy.encoding
                else None
            )
        if digest == copy.digest and copy.format is None:
            return self._adopt(path, copy, found, digest)
        return (
            "somebody changed it since it was published"
            if row is not None
            else "it was there before and is not ours"
        )

    def _adopt(self, path: str, copy: Copy, found: os.stat_result, digest: bytes) -> str:
        """A file whose bytes are ours although its times are not: noted as it is now when something is written."""
        self._adopted.append((path, copy, (found, digest)))
        return ""

    def _row(self, path: str, copy: Copy, found: os.stat_result, digest: bytes) -> Published:
        return Published(
            path,
            *stat_of(found),
            digest,
            copy.digest,
            copy.encoding,
            self._pipeline,
            copy.output,
            copy.task,
            self._run,
        )

    def _write_all(self, todo: list[tuple[str, Copy]], workers: int) -> Iterator[tuple[str, Published]]:
        encoded = [pair for pair in todo if pair[1].format is not None]
        for path, copy in todo:
            if copy.format is None:
                yield path, self._row(path, copy, self._store.publish(copy.digest, path), copy.digest)
        if len(encoded) > 1 and workers > 1:
            with ThreadPoolExecutor(workers) as pool:
                yield from pool.map(self._encode, encoded)
        else:
            yield from map(self._encode, encoded)

    def _encode(self, pair: tuple[str, Copy]) -> tuple[str, Published]:
        from editchain.imaging import codec

        path, copy = pair
        image = codec.decode(self._store.read(copy.digest))
        assert copy.format is not None  # noqa: S101  (the caller asks for encoded ones only)
        data = codec.encode(image, copy.format, quality=copy.quality, lossless=copy.lossless, compact=True)
        return path, self._row(path, copy, self._store.publish_bytes(data, path), sha256(data).digest())

    def prune(self, keep: set[str]) -> list[str]:
        """Removes files of this pipeline that no output names any more, unless somebody changed them."""
        gone = []
        for row in self._journal.published_by(self._pipeline):
            if row.path in keep or not row.path.startswith(self._out + os.sep):
                continue
            try:
                found = os.lstat(row.path)
            except OSError:
                gone.append(row.path)
                continue
            if stat_of(found) == (row.size, row.mtime_ns, row.ctime_ns, row.inode):
                os.unlink(row.path)
                gone.append(row.path)
        self._journal.forget_published(gone)
        return gone


def _digest(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return sha256(file.read()).digest()
    except OSError:
        return None

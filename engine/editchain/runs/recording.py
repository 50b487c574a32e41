"""Recording: the pictures of a run to published files, each complete or not there; what others changed is left alone."""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import field
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, TypeVar

from editchain.classes import dataclass
from editchain.errors import ConfigurationError, ImageError, StoreError
from editchain.imaging.marking import marked
from editchain.journal.entries import Published
from editchain.language.publishing import folded
from editchain.language.reading import stat_of
from editchain.platform import disk_error, flush
from editchain.runs.outcomes import FILE_IN_THE_WAY, FOLDER_IN_THE_WAY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Self

    from editchain.journal.journal import Journal
    from editchain.runs.copies import Copy
    from editchain.store import Store

    Signed = dict[tuple[bytes, str], bytes]
    """The digests of signed files by the result that they were made from and how."""

GROUP = 1024
"""How many files are written, flushed and noted together."""

_Item = TypeVar("_Item")
_Done = TypeVar("_Done")


@dataclass(frozen=True, slots=True)
class Todo:
    """A file to write. `found` is the digest of one that is there already; with a `guard` only equal bytes are taken
    for ours, and else the file is left alone for that reason.
    """

    path: str
    copy: Copy
    found: bytes | None = None
    guard: str | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """A file whose bytes are known: `data` where they were read or made; `problem` where there are none."""

    todo: Todo
    digest: bytes
    data: bytes | None = None
    problem: str | None = None

    @property
    def is_own(self) -> bool:
        """Whether its bytes are the result's own."""
        return self.digest == self.todo.copy.digest

    @property
    def is_large(self) -> bool:
        """Whether writing it takes so long that a thread is worth it."""
        return self.data is not None and len(self.data) >= LARGE_BYTES


@dataclass(slots=True)
class Publication:
    """What publishing did: files written, files that were there already, and those left alone with the reason.

    `failed` are pictures that cannot be written in the wanted format, with the reason.
    """

    written: list[str] = field(default_factory=list)
    unchanged: int = 0
    left_alone: list[tuple[str, str]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    pruned: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


HELD_BYTES = 64 * 1024 * 1024
"""Files with more bytes than this are written before further ones are made."""

LARGE_BYTES = 256 * 1024
"""Files from this size on are worth threads; with smaller ones those only pass the interpreter's lock to each other."""


def groups(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    """Items by the group of some thousands, so that no more than one group has to be held."""
    left = iter(items)
    while group := list(itertools.islice(left, GROUP)):
        yield group


class Threads:
    """Threads for files that take long: they are started when the first such file is met."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool = ThreadPoolExecutor(count)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def each(self, work: Callable[[_Item], _Done], items: Iterable[_Item]) -> Iterator[_Done]:
        """What is made of items, in order; no more are begun ahead than keeps all threads busy, as they take memory."""
        left = iter(items)
        ahead = deque(self._pool.submit(work, item) for item in itertools.islice(left, self._count + 1))
        while ahead:
            yield ahead.popleft().result()
            ahead.extend(self._pool.submit(work, item) for item in itertools.islice(left, 1))


class Begun:
    """What a pipeline began to write below the output folders, kept until the journal has it."""

    def __init__(self, folder: str, pipeline: str) -> None:
        self._path = f"{folder}/publishing/{sha256(os.fsencode(pipeline)).hexdigest()[:16]}"
        self._known: set[tuple[str, str]] | None = None

    def has(self, path: str, digest: bytes) -> bool:
        """Whether a file with these bytes is one that a run was writing when it died."""
        if self._known is None:
            try:
                with open(self._path, "rb") as file:
                    words = os.fsdecode(file.read()).split("\0")
            except OSError:
                words = []
            # The last ones may be cut.
            self._known = set(zip(words[0:-1:2], words[1:-1:2], strict=False))
        return (path, digest.hex()) in self._known

    def note(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Says durably what is about to be written; raises StoreError."""
        text = "".join(f"{path}\0{digest.hex()}\0" for path, digest in files)
        if not text:
            return
        try:
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            with open(self._path, "ab") as file:
                file.write(os.fsencode(text))
                file.flush()
                flush(file.fileno())
        except OSError as error:
            raise disk_error(error, self._path) from error

    def end(self) -> None:
        """The journal has it all."""
        with contextlib.suppress(OSError):
            os.unlink(self._path)


def refuse_unwritable(out: str) -> None:
    """Raises StoreError where nothing could be published below a folder, made or not yet made."""
    folder = os.path.abspath(out)
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    if not os.path.isdir(folder):
        raise StoreError(
            f"{out} cannot be published to, as {folder} is no folder: rename it, or name another with -o"
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StoreError(
            f"{folder} may not be written, and outputs go there: change that, or name another with -o"
        )


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
        self._begun = Begun(str(store.folder), pipeline)
        self._below = os.path.join(self._out, "")
        self._seen: dict[str, str] = {}
        self._new_folders: dict[str, bool] = {}
        self._written: frozenset[bytes] | None = None

    def look(self, wanted: Iterable[Copy]) -> tuple[Publication, list[Todo]]:
        """What publishing would leave as it is, and what it would write or look into."""
        result = self._begin()
        return result, [one for group in groups(wanted) for one in self._look(group, result)]

    def _begin(self) -> Publication:
        self._seen.clear()
        self._new_folders.clear()
        return Publication()

    def _look(self, wanted: list[Copy], result: Publication) -> list[Todo]:
        named = [(self._below + copy.path, copy) for copy in wanted]
        known = self._journal.published([path for path, _ in named])
        todo: list[Todo] = []
        for path, copy in named:
            result.paths.append(path)
            key = folded(copy.path)
            if key in self._seen:
                result.left_alone.append((path, f"{self._seen[key]} is published there already"))
                continue
            self._seen[key] = copy.task
            verdict = self._verdict(path, copy, known.get(path))
            if isinstance(verdict, Todo):
                todo.append(verdict)
            elif verdict:
                result.left_alone.append((path, verdict))
            else:
                result.unchanged += 1
        return todo

    def publish(self, wanted: Iterable[Copy], *, workers: int) -> Publication:
        """Writes what is not there yet; flushes it and notes it in the journal, durably, by the group. Raises StoreError."""
        result = self._begin()
        with Threads(workers) as threads:
            for group in groups(wanted):
                self._publish_group(self._look(group, result), result, threads)
        self._begun.end()
        return result

    def _publish_group(self, todo: list[Todo], result: Publication, threads: Threads) -> None:
        """Makes the bytes of files and writes them, as many as fit into memory together."""
        held: list[Ready] = []
        held_bytes = 0
        for ready in self._prepared(todo, threads):
            held.append(ready)
            held_bytes += len(ready.data or b"")
            if held_bytes > HELD_BYTES:
                self._write_all(held, result, threads)
                held, held_bytes = [], 0
        self._write_all(held, result, threads)

    def _write_all(self, files: list[Ready], result: Publication, threads: Threads) -> None:
        """Notes what is about to be written, then writes it: the files of who dies in between are known for ours."""
        if not files:
            return
        rows: list[Published] = []
        writing: list[Ready] = []
        for ready in files:
            one = ready.todo
            if ready.problem is not None:
                result.failed.append((one.path, ready.problem))
            elif one.found == ready.digest:
                rows.append(self._row(ready, os.lstat(one.path)))
                result.unchanged += 1
            elif one.guard:
                result.left_alone.append((one.path, one.guard))
            else:
                writing.append(ready)
        self._begun.note((ready.todo.path, ready.digest) for ready in writing)
        is_long = any(ready.is_large for ready in writing)
        found = threads.each(self._write, writing) if is_long else map(self._write, writing)
        rows += map(self._row, writing, found)
        result.written += [ready.todo.path for ready in writing]
        if writing:
            self._store.sync()
        for row in rows:
            self._journal.put_published(row)
        self._journal.commit()

    def _verdict(self, path: str, copy: Copy, row: Published | None) -> Todo | str:
        """What to do about one file; empty text: it is there as wanted; else why it is left alone."""
        if self._is_new_folder(os.path.dirname(path)):
            return Todo(path, copy)
        try:
            found = os.lstat(path)
        except NotADirectoryError:
            return FILE_IN_THE_WAY
        except OSError:
            return Todo(path, copy)
        if stat.S_ISDIR(found.st_mode):
            return FOLDER_IN_THE_WAY
        is_wanted = row is not None and row.result == copy.digest and row.encoding == copy.encoding
        is_same = row is not None and (row.size, row.mtime_ns, row.ctime_ns, row.inode) == stat_of(found)
        if is_same and is_wanted:
            return ""
        if self._overwrite:
            return Todo(path, copy)
        digest = _digest(path) if stat.S_ISREG(found.st_mode) else None
        if row is not None and (is_same or digest == row.digest):
            if row.pipeline != self._pipeline and not is_wanted:
                return f"it was published by {os.path.basename(row.pipeline)}"
            return Todo(path, copy, digest)
        if digest is not None and (self._begun.has(path, digest) or (row is None and self._wrote(digest))):
            return Todo(path, copy, digest)
        return Todo(
            path,
            copy,
            digest,
            "it was there before and is not ours"
            if row is None
            else "somebody changed it since it was published",
        )

    def _wrote(self, digest: bytes) -> bool:
        """Whether a file that is not known here is one that this pipeline published elsewhere: the workspace was moved."""
        if self._written is None:
            self._written = self._journal.published_bytes(os.path.basename(self._pipeline))
        return digest in self._written

    def _is_new_folder(self, folder: str) -> bool:
        """Whether there was no such folder when it was first looked for: then nothing of others is in it."""
        is_new = self._new_folders.get(folder)
        if is_new is None:
            try:
                os.lstat(folder)
                is_new = False
            except FileNotFoundError:
                is_new = True
            except OSError:
                is_new = False
            self._new_folders[folder] = is_new
        return is_new

    def _prepared(self, todo: list[Todo], threads: Threads) -> Iterator[Ready]:
        """The files with their bytes, in order; from the first one on that takes long, by several threads."""
        make = partial(self._prepare, self._signed([one for one in todo if one.copy.sign is not None]))
        left = iter(todo)
        for one in left:
            if one.copy.is_made:
                yield from threads.each(make, itertools.chain([one], left))
                return
            ready = make(one)
            yield ready
            if ready.is_large:
                yield from threads.each(make, left)

    def _signed(self, todo: list[Todo]) -> Signed:
        """What was signed before, as it was then: signed again it would have other bytes."""
        if not todo:
            return {}
        rows = self._journal.published_from({one.copy.digest for one in todo})
        return {(row.result, row.encoding): row.digest for row in rows if self._store.has(row.digest)}

    def _prepare(self, signed: Signed, one: Todo) -> Ready:
        copy = one.copy
        before = signed.get((copy.digest, copy.encoding)) if copy.sign is not None else None
        if before is not None:
            return Ready(one, before)
        if copy.is_plain and (one.found == copy.digest or one.guard):
            return Ready(one, copy.digest)  # nothing is written
        data = source = self._store.read(copy.digest)
        try:
            if copy.format is not None:
                data = self._encoded(copy, copy.format, source)
            if copy.mark is not None:
                data = marked(data, copy.mark, None if copy.format is None else source)
            if copy.sign is not None:
                data = copy.sign(data)
                self._store.put(data, durable=False)
        except ImageError as error:
            return Ready(one, b"", problem=str(error))
        return Ready(one, copy.digest if data == source else sha256(data).digest(), data)

    def _write(self, ready: Ready) -> os.stat_result:
        path = ready.todo.path
        if ready.data is None or ready.is_own or ready.todo.copy.sign is not None:
            return self._store.publish(ready.digest, path, ready.data)
        return self._store.publish_bytes(ready.data, path)

    def _encoded(self, copy: Copy, form: str, source: bytes) -> bytes:
        from editchain.imaging import codec, native

        try:
            picture = native.read(source)
        except ConfigurationError:  # 16 bits become 8 where nothing is installed that keeps them
            picture = native.Native(codec.decode(source))
        return picture.file(form, quality=copy.quality, lossless=copy.lossless, compact=True)

    def _row(self, ready: Ready, found: os.stat_result) -> Published:
        copy = ready.todo.copy
        return Published(
            ready.todo.path,
            *stat_of(found),
            ready.digest,
            copy.digest,
            copy.encoding,
            self._pipeline,
            copy.output,
            copy.task,
            self._run,
        )

    def prune(self, keep: set[str]) -> list[str]:
        """Removes files of this pipeline that no output names any more, unless somebody changed them.

        A path in `keep` that ends in `.*` keeps the file in whatever format.
        """
        gone = []
        for row in self._journal.published_by(self._pipeline):
            is_open = f"{os.path.splitext(row.path)[0]}.*" in keep
            if row.path in keep or is_open or not row.path.startswith(self._out + os.sep):
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

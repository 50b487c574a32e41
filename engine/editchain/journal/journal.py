"""The journal: what was made, sent and came back, in one SQLite database that several processes share."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from typing import TYPE_CHECKING, Self

from editchain.errors import StoreError
from editchain.journal import opening, presence, reading
from editchain.journal.entries import (
    Call,
    CallTask,
    Handle,
    KnownFile,
    Owner,
    Published,
    Refusal,
    Result,
    RunRecord,
    RunTask,
)
from editchain.journal.shape import SHAPE
from editchain.journal.writing import Blocked, Marked, Start, Writer
from editchain.platform import DISK, Disk
from editchain.store import make_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from editchain.journal.ledger import Judge

__all__ = [
    "Blocked",
    "Call",
    "CallTask",
    "Handle",
    "Journal",
    "KnownFile",
    "Owner",
    "Published",
    "Refusal",
    "Result",
    "RunRecord",
    "RunTask",
    "Start",
]


class Journal:
    """The journal of one store. Any thread may call any method; what is added is written by `commit`.

    Reads give what is committed. `open` is for processes that write, `read_only` for those that look.
    """

    def __init__(self, folder: str, reader: sqlite3.Connection, writer: Writer | None) -> None:
        self._folder = folder
        self._reader = reader
        self._reading = threading.Lock()
        self._writer = writer
        self._closed = False

    # Opening and closing

    @classmethod
    def open(cls, folder: Path | str, *, now: Callable[[], float], disk: Disk = DISK) -> Journal:
        """The journal of the store at `folder`, made where there is none; `now` gives unix seconds.

        Raises StoreError: network file system, newer or damaged journal, results without one, disk trouble.
        """
        root = os.path.abspath(folder)
        opening.refuse_network(root)
        make_folder(root)
        writer = Writer.open(root, now, disk)
        try:
            return cls(root, opening.connect(root, "ro"), writer)
        except sqlite3.Error as error:
            writer.close()
            raise opening.journal_error(error, root) from error

    @classmethod
    def read_only(cls, folder: Path | str) -> Journal | None:
        """The journal as it is, also while others write it; None where there is none yet."""
        root = os.path.abspath(folder)
        if not opening.is_begun(root):
            opening.refuse_lost_journal(root)
            return None
        with contextlib.ExitStack() as undo:
            try:
                reader = opening.connect_to_look(root)
                undo.callback(reader.close)
                shape = opening.shape(reader)
            except sqlite3.Error as error:
                raise opening.journal_error(error, root) from error
            if shape == 0:
                opening.refuse_lost_journal(root)
                return None
            if shape != SHAPE:
                raise opening.shape_error(root, shape)
            undo.pop_all()
        return cls(root, reader, None)

    def close(self) -> None:
        """Commits what waits, gives back claims, and leaves the database tidy. Raises StoreError."""
        if self._closed:
            return
        self._closed = True
        with self._reading:
            self._reader.close()
        if self._writer is not None:
            self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Questions

    @contextlib.contextmanager
    def _asking(self) -> Iterator[sqlite3.Connection]:
        with self._reading:
            try:
                yield self._reader
            except sqlite3.Error as error:
                raise opening.journal_error(error, self._folder) from error

    def results(self, keys: Iterable[bytes]) -> dict[bytes, Result]:
        """Key to result, of those that are there."""
        with self._asking() as connection:
            return reading.results(connection, keys)

    def has_results(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Key to digest, of those that are there: all that a plan needs to know."""
        with self._asking() as connection:
            return reading.has_results(connection, keys)

    def passed(self, keys: Iterable[bytes]) -> dict[bytes, Result]:
        """Key to what is known of its picture, of those that were made in passing and not stored."""
        with self._asking() as connection:
            return reading.passed(connection, keys)

    def results_by_request(self, request_keys: Iterable[bytes]) -> dict[bytes, Result]:
        """Request key to its newest result."""
        with self._asking() as connection:
            return reading.results_by_request(connection, request_keys)

    def nearest(self, name: str, limit: int) -> list[Result]:
        """Results of one model or operation, the newest first."""
        with self._asking() as connection:
            return reading.nearest(connection, name, limit)

    def identities(self, keys: Iterable[bytes]) -> dict[bytes, str]:
        """Key to the document that it is the hash of, where `add_result` was given one."""
        with self._asking() as connection:
            return reading.identities(connection, keys)

    def all_results(self) -> list[Result]:
        """Every result, in the order of keys."""
        with self._asking() as connection:
            return list(reading.all_results(connection))

    def refusals(self, keys: Iterable[bytes]) -> dict[bytes, Refusal]:
        """Key to refusal, of those that are there."""
        with self._asking() as connection:
            return reading.refusals(connection, keys)

    def call(self, id_: str) -> Call | None:
        """The call of this id."""
        with self._asking() as connection:
            return reading.call(connection, id_)

    def calls(self, run: str | None = None) -> list[Call]:
        """The calls of a run, or all of them, the oldest first."""
        with self._asking() as connection:
            return reading.calls(connection, run)

    def call_seconds(self) -> dict[tuple[str, str], float]:
        """Provider and model to how long a call took that brought pictures: the middle of the last runs' calls."""
        with self._asking() as connection:
            return reading.call_seconds(connection)

    def open_calls(self) -> list[Call]:
        """Calls that have not ended, or whose end is not known, the oldest first."""
        with self._asking() as connection:
            return reading.open_calls(connection)

    def calls_by_request(self, request_keys: Iterable[bytes]) -> dict[bytes, list[Call]]:
        """Request key, or key of a task, to the calls that serve it, the oldest first."""
        with self._asking() as connection:
            return reading.calls_by_request(connection, request_keys)

    def vendor_ids(self) -> dict[tuple[str, str], str]:
        """Provider and vendor's id to the call that has it."""
        with self._asking() as connection:
            return reading.vendor_ids(connection)

    def call_tasks(self, calls: Iterable[str]) -> dict[str, list[CallTask]]:
        """Call to the keys it serves, by sample."""
        with self._asking() as connection:
            return reading.call_tasks(connection, calls)

    def files(self, paths: Iterable[str]) -> dict[str, KnownFile]:
        """Path to what is known of the file."""
        with self._asking() as connection:
            return reading.files(connection, filter(_is_text, paths))

    def files_below(self, folder: str) -> dict[str, KnownFile]:
        """Path to what is known of every file in a folder and below it."""
        with self._asking() as connection:
            return reading.files_below(connection, folder)

    def published(self, paths: Iterable[str]) -> dict[str, Published]:
        """Path to what we published there."""
        with self._asking() as connection:
            return reading.published(connection, filter(_is_text, paths))

    def results_with(self, digests: Iterable[bytes]) -> list[Result]:
        """The results with these bytes, the oldest first. Reads the whole table."""
        with self._asking() as connection:
            return reading.results_with(connection, digests)

    def published_with(self, digests: Iterable[bytes]) -> list[Published]:
        """The files that were published with these bytes, by path. Reads the whole table."""
        with self._asking() as connection:
            return reading.published_with(connection, digests)

    def published_bytes(self, pipeline: str) -> frozenset[bytes]:
        """The digests of all files that a pipeline of this name published. Reads the whole table."""
        with self._asking() as connection:
            return reading.published_bytes(connection, pipeline)

    def published_from(self, results: Iterable[bytes]) -> list[Published]:
        """The files that were made of these results, by path. Reads the whole table."""
        with self._asking() as connection:
            return reading.published_from(connection, results)

    def files_with(self, digests: Iterable[bytes]) -> dict[bytes, str]:
        """Digest to the path of an input file that was last read with these bytes. Reads the whole table."""
        with self._asking() as connection:
            return reading.files_with(connection, digests)

    def published_by(self, pipeline: str) -> list[Published]:
        """All that a pipeline published, by path."""
        with self._asking() as connection:
            return reading.published_by(connection, pipeline)

    def runs(self, limit: int) -> list[RunRecord]:
        """The last runs, the newest first."""
        with self._asking() as connection:
            return reading.runs(connection, limit)

    def pipelines(self) -> list[str]:
        """The files of all pipelines that ran."""
        with self._asking() as connection:
            return reading.pipelines(connection)

    def run(self, id_: str) -> RunRecord | None:
        """The run of this id."""
        with self._asking() as connection:
            return reading.run(connection, id_)

    def run_tasks(self, id_: str) -> list[RunTask]:
        """What was kept of a run's tasks, by name."""
        with self._asking() as connection:
            return reading.run_tasks(connection, id_)

    def run_keys(self, id_: str) -> list[bytes] | None:
        """The keys that a run used; None where it did not say."""
        with self._asking() as connection:
            return reading.run_keys(connection, id_)

    def handle(self, provider: str, digest: bytes) -> Handle | None:
        """What a provider calls an uploaded picture."""
        with self._asking() as connection:
            return reading.handle(connection, provider, digest)

    def counts(self) -> dict[str, int]:
        """Table to its number of rows."""
        with self._asking() as connection:
            return reading.counts(connection)

    def claims(self, keys: Iterable[bytes]) -> dict[bytes, Owner]:
        """Key to the owner of its claim, dead owners among them (`is_alive`)."""
        with self._asking() as connection:
            held = reading.claims(connection, keys)
            known = reading.owners(connection) if held else {}
        return {key: known.get(owner) or reading.nameless(owner) for key, owner in held.items()}

    def owners(self) -> list[Owner]:
        """The processes that work on the store, as far as they are alive."""
        with self._asking() as connection:
            known = reading.owners(connection)
        return [owner for owner in known.values() if self.is_alive(owner.id)]

    def is_alive(self, owner: str) -> bool:
        """Whether the process of this id still works on the store."""
        return presence.is_alive(f"{self._folder}/owners/{owner}")

    # Additions, written with the next commit

    @property
    def writer(self) -> Writer:
        """What writes; raises StoreError where the journal was opened to look only."""
        if self._writer is None:
            raise StoreError("the journal was opened for reading only")
        return self._writer

    @property
    def owner(self) -> str:
        """The id of this process among the owners."""
        return self.writer.owner.id

    @property
    def pending(self) -> int:
        """Rows that were added and are not yet durable."""
        return self.writer.pending

    def add_result(self, result: Result, identity: str | None = None) -> None:
        """A picture that is in the store, or was made in passing (without digest); `identity` is the document its key is the hash of, for `why`."""
        writer = self.writer
        with writer.adding:
            group = writer.group
            group.count += 1
            group.results.append(result)
            if identity is not None:
                group.identities[result.key] = identity

    def put_call(self, call: Call) -> None:
        """A call in its newest state."""
        with self.writer.one_more() as group:
            group.calls[call.id] = call
            self.writer.note(call)

    def add_call_tasks(self, tasks: Iterable[CallTask]) -> None:
        """Which keys a call serves."""
        with self.writer.one_more() as group:
            group.call_tasks.update(dict.fromkeys(tasks))

    def add_refusal(self, refusal: Refusal) -> None:
        """A vendor's no, remembered."""
        with self.writer.one_more() as group:
            group.refusals[refusal.key] = refusal

    def forget_refusal(self, key: bytes) -> None:
        """The same request may be asked again."""
        with self.writer.one_more() as group:
            group.refusals[key] = None

    def put_run(self, run: RunRecord) -> None:
        """A run in its newest state."""
        with self.writer.one_more() as group:
            group.runs[run.id] = run

    def put_run_tasks(self, tasks: Iterable[RunTask]) -> None:
        """Outcomes that a report needs."""
        with self.writer.one_more() as group:
            group.run_tasks.update(((task.run, task.task), task) for task in tasks)

    def put_run_keys(self, run: str, keys: Iterable[bytes]) -> None:
        """All keys that a run uses, so that its results are kept; those it makes itself are known anyway."""
        with self.writer.one_more() as group:
            group.run_keys[run] = b"".join(sorted(set(keys)))

    def put_file(self, file: KnownFile) -> None:
        """An input file that was read."""
        self.put_files((file,))

    def put_files(self, files: Iterable[KnownFile]) -> None:
        """Input files that were read."""
        with self.writer.one_more() as group:
            group.files.update((file.path, file) for file in files if _is_text(file.path))

    def put_published(self, published: Published) -> None:
        """A file that was published."""
        with self.writer.one_more() as group:
            group.published[published.path] = published

    def forget_published(self, paths: Iterable[str]) -> None:
        """Files that are no longer ours."""
        with self.writer.one_more() as group:
            group.published.update(dict.fromkeys(paths))

    def put_handle(self, handle: Handle) -> None:
        """A picture that was uploaded."""
        with self.writer.one_more() as group:
            group.handles[handle.provider, handle.digest] = handle

    def release(self, keys: Iterable[bytes]) -> None:
        """Gives back claims without a result."""
        writer = self.writer
        with writer.adding:
            group = writer.group
            group.count += 1
            group.released.update(keys)

    def commit(self) -> None:
        """Writes all that was added, in one transaction; returns when it would survive a power cut.

        Raises StoreError; what was to be written then still waits, and the next commit tries again.
        """
        self.writer.commit()

    def drop_unreachable(self, keeping: reading.Keeping, *, rehearse: bool) -> Marked:
        """Forgets the results that nothing reaches; see `maintenance.collect`. Raises StoreError."""
        return self.writer.drop_unreachable(keeping, rehearse=rehearse)

    # Claims

    def claim(self, keys: Iterable[bytes]) -> dict[bytes, Owner]:
        """Takes what is free or belonged to the dead; gives the keys that others hold, with their owners.

        Look for results again afterwards: the one who held a claim before may have finished.
        """
        return self.writer.claim(keys)

    def begin_call(
        self,
        call: Call,
        keys: Sequence[bytes],
        *,
        budget: Judge | None = None,
        fresh: bool = False,
    ) -> Call | Blocked:
        """Journals the intent of one call, durably, unless something stands in its way; see `begin_calls`."""
        return self.begin_calls([Start(call, keys, budget, fresh)])[0]

    def begin_calls(self, starts: Sequence[Start]) -> list[Call | Blocked]:
        """Journals intents in one transaction, with their tasks, claims and reserved ceilings.

        A call that may be sent is given as it stands there, its ceiling after what bills have taught; else why it may
        not. Durable when it returns. Raises StoreError.
        """
        return self.writer.begin_calls(starts)


def _is_text(path: str) -> bool:
    """Whether the database can hold the path: names that are no UTF-8 are read anew each time."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True

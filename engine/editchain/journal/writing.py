"""The one connection of a process that writes the journal, with what waits to be written through it."""

# Plain calls on strings, as in the store.

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from dataclasses import field
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

from editchain import platform
from editchain.classes import dataclass
from editchain.journal import opening, presence, reading, records
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
from editchain.journal.ledger import Ledger
from editchain.journal.presence import Mutex, Presence
from editchain.platform import Disk, disk_error, write_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from editchain.journal.ledger import Judge

_Answer = TypeVar("_Answer")

BILL_SECONDS = 30 * 86400.0
"""How long a bill that was over its ceiling raises those of new calls."""


class Start(NamedTuple):
    """A call that wants to begin, with the keys it serves in the order of its samples, and their request keys.

    `identities` are the documents that keys are hashes of. `budget` is asked inside the transaction: a sentence refuses.
    `fresh` is for a picture that is wanted anew although there is one.
    """

    call: Call
    keys: Sequence[bytes]
    budget: Judge | None = None
    fresh: bool = False
    request_keys: Sequence[bytes] = ()
    identities: Mapping[bytes, str] = MappingProxyType({})


class Blocked(NamedTuple):
    """Why a call may not begin: there is a result, an open call, somebody else's claim, or no money left."""

    reason: Literal["result", "call", "claim", "budget"]
    result: Result | None = None
    call: Call | None = None
    owner: Owner | None = None
    message: str = ""


def _insert(table: str, noun: type[tuple[object, ...]]) -> str:
    names = reading.columns(noun)
    return f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({reading.marks(names.count(',') + 1)})"


_RESULT = _insert("results", Result)
_PASSED = _RESULT.replace("INSERT OR REPLACE", "INSERT OR IGNORE")
_CALL = _insert("calls", Call)
_CALL_TASK = _insert("call_tasks", CallTask)
_REFUSAL = _insert("refusals", Refusal)
_OWNER = _insert("owners", Owner)
_RUN = _insert("runs", RunRecord)
_RUN_TASK = _insert("run_tasks", RunTask)
_FILE = _insert("files", KnownFile)
_PUBLISHED = _insert("published", Published)
_HANDLE = _insert("handles", Handle)
_IDENTITY = "INSERT OR REPLACE INTO identities (key, document) VALUES (?, ?)"


def insert(
    connection: sqlite3.Connection,
    results: Iterable[Result] = (),
    calls: Iterable[Call] = (),
    tasks: Iterable[CallTask] = (),
    refusals: Iterable[Refusal] = (),
) -> None:
    """Writes what the records also hold; raises sqlite3.Error."""
    # Plain tuples are bound twice as fast as named ones.
    connection.executemany(_RESULT, map(tuple, results))
    connection.executemany(_CALL, map(tuple, calls))
    connection.executemany(_CALL_TASK, map(tuple, tasks))
    connection.executemany(_REFUSAL, map(tuple, refusals))


class Marked(NamedTuple):
    """What a collection keeps: how many results went, how many of them were paid for, and the digests of those that stay."""

    dropped: int
    paid: int
    digests: frozenset[bytes]
    kept_all: bool


@dataclass(slots=True)
class Group:
    """What waits to be written; of several writes of one row the last counts, and None takes the row away."""

    count: int = 0
    results: list[Result] = field(default_factory=list)
    identities: dict[bytes, str] = field(default_factory=dict)
    calls: dict[str, Call] = field(default_factory=dict)
    call_tasks: dict[CallTask, None] = field(default_factory=dict)
    refusals: dict[bytes, Refusal | None] = field(default_factory=dict)
    runs: dict[str, RunRecord] = field(default_factory=dict)
    run_tasks: dict[tuple[str, str], RunTask] = field(default_factory=dict)
    run_keys: dict[str, bytes] = field(default_factory=dict)
    files: dict[str, KnownFile] = field(default_factory=dict)
    published: dict[str, Published | None] = field(default_factory=dict)
    handles: dict[tuple[str, bytes], Handle] = field(default_factory=dict)
    released: set[bytes] = field(default_factory=set)

    def absorb(self, newer: Group) -> None:
        """Takes what was added later."""
        self.count += newer.count
        self.results += newer.results
        self.identities |= newer.identities
        self.calls |= newer.calls
        self.call_tasks |= newer.call_tasks
        self.refusals |= newer.refusals
        self.runs |= newer.runs
        self.run_tasks |= newer.run_tasks
        self.run_keys |= newer.run_keys
        self.files |= newer.files
        self.published |= newer.published
        self.handles |= newer.handles
        self.released |= newer.released


class Writer:
    """Adds rows to a group at once, and writes groups under the store's mutex; safe in any thread.

    `group` may be changed while `adding` is held, counting each entry.
    """

    def __init__(
        self,
        folder: str,
        connection: sqlite3.Connection,
        mutex: Mutex,
        present: Presence,
        owner: Owner,
        now: Callable[[], float],
        disk: Disk,
    ) -> None:
        self.owner = owner
        self.adding = threading.Lock()
        self.group = Group()
        self._folder = folder
        self._connection = connection
        self._mutex = mutex
        self._presence = present
        self._now = now
        self._disk = disk
        self._in_flight = 0
        self._claimed: set[bytes] = set()
        self._ledgers: dict[str | None, Ledger] = {}
        # Taken before `adding`, never after it.
        self._writing = threading.RLock()

    @classmethod
    def open(cls, folder: str, now: Callable[[], float], disk: Disk) -> Writer:
        """The writer of this process; sweeps after those that died. Raises StoreError."""
        mutex = Mutex(f"{folder}/mutex", f"process {os.getpid()} on {platform.host()}")
        with contextlib.ExitStack() as undo:
            undo.callback(mutex.close)
            try:
                with mutex.held():
                    connection, unclean = _open_database(folder)
                    undo.callback(connection.close)
                    os.makedirs(f"{folder}/owners", exist_ok=True)
                    gone = presence.dead(f"{folder}/owners")
                    present = Presence.announce(f"{folder}/owners")
                    undo.callback(present.end)
                    owner = _owner(present, now)
                    _enter(connection, folder, owner, unclean or bool(gone))
                    for path in gone:
                        presence.forget(path)
            except sqlite3.Error as error:
                raise opening.journal_error(error, folder) from error
            except OSError as error:
                raise disk_error(error, folder) from error
            undo.pop_all()
        return cls(folder, connection, mutex, present, owner, now, disk)

    def close(self) -> None:
        """Writes what waits, gives back claims and leaves. Raises StoreError."""
        try:
            self._write(self._leave)
        finally:
            # The last one to close also writes the log back into the database, hence the mutex.
            with contextlib.suppress(Exception), self._mutex.held():
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
                self._connection.close()
            self._connection.close()
            self._presence.end()
            self._mutex.close()

    def _leave(self, _: list[str]) -> None:
        self._connection.execute("DELETE FROM claims WHERE owner = ?", (self.owner.id,))
        self._connection.execute("DELETE FROM owners WHERE id = ?", (self.owner.id,))

    @property
    def pending(self) -> int:
        """Rows that are not yet durable."""
        with self.adding:
            return self.group.count + self._in_flight

    @contextlib.contextmanager
    def one_more(self) -> Iterator[Group]:
        """The group, to have one more entry, while `adding` is held."""
        with self.adding:
            self.group.count += 1
            yield self.group

    def note(self, call: Call) -> None:
        """Tells the run's sums of a call's new state; while `adding` is held."""
        ledger = self._ledgers.get(call.run)
        if ledger is not None:
            ledger.note(call)

    # Groups

    def commit(self) -> None:
        """Writes what waits, durably. Raises StoreError, and keeps it waiting."""
        with self._writing:
            if self.group.count:
                self._write(lambda _: None)

    def _write(self, also: Callable[[list[str]], _Answer]) -> _Answer:
        """One durable transaction of what waits and of what `also` does; it may add lines for the records."""
        with self._writing:
            group = self._take()
            lines: list[str] = []
            try:
                with self._transaction():
                    self._write_group(group, lines)
                    answer = also(lines)
                    # Before the commit: the records may know more than the journal, never less.
                    self._append("".join(lines))
            except BaseException:
                self._give_back(group)
                raise
            self._claimed -= group.released
            with self.adding:
                self._in_flight = 0
            return answer

    def _take(self) -> Group:
        with self.adding:
            group, self.group = self.group, Group()
            self._in_flight = group.count
        return group

    def _give_back(self, group: Group) -> None:
        with self.adding:
            group.absorb(self.group)
            self.group = group
            self._in_flight = 0
            self._ledgers.clear()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._mutex.held():
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield
                self._connection.execute("COMMIT")
            except BaseException as error:
                with contextlib.suppress(sqlite3.Error):
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error):
                    raise opening.journal_error(error, self._folder) from error
                raise

    def _write_group(self, group: Group, lines: list[str]) -> None:
        many = self._connection.executemany
        if group.results:
            stored = [result for result in group.results if result.digest]
            insert(self._connection, stored)
            lines.append(records.result_lines(stored))
            # A picture that was made in passing says nothing of one that is stored, and records need not tell of it.
            many(_PASSED, [tuple(result) for result in group.results if not result.digest])
            if self._claimed:
                group.released |= self._claimed.intersection(
                    key for result in group.results for key in (result.key, result.request_key) if key
                )
        if group.identities:
            many(_IDENTITY, group.identities.items())
        if group.calls or group.call_tasks:
            self._write_calls(group.calls.values(), group.call_tasks, lines)
        if group.refusals:
            self._write_refusals(group.refusals, lines)
        if group.runs:
            many(_RUN, group.runs.values())
        if group.run_tasks:
            many(_RUN_TASK, group.run_tasks.values())
        for run, keys in group.run_keys.items():
            self._write_run_keys(run, keys)
        if group.files:
            many(_FILE, map(tuple, group.files.values()))
        if group.published:
            many(_PUBLISHED, [tuple(row) for row in group.published.values() if row])
            many(
                "DELETE FROM published WHERE path = ?",
                [(path,) for path, row in group.published.items() if not row],
            )
        if group.handles:
            many(_HANDLE, group.handles.values())
        if group.released:
            many(
                "DELETE FROM claims WHERE key = ? AND owner = ?",
                [(key, self.owner.id) for key in group.released],
            )

    def _write_calls(self, calls: Iterable[Call], tasks: Iterable[CallTask], lines: list[str]) -> None:
        calls, tasks = tuple(calls), tuple(tasks)
        insert(self._connection, calls=calls, tasks=tasks)
        lines += [records.line("call", call) for call in calls]
        lines += [records.line("task", task) for task in tasks]

    def _write_refusals(self, refusals: Mapping[bytes, Refusal | None], lines: list[str]) -> None:
        for key, refusal in refusals.items():
            if refusal is None:
                self._connection.execute("DELETE FROM refusals WHERE key = ?", (key,))
                lines.append(records.forget_line("refusals", key))
            else:
                self._connection.execute(_REFUSAL, refusal)
                lines.append(records.line("refusal", refusal))

    def _write_run_keys(self, run: str, keys: bytes) -> None:
        digest = sha256(keys).digest()
        self._connection.execute(
            "INSERT OR IGNORE INTO key_sets (digest, keys) VALUES (?, ?)", (digest, keys)
        )
        self._connection.execute(
            "INSERT OR REPLACE INTO run_keys (run, key_set) VALUES (?, ?)", (run, digest)
        )

    def _append(self, text: str) -> None:
        """Adds lines to the records, durably; opened each time, as a repair may have put it anew."""
        if not text:
            return
        path = f"{self._folder}/records.jsonl"
        try:
            descriptor = self._disk.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
            try:
                self._append_to(descriptor, text.encode())
            finally:
                self._disk.close(descriptor)
        except OSError as error:
            raise disk_error(error, path) from error

    def _append_to(self, descriptor: int, data: bytes) -> None:
        size = os.fstat(descriptor).st_size
        if size == 0:
            data = records.HEADER.encode() + data
        elif os.pread(descriptor, 1, size - 1) != b"\n":
            data = b"\n" + data  # somebody died while writing a line
        try:
            write_all(self._disk, descriptor, data)
            self._disk.flush(descriptor)
            if size == 0:
                self._disk.flush_folder(self._folder)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, size)
            raise

    def drop_unreachable(self, keeping: reading.Keeping, *, rehearse: bool) -> Marked:
        """Forgets the results that nothing reaches; see `maintenance.collect`. Raises StoreError."""
        marked = Marked(0, 0, frozenset(), kept_all=False)

        def drop(_: list[str]) -> None:
            nonlocal marked
            reached = reading.reachable(self._connection, keeping)
            marked = Marked(len(reached.unreached), reached.paid, reached.digests, reached.kept_all)
            if not rehearse:
                keys = [(key,) for key in reached.unreached]
                self._connection.executemany("DELETE FROM results WHERE key = ?", keys)
                self._connection.executemany("DELETE FROM identities WHERE key = ?", keys)
                # Of calls that never brought a picture.
                self._connection.execute(
                    "DELETE FROM identities WHERE key NOT IN (SELECT key FROM results) "
                    "AND key NOT IN (SELECT key FROM call_tasks)"
                )
                self._forget_run_keys(reached.runs)

        with self._writing:
            self._write(drop)
            if marked.dropped and not rehearse:
                # Only now: until here the records knew more than the journal, which is the safe side.
                self._rewrite_records()
        return marked

    def _forget_run_keys(self, kept: Iterable[str]) -> None:
        connection = self._connection
        connection.execute("CREATE TEMP TABLE IF NOT EXISTS kept_runs (id TEXT PRIMARY KEY)")
        connection.execute("DELETE FROM kept_runs")
        connection.executemany("INSERT INTO kept_runs VALUES (?)", [(run,) for run in kept])
        connection.execute("DELETE FROM run_keys WHERE run NOT IN (SELECT id FROM kept_runs)")
        connection.execute("DELETE FROM key_sets WHERE digest NOT IN (SELECT key_set FROM run_keys)")

    def _rewrite_records(self) -> None:
        path = f"{self._folder}/records.jsonl"
        with self._mutex.held():
            try:
                temporary = f"{path}.new"
                descriptor = self._disk.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
                try:
                    for text in self._record_texts():
                        write_all(self._disk, descriptor, text.encode())
                    self._disk.flush(descriptor)
                finally:
                    self._disk.close(descriptor)
                self._disk.replace(temporary, path)
                self._disk.flush_folder(self._folder)
            except sqlite3.Error as error:
                raise opening.journal_error(error, self._folder) from error
            except OSError as error:
                raise disk_error(error, path) from error

    def _record_texts(self) -> Iterator[str]:
        yield records.HEADER
        for result in reading.all_results(self._connection):
            yield records.result_lines([result])
        for kind, noun, table in (
            ("call", Call, "calls"),
            ("task", CallTask, "call_tasks"),
            ("refusal", Refusal, "refusals"),
        ):
            for row in self._connection.execute(f"SELECT {reading.columns(noun)} FROM {table}"):
                yield records.line(kind, row)

    # Claims

    def claim(self, keys: Iterable[bytes]) -> dict[bytes, Owner]:
        """Takes what is free or belonged to the dead; key to owner of what others hold."""
        wanted = set(keys)
        with self._writing:
            # A claim need not survive a power cut, as its owner does not either: no flush for it.
            self._connection.execute("PRAGMA synchronous = NORMAL")
            try:
                with self._transaction():
                    held = self._held_by_others(wanted)
                    self._insert_claims(wanted.difference(held))
            finally:
                self._connection.execute("PRAGMA synchronous = FULL")
            self._claimed |= wanted.difference(held)
        return held

    def _insert_claims(self, keys: Iterable[bytes]) -> None:
        now = self._now()
        self._connection.executemany(
            "INSERT OR REPLACE INTO claims (key, owner, since) VALUES (?, ?, ?)",
            [(key, self.owner.id, now) for key in keys],
        )

    def _held_by_others(self, keys: Iterable[bytes]) -> dict[bytes, Owner]:
        claims = reading.claims(self._connection, keys)
        others = set(claims.values()) - {self.owner.id}
        if not others:
            return {}
        known = reading.owners(self._connection)
        alive = {
            id_: known.get(id_) or reading.nameless(id_)
            for id_ in others
            if presence.is_alive(f"{self._folder}/owners/{id_}")
        }
        return {key: alive[id_] for key, id_ in claims.items() if id_ in alive}

    # Calls

    def begin_calls(self, starts: Sequence[Start]) -> list[Call | Blocked]:
        """Journals intents in one durable transaction; each that may be sent, as it stands there. Raises StoreError."""
        claimed: set[bytes] = set()

        def begin(lines: list[str]) -> list[Call | Blocked]:
            return [self._begin(start, lines, claimed) for start in starts]

        with self._writing:
            answers = self._write(begin)
            self._claimed |= claimed
        return answers

    def _begin(self, start: Start, lines: list[str], claimed: set[bytes]) -> Call | Blocked:
        keys = tuple(dict.fromkeys((start.call.request_key, *start.keys, *start.request_keys)))
        blocked = self._obstacle(start, keys)
        if blocked is not None:
            return blocked
        ledger = self._ledger(start.call.run)
        with self.adding:
            sums, call = ledger.sums(), ledger.raised(start.call)
        call = call._replace(owner=self.owner.id)
        message = start.budget(call, sums) if start.budget else None
        if message is not None:
            return Blocked("budget", message=message)
        with self.adding:
            ledger.note(call)
        tasks = dict.fromkeys(
            CallTask(call.id, sample, key)
            for served in (start.keys, start.request_keys)
            for sample, key in enumerate(served)
        )
        self._write_calls([call], tasks, lines)
        self._connection.executemany(_IDENTITY, start.identities.items())
        self._insert_claims(keys)
        claimed.update(keys)
        return call

    def _obstacle(self, start: Start, keys: Sequence[bytes]) -> Blocked | None:
        call = reading.open_call_for(self._connection, start.call.request_key, keys)
        if call is not None:
            owner = reading.owners(self._connection).get(call.owner or "")
            return Blocked("call", call=call, owner=owner)
        if not start.fresh:
            found = reading.results(self._connection, keys) or reading.results_by_request(
                self._connection, keys
            )
            if found:
                return Blocked("result", result=next(iter(found.values())))
        held = self._held_by_others(keys)
        if held:
            return Blocked("claim", owner=next(iter(held.values())))
        return None

    def _ledger(self, run: str | None) -> Ledger:
        with self.adding:
            ledger = self._ledgers.get(run)
            if ledger is None:
                calls = () if run is None else reading.calls(self._connection, run)
                ledger = self._ledgers[run] = Ledger(
                    calls, reading.dearer(self._connection, self._now() - BILL_SECONDS)
                )
                # Added since this transaction took its group.
                for call in self.group.calls.values():
                    if call.run == run:
                        ledger.note(call)
        return ledger


def _open_database(folder: str) -> tuple[sqlite3.Connection, bool]:
    """The connection, and whether a log was left behind."""
    if not opening.is_begun(folder):
        opening.refuse_lost_journal(folder)
    left = opening.has_log(folder)
    connection = opening.connect(folder, "rwc")
    try:
        opening.prepare(connection, folder)
    except BaseException:
        connection.close()
        raise
    return connection, left


def _owner(present: Presence, now: Callable[[], float]) -> Owner:
    return Owner(present.id, platform.host(), platform.boot_id(), os.getpid(), now(), f"owners/{present.id}")


def _enter(connection: sqlite3.Connection, folder: str, owner: Owner, unclean: bool) -> None:
    """Enters this process among the owners, and removes those that are dead with their claims."""
    known = reading.owners(connection)
    alive = {id_ for id_ in known if presence.is_alive(f"{folder}/owners/{id_}")}
    died = known.keys() - alive
    if died or (unclean and not alive):
        opening.quick_check(connection, folder)
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("DELETE FROM claims WHERE owner = ?", [(id_,) for id_ in died])
    connection.executemany("DELETE FROM owners WHERE id = ?", [(id_,) for id_ in died])
    connection.execute(_OWNER, owner)
    connection.execute("COMMIT")

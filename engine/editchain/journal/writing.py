"""The one connection of a process that writes the journal, with what waits to be written through it."""

# Plain calls on strings, as in the store.

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

from editchain import platform
from editchain.journal import groups, opening, presence, reading, records
from editchain.journal.entries import (
    Call,
    CallTask,
    Owner,
    Refusal,
    Result,
)
from editchain.journal.groups import Group
from editchain.journal.ledger import Ledger
from editchain.journal.presence import Mutex, Presence
from editchain.journal.recordfile import RecordFile
from editchain.platform import Disk, disk_error

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


class Marked(NamedTuple):
    """What a collection keeps: how many results went, how many of them were paid for, and the digests of those that stay."""

    dropped: int
    paid: int
    digests: frozenset[bytes]
    kept_all: bool


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
        self._records = RecordFile(folder, disk)
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
                    group.write(self._connection, self.owner.id, self._claimed, lines)
                    answer = also(lines)
                    # Before the commit: the records may know more than the journal, never less.
                    self._records.append("".join(lines))
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
                with self._mutex.held():
                    try:
                        self._records.rewrite(self._record_texts())
                    except sqlite3.Error as error:
                        raise opening.journal_error(error, self._folder) from error
        return marked

    def _forget_run_keys(self, kept: Iterable[str]) -> None:
        connection = self._connection
        connection.execute("CREATE TEMP TABLE IF NOT EXISTS kept_runs (id TEXT PRIMARY KEY)")
        connection.execute("DELETE FROM kept_runs")
        connection.executemany("INSERT INTO kept_runs VALUES (?)", [(run,) for run in kept])
        connection.execute("DELETE FROM run_keys WHERE run NOT IN (SELECT id FROM kept_runs)")
        connection.execute("DELETE FROM key_sets WHERE digest NOT IN (SELECT key_set FROM run_keys)")

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
        groups.write_calls(self._connection, [call], tasks, lines)
        self._connection.executemany(groups.IDENTITY, start.identities.items())
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
    connection.execute(groups.OWNER, owner)
    connection.execute("COMMIT")

"""Groups of rows that wait for one durable transaction, and how they are written."""

from __future__ import annotations

from dataclasses import field
from hashlib import sha256
from typing import TYPE_CHECKING

from editchain.classes import dataclass
from editchain.journal import reading, records
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

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping


def _insert(table: str, noun: type[tuple[object, ...]]) -> str:
    names = reading.columns(noun)
    return f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({reading.marks(names.count(',') + 1)})"


_RESULT = _insert("results", Result)
_PASSED = _RESULT.replace("INSERT OR REPLACE", "INSERT OR IGNORE")
_CALL = _insert("calls", Call)
_CALL_TASK = _insert("call_tasks", CallTask)
_REFUSAL = _insert("refusals", Refusal)
OWNER = _insert("owners", Owner)
_RUN = _insert("runs", RunRecord)
_RUN_TASK = _insert("run_tasks", RunTask)
_FILE = _insert("files", KnownFile)
_PUBLISHED = _insert("published", Published)
_HANDLE = _insert("handles", Handle)
IDENTITY = "INSERT OR REPLACE INTO identities (key, document) VALUES (?, ?)"


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

    def write(
        self, connection: sqlite3.Connection, owner: str, claimed: set[bytes], lines: list[str]
    ) -> None:
        """Writes all of it, and adds what the records tell of it to `lines`; raises sqlite3.Error.

        Those of the `claimed` keys that now have a result are released with the rest.
        """
        many = connection.executemany
        if self.results:
            stored = [result for result in self.results if result.digest]
            insert(connection, stored)
            lines.append(records.result_lines(stored))
            # A picture that was made in passing says nothing of one that is stored, and records need not tell of it.
            many(_PASSED, [tuple(result) for result in self.results if not result.digest])
            if claimed:
                self.released |= claimed.intersection(
                    key for result in self.results for key in (result.key, result.request_key) if key
                )
        if self.identities:
            many(IDENTITY, self.identities.items())
        if self.calls or self.call_tasks:
            write_calls(connection, self.calls.values(), self.call_tasks, lines)
        if self.refusals:
            _write_refusals(connection, self.refusals, lines)
        if self.runs:
            many(_RUN, self.runs.values())
        if self.run_tasks:
            many(_RUN_TASK, self.run_tasks.values())
        for run, keys in self.run_keys.items():
            _write_run_keys(connection, run, keys)
        if self.files:
            many(_FILE, map(tuple, self.files.values()))
        if self.published:
            many(_PUBLISHED, [tuple(row) for row in self.published.values() if row])
            many(
                "DELETE FROM published WHERE path = ?",
                [(path,) for path, row in self.published.items() if not row],
            )
        if self.handles:
            many(_HANDLE, self.handles.values())
        if self.released:
            many(
                "DELETE FROM claims WHERE key = ? AND owner = ?",
                [(key, owner) for key in self.released],
            )


def write_calls(
    connection: sqlite3.Connection, calls: Iterable[Call], tasks: Iterable[CallTask], lines: list[str]
) -> None:
    """Writes calls, also to the lines of the records; raises sqlite3.Error."""
    calls, tasks = tuple(calls), tuple(tasks)
    insert(connection, calls=calls, tasks=tasks)
    lines += [records.line("call", call) for call in calls]
    lines += [records.line("task", task) for task in tasks]


def _write_refusals(
    connection: sqlite3.Connection, refusals: Mapping[bytes, Refusal | None], lines: list[str]
) -> None:
    for key, refusal in refusals.items():
        if refusal is None:
            connection.execute("DELETE FROM refusals WHERE key = ?", (key,))
            lines.append(records.forget_line("refusals", key))
        else:
            connection.execute(_REFUSAL, refusal)
            lines.append(records.line("refusal", refusal))


def _write_run_keys(connection: sqlite3.Connection, run: str, keys: bytes) -> None:
    digest = sha256(keys).digest()
    connection.execute("INSERT OR IGNORE INTO key_sets (digest, keys) VALUES (?, ?)", (digest, keys))
    connection.execute("INSERT OR REPLACE INTO run_keys (run, key_set) VALUES (?, ?)", (run, digest))

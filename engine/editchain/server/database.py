"""The server's database: one SQLite file, opened, brought to its shape, asked and written in one way."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from typing import TYPE_CHECKING, Any

from editchain.errors import StoreError
from editchain.platform import disk_error
from editchain.server.rows import AskedRun, Asset, Job, Key, Upload

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

SHAPE = 2

NOUNS: dict[str, type[tuple[Any, ...]]] = {
    "keys": Key, "assets": Asset, "uploads": Upload, "jobs": Job, "runs": AskedRun,
}  # fmt: skip

_FIRST = (
    """CREATE TABLE keys (id TEXT PRIMARY KEY, project TEXT NOT NULL, secret_hash BLOB NOT NULL, limits TEXT NOT NULL,
        created_at REAL NOT NULL, revoked_at REAL) WITHOUT ROWID""",
    """CREATE TABLE assets (id TEXT PRIMARY KEY, project TEXT NOT NULL, digest TEXT NOT NULL, name TEXT NOT NULL,
        media_type TEXT NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL, size INTEGER NOT NULL, job TEXT,
        output_index INTEGER NOT NULL, parent TEXT, metadata TEXT NOT NULL, created_at REAL NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX assets_by_project ON assets (project, created_at, id)",
    "CREATE INDEX assets_by_digest ON assets (digest)",
    """CREATE TABLE uploads (id TEXT PRIMARY KEY, project TEXT NOT NULL, name TEXT NOT NULL, media_type TEXT NOT NULL,
        size INTEGER NOT NULL, parts TEXT NOT NULL, status TEXT NOT NULL, asset TEXT, error TEXT,
        created_at REAL NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE jobs (id TEXT PRIMARY KEY, project TEXT NOT NULL, kind TEXT NOT NULL, model TEXT NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('queued', 'in-progress', 'success', 'failure', 'canceled')),
        wish TEXT NOT NULL, asked TEXT NOT NULL, assets TEXT NOT NULL, history TEXT NOT NULL, error TEXT, hint TEXT,
        calls INTEGER NOT NULL, cost TEXT, currency TEXT, run TEXT, token TEXT, created_at REAL NOT NULL, updated_at REAL NOT NULL)
        WITHOUT ROWID""",
    "CREATE INDEX jobs_by_project ON jobs (project, created_at, id)",
    "CREATE INDEX jobs_open ON jobs (created_at) WHERE status IN ('queued', 'in-progress')",
    "CREATE UNIQUE INDEX jobs_by_token ON jobs (project, token) WHERE token IS NOT NULL",
)
_SECOND = (
    """CREATE TABLE runs (id TEXT PRIMARY KEY, project TEXT NOT NULL, pipeline TEXT NOT NULL, file TEXT NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('queued', 'running', 'done', 'failed', 'waiting', 'stopped')),
        inputs TEXT NOT NULL, given TEXT NOT NULL, options TEXT NOT NULL, planned TEXT NOT NULL, counts TEXT NOT NULL,
        calls INTEGER NOT NULL, cost TEXT, currency TEXT, spent TEXT NOT NULL, exit_code INTEGER, error TEXT, token TEXT,
        fingerprint TEXT, source TEXT, attempts INTEGER NOT NULL, is_cancelled INTEGER NOT NULL,
        created_at REAL NOT NULL, started_at REAL, ended_at REAL)
        WITHOUT ROWID""",
    "CREATE INDEX runs_by_project ON runs (project, created_at, id)",
    "CREATE INDEX runs_open ON runs (created_at) WHERE status IN ('queued', 'running')",
    "CREATE UNIQUE INDEX runs_by_token ON runs (project, token) WHERE token IS NOT NULL",
    "CREATE INDEX assets_by_job ON assets (job, output_index) WHERE job IS NOT NULL",
)
_STEPS = (_FIRST, _SECOND)
"""What brings a database from each shape to the next, the empty one first."""


class Database:
    """A connection for what is read and one for what is written: who reads waits for no flush to the disk.

    Any thread may call any method; what is written is on disk when the call returns.
    """

    def __init__(self, path: Path) -> None:
        """Opens or makes the database. Raises StoreError."""
        self._path = path
        self._mutex, self._reading = threading.Lock(), threading.Lock()
        with contextlib.ExitStack() as undo:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._connection = self._connect()
                undo.callback(self._connection.close)
                self._connection.execute("PRAGMA journal_mode=WAL")
                self._connection.execute("PRAGMA synchronous=FULL")
                self._begin()
                self._reader = self._connect()
            except OSError as error:
                raise disk_error(error, str(path)) from error
            except sqlite3.Error as error:
                raise self._trouble(error) from error
            undo.pop_all()

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, check_same_thread=False, isolation_level=None, timeout=30)

    def _begin(self) -> None:
        shape = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if shape == SHAPE:
            return
        if shape > SHAPE:
            raise StoreError(f"{self._path} was written by a newer editchain. Use that one.")
        self._connection.execute("BEGIN IMMEDIATE")
        shape = self._connection.execute("PRAGMA user_version").fetchone()[0]  # another may just have done it
        for statement in (one for step in _STEPS[shape:] for one in step):
            self._connection.execute(statement)
        self._connection.execute(f"PRAGMA user_version = {SHAPE}")
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Closes the database."""
        with self._reading, self._mutex:
            self._reader.close()
            self._connection.close()

    def _trouble(self, error: sqlite3.Error) -> StoreError:
        return StoreError(f"{self._path}: {error}.")

    def ask(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows that a statement gives. Raises StoreError."""
        with self._reading:
            try:
                return self._reader.execute(statement, values).fetchall()
            except sqlite3.Error as error:
                raise self._trouble(error) from error

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, on disk when the block is left; nothing of it where the block fails."""
        with self._mutex:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException as error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error):
                    raise self._trouble(error) from error
                raise

    def put(self, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Adds or replaces rows. Raises StoreError."""
        with self.writing() as connection:
            connection.executemany(insert(table), rows)


def insert(table: str) -> str:
    """The statement that adds or replaces a row of a table."""
    marks = ", ".join("?" * len(NOUNS[table]._fields))  # type: ignore[attr-defined]  # they are all named tuples
    return f"INSERT OR REPLACE INTO {table} VALUES ({marks})"

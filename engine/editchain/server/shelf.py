"""The shelf: what the server keeps of projects, assets, uploads, jobs and asked-for runs, in one SQLite database."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from editchain.errors import StoreError
from editchain.platform import disk_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

SHAPE = 1

JobStatus = Literal["queued", "in-progress", "success", "failure", "canceled"]
ENDED: tuple[JobStatus, ...] = ("success", "failure", "canceled")


class Key(NamedTuple):
    """A project's credential: the secret is kept as its hash alone. Limits are JSON; times are unix seconds."""

    id: str
    project: str
    secret_hash: bytes
    limits: str
    created_at: float
    revoked_at: float | None = None


class Asset(NamedTuple):
    """A picture of a project; `digest` is that of its bytes, `metadata` JSON."""

    id: str
    project: str
    digest: str
    name: str
    media_type: str
    width: int
    height: int
    size: int
    job: str | None
    output_index: int
    parent: str | None
    metadata: str
    created_at: float


class Upload(NamedTuple):
    """A file that comes in parts. `parts` is JSON: their tokens and sizes, by number."""

    id: str
    project: str
    name: str
    media_type: str
    size: int
    parts: str
    status: str
    asset: str | None
    error: str | None
    created_at: float


class Job(NamedTuple):
    """Work that was accepted: `wish` is what it runs by, `asked` the request as it came, both JSON.

    `history` and `assets` are JSON lists; `calls` counts what is bought at vendors. `cost` is a decimal in `currency`:
    the ceiling until the job has ended, None where nobody knows it.
    """

    id: str
    project: str
    kind: str
    model: str
    status: JobStatus
    wish: str
    asked: str
    assets: str = "[]"
    history: str = "[]"
    error: str | None = None
    hint: str | None = None
    calls: int = 0
    cost: str | None = None
    currency: str | None = None
    run: str | None = None
    token: str | None = None
    created_at: float = 0.0
    updated_at: float = 0.0


_NOUNS: dict[str, type[tuple[Any, ...]]] = {"keys": Key, "assets": Asset, "uploads": Upload, "jobs": Job}

_SHAPE = (
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


class Shelf:
    """What the server keeps. Any thread may call any method; what is put is on disk when the method returns."""

    def __init__(self, path: Path) -> None:
        """Opens or makes the database. Raises StoreError."""
        self._path = path
        self._mutex = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                path, check_same_thread=False, isolation_level=None, timeout=30
            )
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._begin()
        except OSError as error:
            raise disk_error(error, str(path)) from error
        except sqlite3.Error as error:
            raise self._trouble(error) from error

    def _begin(self) -> None:
        shape = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if shape == SHAPE:
            return
        if shape > SHAPE:
            raise StoreError(f"{self._path} was written by a newer editchain. Use that one.")
        self._connection.execute("BEGIN IMMEDIATE")
        for statement in _SHAPE:
            self._connection.execute(statement)
        self._connection.execute(f"PRAGMA user_version = {SHAPE}")
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Closes the database."""
        with self._mutex:
            self._connection.close()

    def _trouble(self, error: sqlite3.Error) -> StoreError:
        return StoreError(f"{self._path}: {error}.")

    def _ask(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._mutex:
            try:
                return self._connection.execute(statement, values).fetchall()
            except sqlite3.Error as error:
                raise self._trouble(error) from error

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
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

    def _put(self, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        with self._writing() as connection:
            connection.executemany(_insert(table), rows)

    # ------------------------------------------------------------------ keys

    def put_key(self, key: Key) -> None:
        """Adds or changes a key."""
        self._put("keys", [key])

    def key(self, id_: str) -> Key | None:
        """The key of an id, revoked ones too."""
        found = self._ask("SELECT * FROM keys WHERE id = ?", [id_])
        return Key(*found[0]) if found else None

    def keys(self) -> list[Key]:
        """All keys, the oldest first."""
        return [Key(*row) for row in self._ask("SELECT * FROM keys ORDER BY created_at")]

    def has_keys(self) -> bool:
        """Whether there ever was a key: the last one's end lets nobody in."""
        return bool(self._ask("SELECT 1 FROM keys LIMIT 1"))

    # ------------------------------------------------------------------ assets

    def put_assets(self, assets: Iterable[Asset]) -> None:
        """Adds assets."""
        self._put("assets", assets)

    def asset(self, project: str, id_: str) -> Asset | None:
        """An asset of a project."""
        found = self._ask("SELECT * FROM assets WHERE id = ? AND project = ?", [id_, project])
        return Asset(*found[0]) if found else None

    def asset_by_id(self, id_: str) -> Asset | None:
        """An asset of any project, for who came by a signed address."""
        found = self._ask("SELECT * FROM assets WHERE id = ?", [id_])
        return Asset(*found[0]) if found else None

    def assets(self, project: str, *, after: tuple[float, str] | None, limit: int) -> list[Asset]:
        """The assets of a project, the newest first, older than `after` (moment, id)."""
        moment, id_ = after or (float("inf"), "")
        rows = self._ask(
            "SELECT * FROM assets WHERE project = ? AND (created_at, id) < (?, ?) ORDER BY created_at DESC, id DESC LIMIT ?",
            [project, moment, id_, limit],
        )
        return [Asset(*row) for row in rows]

    def drop_assets(self, project: str, ids: Iterable[str]) -> list[str]:
        """Removes assets of a project; gives the digests that no asset has any more."""
        gone = []
        for id_ in ids:
            asset = self.asset(project, id_)
            if asset is None:
                continue
            self._ask("DELETE FROM assets WHERE id = ?", [id_])
            if not self._ask("SELECT 1 FROM assets WHERE digest = ? LIMIT 1", [asset.digest]):
                gone.append(asset.digest)
        return gone

    # ------------------------------------------------------------------ uploads

    def put_upload(self, upload: Upload) -> None:
        """Adds or changes an upload."""
        self._put("uploads", [upload])

    def upload(self, project: str | None, id_: str) -> Upload | None:
        """An upload of a project; of any where that is None."""
        found = self._ask(
            "SELECT * FROM uploads WHERE id = ? AND (project = ? OR ? IS NULL)", [id_, project, project]
        )
        return Upload(*found[0]) if found else None

    # ------------------------------------------------------------------ jobs

    def put_job(self, job: Job) -> None:
        """Adds or changes a job."""
        self._put("jobs", [job])

    def begin_job(self, job: Job) -> Job:
        """Adds a job; where its project has one of the same token already, gives that one and adds nothing."""
        with self._writing() as connection:
            found = connection.execute(
                "SELECT * FROM jobs WHERE project = ? AND token = ?", [job.project, job.token]
            ).fetchone()
            if found is None:
                connection.execute(_insert("jobs"), job)
        return job if found is None else Job(*found)

    def finish_job(self, job: Job, assets: Sequence[Asset]) -> None:
        """The end of a job and its assets, together."""
        with self._writing() as connection:
            connection.executemany(_insert("assets"), assets)
            connection.execute(_insert("jobs"), job)

    def job(self, project: str | None, id_: str) -> Job | None:
        """A job of a project; of any where that is None."""
        found = self._ask(
            "SELECT * FROM jobs WHERE id = ? AND (project = ? OR ? IS NULL)", [id_, project, project]
        )
        return Job(*found[0]) if found else None

    def job_by_token(self, project: str, token: str) -> Job | None:
        """The job that a project asked for under a token."""
        found = self._ask("SELECT * FROM jobs WHERE project = ? AND token = ?", [project, token])
        return Job(*found[0]) if found else None

    def jobs(
        self,
        project: str,
        *,
        kind: str | None,
        status: str | None,
        after: tuple[float, str] | None,
        limit: int,
    ) -> list[Job]:
        """The jobs of a project, the newest first, older than `after` (moment, id)."""
        moment, id_ = after or (float("inf"), "")
        rows = self._ask(
            """SELECT * FROM jobs WHERE project = ? AND (created_at, id) < (?, ?) AND (? IS NULL OR kind = ?)
            AND (? IS NULL OR status = ?) ORDER BY created_at DESC, id DESC LIMIT ?""",
            [project, moment, id_, kind, kind, status, status, limit],
        )
        return [Job(*row) for row in rows]

    def open_jobs(self) -> list[Job]:
        """The jobs that have not ended, of every project, the oldest first."""
        rows = self._ask("SELECT * FROM jobs WHERE status IN ('queued', 'in-progress') ORDER BY created_at")
        return [Job(*row) for row in rows]

    def open_count(self, project: str) -> int:
        """How many jobs of a project have not ended."""
        rows = self._ask(
            "SELECT count(*) FROM jobs WHERE status IN ('queued', 'in-progress') AND project = ?", [project]
        )
        return int(rows[0][0])

    def spent(self, project: str) -> list[tuple[str, str]]:
        """The costs of a project's jobs with their currencies: what they cost, or may cost at the most."""
        rows = self._ask("SELECT cost, currency FROM jobs WHERE project = ? AND cost IS NOT NULL", [project])
        return [(str(cost), str(currency)) for cost, currency in rows]


def _insert(table: str) -> str:
    marks = ", ".join("?" * len(_NOUNS[table]._fields))  # type: ignore[attr-defined]  # they are all named tuples
    return f"INSERT OR REPLACE INTO {table} VALUES ({marks})"


def with_status(job: Job, status: JobStatus, date: str, **changed: Any) -> Job:
    """The job in its new status, with a line in its history."""
    history = [*json.loads(job.history), {"status": status, "date": date}]
    return job._replace(status=status, history=json.dumps(history), **changed)

"""The shelf: what the server keeps of projects, assets, uploads, jobs and asked-for runs, as the rest of it asks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from editchain.server.database import Database, insert
from editchain.server.rows import AskedRun, Asset, Job, Key, Upload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from editchain.server.rows import JobStatus


Spent = list[tuple[str, str]]
"""Amounts with their currencies."""


class Shelf:
    """What the server keeps. Any thread may call any method; what is put is on disk when the method returns."""

    def __init__(self, path: Path) -> None:
        """Opens or makes the database. Raises StoreError."""
        self._database = Database(path)

    def close(self) -> None:
        """Closes the database."""
        self._database.close()

    # ------------------------------------------------------------------ keys

    def put_key(self, key: Key) -> None:
        """Adds or changes a key."""
        self._database.put("keys", [key])

    def key(self, id_: str) -> Key | None:
        """The key of an id, revoked ones too."""
        found = self._database.ask("SELECT * FROM keys WHERE id = ?", [id_])
        return Key(*found[0]) if found else None

    def keys(self) -> list[Key]:
        """All keys, the oldest first."""
        return [Key(*row) for row in self._database.ask("SELECT * FROM keys ORDER BY created_at")]

    def has_keys(self) -> bool:
        """Whether there ever was a key: the last one's end lets nobody in."""
        return bool(self._database.ask("SELECT 1 FROM keys LIMIT 1"))

    # ------------------------------------------------------------------ assets

    def put_assets(self, assets: Iterable[Asset]) -> None:
        """Adds assets."""
        self._database.put("assets", assets)

    def asset(self, project: str, id_: str) -> Asset | None:
        """An asset of a project."""
        found = self._database.ask("SELECT * FROM assets WHERE id = ? AND project = ?", [id_, project])
        return Asset(*found[0]) if found else None

    def asset_by_id(self, id_: str) -> Asset | None:
        """An asset of any project, for who came by a signed address."""
        found = self._database.ask("SELECT * FROM assets WHERE id = ?", [id_])
        return Asset(*found[0]) if found else None

    def assets(self, project: str, *, after: tuple[float, str] | None, limit: int) -> list[Asset]:
        """The assets of a project, the newest first, older than `after` (moment, id)."""
        moment, id_ = after or (float("inf"), "")
        rows = self._database.ask(
            "SELECT * FROM assets WHERE project = ? AND (created_at, id) < (?, ?) ORDER BY created_at DESC, id DESC LIMIT ?",
            [project, moment, id_, limit],
        )
        return [Asset(*row) for row in rows]

    def drop_assets(self, project: str, ids: Iterable[str]) -> list[str]:
        """Removes assets of a project; gives the digests that no asset has any more."""
        wanted = [asset for id_ in ids if (asset := self.asset(project, id_)) is not None]
        with self._database.writing() as connection:
            connection.executemany("DELETE FROM assets WHERE id = ?", [(asset.id,) for asset in wanted])
            held = "SELECT 1 FROM assets WHERE digest = ? LIMIT 1"
            digests = dict.fromkeys(asset.digest for asset in wanted)
            return [one for one in digests if connection.execute(held, [one]).fetchone() is None]

    def assets_of(self, project: str, job: str, *, start: int, limit: int) -> list[Asset]:
        """The pictures that a job or a run of a project made, in order, from an index on."""
        rows = self._database.ask(
            "SELECT * FROM assets WHERE job = ? AND project = ? AND output_index >= ? ORDER BY output_index LIMIT ?",
            [job, project, start, limit],
        )
        return [Asset(*row) for row in rows]

    # ------------------------------------------------------------------ uploads

    def put_upload(self, upload: Upload) -> None:
        """Adds or changes an upload."""
        self._database.put("uploads", [upload])

    def upload(self, project: str | None, id_: str) -> Upload | None:
        """An upload of a project; of any where that is None."""
        found = self._database.ask(
            "SELECT * FROM uploads WHERE id = ? AND (project = ? OR ? IS NULL)", [id_, project, project]
        )
        return Upload(*found[0]) if found else None

    def pending_uploads(self, *, before: float) -> list[Upload]:
        """The uploads, of every project, that were begun before a moment and are not completed."""
        rows = self._database.ask(
            "SELECT * FROM uploads WHERE status = 'pending' AND created_at < ?", [before]
        )
        return [Upload(*row) for row in rows]

    # ------------------------------------------------------------------ pictures

    def stored_bytes(self, project: str) -> int:
        """The bytes of the assets of a project; a picture that is there twice counts twice."""
        rows = self._database.ask("SELECT coalesce(sum(size), 0) FROM assets WHERE project = ?", [project])
        return int(rows[0][0])

    def digests(self) -> set[str]:
        """The digests of all pictures that assets, jobs which have not ended, or runs name."""
        ask = self._database.ask
        named = {str(digest) for (digest,) in ask("SELECT DISTINCT digest FROM assets")}
        for (text,) in ask("SELECT wish FROM jobs WHERE status IN ('queued', 'in-progress')"):
            wish = json.loads(text)
            named.update(one for one in (wish["image"], wish["mask"], *wish["references"]) if one)
        for (text,) in ask("SELECT given FROM runs"):
            named.update(digest for _, digest, _ in json.loads(text)["pictures"])
        return named

    # ------------------------------------------------------------------ jobs

    def put_job(self, job: Job) -> None:
        """Adds or changes a job."""
        self._database.put("jobs", [job])

    def begin_job(self, job: Job, check: Callable[[Spent], None] | None) -> Job:
        """Adds a job; where its project has one of the same token already, gives that one and adds nothing.

        `check` sees what the project has spent and reserved, where anything limits that; nothing is added where it raises.
        """
        with self._database.writing() as connection:
            found = connection.execute(
                "SELECT * FROM jobs WHERE project = ? AND token = ?", [job.project, job.token]
            ).fetchone()
            if found is None:
                if check is not None:
                    check(_spent(connection.execute(_SPENT, [job.project] * 2).fetchall()))
                connection.execute(insert("jobs"), job)
        return job if found is None else Job(*found)

    def finish_job(self, job: Job, assets: Sequence[Asset]) -> None:
        """The end of a job and its assets, together."""
        with self._database.writing() as connection:
            connection.executemany(insert("assets"), assets)
            connection.execute(insert("jobs"), job)

    def job(self, project: str | None, id_: str) -> Job | None:
        """A job of a project; of any where that is None."""
        found = self._database.ask(
            "SELECT * FROM jobs WHERE id = ? AND (project = ? OR ? IS NULL)", [id_, project, project]
        )
        return Job(*found[0]) if found else None

    def job_by_token(self, project: str, token: str) -> Job | None:
        """The job that a project asked for under a token."""
        found = self._database.ask("SELECT * FROM jobs WHERE project = ? AND token = ?", [project, token])
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
        rows = self._database.ask(
            """SELECT * FROM jobs WHERE project = ? AND (created_at, id) < (?, ?) AND (? IS NULL OR kind = ?)
            AND (? IS NULL OR status = ?) ORDER BY created_at DESC, id DESC LIMIT ?""",
            [project, moment, id_, kind, kind, status, status, limit],
        )
        return [Job(*row) for row in rows]

    def open_jobs(self) -> list[Job]:
        """The jobs that have not ended, of every project, the oldest first."""
        rows = self._database.ask(
            "SELECT * FROM jobs WHERE status IN ('queued', 'in-progress') ORDER BY created_at"
        )
        return [Job(*row) for row in rows]

    def open_count(self, project: str) -> int:
        """How many jobs and runs of a project have not ended."""
        rows = self._database.ask(
            """SELECT (SELECT count(*) FROM jobs WHERE status IN ('queued', 'in-progress') AND project = ?)
            + (SELECT count(*) FROM runs WHERE status IN ('queued', 'running') AND project = ?)""",
            [project, project],
        )
        return int(rows[0][0])

    def spent(self, project: str) -> Spent:
        """The costs of a project's jobs and runs: what they cost, or may cost at the most."""
        return _spent(self._database.ask(_SPENT, [project] * 2))

    # ------------------------------------------------------------------ runs

    def change_run(self, id_: str, **fields: Any) -> None:
        """Changes fields of a run and leaves the others as they are."""
        assert fields.keys() <= set(AskedRun._fields)  # noqa: S101  (names of columns stand in the statement)
        columns = ", ".join(f"{name} = ?" for name in fields)
        with self._database.writing() as connection:
            connection.execute(f"UPDATE runs SET {columns} WHERE id = ?", [*fields.values(), id_])

    def begin_run(
        self, run: AskedRun, assets: Sequence[Asset], check: Callable[[Spent], None] | None
    ) -> AskedRun:
        """Adds a run and the pictures that it was given; where its project has one of the same token, gives that one.

        `check` sees what the project has spent and reserved, where anything limits that; nothing is added where it raises.
        """
        with self._database.writing() as connection:
            found = connection.execute(
                "SELECT * FROM runs WHERE project = ? AND token = ?", [run.project, run.token]
            ).fetchone()
            if found is None:
                if check is not None:
                    check(_spent(connection.execute(_SPENT, [run.project] * 2).fetchall()))
                connection.executemany(insert("assets"), assets)
                connection.execute(insert("runs"), run)
        return run if found is None else AskedRun(*found)

    def finish_run(self, run: AskedRun, assets: Sequence[Asset]) -> None:
        """The end of a run and its pictures, together."""
        with self._database.writing() as connection:
            connection.executemany(insert("assets"), assets)
            connection.execute(insert("runs"), run)

    def run(self, project: str | None, id_: str) -> AskedRun | None:
        """A run of a project; of any where that is None."""
        found = self._database.ask(
            "SELECT * FROM runs WHERE id = ? AND (project = ? OR ? IS NULL)", [id_, project, project]
        )
        return AskedRun(*found[0]) if found else None

    def run_by_token(self, project: str, token: str) -> AskedRun | None:
        """The run that a project asked for under a token."""
        found = self._database.ask("SELECT * FROM runs WHERE project = ? AND token = ?", [project, token])
        return AskedRun(*found[0]) if found else None

    def runs(
        self,
        project: str,
        *,
        pipeline: str | None,
        status: str | None,
        after: tuple[float, str] | None,
        limit: int,
    ) -> list[AskedRun]:
        """The runs of a project, the newest first, older than `after` (moment, id)."""
        moment, id_ = after or (float("inf"), "")
        rows = self._database.ask(
            """SELECT * FROM runs WHERE project = ? AND (created_at, id) < (?, ?) AND (? IS NULL OR pipeline = ?)
            AND (? IS NULL OR status = ?) ORDER BY created_at DESC, id DESC LIMIT ?""",
            [project, moment, id_, pipeline, pipeline, status, status, limit],
        )
        return [AskedRun(*row) for row in rows]

    def has_run(self, project: str, id_: str) -> bool:
        """Whether a run of this id carries out something that a project asked for."""
        found = self._database.ask(
            """SELECT 1 FROM runs WHERE project = ? AND id = ?
            UNION ALL SELECT 1 FROM jobs WHERE project = ? AND run = ? LIMIT 1""",
            [project, id_, project, id_],
        )
        return bool(found)

    def open_runs(self) -> list[AskedRun]:
        """The runs that have not ended, of every project, the oldest first."""
        rows = self._database.ask(
            "SELECT * FROM runs WHERE status IN ('queued', 'running') ORDER BY created_at"
        )
        return [AskedRun(*row) for row in rows]


_SPENT = """SELECT cost, currency FROM jobs WHERE project = ? AND cost IS NOT NULL
    UNION ALL SELECT cost, currency FROM runs WHERE project = ? AND cost IS NOT NULL"""


def _spent(rows: Iterable[tuple[Any, ...]]) -> Spent:
    return [(str(cost), str(currency)) for cost, currency in rows]


def with_status(job: Job, status: JobStatus, date: str, **changed: Any) -> Job:
    """The job in its new status, with a line in its history."""
    history = [*json.loads(job.history), {"status": status, "date": date}]
    return job._replace(status=status, history=json.dumps(history), **changed)

"""What the server keeps, one noun a table, each a row as it lies on disk."""

from __future__ import annotations

from typing import Literal, NamedTuple

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


RunStatus = Literal["queued", "running", "done", "failed", "waiting", "stopped"]


class AskedRun(NamedTuple):
    """A run of a pipeline that was accepted. Times are unix seconds; what is called JSON is kept as its text.

    `pipeline` is its name here and `file` its path in the workspace. `inputs` (JSON) are as they are shown, pictures as
    asset ids; `given` (JSON) has their digests instead. `options` (JSON) are the rest of what was asked for. `planned` (JSON)
    is the summary of its plan, `counts` (JSON) tasks by outcome, `spent` (JSON) amounts by currency. `cost` is a decimal in
    `currency`: the ceiling until the run has ended, None where nobody knows it. `fingerprint` tells requests of a token apart;
    `attempts` counts how often it was begun in a row and did not end by itself, `source` is the run that it repeats.
    `is_cancelled` is 1 once a cancel was asked for.
    """

    id: str
    project: str
    pipeline: str
    file: str
    status: RunStatus
    inputs: str
    given: str
    options: str
    planned: str
    counts: str = "{}"
    calls: int = 0
    cost: str | None = None
    currency: str | None = None
    spent: str = "{}"
    exit_code: int | None = None
    error: str | None = None
    token: str | None = None
    fingerprint: str | None = None
    source: str | None = None
    attempts: int = 0
    is_cancelled: int = 0
    created_at: float = 0.0
    started_at: float | None = None
    ended_at: float | None = None

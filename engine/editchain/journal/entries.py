"""What the journal keeps, one noun a table, each a row as it lies on disk."""

from __future__ import annotations

from typing import Literal, NamedTuple

CallState = Literal["intent", "accepted", "ready", "done", "failed", "rejected", "unknown", "abandoned"]
Charged = Literal["no", "yes", "unknown"]

OPEN_STATES: tuple[CallState, ...] = ("intent", "accepted", "ready", "unknown")


class Result(NamedTuple):
    """A picture in the store: what made it, and the digest of its bytes. Times are unix seconds.

    One that was made in passing, and can be made again from its key, has no digest, type and size.
    """

    key: bytes
    digest: bytes
    media_type: str
    size: int
    width: int | None
    height: int | None
    kind: Literal["operation", "model"]
    name: str
    version: str
    request_key: bytes | None
    route: str | None
    seed: int | None
    take: int
    versions: str  # JSON: the libraries that had a hand in it
    call: str | None
    run: str | None
    made_at: float


class Call(NamedTuple):
    """One paid or remote request, in the state that is known of it. Prices are decimals as text."""

    id: str
    request_key: bytes
    provider: str
    route: str
    model: str
    attempt: int = 1
    state: CallState = "intent"
    vendor_id: str | None = None
    token: str | None = None
    body_digest: bytes | None = None
    price_least: str | None = None
    price_most: str | None = None
    price_actual: str | None = None
    currency: str | None = None
    price_source: str | None = None
    charged: Charged = "no"
    owner: str | None = None
    run: str | None = None
    intent_at: float | None = None
    sent_at: float | None = None
    accepted_at: float | None = None
    ended_at: float | None = None
    detail: str = "{}"  # JSON: what its pictures are recorded with, and what the vendor said of it


class CallTask(NamedTuple):
    """Which sample of a call serves which key: that of its task, and that of its request where it is another."""

    call: str
    sample: int
    key: bytes


class Refusal(NamedTuple):
    """A vendor's no to this very request, remembered so that it is not asked again."""

    key: bytes
    request_key: bytes | None
    reason: str
    message: str
    charged: Charged
    call: str | None
    at: float


class Owner(NamedTuple):
    """A process that works on the store, known to be alive by its locked file."""

    id: str
    host: str
    boot_id: str
    pid: int
    started: float
    file: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}" if self.pid else f"process {self.id}"


class RunRecord(NamedTuple):
    """One run of a pipeline; without `ended_at` it is under way, or its owner died."""

    id: str
    pipeline: str
    command: str
    owner: str | None
    started_at: float
    ended_at: float | None = None
    outcome: str | None = None
    exit_code: int | None = None
    counts: str = "{}"  # JSON: outcome to number of tasks
    spent: str = "{}"  # JSON: currency to decimal text


class RunTask(NamedTuple):
    """A task whose outcome a report needs: what was not simply done or cached."""

    run: str
    task: str
    outcome: str
    reason: str | None
    key: bytes | None


class KnownFile(NamedTuple):
    """An input file as it was last read: while the system says the same of it, so is its digest."""

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    digest: bytes
    format: str
    width: int | None
    height: int | None
    seen_ns: int


class Published(NamedTuple):
    """A file among the outputs. `digest` is of its bytes, `result` of the object it was made from."""

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    digest: bytes
    result: bytes
    encoding: str
    pipeline: str
    output: str
    task: str
    run: str | None


class Handle(NamedTuple):
    """What a provider calls a picture that was uploaded to it."""

    provider: str
    digest: bytes
    handle: str
    expires_at: float | None

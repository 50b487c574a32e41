"""The shape of the journal's tables, as the steps that lead from each shape to the next."""

from __future__ import annotations

SHAPE = 1
APPLICATION = 0x65646368  # "edch": what `file` and SQLite show of the database

_FIRST = (
    # With its row ids, as rows this wide would leave no room for keys on the pages of the tree.
    """CREATE TABLE results (
        key BLOB PRIMARY KEY, digest BLOB NOT NULL, media_type TEXT NOT NULL, size INTEGER NOT NULL,
        width INTEGER, height INTEGER, kind TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL,
        request_key BLOB, route TEXT, seed INTEGER, take INTEGER NOT NULL, versions TEXT NOT NULL,
        call TEXT, run TEXT, made_at REAL NOT NULL
    )""",
    # What no vendor was asked for has no request key, and costs nothing here.
    "CREATE INDEX results_by_request ON results (request_key) WHERE request_key IS NOT NULL",
    """CREATE TABLE identities (key BLOB PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE calls (
        id TEXT PRIMARY KEY, request_key BLOB NOT NULL, provider TEXT NOT NULL, route TEXT NOT NULL,
        model TEXT NOT NULL, attempt INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN
            ('intent', 'accepted', 'ready', 'done', 'failed', 'rejected', 'unknown', 'abandoned')),
        vendor_id TEXT, token TEXT, body_digest BLOB,
        price_least TEXT, price_most TEXT, price_actual TEXT, currency TEXT, price_source TEXT,
        charged TEXT NOT NULL CHECK (charged IN ('no', 'yes', 'unknown')),
        owner TEXT, run TEXT, intent_at REAL, sent_at REAL, accepted_at REAL, ended_at REAL,
        detail TEXT NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX calls_by_request ON calls (request_key)",
    "CREATE INDEX calls_by_run ON calls (run)",
    """CREATE INDEX calls_open ON calls (state)
        WHERE state IN ('intent', 'accepted', 'ready', 'unknown')""",
    """CREATE TABLE call_tasks (
        call TEXT NOT NULL, sample INTEGER NOT NULL, key BLOB NOT NULL, PRIMARY KEY (call, sample, key)
    ) WITHOUT ROWID""",
    "CREATE INDEX call_tasks_by_key ON call_tasks (key)",
    """CREATE TABLE refusals (
        key BLOB PRIMARY KEY, request_key BLOB, reason TEXT NOT NULL, message TEXT NOT NULL,
        charged TEXT NOT NULL CHECK (charged IN ('no', 'yes', 'unknown')), call TEXT, at REAL NOT NULL
    ) WITHOUT ROWID""",
    "CREATE TABLE claims (key BLOB PRIMARY KEY, owner TEXT NOT NULL, since REAL NOT NULL) WITHOUT ROWID",
    """CREATE TABLE owners (
        id TEXT PRIMARY KEY, host TEXT NOT NULL, boot_id TEXT NOT NULL, pid INTEGER NOT NULL,
        started REAL NOT NULL, file TEXT NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE runs (
        id TEXT PRIMARY KEY, pipeline TEXT NOT NULL, command TEXT NOT NULL, owner TEXT,
        started_at REAL NOT NULL, ended_at REAL, outcome TEXT, exit_code INTEGER,
        counts TEXT NOT NULL, spent TEXT NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX runs_by_start ON runs (started_at)",
    """CREATE TABLE run_tasks (
        run TEXT NOT NULL, task TEXT NOT NULL, outcome TEXT NOT NULL, reason TEXT, key BLOB,
        PRIMARY KEY (run, task)
    ) WITHOUT ROWID""",
    # All keys that a run used, one after the other; runs that used the same ones share a row.
    "CREATE TABLE key_sets (digest BLOB PRIMARY KEY, keys BLOB NOT NULL)",
    "CREATE TABLE run_keys (run TEXT PRIMARY KEY, key_set BLOB NOT NULL) WITHOUT ROWID",
    """CREATE TABLE files (
        path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL,
        inode INTEGER NOT NULL, digest BLOB NOT NULL, format TEXT NOT NULL, width INTEGER, height INTEGER,
        seen_ns INTEGER NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE published (
        path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL,
        inode INTEGER NOT NULL, digest BLOB NOT NULL, result BLOB NOT NULL, encoding TEXT NOT NULL,
        pipeline TEXT NOT NULL, output TEXT NOT NULL, task TEXT NOT NULL, run TEXT
    ) WITHOUT ROWID""",
    """CREATE TABLE handles (
        provider TEXT NOT NULL, digest BLOB NOT NULL, handle TEXT NOT NULL, expires_at REAL,
        PRIMARY KEY (provider, digest)
    ) WITHOUT ROWID""",
)

# From shape N to N + 1. A step that was released never changes.
STEPS: dict[int, tuple[str, ...]] = {0: _FIRST}

"""Every question that the journal is asked, as SQL on a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from editchain.journal.entries import (
    OPEN_STATES,
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
    from collections.abc import Iterable, Iterator, Sequence

# Half of what the oldest SQLite allows in one statement.
BATCH = 500
LATE_RUNS = 20
"""How many of the last runs tell how long calls take."""

# Not only made in passing: with bytes in the store.
_STORED = "length(digest) > 0"

_Key = TypeVar("_Key", bytes, str)


def columns(noun: type[tuple[object, ...]]) -> str:
    """The columns of a noun's table, in the order of its fields."""
    return ", ".join(noun._fields)  # type: ignore[attr-defined]  # every noun of entries is a NamedTuple


def marks(count: int) -> str:
    """As many question marks as there are values."""
    return ",".join("?" * count)


def _batches(keys: Iterable[_Key]) -> Iterator[list[_Key]]:
    # In order, so that neighbours are found on the same pages.
    ordered = sorted(set(keys))
    for start in range(0, len(ordered), BATCH):
        yield ordered[start : start + BATCH]


def results(connection: sqlite3.Connection, keys: Iterable[bytes]) -> dict[bytes, Result]:
    """Key to result, of those that are there."""
    found: dict[bytes, Result] = {}
    for batch in _batches(keys):
        sql = f"SELECT {columns(Result)} FROM results WHERE key IN ({marks(len(batch))}) AND {_STORED}"
        found.update((row[0], Result._make(row)) for row in connection.execute(sql, batch))
    return found


def has_results(connection: sqlite3.Connection, keys: Iterable[bytes]) -> dict[bytes, bytes]:
    """Key to digest, of those that are there; the digest of a picture that was made in passing is empty."""
    found: dict[bytes, bytes] = {}
    for batch in _batches(keys):
        sql = f"SELECT key, digest FROM results WHERE key IN ({marks(len(batch))})"
        found.update(connection.execute(sql, batch))
    return found


def passed(connection: sqlite3.Connection, keys: Iterable[bytes]) -> dict[bytes, Result]:
    """Key to what is known of its picture, of those that were made in passing and not stored."""
    found: dict[bytes, Result] = {}
    for batch in _batches(keys):
        sql = f"SELECT {columns(Result)} FROM results WHERE key IN ({marks(len(batch))}) AND NOT {_STORED}"
        found.update((row[0], Result._make(row)) for row in connection.execute(sql, batch))
    return found


def results_by_request(connection: sqlite3.Connection, keys: Iterable[bytes]) -> dict[bytes, Result]:
    """Request key to its newest result."""
    found: dict[bytes, Result] = {}
    for batch in _batches(keys):
        sql = (
            f"SELECT {columns(Result)} FROM results WHERE request_key IS NOT NULL "
            f"AND request_key IN ({marks(len(batch))}) ORDER BY made_at"
        )
        for row in connection.execute(sql, batch):
            result = Result._make(row)
            if result.request_key is not None:
                found[result.request_key] = result
    return found


def nearest(connection: sqlite3.Connection, name: str, limit: int) -> list[Result]:
    """Results of one model or operation, the newest first."""
    sql = f"SELECT {columns(Result)} FROM results WHERE name = ? ORDER BY made_at DESC, key LIMIT ?"
    return [Result._make(row) for row in connection.execute(sql, (name, limit))]


def all_results(connection: sqlite3.Connection) -> Iterator[Result]:
    """Every result, in the order of keys."""
    sql = f"SELECT {columns(Result)} FROM results WHERE {_STORED} ORDER BY key"
    yield from map(Result._make, connection.execute(sql))


def identities(connection: sqlite3.Connection, keys: Iterable[bytes]) -> dict[bytes, str]:
    """Key to the document that it is the hash of, where one was kept."""
    found: dict[bytes, str] = {}
    for batch in _batches(keys):
        sql = f"SELECT key, document FROM identities WHERE key IN ({marks(len(batch))})"
        found.update(connection.execute(sql, batch))
    return found


def refusals(connection: sqlite3.Connection, keys: Iterable[bytes]) -> dict[bytes, Refusal]:
    """Key to refusal, of those that are there."""
    found: dict[bytes, Refusal] = {}
    for batch in _batches(keys):
        sql = f"SELECT {columns(Refusal)} FROM refusals WHERE key IN ({marks(len(batch))})"
        found.update((row[0], Refusal._make(row)) for row in connection.execute(sql, batch))
    return found


def call(connection: sqlite3.Connection, id_: str) -> Call | None:
    """The call of this id."""
    row = connection.execute(f"SELECT {columns(Call)} FROM calls WHERE id = ?", (id_,)).fetchone()
    return None if row is None else Call._make(row)


def open_calls(connection: sqlite3.Connection) -> list[Call]:
    """Calls that have not ended, or whose end is not known, the oldest first."""
    states = ", ".join(f"'{state}'" for state in OPEN_STATES)
    sql = f"SELECT {columns(Call)} FROM calls WHERE state IN ({states}) ORDER BY intent_at, id"
    return [Call._make(row) for row in connection.execute(sql)]


def calls_by_request(connection: sqlite3.Connection, keys: Iterable[bytes]) -> dict[bytes, list[Call]]:
    """Request key to the calls that serve it, the oldest first."""
    found: dict[bytes, dict[str, Call]] = {}
    names = ", ".join(f"calls.{name}" for name in Call._fields)
    for batch in _batches(keys):
        wanted = marks(len(batch))
        sql = (
            f"SELECT request_key, {names} FROM calls WHERE request_key IN ({wanted}) UNION "
            f"SELECT key, {names} FROM call_tasks JOIN calls ON calls.id = call WHERE key IN ({wanted}) "
            "ORDER BY intent_at, id"
        )
        for key, *row in connection.execute(sql, [*batch, *batch]):
            made = Call._make(row)
            found.setdefault(key, {})[made.id] = made
    return {key: list(calls_.values()) for key, calls_ in found.items()}


def vendor_ids(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    """Provider and vendor's id to the call that has it; of several the first."""
    sql = "SELECT provider, vendor_id, id FROM calls WHERE vendor_id IS NOT NULL ORDER BY intent_at DESC, id DESC"
    return {(provider, vendor_id): id_ for provider, vendor_id, id_ in connection.execute(sql)}


def calls(connection: sqlite3.Connection, run_id: str | None) -> list[Call]:
    """The calls of a run, or all of them, the oldest first."""
    where, values = ("", ()) if run_id is None else (" WHERE run = ?", (run_id,))
    sql = f"SELECT {columns(Call)} FROM calls{where} ORDER BY intent_at, id"
    return [Call._make(row) for row in connection.execute(sql, values)]


def dearer(connection: sqlite3.Connection, since: float) -> list[Call]:
    """The calls begun after a moment (unix seconds) that cost more than they were expected to."""
    sql = (
        f"SELECT {columns(Call)} FROM calls WHERE intent_at > ? AND charged = 'yes' "
        "AND CAST(price_actual AS REAL) > CAST(price_most AS REAL)"
    )
    return [Call._make(row) for row in connection.execute(sql, (since,))]


def call_seconds(connection: sqlite3.Connection) -> dict[tuple[str, str], float]:
    """Provider and model to how long a call took that brought pictures: the middle of the last runs' calls."""
    sql = (
        "SELECT provider, model, ended_at - sent_at AS seconds FROM calls WHERE state = 'done' AND seconds > 0 "
        "AND run IN (SELECT id FROM runs ORDER BY started_at DESC LIMIT ?) ORDER BY seconds"
    )
    found: dict[tuple[str, str], list[float]] = {}
    for provider, model, seconds in connection.execute(sql, (LATE_RUNS,)):
        found.setdefault((provider, model), []).append(seconds)
    return {key: seconds[len(seconds) // 2] for key, seconds in found.items()}


def open_call_for(connection: sqlite3.Connection, request_key: bytes, keys: Sequence[bytes]) -> Call | None:
    """A call under this request key, or that serves one of the keys, that may still charge or deliver."""
    states = ", ".join(f"'{state}'" for state in OPEN_STATES)
    sql = f"SELECT {columns(Call)} FROM calls WHERE request_key = ? AND state IN ({states}) LIMIT 1"
    row = connection.execute(sql, (request_key,)).fetchone()
    if row is None:
        sql = (
            f"SELECT {columns(Call)} FROM calls WHERE state IN ({states}) AND id IN "
            f"(SELECT call FROM call_tasks WHERE key IN ({marks(len(keys))})) LIMIT 1"
        )
        row = connection.execute(sql, list(keys)).fetchone()
    return None if row is None else Call._make(row)


def call_tasks(connection: sqlite3.Connection, calls_: Iterable[str]) -> dict[str, list[CallTask]]:
    """Call to the keys it serves, by sample."""
    found: dict[str, list[CallTask]] = {}
    for batch in _batches(calls_):
        sql = (
            f"SELECT call, sample, key FROM call_tasks WHERE call IN ({marks(len(batch))}) "
            "ORDER BY sample, key"
        )
        for row in connection.execute(sql, batch):
            found.setdefault(row[0], []).append(CallTask._make(row))
    return found


def files(connection: sqlite3.Connection, paths: Iterable[str]) -> dict[str, KnownFile]:
    """Path to what is known of the file."""
    found: dict[str, KnownFile] = {}
    for batch in _batches(paths):
        sql = f"SELECT {columns(KnownFile)} FROM files WHERE path IN ({marks(len(batch))})"
        found.update((row[0], KnownFile._make(row)) for row in connection.execute(sql, batch))
    return found


def files_below(connection: sqlite3.Connection, folder: str) -> dict[str, KnownFile]:
    """Path to what is known of every file in a folder and below it."""
    # "0" is the character after "/", so this is a range of the primary key.
    sql = f"SELECT {columns(KnownFile)} FROM files WHERE path > ? AND path < ?"
    return {row[0]: KnownFile._make(row) for row in connection.execute(sql, (f"{folder}/", f"{folder}0"))}


def published(connection: sqlite3.Connection, paths: Iterable[str]) -> dict[str, Published]:
    """Path to what we published there."""
    found: dict[str, Published] = {}
    for batch in _batches(paths):
        sql = f"SELECT {columns(Published)} FROM published WHERE path IN ({marks(len(batch))})"
        found.update((row[0], Published._make(row)) for row in connection.execute(sql, batch))
    return found


def results_with(connection: sqlite3.Connection, digests: Iterable[bytes]) -> list[Result]:
    """The results with these bytes, the oldest first. Reads the whole table."""
    found: list[Result] = []
    for batch in _batches(digests):
        sql = f"SELECT {columns(Result)} FROM results WHERE digest IN ({marks(len(batch))})"
        found.extend(map(Result._make, connection.execute(sql, batch)))
    return sorted(found, key=lambda one: (one.made_at, one.key))


def published_with(connection: sqlite3.Connection, digests: Iterable[bytes]) -> list[Published]:
    """The files that were published with these bytes, by path. Reads the whole table."""
    found: list[Published] = []
    for batch in _batches(digests):
        sql = f"SELECT {columns(Published)} FROM published WHERE digest IN ({marks(len(batch))})"
        found.extend(map(Published._make, connection.execute(sql, batch)))
    return sorted(found)


def published_bytes(connection: sqlite3.Connection, pipeline: str) -> frozenset[bytes]:
    """The digests of all files that a pipeline of this name published, wherever it lay. Reads the whole table."""
    sql = "SELECT DISTINCT digest FROM published WHERE pipeline = ? OR substr(pipeline, ?) = ?"
    below = f"/{pipeline}"
    return frozenset(row[0] for row in connection.execute(sql, (pipeline, -len(below), below)))


def published_from(connection: sqlite3.Connection, results: Iterable[bytes]) -> list[Published]:
    """The files that were made of these results, by path. Reads the whole table."""
    found: list[Published] = []
    for batch in _batches(results):
        sql = f"SELECT {columns(Published)} FROM published WHERE result IN ({marks(len(batch))})"
        found.extend(map(Published._make, connection.execute(sql, batch)))
    return sorted(found)


def files_with(connection: sqlite3.Connection, digests: Iterable[bytes]) -> dict[bytes, str]:
    """Digest to the path of an input file that was last read with these bytes. Reads the whole table."""
    found: dict[bytes, str] = {}
    for batch in _batches(digests):
        sql = f"SELECT digest, path FROM files WHERE digest IN ({marks(len(batch))}) ORDER BY path DESC"
        found.update(connection.execute(sql, batch))
    return found


def published_by(connection: sqlite3.Connection, pipeline: str) -> list[Published]:
    """All that a pipeline published, by path."""
    sql = f"SELECT {columns(Published)} FROM published WHERE pipeline = ? ORDER BY path"
    return [Published._make(row) for row in connection.execute(sql, (pipeline,))]


def runs(connection: sqlite3.Connection, limit: int) -> list[RunRecord]:
    """The last runs, the newest first."""
    sql = f"SELECT {columns(RunRecord)} FROM runs ORDER BY started_at DESC, id DESC LIMIT ?"
    return [RunRecord._make(row) for row in connection.execute(sql, (limit,))]


def run(connection: sqlite3.Connection, id_: str) -> RunRecord | None:
    """The run of this id."""
    row = connection.execute(f"SELECT {columns(RunRecord)} FROM runs WHERE id = ?", (id_,)).fetchone()
    return None if row is None else RunRecord._make(row)


def run_tasks(connection: sqlite3.Connection, id_: str) -> list[RunTask]:
    """What was kept of a run's tasks, by name."""
    sql = f"SELECT {columns(RunTask)} FROM run_tasks WHERE run = ? ORDER BY task"
    return [RunTask._make(row) for row in connection.execute(sql, (id_,))]


def run_keys(connection: sqlite3.Connection, id_: str) -> list[bytes] | None:
    """The keys that a run used, where it said so."""
    sql = "SELECT keys FROM run_keys JOIN key_sets ON digest = key_set WHERE run = ?"
    row = connection.execute(sql, (id_,)).fetchone()
    if row is None:
        return None
    joined: bytes = row[0]
    return [joined[start : start + 32] for start in range(0, len(joined), 32)]


def claims(connection: sqlite3.Connection, keys: Iterable[bytes]) -> dict[bytes, str]:
    """Key to the id of its claim's owner."""
    found: dict[bytes, str] = {}
    for batch in _batches(keys):
        sql = f"SELECT key, owner FROM claims WHERE key IN ({marks(len(batch))})"
        found.update(connection.execute(sql, batch))
    return found


def owners(connection: sqlite3.Connection) -> dict[str, Owner]:
    """Id to owner."""
    return {row[0]: Owner._make(row) for row in connection.execute(f"SELECT {columns(Owner)} FROM owners")}


def handle(connection: sqlite3.Connection, provider: str, digest: bytes) -> Handle | None:
    """What a provider calls an uploaded picture."""
    sql = f"SELECT {columns(Handle)} FROM handles WHERE provider = ? AND digest = ?"
    row = connection.execute(sql, (provider, digest)).fetchone()
    return None if row is None else Handle._make(row)


def nameless(id_: str) -> Owner:
    """An owner of whom only the id is known."""
    return Owner(id_, "", "", 0, 0.0, f"owners/{id_}")


class Reached(NamedTuple):
    """What the kept runs, published files, claims and open calls reach, and what nothing does: of it `paid` were paid for."""

    digests: frozenset[bytes]
    unreached: list[bytes]
    paid: int
    runs: list[str]
    kept_all: bool


class Keeping(NamedTuple):
    """What a collection keeps: the last `runs` of each pipeline, what is younger than `moment` (unix seconds), digests
    that are named elsewhere, and, with `paid`, whatever was paid for.
    """

    runs: int
    moment: float
    named: frozenset[bytes] = frozenset()
    paid: bool = False


def reachable(connection: sqlite3.Connection, keeping: Keeping) -> Reached:
    """Marks what is kept."""
    kept_runs = _last_runs(connection, keeping.runs)
    sets = [run_keys(connection, id_) for id_ in kept_runs]
    keys = {key for keys in sets for key in keys or ()}
    keys.update(row[0] for row in connection.execute("SELECT key FROM claims"))
    for open_call in open_calls(connection):
        keys.add(open_call.request_key)
        keys.update(task.key for task in call_tasks(connection, [open_call.id]).get(open_call.id, ()))
    shown = keeping.named.union(row[0] for row in connection.execute("SELECT result FROM published"))
    # What was signed is kept as it was: signed again it would be another file.
    shown = shown.union(row[0] for row in connection.execute("SELECT digest FROM published"))
    # Inputs that were fetched are held to their bytes.
    shown = shown.union(row[0] for row in connection.execute("SELECT digest FROM files WHERE inode = 0"))
    # A run that does not say what it used may have used anything.
    kept_all = None in sets
    alive = set(kept_runs)
    digests: set[bytes] = set()
    unreached: list[bytes] = []
    paid = 0
    rows = connection.execute("SELECT key, request_key, digest, run, made_at FROM results")
    for key, request_key, digest, run_, made_at in rows:
        is_used = key in keys or request_key in keys or digest in shown or run_ in alive
        is_paid = request_key is not None
        if kept_all or is_used or made_at >= keeping.moment or (is_paid and keeping.paid):
            digests.add(digest)
        else:
            paid += is_paid
            unreached.append(key)
    return Reached(shown.union(digests) - {b""}, unreached, paid, kept_runs, kept_all)


def pipelines(connection: sqlite3.Connection) -> list[str]:
    """The files of all pipelines that ran."""
    return [row[0] for row in connection.execute("SELECT DISTINCT pipeline FROM runs ORDER BY pipeline")]


def _last_runs(connection: sqlite3.Connection, count: int) -> list[str]:
    sql = (
        "SELECT id FROM (SELECT id, row_number() OVER "
        "(PARTITION BY pipeline ORDER BY started_at DESC, id DESC) AS place FROM runs) WHERE place <= ?"
    )
    return [row[0] for row in connection.execute(sql, (count,))]


def counts(connection: sqlite3.Connection) -> dict[str, int]:
    """Table to its number of rows."""
    tables = ("results", "calls", "refusals", "claims", "runs", "files", "published")
    return {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}

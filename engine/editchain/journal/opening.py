"""How the journal's database is found, checked, opened and brought to today's shape."""

# Plain calls on strings, as in the store.

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
from typing import TYPE_CHECKING

from editchain import platform
from editchain.errors import DiskFull, StoreError
from editchain.journal.shape import APPLICATION, SHAPE, STEPS

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

BUSY_TIMEOUT_SECONDS = 30.0
LOG_PAGES = 4_000

_REPAIR = "run `editchain store repair`"

_SENTENCES = {
    sqlite3.SQLITE_FULL: "the disk that holds {path} is full: make room and run the same command again",
    sqlite3.SQLITE_BUSY: "{path} is locked by another process: wait for it or end it, then run again",
    sqlite3.SQLITE_READONLY: "{path} may not be written: change its permissions, or choose another folder",
    sqlite3.SQLITE_CANTOPEN: "{path} cannot be opened: check its permissions and the room on the disk",
    sqlite3.SQLITE_IOERR: "the disk that holds {path} reports an error: check it, then run again",
    sqlite3.SQLITE_CORRUPT: "{path} is damaged: " + _REPAIR,
    sqlite3.SQLITE_NOTADB: "{path} is not a journal: " + _REPAIR,
}


def database(folder: str) -> str:
    """Where the journal of a store lies."""
    return f"{folder}/journal.db"


def journal_error(error: sqlite3.Error, folder: str) -> StoreError:
    """The StoreError that says in a plain sentence what SQLite said, and what to do."""
    code = getattr(error, "sqlite_errorcode", None)
    sentence = None if code is None else _SENTENCES.get(code & 0xFF)
    path = database(folder)
    kind = DiskFull if code is not None and code & 0xFF == sqlite3.SQLITE_FULL else StoreError
    return kind(sentence.format(path=path) if sentence else f"{path} cannot be used: {error}")


def refuse_network(folder: str, kind_of: Callable[[str], str | None] = platform.file_system) -> None:
    """Raises StoreError where locks between processes cannot be relied on."""
    existing = folder
    while not os.path.exists(existing):
        existing = os.path.dirname(existing)
    kind = kind_of(existing)
    if kind in platform.NETWORK_FILE_SYSTEMS:
        raise StoreError(
            f"{folder} lies on a network file system ({kind}), where a journal cannot be kept safely: "
            "set [store] path in editchain.toml to a folder on a local disk"
        )


def is_begun(folder: str) -> bool:
    """Whether there is a database file with something in it."""
    try:
        return os.stat(database(folder)).st_size > 0
    except FileNotFoundError:
        return False


def refuse_lost_journal(folder: str) -> None:
    """Raises StoreError where there are results without a journal: a fresh start would buy them again."""
    if _has_objects(folder) or os.path.exists(f"{folder}/records.jsonl"):
        raise StoreError(f"{folder} has results but no journal (journal.db is missing or empty): {_REPAIR}")


def _has_objects(folder: str) -> bool:
    try:
        folders = os.listdir(f"{folder}/objects")
    except FileNotFoundError:
        return False
    return any(
        len(name) == 62
        for part in folders
        if len(part) == 2
        for name in os.listdir(f"{folder}/objects/{part}")
    )


def connect(folder: str, mode: Literal["ro", "rwc"], *, immutable: bool = False) -> sqlite3.Connection:
    """A connection that commits only when told to; any thread may use it. Raises sqlite3.Error."""
    path = database(folder).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return sqlite3.connect(
        f"file:{path}?mode={mode}{'&immutable=1' if immutable else ''}",
        uri=True,
        timeout=BUSY_TIMEOUT_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )


def connect_to_look(folder: str) -> sqlite3.Connection:
    """A connection that reads, also where not even SQLite's own helper files may be written."""
    connection = connect(folder, "ro")
    try:
        shape(connection)
    except sqlite3.OperationalError:
        connection.close()
        if _log_bytes(folder):
            raise
        connection = connect(folder, "ro", immutable=True)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _log_bytes(folder: str) -> int:
    try:
        return os.stat(f"{database(folder)}-wal").st_size
    except FileNotFoundError:
        return 0


def shape(connection: sqlite3.Connection) -> int:
    """The number of the database's shape; 0 while it is empty."""
    number: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return number


def shape_error(folder: str, number: int) -> StoreError:
    """What is said to a journal of another shape than ours."""
    if number > SHAPE:
        return StoreError(
            f"{database(folder)} was written by a newer editchain (shape {number}, this one knows {SHAPE}): "
            f"upgrade editchain, or {_REPAIR} to rebuild it for this one"
        )
    return StoreError(
        f"{database(folder)} was written by an older editchain (shape {number}, this one writes {SHAPE}): "
        "any run brings it up to date"
    )


def prepare(connection: sqlite3.Connection, folder: str) -> None:
    """Sets how the connection writes, and brings the tables to today's shape."""
    number = shape(connection)
    if number > SHAPE:
        raise shape_error(folder, number)
    if number == 0:
        refuse_lost_journal(folder)
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise StoreError(f"{database(folder)} cannot be kept safely here ({mode}): choose a local disk")
    # With anything less the last commit may be lost in a power cut.
    connection.execute("PRAGMA synchronous = FULL")
    if sys.platform == "darwin":
        connection.execute("PRAGMA fullfsync = ON")
        connection.execute("PRAGMA checkpoint_fullfsync = ON")
    connection.execute("PRAGMA secure_delete = OFF")
    connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
    _step_forward(connection)


def _step_forward(connection: sqlite3.Connection) -> None:
    while (number := shape(connection)) < SHAPE:
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in STEPS[number]:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {number + 1}")
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise


def has_log(folder: str) -> bool:
    """Whether somebody left without writing the log back: normal while others work, else an unclean end."""
    return _log_bytes(folder) > 0


def quick_check(connection: sqlite3.Connection, folder: str) -> None:
    """Raises StoreError where the database is damaged."""
    answer = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if answer != "ok":
        raise StoreError(f"{database(folder)} is damaged ({answer}): {_REPAIR}")

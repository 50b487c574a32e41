"""The moments of a process at which it may be killed: before and after whatever changes a file or the journal, by name."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from editchain.journal.entries import Call
from editchain.platform import DISK, Disk

CALLS_OF_DISK = tuple(one.name for one in fields(Disk))
"""Every way to change a file that the engine has."""
CHANGES = frozenset(
    {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.utime", "os.link", "os.chmod"}
)
"""What Python itself tells of, where a file is changed by another way."""
_STATE = Call._fields.index("state")


class Moments:
    """Counts the moments of this process and ends it with SIGKILL at one of them; at 0 it only counts.

    `names` has those that passed. The name of the last one is in the file `died_at` before the process dies.
    """

    def __init__(self, root: Path, kill_at: int, died_at: Path) -> None:
        self.names: list[str] = []
        self._root = str(root)
        self._kill_at = kill_at
        self._died_at = died_at
        self._lock = threading.RLock()
        self._inside = threading.local()

    def pass_by(self, name: str) -> None:
        """One moment."""
        with self._lock:
            self.names.append(name)
            if len(self.names) == self._kill_at:
                self._inside.is_disk = True
                self._died_at.write_text(name)
                os.kill(os.getpid(), signal.SIGKILL)

    def install(self) -> None:
        """From now on everything that this process changes is a moment. There is no way back."""
        for name in CALLS_OF_DISK:
            object.__setattr__(DISK, name, self._around(name, getattr(DISK, name)))
        sys.addaudithook(self._hear)
        connect = sqlite3.connect
        moments = self

        class Watched(sqlite3.Connection):
            def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:  # type: ignore[override]
                return moments._statement(super().execute, sql, *values)

            def executemany(self, sql: str, rows: Iterable[Any]) -> sqlite3.Cursor:  # type: ignore[override]
                return moments._statement(super().executemany, sql, list(rows))

        def watched(*values: Any, **options: Any) -> sqlite3.Connection:
            return connect(*values, **options, factory=Watched)

        sqlite3.connect = watched  # type: ignore[assignment]

    def _around(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*values: Any) -> Any:
            what = f"{name} {self._kind(values[-1] if name == 'replace' else values[0])}".strip()
            self.pass_by(f"before {what}")
            self._inside.is_disk = True
            try:
                answer = call(*values)
            finally:
                self._inside.is_disk = False
            self.pass_by(f"after {what}")
            return answer

        return called

    def _kind(self, path: Any) -> str:
        """What a path is of, without what is different in every run."""
        if not isinstance(path, str):
            return ""
        inside = os.path.relpath(path, self._root)
        if inside.endswith((".tmp", ".new")):
            return "temporary"
        if "/objects" in inside:
            return "object" if inside.count("/") > 2 else "objects"
        head, _, tail = inside.partition("/")
        if head == "out":
            return "published"
        return tail.split("/")[0] or head

    def _hear(self, event: str, values: tuple[Any, ...]) -> None:
        if getattr(self._inside, "is_disk", False):
            return
        is_change = event in CHANGES or (
            event == "open"
            and isinstance(values[2], int)
            and values[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        )
        if is_change and str(values[0]).startswith(self._root):
            self.pass_by(f"{event} {self._kind(str(values[0]))}")

    def _statement(self, call: Callable[..., Any], sql: str, *values: Any) -> Any:
        name = _named(sql, values)
        if name is None:
            return call(sql, *values)
        self.pass_by(f"before {name}")
        self._inside.is_disk = True
        try:
            answer = call(sql, *values)
        finally:
            self._inside.is_disk = False
        self.pass_by(f"after {name}")
        return answer


def _named(sql: str, values: tuple[Any, ...]) -> str | None:
    """What a statement changes; None where it only asks."""
    words = sql.split()
    verb = words[0]
    if verb in ("BEGIN", "COMMIT", "ROLLBACK"):
        return verb
    if "wal_checkpoint" in sql:
        return "CHECKPOINT"
    if verb == "CREATE":
        return f"CREATE {words[2]}"
    if verb not in ("INSERT", "DELETE", "UPDATE"):
        return None
    table = words[words.index("INTO" if verb == "INSERT" else "FROM") + 1] if verb != "UPDATE" else words[1]
    if table == "calls" and values:
        rows = values[0] if isinstance(values[0], list) else [values[0]]
        table = " ".join([table, *dict.fromkeys(row[_STATE] for row in rows)])
    return f"{verb} {table}"

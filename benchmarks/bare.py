"""A bare loop that keeps the promises of a run and does nothing else: `python -m benchmarks.bare FOLDER LAYERS WIDTH [MODULE ...]`.

For each task: a key, a picture under the digest of its bytes, a row in a database and a line of records that survive
a power cut with their group, and a published copy with its own row.
Modules that are named are imported before, to see what they alone take.
"""

from __future__ import annotations

import importlib
import json
import os
import sqlite3
import sys
import time
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.pictures import tiny_png

if TYPE_CHECKING:
    from collections.abc import Sequence

GROUP = 512

_TABLES = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE results (
    key BLOB PRIMARY KEY, digest BLOB, media_type TEXT, size INTEGER, width INTEGER, height INTEGER, kind TEXT, name TEXT,
    version TEXT, request_key BLOB, route TEXT, seed INTEGER, take INTEGER, versions TEXT, call TEXT, run TEXT, made_at REAL
);
CREATE TABLE published (
    path TEXT PRIMARY KEY, size INTEGER, mtime_ns INTEGER, ctime_ns INTEGER, inode INTEGER, digest BLOB, result BLOB,
    encoding TEXT, pipeline TEXT, output TEXT, task TEXT, run TEXT
) WITHOUT ROWID;
"""
_VERSIONS = json.dumps({"Pillow": "0", "editchain": "0"})

Row = tuple[object, ...]


class Loop:
    """The folder, the database and the records that the loop writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)
        self.made: set[str] = set()
        self.count = 0
        folder.mkdir(parents=True, exist_ok=True)
        self.database = sqlite3.connect(folder / "journal.db", isolation_level=None)
        self.database.executescript(_TABLES)
        self.records = os.open(folder / "records.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write(self, path: str, data: bytes) -> None:
        """Writes a file under another name and gives it its own at once."""
        folder = os.path.dirname(path)
        if folder not in self.made:
            os.makedirs(folder, exist_ok=True)
            self.made.add(folder)
        self.count += 1
        temporary = f"{folder}/.{self.count}.tmp"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        os.write(descriptor, data)
        os.close(descriptor)
        os.replace(temporary, path)

    def task(self, layer: int, number: int, source: str) -> tuple[str, Row]:
        """Makes and keeps one picture; gives the key and the row."""
        strength = f"{layer / 7:.4f}"
        key = sha256(
            f"model=trivial 1\nprompt=sepia\nseed={number}\nstrength={strength}\nimage[0]={source}\n".encode()
        ).digest()
        data = tiny_png(f"sepia {number} {strength}")
        digest = sha256(data).digest()
        name = digest.hex()
        self.write(f"{self.folder}/objects/{name[:2]}/{name[2:]}", data)
        row = (
            key,
            digest,
            "image/png",
            len(data),
            1,
            1,
            "model",
            "trivial",
            "1",
            None,
            "trivial",
            number,
            1,
            _VERSIONS,
            None,
            "run",
            time.time(),
        )
        return f"task:{key.hex()}", row

    def commit(self, rows: Sequence[Row]) -> None:
        """A group of results: in the database and in the records, each flushed once."""
        lines = [
            json.dumps(["result", *(one.hex() if isinstance(one, bytes) else one for one in row)])
            for row in rows
        ]
        os.write(self.records, ("\n".join(lines) + "\n").encode())
        os.fsync(self.records)
        with self.database:
            self.database.execute("BEGIN IMMEDIATE")
            self.database.executemany(f"INSERT OR REPLACE INTO results VALUES ({','.join('?' * 17)})", rows)

    def publish(self, layer: int, number: int, digest: bytes) -> Row:
        """Copies a result, its bytes checked, to where it is wanted; gives the row."""
        name = digest.hex()
        with open(f"{self.folder}/objects/{name[:2]}/{name[2:]}", "rb", buffering=0) as file:
            data = file.readall()
        assert sha256(data).digest() == digest
        path = f"{self.folder}/out/layer{layer}/{number}.png"
        self.write(path, data)
        found = os.lstat(path)
        return (
            path,
            found.st_size,
            found.st_mtime_ns,
            found.st_ctime_ns,
            found.st_ino,
            digest,
            digest,
            "copy",
            "pipeline.yaml",
            f"o{layer}",
            f"s{layer}[number={number}]",
            "run",
        )

    def commit_published(self, rows: Sequence[Row]) -> None:
        """The published files flushed together, then their rows."""
        os.sync()
        with self.database:
            self.database.execute("BEGIN IMMEDIATE")
            self.database.executemany(f"INSERT OR REPLACE INTO published VALUES ({','.join('?' * 12)})", rows)

    def close(self) -> None:
        """Closes the files."""
        self.database.close()
        os.close(self.records)


def main(folder: Path, layers: int, width: int) -> None:
    """Makes and publishes `layers` times `width` pictures."""
    loop = Loop(folder)
    sources = ["sha256:0"] * width
    wanted: list[tuple[int, int, bytes]] = []
    rows: list[Row] = []
    for layer in range(layers):
        for number in range(width):
            sources[number], row = loop.task(layer, number, sources[number])
            rows.append(row)
            wanted.append((layer, number, row[1]))  # type: ignore[arg-type]  # the digest
            if len(rows) == GROUP:
                loop.commit(rows)
                rows.clear()
    if rows:
        loop.commit(rows)
    loop.commit_published([loop.publish(*one) for one in wanted])
    loop.close()


if __name__ == "__main__":
    for module in sys.argv[4:]:
        importlib.import_module(module)
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))

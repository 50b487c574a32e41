"""Sweeping: what the server keeps and nobody needs any more goes, after a while."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any, NamedTuple

from editchain.server.guarding import ADDRESS_SECONDS, DAY_SECONDS
from editchain.server.shelf import Shelf
from editchain.server.standing import ENDED
from editchain.store import Store
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UNNAMED_SECONDS = float(ADDRESS_SECONDS)
"""Pictures that nothing names, and uploads that were not completed: by then the addresses of their parts have ended."""
TOLD_SECONDS = 30.0 * DAY_SECONDS
"""Events of runs that have ended, and recipes of jobs."""


class Swept(NamedTuple):
    """How much went."""

    pictures: int
    bytes: int
    uploads: int
    runs: int


def sweeping(root: Path, *, now: float, **_: Any) -> dict[str, int]:
    """The order: sweeps the server's folder, as at a moment (unix seconds)."""
    with Workspace(root) as workspace:
        folder = workspace.folder / "server"
        shelf = Shelf(folder / "server.db")
        try:
            return sweep(workspace.folder, shelf, now)._asdict()
        finally:
            shelf.close()


def sweep(kept: Path, shelf: Shelf, now: float) -> Swept:
    """Sweeps what a server keeps below the store's folder. What is put meanwhile stays. Raises StoreError."""
    folder = kept / "server"
    uploads = _sweep_uploads(folder / "uploads", shelf, now)
    runs = _sweep_runs(kept, shelf, now)
    for place in _older(folder / "recipes", now - TOLD_SECONDS):
        place.unlink(missing_ok=True)
    with Store(folder) as pictures:
        named = shelf.digests()
        sizes = [
            size
            for digest in pictures.digests()
            if digest.hex() not in named
            and (size := pictures.remove_if_older(digest, now - UNNAMED_SECONDS)) is not None
        ]
    return Swept(len(sizes), sum(sizes), uploads, runs)


def _sweep_uploads(folder: Path, shelf: Shelf, now: float) -> int:
    """Ends uploads that were not completed in time."""
    late = shelf.pending_uploads(before=now - UNNAMED_SECONDS)
    for one in late:
        shelf.put_upload(one._replace(status="failed", error="It was not completed in time"))
        shutil.rmtree(folder / one.id, ignore_errors=True)
    return len(late)


def _sweep_runs(kept: Path, shelf: Shelf, now: float) -> int:
    """What runs left behind: of their inputs as long as there is a page of them, of their events for a month."""
    folder = kept / "server"
    count = 0
    for place in [*_older(folder / "given", now), *_older(folder / "out", now - UNNAMED_SECONDS)]:
        run = shelf.run(None, place.name)
        has_page = (kept / "runs" / f"{place.name}.json").exists() and place.parent.name == "given"
        if (run is None or run.status in ENDED) and not has_page:
            shutil.rmtree(place, ignore_errors=True)
            count += 1
    for place in _older(folder / "events", now - TOLD_SECONDS):
        run = shelf.run(None, place.stem)
        if run is None or run.status in ENDED:
            place.unlink(missing_ok=True)
    return count


def _older(folder: Path, moment: float) -> Iterator[Path]:
    """What lies in a folder and was last written before a moment."""
    try:
        entries = [
            entry for entry in os.scandir(folder) if entry.stat(follow_symlinks=False).st_mtime < moment
        ]
    except FileNotFoundError:
        return
    yield from (folder / entry.name for entry in entries)

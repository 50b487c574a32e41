"""What the store holds, whether it is sound, and what of it nobody needs any more."""

# Plain calls on strings, as in the store.

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from editchain.classes import dataclass
from editchain.journal.reading import Keeping
from editchain.store import DamagedObject, MissingObject

if TYPE_CHECKING:
    from collections.abc import Callable

    from editchain.journal.entries import Owner, Result
    from editchain.journal.journal import Journal
    from editchain.store import Store

GRACE_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class StoreReport:
    """Counts, and sizes in bytes. `owners` are the processes at work."""

    objects: int
    object_bytes: int
    quarantined: int
    results: int
    calls: int
    open_calls: int
    runs: int
    published: int
    files: int
    journal_bytes: int
    records_bytes: int
    free_bytes: int
    owners: tuple[Owner, ...]


@dataclass(frozen=True, slots=True)
class Verification:
    """What a look at every object found. Damaged ones were set aside; `missing` results have no object."""

    objects: int
    damaged: tuple[bytes, ...]
    missing: tuple[Result, ...]


@dataclass(frozen=True, slots=True)
class Collection:
    """What was removed, or would be. `kept_all`: all results were kept, as a run did not say what it used.

    `paid` of the results were paid for.
    """

    results: int
    paid: int
    objects: int
    object_bytes: int
    kept_objects: int
    kept_all: bool


def store_report(store: Store, journal: Journal) -> StoreReport:
    """What is in the store, by counting. Raises StoreError."""
    folder = str(store.folder)
    sizes = [_size(store.path(digest)) for digest in store.digests()]
    counts = journal.counts()
    return StoreReport(
        objects=len(sizes),
        object_bytes=sum(sizes),
        quarantined=_count(f"{folder}/quarantine"),
        results=counts["results"],
        calls=counts["calls"],
        open_calls=len(journal.open_calls()),
        runs=counts["runs"],
        published=counts["published"],
        files=counts["files"],
        journal_bytes=_size(f"{folder}/journal.db") + _size(f"{folder}/journal.db-wal"),
        records_bytes=_size(f"{folder}/records.jsonl"),
        free_bytes=store.free_bytes(),
        owners=tuple(journal.owners()),
    )


def verify(store: Store, journal: Journal, *, checked: Callable[[int], None] | None = None) -> Verification:
    """Reads every object; `checked` is told after each how many were read. Raises StoreError."""
    damaged: list[bytes] = []
    objects = 0
    for digest in store.digests():
        try:
            store.read(digest)
        except DamagedObject:
            damaged.append(digest)
        except MissingObject:
            continue  # collected in the meantime
        objects += 1
        if checked is not None:
            checked(objects)
    missing = tuple(result for result in journal.all_results() if not store.has(result.digest))
    for result in missing:
        store.note_missing(result.digest)  # so that no plan takes it for stored
    return Verification(objects, tuple(damaged), missing)


def collect(
    store: Store,
    journal: Journal,
    *,
    runs: int,
    now: float,
    grace_seconds: float = GRACE_SECONDS,
    named: frozenset[bytes] = frozenset(),
    with_paid: bool = True,
    rehearse: bool = False,
) -> Collection:
    """Removes results and objects that nothing reaches, and gives how many; `rehearse` only counts them.

    Kept is what the last `runs` runs of a pipeline used, what is published, claimed or awaited by an open
    call, what is `named` elsewhere, what is younger than the grace and, unless `with_paid`, what was paid for. Calls and runs stay: they are the ledger. A run that was planned
    before and has not yet said what it uses (`put_run_keys`) may find something gone. Raises StoreError.
    """
    moment = now - grace_seconds
    marked = journal.drop_unreachable(Keeping(runs, moment, named, not with_paid), rehearse=rehearse)
    kept = objects = object_bytes = 0
    for digest in store.digests():
        size = None
        if digest not in marked.digests:
            size = _older_size(store, digest, moment) if rehearse else store.remove_if_older(digest, moment)
        if size is None:
            kept += 1
        else:
            objects += 1
            object_bytes += size
    return Collection(marked.dropped, marked.paid, objects, object_bytes, kept, marked.kept_all)


def _older_size(store: Store, digest: bytes, moment: float) -> int | None:
    try:
        status = os.stat(store.path(digest))
    except FileNotFoundError:
        return None
    return status.st_size if status.st_mtime < moment else None


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def _count(folder: str) -> int:
    """How many files with something in them: of those that are gone only a mark is there."""
    try:
        with os.scandir(folder) as entries:
            return sum(entry.stat().st_size > 0 for entry in entries)
    except FileNotFoundError:
        return 0

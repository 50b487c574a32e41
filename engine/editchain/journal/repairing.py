"""A journal made anew from the records and the objects, when the old one is lost, damaged or too new."""

# Plain calls on strings, as in the store.

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from dataclasses import field
from typing import TYPE_CHECKING, Any

from editchain import platform
from editchain.classes import dataclass
from editchain.errors import StoreError
from editchain.journal import groups, opening, presence, records
from editchain.journal.entries import Call, CallTask, Refusal, Result
from editchain.journal.presence import Mutex
from editchain.platform import disk_error
from editchain.store import Store, make_folder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_NOUNS: Mapping[str, type[tuple[object, ...]]] = {
    "result": Result,
    "call": Call,
    "task": CallTask,
    "refusal": Refusal,
}
_HEX = frozenset({"key", "digest", "request_key", "body_digest"})


@dataclass(frozen=True, slots=True)
class Repair:
    """What was found. `lost` results have a row and no object: those that were paid for stay known."""

    results: int
    calls: int
    refusals: int
    lost: tuple[Result, ...]
    unreadable_lines: int
    unnamed_objects: int
    set_aside: str | None


@dataclass(slots=True)
class _Found:
    results: dict[bytes, Result] = field(default_factory=dict)
    calls: dict[str, Call] = field(default_factory=dict)
    tasks: dict[CallTask, None] = field(default_factory=dict)
    refusals: dict[bytes, Refusal] = field(default_factory=dict)
    unreadable: int = 0

    def take(self, noun: object) -> None:
        if isinstance(noun, Result):
            self.results[noun.key] = noun
        elif isinstance(noun, Call):
            self.calls[noun.id] = noun
        elif isinstance(noun, CallTask):
            self.tasks[noun] = None
        elif isinstance(noun, Refusal):
            self.refusals[noun.key] = noun

    def forget(self, table: str, key: bytes) -> None:
        if table == "refusals":
            self.refusals.pop(key, None)
        else:
            self.results.pop(key, None)


def repair(folder: Path | str) -> Repair:
    """Rebuilds the journal of the store at `folder`; the old one is set aside, not removed.

    Runs, published and known files are forgotten: they cost nothing to find out again.
    Raises StoreError: somebody works on the store, newer records, disk trouble.
    """
    root = os.path.abspath(folder)
    opening.refuse_network(root)
    make_folder(root)
    mutex = Mutex(f"{root}/mutex", f"process {os.getpid()} on {platform.host()} (repair)")
    try:
        with mutex.held():
            _refuse_while_used(root)
            return _repair(root)
    except sqlite3.Error as error:
        raise opening.journal_error(error, root) from error
    except OSError as error:
        raise disk_error(error, root) from error
    finally:
        mutex.close()


def _refuse_while_used(root: str) -> None:
    folder = f"{root}/owners"
    names = os.listdir(folder) if os.path.exists(folder) else []
    busy = [name for name in names if presence.is_alive(f"{folder}/{name}")]
    if busy:
        raise StoreError(f"{root} is in use (process {int(busy[0].split('-')[0], 16)}): end it, then repair")


def _repair(root: str) -> Repair:
    found = _read(f"{root}/records.jsonl")
    store = Store(root)
    lost = tuple(result for result in found.results.values() if not _is_whole(store, result))
    for result in lost:
        if result.request_key is None:  # a bought one stays known
            del found.results[result.key]
    _build(f"{root}/repair", found)
    aside = _set_aside(root)
    os.replace(opening.database(f"{root}/repair"), opening.database(root))
    platform.flush_folder(root)
    shutil.rmtree(f"{root}/repair")
    named = {result.digest for result in found.results.values()}
    return Repair(
        results=len(found.results),
        calls=len(found.calls),
        refusals=len(found.refusals),
        lost=lost,
        unreadable_lines=found.unreadable,
        unnamed_objects=sum(digest not in named for digest in store.digests()),
        set_aside=aside,
    )


def _is_whole(store: Store, result: Result) -> bool:
    return store.has(result.digest) and store.size(result.digest) == result.size


def _read(path: str) -> _Found:
    found = _Found()
    columns: Mapping[str, list[str]] = {}
    if not os.path.exists(path):
        return found
    with open(path, encoding="utf-8", errors="replace") as file:
        for text in file:
            if not text.strip():
                continue
            try:
                value = json.loads(text)
                if isinstance(value, dict):
                    columns = _columns(value, path)
                elif value[0] == "forget":
                    found.forget(value[1], bytes.fromhex(value[2]))
                else:
                    found.take(_noun(value[0], columns[value[0]], value[1:]))
            except (ValueError, KeyError, IndexError, TypeError, RecursionError):
                # Cut by a power loss, or damaged: what the other lines say still counts.
                found.unreadable += 1
    return found


def _columns(header: Mapping[str, Any], path: str) -> Mapping[str, list[str]]:
    if header["records"] > records.FORMAT:
        raise StoreError(f"{path} was written by a newer editchain: upgrade editchain, then repair")
    return header


def _noun(kind: str, columns: list[str], values: list[Any]) -> tuple[object, ...]:
    noun = _NOUNS[kind]
    fields = {
        name: bytes.fromhex(value) if name in _HEX and value is not None else value
        for name, value in zip(columns, values, strict=True)
    }
    return noun(**fields)


def _build(folder: str, found: _Found) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    connection = opening.connect(folder, "rwc")
    try:
        opening.prepare(connection, folder)
        connection.execute("BEGIN IMMEDIATE")
        groups.insert(
            connection, found.results.values(), found.calls.values(), found.tasks, found.refusals.values()
        )
        connection.execute("COMMIT")
    finally:
        connection.close()


def _set_aside(root: str) -> str | None:
    """Moves the old database with its log out of the way."""
    old = [name for name in os.listdir(root) if name.startswith("journal.db")]
    if not old:
        return None
    number = 1
    while os.path.exists(folder := f"{root}/set-aside-{number}"):
        number += 1
    os.makedirs(folder)
    for name in sorted(old):
        os.replace(f"{root}/{name}", f"{folder}/{name}")
    return folder

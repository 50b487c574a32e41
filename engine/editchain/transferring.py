"""Transferring: objects to a remote store and back, many at once, checked at both ends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import field
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

from editchain.classes import dataclass
from editchain.store import DamagedObject, MissingObject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from editchain.remote import Remote
    from editchain.store import Store

AT_A_TIME = 16

Outcome = Literal["moved", "there", "missing", "damaged"]


@dataclass(slots=True)
class Transferred:
    """What a push or a pull came to, by digest; `moved_bytes` counts what went over."""

    moved: list[bytes] = field(default_factory=list)
    there: list[bytes] = field(default_factory=list)
    missing: list[bytes] = field(default_factory=list)
    damaged: list[bytes] = field(default_factory=list)
    moved_bytes: int = 0

    @property
    def done(self) -> int:
        """How many objects were looked after."""
        return len(self.moved) + len(self.there) + len(self.missing) + len(self.damaged)

    def add(self, digest: bytes, outcome: Outcome, size: int) -> None:
        """Takes the outcome of one object."""
        found: list[bytes] = getattr(self, outcome)
        found.append(digest)
        self.moved_bytes += size


def push(
    store: Store,
    remote: Remote,
    digests: Iterable[bytes],
    *,
    checks: bool = False,
    watch: Callable[[Transferred], None] | None = None,
) -> Transferred:
    """Takes to the remote what is not there yet; what was taken before is passed over, so that a push can be repeated.

    With `checks` what is there is read, and taken again where it has other bytes; else its length is enough.
    `missing` are objects that the store has not, `damaged` those whose bytes are not what they were; they were set
    aside. Raises RemoteError, StoreError.
    """

    def one(digest: bytes) -> tuple[Outcome, int]:
        try:
            size = store.size(digest)
            if remote.size(digest) == size and (not checks or _is_sound(remote, digest)):
                return "there", 0
            remote.put(digest, store.read(digest))
        except MissingObject:
            return "missing", 0
        except DamagedObject:
            return "damaged", 0
        return "moved", size

    remote.sweep()
    return _many(digests, one, watch)


def _is_sound(remote: Remote, digest: bytes) -> bool:
    data = remote.get(digest)
    return data is not None and sha256(data).digest() == digest


def pull(
    store: Store,
    remote: Remote,
    digests: Iterable[bytes],
    *,
    watch: Callable[[Transferred], None] | None = None,
) -> Transferred:
    """Brings from the remote what the store has not; each is durable when it is counted, so that a pull can be repeated.

    `missing` are objects that the remote has not, `damaged` those of which it has other bytes than their digest says.
    Raises RemoteError, StoreError.
    """

    def one(digest: bytes) -> tuple[Outcome, int]:
        if store.has(digest):
            return "there", 0
        data = remote.get(digest)
        if data is None:
            return "missing", 0
        if sha256(data).digest() != digest:
            return "damaged", 0
        store.put(data, durable=True)
        return "moved", len(data)

    return _many(digests, one, watch)


def _many(
    digests: Iterable[bytes],
    one: Callable[[bytes], tuple[Outcome, int]],
    watch: Callable[[Transferred], None] | None,
) -> Transferred:
    transferred = Transferred()
    with ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="transfer") as pool:
        under_way = {pool.submit(one, digest): digest for digest in dict.fromkeys(digests)}
        try:
            for future in as_completed(under_way):
                transferred.add(under_way[future], *future.result())
                if watch is not None:
                    watch(transferred)
        except BaseException:
            for future in under_way:
                future.cancel()
            raise
    return transferred

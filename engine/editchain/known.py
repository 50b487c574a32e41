"""What a plan asks of the journal, of the lock and of the inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence

    from editchain.artifacts import ImageSource
    from editchain.digests import Digests
    from editchain.journal.journal import Journal
    from editchain.lock import Lock
    from editchain.plans.identity import Elsewhere


class Known:
    """What the planner asks of the journal, of the lock and of the inputs."""

    def __init__(
        self,
        journal: Journal | None,
        digests: Digests,
        *,
        lost: frozenset[bytes] = frozenset(),
        retry_rejected: bool = False,
        lock: Lock | None = None,
        has: Callable[[bytes], bool] = lambda _digest: False,
        remakes: bool = True,
        gone: Container[bytes] = (),
    ) -> None:
        """`lost` are digests whose objects are gone from the store; `has` tells whether it has one.

        `gone` are keys whose pictures cannot be had from anywhere: what the lock says of them no longer counts.
        """
        from editchain.lock import Lock  # only where there is a plan: checking does without it

        self.lock = Lock() if lock is None else lock
        self.remakes = remakes
        self._journal = journal
        self._lost = lost
        self._digests = digests
        self._retry_rejected = retry_rejected
        self._knows_lost = lock is not None
        self._has = has
        self._gone = gone
        self.found: dict[bytes, Elsewhere] = {}
        """What was known of keys that the journal has nothing of, or another picture."""

    def results(self, keys: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """The digests of stored results."""
        found = {} if self._journal is None else self._journal.has_results(keys)
        if self._lost:
            return {key: digest for key, digest in found.items() if digest not in self._lost}
        return found

    def elsewhere(self, keys: Sequence[bytes], stored: Mapping[bytes, bytes]) -> Mapping[bytes, Elsewhere]:
        """The pictures that the lock names of keys where others or none are stored, and those that are lost here."""
        from editchain.plans.identity import Elsewhere

        found: dict[bytes, Elsewhere] = {}
        by_key, gone = self.lock.by_key, self._gone
        for key in keys if by_key else ():
            line = by_key.get(key)
            if line is not None and stored.get(key) != line.digest and key not in gone:
                found[key] = Elsewhere(line.digest, self._has(line.digest))
        if self._lost and self._knows_lost and self._journal is not None:
            missing = [key for key in keys if key not in stored and key not in found and key not in gone]
            known = self._journal.has_results(missing)
            found.update((key, Elsewhere(digest, is_here=False)) for key, digest in known.items())
        self.found.update(found)
        return found

    def refusals(self, keys: Sequence[bytes]) -> Mapping[bytes, str]:
        """What vendors refused."""
        if self._journal is None or self._retry_rejected:
            return {}
        return {key: refusal.message for key, refusal in self._journal.refusals(keys).items()}

    def identity(self, source: ImageSource) -> str | None:
        """How an input picture is known."""
        return self._digests.identity(source)

"""The digests of input pictures: a file is read anew only where it changed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from editchain.artifacts import ASSET_VENDOR
from editchain.language.reading import Stat

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from editchain.artifacts import ImageSource
    from editchain.journal.entries import KnownFile
    from editchain.lock import Held

RACY_NS = 2_000_000_000
"""A file that was written less than this before it was looked at may have changed since within one tick of its clock."""


class Digests:
    """How input pictures are known: by the digest of their bytes. Remembers what was read anew, for the journal."""

    def __init__(
        self, known: dict[str, KnownFile], now: Callable[[], float], held: Mapping[str, Held] | None = None
    ) -> None:
        self._known = known
        self._held = held or {}
        self._now = now
        self.fresh: list[KnownFile] = []

    def read(self, images: Mapping[str, Stat]) -> None:
        """Reads the files that are not known as they are now."""
        unread = [(path, stat) for path, stat in images.items() if not is_same(self._known.get(path), stat)]
        if len(unread) < 8:
            read = [self._read(path, stat) for path, stat in unread]
        else:
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
                read = list(pool.map(lambda pair: self._read(*pair), unread))
        for one in read:
            if one is not None:
                self._known[one.path] = one
                self.fresh.append(one)

    def _read(self, path: str, stat: Stat) -> KnownFile | None:
        import hashlib

        from editchain.imaging.probe import HEAD_BYTES, probe
        from editchain.journal.entries import KnownFile

        try:
            with open(path, "rb") as file:
                data = file.read()
        except OSError:
            return None
        found = probe(data[:HEAD_BYTES])
        seen = int(self._now() * 1e9)
        return KnownFile(
            path,
            stat.size,
            stat.mtime_ns,
            stat.ctime_ns,
            stat.inode,
            hashlib.sha256(data).digest(),
            found.format if found else "",
            found.width if found else None,
            found.height if found else None,
            seen,
        )

    def file(self, path: str) -> KnownFile | None:
        """What is known of a file, or of what an address gave."""
        return self._known.get(path)

    def note(self, file: KnownFile) -> None:
        """Takes a file that was fetched, by its address."""
        self._known[file.path] = file
        self.fresh.append(file)

    def known(self, source: ImageSource) -> KnownFile | None:
        """What is known of a picture that is a file, or was fetched: format, size and length among it."""
        return self._known.get(source.location)

    def digest(self, source: ImageSource) -> bytes | None:
        """The digest of a source's bytes; None for what has not been fetched, or only its vendor can read."""
        if source.kind == "data":
            import base64
            import hashlib

            return hashlib.sha256(base64.b64decode(source.location.partition(",")[2])).digest()
        if source.kind == "url" and source.sha256 is not None:
            return bytes.fromhex(source.sha256)
        if source.kind == "url" and self._held:
            from editchain.lock import named

            held = self._held.get(named(source.location))
            if held is not None:
                return held.output.digest
        known = self._known.get(source.location)
        return None if known is None else known.digest

    def identity(self, source: ImageSource) -> str | None:
        """How a source is known in keys."""
        if source.kind == "asset":
            return f"asset:{ASSET_VENDOR}:{source.location}"
        digest = self.digest(source)
        return None if digest is None else f"sha256:{digest.hex()}"


def is_same(known: KnownFile | None, stat: Stat) -> bool:
    """Whether a file is as it was when it was read, and was not written just before that."""
    return (
        known is not None
        and (known.size, known.mtime_ns, known.ctime_ns, known.inode) == stat
        and known.seen_ns - max(known.mtime_ns, known.ctime_ns) > RACY_NS
    )

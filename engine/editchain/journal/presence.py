"""Files that a living process keeps locked, so that the kernel tells when it is dead."""

# Plain calls on strings, as in the store.

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

from editchain import platform
from editchain.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

MUTEX_TIMEOUT_SECONDS = 30.0


class Presence:
    """A file that says: this process is alive. An id alone proves nothing where containers share a disk."""

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    @classmethod
    def announce(cls, folder: str) -> Presence:
        """A new file of this process in `folder`, which must exist; raises OSError."""
        while True:
            path = f"{folder}/{os.getpid():x}-{os.urandom(6).hex()}"
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o666)
            # Somebody who sweeps may have taken it for a dead one's in between: then another name.
            if platform.try_lock(descriptor) and _is_same_file(path, descriptor):
                return cls(path, descriptor)
            os.close(descriptor)

    @property
    def id(self) -> str:
        """The name of the file."""
        return self.path.rpartition("/")[2]

    def note(self, text: str) -> None:
        """Adds text for whoever has to sweep after this process; raises OSError."""
        os.write(self._descriptor, text.encode("utf-8", "surrogateescape"))

    def end(self) -> None:
        """Removes the file; after that this process is absent."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.unlink(self.path)
            os.close(self._descriptor)
            self._descriptor = -1


def _is_same_file(path: str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def is_alive(path: str) -> bool:
    """Whether a process holds this file."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        # Shared, so that two who ask at once do not take each other for the holder.
        return not platform.try_lock(descriptor, shared=True)
    finally:
        os.close(descriptor)


def dead(folder: str) -> list[str]:
    """The files in `folder` whose processes are gone; raises OSError."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    paths = [f"{folder}/{name}" for name in sorted(names)]
    return [path for path in paths if not is_alive(path)]


def forget(path: str) -> None:
    """Removes a dead process's file; one that turns out to be alive keeps it. Raises OSError."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        # Held while it goes: who is just announcing itself under this name then takes another.
        if platform.try_lock(descriptor):
            os.unlink(path)
    finally:
        os.close(descriptor)


class Mutex:
    """The store's one lock between processes, held for milliseconds, around every commit and checkpoint."""

    def __init__(self, path: str, holder: str, *, timeout_seconds: float = MUTEX_TIMEOUT_SECONDS) -> None:
        self._timeout_seconds = timeout_seconds
        self._path = path
        self._holder = holder.encode()[:200].ljust(200) + b"\n"
        self._descriptor = -1

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Waits for the lock; raises StoreError naming the holder when that takes too long."""
        if self._descriptor < 0:
            try:
                self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
            except OSError as error:
                raise platform.disk_error(error, self._path) from error
        if not platform.try_lock(self._descriptor):
            self._wait()
        try:
            # Only a hint for a message, so it may fail and is not flushed.
            with contextlib.suppress(OSError):
                os.pwrite(self._descriptor, self._holder, 0)
            yield
        finally:
            platform.unlock(self._descriptor)

    def _wait(self) -> None:
        deadline = time.monotonic() + self._timeout_seconds
        pause = 0.0002
        while not platform.try_lock(self._descriptor):
            if time.monotonic() > deadline:
                raise StoreError(
                    f"the store is locked: {self._path} is held by {self.holder() or 'an unknown process'}; "
                    "wait for that process or end it, then run the same command again"
                )
            time.sleep(pause)
            pause = min(pause * 2, 0.01)

    def holder(self) -> str:
        """Who took the lock last, in words."""
        return os.pread(self._descriptor, 200, 0).decode(errors="replace").strip()

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

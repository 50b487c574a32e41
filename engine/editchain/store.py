"""Results by the digest of their bytes, and the copies of them that are published."""

# Plain calls on strings: pathlib costs more than the work here. Errors are named for the fact.

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import threading
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Self

from editchain import platform
from editchain.errors import DiskFull, StoreError
from editchain.journal import presence
from editchain.journal.presence import Presence
from editchain.platform import DISK, Disk, disk_error, write_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Above this many published files one flush of the whole file system is cheaper than one for each.
_FLUSH_ONE_BY_ONE = 32

_TEMPORARY_PREFIX = ".editchain-"
_TEMPORARY_SUFFIX = ".tmp"
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL


class MissingObject(StoreError):
    """The store has no object of this digest; `digest` says which."""

    def __init__(self, digest: bytes) -> None:
        self.digest = digest
        super().__init__(f"the store has no object {digest.hex()}: run the pipeline again")


class DamagedObject(StoreError):
    """An object's bytes are not those of its digest; it was set aside at `path`."""

    def __init__(self, digest: bytes, path: str) -> None:
        self.digest = digest
        self.path = path
        super().__init__(
            f"the object {digest.hex()} is damaged and was set aside as {path}: run the pipeline again"
        )


def make_folder(folder: str) -> None:
    """Makes a store's folder, with the `.gitignore` that keeps it out of git; raises StoreError."""
    ignore = f"{folder}/.gitignore"
    try:
        if os.access(ignore, os.F_OK):
            return
        os.makedirs(folder, exist_ok=True)
        with open(ignore, "w", encoding="utf-8") as file:
            file.write("*\n")
        platform.flush_folder(folder)
        platform.flush_folder(os.path.dirname(folder) or ".")
    except OSError as error:
        raise disk_error(error, folder) from error


class Store:
    """The objects under one folder, normally `.editchain`. Any thread may call any method."""

    def __init__(self, folder: Path | str, *, disk: Disk = DISK) -> None:
        self._folder = os.path.abspath(folder)
        self._objects = f"{self._folder}/objects"
        self._disk = disk
        self._lock = threading.Lock()
        self._presence: Presence | None = None
        self._numbers = itertools.count()
        self._made: set[str] = set()
        self._flushed: set[str] = set()
        self._noted: set[str] = set()
        self._published: dict[str, str] = {}  # to its folder
        self._clones = True

    @property
    def folder(self) -> Path:
        """Where the store lies."""
        return Path(self._folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Says that no write of this store is under way any more; it may be used again after."""
        with self._lock:
            if self._presence is not None:
                self._presence.end()
                self._presence = None
                self._noted.clear()

    # Objects

    def path(self, digest: bytes) -> str:
        """Where the object lies, or would lie."""
        name = digest.hex()
        return f"{self._objects}/{name[:2]}/{name[2:]}"

    def has(self, digest: bytes) -> bool:
        """Whether there is an object of this digest; its bytes are checked when they are read."""
        return os.access(self.path(digest), os.F_OK)

    def size(self, digest: bytes) -> int:
        """Bytes of the object; raises MissingObject."""
        try:
            return os.stat(self.path(digest)).st_size
        except FileNotFoundError:
            raise MissingObject(digest) from None

    def put(self, data: bytes, *, durable: bool) -> bytes:
        """Stores bytes and gives their digest; `durable` ones survive a power cut from now on."""
        digest = sha256(data).digest()
        name = digest.hex()
        folder = f"{self._objects}/{name[:2]}"
        path = f"{folder}/{name[2:]}"
        try:
            if not self._keep(path, data, durable):
                self._write(folder, path, data, durable)
            if durable:
                self._flush_names(folder)
        except OSError as error:
            raise disk_error(error, path) from error
        return digest

    def _keep(self, path: str, data: bytes, durable: bool) -> bool:
        """Whether these very bytes are there already; says to a collection under way that they are wanted."""
        try:
            if os.stat(path).st_size != len(data):
                return False
            if durable:
                # They may have been put as not durable, and a power cut may have left anything of them.
                descriptor = os.open(path, os.O_RDONLY)
                try:
                    if sha256(_read_all(descriptor)).digest() != sha256(data).digest():
                        return False
                    self._disk.flush(descriptor)
                finally:
                    self._disk.close(descriptor)
            os.utime(path)
        except FileNotFoundError:
            return False
        return True

    def _write(self, folder: str, path: str, data: bytes, durable: bool) -> None:
        if folder not in self._made:
            self._make_object_folder(folder)
        temporary = self._temporary(folder)
        try:
            descriptor = self._disk.open(temporary, _NEW_FILE, 0o444)
        except FileNotFoundError:
            self._make_object_folder(folder)
            descriptor = self._disk.open(temporary, _NEW_FILE, 0o444)
        self._fill(descriptor, temporary, path, data, durable)

    def _fill(self, descriptor: int, temporary: str, path: str, data: bytes, durable: bool) -> None:
        try:
            try:
                write_all(self._disk, descriptor, data)
                if durable:
                    self._disk.flush(descriptor)
            finally:
                self._disk.close(descriptor)
            self._disk.replace(temporary, path)
        except OSError:
            self._discard(temporary)
            raise

    def _make_object_folder(self, folder: str) -> None:
        make_folder(self._folder)
        os.makedirs(folder, exist_ok=True)
        self._made.add(folder)

    def _flush_names(self, folder: str) -> None:
        self._disk.flush_folder(folder)
        if folder not in self._flushed:
            self._disk.flush_folder(self._objects)
            self._disk.flush_folder(self._folder)
            self._flushed.add(folder)

    def read(self, digest: bytes) -> bytes:
        """The object's bytes, checked against the digest. Raises MissingObject, DamagedObject, StoreError."""
        path = self.path(digest)
        try:
            with open(path, "rb", buffering=0) as file:
                data = file.readall()
        except FileNotFoundError:
            with contextlib.suppress(StoreError):
                self.note_missing(digest)
            raise MissingObject(digest) from None
        except OSError as error:
            raise disk_error(error, path) from error
        if sha256(data).digest() != digest:
            raise DamagedObject(digest, self._set_aside(digest))
        return data

    def _set_aside(self, digest: bytes) -> str:
        folder = f"{self._folder}/quarantine"
        aside = f"{folder}/{digest.hex()}"
        try:
            os.makedirs(folder, exist_ok=True)
            self._disk.replace(self.path(digest), aside)
        except FileNotFoundError:
            pass  # somebody else set it aside in the meantime
        except OSError as error:
            raise disk_error(error, aside) from error
        return aside

    def keep_aside(self, name: str, data: bytes) -> str:
        """Keeps bytes that are no result in a file beside the objects; gives its path. They survive a power cut."""
        folder = f"{self._folder}/aside"
        path = f"{folder}/{name}"
        try:
            self._write(folder, path, data, durable=True)
            self._disk.flush_folder(folder)
            self._disk.flush_folder(self._folder)
        except OSError as error:
            raise disk_error(error, path) from error
        return path

    def note_missing(self, digest: bytes) -> None:
        """Remembers that an object is gone, so that `lost` tells of it; raises StoreError."""
        folder = f"{self._folder}/quarantine"
        try:
            os.makedirs(folder, exist_ok=True)
            os.close(os.open(f"{folder}/{digest.hex()}", os.O_WRONLY | os.O_CREAT, 0o444))
        except OSError as error:
            raise disk_error(error, folder) from error

    def lost(self) -> frozenset[bytes]:
        """The digests of objects that were found damaged or missing, and were not put again since."""
        named = (name for name in _names(f"{self._folder}/quarantine") if len(name) == 64)
        digests = (bytes.fromhex(name) for name in named)
        return frozenset(digest for digest in digests if not self.has(digest))

    def digests(self) -> Iterator[bytes]:
        """The digests of all objects, in order."""
        for folder in self._object_folders():
            prefix = folder[-2:]
            for name in sorted(_names(folder)):
                if len(name) == 62:
                    with contextlib.suppress(ValueError):
                        yield bytes.fromhex(prefix + name)

    def _object_folders(self) -> list[str]:
        return [f"{self._objects}/{name}" for name in sorted(_names(self._objects)) if len(name) == 2]

    def remove(self, digest: bytes) -> bool:
        """Removes an object; False when there was none. Raises StoreError."""
        path = self.path(digest)
        try:
            self._disk.unlink(path)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise disk_error(error, path) from error
        return True

    def remove_if_older(self, digest: bytes, moment: float) -> int | None:
        """Removes an object last wanted before `moment` (unix seconds); its size, or None when kept."""
        path = self.path(digest)
        try:
            if os.stat(path).st_mtime >= moment:
                return None
            # Out of sight first: who puts the same bytes either touched it before, or writes anew.
            hidden = self._temporary(os.path.dirname(path))
            self._disk.replace(path, hidden)
            status = os.stat(hidden)
            if status.st_mtime >= moment:
                self._disk.replace(hidden, path)
                return None
            self._disk.unlink(hidden)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise disk_error(error, path) from error
        return status.st_size

    # Published copies

    def publish(self, digest: bytes, target: str, data: bytes | None = None) -> os.stat_result:
        """Writes a copy of an object to `target`, making its parents, and gives what the system says of it.

        A link at the target is replaced, not followed. Durable after `sync`. `data` is the object where it was read before.
        Raises MissingObject, DamagedObject, StoreError.
        """
        data = self.read(digest) if data is None else data
        return self._publish(data, target, self.path(digest) if self._clones else None)

    def publish_bytes(self, data: bytes, target: str) -> os.stat_result:
        """Writes bytes to `target`, as `publish` does."""
        return self._publish(data, target, None)

    def _publish(self, data: bytes, target: str, source: str | None) -> os.stat_result:
        folder = os.path.dirname(os.path.abspath(target))
        try:
            self._note(folder)
            temporary = self._temporary(folder)
            try:
                descriptor = self._disk.open(temporary, _NEW_FILE, 0o666)
            except FileNotFoundError:
                os.makedirs(folder, exist_ok=True)
                descriptor = self._disk.open(temporary, _NEW_FILE, 0o666)
            if source is not None and self._clone(source, descriptor):
                data = b""
            self._fill(descriptor, temporary, target, data, durable=False)
            with self._lock:
                self._published[target] = folder
            return os.lstat(target)
        except OSError as error:
            raise disk_error(error, target) from error

    def _clone(self, source: str, target: int) -> bool:
        try:
            original = os.open(source, os.O_RDONLY)
        except FileNotFoundError:
            return False  # collected since it was read: the bytes are at hand
        try:
            self._clones = platform.clone(original, target)
        finally:
            os.close(original)
        return self._clones

    def sync(self) -> None:
        """Returns when all that was published since the last time survives a power cut, with its folders' entries."""
        with self._lock:
            published, self._published = self._published, {}
        wanted = set(published.values())
        path = self._folder
        try:
            if len(published) > _FLUSH_ONE_BY_ONE:
                for path in _one_for_each_device(wanted):
                    platform.flush_file_system(path)
                return
            for path in published:
                self._flush_file(path)
            for path in wanted:
                self._disk.flush_folder(path)
        except OSError as error:
            with self._lock:
                self._published = {**published, **self._published}
            raise disk_error(error, path) from error

    def _flush_file(self, path: str) -> None:
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return  # removed since by its owner
        try:
            self._disk.flush(descriptor)
        finally:
            self._disk.close(descriptor)

    # Temporary names

    def _temporary(self, folder: str) -> str:
        return f"{folder}/{_TEMPORARY_PREFIX}{self._announced().id}-{next(self._numbers)}{_TEMPORARY_SUFFIX}"

    def _announced(self) -> Presence:
        if self._presence is None:
            with self._lock:
                if self._presence is None:
                    make_folder(self._folder)
                    writers = f"{self._folder}/writers"
                    os.makedirs(writers, exist_ok=True)
                    self._presence = Presence.announce(writers)
        return self._presence

    def temporary_beside(self, path: str) -> str:
        """What a file is called until it is whole and becomes `path`: should we die first, the next sweep removes it.

        Raises StoreError.
        """
        folder = os.path.dirname(os.path.abspath(path))
        try:
            self._note(folder)
            return self._temporary(folder)
        except OSError as error:
            raise disk_error(error, path) from error

    def _note(self, folder: str) -> None:
        """Tells whoever sweeps after us that temporary files may lie in `folder`."""
        if folder not in self._noted:
            self._announced().note(folder + "\0")
            self._noted.add(folder)

    def _discard(self, temporary: str) -> None:
        with contextlib.suppress(OSError):
            self._disk.unlink(temporary)

    def has_leftovers(self) -> bool:
        """Whether a process that wrote here died, and nobody swept after it since."""
        return bool(presence.dead(f"{self._folder}/writers"))

    def sweep(self, folders: Iterable[str] = ()) -> int:
        """Removes what dead writers left half-written here, where they published, and in `folders`.

        Gives how many files went. Quick when nobody died. Raises StoreError.
        """
        try:
            gone = presence.dead(f"{self._folder}/writers")
            where = {os.path.abspath(folder) for folder in folders}
            for path in gone:
                where.update(_noted_folders(path))
            if gone:
                where.update((self._objects, *self._object_folders()))
            removed = sum(self._sweep_folder(folder) for folder in sorted(where))
            for path in gone:
                presence.forget(path)
        except OSError as error:
            raise disk_error(error, self._folder) from error
        return removed

    def _sweep_folder(self, folder: str) -> int:
        removed = 0
        alive: dict[str, bool] = {}
        for name in _names(folder):
            if not (name.startswith(_TEMPORARY_PREFIX) and name.endswith(_TEMPORARY_SUFFIX)):
                continue
            writer = name[len(_TEMPORARY_PREFIX) :].rpartition("-")[0]
            if writer not in alive:
                alive[writer] = presence.is_alive(f"{self._folder}/writers/{writer}")
            if not alive[writer]:
                with contextlib.suppress(FileNotFoundError):
                    self._disk.unlink(f"{folder}/{name}")
                    removed += 1
        return removed

    # The disk

    def check(self) -> None:
        """Makes sure that the store can be written, before anything is paid for; raises StoreError."""
        try:
            self._announced()
            os.makedirs(self._objects, exist_ok=True)
            temporary = self._temporary(self._objects)
            descriptor = self._disk.open(temporary, _NEW_FILE, 0o444)
            try:
                write_all(self._disk, descriptor, b"\0" * 4096)
                self._disk.flush(descriptor)
            finally:
                self._disk.close(descriptor)
                self._discard(temporary)
        except OSError as error:
            raise disk_error(error, self._objects) from error

    def refuse_unwritable(self, least_bytes: int) -> None:
        """Raises StoreError where an object could not be written now, DiskFull where less room is left than this."""
        temporary = self._temporary(self._objects)
        try:
            self._make_object_folder(self._objects)
            self._disk.close(self._disk.open(temporary, _NEW_FILE, 0o444))
            self._disk.unlink(temporary)
        except OSError as error:
            raise disk_error(error, self._objects) from error
        if (free := self.free_bytes()) < least_bytes:
            raise DiskFull(
                f"the disk that holds {self._folder} has {free // 1048576} MB left, too little for pictures that are paid for: "
                "make room and run the same command again"
            )

    def free_bytes(self) -> int:
        """Room that is left for this user on the store's disk; raises StoreError."""
        try:
            status = os.statvfs(self._folder)
        except OSError as error:
            raise disk_error(error, self._folder) from error
        return status.f_bavail * status.f_frsize


def _read_all(descriptor: int) -> bytes:
    parts = []
    while part := os.read(descriptor, 1 << 24):
        parts.append(part)
    return b"".join(parts)


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _noted_folders(path: str) -> list[str]:
    try:
        with open(path, "rb") as file:
            text = file.read().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return []
    # What follows the last mark may be cut.
    return text.split("\0")[:-1]


def _one_for_each_device(folders: Iterable[str]) -> list[str]:
    devices: dict[int, str] = {}
    for folder in folders:
        try:
            devices.setdefault(os.stat(folder).st_dev, folder)
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise
    return list(devices.values())

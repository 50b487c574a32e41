"""What differs between operating systems: locks, flushing to disk, shared blocks, kinds of file system."""

# Plain calls on strings, as pathlib is slow to load; checkers follow `else` after a test of the platform.
# ruff: noqa: RET505, RET506

from __future__ import annotations

import errno
import os
import re
import sys
from typing import TYPE_CHECKING

from editchain.classes import dataclass
from editchain.errors import DiskFull, StoreError

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Callable

# Linux's request to let one file share another's blocks (ioctl_ficlone(2)).
_FICLONE = 0x40049409

# Locks cannot be relied on here, and a journal in WAL mode needs memory shared between processes.
# 9p and virtiofs are absent on purpose: sandboxes and virtual machines present local disks through them.
NETWORK_FILE_SYSTEMS = frozenset(
    {
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "davfs",
        "fuse.ceph",
        "fuse.davfs2",
        "fuse.gcsfuse",
        "fuse.glusterfs",
        "fuse.juicefs",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.smbnetfs",
        "fuse.sshfs",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "smb3",
        "smbfs",
    }
)

_SENTENCES = {
    errno.ENOSPC: "the disk that holds {path} is full: make room and run the same command again",
    errno.EDQUOT: "the disk quota at {path} is used up: make room and run the same command again",
    errno.EFBIG: "{path} may not grow larger here: raise the limit on file sizes (ulimit -f)",
    errno.EROFS: "{path} is on a read-only file system: mount it for writing, or choose another folder",
    errno.EACCES: "{path} may not be written by this user: change its permissions, or choose another folder",
    errno.EPERM: "{path} may not be changed by this user: change its permissions, or choose another folder",
    errno.EIO: "the disk that holds {path} reports an error: check it before running again",
    errno.EMFILE: "too many files are open at {path}: raise the limit on open files (ulimit -n)",
    errno.ENOTDIR: "{path} cannot be written, as a part of it is a file and no folder: rename one of the two",
    errno.EISDIR: "{path} is a folder where a file should be: rename one of the two",
    errno.ENAMETOOLONG: "{path} is too long a name for this file system: shorten it",
}


def disk_error(error: OSError, path: str) -> StoreError:
    """The StoreError that says in a plain sentence what the system said about `path`, and what to do."""
    kind = DiskFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else StoreError
    sentence = _SENTENCES.get(error.errno or 0)
    if sentence is None:
        return StoreError(f"{path} cannot be read or written: {error.strerror or error}")
    return kind(sentence.format(path=path))


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Takes the kernel's lock on an open file, if nobody else holds it; it ends with the process."""
    if sys.platform == "win32":
        raise StoreError("runs are not supported on Windows yet: validate, plan and models are")
    else:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def unlock(descriptor: int) -> None:
    """Gives back the lock on an open file."""
    if sys.platform != "win32":
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def flush(descriptor: int) -> None:
    """Returns when the bytes of an open file would survive a power cut."""
    if sys.platform == "darwin":
        # There, fsync leaves the bytes in the drive's own memory.
        try:
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        except OSError:
            os.fsync(descriptor)
    elif sys.platform == "linux":
        os.fdatasync(descriptor)
    else:
        os.fsync(descriptor)


def flush_folder(path: str) -> None:
    """Returns when the names in a folder would survive a power cut."""
    if sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_file_system(path: str) -> None:
    """Flushes everything on the file system that holds `path`: cheaper than many single files."""
    if sys.platform == "linux":
        import ctypes

        library = ctypes.CDLL(None, use_errno=True)
        descriptor = os.open(path, os.O_RDONLY)
        try:
            if library.syncfs(descriptor) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number), path)
        finally:
            os.close(descriptor)
    elif sys.platform != "win32":
        os.sync()


def clone(source: int, target: int) -> bool:
    """Makes the empty open file `target` share the blocks of `source`; False where the file system cannot."""
    if sys.platform != "linux":
        return False
    else:
        try:
            fcntl.ioctl(target, _FICLONE, source)
        except OSError:
            return False
        return True


def host() -> str:
    """The machine's name."""
    return "" if sys.platform == "win32" else os.uname().nodename


def boot_id() -> str:
    """What tells this start of the machine from others; empty where the system does not say."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def file_system(path: str) -> str | None:
    """The kind of file system that holds `path` (ext4, nfs4 ...); None where it cannot be told."""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            return mounted_kind(file.read(), os.path.realpath(path))
    except OSError:
        return None


def mounted_kind(mounts: str, path: str) -> str | None:
    """The kind that covers `path` in the text of a mountinfo."""
    found: str | None = None
    longest = -1
    for line in mounts.splitlines():
        place, dash, kind = line.partition(" - ")
        fields = place.split(" ")
        if not dash or len(fields) < 5:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), fields[4])
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        # Of two mounts on one place the later covers the earlier.
        if inside and len(point) >= longest:
            found, longest = kind.split(" ", 1)[0], len(point)
    return found


@dataclass(frozen=True, slots=True)
class Disk:
    """The calls that change files, handed in so that any of them can be made to fail or be counted."""

    open: Callable[[str, int, int], int] = os.open
    write: Callable[[int, bytes | memoryview], int] = os.write
    flush: Callable[[int], None] = flush
    close: Callable[[int], None] = os.close
    replace: Callable[[str, str], None] = os.replace
    unlink: Callable[[str], None] = os.unlink
    flush_folder: Callable[[str], None] = flush_folder


DISK = Disk()


def write_all(disk: Disk, descriptor: int, data: bytes) -> None:
    """Writes all of `data`, also where the system takes it in parts."""
    written = disk.write(descriptor, data)
    if written < len(data):
        view = memoryview(data)
        while written < len(data):
            written += disk.write(descriptor, view[written:])


def temporary_beside(path: str) -> str:
    """What a file is called until it is whole and becomes `path`; a store has names that are swept after us."""
    return f"{path}.{os.getpid()}.tmp"


def write_file(disk: Disk, path: str, data: bytes) -> None:
    """A new file with these bytes, flushed; it must not be there yet."""
    descriptor = disk.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        write_all(disk, descriptor, data)
        disk.flush(descriptor)
    finally:
        disk.close(descriptor)

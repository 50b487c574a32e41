"""Snapshots: the answer of a command about an unchanged workspace, given without parsing anything again.

Only the standard library is imported here, and little of it: this is the path of a run that has nothing to do.
"""

from __future__ import annotations

import marshal
import os
import sys
import time
import zlib
from array import array

TYPE_CHECKING = False  # importing typing for it would be felt here
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

RACY_NS = 2_000_000_000
"""A file written less than this before it was looked at may have changed since without its times telling."""

_SHAPE = 3
_Stat = tuple[int, int, int, int]


def answer(arguments: list[str]) -> int | None:
    """Writes what the same command said before and gives its exit code, where nothing changed since; else None."""
    try:
        snapshot = _find(arguments)
        if snapshot is None or not _holds(snapshot):
            return None
    except (OSError, ValueError, TypeError, KeyError, EOFError):
        return None
    code: int = snapshot["code"]
    try:
        sys.stderr.write(snapshot["messages"])
        sys.stdout.write(snapshot["results"])
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output went away: nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return code


def save(
    arguments: list[str],
    root: str,
    *,
    files: dict[str, _Stat],
    folders: list[str],
    absent: list[str],
    present: list[str],
    empty: list[str],
    results: str,
    messages: str,
    code: int,
    beside: Callable[[str], str],
) -> None:
    """Keeps an answer; `beside` gives the name of its file until it is whole. Nothing is kept where a file was written so recently that a change might go unseen.

    `files` are looked at again with size, times and inode; `folders` with their times; `absent` must stay absent,
    `present` there in whatever state, and `empty` absent or without a byte.
    """
    before = time.time_ns() - RACY_NS
    if any(max(stat[1], stat[2]) > before for stat in files.values()):
        return
    stats = {}
    for folder in folders:
        stats[folder] = _stat(folder)
        if stats[folder][1] > before:
            return
    try:
        # One text and one row of numbers: ten thousand files are read back in a fraction of the time.
        numbers = array("q", [number for stat in files.values() for number in stat]).tobytes()
    except OverflowError:
        return  # an inode beyond what fits
    snapshot = {
        "shape": _SHAPE,
        "who": _who(arguments),
        "files": "\0".join(files),
        "numbers": numbers,
        "folders": [(path, *stat) for path, stat in stats.items()],
        "absent": absent,
        "present": present,
        "empty": empty,
        "results": results,
        "messages": messages,
        "code": code,
    }
    folder = f"{root}/.editchain/plans"
    try:
        os.makedirs(folder, exist_ok=True)
        temporary = beside(f"{folder}/{_name(arguments)}")
        with open(temporary, "wb") as file:
            file.write(marshal.dumps(snapshot))
        os.replace(temporary, f"{folder}/{_name(arguments)}")
    except OSError:
        return  # a cache that cannot be written is no cache


def _find(arguments: list[str]) -> dict[str, Any] | None:
    """The snapshot of these very words, in the workspace that one of them names."""
    name = _name(arguments)
    for argument in arguments[1:]:
        if not argument.startswith("-") and os.path.isfile(argument):
            folder = os.path.dirname(os.path.abspath(argument))
            while True:
                path = f"{folder}/.editchain/plans/{name}"
                if os.path.exists(path):
                    with open(path, "rb") as file:
                        snapshot = marshal.loads(file.read())
                    return (
                        snapshot
                        if snapshot["shape"] == _SHAPE and snapshot["who"] == _who(arguments)
                        else None
                    )
                parent = os.path.dirname(folder)
                if parent == folder:
                    break
                folder = parent
    return None


def _holds(snapshot: dict[str, Any]) -> bool:
    stat = os.stat
    numbers = iter(array("q", snapshot["numbers"]))
    for path, size, mtime, ctime, inode in zip(
        snapshot["files"].split("\0"), numbers, numbers, numbers, numbers, strict=True
    ):
        found = stat(path)
        if (
            found.st_mtime_ns != mtime
            or found.st_size != size
            or found.st_ctime_ns != ctime
            or found.st_ino != inode
        ):
            return False
    for path, *known in snapshot["folders"]:
        if _stat(path) != tuple(known):
            return False
    if any(os.path.lexists(path) for path in snapshot["absent"]):
        return False
    if not all(os.path.lexists(path) for path in snapshot["present"]):
        return False
    return not any(os.path.exists(path) and os.stat(path).st_size for path in snapshot["empty"])


def _stat(path: str) -> _Stat:
    found = os.stat(path)
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def _who(arguments: list[str]) -> list[object]:
    """What an answer depends on besides files: the words, the folder, the version, the day, which credentials there are."""
    from editchain import __version__

    credentials = sorted(name for name in os.environ if name.endswith(("_KEY", "_TOKEN", "_SECRET")))
    look = (os.environ.get("NO_COLOR", ""), os.environ.get("TERM", ""), sys.stderr.isatty())
    return [
        arguments,
        os.getcwd(),
        __version__,
        sys.hexversion,
        int(time.time() // 86400),
        credentials,
        list(look),
    ]


def _name(arguments: list[str]) -> str:
    return f"{zlib.crc32(repr((arguments, os.getcwd())).encode('utf-8', 'surrogateescape')):08x}"

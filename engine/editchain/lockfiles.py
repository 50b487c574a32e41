"""Lock files: read from disk and from git, written whole."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from editchain.errors import ConfigurationError, Unsettled
from editchain.lock import Lock, parse, text_of
from editchain.platform import DISK, disk_error, temporary_beside, write_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from editchain.platform import Disk


def stamp(place: Path) -> tuple[int, int, int] | None:
    """What tells that a file is as it was; None where there is none."""
    try:
        found = os.stat(place)
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ino


def read(place: Path, *, merging: bool = False) -> Lock:
    """The lock in a file, an empty one where there is none.

    Raises ConfigurationError where the file is no lock, and Unsettled where a person has to settle a merge first
    (unless `merging`).
    """
    try:
        text = place.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Lock()
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{place} is no lock: it is not UTF-8.") from error
    except OSError as error:
        raise disk_error(error, str(place)) from error
    lock = parse(text, os.path.relpath(place), merging=merging)
    if lock.conflicts and not merging:
        first = lock.conflicts[0]
        raise Unsettled(
            f"{os.path.relpath(place)} has {len(first.choices)} pictures for {first.what}"
            f"{f' and {len(lock.conflicts) - 1:,} more' if len(lock.conflicts) > 1 else ''}: "
            "`editchain lock merge` shows them, and a person says which count."
        )
    return lock


def write(
    place: Path, lock: Lock, disk: Disk = DISK, beside: Callable[[str], str] = temporary_beside
) -> bool:
    """Writes a lock under a temporary name, then renames it; an unchanged file is left untouched. Says whether it wrote.

    `beside` gives the temporary name.

    Raises StoreError.
    """
    data = text_of(lock).encode()
    temporary = ""
    try:
        if place.is_file():
            if place.read_bytes() == data:
                return False
        elif not lock.lines and not lock.inputs:
            return False
        temporary = beside(str(place))
        write_file(disk, temporary, data)
        disk.replace(temporary, str(place))
    except OSError as error:
        raise disk_error(error, str(place)) from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
    return True

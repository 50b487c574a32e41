"""Stopping: a run that goes on in another process of this machine is asked to end tidily."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from editchain import platform
from editchain.errors import ConfigurationError

if TYPE_CHECKING:
    from editchain.journal.entries import Owner


def stop(owner: Owner, folder: Path) -> None:
    """Asks the process of a run to stop, once it is certain that it is that process; `folder` is the store's.

    It starts nothing more and keeps what is made. Raises ConfigurationError where it cannot be asked from here.
    """
    if owner.host != platform.host():
        raise ConfigurationError(f"It runs on another machine, {owner.host or 'unknown'}: cancel it there.")
    if owner.boot_id != platform.boot_id():
        raise ConfigurationError(
            "It runs in another start of this machine, such as a container: cancel it there."
        )
    if owner.pid <= 1 or not is_process(owner, folder):
        raise ConfigurationError(
            f"Its process, {owner.pid}, is not to be seen from here, such as one in a container: cancel it there."
        )
    try:
        os.kill(owner.pid, signal.SIGTERM)
    except ProcessLookupError:
        raise ConfigurationError("Its process has just ended.") from None
    except PermissionError:
        raise ConfigurationError(
            f"Process {owner.pid} belongs to another user: they may cancel it."
        ) from None


def is_process(owner: Owner, folder: Path) -> bool:
    """Whether the process of the owner's number here is the one that holds the owner's file.

    A number alone proves nothing: it is given anew, and means another process inside of a container.
    """
    held = folder / "owners" / owner.id
    open_files = Path(f"/proc/{owner.pid}/fd")
    if not Path("/proc/self/fd").is_dir():
        return _exists(owner.pid)
    with contextlib.suppress(OSError):
        return any(_is_same(link, held) for link in open_files.iterdir())
    return False


def _is_same(link: Path, held: Path) -> bool:
    with contextlib.suppress(OSError):
        return link.samefile(held)
    return False


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

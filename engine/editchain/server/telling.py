"""Telling: the events of runs, kept as lines of a file for each, and read from any place on while they come."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import anyio

from editchain.errors import StoreError
from editchain.platform import disk_error

if TYPE_CHECKING:
    from pathlib import Path

READ_BYTES = 256 * 1024


class Told(NamedTuple):
    """An event with the place that comes after it: who has heard it goes on from there."""

    after: int
    line: bytes


class Telling:
    """Keeps events and wakes who waits for them. To be used in one event loop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting: dict[str, anyio.Event] = {}

    def _path(self, run: str) -> Path:
        return self._folder / f"{run}.jsonl"

    def take_up(self, run: str) -> None:
        """Cuts off what a server that was killed wrote half of. Raises StoreError."""
        path = self._path(run)
        try:
            data = path.read_bytes()
            if data and not data.endswith(b"\n"):
                os.truncate(path, data.rfind(b"\n") + 1)
        except FileNotFoundError:
            return
        except OSError as error:
            raise disk_error(error, str(path)) from error

    def tell(self, run: str, line: bytes) -> None:
        """Adds an event, as JSON without its line's end. Raises StoreError."""
        path = self._path(run)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file:
                file.write(line + b"\n")
        except OSError as error:
            raise disk_error(error, str(path)) from error
        self.wake(run)

    def wake(self, run: str) -> None:
        """Has who waits for a run look again."""
        if (waiting := self._waiting.pop(run, None)) is not None:
            waiting.set()

    def wake_all(self) -> None:
        """Has everybody look again."""
        for run in list(self._waiting):
            self.wake(run)

    def read(self, run: str, after: int) -> list[Told]:
        """Some of the events from a place on, none where there are no more yet. Raises ValueError where no event ends there."""
        path = self._path(run)
        try:
            with path.open("rb") as file:
                if after > os.fstat(file.fileno()).st_size:
                    raise ValueError(after)
                if after:
                    file.seek(after - 1)
                    if file.read(1) != b"\n":
                        raise ValueError(after)
                data = file.read(READ_BYTES)
                if data and b"\n" not in data:
                    data += file.readline()
        except FileNotFoundError:
            if after:
                raise ValueError(after) from None
            return []
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}.") from error
        found = []
        for line in data[: data.rfind(b"\n") + 1].splitlines():
            after += len(line) + 1
            found.append(Told(after, line))
        return found

    def next(self, run: str) -> anyio.Event:
        """What is set once there is more than there is now; to be taken before one reads, so that nothing is missed."""
        return self._waiting.setdefault(run, anyio.Event())

"""The file of the records: lines added to it, or all of it put anew, so that both survive a power cut."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from editchain.journal.records import HEADER
from editchain.platform import disk_error, write_all

if TYPE_CHECKING:
    from collections.abc import Iterable

    from editchain.platform import Disk


class RecordFile:
    """`records.jsonl` of a workspace's folder; whoever writes it holds the store's mutex."""

    def __init__(self, folder: str, disk: Disk) -> None:
        self._folder = folder
        self._path = f"{folder}/records.jsonl"
        self._disk = disk

    def append(self, text: str) -> None:
        """Adds lines, durably. Raises StoreError."""
        if not text:
            return
        # Opened each time, as a repair may have put it anew.
        try:
            descriptor = self._disk.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
            try:
                self._append_to(descriptor, text.encode())
            finally:
                self._disk.close(descriptor)
        except OSError as error:
            raise disk_error(error, self._path) from error

    def _append_to(self, descriptor: int, data: bytes) -> None:
        size = os.fstat(descriptor).st_size
        if size == 0:
            data = HEADER.encode() + data
        elif os.pread(descriptor, 1, size - 1) != b"\n":
            data = b"\n" + data  # somebody died while writing a line
        try:
            write_all(self._disk, descriptor, data)
            self._disk.flush(descriptor)
            if size == 0:
                self._disk.flush_folder(self._folder)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, size)
            raise

    def rewrite(self, texts: Iterable[str]) -> None:
        """Puts other lines in place of all that there are, durably. Raises StoreError."""
        try:
            temporary = f"{self._path}.new"
            descriptor = self._disk.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
            try:
                for text in texts:
                    write_all(self._disk, descriptor, text.encode())
                self._disk.flush(descriptor)
            finally:
                self._disk.close(descriptor)
            self._disk.replace(temporary, self._path)
            self._disk.flush_folder(self._folder)
        except OSError as error:
            raise disk_error(error, self._path) from error

"""The remote store: results by digest in a folder or a bucket that several people share."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from editchain.errors import ConfigurationError, EditchainError
from editchain.platform import DISK, disk_error, flush_folder, write_file

if TYPE_CHECKING:
    from editchain.platform import Disk


RETRIES: dict[str, Any] = {"max_retries": 4, "retry_timeout": timedelta(seconds=60)}
"""How often a store is asked again that answers with trouble of its own, or not at all."""


LEFT_OVER_SECONDS = 86400.0
"""How old a file is that somebody began to push into a folder and never will end."""

TROUBLES = (
    ("169.254.", "no credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or their kin."),
    ("NoSuchBucket", "there is no such bucket."),
    ("401 Unauthorized", "the credentials are not accepted."),
    ("403 Forbidden", "these credentials may not do that, or the bucket is another's."),
    ("HTTP error: builder error", "its address is plain http, which only AWS_ALLOW_HTTP=true allows."),
    (
        "HTTP error: error sending request",
        "it cannot be reached: is the network there, and AWS_ENDPOINT_URL or AWS_REGION right?",
    ),
)
"""What stands in the words of obstore 0.12, and what it means."""


class RemoteError(EditchainError):
    """The remote store did not do what was asked; nothing here was changed, and asking again is free."""

    exit_code = 5


class Remote(Protocol):
    """Objects by digest in a place that others read too. Any thread may call any method; all raise RemoteError."""

    def size(self, digest: bytes) -> int | None:
        """Bytes of an object; None where there is none."""
        ...

    def get(self, digest: bytes) -> bytes | None:
        """An object's bytes as they came, to be checked by whoever asked; None where there is none."""
        ...

    def put(self, digest: bytes, data: bytes) -> None:
        """Stores an object whole, checked on arrival."""
        ...

    def sweep(self) -> None:
        """Removes what pushes left half-written that ended long ago."""
        ...


def remote_of(address: str, root: Path) -> Remote:
    """The remote at an address: a URL that obstore knows, or a folder, relative to the workspace.

    Raises ConfigurationError where the address is none, or the extra is missing.
    """
    scheme, colon, rest = address.partition("://")
    if not colon:
        return Folder(os.path.normpath(root / Path(address).expanduser()))
    if scheme == "file":
        return Folder(rest)
    return Bucket(address)


def _path(digest: bytes) -> str:
    name = digest.hex()
    return f"objects/{name[:2]}/{name[2:]}"


class Folder:
    """A folder, on this machine or mounted from another."""

    def __init__(self, folder: str, disk: Disk = DISK) -> None:
        self._folder = folder
        self._disk = disk

    def __str__(self) -> str:
        return self._folder

    def size(self, digest: bytes) -> int | None:
        """Bytes of an object; None where there is none."""
        try:
            return os.stat(f"{self._folder}/{_path(digest)}").st_size
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._trouble(error) from error

    def get(self, digest: bytes) -> bytes | None:
        """An object's bytes; None where there is none."""
        try:
            with open(f"{self._folder}/{_path(digest)}", "rb", buffering=0) as file:
                return file.readall()
        except FileNotFoundError:
            if not os.path.isdir(self._folder):
                raise RemoteError(f"There is no folder {self._folder}: is its disk mounted?") from None
            return None
        except OSError as error:
            raise self._trouble(error) from error

    def put(self, digest: bytes, data: bytes) -> None:
        """Writes an object under a temporary name, reads it back, and renames it."""
        path = f"{self._folder}/{_path(digest)}"
        folder = os.path.dirname(path)
        temporary = f"{folder}/.{secrets.token_hex(8)}.tmp"
        try:
            os.makedirs(folder, exist_ok=True)
            write_file(self._disk, temporary, data)
            with open(temporary, "rb") as file:
                if sha256(file.read()).digest() != digest:
                    raise RemoteError(f"{self._folder} gives other bytes than it was given: check that disk.")
            self._disk.replace(temporary, path)
            flush_folder(folder)
        except OSError as error:
            raise self._trouble(error) from error
        finally:
            with contextlib.suppress(OSError):
                os.unlink(temporary)

    def sweep(self) -> None:
        """Removes temporary files of pushes that were killed; those of the last day may be somebody's at work."""
        before = time.time() - LEFT_OVER_SECONDS
        for left in Path(self._folder).glob("objects/??/.*.tmp"):
            with contextlib.suppress(OSError):
                if left.stat().st_mtime < before:
                    left.unlink()

    def _trouble(self, error: OSError) -> RemoteError:
        return RemoteError(str(disk_error(error, str(error.filename or self._folder))))


class Bucket:
    """A bucket of S3, or another store that obstore reaches by its URL; credentials are found by its usual means."""

    def __init__(self, url: str) -> None:
        try:
            import obstore
            import obstore.store
        except ImportError:
            raise ConfigurationError(
                f'{url} needs an extra: pip install "editchain[remote]". A folder needs none.'
            ) from None
        self._obstore = obstore
        self._url = url
        try:
            options: dict[str, Any] = {"client_options": _patience(), "retry_config": RETRIES}
            if url.startswith("s3"):
                options["aws_checksum_algorithm"] = "SHA256"  # so that S3 checks the bytes that arrive
            self._store: Any = obstore.store.from_url(url, **options)
        except (ValueError, TypeError, obstore.exceptions.BaseError) as error:
            raise ConfigurationError(f"{url} is no remote store: {_meaning(error)}") from error

    def __str__(self) -> str:
        return self._url

    def size(self, digest: bytes) -> int | None:
        """Bytes of an object; None where there is none."""
        try:
            return int(self._obstore.head(self._store, _path(digest))["size"])
        except FileNotFoundError:
            return None
        except self._obstore.exceptions.BaseError as error:
            raise self._trouble(error) from error

    def get(self, digest: bytes) -> bytes | None:
        """An object's bytes; None where there is none."""
        try:
            return bytes(self._obstore.get(self._store, _path(digest)).bytes())
        except FileNotFoundError:
            return None
        except self._obstore.exceptions.BaseError as error:
            raise self._trouble(error) from error

    def put(self, digest: bytes, data: bytes) -> None:
        """Uploads an object, and asks whether it arrived whole."""
        try:
            self._obstore.put(self._store, _path(digest), data)
        except (FileNotFoundError, self._obstore.exceptions.BaseError) as error:
            raise self._trouble(error) from error
        if self.size(digest) != len(data):
            raise RemoteError(f"{self._url} did not keep the whole of {digest.hex()}: push again.")

    def sweep(self) -> None:
        """Nothing: an upload that did not end is no object; what parts of it cost is the bucket's rules' to remove."""

    def _trouble(self, error: Exception) -> RemoteError:
        return RemoteError(f"{self._url}: {_meaning(error)}")


def _patience() -> dict[str, Any]:
    """How long one request may take: a large picture over a slow line takes minutes, and the default is half of one.

    Who gives options has to give all of them, so the one that the environment usually gives is read here.
    """
    plain = os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true")
    return {"timeout": "10 minutes", "connect_timeout": "10 seconds", "allow_http": plain}


def _meaning(error: Exception) -> str:
    """What a library's trouble means; where that is not known, what it says without the particulars that follow."""
    text = str(error)
    for said, meaning in TROUBLES:
        if said in text:
            return meaning
    text = text.split("\n", 1)[0].split("<?xml", 1)[0].strip()
    return f"{text.rstrip('.:')}."

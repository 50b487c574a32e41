"""Programs of one's own that make pictures, each in a folder that goes afterwards."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from editchain.errors import OperationError
from editchain.imaging import codec
from editchain.imaging.limits import MAX_BYTES
from editchain.operations.base import Picture
from editchain.operations.run_command import forbidden

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from PIL import Image

_HANDED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")
"""What a program sees of the environment: no credentials."""

_EXTENSIONS = {"png": "png", "jpeg": "jpg", "webp": "webp", "tiff": "tif"}
_SAID = 600


class Programs:
    """The operation `run_command` of a workspace that allows some programs, by the names that steps call them."""

    def __init__(self, allowed: Collection[str], environment: Mapping[str, str]) -> None:
        self._allowed = frozenset(allowed)
        self._environment = {name: environment[name] for name in _HANDED_ON if name in environment}

    def apply(
        self,
        *,
        command: list[str],
        image: Image.Image | None,
        images: list[Image.Image] | None,
        format: str,  # noqa: A002 - the field's name in every step
        seconds: float,
        version: str | None,  # noqa: ARG002 - only part of what the result is known by
    ) -> Picture:
        """The picture that the program wrote. Raises OperationError where it is not allowed, fails or writes none."""
        if command[0] not in self._allowed:
            raise OperationError(forbidden(command[0]))
        with TemporaryDirectory(prefix="editchain-") as made:
            folder = Path(made)
            result = folder / f"result.{_EXTENSIONS[format]}"
            places: dict[str, Any] = {"{result}": str(result)}
            if image is not None:
                places["{image}"] = _written(image, folder / "image.png")
            if images is not None:
                places["{images}"] = [
                    _written(one, folder / f"image-{at}.png") for at, one in enumerate(images, 1)
                ]
            self._run(list(_filled(command, places)), folder, seconds)
            return Picture(_read(result, command[0]))

    def _run(self, arguments: Sequence[str], folder: Path, seconds: float) -> None:
        name = arguments[0]
        try:
            process = subprocess.Popen(
                arguments,
                cwd=folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise OperationError(f"{name} cannot be started: {error.strerror or error}.") from error
        try:
            said = process.communicate(timeout=seconds)[1]
        except subprocess.TimeoutExpired:
            raise OperationError(f"{name} did not end within {seconds:g} seconds.") from None
        finally:
            _end(process)
        if process.returncode:
            words = said.decode("utf-8", "replace").strip()[-_SAID:] or "nothing"
            raise OperationError(f"{name} ended with {process.returncode} and said: {words}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends whatever the program left running."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    if process.stderr is not None:
        process.stderr.close()
    process.wait()


def _filled(command: Sequence[str], places: Mapping[str, Any]) -> Iterator[str]:
    """The command with paths where it names pictures; `{images}` by itself becomes as many words as there are."""
    for word in command:
        if word == "{images}" and "{images}" in places:
            yield from places["{images}"]
            continue
        for name in ("{image}", "{result}"):
            if name in word and name in places:
                word = word.replace(name, places[name])
        yield word


def _written(image: Image.Image, path: Path) -> str:
    path.write_bytes(codec.encode(image, "png"))
    return str(path)


def _read(path: Path, name: str) -> Image.Image:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise OperationError(f"{name} wrote more than {MAX_BYTES // 1048576} MB.")
        return codec.decode(path.read_bytes())
    except FileNotFoundError:
        raise OperationError(f"{name} ended well and wrote no picture to {{result}}.") from None
    except OSError as error:
        raise OperationError(f"What {name} wrote cannot be read: {error.strerror}.") from error

"""Reading of files that a recipe names: kept inside the workspace, remembered as evidence of what was read."""

from __future__ import annotations

import errno
import glob
import os
import re
import stat
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from editchain.artifacts import ImageSource, kind_of
from editchain.classes import dataclass
from editchain.diagnostics import did_you_mean
from editchain.errors import ImageError
from editchain.imaging.probe import EXTENSIONS, FONT_STARTS, HEAD_BYTES, check, probe, said_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MAX_FONT_BYTES = 32 * 1024 * 1024
MAGIC = frozenset("*?[")
_MOST_NEAR = 5000
_NO_TEXT = re.compile("[\udc80-\udcff]")
_IMAGES_HINT = "Declare an input with type: images, which takes a folder or a glob."


class Stat(NamedTuple):
    """What says that a file is unchanged: bytes, nanoseconds of both times, inode."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


def stat_of(found: os.stat_result) -> Stat:
    """The part of a stat result that tells whether a file changed."""
    return Stat(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


@dataclass(slots=True)
class Evidence:
    """What was read for a pipeline: texts and image files by stat, folders by their listing."""

    texts: dict[str, Stat] = field(default_factory=dict)
    images: dict[str, Stat] = field(default_factory=dict)
    listings: dict[str, tuple[str, ...]] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)


class Unfit(Exception):
    """A file that cannot be used as it is; carries code, message and suggestion for the problem it becomes."""

    def __init__(self, code: str, message: str, suggestion: str | None = None) -> None:
        self.code = code
        self.message = message
        self.suggestion = suggestion
        super().__init__(message)


def workspace_of(path: Path) -> Path:
    """The nearest folder upward that holds `editchain.toml` or `.git`, else the folder itself."""
    start = path.resolve()
    for folder in (start, *start.parents):
        if (folder / "editchain.toml").is_file() or (folder / ".git").exists():
            return folder
    return start


class Reader:
    """Reads texts, images and folders for one pipeline.

    `is_unchanged(path, stat)` says that an image file was looked into before and has not changed since, so that its
    first bytes need not be read again.
    """

    def __init__(self, workspace: Path, is_unchanged: Callable[[str, Stat], bool] | None = None) -> None:
        self.workspace = str(workspace.resolve())
        self.evidence = Evidence()
        self._sizes: dict[str, tuple[int, int] | None] = {}
        self.deep: set[str] = set()
        """The images with 16 bits a channel, as far as they were looked into."""
        self._is_unchanged = is_unchanged or (lambda _path, _stat: False)
        self._fit: dict[str, Unfit | None] = {}
        self._fit_fonts: dict[str, Unfit | None] = {}
        self._inside: dict[str, bool] = {}

    def display(self, path: str | Path) -> str:
        """A path as messages show it: relative to the current folder where it lies below it."""
        shown = os.path.relpath(path)
        return str(path) if shown.startswith("..") else shown

    def resolve(self, text: str, base: str, *, anywhere: bool = False) -> str:
        """The absolute path that a text means, relative to `base`; raises Unfit where it may not be read.

        `anywhere` lifts the workspace's bounds, for what a person gives on the command line.
        """
        if any(ord(character) < 32 for character in text):
            raise Unfit("bad-path", "A path may not hold control characters.")
        if not text.strip():
            raise Unfit("missing-file", "An empty text names no file.", "Name one.")
        if len(text) > 4096:
            raise Unfit("bad-path", "This path is longer than 4096 characters.")
        if anywhere:
            return os.path.abspath(os.path.join(base, os.path.expanduser(text)))
        if text.startswith(("/", "~")) or (len(text) > 1 and text[1] == ":" and text[0].isalpha()):
            message = f'"{text}" is an absolute path; a recipe may only read inside its workspace.'
            raise Unfit("outside-workspace", message, "Write the path relative to the file it stands in.")
        path = os.path.normpath(os.path.join(base, text))
        folder = os.path.dirname(path)
        inside = self._inside.get(folder)
        if inside is None:
            inside = self._inside[folder] = self._is_inside(folder)
        if not inside or (os.path.islink(path) and not self._is_inside(path)):
            message = f'"{text}" leads outside the workspace.'
            raise Unfit("outside-workspace", message, "Move the file into the workspace.")
        hidden = [
            part
            for part in os.path.relpath(path, self.workspace).split(os.sep)
            if part.startswith(".") and part != "."
        ]
        if hidden:
            raise Unfit(
                "outside-workspace",
                f'"{text}" leads into the hidden {hidden[0]}.',
                "Move the file to a folder that is not hidden.",
            )
        return path

    def _is_inside(self, path: str) -> bool:
        real = os.path.realpath(path)
        return real == self.workspace or real.startswith(self.workspace.rstrip(os.sep) + os.sep)

    def text(self, path: str, *, max_bytes: int, what: str) -> bytes:
        """The bytes of a text file; raises Unfit where it is missing, no regular file or too large."""
        found = self._stat(path, what)
        if found.st_size > max_bytes:
            raise Unfit("too-large", f"{what} {self.display(path)} is larger than {_size(max_bytes)}.")
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise Unfit(
                "unreadable-file", f"{what} {self.display(path)} cannot be read: {error.strerror}."
            ) from None
        self.evidence.texts[path] = stat_of(found)
        return data

    def font(self, value: str, base: str) -> ImageSource:
        """The source that a path of a font means; raises Unfit where it is missing or no font."""
        path = self.resolve(value, base)
        if path not in self._fit_fonts:
            self._fit_fonts[path] = self._look_into_font(path)
        if (unfit := self._fit_fonts[path]) is not None:
            raise unfit
        return ImageSource("file", path, stem_of(path))

    def _look_into_font(self, path: str) -> Unfit | None:
        try:
            found = self._stat(path, "file")
            self.evidence.images[path] = stat_of(found)
            with open(path, "rb", buffering=0) as file:
                is_font = file.read(8).startswith(FONT_STARTS)
        except Unfit as unfit:
            return unfit
        except OSError as error:
            return Unfit("unreadable-file", f"{self.display(path)} cannot be read: {error.strerror}.")
        if found.st_size > MAX_FONT_BYTES:
            return Unfit("too-large", f"{self.display(path)} is larger than {_size(MAX_FONT_BYTES)}.")
        if not is_font:
            return Unfit("not-a-font", f"{self.display(path)} is no font; TrueType and OpenType files are.")
        return None

    def check_image(self, path: str) -> None:
        """Raises Unfit unless the file is there and begins as an image within the limits does."""
        if path not in self._fit:
            self._fit[path] = self._look_into(path)
        if (unfit := self._fit[path]) is not None:
            raise unfit

    def _look_into(self, path: str) -> Unfit | None:
        try:
            found = self._stat(path, "file")
            self.evidence.images[path] = stat_of(found)
            if self._is_unchanged(path, self.evidence.images[path]):
                return None
            with open(path, "rb", buffering=0) as file:
                head = file.read(HEAD_BYTES)
            if check(head, found.st_size).bits == 16:
                self.deep.add(path)
        except Unfit as unfit:
            return unfit
        except ImageError as error:
            return Unfit("not-an-image", said_of(self.display(path), error))
        except OSError as error:
            return Unfit("unreadable-file", f"{self.display(path)} cannot be read: {error.strerror}.")
        return None

    def size_of(self, source: ImageSource) -> tuple[int, int] | None:
        """Width and height in pixels of an image file as it is stored; None where they are not known beforehand."""
        if source.kind != "file":
            return None
        if source.location not in self._sizes:
            try:
                with open(source.location, "rb", buffering=0) as file:
                    found = probe(file.read(HEAD_BYTES))
            except OSError:
                found = None
            self._sizes[source.location] = (found.width, found.height) if found and found.width else None
        return self._sizes[source.location]

    def _stat(self, path: str, what: str) -> os.stat_result:
        if what != "file" and as_text(path) != path:
            message = f"The path {os.path.abspath(path)} is not UTF-8 text."
            raise Unfit("bad-path", message, "Rename the file, or the folder that it is in.")
        try:
            found = os.stat(path)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR):
                self.evidence.absent.add(path)
                if os.path.islink(path):
                    message = f"{self.display(path)} is a link to a file that is not there."
                    raise Unfit("missing-file", message, "Name the file itself.") from None
                is_glob = what == "file" and MAGIC.intersection(os.path.basename(path))
                hint = _IMAGES_HINT if is_glob else self._near(path)
                raise Unfit("missing-file", f"There is no {what} {self.display(path)}.", hint) from None
            raise Unfit(
                "unreadable-file", f"{what} {self.display(path)} cannot be read: {error.strerror}."
            ) from None
        if stat.S_ISDIR(found.st_mode):
            message = f"{self.display(path)} is a folder, and {'an' if what[0] in 'aeiou' else 'a'} {what} is wanted here."
            hint = _IMAGES_HINT if what == "file" else f"Name the files in it: {self.display(path)}/*.yaml."
            raise Unfit("not-a-file", message, hint if what in ("file", "pipeline file") else None)
        if not stat.S_ISREG(found.st_mode):
            message = f"{self.display(path)} is not a regular file."
            raise Unfit("not-a-file", message, "Name a file on the disk.")
        return found

    def _near(self, path: str) -> str | None:
        folder, name = os.path.split(path)
        try:
            near = did_you_mean(name, os.listdir(folder)[:_MOST_NEAR])
        except OSError:
            return None
        shown = self.display(folder)
        return near if near is None or shown == "." else near.replace('"', f'"{shown}{os.sep}', 1)

    def several(self, text: str, base: str, *, anywhere: bool = False) -> list[str] | None:
        """The sorted image files that a folder or a glob means; None where the text means one file."""
        if MAGIC.intersection(text):
            path = self.resolve(text, base, anywhere=anywhere)
            if not os.path.exists(path):
                return self._glob(path, anywhere)
        path = self.resolve(text, base, anywhere=anywhere)
        return self._folder(path, anywhere) if os.path.isdir(path) else None

    def _folder(self, path: str, anywhere: bool) -> list[str]:
        try:
            names = _names(path)
        except OSError as error:
            raise Unfit(
                "unreadable-file", f"The folder {self.display(path)} cannot be read: {error.strerror}."
            ) from None
        self.evidence.listings[path] = names
        files = [os.path.join(path, name) for name in names]
        self._check_listed([file for file in files if os.path.islink(file)], anywhere)
        return files

    def _check_listed(self, files: Iterable[str], anywhere: bool) -> None:
        """Raises Unfit where a folder or a glob leads to a file outside the workspace, by a link."""
        outside = None if anywhere else next((file for file in files if not self._is_inside(file)), None)
        if outside is not None:
            message = f"{self.display(outside)} leads outside the workspace."
            raise Unfit("outside-workspace", message, "Move the file into the workspace.")

    def _glob(self, pattern: str, anywhere: bool) -> list[str]:
        found = _matching(pattern)
        self._check_listed(found, anywhere)
        self.evidence.listings[pattern] = found
        return list(found)

    def image(self, value: object, base: str, *, anywhere: bool = False) -> ImageSource:
        """The source that a text or a `{url, sha256}` means; raises Unfit where it is missing or no image."""
        if isinstance(value, dict):
            return _address(str(value["url"]), value.get("sha256"))
        text = str(value)
        kind = kind_of(text)
        if kind == "url":
            return _address(text, None)
        if kind == "data":
            return _inline(text)
        if kind == "asset":
            return ImageSource("asset", text, text)
        if not text:
            raise Unfit("missing-file", "An empty text names no image.")
        path = self.resolve(text, base, anywhere=anywhere)
        self.check_image(path)
        return ImageSource("file", path, stem_of(path))


def as_text(path: str) -> str:
    """A path as text: bytes of it that are no UTF-8, which a file system may hold, as `%E9`."""
    return _NO_TEXT.sub(lambda found: f"%{ord(found[0]) - 0xDC00:02X}", path)


def listing(place: str) -> tuple[str, ...]:
    """What a folder or a glob holds now, as evidence keeps it; nothing where it cannot be read."""
    if MAGIC.intersection(place) and not os.path.exists(place):
        return _matching(place)
    try:
        return _names(place)
    except OSError:
        return ()


def _names(folder: str) -> tuple[str, ...]:
    with os.scandir(folder) as entries:
        return tuple(sorted(entry.name for entry in entries if _is_picture(entry.name)))


def _matching(pattern: str) -> tuple[str, ...]:
    found = glob.iglob(pattern, recursive=True)
    return tuple(sorted(path for path in found if _is_picture(path) and os.path.isfile(path)))


def keys_of_files(paths: Iterable[str], fixed: str) -> list[str]:
    """The keys of files: their paths below a folder, without extension (with it, where two would be equal)."""
    relative = [as_text(os.path.relpath(path, fixed)).replace(os.sep, "/") for path in paths]
    bare = [os.path.splitext(path)[0] for path in relative]
    seen: dict[str, int] = {}
    for key in bare:
        seen[key] = seen.get(key, 0) + 1
    return [short if seen[short] == 1 else whole for short, whole in zip(bare, relative, strict=True)]


def fixed_part(pattern: str) -> str:
    """The folder of a glob before its first special part; of a plain folder, itself."""
    parts = pattern.split(os.sep)
    plain = []
    for part in parts:
        if MAGIC.intersection(part):
            break
        plain.append(part)
    return os.sep.join(plain) or os.sep


def stem_of(path: str) -> str:
    """A file's name without folder and extension."""
    return as_text(os.path.splitext(os.path.basename(path))[0])


def _is_picture(path: str) -> bool:
    name = os.path.basename(path)
    return not name.startswith(".") and os.path.splitext(name)[1][1:].lower() in EXTENSIONS


def _address(url: str, sha256: object) -> ImageSource:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        raise Unfit("bad-address", f'"{url}" is not an address.') from None
    if parts.scheme != "https":
        raise Unfit("bad-address", f'"{url}" is not an https: address.', "Only https: is fetched.")
    if not host or parts.username or parts.password:
        raise Unfit("bad-address", f'"{url}" must name a host, without user or password.')
    return ImageSource(
        "url", url, stem_of(parts.path.rstrip("/")) or host, None if sha256 is None else str(sha256)
    )


def _inline(text: str) -> ImageSource:
    import base64
    import binascii

    head, comma, body = text.partition(",")
    if not comma or not head.endswith(";base64"):
        raise Unfit("bad-address", "A data: URL must be data:image/...;base64,...")
    try:
        data = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise Unfit("bad-address", "What follows base64, in this data: URL is not base64.") from None
    try:
        check(data[:HEAD_BYTES], len(data))
    except ImageError as error:
        raise Unfit("not-an-image", said_of("This data: URL", error)) from None
    import hashlib  # only where it is needed: it takes as long to import as all else here

    return ImageSource("data", text, "data-" + hashlib.sha256(data).hexdigest()[:8])


def _size(length_bytes: int) -> str:
    return f"{length_bytes // 1048576} MB" if length_bytes >= 1048576 else f"{length_bytes} bytes"

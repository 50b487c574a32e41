"""Output paths: templates, slugs, and which file each picture of an output becomes. Pure."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from editchain.classes import dataclass
from editchain.imaging.letters import composed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from editchain.pipeline import Dimension

MAX_SLUG = 80

FORMATS = {
    "png": "png",
    "jpg": "jpeg",
    "jpeg": "jpeg",
    "webp": "webp",
    "avif": "avif",
    "tif": "tiff",
    "tiff": "tiff",
    "gif": "gif",
    "cube": "cube",
}
"""The format that an extension of an output path decides."""

_KEPT = re.compile(r"[^\w./-]+")
_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


class BadTemplate(Exception):
    """A path template that cannot be read or leads where outputs may not go; `part` is the text in question."""

    def __init__(self, part: str, code: str, message: str, suggestion: str | None = None) -> None:
        self.part = part
        self.code = code
        self.message = message
        self.suggestion = suggestion
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Template:
    """A path as literal texts and names in turn; `extension` is the written one, without the dot, or None."""

    parts: tuple[tuple[str, str | None], ...]
    extension: str | None

    @property
    def names(self) -> tuple[str, ...]:
        """The names in braces, in order."""
        return tuple(name for _, name in self.parts if name is not None)

    def fill(self, keys: Mapping[str, str]) -> str:
        """The path for one coordinate, its keys as slugs."""
        return "".join(text + ("" if name is None else slug(keys[name])) for text, name in self.parts)


def slug(key: str) -> str:
    """A key as a part of a path: letters and digits of any script, `.`, `_`, `-` and `/`; other runs become one `-`.

    Never climbs or hides: a part that begins with a dot loses it. Beyond 80 characters it is cut and gets a short hash.
    """
    if _PLAIN.fullmatch(key) and len(key) <= MAX_SLUG:
        return key
    kept = _KEPT.sub("-", composed(key))
    parts = [part.lstrip(".") or "-" for part in kept.strip("-").split("/") if part]
    joined = "/".join(parts) or "-"
    if len(joined) <= MAX_SLUG:
        return joined
    import hashlib

    return joined[: MAX_SLUG - 9].rstrip("/.-") + "-" + hashlib.sha256(key.encode()).hexdigest()[:8]


def template(path: str) -> Template:
    """A path template; raises BadTemplate where it is malformed or leads outside the output folder."""
    parts: list[tuple[str, str | None]] = []
    literal = ""
    at = 0
    while at < len(path):
        character = path[at]
        if path[at : at + 2] in ("{{", "}}"):
            literal += character
            at += 2
        elif character == "{":
            end = path.find("}", at)
            if end < 0:
                raise BadTemplate(path[at:], "bad-path", f'"{path[at:]}" is not closed: its }} is missing.')
            name = path[at + 1 : end].strip().removeprefix("$")
            if not name:
                raise BadTemplate(path[at : end + 1], "bad-path", "{} names no dimension.")
            parts.append((literal, name))
            literal = ""
            at = end + 1
        elif character == "}":
            raise BadTemplate(
                "}", "bad-path", "A } stands here without its {.", "Write }} for the character itself."
            )
        else:
            literal += character
            at += 1
    parts.append((literal, None))
    result = Template(tuple(parts), _extension(literal))
    _check(path, result)
    return result


def _extension(last: str) -> str | None:
    name = last.rsplit("/", 1)[-1]
    _, dot, extension = name.rpartition(".")
    return extension.lower() if dot and extension else None


def _check(path: str, result: Template) -> None:
    sample = result.fill(dict.fromkeys(result.names, "x"))
    if not sample.strip():
        raise BadTemplate(path, "bad-path", "An empty path names no file.")
    if any(ord(character) < 32 or ord(character) == 127 for character in path) or "\\" in path:
        raise BadTemplate(
            path,
            "bad-path",
            "A path may not hold control characters or backslashes.",
            "Write folders with /.",
        )
    if sample.startswith("/") or re.match("[A-Za-z]:", sample):
        raise BadTemplate(
            path,
            "bad-path",
            f'"{path}" is absolute; outputs are written below the output folder.',
            "Write it without the leading folder, and choose the folder with --out.",
        )
    segments = sample.split("/")
    if ".." in segments:
        raise BadTemplate(
            path, "bad-path", f'"{path}" leads out of the output folder.', "Write it without `..`."
        )
    if any(segment.startswith(".") for segment in segments):
        raise BadTemplate(
            path,
            "bad-path",
            f'"{path}" has a hidden part or a part that is only a dot.',
            "Write it without the leading dot.",
        )
    if sample.endswith("/") or "//" in sample:
        raise BadTemplate(path, "bad-path", f'"{path}" has a part without a name.')
    if max(len(segment.encode()) for segment in segments) > 200:
        raise BadTemplate(path, "bad-path", "A part of this path is longer than 200 bytes.")
    if result.extension is not None and result.extension not in FORMATS:
        raise BadTemplate(
            path,
            "unknown-format",
            f'".{result.extension}" is no format that can be written.',
            f"One of {', '.join('.' + one for one in FORMATS)}.",
        )


def path_of(
    name: str,
    written: Template | None,
    dimensions: Sequence[Dimension],
    keys: Mapping[str, str],
    extension: str,
) -> str:
    """The path of one picture below the output folder; `extension` is used where the template has none.

    Outer dimensions that the path does not name become leading folders.
    """
    named = written.names if written else ()
    leading = [slug(keys[one.name]) for one in dimensions if one.is_outer and one.name not in named]
    if written is None:
        inner = [slug(keys[one.name]) for one in dimensions if not one.is_outer]
        below = posixpath.join(name, *inner) + "." + extension
    else:
        below = written.fill(keys)
        if written.extension is None:
            below += "." + extension
    return posixpath.join(*leading, below)


def folded(path: str) -> str:
    """What two paths share that would be one file somewhere: case and Unicode normal form do not count."""
    return composed(path).casefold()


def first_collision(paths: Iterable[tuple[str, str]]) -> tuple[str, str, str] | None:
    """The first two of (path, who) pairs that are one file: the path and both who, or None."""
    seen: dict[str, str] = {}
    for path, who in paths:
        key = folded(path) if not path.isascii() else path.lower()
        if key in seen:
            return path, seen[key], who
        seen[key] = who
    return None

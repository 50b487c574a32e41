"""References in texts: `$name`, `${name}`, `$name.column`, `$name.*`, `${step[season=winter]}`, `$$`. Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from editchain.classes import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = re.compile(r"[a-z][a-z0-9_]*")

_BARE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)((?:\.[A-Za-z_][A-Za-z0-9_]*)*)(\.\*)?")
_INSIDE = re.compile(
    r"\s*([A-Za-z_][A-Za-z0-9_]*)((?:\.[A-Za-z_][A-Za-z0-9_]*)*)(\.\*)?(?:\[(.*)\])?\s*", re.DOTALL
)
_NEXT = re.compile(r"\$(?:\$|\{|[A-Za-z_])")
_SELECTOR = re.compile(r"\s*([a-z][a-z0-9_]*)\s*=")
_NEXT_SELECTOR = re.compile(r",(?=\s*[a-z][a-z0-9_]*\s*=)")
_EXTENSIONS = frozenset(
    [
        "png",
        "jpg",
        "jpeg",
        "webp",
        "avif",
        "tif",
        "tiff",
        "gif",
        "cube",
        "yaml",
        "yml",
        "txt",
        "csv",
        "jsonl",
        "json",
        "svg",
        "heic",
        "psd",
    ]
)


@dataclass(frozen=True, slots=True)
class Select:
    """One `dimension=key` of a selection; `dimension` is None for a bare key, `key` is None for `*`."""

    dimension: str | None
    key: str | None


@dataclass(frozen=True, slots=True)
class Reference:
    """A name with what follows it: `path` (column, field or output), `selects`, and whether it gathers (`.*`)."""

    name: str
    path: tuple[str, ...]
    gathers: bool
    selects: tuple[Select, ...]
    raw: str

    @property
    def is_list(self) -> bool:
        """Whether it stands for a list: a `.*`, or a selection with `=*`."""
        return self.gathers or any(one.key is None for one in self.selects)


@dataclass(frozen=True, slots=True)
class Text:
    """A text with references inside: literal parts and references in turn."""

    parts: tuple[str | Reference, ...]


class BadReference(Exception):
    """A `$` that begins no reference; `raw` is the text in question, `suggestion` what would be right."""

    def __init__(self, raw: str, message: str, suggestion: str | None = None) -> None:
        self.raw = raw
        self.message = message
        self.suggestion = suggestion
        super().__init__(message)


@lru_cache(maxsize=4096)
def parse(text: str) -> str | Reference | Text:
    """A text as itself, as the one reference that it wholly is, or as text with references inside.

    Raises BadReference where a `$` begins a reference that does not end or is malformed.
    """
    if "$" not in text:
        return text
    parts: list[str | Reference] = []
    literal: list[str] = []
    at = 0
    while (found := _NEXT.search(text, at)) is not None:
        literal.append(text[at : found.start()])
        if found.group() == "$$":
            literal.append("$")
            at = found.end()
            continue
        reference, at = (_braced if found.group() == "${" else _bare)(text, found.start())
        if before := "".join(literal):
            parts.append(before)
        literal = []
        parts.append(reference)
    literal.append(text[at:])
    if rest := "".join(literal):
        parts.append(rest)
    if len(parts) == 1 and isinstance(parts[0], (str, Reference)):
        return parts[0]
    return Text(tuple(parts))


def references(parsed: str | Reference | Text) -> tuple[Reference, ...]:
    """The references that a parsed text holds, in order."""
    if isinstance(parsed, Reference):
        return (parsed,)
    if isinstance(parsed, Text):
        return tuple(part for part in parsed.parts if isinstance(part, Reference))
    return ()


def find_references(value: Any) -> Iterator[Reference]:
    """Every well-formed reference in a value, at any depth, in order."""
    if isinstance(value, str):
        if "$" in value:
            try:
                yield from references(parse(value))
            except BadReference:
                return
    elif isinstance(value, dict):
        for one in value.values():
            yield from find_references(one)
    elif isinstance(value, list):
        for one in value:
            yield from find_references(one)


def _bare(text: str, start: int) -> tuple[Reference, int]:
    found = _BARE.match(text, start)
    assert found is not None  # noqa: S101  (_NEXT saw the letter)
    name, path, star = found.groups()
    end = found.end()
    whole = start == 0 and text[end:].startswith("[") and text.endswith("]")
    if whole:
        raise BadReference(text, f"{text} selects by key, which needs braces.", f"Write ${{{text[1:]}}}.")
    return Reference(name, tuple(path.split(".")[1:]), star is not None, (), found.group()), end


def _braced(text: str, start: int) -> tuple[Reference, int]:
    end = text.find("}", start)
    if end < 0:
        rest = text[start : start + 40].split("\n")[0]
        message = f'The reference "{rest}" is not closed: its }} is missing.'
        raise BadReference(rest, message, "Close it with }, or write $$ for a dollar sign.")
    raw = text[start : end + 1]
    found = _INSIDE.fullmatch(raw, 2, len(raw) - 1)
    if found is None:
        forms = "${name}, ${name.column}, ${step.*} or ${step[season=winter]}"
        hint = f"Inside ${{ }} stands a name, as in {forms}; $$ is a dollar sign."
        raise BadReference(raw, f"{raw} is not a reference.", hint)
    name, path, star, inside = found.groups()
    if star and inside is not None:
        raise BadReference(raw, f"{raw} both gathers everything and selects.", "Use one of .* and [...].")
    selects = _selects(raw, inside) if inside is not None else ()
    return Reference(name, tuple(path.split(".")[1:]), star is not None, selects, raw), end + 1


def _selects(raw: str, inside: str) -> tuple[Select, ...]:
    if not inside.strip():
        raise BadReference(raw, f"{raw} selects nothing.", "Write ${step[key]} or ${step[dimension=key]}.")
    if _SELECTOR.match(inside) is None:
        return (Select(None, None if inside.strip() == "*" else inside.strip()),)
    selects: list[Select] = []
    for one in _NEXT_SELECTOR.split(inside):
        dimension, _, key = one.partition("=")
        if any(one.dimension == dimension.strip() for one in selects):
            message = f"{raw} says {dimension.strip()} twice."
            raise BadReference(raw, message, "Say each dimension once; * is all of its keys.")
        selects.append(Select(dimension.strip(), None if key.strip() == "*" else key.strip()))
    return tuple(selects)


def with_braces(reference: Reference) -> str | None:
    """For `$title.jpg`, which reads as a column, the spelling `${title}.jpg` that was meant; else None."""
    if len(reference.path) == 1 and not reference.raw.startswith("${") and not reference.selects:
        return f"${{{reference.name}}}.{reference.path[0]}{'.*' if reference.gathers else ''}"
    return None


def looks_like_extension(word: str) -> bool:
    """Whether a word after a dot is a file extension rather than a column."""
    return word.lower() in _EXTENSIONS

"""Problems: what is wrong in a file, where it stands, and what would be right."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import field
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from editchain.classes import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Severity = Literal["error", "warning"]
_EXCERPT_WIDTH = 160


class Source:
    """A text with a name: turns character offsets into lines and columns, both counted from 1."""

    __slots__ = ("_line_starts", "name", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self._line_starts: list[int] | None = None

    @property
    def line_starts(self) -> list[int]:
        """The offset of the first character of every line."""
        if self._line_starts is None:
            self._line_starts = [0, *_after_line_ends(self.text)]
        return self._line_starts

    def locate(self, offset: int) -> tuple[int, int]:
        """The line and column of a character offset."""
        line = bisect_right(self.line_starts, offset)
        return line, offset - self.line_starts[line - 1] + 1

    def line(self, offset: int) -> str:
        """The whole line that holds a character offset, without its end."""
        start = self.text.rfind("\n", 0, offset) + 1
        end = self.text.find("\n", offset)
        return self.text[start : end if end >= 0 else None].rstrip("\r")


def _after_line_ends(text: str) -> Iterator[int]:
    at = text.find("\n")
    while at >= 0:
        yield at + 1
        at = text.find("\n", at + 1)


class Place(NamedTuple):
    """A character offset in a source, or the source as a whole where `offset` is 0 and it has no text."""

    source: Source
    offset: int


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a file. `line` and `column` count from 1; `code` is stable across releases."""

    file: str
    line: int
    column: int
    severity: Severity
    code: str
    message: str
    suggestion: str | None = None
    excerpt: str | None = None
    width: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.severity}: {self.sentence} [{self.code}]"

    @property
    def sentence(self) -> str:
        """The message with its suggestion, as one line."""
        return f"{self.message} {self.suggestion}" if self.suggestion else self.message

    def as_json(self) -> dict[str, Any]:
        """It as documents have it."""
        return {
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "severity": self.severity,
            "code": self.code,
            "message": self.message,
            "suggestion": self.suggestion,
        }


@dataclass(slots=True)
class Problems:
    """Collects problems as they are found; one for each cause and place."""

    found: dict[tuple[str, int, int, str], Problem] = field(default_factory=dict)
    spoilt: set[tuple[str, int, int]] = field(default_factory=set)

    def error(
        self,
        place: Place,
        code: str,
        message: str,
        suggestion: str | None = None,
        *,
        width: int = 1,
        spoils: bool = False,
    ) -> None:
        """Adds what makes the file unusable. `spoils` says that nothing more is to be said of this place."""
        self._add(place, "error", code, message, suggestion, width)
        if spoils:
            self.spoilt.add((place.source.name, *place.source.locate(place.offset)))

    def warning(
        self, place: Place, code: str, message: str, suggestion: str | None = None, *, width: int = 1
    ) -> None:
        """Adds what a vendor would silently ignore, or what is likely not meant."""
        self._add(place, "warning", code, message, suggestion, width)

    def _add(
        self, place: Place, severity: Severity, code: str, message: str, suggestion: str | None, width: int
    ) -> None:
        line, column = place.source.locate(place.offset)
        if (place.source.name, line, column) in self.spoilt:
            return
        excerpt = place.source.line(place.offset) if place.source.text else None
        problem = Problem(
            place.source.name,
            line,
            column,
            severity,
            code,
            visible(message),
            visible(suggestion) if suggestion else None,
            excerpt,
            width,
        )
        self.found.setdefault((problem.file, line, column, code), problem)

    def forget_after(self, place: Place) -> None:
        """Takes back what was said of a source at or after a place."""
        start = place.source.locate(place.offset)
        for key in [one for one in self.found if one[0] == place.source.name and one[1:3] >= start]:
            del self.found[key]
            self.spoilt.discard(key[:3])

    def has_errors(self) -> bool:
        """Whether anything makes the file unusable."""
        return any(problem.severity == "error" for problem in self.found.values())

    def has_errors_since(self, count: int) -> bool:
        """Whether an error was noted after the first `count` problems."""
        return any(one.severity == "error" for one in islice(self.found.values(), count, None))

    def in_order(self) -> tuple[Problem, ...]:
        """All problems by file (in the order first spoken of), line and column."""
        files = {problem.file: index for index, problem in reversed(list(enumerate(self.found.values())))}
        return tuple(sorted(self.found.values(), key=lambda one: (files[one.file], one.line, one.column)))


def sentence(text: str) -> str:
    """A text as a sentence: with a full stop where it ends without one."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like another, whatever its case; None where none is near."""
    import difflib  # only where something is wrong: a start does without it

    folded = {one.casefold(): one for one in known}
    found = difflib.get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A sentence that offers the nearest known name, or None where none is near."""
    near = nearest(name, known)
    return None if near is None else f'Did you mean "{near}"?'


def counted(number: int, noun: str) -> str:
    """A number with its noun: `1 task`, `2,000 tasks`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """A time span for people: `61 s`, `10 min`, `1.5 h`, `3,650 days`."""
    if seconds < 90:
        return f"{max(0, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:,.0f} days"


def one_of(names: Iterable[str], *, most: int = 12) -> str:
    """Names as a list for a message, shortened when there are many."""
    listed = list(names)
    shown = ", ".join(listed[:most])
    return f"{shown}, and {len(listed) - most} more" if len(listed) > most else shown


def visible(text: str) -> str:
    """Text in which control, bidirectional and invisible characters are written out, safe for a terminal."""
    if text.isascii() and text.isprintable():
        return text
    import unicodedata  # most text is plain, and its tables are large

    return "".join(
        character
        if character == " " or unicodedata.category(character)[0] not in "CZ"
        else _escaped(character)
        for character in text
    )


def _escaped(character: str) -> str:
    return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(character) or f"\\u{{{ord(character):x}}}"


def render(problem: Problem, *, colour: bool = False) -> str:
    """A problem for people: the message, then the source line with a caret under its place."""
    head = str(problem)
    if colour:
        tint = "31" if problem.severity == "error" else "33"
        place = f"{problem.file}:{problem.line}:{problem.column}:"
        head = f"\x1b[1m{place}\x1b[0m \x1b[{tint}m{problem.severity}:\x1b[0m {problem.sentence} [{problem.code}]"
    if not problem.excerpt:
        return head
    shown, caret = _excerpt(problem.excerpt, problem.column)
    number = str(problem.line)
    width = max(1, min(problem.width, len(shown) - caret))
    return f"{head}\n  {number} | {shown}\n  {' ' * len(number)} | {' ' * caret}{'^' * width}"


def _excerpt(line: str, column: int) -> tuple[str, int]:
    """The part of a line around a column, and where in it the caret goes (from 0)."""
    before, after = visible(line[: column - 1]), visible(line[column - 1 :])
    if len(before) > _EXCERPT_WIDTH * 3 // 4:
        before = "…" + before[-_EXCERPT_WIDTH // 2 :]
    room = _EXCERPT_WIDTH - len(before)
    return before + (after if len(after) <= room else after[: room - 1] + "…"), len(before)

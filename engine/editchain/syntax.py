"""YAML text to values with places: the one restricted loader, in which scalars mean what they look like."""

from __future__ import annotations

import gc
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from editchain.diagnostics import Place, Problems, Source

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 50
MAX_NODES = 500_000

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]|\r(?!\n)")
_COMMENT_CUT = re.compile(r"[ \t]+#(?=[^\s#])")
_WORDS = {"null": None, "~": None, "": None, "true": True, "false": False}
_STARTS_NUMBER = frozenset("-0123456789")


class Map(dict[str, Any]):
    """A mapping that knows where it, its keys and its values stand (character offsets)."""

    __slots__ = ("at", "is_flow", "places")

    at: int
    is_flow: bool
    places: dict[str, tuple[int, int]]

    def __init__(self, at: int, is_flow: bool = False) -> None:
        self.at = at
        self.is_flow = is_flow
        self.places = {}


class Seq(list[Any]):
    """A list that knows where it and its items stand (character offsets)."""

    __slots__ = ("at", "places")

    at: int
    places: list[int]

    def __init__(self, at: int) -> None:
        self.at = at
        self.places = []


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed text: its source and its value (Map, Seq or scalar; None for an empty text) with that value's offset."""

    source: Source
    root: Any
    at: int

    def place(self, offset: int) -> Place:
        """A place in this document."""
        return Place(self.source, offset)


class Unreadable(Exception):
    """Raised inside this module when the text can be read no further; the problem is already noted."""


def parse(data: bytes | str, name: str, problems: Problems, *, max_bytes: int = MAX_BYTES) -> Document | None:
    """Reads one YAML document; notes every problem and gives None when the text as a whole cannot be read.

    Bounds on bytes, depth, nodes and alias expansion hold before objects are built.
    """
    source = _decode(data, name, problems, max_bytes)
    if source is None:
        return None
    collecting = gc.isenabled()
    gc.disable()  # half of the time of building many small objects is otherwise spent looking for cycles
    try:
        return _Builder(source, problems).document()
    except Unreadable:
        return None
    finally:
        if collecting:
            gc.enable()


def written(source: Source, offset: int, value: object) -> str:
    """A scalar as it stands in the text: numbers keep their spelling (`1.50`), text is itself."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    found = _NUMBER.match(source.text, offset)
    return found.group() if found and type(value) in (int, float) else str(value)


def scalar(text: str) -> Any:
    """The value that a plain scalar looks like: null, a boolean, a JSON number, else text."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in _STARTS_NUMBER and (found := _NUMBER.fullmatch(text)):
        return int(text) if found.group(1) is None and found.group(2) is None else float(text)
    return text


def _decode(data: bytes | str, name: str, problems: Problems, max_bytes: int) -> Source | None:
    if len(data) > max_bytes:
        limit = f"{max_bytes // (1024 * 1024)} MB" if max_bytes >= 1024 * 1024 else f"{max_bytes} bytes"
        problems.error(Place(Source(name, ""), 0), "too-large", f"This file is larger than {limit}.")
        return None
    if isinstance(data, bytes):
        try:
            data = data.decode("utf-8")
        except UnicodeDecodeError as error:
            readable = data[: error.start].decode("utf-8", "replace")
            problems.error(
                Place(Source(name, readable + "\N{REPLACEMENT CHARACTER}"), len(readable)),
                "encoding", "This is not UTF-8 text.", "Save the file as UTF-8.",
            )  # fmt: skip
            return None
    source = Source(name, data.removeprefix("\ufeff"))
    found = _FORBIDDEN.search(source.text)
    if found:
        character = "a lone carriage return" if found.group() == "\r" else f"the character U+{ord(found.group()):04X}"
        problems.error(
            Place(source, found.start()), "control-character", f"{character.capitalize()} may not stand in this file.",
            "Remove it; lines end with LF or CRLF.",
        )  # fmt: skip
        return None
    return source


class _Builder:
    """Builds values from the C parser's events."""

    def __init__(self, source: Source, problems: Problems) -> None:
        self.source = source
        self.problems = problems
        self.anchors: dict[str, tuple[Any, int, int] | None] = {}
        self.unused: dict[str, int] = {}
        self.nodes = 0

    def error(self, offset: int, code: str, message: str, suggestion: str | None = None) -> None:
        self.problems.error(Place(self.source, offset), code, message, suggestion)

    def document(self) -> Document:
        import yaml
        from yaml._yaml import CParser

        parser = CParser(self.source.text)
        try:
            return self._document(parser.get_event, yaml)
        except yaml.MarkedYAMLError as error:
            _explain(error, self.source, self.problems)
            raise Unreadable from None
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            self.error(0, "syntax", f"This is not YAML: {error}.")
            raise Unreadable from None

    def _document(self, event: Callable[[], Any], yaml: Any) -> Document:
        root: Any = None
        at = 0
        seen = False
        while (one := event()) is not None:
            kind = type(one)
            if kind is yaml.DocumentStartEvent and seen:
                self.error(one.start_mark.index, "syntax", "A pipeline file holds one YAML document; here a second one begins.")
                raise Unreadable
            if kind in (yaml.ScalarEvent, yaml.MappingStartEvent, yaml.SequenceStartEvent, yaml.AliasEvent):
                seen = True
                at = one.start_mark.index
                root = self._node(one, event, yaml)
        for anchor, where in self.unused.items():
            self.problems.warning(
                Place(self.source, where), "unquoted-sign", f"YAML takes &{anchor} for a name of its own, and nothing uses it.",
                "Where it is text, put the whole text in quotes.",
            )  # fmt: skip
        return Document(self.source, root, at)

    def _node(self, first: Any, event: Callable[[], Any], yaml: Any) -> Any:
        """The value that begins with an event. One loop over a stack: a deep text must not use up Python's own."""
        scalar_event, alias_event = yaml.ScalarEvent, yaml.AliasEvent
        map_start, seq_start = yaml.MappingStartEvent, yaml.SequenceStartEvent
        text = self.source.text
        words, starts_number, number = _WORDS, _STARTS_NUMBER, _NUMBER.fullmatch
        stack: list[tuple[Any, str | None, int]] = []  # the containers around, with the key each waits to fill
        container: Any = None  # the Map or Seq being filled
        key: str | None = None  # the key whose value comes next, where the container is a Map
        key_at = 0
        open_anchors: list[tuple[Any, str, int]] = []
        one = first
        while True:
            kind = type(one)
            if kind is scalar_event:
                value: Any = one.value
                at = one.start_mark.index
                self.nodes += 1
                plain = one.style == "" and one.implicit[0]
                if one.tag is not None:
                    self._refuse_tag(one)
                if plain:
                    if value in words:
                        value = words[value]
                    elif value[0] in starts_number and (found := number(value)):
                        value = self._number(value, found, at)
                    elif (" " in value or key == "prompt") and _COMMENT_CUT.match(text, one.end_mark.index):
                        self._comment_cut(one)
                if one.anchor is not None:
                    self.anchors[one.anchor] = (value, at, 1)
                    if plain:
                        self.unused[one.anchor] = at
            elif kind is map_start or kind is seq_start:
                at = one.start_mark.index
                self.nodes += 1
                if one.tag is not None:
                    self._refuse_tag(one)
                if len(stack) >= MAX_DEPTH:
                    self.error(at, "too-deep", f"This is nested more than {MAX_DEPTH} deep.")
                    raise Unreadable
                if container is not None and key is None and type(container) is Map:
                    self._refuse_key(at)
                if one.anchor is not None:
                    self.anchors[one.anchor] = None
                stack.append((container, key, key_at))
                container = Map(at, bool(one.flow_style)) if kind is map_start else Seq(at)
                if one.anchor is not None:
                    open_anchors.append((container, one.anchor, self.nodes))
                key = None
                one = event()
                continue
            elif kind is alias_event:
                value, at = self._alias(one)
            else:  # the end of a mapping or a sequence
                value, at = container, container.at
                container, key, key_at = stack.pop()
                if open_anchors and open_anchors[-1][0] is value:
                    _, anchor, before = open_anchors.pop()
                    self.anchors[anchor] = (value, at, self.nodes - before + 1)
            if self.nodes > MAX_NODES:
                self.error(at, "too-large", f"This file holds more than {MAX_NODES:,} values, aliases counted as if written out.")
                raise Unreadable
            if container is None:
                return value
            if type(container) is Seq:
                container.append(value)
                container.places.append(at)
            elif key is None:
                key, key_at = self._key(value, at, container), at
            else:
                if value is None and container.is_flow and self._is_stray(key, key_at, at):
                    self._stray_key(key, key_at)
                elif key in container:
                    self._duplicate(key, key_at, container)
                else:
                    container[key] = value
                    container.places[key] = (key_at, at)
                key = None
            one = event()

    def _number(self, text: str, found: re.Match[str], at: int) -> int | float | str:
        if len(text) > 30 or (found.group(2) and abs(float(text)) == float("inf")):
            self.error(at, "out-of-range", f"The number {text[:30]}… is beyond every limit." if len(text) > 30 else f"The number {text} is beyond every limit.")
            return 0
        return int(text) if found.group(1) is None and found.group(2) is None else float(text)

    def _key(self, value: Any, at: int, container: Map) -> str:
        if isinstance(value, str):
            if value == "<<" and self.source.text.startswith("<<", at):
                self.error(at, "merge-key", "Merge keys (<<) are not part of the language.", "Write the fields out, or put them in `defaults`.")
            return value
        if isinstance(value, (Map, Seq)):
            self._refuse_key(at)
        spelling = written(self.source, at, value) if value is not None else "null"
        self.error(at, "non-text-key", f"A key must be text, and {spelling} is not.", f'Put it in quotes: "{spelling}".')
        return spelling

    def _refuse_key(self, at: int) -> None:
        self.error(
            at, "non-text-key", "A key must be text, and here a list or a mapping stands in its place.",
            'Quote a text that holds braces or a reference: "${name}".',
        )  # fmt: skip
        raise Unreadable

    def _refuse_tag(self, event: Any) -> None:
        at = event.start_mark.index
        self.error(
            at, "yaml-tag", f"YAML tags such as {event.tag} are not part of the language.",
            "Where this is text that begins with !, put it in quotes.",
        )  # fmt: skip

    def _alias(self, event: Any) -> tuple[Any, int]:
        at = event.start_mark.index
        if event.anchor not in self.anchors:
            self.error(
                at, "unknown-anchor", f"No anchor &{event.anchor} stands before this alias.",
                "Where this is text that begins with *, put it in quotes.",
            )  # fmt: skip
            return None, at
        self.unused.pop(event.anchor, None)
        known = self.anchors[event.anchor]
        if known is None:
            self.error(at, "cyclic-alias", f"The alias *{event.anchor} stands inside what it repeats.")
            raise Unreadable
        value, value_at, count = known
        self.nodes += count
        return value, value_at

    def _comment_cut(self, event: Any) -> None:
        hash_at = self.source.text.index("#", event.end_mark.index)
        rest = self.source.text[hash_at:].split("\n", 1)[0].rstrip()
        self.error(
            hash_at, "unquoted-comment", f'YAML takes "{_short(rest)}" for a comment, so the text ends at "{_short(event.value[-30:])}".',
            f'Put the text in quotes: "{_short(event.value, 40)} {_short(rest)}" (or a space after the # if it is a comment).',
        )  # fmt: skip

    def _is_stray(self, key: str, key_at: int, value_at: int) -> bool:
        """Whether a key of a flow mapping has no colon, so that it is the rest of a text cut at a comma."""
        return ":" not in self.source.text[key_at + len(key) : value_at + 1]

    def _stray_key(self, key: str, at: int) -> None:
        self.error(
            at, "unquoted-comma", f'Inside {{ }} a comma ends a text, so "{_short(key)}" stands alone here.',
            "Put the whole text in quotes: \"..., ...\".",
        )  # fmt: skip

    def _duplicate(self, key: str, at: int, container: Map) -> None:
        line, _ = self.source.locate(container.places[key][0])
        self.error(at, "duplicate-key", f'"{_short(key)}" stands twice: it is already there at line {line}.', "Remove one of the two.")


def _short(text: str, most: int = 60) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"


def _explain(error: Any, source: Source, problems: Problems) -> None:
    """Turns a parser's error into a problem: the accidents of writing text in YAML have words of their own."""
    mark = error.problem_mark or error.context_mark
    text = source.text
    offset = min(mark.index if mark else 0, len(text))
    place = Place(source, offset)
    line = source.line(offset) if offset < len(text) or text else ""
    said = str(error.problem or error)
    column = source.locate(offset)[1]
    before = line[: column - 1]
    opened = _unquoted_reference(text, offset, error)
    if opened is not None:
        problems.error(
            Place(source, opened), "unquoted-brace", "Inside { } or [ ] a reference with braces must stand in quotes.",
            'Write "...${name}..." with quotes around the whole text.',
        )  # fmt: skip
    elif "mapping values are not allowed" in said:
        value = before.partition(":")[2].strip()
        problems.error(
            place, "unquoted-colon", 'A colon followed by a space ends a plain text in YAML.',
            f'Put the text in quotes: "{_short((value or before.strip()) + line[column - 1 :], 70)}".',
        )  # fmt: skip
    elif "\\t" in said or text[offset : offset + 1] == "\t":
        problems.error(place, "tab", "A tab stands where YAML wants spaces.", "Indent with spaces.")
    elif (sign := _leading_sign(text, offset, error)) is not None:
        at, character = sign
        if character in "[{\"'" and offset >= len(text.rstrip()):
            problems.error(Place(source, at), "syntax", f"This {character} is not closed.", "Close it, or put the whole text in quotes.")
            return
        problems.error(
            Place(source, at), "unquoted-sign", f"A plain text may not begin with {character}: to YAML it is a sign of its own.",
            "Put the whole text in quotes.",
        )  # fmt: skip
    else:
        context = f" ({error.context})" if error.context else ""
        problems.error(place, "syntax", f"This is not YAML: {said}{context}.", _hint(said))


def _hint(said: str) -> str | None:
    if "expected <block end>" in said or "block mapping" in said or "expected key" in said:
        return "Look at the indentation here and on the lines above; text with special signs belongs in quotes."
    if "end of stream" in said or "end of the stream" in said:
        return "A quote, a bracket or a brace is not closed."
    return None


def _unquoted_reference(text: str, offset: int, error: Any) -> int | None:
    """Where `${` stands unquoted inside a flow collection, when that is what broke the text."""
    line_start = text.rfind("\n", 0, offset) + 1
    at = text.rfind("${", line_start, offset + 2)
    if at < 0:
        return None
    flow = "flow" in str(error.context or "") or "flow" in str(error.problem or "") or "','" in str(error.problem or "")
    return at if flow else None


def _leading_sign(text: str, offset: int, error: Any) -> tuple[int, str] | None:
    """The sign that a plain value begins with, on the line where the parser gave up or where it began."""
    marks = [offset]
    if error.context_mark is not None:
        marks.append(error.context_mark.index)
    for at in marks:
        start = text.rfind("\n", 0, at) + 1
        end = text.find("\n", at)
        line = text[start : end if end >= 0 else None]
        found = re.match(r"\s*(?:- +)?(?:[\w-]+: +)?([@`%&*!|>\"'\[\]{},?-])", line)
        if found and not (found.group(1) == "-" and line.strip().startswith("- ")):
            return start + found.start(1), found.group(1)
    return None

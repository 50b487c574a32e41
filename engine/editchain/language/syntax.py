"""YAML text to values with places: the one restricted loader, in which scalars mean what they look like."""

from __future__ import annotations

import gc
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from editchain.classes import dataclass
from editchain.diagnostics import Place, Problems, Source
from editchain.language import shortcut
from editchain.language.accidents import MAX_DEPTH, Accident, explain, short, too_deep, written_out
from editchain.language.nodes import MAX_DIGITS, NUMBER, STARTS_NUMBER, WORDS, Map, Seq, number, scalar
from editchain.pipeline import UNKNOWN, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_BYTES = 16 * 1024 * 1024
MAX_NODES = 500_000

_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]|\r(?!\n)"
)
UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
"""What may stand in no text, however it is spelt: no vendor takes it, and no file can say it."""
_PLAIN_BYTES = bytes([*b"\t\n", *range(0x20, 0x7F)])
_ASSIGNED = re.compile(r"([a-z_]+) ?= ?(.+)", re.DOTALL)
_COMMENT_CUT = re.compile(r"[ \t]+#(?=[^\s#])")


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
    with paused_collection():
        try:
            plain = shortcut.read(source.text)
            if plain is not None and plain[1] <= MAX_NODES:
                return Document(source, plain[0], plain[0].at)
            return _Builder(source, problems).document()
        except Unreadable:
            return None


_MANY = 100_000
"""So many new objects are not walked at once."""
_aged_after = -1
"""How many full looks for cycles there had been when objects were last made old without one."""


@contextmanager
def paused_collection() -> Iterator[None]:
    """A time without looks for cycles: half of that of building many small objects would go into them."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            _age()
            gc.enable()


def _age() -> None:
    """Makes what is new old where it is much: the first look for cycles comes at once, and would find all of it in use.

    Once between two full looks, so that none is put off for ever; and not where somebody froze what there is.
    """
    global _aged_after
    looks = gc.get_stats()[2]["collections"]
    if gc.get_count()[0] > _MANY and looks != _aged_after and not gc.get_freeze_count():
        _aged_after = looks
        gc.freeze()
        gc.unfreeze()


def written(source: Source, offset: int, value: object) -> str:
    """A scalar as it stands in the text: numbers keep their spelling (`1.50`), text is itself."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    found = NUMBER.match(source.text, offset)
    return found.group() if found and type(value) in (int, float) else str(value)


def _decode(data: bytes | str, name: str, problems: Problems, max_bytes: int) -> Source | None:
    if len(data) > max_bytes:
        limit = f"{max_bytes // (1024 * 1024)} MB" if max_bytes >= 1024 * 1024 else f"{max_bytes} bytes"
        problems.error(Place(Source(name, ""), 0), "too-large", f"This file is larger than {limit}.")
        return None
    try:
        text = data.decode("utf-8") if isinstance(data, bytes) else data
    except UnicodeDecodeError as error:
        readable = error.object[: error.start].decode("utf-8", "replace")
        place = Place(Source(name, readable + "\N{REPLACEMENT CHARACTER}"), len(readable))
        problems.error(place, "encoding", "This is not UTF-8 text.", "Save the file as UTF-8.")
        return None
    source = Source(name, text.removeprefix("\ufeff"))
    if isinstance(data, bytes) and not data.translate(None, _PLAIN_BYTES):
        return source
    found = _FORBIDDEN.search(source.text)
    if found:
        control_character(Place(source, found.start()), found.group(), problems)
        return None
    return source


def control_character(place: Place, character: str, problems: Problems) -> None:
    """Notes a character that may not stand in a file."""
    name = "A lone carriage return" if character == "\r" else f"The character U+{ord(character):04X}"
    hint = "Remove it; lines end with LF or CRLF."
    problems.error(place, "control-character", f"{name} may not stand in this file.", hint, spoils=True)


class _Builder:
    """Builds values from the C parser's events."""

    def __init__(self, source: Source, problems: Problems) -> None:
        self.source = source
        self.problems = problems
        self.anchors: dict[str, tuple[Any, int, int] | None] = {}
        self.unused: dict[str, int] = {}
        self.nodes = 0
        self.stray: Map | None = None
        self.assigned: Map | None = None

    def error(
        self, offset: int, code: str, message: str, suggestion: str | None = None, *, width: int = 1
    ) -> None:
        # What is said of the text is the cause of whatever later seems wrong at the same place.
        self.problems.error(Place(self.source, offset), code, message, suggestion, width=width, spoils=True)

    def _unreadable(self, accident: Accident) -> None:
        """Notes where the text cannot be read; what was said of its part after that place was about nothing."""
        self.problems.forget_after(Place(self.source, accident.offset))
        self.error(accident.offset, accident.code, accident.message, accident.suggestion)

    def document(self) -> Document:
        import yaml
        from yaml._yaml import CParser

        parser = CParser(self.source.text)
        try:
            return self._document(parser.get_event, yaml)
        except yaml.MarkedYAMLError as error:
            self._unreadable(explain(error, self.source.text))
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
                message = "A file holds one YAML document; here a second one begins."
                self.error(
                    one.start_mark.index, "syntax", message, "Take away the `---`, or make two files of it."
                )
                raise Unreadable
            if kind in (yaml.ScalarEvent, yaml.MappingStartEvent, yaml.SequenceStartEvent, yaml.AliasEvent):
                seen = True
                at = one.start_mark.index
                root = self._node(one, event, yaml)
        for anchor, where in self.unused.items():
            message = f"YAML takes &{anchor} for a name of its own, and nothing uses it."
            self.error(where, "unquoted-sign", message, "Where it is text, put the whole text in quotes.")
        return Document(self.source, root, at)

    def _node(self, first: Any, event: Callable[[], Any], yaml: Any) -> Any:
        """The value that begins with an event. One loop over a stack: a deep text must not use up Python's own."""
        scalar_event, alias_event = yaml.ScalarEvent, yaml.AliasEvent
        map_start, seq_start = yaml.MappingStartEvent, yaml.SequenceStartEvent
        text = self.source.text
        words, starts_number, number = WORDS, STARTS_NUMBER, NUMBER.fullmatch
        stack: list[
            tuple[Any, str | None, int]
        ] = []  # the containers around, with the key each waits to fill
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
                    value = self._refuse_tag(one)
                elif plain:
                    if value in words:
                        value = words[value]
                    elif value[0] in starts_number and (found := number(value)):
                        value = self._number(value, found, at)
                    elif (" " in value or key == "prompt") and _COMMENT_CUT.match(text, one.end_mark.index):
                        self._comment_cut(one)
                elif one.style == '"' and (odd := UNWRITABLE.search(value)):
                    control_character(Place(self.source, at), odd.group(), self.problems)
                    value = UNKNOWN
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
                    self._unreadable(too_deep(at))
                    raise Unreadable
                if container is not None and key is None and type(container) is Map:
                    self._refuse_key(at)
                if one.anchor is not None:
                    self.anchors[one.anchor] = None
                stack.append((container, key, key_at))
                opened: Any = Map(at, bool(one.flow_style)) if kind is map_start else Seq(at)
                container = opened
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
                message = (
                    f"This file holds more than {MAX_NODES:,} values, aliases counted as if written out."
                )
                self.error(at, "too-large", message, "Split it into several files.")
                raise Unreadable
            if container is None:
                return value
            if type(container) is Seq:
                container.append(value)
                container.places.append(at)
            elif key is None:
                key, key_at = value if type(value) is str else self._key(value, at), at
            else:
                assert isinstance(container, Map)  # noqa: S101  (only a mapping has keys)
                if value is None or key in container or key == "<<":
                    self._put(container, key, value, key_at, at)
                else:
                    container[key] = value
                    container.places[key] = (key_at, at)
                key = None
            one = event()

    def _number(self, text: str, found: re.Match[str], at: int) -> int | float | Unknown:
        if len(text) > MAX_DIGITS or (found.group(2) and abs(float(text)) == float("inf")):
            shown = f"{text[:MAX_DIGITS]}…" if len(text) > MAX_DIGITS else text
            self.error(at, "out-of-range", f"The number {shown} is beyond every limit.", width=len(text))
            return UNKNOWN
        return number(found)

    def _key(self, value: Any, at: int) -> str:
        if isinstance(value, str):
            return value
        if isinstance(value, (Map, Seq)):
            self._refuse_key(at)
        if value is UNKNOWN:  # its own problem has been said
            return f"?{at}"
        spelling = written(self.source, at, value) if value is not None else "null"
        message = f"A key must be text, and {spelling} is not."
        self.error(at, "non-text-key", message, f'Put it in quotes: "{spelling}".', width=len(spelling))
        return spelling

    def _refuse_key(self, at: int) -> None:
        message = "A key must be text, and here a list or a mapping stands in its place."
        self.error(at, "non-text-key", message, 'Quote a text that holds braces or a reference: "${name}".')
        raise Unreadable

    def _refuse_tag(self, event: Any) -> Unknown:
        tag = event.tag.replace("tag:yaml.org,2002:", "!!", 1)
        message = f"YAML tags such as {tag} are not part of the language."
        hint = "Where this is text that begins with !, put it in quotes."
        self.error(event.start_mark.index, "yaml-tag", message, hint, width=len(tag))
        return UNKNOWN

    def _alias(self, event: Any) -> tuple[Any, int]:
        at = event.start_mark.index
        if event.anchor not in self.anchors:
            message = f"No anchor &{event.anchor} stands before this alias."
            hint = "Where this is text that begins with *, put it in quotes."
            self.error(at, "unknown-anchor", message, hint, width=len(event.anchor) + 1)
            return UNKNOWN, at
        self.unused.pop(event.anchor, None)
        known = self.anchors[event.anchor]
        if known is None:
            message = f"The alias *{event.anchor} stands inside what it repeats."
            self.error(at, "cyclic-alias", message, "Write it out.", width=len(event.anchor) + 1)
            raise Unreadable
        value, value_at, count = known
        self.nodes += count
        return value, value_at

    def _comment_cut(self, event: Any) -> None:
        hash_at = self.source.text.index("#", event.end_mark.index)
        rest = self.source.line(hash_at)[self.source.locate(hash_at)[1] - 1 :].rstrip()
        message = (
            f'YAML takes "{short(rest)}" for a comment, so the text ends at "{short(event.value[-30:])}".'
        )
        quoted = f"{short(event.value, 40)} {short(rest)}"
        hint = f'Put the text in quotes: "{quoted}" (or a space after the # if it is a comment).'
        self.error(hash_at, "unquoted-comment", message, hint, width=len(rest))

    def _put(self, container: Map, key: str, value: Any, key_at: int, at: int) -> None:
        """Fills what is no plain new key: the rest of a text cut at a comma, a key for the second time, a merge."""
        if value is None and container.is_flow and self._is_stray(key, key_at, at):
            self._stray_key(container, key, key_at)
        elif key == "<<" and self.source.text.startswith("<<", key_at):
            self._merge(container, value, key_at)
        elif key in container and container.places[key][0] >= container.at:  # else a merge brought it
            line, _ = self.source.locate(container.places[key][0])
            message = f'"{short(key)}" stands twice: it is already there at line {line}.'
            self.error(key_at, "duplicate-key", message, "Remove one of the two.", width=len(key))
        else:
            container[key] = value
            container.places[key] = (key_at, at)

    def _is_stray(self, key: str, key_at: int, value_at: int) -> bool:
        """Whether a key of a flow mapping has no colon, so that it is the rest of a text cut at a comma."""
        return ":" not in self.source.text[key_at + len(key) : value_at + 1]

    def _stray_key(self, container: Map, key: str, at: int) -> None:
        last = next(reversed(container), None)
        found = _ASSIGNED.fullmatch(key) if last is None or self.assigned is container else None
        if found is not None:
            container[found[1]], container.places[found[1]] = found[2], (at, at + found.start(2))
            if self.assigned is not container:
                message = f'"{short(key)}" is no field: a colon and a space stand between name and value.'
                hint = f'Write "{found[1]}: {short(found[2], 40)}".'
                self.error(at, "missing-colon", message, hint, width=len(key))
            self.assigned = container
            return
        if self.stray is container:
            return  # the next part of the same text
        self.stray = container
        if last is None:
            message = f'To YAML the braces around "{short(key)}" make a mapping of it.'
            hint = f'Put the whole text in quotes: "{{{short(key, 40)}}}".'
            self.error(container.at, "unquoted-brace", message, hint)
            return
        start = written_out(self.source.text, container.places[last][1]) if last else ""
        hint = f'Put the whole text in quotes: "{short(start, 40)}, {short(key, 40)}".'
        message = f'Inside {{ }} a comma ends a text, so "{short(key)}" stands alone here.'
        self.error(at, "unquoted-comma", message, hint, width=len(key))

    def _merge(self, container: Map, value: Any, at: int) -> None:
        message = "Merge keys (<<) are not part of the language."
        self.error(at, "merge-key", message, "Write the fields out, or put them in `defaults`.", width=2)
        for one in [value] if isinstance(value, Map) else value if isinstance(value, Seq) else []:
            for key in one if isinstance(one, Map) else ():
                if key not in container:  # so that nothing is called missing
                    container[key] = one[key]
                    container.places[key] = one.places[key]


__all__ = [
    "MAX_DIGITS",
    "UNWRITABLE",
    "Document",
    "Map",
    "Seq",
    "control_character",
    "parse",
    "paused_collection",
    "scalar",
    "written",
]

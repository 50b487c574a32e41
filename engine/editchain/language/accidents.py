"""Accidents of writing text in YAML: what the parser's complaint means to the person who wrote the file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

QUOTE_IT = "Put the whole text in quotes."
MAX_DEPTH = 50

_SIGNS_BEFORE = re.compile(r"\s*(?:- +)*(?:[\w-]+: +)?([\"'\[{])")
_SWALLOWED = re.compile(r"(?<=[\s:])#(?:(?=\S)[^\n]*|[^\n{\[]*)[}\]]")
_KEY_GLUED = re.compile(r"(\s*)([A-Za-z_][\w-]*):[^\s:/]")
_FIELD_BEHIND = re.compile(r"\S +([a-z_]+)$")
_WORD = re.compile(r"(\s*)([A-Za-z_][\w-]*)")
_QUOTED_BEFORE = re.compile(r"(?:^|[\s:\[{,])(?P<text>(?P<sign>[\"'])(?:(?!(?P=sign)).)*(?P=sign))\s*$")
_END_OF_VALUE = re.compile(r"[,}\]]|\s#|$")
_KEY_AND_VALUE = re.compile(r"\s*(?:- +)*[\w-]+: +\S")


class Accident(NamedTuple):
    """What is wrong, as it stands at a character offset."""

    offset: int
    code: str
    message: str
    suggestion: str | None


class _Failure(NamedTuple):
    """A parser's error: the text, where it gave up, where what it was reading began, and its words."""

    text: str
    offset: int
    began: int
    context: str
    said: str

    @property
    def sign(self) -> str:
        return self.text[self.offset : self.offset + 1]

    def line_start(self, offset: int) -> int:
        return self.text.rfind("\n", 0, offset) + 1

    def line_at(self, offset: int) -> str:
        end = self.text.find("\n", offset)
        return self.text[self.line_start(offset) : end if end >= 0 else None].rstrip("\r")

    def line_before(self, offset: int) -> tuple[int, str]:
        """The last line before that of an offset that is not blank: where it starts, and its text."""
        start = self.line_start(offset)
        while start > 0:
            before = self.line_start(start - 1)
            line = self.text[before : start - 1].rstrip("\r")
            if line.strip():
                return before, line
            start = before
        return 0, ""


def explain(error: Any, text: str) -> Accident:
    """A parser's error (PyYAML's MarkedYAMLError) as a problem with its place and a way to mend it."""
    mark = error.problem_mark or error.context_mark
    offset = min(mark.index if mark else 0, len(text))
    began = min(error.context_mark.index, len(text)) if error.context_mark else offset
    failure = _Failure(text, offset, began, str(error.context or ""), str(error.problem or error))
    for reading in _READINGS:
        if (accident := reading(failure)) is not None:
            return accident
    context = f" ({failure.context})" if failure.context else ""
    return Accident(offset, "syntax", f"This is not YAML: {failure.said}{context}.", None)


def too_deep(at: int) -> Accident:
    """Brackets or blocks inside each other beyond the limit."""
    return Accident(at, "too-deep", f"This is nested more than {MAX_DEPTH} deep.", "Nest it less.")


def short(text: str, most: int = 60) -> str:
    """Text for a message: on one line, cut where it is long."""
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"


def written_out(text: str, at: int) -> str:
    """The plain text around an offset, from its key or bracket to the end of its line or collection."""
    start = max(text.rfind("\n", 0, at) + 1, text.rfind(": ", 0, at) + 2, text.rfind(", ", 0, at) + 2)
    start = max(start, text.rfind("[", 0, at) + 1)
    end = text.find("\n", at)
    line = text[start : end if end >= 0 else len(text)]
    depth = 0
    for index, character in enumerate(line):
        if character in "{[":
            depth += 1
        elif character in "}]":
            depth -= 1
        if depth < 0 or (depth == 0 and character == ","):
            return line[:index].strip()
    return line.strip()


def _nesting(failure: _Failure) -> Accident | None:
    """libyaml from 0.2.6 reads ahead of its events, and has a limit of its own (1,000)."""
    return too_deep(failure.offset) if "nesting depth" in failure.said else None


def _tab(failure: _Failure) -> Accident | None:
    if failure.sign != "\t" and "\\t" not in failure.said:
        return None
    return Accident(failure.offset, "tab", "A tab stands where YAML wants spaces.", "Indent with spaces.")


def _reference_in_flow(failure: _Failure) -> Accident | None:
    text, at = failure.text, failure.offset
    if "flow" not in failure.context or text[at - 1 : at + 1] != "${":
        return None
    message = "Inside { } or [ ] a reference with braces must stand in quotes."
    return Accident(at - 1, "unquoted-brace", message, f'Write "{short(written_out(text, at - 1))}".')


def _swallowed_end(failure: _Failure) -> Accident | None:
    """A `#` inside { } or [ ] that hides what would close them."""
    if "flow" not in failure.context:
        return None
    start = min(failure.line_start(failure.began), failure.line_before(failure.offset)[0])
    found = _SWALLOWED.search(failure.text, start, failure.offset)
    if found is None:
        return None
    words = found.group().rstrip(" ]}")
    message = f'YAML takes "{short(found.group())}" for a comment, and with it what closes the bracket.'
    hint = f'Put the text in quotes, as in "{short(words)}", or close the bracket on the next line.'
    return Accident(found.start(), "unquoted-comment", message, hint)


def _sign(at: int, character: str) -> Accident:
    message = f"A plain text may not begin with {character}: to YAML it is a sign of its own."
    return Accident(at, "unquoted-sign", message, QUOTE_IT)


def _sign_at_once(failure: _Failure) -> Accident | None:
    """A value that begins with a sign which the parser stumbled over at once."""
    if "cannot start any token" in failure.said or "entries are not allowed" in failure.said:
        return _sign(failure.offset, failure.sign)
    if "mapping keys are not allowed" in failure.said:
        return _sign(failure.offset, failure.sign)
    words = ("an alias", "an anchor", "a tag", "a block scalar", "a directive")
    if failure.context.endswith(words):
        return _sign(failure.began, failure.text[failure.began : failure.began + 1])
    if "node content" in failure.said and failure.sign == ",":
        message, hint = "Nothing stands before this comma.", "Take it away, or put the text in quotes."
        return Accident(failure.offset, "unquoted-sign", message, hint)
    if "node content" in failure.said and failure.sign and failure.sign in "}]%":
        return _sign(failure.offset, failure.sign)
    return None


def _text_after_quotes(failure: _Failure) -> Accident | None:
    """A text in quotes that goes on behind them: `'it's late'`, `"sepia" and warm`."""
    if "expected key" not in failure.said and "expected ',' or" not in failure.said:
        return None
    if failure.sign in ("", "\n", ",", "}", "]", "#"):
        return None
    start = failure.line_start(failure.offset)
    found = _QUOTED_BEFORE.search(failure.text[start : failure.offset])
    if found is None:
        return None
    line, sign = failure.line_at(failure.offset), found["sign"]
    begin, behind = found.start("text"), failure.offset - start
    end = _END_OF_VALUE.search(line, behind) if "flow" in failure.context else None
    whole = line[begin : end.start() if end else None].strip()
    message = f'The text ends with the {sign} before "{short(line[behind:], 30)}".'
    inner = whole[1:-1] if len(whole) > found.end("text") - begin and whole.endswith(sign) else whole
    other = "'" if sign == '"' else '"'
    hint = f"Put the whole text in other quotes: {other}{short(inner)}{other}."
    if other in inner:
        hint = "Put the whole text in '...', and write each ' inside of it twice."
    return Accident(start + begin, "unquoted-sign", message, hint)


def _stray_end(failure: _Failure) -> Accident | None:
    """What closes a bracket where none of its kind is open."""
    ends_nothing = (
        "}]" if "expected key" in failure.said else "]" if "flow mapping" in failure.context else ""
    )
    if not failure.sign or failure.sign not in ends_nothing:
        return None
    message = f"This {failure.sign} closes nothing that is open."
    return Accident(failure.offset, "syntax", message, "Take it away, or put the text in quotes.")


def _colon(failure: _Failure) -> Accident | None:
    text, at = failure.text, failure.offset
    in_flow = "flow" in failure.context and failure.sign == ":" and not _begins_a_field(failure)
    if "mapping values are not allowed" not in failure.said and not in_flow:
        return None
    if not in_flow and (accident := _key_mistake(failure)) is not None:
        return accident
    line_start = failure.line_start(at)
    key = re.match(r"\s*(?:- +)*[\w-]+: +", text[line_start:at])
    value = written_out(text, at - 1) if in_flow else failure.line_at(at)[key.end() if key else 0 :].strip()
    message = "A colon followed by a space ends a plain text in YAML."
    hint = f'Put the text in quotes: "{short(value, 70)}".'
    if in_flow and (field := _FIELD_BEHIND.search(text[line_start:at])):
        hint = f'Put a comma before "{field[1]}", or the text in quotes: "{short(value, 70)}".'
    return Accident(at, "unquoted-colon", message, hint)


def _begins_a_field(failure: _Failure) -> bool:
    """Whether the colon follows a key on a line of its own, so that a bracket above was left open."""
    start = failure.line_start(failure.offset)
    own = _WORD.fullmatch(failure.text, start, failure.offset)
    return start > failure.began and own is not None and not failure.line_before(start)[1].endswith(",")


def _key_mistake(failure: _Failure) -> Accident | None:
    """A line that runs on from the one before because of a colon or an indentation."""
    start = failure.line_start(failure.offset)
    own = _WORD.fullmatch(failure.text, start, failure.offset)
    before_at, before = failure.line_before(failure.offset)
    if own is None or not before:
        return None
    indent = len(own.group(1))
    if (glued := _KEY_GLUED.match(before)) and len(glued.group(1)) == indent:
        message = f'A space is missing after the colon of "{glued.group(2)}".'
        return Accident(before_at + glued.end(2), "missing-space", message, f'Write "{glued.group(2)}: ...".')
    if (word := _WORD.fullmatch(before.rstrip())) and len(word.group(1)) <= indent:
        message = f'"{word.group(2)}" is a key without a colon.'
        return Accident(before_at + len(before), "missing-colon", message, f'Write "{word.group(2)}: ...".')
    if _KEY_AND_VALUE.match(before) and len(before) - len(before.lstrip()) < indent:
        message = f'This line is indented deeper than the one before, so "{own.group(2)}" runs on from it.'
        return Accident(start + indent, "indentation", message, "Begin it where the line before begins.")
    return None


def _not_closed(failure: _Failure) -> Accident | None:
    if "quoted scalar" in failure.context and "end of" in failure.said:
        return _unclosed(failure, failure.began)
    if "flow" not in failure.context:
        return None
    ends_below = failure.line_start(failure.offset) > failure.began or failure.offset >= len(failure.text)
    opening = failure.text[failure.began : failure.began + 1]
    is_other_end = opening + failure.sign == "[}"
    if (ends_below or is_other_end) and opening and opening in "{[":
        return _unclosed(failure, failure.began)
    if failure.sign and failure.sign in "{[\"'":
        message = f"A {failure.sign} may not stand inside a plain text here."
        return Accident(failure.offset, "unquoted-sign", message, QUOTE_IT)
    message = "Here YAML wants a comma, or what closes the bracket."
    return Accident(failure.offset, "syntax", message, "Look for a missing comma, or put the text in quotes.")


def _unclosed(failure: _Failure, at: int) -> Accident:
    message = f"This {failure.text[at]} is not closed."
    return Accident(at, "not-closed", message, "Close it, or put the whole text in quotes.")


def _escape(failure: _Failure) -> Accident | None:
    if "escape" not in failure.said:
        return None
    message = 'Inside "..." a backslash begins an escape, and this is none that YAML knows.'
    return Accident(failure.offset, "syntax", message, "Write \\\\ for a backslash, or use '...'.")


def _text_after_value(failure: _Failure) -> Accident | None:
    if "expected key" not in failure.said:
        return None
    found = _SIGNS_BEFORE.match(failure.line_at(failure.offset))
    start = failure.line_start(failure.offset)
    if found is not None and start + found.start(1) < failure.offset:
        return _sign(start + found.start(1), found.group(1))
    return None


def _indentation(failure: _Failure) -> Accident | None:
    if "expected key" not in failure.said and "'-' indicator" not in failure.said:
        return None
    message = "The indentation of this line fits none of the lines above."
    return Accident(failure.offset, "indentation", message, "Begin it where its neighbours begin.")


def _no_colon(failure: _Failure) -> Accident | None:
    if "could not find expected ':'" not in failure.said:
        return None
    message = "A key without a colon stands here."
    return Accident(
        failure.began, "missing-colon", message, "Write `key: value`, or indent the text further."
    )


def _second_document(failure: _Failure) -> Accident | None:
    if "document start" not in failure.said:
        return None
    return Accident(
        failure.offset, "syntax", "The document has ended before this line.", "Take away the `...`."
    )


_READINGS: tuple[Callable[[_Failure], Accident | None], ...] = (
    _nesting,
    _tab,
    _reference_in_flow,
    _swallowed_end,
    _sign_at_once,
    _text_after_quotes,
    _stray_end,
    _colon,
    _not_closed,
    _escape,
    _text_after_value,
    _indentation,
    _no_colon,
    _second_document,
)

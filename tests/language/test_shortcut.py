"""The short way through YAML gives what the parser gives, or nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from editchain.diagnostics import Problems
from editchain.language import shortcut
from editchain.language.nodes import Map, Seq
from editchain.language.syntax import parse

PIECES = (
    "a", "b1", "key", "null", "true", "~", "-", "- ", "-5", "12", "1.50", "0x1F", "012", "1e3", ":", ": ", " :", "#", " #",
    " #x", "#x", ",", ", ", "{", "}", "[", "]", "{ }", "\"", "'", "\"x y\"", "'x'", "''", "\\", "&a", "*a", "!t", "|", ">",
    "%", "@", "`", "?", "? ", "$photo", "${x}", "$x.*", "é", "\n", "\n  ", "\n    ", "\n\n", "  ", " ", "\t", "---", "...",
    "<<", "=", "a: b", "k: v\n", "{a: b}", "[a, b]", "{a: b, c: [d, e]}", "x: {y: z}\n", "deep:\n  in: 1\n", "/", "(x)", "\r\n", "[", "]",
)  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
LINES = st.lists(
    st.tuples(
        st.sampled_from(["", "  ", "    ", "      "]),
        st.sampled_from(["a", "b", "c", "d", "step_1", "on", "x-y"]),
        st.sampled_from([":", ": ", ":  "]),
        st.lists(st.sampled_from(PIECES), max_size=4).map("".join),
        st.sampled_from(["\n", "\n\n", "\n# note\n", "  \n", ""]),
    ).map("".join),
    max_size=8,
).map("".join)


def placed(value: Any) -> Any:
    """A value with every place in it, and with the types of its scalars."""
    if isinstance(value, Map):
        pairs = [(key, placed(one), value.places[key]) for key, one in value.items()]
        return "map", value.at, value.is_flow, pairs
    if isinstance(value, Seq):
        return "list", value.at, list(zip(map(placed, value), value.places, strict=True))
    return type(value).__name__, value


def by_the_parser(text: str) -> Any:
    """What the parser makes of a text; a directive makes the short way give up."""
    problems = Problems()
    document = parse("%YAML 1.1\n---\n" + text, "x", problems)
    return None if document is None or problems.found else document


@settings(max_examples=1500, deadline=None)
@given(st.one_of(TEXTS, LINES))
@example("a: {b: c, d: [e, f]}\n")
@example("a:\n  b: 1\nc: x\n")
@example("a: b\n c: d\n")
@example("a: b\n  - c\n")
@example("a: 'x'y\n")
@example("a: b: c\n")
@example("a:\nb: c\n")
@example("a: x:\n")
@example("a: {b: c:d}\n")
@example("a: {b: c}x\n")
@example("  a: b\n c: d\n")
def test_the_short_way_agrees_with_the_parser(text: str) -> None:
    plain = shortcut.read(text)
    if plain is None:
        return
    root, nodes = plain
    shift = len("%YAML 1.1\n---\n")
    document = by_the_parser(text)
    assert document is not None
    assert _moved(placed(document.root), shift) == placed(root)
    assert nodes >= 1


def _moved(value: Any, by: int) -> Any:
    """The same with every place that many characters earlier."""
    if value[0] == "map":
        pairs = [(key, _moved(one, by), (at[0] - by, at[1] - by)) for key, one, at in value[3]]
        return "map", value[1] - by, value[2], pairs
    if value[0] == "list":
        return "list", value[1] - by, [(_moved(one, by), at - by) for one, at in value[2]]
    return value


@pytest.mark.parametrize(
    "text",
    [
        "a: b\n",
        "a:\n  b: c\n  d: 1\ne: true\n",
        "a: {b: c}\n",
        "# x\n\na: 'it is'  \n",
        'a: "x"\nb: [1, $y]\n',
        "a: b",
    ],
)
def test_plain_texts_go_the_short_way(text: str) -> None:
    assert shortcut.read(text) is not None


@pytest.mark.parametrize(
    "text",
    ["", "- a\n", "a: &b c\n", "a: |\n  b\n", "a: b\na: c\n", "<<: x\n", "a: b #c\n", "a: b\r\n", "a: {b, c}\n", "null: 1\n",
     "a: 12345678901234567890123456789012345\n", "a: 1e999\n", "a:\n", "a: b\n  c\n", "a: {b: {c: d}}\n"],
)  # fmt: skip
def test_other_texts_do_not(text: str) -> None:
    assert shortcut.read(text) is None

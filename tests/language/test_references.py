"""References in texts."""

from __future__ import annotations

import pytest

from editchain.language.references import (
    BadReference,
    Reference,
    Select,
    Text,
    find_references,
    parse,
    references,
    with_braces,
)


@pytest.mark.parametrize(
    ("text", "name", "path", "gathers"),
    [
        ("$a", "a", (), False), ("${a}", "a", (), False), ("${ a }", "a", (), False), ("$a_1", "a_1", (), False),
        ("$a.b", "a", ("b",), False), ("$a.*", "a", (), True), ("$a.b.*", "a", ("b",), True), ("${a.b.c}", "a", ("b", "c"), False),
    ],
)  # fmt: skip
def test_whole_values(text: str, name: str, path: tuple[str, ...], gathers: bool) -> None:
    assert parse(text) == Reference(name, path, gathers, (), text)


@pytest.mark.parametrize(
    ("text", "selects"),
    [
        ("${a[b=c]}", (Select("b", "c"),)), ("${a[b=*]}", (Select("b", None),)), ("${a[c d]}", (Select(None, "c d"),)),
        ("${a[b=c, d=e]}", (Select("b", "c"), Select("d", "e"))), ("${a[b=c, d]}", (Select("b", "c, d"),)),
        ("${a[b=x=y]}", (Select("b", "x=y"),)), ("${a[x-y=1]}", (Select(None, "x-y=1"),)), ("${a[*]}", (Select(None, None),)),
    ],
)  # fmt: skip
def test_selections(text: str, selects: tuple[Select, ...]) -> None:
    parsed = parse(text)
    assert isinstance(parsed, Reference)
    assert parsed.selects == selects
    assert parsed.is_list == any(one.key is None for one in selects)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("on $a.", ["on ", "$a", "."]), ("$a's", ["$a", "'s"]), ("$a-b", ["$a", "-b"]), ("${a}s", ["${a}", "s"]), ("$a$b", ["$a", "$b"]),
        ("$a. And", ["$a", ". And"]), ("$a.*b", ["$a.*", "b"]), ("$$$a", ["$", "$a"]), ("$a..", ["$a", ".."]), ("$a.5", ["$a", ".5"]),
    ],
)  # fmt: skip
def test_inside_text(text: str, parts: list[str]) -> None:
    parsed = parse(text)
    assert isinstance(parsed, Text)
    assert [one if isinstance(one, str) else one.raw for one in parsed.parts] == parts
    assert [one.raw for one in references(parsed)] == [
        one for one in parts if one.startswith("$") and one != "$"
    ]


@pytest.mark.parametrize(
    ("text", "meant"),
    [("", ""), ("a", "a"), ("$5", "$5"), ("a$", "a$"), ("$$", "$"), ("$$a", "$a"), ("$ a", "$ a"), ("$-", "$-"), ("$$$$", "$$"), ("$é", "$é")],
)  # fmt: skip
def test_dollars_that_begin_nothing(text: str, meant: str) -> None:
    assert parse(text) == meant


@pytest.mark.parametrize(
    "text", ["${", "${a", "${}", "${1}", "${a b}", "${a[]}", "${a[b}", "$a[b]", "${a.}", "${.a}", "${a.*[b]}"]
)
def test_what_is_malformed(text: str) -> None:
    with pytest.raises(BadReference) as caught:
        parse(text)
    assert caught.value.raw in text
    assert caught.value.suggestion


def test_references_at_any_depth() -> None:
    value = {"a": ["$b", {"c": "x ${d} $e"}], "f": "$$g", "h": "${", "i": 5}
    assert [one.name for one in find_references(value)] == ["b", "d", "e"]


def test_a_column_that_was_meant_as_an_extension() -> None:
    parsed = parse("$title.jpg")
    assert isinstance(parsed, Reference)
    assert with_braces(parsed) == "${title}.jpg"

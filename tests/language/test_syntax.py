"""YAML texts as values with places; the accidents of writing them are in the corpus."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from editchain.diagnostics import Problems, Source
from editchain.language.syntax import Document, Map, Seq, parse, paused_collection, scalar, written


def read(text: str | bytes) -> Document:
    problems = Problems()
    document = parse(text, "x.yaml", problems)
    assert document is not None
    assert not problems.found, [str(one) for one in problems.in_order()]
    return document


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None), ("~", None), ("", None), ("true", True), ("false", False), ("0", 0), ("-7", -7), ("1.50", 1.5), ("1e3", 1000.0),
        ("-0.5E-1", -0.05), ("on", "on"), ("yes", "yes"), ("no", "no"), ("012", "012"), ("0x1F", "0x1F"), ("0o7", "0o7"), ("1_000", "1_000"),
        ("16:9", "16:9"), ("12:30:45", "12:30:45"), ("2026-11-22", "2026-11-22"), ("+1", "+1"), (".5", ".5"), ("1.", "1."), (".inf", ".inf"),
        (".nan", ".nan"), ("Null", "Null"), ("TRUE", "TRUE"), ("-", "-"), ("1e", "1e"), ("=", "="), ("y", "y"),
    ],
)  # fmt: skip
def test_scalars_are_what_they_look_like(text: str, value: object) -> None:
    assert scalar(text) == value
    assert type(scalar(text)) is type(value)
    if text not in ("", "-", "="):
        by_the_parser = read(f"- {text}\n").root[0]
        assert by_the_parser == value
        assert type(by_the_parser) is type(value)


def test_quotes_make_text() -> None:
    assert read("[\"1\", 'true', \"null\", '']").root == ["1", "true", "null", ""]


def test_places() -> None:
    document = read("a: b\nc:\n  - d\n  - {e: 'f'}\n")
    root: Any = document.root
    assert isinstance(root, Map)
    assert root.places == {"a": (0, 3), "c": (5, 10)}
    assert isinstance(root["c"], Seq)
    assert root["c"].places == [12, 18]
    assert root["c"][1].places == {"e": (19, 22)}
    assert [document.place(root["c"].places[1]).source.locate(18)] == [(4, 5)]


def test_characters_are_counted_and_not_bytes() -> None:
    assert read("é: 夜\n𝄞: x\n".encode()).root.places == {"é": (0, 3), "𝄞": (5, 8)}


@pytest.mark.parametrize("text", ["a: 1\nb: [x, y]\n", "a:\n  b: |-\n    c\n    d\n"])
def test_line_ends_and_byte_order_marks_change_no_value(text: str) -> None:
    expected = read(text).root
    assert read(text.replace("\n", "\r\n")).root == expected
    assert read(b"\xef\xbb\xbf" + text.encode()).root == expected
    assert read(text.rstrip("\n")).root == expected


def test_a_byte_order_mark_moves_no_column() -> None:
    problems = Problems()
    parse(b"\xef\xbb\xbfa: b\na: c\n", "x.yaml", problems)
    assert [(one.line, one.column) for one in problems.in_order()] == [(2, 1)]


def test_carriage_returns_move_no_line() -> None:
    problems = Problems()
    parse("a: b\r\nc: d\r\na: c\r\n", "x.yaml", problems)
    assert [(one.line, one.column, one.excerpt) for one in problems.in_order()] == [(3, 1, "a: c")]


def test_numbers_keep_their_spelling() -> None:
    source = Source("x", "1.50 12 text")
    assert written(source, 0, 1.5) == "1.50"
    assert written(source, 5, 12) == "12"
    assert written(source, 8, "text") == "text"
    assert written(source, 8, True) == "true"


def test_the_collector_is_left_as_it_was() -> None:
    assert gc.isenabled()
    with paused_collection(), paused_collection():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_much_that_is_new_is_walked_at_the_second_time_only() -> None:
    """Nothing is put off for ever: between two full looks for cycles only one such batch counts as old unseen."""
    looks: list[int] = []

    def note(phase: str, about: dict[str, int]) -> None:
        if phase == "start":
            looks.append(about["generation"])

    gc.collect()
    gc.callbacks.append(note)
    try:
        kept, counts = [], []
        for _ in range(2):
            with paused_collection():
                kept.append([[] for _ in range(200_000)])
            kept.append([[] for _ in range(10)])
            counts.append(len(looks))
    finally:
        gc.callbacks.remove(note)
    assert counts == [0, 1]

"""Output paths: slugs, templates and collisions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from editchain.language.publishing import (
    MAX_SLUG,
    BadTemplate,
    first_collision,
    folded,
    path_of,
    slug,
    template,
)
from editchain.pipeline import Dimension


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("cat", "cat"), ("a b", "a-b"), ("a  &  b", "a-b"), ("été 夜", "été-夜"), ("x/y.1_2-3", "x/y.1_2-3"), ("..", "-"), ("../x", "-/x"),
        (".git", "git"), ("/x", "x"), ("", "-"), ("?!", "-"), ("a/../b", "a/-/b"), ("e\u0301", "é"), ("-x-", "-x-"), ("#fff", "fff"),
    ],
)  # fmt: skip
def test_slugs(key: str, expected: str) -> None:
    assert slug(key) == expected


def test_a_long_slug_gets_a_hash() -> None:
    one, other = slug("a" * 500), slug("a" * 501)
    assert len(one) <= MAX_SLUG
    assert one != other


@given(st.text(max_size=120))
def test_no_slug_climbs_or_hides(key: str) -> None:
    made = slug(key)
    assert made
    assert len(made) <= MAX_SLUG
    assert not made.startswith("/")
    assert all(part and not part.startswith(".") for part in made.split("/"))


def dimension(name: str, *keys: str, is_outer: bool = False) -> Dimension:
    return Dimension(name, keys, keys, keys, is_outer=is_outer)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (None, "p1/tone/warm-red.png"), ("x.webp", "p1/x.webp"), ("{look}.jpg", "p1/warm-red.jpg"), ("{photo}/{look}", "p1/warm-red.png"),
        ("{{{look}}}.png", "p1/{warm-red}.png"), ("{ look }.png", "p1/warm-red.png"),
    ],
)  # fmt: skip
def test_paths(path: str | None, expected: str) -> None:
    dimensions = [dimension("photo", "p1", is_outer=True), dimension("look", "warm red")]
    written = None if path is None else template(path)
    assert path_of("tone", written, dimensions, {"photo": "p1", "look": "warm red"}, "png") == expected


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("", "bad-path"), ("/a.png", "bad-path"), ("../a.png", "bad-path"), ("a/../b.png", "bad-path"), (".a/b.png", "bad-path"),
        ("a//b.png", "bad-path"), ("a/", "bad-path"), ("a\\b.png", "bad-path"), ("a\x07.png", "bad-path"), ("C:/a.png", "bad-path"),
        ("{a", "bad-path"), ("a}", "bad-path"), ("{}", "bad-path"), ("x" * 201, "bad-path"), ("a.bmp", "unknown-format"),
    ],
)  # fmt: skip
def test_templates_that_are_refused(path: str, code: str) -> None:
    with pytest.raises(BadTemplate) as caught:
        template(path)
    assert caught.value.code == code


def test_names_that_are_one_file_somewhere() -> None:
    assert folded("É.png") == folded("e\u0301.png")
    assert first_collision([("a.png", "x"), ("A.png", "y")]) == ("A.png", "x", "y")
    assert first_collision([("a.png", "x"), ("b.png", "y")]) is None

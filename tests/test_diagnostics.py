"""Problems: their places, how they are shown, and that the page of codes is true."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from editchain.diagnostics import Place, Problems, Source, did_you_mean, one_of, render, visible

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/diagnostics.md"
ONE_WORD = {"syntax", "cycle", "empty", "tab", "pattern", "rule", "encoding", "indentation", "recursion"}
MADE_OF_A_KIND = {"unknown-model", "unknown-operation"}
MODULES = ("diagnostics.py", "misfits.py", "rules.py", "language/*.py")


def codes_in_the_code() -> set[str]:
    """Every string constant of the modules that check which has the form of a code."""
    found = set(MADE_OF_A_KIND)
    for path in (path for pattern in MODULES for path in (ROOT / "engine/editchain").glob(pattern)):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                is_code = re.fullmatch(r"[a-z]+(-[a-z0-9]+)+", node.value) or node.value in ONE_WORD
                if is_code and not node.value.startswith(("x-", "utf-")):
                    found.add(node.value)
    return found


def codes_on_the_page() -> list[str]:
    rows = re.findall(r"^\| (`.*?) \|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return [code for row in rows for code in re.findall(r"`([a-z-]+)`", row)]


def test_the_page_lists_every_code_once() -> None:
    listed = codes_on_the_page()
    assert len(listed) == len(set(listed))
    assert set(listed) == codes_in_the_code()


def test_every_code_of_the_page_is_in_the_corpus_or_hard_to_write_there() -> None:
    said = set()
    for path in (ROOT / "tests/corpus/broken").glob("*.yaml"):
        said.update(
            re.findall(r"^#! (?:warning )?\S*\d+:\d+ (\S+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        )
    elsewhere = {
        "control-character",
        "too-large",
        "too-deep",
        "too-many-paths",
        "unreadable-file",
        "missing-extra",  # where the extra is not installed
        "unused-picture",  # the embedded model says it: tests/language/test_loading.py
        "missing-colon",
    }
    assert set(codes_on_the_page()) - said <= elsewhere


def test_places_count_from_one() -> None:
    source = Source("x", "ab\ncd\r\n\ne")
    assert [source.locate(offset) for offset in (0, 1, 3, 7, 8)] == [(1, 1), (1, 2), (2, 1), (3, 1), (4, 1)]
    assert [source.line(offset) for offset in (0, 3, 7, 8)] == ["ab", "cd", "", "e"]


def test_a_problem_is_noted_once_and_in_order() -> None:
    source, other = Source("x.yaml", "a: b\nc: d\n"), Source("y.yaml", "e")
    problems = Problems()
    problems.warning(Place(source, 5), "two", "Second.")
    problems.error(Place(source, 0), "one", "First.", "Mend it.")
    problems.error(Place(source, 0), "one", "First again.")
    problems.error(Place(other, 0), "three", "Third.")
    assert [str(one) for one in problems.in_order()] == [
        "x.yaml:1:1: error: First. Mend it. [one]",
        "x.yaml:2:1: warning: Second. [two]",
        "y.yaml:1:1: error: Third. [three]",
    ]
    assert problems.has_errors()
    assert not problems.has_errors_since(3)


def test_a_place_that_is_spoilt_is_spoken_of_once() -> None:
    source = Source("x.yaml", "a: b\nc: d\n")
    problems = Problems()
    problems.error(Place(source, 3), "one", "First.", spoils=True)
    problems.error(Place(source, 3), "two", "What follows.")
    problems.error(Place(source, 8), "three", "Below.")
    problems.forget_after(Place(source, 5))
    assert [one.code for one in problems.in_order()] == ["one"]


def test_a_problem_is_shown_with_its_line() -> None:
    problems = Problems()
    problems.error(Place(Source("x.yaml", "a: b\nprompt: nihgt\n"), 13), "one", "No.", width=5)
    assert (
        render(problems.in_order()[0])
        == "x.yaml:2:9: error: No. [one]\n  2 | prompt: nihgt\n    |         ^^^^^"
    )


def test_a_long_line_is_shown_in_part() -> None:
    problems = Problems()
    problems.error(Place(Source("x.yaml", "a" * 500 + "!" + "b" * 500), 500), "one", "No.")
    _, line, caret = render(problems.in_order()[0]).split("\n")
    assert len(line) < 180
    assert line[caret.index("^")] == "!"


def test_nothing_that_is_shown_moves_the_terminal() -> None:
    assert visible("a\x1b[31m\u202e\u200b\tb é 夜") == "a\\u{1b}[31m\\u{202e}\\u{200b}\\tb é 夜"
    problems = Problems()
    problems.error(Place(Source("x.yaml", "a: \x1b[2J"), 0), "one", "Not \x07 this.")
    assert "\x1b" not in render(problems.in_order()[0])
    assert "\x1b[31m" in render(problems.in_order()[0], colour=True)


def test_suggestions() -> None:
    assert did_you_mean("phot", ["logo", "photo"]) == 'Did you mean "photo"?'
    assert did_you_mean("zebra", ["logo", "photo"]) is None
    assert did_you_mean("A.png", ["b.png", "a.png"]) == 'Did you mean "a.png"?'
    assert one_of(["a", "b", "c"], most=2) == "a, b, and 1 more"

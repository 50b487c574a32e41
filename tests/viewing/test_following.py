"""The page of a watch in a real browser: opened from disk it follows, and what was open stays open."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.browser import BROWSED, Tab, chromium
from tests.viewing.test_report import RECIPE
from tests.workbench import Bench

from editchain.commands import following

pytestmark = BROWSED


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages that a watch wrote, with their stamps: of a first run, of a second, of a broken edit, and of the end."""
    bench = Bench(tmp_path_factory.mktemp("watch") / "w")
    bench.paint("a.png", size=(64, 48))
    file = bench.write(RECIPE)
    watched = bench.root / ".editchain/watch"
    kept = bench.root / "kept"
    # At every other pause nothing happens, so that what changed can settle.
    texts = iter([file.read_text().replace("blur", "noir"), None, "version: 1\n", None])

    def keep(name: str) -> None:
        shutil.copytree(watched, kept / name)

    def edit(_: float) -> None:
        text = next(texts, "")
        if text is not None:
            keep(str(len(list(kept.glob("*")))))
            file.write_text(text)
        if text == "":
            raise KeyboardInterrupt

    before, following.pause = following.pause, edit
    try:
        assert bench.command("run", "p.yaml", "--watch")[0] == 130
    finally:
        following.pause = before
    keep("end")
    return kept


@pytest.fixture(scope="module")
def browser(pages: Path) -> Iterator[Any]:
    """Begun after the runs: its driver takes the thread's event loop."""
    _ = pages
    with chromium() as found:
        yield found


def put(pages: Path, name: str, place: Path) -> None:
    """Brings a page into a place as a watch does: the page first, then its stamp."""
    for file in ("p.html", "p.stamp.svg"):
        source = pages / name / file
        if source.exists():
            shutil.copy(source, place / f".{file}")
            (place / f".{file}").replace(place / file)
        else:
            (place / file).unlink()


def test_it_follows(browser: Any, pages: Path, tmp_path: Path) -> None:
    put(pages, "0", tmp_path)
    tab = Tab(browser, (tmp_path / "p.html").as_uri())
    page = tab.page
    page.locator("#following", has_text="follows its pipeline").wait_for()
    page.locator("#tools input[type=search]").fill("tone")
    page.locator("#step-tone .card").first.click()
    page.locator("dialog input[type=range]").fill("20")
    put(pages, "1", tmp_path)
    page.locator("#step-tone .card", has_text="noir").wait_for()
    page.locator("dialog[open] #task-name", has_text="sepia").wait_for()
    assert page.locator("dialog input[type=range]").input_value() == "20"
    assert page.locator("#tools input[type=search]").input_value() == "tone"
    put(pages, "2", tmp_path)
    page.locator("#following pre", has_text="steps").wait_for()
    assert tab.serious_findings() == []
    put(pages, "end", tmp_path)
    page.locator("#following", has_text="Nobody watches").wait_for()
    assert [one for one in tab.asked if not one.startswith(("file:", "data:"))] == []

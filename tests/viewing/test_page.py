"""The page of a run in a real browser: offline, by mouse and by keyboard, light and dark, narrow and wide, large."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.browser import BROWSED, Tab, chromium, counted
from tests.workbench import Bench

pytestmark = BROWSED

RECIPE = """
inputs:
  photo: {type: image, default: a.png}
steps:
  tidy: {model: darkroom, image: $photo, prompt: auto levels}
  tone:
    for_each: {look: [sepia, blur], amount: [0.2, 0.5, 0.8]}
    model: darkroom
    image: $tidy
    prompt: $look
    strength: $amount
  sheet: {operation: contact_sheet, images: $tone.*}
  wrong: {operation: resize, image: $photo, width: 4, expect: {min_width: 4000}}
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a run with a failure in it."""
    bench = Bench(tmp_path_factory.mktemp("page") / "w")
    bench.paint("a.png", size=(64, 48))
    bench.run(bench.write(RECIPE))
    code, _, said = bench.command("report")
    assert code == 0, said
    return (bench.root / "report.html").as_uri()


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a run of ten thousand tasks."""
    bench = Bench(tmp_path_factory.mktemp("large") / "w")
    bench.paint("a.png")
    numbers = ", ".join(str(number) for number in range(1, 101))
    bench.run(
        bench.write(f"""
        steps:
          cut:
            for_each: {{across: [{numbers}], down: [{numbers}]}}
            operation: resize
            image: a.png
            width: $across
            height: $down
            fit: exact
        """)
    )
    code, said, _ = bench.command("report")
    assert code == 0, said
    assert "report.files" in said
    return (bench.root / "report.html").as_uri()


@pytest.fixture(scope="module")
def browser(address: str, large: str) -> Iterator[Any]:
    """Begun after the runs: its driver takes the thread's event loop."""
    _ = address, large
    with chromium() as found:
        yield found


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (380, "light")])
def test_it_opens_offline_and_reads_well(browser: Any, address: str, width: int, scheme: str) -> None:
    tab = Tab(browser, address, width=width, scheme=scheme)
    tab.page.wait_for_selector("#step-tidy .card")
    assert tab.serious_findings() == []
    tab.page.locator("#step-tidy .card").first.dispatch_event("click")
    tab.page.wait_for_selector("dialog[open]")
    assert tab.serious_findings() == []
    assert tab.complaints == []
    assert [one for one in tab.asked if not one.startswith(("file:", "data:"))] == []
    wide = tab.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, "nothing but graph and matrices scroll sideways"


def test_a_matrix_has_a_place_for_each_task(browser: Any, address: str) -> None:
    page = Tab(browser, address).page
    counted(page, "#step-tone .card", 6)
    assert page.locator("#step-tone .column").all_inner_texts() == ["0.2", "0.5", "0.8"]
    assert page.locator("#step-tone .label").all_inner_texts() == ["", "sepia", "blur"]


def test_before_and_after_are_compared_by_keyboard(browser: Any, address: str) -> None:
    page = Tab(browser, address).page
    page.locator("#step-tidy .card").focus()
    page.keyboard.press("Enter")
    slider = page.locator("dialog input[type=range]")
    slider.focus()
    before = page.locator("dialog img.over").evaluate("one => one.style.clipPath")
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    after = page.locator("dialog img.over").evaluate("one => one.style.clipPath")
    assert before != after
    page.keyboard.press("Escape")
    counted(page, "dialog[open]", 0)


def test_provenance_leads_back_to_the_input(browser: Any, address: str) -> None:
    page = Tab(browser, address).page
    page.locator("#step-tone .card").first.dispatch_event("click")
    page.locator("dialog .from .card", has_text="tidy").first.click()
    page.locator("#task-name", has_text="tidy").wait_for()
    assert "a.png" in page.locator("dialog .from").first.inner_text()


def test_a_failure_is_seen_and_explained(browser: Any, address: str) -> None:
    page = Tab(browser, address).page
    counted(page, ".graph .failed", 1)
    page.locator("#step-wrong .card, [id='step-wrong.made'] .card").first.wait_for(state="attached")
    page.locator("#tools input[type=search]").fill("wrong")
    failed = page.locator(".card:has(.state.failed)").first
    failed.dispatch_event("click")
    assert "4000" in page.locator("dialog .message").inner_text()


def test_search_leaves_what_was_asked_for(browser: Any, address: str) -> None:
    page = Tab(browser, address).page
    page.wait_for_selector("#step-tone .card")
    page.locator("#tools input[type=search]").fill("sepia")
    page.locator("#step-tidy").wait_for(state="detached")
    counted(page, "#steps .card", 3)


def test_ten_thousand_tasks_draw_only_what_is_near(browser: Any, large: str) -> None:
    tab = Tab(browser, large)
    tab.page.wait_for_selector("#step-cut .card")
    assert tab.page.locator(".card").count() < 1500
    tab.page.evaluate("window.scrollTo({top: document.body.scrollHeight / 2, behavior: 'instant'})")
    tab.page.locator(".card[data-task='5000']").wait_for(state="attached")
    assert tab.page.locator(".card").count() < 1500
    assert tab.complaints == []

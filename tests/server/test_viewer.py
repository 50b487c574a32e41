"""The viewer in a real browser: a run begun from a form, watched while it goes on, cancelled, repeated, settled."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.browser import BROWSED, Tab, chromium, counted
from tests.server.serving import LOOKS, data_url, pipelines, png, served, workspace
from tests.server.test_pages import vendor_configuration
from tests.vendors.base import Fault
from tests.vendors.scenario import KEY, SECRET, Ending, Scenario
from tests.workbench import Bench, paint

from editchain.http import Rules
from editchain.server import keys
from editchain.server.keys import Limits
from editchain.server.shelf import Shelf

pytestmark = BROWSED

NIGHT = """\
version: 1
description: A photo toned, and by night
inputs:
  photo: {type: image, default: ../a.png, description: The photo}
  time: {type: string, default: dusk, enum: [dusk, night]}
  width: {type: integer, default: 40, minimum: 8, maximum: 400}
steps:
  tone: {model: darkroom, image: $photo, prompt: sepia}
  night: {model: flux-kontext, image: $tone, prompt: "Make it $time", seed: 7}
  small: {operation: resize, image: $night, width: $width}
  wrong: {operation: resize, image: $tone, width: 4, expect: {min_width: 4000}}
outputs:
  tone: {from: $tone, path: "{photo}-tone.png"}
  small: {from: $small, path: "{photo}.png"}
  wrong: {from: $wrong, path: "wrong.png"}
"""
FREE = """\
version: 1
inputs:
  photo: {type: image}
  several: {type: images, default: null}
  name: {type: string, default: sepia, pattern: "[a-z]+", description: A look}
  amount: {type: number, default: 0.5, minimum: 0, maximum: 1}
  seeds: {type: list, of: integer, default: [1, 2]}
  rows: {type: table, columns: {look: string}, default: [{look: blur}]}
  is_flipped: {type: boolean, default: false}
  size: {type: integer, default: 8, enum: [8, 16, 24, 32, 40]}
steps:
  tone: {model: darkroom, image: $photo, prompt: "$name", strength: $amount}
  row: {model: darkroom, image: $tone, prompt: $rows.look}
"""
BROKEN = "version: 1\nsteps: {one: {model: darkrom, image: a.png, prompt: sepia}}\n"
DONE, GOING_ON = Ending(("success",)), Ending(("in-progress",))


@dataclass
class Place:
    """A server with its workspace and the vendor behind it, in a browser."""

    url: str
    root: Path
    vendor: Scenario
    browser: Any

    def tab(self, path: str, **how: Any) -> Tab:
        return Tab(self.browser, self.url + path, **how)

    def wait_for_job(self, page: Any, before: int) -> None:
        """Until the vendor has more than so many jobs."""
        deadline = time.monotonic() + 60
        while len(self.vendor.jobs) <= before:
            assert time.monotonic() < deadline, "the vendor was not asked"
            page.wait_for_timeout(50)

    def finish(self) -> None:
        """Has the vendor end all that it works on."""
        for job in self.vendor.jobs.values():
            job.ending = DONE


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path, Scenario]]:
    vendor = Scenario(list_lags=1000)
    vendor.usual = GOING_ON
    with vendor.running(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCENARIO_API_KEY", KEY)
        patch.setenv("SCENARIO_API_SECRET", SECRET)
        root = workspace(tmp_path_factory.mktemp("viewer") / "w", vendor_configuration(vendor))
        paint(root / "a.png", size=(64, 48))
        (root / "pipelines").mkdir()
        for name, text in {"night": NIGHT, "free": FREE, "broken": BROKEN}.items():
            (root / "pipelines" / f"{name}.yaml").write_text(text, "utf-8")
        bench = Bench(root)
        bench.run(bench.write("steps: {tone: {model: darkroom, image: a.png, prompt: blur}}", "own.yaml"))
        with served(root, rules=Rules(lambda _: True, frozenset({"127.0.0.1"}))) as url:
            yield url, root, vendor


@pytest.fixture(scope="module")
def place(serving: tuple[str, Path, Scenario]) -> Iterator[Place]:
    """The browser begins after the server: its driver takes the thread's event loop."""
    with chromium() as browser:
        yield Place(*serving, browser)


def expect(locator: Any) -> Any:
    playwright = pytest.importorskip("playwright.sync_api")
    playwright.expect.set_options(timeout=60_000)
    return playwright.expect(locator)


def photo(name: str, colour: tuple[int, int, int]) -> dict[str, Any]:
    return {"name": name, "mimeType": "image/png", "buffer": png(colour, size=(64, 48))}


def begun(place: Place, colour: tuple[int, int, int], ending: Ending = GOING_ON) -> Tab:
    """A run of `night` that was begun from its form, seen while the vendor is at work."""
    place.vendor.usual = ending
    before = len(place.vendor.jobs)
    tab = place.tab("/pipelines/night")
    tab.page.locator("#input-photo").set_input_files([photo("cat.png", colour)])
    expect(tab.page.locator("#plan .go")).to_have_text(re.compile("at most"))
    tab.page.locator("#plan .go").click()
    tab.page.wait_for_url("**/runs/*")
    place.wait_for_job(tab.page, before)
    return tab


def test_a_run_from_its_form_to_its_pictures(place: Place) -> None:
    before = len(place.vendor.bill)
    place.vendor.usual = GOING_ON
    tab = place.tab("/pipelines/night")
    page = tab.page
    go = page.locator("#plan .go")
    expect(page.locator(".tray .own img")).to_be_visible()
    expect(go).to_have_text(re.compile(r"^Run · at most [\d.]+ CU$"))
    page.locator("#input-photo").set_input_files([photo("cat.png", (120, 20, 160))])
    expect(page.locator(".tray .name")).to_have_text("cat.png")
    page.get_by_label("night", exact=True).check()
    page.locator("#input-width").fill("24")
    expect(page.locator("#plan .line")).to_have_text(re.compile("5 tasks .* 1 call"))
    expect(go).to_be_enabled()
    assert len(place.vendor.bill) == before, "a plan buys nothing"

    go.click()
    page.wait_for_url("**/runs/*")
    place.wait_for_job(page, before)
    expect(page.locator(".live .status.running")).to_be_visible()
    expect(page.locator("#step-tone .card .state")).to_have_text("done")
    expect(page.locator("#step-tone .card img")).to_be_visible()
    expect(page.locator("[id^='step-wrong'] .state.failed").first).to_be_visible()
    expect(page.locator("#step-night .card .state")).to_have_text("waiting")
    expect(page.locator(".standing")).to_have_text(re.compile(r"CU so far"))
    place.finish()
    expect(page.locator(".live .status.failed")).to_be_visible()
    expect(page.locator("#step-night .card .state")).to_have_text("done")
    expect(page.locator(".results figcaption a")).to_have_text(["cat-tone.png", "cat.png"])
    expect(page.locator("#step-small .card img")).to_be_visible()
    page.locator("#step-night .card").click()
    expect(page.locator("dialog .prompt")).to_have_text("Make it night")
    assert len(place.vendor.bill) == before + 1
    assert tab.complaints == []
    assert [one for one in tab.asked if not one.startswith((place.url, "blob:", "data:"))] == []


def test_a_run_that_waits_for_one_call_shows_what_is_stored(place: Place) -> None:
    page = begun(place, (200, 200, 30), DONE).page
    expect(page.locator(".live .status.failed")).to_be_visible()
    place.vendor.usual = GOING_ON
    before = len(place.vendor.jobs)
    page.get_by_role("link", name="Run again…").click()
    page.get_by_label("night", exact=True).check()
    expect(page.locator("#plan .go")).to_have_text(re.compile("at most"))
    page.locator("#plan .go").click()
    page.wait_for_url("**/runs/*")
    place.wait_for_job(page, before)
    expect(page.locator("#step-tone .card .state")).to_have_text("cached")
    expect(page.locator("#step-night .card .state")).to_have_text("waiting")
    place.finish()
    expect(page.locator("#step-night .card .state")).to_have_text("done")


def test_a_second_press_is_the_same_run(place: Place) -> None:
    tab = place.tab("/pipelines/free")
    page = tab.page
    page.locator("#input-photo").set_input_files([photo("two.png", (2, 2, 2))])
    expect(page.locator("#plan .go")).to_be_enabled()
    # Sent twice, as when the button is pressed again before it is greyed.
    page.evaluate(
        "() => { const form = document.querySelector('form'); form.requestSubmit(); form.requestSubmit(); }"
    )
    expect(page).to_have_url(re.compile("/runs/"))
    expect(page.locator(".live .status.done")).to_be_visible()
    runs = httpx.get(f"{place.url}/v1/runs", params={"pipeline": "free"}).json()["runs"]
    (one,) = [run for run in runs if page.url.endswith(run["id"])]
    assert len([run for run in runs if run["inputs"] == one["inputs"]]) == 1


def test_a_run_is_cancelled_and_begun_again_with_what_it_was_given(place: Place) -> None:
    tab = begun(place, (200, 30, 30))
    page = tab.page
    expect(page.locator("#step-night .card .state")).to_have_text("waiting")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".live .status.stopped")).to_be_visible()
    page.get_by_role("link", name="Run again…").click()
    expect(page.locator(".tray .name")).to_have_text("cat.png")
    expect(page.locator(".tray img")).to_be_visible()
    expect(page.locator("#plan .go")).to_be_enabled()
    place.finish()
    page.locator("#plan .go").click()
    page.wait_for_url("**/runs/*")
    expect(page.locator(".live .status.failed")).to_be_visible()
    expect(page.locator("#step-night .card .state")).to_have_text(re.compile("done|cached"))
    assert tab.complaints == []


def test_each_kind_of_input_has_its_field(place: Place) -> None:
    tab = place.tab("/pipelines/free")
    page = tab.page
    line = page.locator("#plan .line")
    expect(line).to_have_text("Still to be given: photo.")
    expect(page.locator("#plan .go")).to_be_disabled()
    page.locator("#input-photo").set_input_files([photo("a.png", (1, 1, 1)), photo("b.png", (1, 1, 2))])
    expect(line).to_have_text(re.compile("^4 tasks"))
    page.locator(".tray button").first.click()
    expect(line).to_have_text(re.compile("^2 tasks"))
    page.get_by_role("button", name="Add a row").click()
    page.locator("table input").last.fill("vintage")
    expect(line).to_have_text(re.compile("^3 tasks"))
    page.locator("#input-amount").fill("7")
    expect(page.locator("#amount-problem")).to_be_visible()
    expect(page.locator("#plan .go")).to_be_disabled()
    page.locator("#input-amount").fill("0.25")
    page.locator("#input-name").fill("sepiaa")
    expect(page.locator("#plan")).to_contain_text("sepiaa")
    expect(page.locator("#plan .go")).to_be_disabled()
    page.locator("#input-name").fill("vintage")
    page.locator("#input-seeds").fill("1\n2\n3")
    page.locator("#input-size").select_option("24")
    page.get_by_label("yes", exact=True).check()
    expect(page.locator("#plan .go")).to_be_enabled()
    page.locator("#plan .go").click()
    page.wait_for_url("**/runs/*")
    expect(page.locator(".live .status.done")).to_be_visible()
    run = httpx.get(f"{place.url}/v1/runs/{page.url.rpartition('/')[2]}").json()["run"]
    assert {name: value for name, value in run["inputs"].items() if name != "photo"} == {
        "name": "vintage", "amount": 0.25, "seeds": [1, 2, 3], "size": 24, "is_flipped": True,
        "rows": [{"look": "blur"}, {"look": "vintage"}],
    }  # fmt: skip


def test_pictures_are_dropped(place: Place) -> None:
    page = place.tab("/pipelines/free").page
    expect(page.locator("#input-photo")).to_be_visible()
    page.evaluate(
        """async (data) => {
            const held = new DataTransfer();
            held.items.add(new File([Uint8Array.from(data)], "dropped.png", { type: "image/png" }));
            document.querySelector(".drop").dispatchEvent(new DragEvent("drop", { dataTransfer: held, bubbles: true, cancelable: true }));
        }""",
        list(png((5, 5, 5))),
    )
    expect(page.locator(".tray .name")).to_have_text("dropped.png")
    expect(page.locator("#plan .go")).to_be_enabled()


def test_a_picture_is_given_by_its_address(place: Place) -> None:
    answer = httpx.post(f"{place.url}/v1/assets", json={"name": "x.png", "image": data_url(png((6, 5, 5)))})
    page = place.tab("/pipelines/free").page
    field = page.get_by_label("address of a picture for photo")
    field.fill("https://localhost/a.png")
    field.press("Enter")
    expect(page.locator("#photo-problem")).to_contain_text("localhost")
    page.get_by_role("button", name="take a.png away").click()
    field.fill(answer.json()["asset"]["url"])
    page.get_by_role("button", name="Add the address").first.click()
    expect(page.locator(".tray .name")).to_have_text(re.compile("^asset_.*png$"))
    expect(page.locator(".tray img")).to_be_visible()
    expect(page.locator("#plan .go")).to_be_enabled()


def test_a_file_that_is_no_picture_is_said_to_be_none(place: Place) -> None:
    page = place.tab("/pipelines/free").page
    page.locator("#input-photo").set_input_files(
        [{"name": "a.png", "mimeType": "image/png", "buffer": b"nothing"}]
    )
    expect(page.locator("#photo-problem")).to_contain_text("a.png")
    expect(page.locator("#plan .go")).to_be_disabled()


def test_a_broken_pipeline_says_where(place: Place) -> None:
    page = place.tab("/pipelines/broken").page
    expect(page.locator("#problems code")).to_have_text(
        ["pipelines/broken.yaml:2:22", "pipelines/broken.yaml:2:38"]
    )
    expect(page.locator(".go")).to_have_count(0)


def test_home_leads_to_pipelines_and_runs(place: Place) -> None:
    run = begun(place, (30, 30, 200)).page.url.rpartition("/")[2]
    tab = place.tab("/")
    page = tab.page
    counted(page, ".tile", 4)
    row = page.locator(f"[data-run='{run}']")
    expect(row.locator(".status")).to_have_text("running")
    place.finish()
    expect(row.locator(".status")).to_have_text("failed")
    expect(row.locator("img")).to_be_visible()
    row.click()
    page.wait_for_url(f"**/runs/{run}")
    page.locator(".brand").click()
    page.locator(".tile", has_text="night").click()
    expect(page.locator("#description")).to_have_text("A photo toned, and by night")


def test_a_run_of_the_command_line_is_followed(place: Place) -> None:
    tab = place.tab("/runs/run-1")
    expect(tab.page.locator("#step-tone .card img")).to_be_visible()
    expect(tab.page.locator(".actions")).to_have_text("Run again…")
    assert tab.complaints == []


def test_a_run_of_the_command_line_is_cancelled_and_begun_again(place: Place) -> None:
    place.vendor.usual = GOING_ON
    before = len(place.vendor.jobs)
    (place.root / "dog.png").write_bytes(png((77, 7, 7), size=(64, 48)))
    given = ["-i", "photo=dog.png", "-i", "time=night", "-i", "width=24"]
    command = [sys.executable, "-m", "editchain", "run", "pipelines/night.yaml", *given, "--yes"]
    running = subprocess.Popen(command, cwd=place.root, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    tab = place.tab("/")
    page = tab.page
    place.wait_for_job(page, before)
    page.locator(".run", has_text="editchain run", has=page.locator(".status.running")).first.click()
    expect(page.locator("#step-tone .card .state")).to_have_text("done")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".live .status.stopped")).to_be_visible()
    assert running.wait(120) == 143
    page.get_by_role("link", name="Run again…").click()
    expect(page.locator(".tray .name")).to_have_text("dog.png")
    expect(page.locator("#input-width")).to_have_value("24")
    expect(page.locator("input[type=radio]").last).to_be_checked()
    expect(page.locator("#plan .go")).to_be_enabled()
    assert tab.complaints == []


def test_a_call_in_doubt_is_settled(place: Place) -> None:
    place.vendor.server.fault(
        "POST /v1/generate", Fault(cut_at=30), skip=1
    )  # after it was asked for the price
    page = begun(place, (30, 200, 30)).page
    expect(page.locator(".live .status.waiting")).to_be_visible()
    page.get_by_role("link", name="settle the calls in doubt").click()
    expect(page.locator(".doubt .prompt")).to_have_text("Make it dusk")
    page.locator(".doubt input").fill("job_none")
    page.get_by_role("button", name="Fetch its pictures").click()
    expect(page.locator(".doubt .problem")).to_contain_text("job_none")
    page.get_by_role("button", name="It was not charged").click()
    expect(page.locator("#calls [role=status]")).to_contain_text("counts as not charged")
    counted(page, ".doubt", 0)


@pytest.fixture(scope="module")
def ended(place: Place) -> str:
    """The path of the page of a run that has ended."""
    page = begun(place, (250, 240, 10), DONE).page
    expect(page.locator(".live .status.failed")).to_be_visible()
    return str(page.url).removeprefix(place.url)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (380, "light")])
def test_all_pages_read_well(place: Place, ended: str, width: int, scheme: str) -> None:
    for path, ready in (
        ("/", ".run img"),
        ("/pipelines/free", "#plan .line"),
        ("/pipelines/broken", "#problems code"),
        (ended, ".results img"),
        ("/runs/none", "main h1"),
    ):
        tab = place.tab(path, width=width, scheme=scheme)
        expect(tab.page.locator(ready).first).to_be_visible()
        assert tab.serious_findings() == [], path
        wide = tab.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wide <= 0, f"{path} scrolls sideways"


def test_a_form_is_filled_and_sent_by_keyboard(place: Place) -> None:
    page = place.tab("/pipelines/night").page
    expect(page.locator("#plan .go")).to_be_enabled()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # past the head of the page
    page.keyboard.press("Tab")
    expect(page.locator("#input-photo")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("address of a picture for photo")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    expect(page.locator("input[type=radio]").last).to_be_checked()
    page.keyboard.press("Tab")
    expect(page.locator("#input-width")).to_be_focused()
    expect(page.locator("#plan .go")).to_be_enabled()
    place.vendor.usual = DONE
    page.keyboard.press("Enter")
    page.wait_for_url("**/runs/*")
    expect(page.locator("#step-night .card .state")).to_have_text("done")


def test_with_a_key_the_browser_shows_what_is_of_its_project(place: Place, tmp_path: Path) -> None:
    root = pipelines(workspace(tmp_path / "w"), looks=LOOKS)
    shelf = Shelf(root / ".editchain" / "server" / "server.db")
    key, secret = keys.make(shelf, "shop", Limits(), 0.0)
    shelf.close()
    with served(root) as url:
        context = place.browser.new_context(http_credentials={"username": key.id, "password": secret})
        page = context.new_page()
        page.goto(f"{url}/pipelines/looks")
        page.locator("#input-photo").set_input_files([photo("cat.png", (90, 20, 160))])
        expect(page.locator("#plan .go")).to_have_text("Run · free")
        expect(page.locator("#plan .go")).to_be_enabled()
        page.locator("#plan .go").click()
        page.wait_for_url("**/runs/*")
        expect(page.locator(".live .status.done")).to_be_visible()
        expect(page.locator("#step-tone .card img").first).to_be_visible()
        context.close()

"""run --watch: one branch runs again, the page follows, money is asked for, and a broken edit is waited out."""

from __future__ import annotations

import io
import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from tests.commands.conftest import Said
from tests.commands.shop import Shop
from tests.viewing.test_report import data
from tests.workbench import paint

from editchain import schemas
from editchain.commands import following

Call = Callable[..., Said]
Edit = Callable[[], object]


def nothing() -> None:
    """Time passes."""


class Person:
    """Does one thing at each pause, lets it settle, and ends the watch after the last."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *edits: Edit) -> None:
        self._left = [one for edit in edits for one in (edit, nothing)]
        monkeypatch.setattr(following, "pause", self._pause)

    def _pause(self, seconds: float) -> None:
        if not self._left:
            raise KeyboardInterrupt
        self._left.pop(0)()


def replaced(file: Path, before: str, after: str) -> Edit:
    def edit() -> None:
        text = file.read_text("utf-8")
        assert before in text
        file.write_text(text.replace(before, after), "utf-8")

    return edit


def page(folder: Path) -> str:
    return (folder / ".editchain/watch/look.html").read_text("utf-8")


def test_one_branch_runs_again(folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    Person(monkeypatch, replaced(folder / "look.yaml", "vintage", "strong vignette"))
    said = call("run", "look.yaml", "--watch")
    assert said.code == 130
    assert [line.split(" · ")[:2] for line in said.out.splitlines() if "·" in line] == [
        ["4 done", "1 file published"],
        ["2 done", "2 cached"],
    ]
    assert "look.yaml changed" in said.err
    assert "watching 3 files; the page is file://" in said.err


@pytest.mark.parametrize(
    ("name", "text"),
    [("look.txt", "noir"), ("rows.csv", "name,look\none,noir\n"), ("editchain.toml", "# more\n")],
)
def test_all_that_it_reads_is_watched(
    folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    (folder / "look.txt").write_text("sepia")
    (folder / "rows.csv").write_text("name,look\none,vintage\n")
    (folder / "look.yaml").write_text(
        "version: 1\ninputs:\n  rows: {type: table, default: rows.csv}\nsteps:\n"
        "  one: {model: darkroom, image: a.png, prompt_file: look.txt}\n"
        "  two: {model: darkroom, image: $one, prompt: $rows.look}\n"
    )
    Person(monkeypatch, lambda: (folder / name).write_text(text))
    said = call("run", "look.yaml", "--watch")
    assert f"{name} changed" in said.err
    assert said.out.count("·") >= 2


def test_the_page_shows_the_last_run_and_stays_behind_as_a_plain_one(
    folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def look() -> None:
        shown = data(page(folder), "page")
        seen.append((data(page(folder), "follows"), [task["prompt"] for task in shown["steps"][1]["tasks"]]))
        stamp = (folder / ".editchain/watch/look.stamp.svg").read_text()
        assert [int(size) for size in re.findall(r'(?:width|height)="(\d+)"', stamp)] == seen[-1][0]["mark"]

    def edit() -> None:
        look()
        replaced(folder / "look.yaml", "vintage", "noir")()

    Person(monkeypatch, edit, look)
    assert call("run", "look.yaml", "--watch").code == 130
    (before, first), (after, second) = seen
    assert (first, second) == (["sepia", "vintage"], ["sepia", "noir"])
    assert before["mark"] != after["mark"]
    assert before["stamp"] == "look.stamp.svg"
    assert data(page(folder), "follows") is None
    assert not (folder / ".editchain/watch/look.stamp.svg").exists()
    assert str(folder) not in page(folder)


def test_a_broken_edit_is_shown_and_waited_out(
    folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    problems: list[str] = []

    def mend() -> None:
        problems.append(data(page(folder), "follows")["problems"])
        replaced(folder / "look.yaml", "vintge", "noir")()

    Person(monkeypatch, replaced(folder / "look.yaml", "vintage", "vintge"), mend)
    said = call("run", "look.yaml", "--watch")
    assert said.err.count("[not-understood]") == 1
    assert "vintge" in problems[0]
    assert said.out.count(" done") == 2


def test_it_may_be_broken_from_the_start(folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "a.png").unlink()
    Person(monkeypatch, lambda: paint(folder / "a.png"))
    said = call("run", "look.yaml", "--watch")
    assert "[missing-file]" in said.err
    assert "4 done" in said.out


def test_a_file_that_is_not_there_is_no_watch(folder: Path, call: Call) -> None:
    said = call("run", "lok.yaml", "--watch")
    assert said.code == 2
    assert "watching" not in said.err


def test_a_broken_configuration_is_waited_out(
    folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    toml = folder / "editchain.toml"
    Person(monkeypatch, lambda: toml.write_text("nothing = 1"), lambda: toml.write_text("# all is well\n"))
    said = call("run", "look.yaml", "--watch")
    assert 'there is no "nothing"' in said.err
    assert said.out.count("outputs unchanged") == 1


def test_the_page_lies_where_it_was_wanted(folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    Person(monkeypatch)
    call("run", "look.yaml", "--watch", "--page", "pages/now.html")
    assert data((folder / "pages/now.html").read_text("utf-8"), "page")["counts"] == {"done": 4}
    assert not (folder / ".editchain/watch").exists()


@pytest.mark.parametrize("option", ["--locked", "--rehearse", "--rebuy", "--fresh=tone", "--retry-rejected"])
def test_what_is_meant_once_is_refused(folder: Path, call: Call, option: str) -> None:
    said = call("run", "look.yaml", "--watch", option)
    assert said.code == 2
    assert "do not go together" in said.err


def test_a_page_without_a_watch_is_refused(folder: Path, call: Call) -> None:
    said = call("run", "look.yaml", "--page", "x.html")
    assert (said.code, "--watch" in said.err) == (2, True)


def test_events_are_as_the_schema_says(folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = folder / "look.yaml"
    Person(monkeypatch, replaced(recipe, "vintage", "vintge"), replaced(recipe, "vintge", "noir"))
    events = [json.loads(line) for line in call("run", "look.yaml", "--watch", "--json").out.splitlines()]
    schema = schemas.read(Path(__file__).parents[2] / "schemas" / "output" / "run.json")
    validator = jsonschema_rs.validator_for(schema)
    assert [one for event in events for one in validator.iter_errors(event)] == []
    names = [event["event"] for event in events if event["event"] != "task"]
    assert names == ["run", "end", "watching", "changed", "watching", "changed", "run", "end", "watching"]
    assert [bool(event["problems"]) for event in events if event["event"] == "watching"] == [
        False,
        True,
        False,
    ]


# ---------------------------------------------------------------------- money


class Terminal(io.StringIO):
    """Standard input of a person who answers."""

    def isatty(self) -> bool:
        return True


def test_each_spending_is_asked_for(shop: Shop, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.write(shop_recipe())
    monkeypatch.setattr("sys.stdin", Terminal("y\nn\n"))
    Person(monkeypatch, replaced(shop.folder / "p.yaml", "Make it dusk", "Make it dark"))
    said = call("run", "p.yaml", "--watch")
    assert said.err.count("Go on? [y/N]") == 2
    assert "not agreed to" in said.err
    assert len(shop.vendor.bill) == 1


def test_a_budget_holds_for_the_whole_watch(shop: Shop, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    file = shop.write(shop_recipe())
    price = json.loads(call("plan", "p.yaml", "--json").out)["summary"]["price"][0]
    budget = f"{price['most']} {price['currency']}"
    Person(monkeypatch, replaced(file, "Make it dusk", "Make it dark"))
    said = call("run", "p.yaml", "--watch", "--budget", budget)
    assert "more than the budget" in said.err
    assert len(shop.vendor.bill) == 1


def shop_recipe() -> str:
    return "steps:\n  night: {model: flux-kontext, image: a.png, prompt: Make it dusk, seed: 7}\n"


# ---------------------------------------------------------------------- a real process


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_tidily(folder: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "editchain", "run", "look.yaml", "--watch", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        events = (json.loads(line) for line in process.stdout)
        next(event for event in events if event["event"] == "watching")
        replaced(folder / "look.yaml", "vintage", "strong vignette")()
        end = next(event for event in events if event["event"] == "end")
        assert end["counts"] == {"done": 2}
        next(event for event in events if event["event"] == "watching")
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 128 + number
    assert "Traceback" not in said
    assert data(page(folder), "follows") is None

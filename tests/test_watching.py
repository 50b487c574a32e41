"""Watching: what changed is seen and named, once it has settled; nothing else counts as a change."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.workbench import paint, shipped, written

from editchain.language import loading
from editchain.language.reading import Evidence
from editchain.providers import check_prompt
from editchain.watching import LOOK_SECONDS, SETTLED_SECONDS, Scene, as_it_is, changed, scene_of, surroundings

RECIPE = """
inputs:
  photos: {type: images, default: photos}
steps:
  tone: {model: darkroom, image: $photos, prompt_file: look.txt}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    paint(tmp_path / "photos/a.png")
    (tmp_path / "look.txt").write_text("sepia")
    (tmp_path / "editchain.toml").touch()
    written(tmp_path, RECIPE)
    return tmp_path


def read(folder: Path) -> Evidence:
    from datetime import date

    surroundings = loading.Surroundings(shipped(), date(2026, 1, 5), check_prompt)
    return loading.check(folder / "p.yaml", surroundings, folder=str(folder)).evidence


def scene(folder: Path) -> Scene:
    return scene_of(read(folder)).over(surroundings(str(folder)))


def changes(folder: Path, before: Scene, ignored: str | None = None) -> list[str]:
    found = before.changes(as_it_is(before, str(folder), ignored))
    return [os.path.relpath(one, folder) for one in found]


def test_nothing_changes_by_itself(folder: Path) -> None:
    before = scene(folder)
    assert {os.path.relpath(one, folder) for one in before.files} == {
        ".env", "editchain.toml", "look.txt", "p.yaml", "photos/a.png",
    }  # fmt: skip
    assert changes(folder, before) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.yaml", RECIPE + "# more\n"),
        ("look.txt", "sepia, stronger"),
        ("photos/a.png", "no picture"),
        ("editchain.toml", "confirm_above = 2.0\n"),
        (".env", "KEY=1\n"),
        ("models/own.json", "{}"),
    ],
)
def test_a_file_that_changes_is_named(folder: Path, name: str, text: str) -> None:
    before = scene(folder)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    assert changes(folder, before) == [name]


def test_a_picture_that_comes_or_goes_changes_its_folder(folder: Path) -> None:
    before = scene(folder)
    paint(folder / "photos/b.png")
    assert changes(folder, before) == ["photos"]
    (folder / "photos/b.png").unlink()
    (folder / "photos/a.png").unlink()
    assert changes(folder, before) == ["photos", "photos/a.png"]


def test_what_a_glob_matches_is_looked_for_again(folder: Path) -> None:
    written(folder, RECIPE.replace("default: photos", 'default: "**/*.png"'))
    before = scene(folder)
    paint(folder / "other/b.png")
    assert changes(folder, before) == ["**/*.png"]


def test_what_the_run_itself_publishes_is_no_change(folder: Path) -> None:
    written(folder, RECIPE.replace("default: photos", 'default: "**/*.png"'))
    paint(folder / "out/old.png")
    before = scene(folder)
    paint(folder / "out/new.png")
    (folder / "out/old.png").unlink()
    assert changes(folder, before, str(folder / "out")) == ["out/old.png"], "it was read as an input"


def test_a_file_that_is_missing_is_waited_for(folder: Path) -> None:
    (folder / "look.txt").unlink()
    before = scene(folder)
    (folder / "look.txt").write_text("sepia")
    assert changes(folder, before) == ["look.txt"]


def test_what_changed_since_it_was_read_is_seen_at_the_first_look(folder: Path) -> None:
    before = scene_of(read(folder)).over(surroundings(str(folder)))
    (folder / "look.txt").write_text("something longer")
    assert changes(folder, before) == ["look.txt"]


class Time:
    """Time that passes only in pauses, and in which something happens at each."""

    def __init__(self, *happenings: Callable[[], object]) -> None:
        self.now = 0.0
        self.pauses: list[float] = []
        self._happenings = list(happenings)

    def pause(self, seconds: float) -> None:
        self.now += seconds
        self.pauses.append(round(seconds, 3))
        self._happenings.pop(0)()

    def clock(self) -> float:
        return self.now


def nothing() -> None:
    """Nothing happens."""


def test_it_waits_until_a_change_has_settled() -> None:
    scenes = [Scene({"a": None}) for _ in range(2)]
    scenes += [Scene(listings={"a": (str(number),)}) for number in (1, 2, 3, 3)]
    time = Time(*[nothing] * 5)
    found = changed(Scene({"a": None}), lambda: scenes.pop(0), time.pause, time.clock)
    assert found == Scene(listings={"a": ("3",)})
    assert time.pauses == [LOOK_SECONDS, LOOK_SECONDS, *[SETTLED_SECONDS] * 3]


def test_looking_takes_a_tenth_of_the_time_at_most() -> None:
    time = Time(nothing, nothing)
    scenes = [Scene(), Scene(listings={"a": ()}), Scene(listings={"a": ()})]

    def look() -> Scene:
        time.now += 1.0
        return scenes.pop(0)

    changed(Scene(), look, time.pause, time.clock)
    assert time.pauses == [9.0, SETTLED_SECONDS]

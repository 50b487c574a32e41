"""Every recipe in pipelines/: checked, planned, run, run again with nothing to do, and run over three photos.

`python tests/test_recipes.py` writes recipes.json anew: what each recipe publishes from small photos.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml
from PIL import Image

from editchain.commands.base import run_command
from editchain.imaging.codec import decode

PIPELINES = Path(__file__).parent.parent / "pipelines"
RECIPES = sorted(path.stem for path in PIPELINES.glob("*.yaml"))
EXPECTED = Path(__file__).with_name("recipes.json")
PHOTOS = ("astronaut", "cat", "lantern")
LONGEST_SIDE = 160
FORMATS = {".jpg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".avif": "AVIF"}


@dataclass(frozen=True)
class Said:
    """What a command wrote, and its exit code."""

    out: str
    err: str
    code: int


def editchain(folder: Path, *arguments: str) -> Said:
    """Runs a command in a folder."""
    out, err = StringIO(), StringIO()
    with chdir(folder), redirect_stdout(out), redirect_stderr(err):
        code = run_command(arguments)
    return Said(out.getvalue(), err.getvalue(), code)


def copy_small(folder: Path) -> Path:
    """A workspace with all recipes and small copies of their pictures."""
    shutil.copytree(PIPELINES, folder / "pipelines")
    (folder / "editchain.toml").write_text("")
    for path in (folder / "pipelines" / "assets").rglob("*"):
        if path.suffix in FORMATS:
            with Image.open(path) as image:
                image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
                image.save(path)
    return folder


def published(folder: Path) -> dict[str, list[int]]:
    """Path and size of every picture below a folder, each read whole and in the format that its name says."""
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if path.suffix == ".cube":
            found[path.relative_to(folder).as_posix()] = list(decode(path.read_bytes()).size)
            continue
        with Image.open(path) as image:
            image.load()
            assert image.format == FORMATS[path.suffix], path
            found[path.relative_to(folder).as_posix()] = list(image.size)
    return found


def inputs_of(recipe: str) -> dict[str, dict[str, object]]:
    """The inputs that a recipe declares."""
    declared: dict[str, dict[str, object]] = yaml.safe_load((PIPELINES / f"{recipe}.yaml").read_text())[
        "inputs"
    ]
    return declared


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_small(tmp_path_factory.mktemp("recipes"))


@pytest.fixture
def workspace(small: Path, tmp_path: Path) -> Path:
    return shutil.copytree(small, tmp_path / "workspace")


@pytest.mark.parametrize("recipe", RECIPES)
def test_is_valid_without_a_warning(recipe: str, workspace: Path) -> None:
    said = editchain(workspace, "validate", "--strict", f"pipelines/{recipe}.yaml")
    assert (said.out, said.err, said.code) == (f"pipelines/{recipe}.yaml: ok\n", "", 0)


@pytest.mark.parametrize("recipe", RECIPES)
def test_gives_what_it_is_there_for_once(recipe: str, workspace: Path) -> None:
    file = f"pipelines/{recipe}.yaml"
    planned = editchain(workspace, "plan", file, "--json")
    assert planned.code == 10, planned.err
    plan = json.loads(planned.out)
    assert (plan["problems"], plan["notices"], plan["summary"]["calls"]) == ([], [], 0)

    first = editchain(workspace, "run", file, "-o", "out")
    assert first.code == 0, first.err
    assert published(workspace / "out") == json.loads(EXPECTED.read_text())[recipe]
    given = {digest(path) for path in (workspace / "pipelines" / "assets").rglob("*.*")}
    made = [digest(path) for path in (workspace / "out").rglob("*") if path.is_file()]
    assert given.isdisjoint(made)
    assert len(set(made)) == len(made), "two outputs show the same"

    times = {path: path.stat().st_mtime_ns for path in (workspace / "out").rglob("*")}
    assert editchain(workspace, "plan", file).code == 0
    again = editchain(workspace, "run", file, "-o", "out", "--json")
    events = [json.loads(line) for line in again.out.splitlines()]
    assert [event["event"] for event in events] == ["run", "end"], "something ran a second time"
    assert events[-1]["published"] == []
    assert {path: path.stat().st_mtime_ns for path in (workspace / "out").rglob("*")} == times


LARGE = ("brand", "film", "product", "range", "social")
"""Recipes whose canvases are large or many, however small the photo is."""


@pytest.mark.parametrize(
    "recipe",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (name in LARGE))
        for name in RECIPES
        if "photo" in inputs_of(name)
    ],
)
def test_runs_over_three_photos_unchanged(recipe: str, workspace: Path) -> None:
    chosen = [option for name in PHOTOS for option in ("-i", f"photo=pipelines/assets/{name}.jpg")]
    said = editchain(workspace, "run", f"pipelines/{recipe}.yaml", *chosen, "-o", "out")
    assert said.code == 0, said.err
    made = published(workspace / "out")
    assert len(made) == 3 * len(json.loads(EXPECTED.read_text())[recipe])
    for name in PHOTOS:
        assert sum(name in path for path in made) * 3 == len(made)
    pictures = [digest(workspace / "out" / path) for path in made]
    assert len(set(pictures)) == len(pictures)


@pytest.mark.parametrize("recipe", RECIPES)
def test_takes_its_picture_under_the_name_photo(recipe: str) -> None:
    declared = inputs_of(recipe)
    kinds = {value["type"] for value in declared.values()}
    assert {"photo", "photos"} & declared.keys() or "image" not in kinds


@pytest.mark.parametrize("recipe", RECIPES)
def test_says_at_the_top_how_to_run_it(recipe: str) -> None:
    text = (PIPELINES / f"{recipe}.yaml").read_text()
    comment = "\n".join(line for line in text.split("version:")[0].splitlines())
    assert re.match(r"# [A-Z]", comment)
    named = re.findall(r"editchain (?:run|plan) pipelines/([\w-]+)\.yaml", comment)
    assert recipe in named
    assert set(named) <= set(RECIPES)


def test_all_outputs_are_expected() -> None:
    assert sorted(json.loads(EXPECTED.read_text())) == RECIPES


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    """Writes recipes.json."""
    found = {}
    with TemporaryDirectory() as folder:
        workspace = copy_small(Path(folder))
        for recipe in RECIPES:
            said = editchain(workspace, "run", f"pipelines/{recipe}.yaml", "-o", f"out/{recipe}")
            if said.code:
                sys.exit(said.err)
            found[recipe] = published(workspace / "out" / recipe)
    lines = [f'  "{name}": {json.dumps(files)}' for name, files in found.items()]
    EXPECTED.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    os.environ.setdefault("NO_COLOR", "1")
    main()

"""Loading: what a caller gets, beside the cases of the corpus."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from PIL import Image

from editchain import providers
from editchain.artifacts import ImageSource
from editchain.errors import PipelineError
from editchain.language.loading import Surroundings, check, load
from editchain.language.outputs import output_paths
from editchain.language.reading import Stat
from editchain.language.values import pictures_in
from editchain.models import catalogue
from editchain.pipeline import Joined, Listing, Picture

TEXT = """\
version: 1
description: Two looks and a sheet.
inputs:
  photo: {type: image}
  words: {type: string, default: and blur}
steps:
  tone: {for_each: {look: [sepia, grain]}, model: darkroom, image: $photo, prompt: $look $words}
  sheet: {operation: contact_sheet, images: [$photo, $tone.*]}
outputs:
  tone: {from: $tone, path: "{photo}/{look}.webp", quality: 80}
  sheet: $sheet
"""


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "editchain.toml").touch()
    (tmp_path / "recipes").mkdir()
    (tmp_path / "photos").mkdir()
    for name in ("photos/cat.png", "photos/dog.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    path = tmp_path / "recipes/My Looks.yaml"
    path.write_text(TEXT)
    monkeypatch.chdir(tmp_path)
    return path


SURROUNDINGS = Surroundings(catalogue(), date(2026, 7, 1), lambda _provider, _prompt, _fields: [])


def test_a_pipeline(recipe: Path, tmp_path: Path) -> None:
    pipeline = load(Path("recipes/My Looks.yaml"), SURROUNDINGS, options=[("photo", "photos/cat.png")])
    assert (pipeline.name, pipeline.description) == ("my-looks", "Two looks and a sheet.")
    assert (pipeline.path, pipeline.workspace) == (recipe, tmp_path)
    tone, sheet = pipeline.steps
    assert tone.fields["image"] == ImageSource("file", str(tmp_path / "photos/cat.png"), "cat")
    assert isinstance(tone.fields["prompt"], Joined)
    assert tone.fields["prompt"].parts[1:] == (" and blur",)
    images = sheet.fields["images"]
    assert isinstance(images, Listing)
    assert isinstance(images.items[1], Picture)
    assert images.items[1].is_list
    assert list(pictures_in(images)) == [tone]
    assert set(pipeline.evidence.images) == {str(tmp_path / "photos/cat.png")}


def test_a_pipeline_over_many(recipe: Path) -> None:
    pipeline = load(recipe, SURROUNDINGS, options=[("photo", "photos/*.png")])
    assert [step.count for step in pipeline.steps] == [4, 2]
    tone, sheet = pipeline.outputs
    assert [path for path, _ in output_paths(tone, pipeline.inputs, "png")] == [
        "cat/sepia.webp", "cat/grain.webp", "dog/sepia.webp", "dog/grain.webp",
    ]  # fmt: skip
    assert [path for path, _ in output_paths(sheet, pipeline.inputs, "png")] == [
        "cat/sheet.png",
        "dog/sheet.png",
    ]


def test_every_problem_comes_with_the_error(recipe: Path) -> None:
    recipe.write_text(TEXT.replace("$photo, $tone", "$phot, $ton"))
    with pytest.raises(PipelineError) as caught:
        load(recipe, SURROUNDINGS)
    assert [(one.line, one.code) for one in caught.value.problems] == [
        (4, "missing-input"), (8, "unknown-name"), (8, "unknown-name"),
    ]  # fmt: skip


def test_a_check_without_inputs_is_silent(recipe: Path) -> None:
    checked = check(recipe, SURROUNDINGS)
    assert checked.problems == ()
    assert checked.pipeline is not None


def test_the_command_line_may_read_anywhere_and_wins(recipe: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path.parent / f"{tmp_path.name}-elsewhere.png"
    Image.new("RGB", (8, 8)).save(elsewhere)
    Path("values.yaml").write_text("photo: photos/cat.png\nwords: and more\n")
    options = [("photo", str(elsewhere))]
    pipeline = load(recipe, SURROUNDINGS, options=options, inputs_file="values.yaml")
    assert pipeline.inputs["photo"].value.location == str(elsewhere)
    assert pipeline.inputs["words"].value == "and more"
    recipe.write_text(TEXT.replace("{type: image}", f"{{type: image, default: ../../{elsewhere.name}}}"))
    assert [one.code for one in check(recipe, SURROUNDINGS).problems] == ["outside-workspace"]


def test_an_image_that_has_not_changed_is_not_read_again(recipe: Path) -> None:
    asked: list[str] = []

    def is_unchanged(path: str, stat: Stat) -> bool:
        asked.append(Path(path).name)
        return stat.size > 0

    Path("photos/cat.png").write_text("no image any more")
    surroundings = Surroundings(
        SURROUNDINGS.catalogue, SURROUNDINGS.today, SURROUNDINGS.check_prompt, is_unchanged=is_unchanged
    )
    assert check(recipe, surroundings, options=[("photo", "photos")]).problems == ()
    assert asked == ["cat.png", "dog.png"]
    assert [one.code for one in check(recipe, SURROUNDINGS, options=[("photo", "photos")]).problems] == [
        "not-an-image"
    ]


def test_a_file_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "night.yaml").touch()
    (problem,) = check(Path("nigth.yaml"), SURROUNDINGS).problems
    assert (
        str(problem)
        == 'nigth.yaml:1:1: error: There is no pipeline file nigth.yaml. Did you mean "night.yaml"? [missing-file]'
    )


def written(folder: Path, steps: str) -> Path:
    """A recipe of these steps beside a picture and a mask."""
    for name in ("a.png", "mask.png"):
        Image.new("RGB", (8, 8)).save(folder / name)
    path = folder / "p.yaml"
    path.write_text(f"version: 1\nsteps:\n{steps}")
    return path


def test_the_embedded_model_says_what_does_not_go_together(tmp_path: Path) -> None:
    recipe = written(
        tmp_path,
        "  turned: {model: darkroom, image: a.png, prompt: rotate 90 degrees, mask: mask.png}\n"
        "  alone: {model: darkroom, image: a.png, prompt: match the colours of the reference}\n"
        "  idle: {model: darkroom, image: a.png, prompt: sepia, references: [a.png]}\n",
    )
    surroundings = Surroundings(
        SURROUNDINGS.catalogue, SURROUNDINGS.today, providers.check_prompt, providers.advise_prompt
    )
    found = check(recipe, surroundings).problems
    assert [(one.line, one.severity, one.code) for one in found] == [
        (3, "error", "not-understood"),
        (4, "error", "not-understood"),
        (5, "warning", "unused-picture"),
    ]


def test_an_operation_says_that_its_extra_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = written(tmp_path, "  clear: {operation: dehaze, image: a.png}\n")
    assert check(recipe, SURROUNDINGS).problems == ()
    monkeypatch.setattr("editchain.language.ruling.is_installed", lambda _: False)
    found = check(recipe, SURROUNDINGS).problems
    assert [(one.line, one.code) for one in found] == [(3, "missing-extra")]
    assert "pip install" in found[0].sentence

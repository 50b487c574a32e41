"""`editchain migrate` moves recipes of models that are gone, and leaves everything else in them as it was written."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.workbench import shipped

from editchain import schemas

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.commands.conftest import Said

    Call = Callable[..., Said]

RECIPE = """\
version: 1
# The house style.
defaults:
  model: gpt-image-1   # the old one
  quality: high
  input_fidelity: high # faces
inputs: {photo: {type: image, default: a.png}}
steps:
  # first
  cut:
    image: $photo
    prompt: >
      Remove the background.
      Keep the mug.
    background: transparent
    aspect_ratio: '3:2'

  scene: {image: $cut, prompt: "Put it on a table", format: webp, compression: 80, input_fidelity: low} # flow
  own:
    model: "gpt-image-1"      # said here
    input_fidelity: low       # goes away

    # about the picture
    image: $cut
    prompt: On the moon
  tone: {model: darkroom, image: $scene, prompt: sepia}
outputs: {tone: $tone, own: $own}
"""
MOVED = """\
version: 1
# The house style.
defaults:
  model: gpt-image-2   # the old one
  quality: high
inputs: {photo: {type: image, default: a.png}}
steps:
  # first
  cut:
    image: $photo
    prompt: >
      Remove the background.
      Keep the mug.
    background: transparent
    aspect_ratio: '3:2'

  scene: {image: $cut, prompt: "Put it on a table", format: webp, compression: 80} # flow
  own:
    model: "gpt-image-2"      # said here

    # about the picture
    image: $cut
    prompt: On the moon
  tone: {model: darkroom, image: $scene, prompt: sepia}
outputs: {tone: $tone, own: $own}
"""


def migrated(folder: Path, call: Call, text: str, *options: str) -> tuple[Said, str]:
    """What the command says of a recipe, and the recipe after it."""
    (folder / "r.yaml").write_bytes(text.encode())
    said = call("migrate", "r.yaml", *options)
    return said, (folder / "r.yaml").read_bytes().decode()


def test_a_recipe_is_moved_and_its_comments_and_layout_stay(folder: Path, call: Call) -> None:
    said, text = migrated(folder, call, RECIPE)
    assert text == MOVED, "".join(difflib.unified_diff(MOVED.splitlines(True), text.splitlines(True)))
    assert said.code == 0
    assert "own (line 20): gpt-image-1 → gpt-image-2" in said.out
    assert (
        "  dropped    input_fidelity: gpt-image-2 has no such field, and it said what is usual\n" in said.out
    )
    assert "-  model: gpt-image-1   # the old one\n" in said.out
    assert call("validate", "r.yaml").code == 0
    again, unchanged = migrated(folder, call, text)
    assert (again.code, unchanged) == (0, text)
    assert "no step has a model that is shut down" in again.out


@pytest.mark.parametrize("change", [lambda text: text.replace("\n", "\r\n"), lambda text: "\ufeff" + text, lambda text: text.rstrip("\n")])  # fmt: skip
def test_line_ends_and_marks_stay(folder: Path, call: Call, change: Callable[[str], str]) -> None:
    assert migrated(folder, call, change(RECIPE))[1] == change(MOVED)


def test_a_dry_run_writes_nothing(folder: Path, call: Call) -> None:
    said, text = migrated(folder, call, RECIPE, "--dry-run")
    assert text == RECIPE
    assert "+  model: gpt-image-2   # the old one\n" in said.out
    assert "written" not in said.err


def test_as_data(folder: Path, call: Call) -> None:
    said, _ = migrated(folder, call, RECIPE, "--json")
    found = said.document("migrate")
    assert found["written"]
    steps = {one["path"][-1]: one for one in found["steps"]}
    assert list(steps) == ["defaults", "cut", "scene", "own"]
    fates = {one["field"]: one["fate"] for one in steps["own"]["fields"]}
    assert fates == {"input_fidelity": "dropped", "image": "kept", "prompt": "kept"}


UNDECIDED = """\
version: 1
steps:
  wide:
    model: gpt-image-1
    image: a.png
    prompt: Night
    provider: fal
    provider_options: {fal: {a: 1}}
"""


def test_what_somebody_has_to_decide_is_left_and_named(folder: Path, call: Call) -> None:
    said, text = migrated(folder, call, UNDECIDED)
    assert (said.code, text) == (1, UNDECIDED)
    assert "  to decide  provider: gpt-image-2 is offered by " in said.out
    assert "  to decide  provider_options: they were written for gpt-image-1\n" in said.out
    assert "  unsaid     quality: high when it was not said, and now auto\n" in said.out
    assert "left for you to decide: wide" in said.err
    forced, text = migrated(folder, call, UNDECIDED, "--undecided")
    assert (forced.code, text) == (0, UNDECIDED.replace("model: gpt-image-1", "model: gpt-image-2"))


def test_a_value_that_the_successor_does_not_take_is_to_be_decided(folder: Path, call: Call) -> None:
    text = (
        'version: 1\nsteps: {s: {model: flux-kontext, image: a.png, prompt: Night, aspect_ratio: "1:9999"}}\n'
    )
    said, after = migrated(folder, call, text, "--step", "s", "--to", "gpt-image-2")
    assert (said.code, after) == (1, text)
    assert "to decide  aspect_ratio: " in said.out


def test_steps_that_go_by_defaults_move_together_or_not_at_all(folder: Path, call: Call) -> None:
    text = RECIPE.replace("compression: 80", "provider: fal")
    said, after = migrated(folder, call, text)
    assert said.code == 1
    assert "  model: gpt-image-1   # the old one\n" in after
    assert '    model: "gpt-image-2"      # said here\n' in after
    assert "input_fidelity: low} # flow" in after


VALUES = """\
version: 1
inputs:
  photo: {type: image, default: a.png}
  which: {type: string, default: gpt-image-1}
steps:
  one: {model: $which, image: $photo, prompt: x, input_fidelity: high}
  all:
    for_each: {m: [seedream-4, gemini-2.0-flash], row: [{q: low, to: gpt-image-1}]}
    model: $m
    image: $photo
    prompt: x
  rows: {for_each: {row: [{to: gpt-image-1}]}, model: $row.to, image: $photo, prompt: x}
  sub: {pipeline: sub.yaml, with: {which: gpt-image-1}}
"""


@pytest.mark.parametrize("options", [(), ("--undecided",)])
def test_a_model_that_comes_from_a_value_is_named_where_it_stands_and_left_to_a_person(
    folder: Path, call: Call, options: tuple[str, ...]
) -> None:
    path = folder / "p.yaml"
    path.write_text(VALUES)
    said = call("migrate", "p.yaml", *options)
    assert said.code == 1
    assert path.read_text() == VALUES
    for line in (
        "one (line 4): gpt-image-1 → gpt-image-2",
        "  dropped    input_fidelity: gpt-image-2 has no such field",
        "  to decide  model: it comes from $which; change gpt-image-1 there by hand",
        "all (line 8): gemini-2.0-flash → gemini-nano-banana-2.1",
        "rows (line 12): gpt-image-1 → gpt-image-2",
        "sub (line 13): gpt-image-1 → gpt-image-2",
        "  to decide  which: gpt-image-1 is handed to sub.yaml; change it there by hand where it is a model",
    ):
        assert line in said.out.splitlines()
    assert "where the names of models stand: one, all, rows, sub" in said.err
    assert "--undecided" not in said.err


def test_another_model_and_a_step_are_named(folder: Path, call: Call) -> None:
    old = json.loads((schemas.folder() / "models" / "gemini-2.0-flash.json").read_text())
    old["$id"] = old["$id"].replace("gemini-2.0-flash", "old-flash")
    old["x-editchain"]["life"]["successor"] = None
    (folder / "models").mkdir()
    (folder / "models" / "old-flash.json").write_text(json.dumps(old))
    text = "version: 1\nsteps:\n  a: {model: old-flash, image: a.png, prompt: Night}\n  b: {model: flux-kontext, image: a.png, prompt: Night, guidance: 3}\n"
    said, after = migrated(folder, call, text)
    assert (said.code, after) == (0, text)
    assert "Name a model with --to." in said.err
    _, after = migrated(folder, call, text, "--to", "gemini-2.5-flash")
    assert after == text.replace("old-flash", "gemini-2.5-flash")
    _, after = migrated(folder, call, text, "--step", "b", "--to", "seedream-4")
    assert after == text.replace("flux-kontext", "seedream-4").replace(", guidance: 3", "")


@pytest.mark.parametrize(
    ("options", "about"),
    [
        (("--step", "cutt"), 'no step "cutt". Did you mean "cut"'),
        (("--to", "gpt-image-22"), 'no model "gpt-image-22"'),
        (("--step", "made"), "not written in it by name"),
    ],
)
def test_what_is_named_in_vain_is_an_error(
    folder: Path, call: Call, options: tuple[str, ...], about: str
) -> None:
    text = RECIPE.replace("steps:\n", "steps:\n  made: {model: $m, image: $photo, prompt: x}\n")
    said, after = migrated(folder, call, text, *options)
    assert (said.code, after) == (2, text)
    assert about in said.err


@pytest.mark.parametrize("text", ["- a\n", "version: 1\nsteps: [\n", "version: 1\n", "a: \x00\n"])
def test_what_is_no_recipe_is_an_error(folder: Path, call: Call, text: str) -> None:
    said, after = migrated(folder, call, text)
    assert (said.code, after) == (2, text)


ANCHORED = """\
version: 1
steps:
  a: {model: &old gpt-image-1, image: a.png, prompt: One, input_fidelity: &low low}
  b: {model: *old, image: a.png, prompt: Two, input_fidelity: *low}
outputs: {a: $a, b: $b}
"""


def test_what_cannot_be_changed_in_place_is_left_whole(folder: Path, call: Call) -> None:
    said, after = migrated(folder, call, ANCHORED)
    assert (said.code, after) == (2, ANCHORED)
    assert "nothing was written" in said.err.lower()


def test_fields_and_values_are_renamed_as_the_document_says(folder: Path, call: Call) -> None:
    moves = '"successor": "flux-2-pro", "retired": {"bfl": "2026-01-01"}, "moves": {"guidance": {"to": "seed"}, "quality": {"values": {"high": "medium"}}}'
    source = (schemas.folder() / "models" / "flux-kontext.json").read_text()
    old = source.replace("flux-kontext", "old-one").replace(
        '"successor": "flux-2-pro"', moves.replace("flux-2-pro", "new-one")
    )
    (folder / "models").mkdir()
    (folder / "models" / "old-one.json").write_text(old)
    (folder / "models" / "new-one.json").write_text(source.replace("flux-kontext", "new-one"))
    text = "version: 1\nsteps:\n  s:\n    model: old-one\n    guidance: 7 # why\n    quality: high\n    image: a.png\n    prompt: x\n"
    said, after = migrated(folder, call, text)
    assert said.code == 0, said.out
    assert after == text.replace("old-one", "new-one").replace("guidance: 7", "seed: 7").replace(
        "high", "medium"
    )
    assert "  renamed    guidance → seed\n" in said.out
    assert "  renamed    quality: medium\n" in said.out


# Every model that has a successor: recipes of all its examples

SUCCEEDED = [model for model in shipped().models.values() if model.life.successor]


def examples(name: str) -> list[dict[str, Any]]:
    from pathlib import Path as Where

    found: list[dict[str, Any]] = schemas.read(Where(__file__).parents[1] / "models" / f"{name}.json")[
        "valid"
    ]
    return found


@pytest.mark.parametrize("name", [model.name for model in SUCCEEDED])
def test_every_recipe_of_a_model_that_has_a_successor_moves(folder: Path, call: Call, name: str) -> None:
    lines = ["version: 1", "steps:"]
    for number, fields in enumerate(examples(name)):
        whole = {"model": name, "image": "a.png", "prompt": "Night", **fields}
        lines += [f"  s{number}:", *(f"    {key}: {json.dumps(value)}" for key, value in whole.items())]
    steps = [option for number in range(len(examples(name))) for option in ("--step", f"s{number}")]
    said, text = migrated(folder, call, "\n".join(lines) + "\n", *steps, "--json")
    found = said.document("migrate")
    assert {one["from"] for one in found["steps"]} == {name}
    for one in found["steps"]:
        decided = all(field["fate"] != "decide" for field in one["fields"])
        assert one["changed"] == decided
    problems = call("validate", "r.yaml", "--json").document("validate")["problems"]
    # What was moved stands: no problem but that a model is or will be gone, and those of what was left as it was.
    left = {one["path"][-1] for one in found["steps"] if not one["changed"]}
    wrong = [
        one["message"] for one in problems if one["severity"] == "error" and one["code"] != "missing-file"
    ]
    assert all(any(f"steps.{name}." in message for name in left) for message in wrong), wrong
    assert any(one["changed"] for one in found["steps"])
    assert text.count(f'"{name}"') == len(left)

"""Outlines: what a run was made of is read back as it was, and its tasks find their keys in the journal."""

from __future__ import annotations

import os

import pytest
from tests.workbench import Bench, step_of

from editchain.errors import StoreError
from editchain.runs import outlining
from editchain.runs.outlining import Take

RECIPE = """
inputs:
  photo: {type: image, default: a.png}
  width: {type: integer, default: 4}
defaults: {model: darkroom}
steps:
  tone:
    for_each: {look: [sepia, blur], size: [1, 2]}
    exclude: [{look: blur, size: 2}]
    image: $photo
    prompt: $look
    strength: 0.5
  small: {operation: resize, image: $tone, width: $width}
  sheet: {operation: contact_sheet, images: [$photo, $small.*]}
"""


def kept(bench: Bench) -> outlining.Outline:
    """The outline of the first run."""
    found = outlining.read(bench.root / ".editchain", "run-1")
    assert found is not None
    return found


def test_a_run_keeps_what_it_was_made_of(bench: Bench) -> None:
    ran = bench.run(bench.write(RECIPE))
    outline = kept(bench)
    tone, small, sheet = outline.steps
    assert outline.name == "p"
    assert [(one.name, one.text) for one in outline.inputs] == [("photo", "a"), ("width", "4")]
    assert tone.dimensions == (("look", ("sepia", "blur")), ("size", ("1", "2")))
    assert tone.takes == (Take("image", "input", "photo"),)
    assert small.takes == (Take("image", "step", "tone"),)
    assert sheet.takes == (Take("images", "input", "photo"), Take("images", "step", "small"))
    assert list(outline.sources.values()) == [str(bench.root / "a.png")]
    for one in outline.steps:
        keys = step_of(ran.plan, one.name).keys
        assert one.keys == tuple(None if key is None else key[: outlining.PREFIX_BYTES] for key in keys)
    assert tone.keys[3] is None, "what is excluded has no key"


def test_reading_gives_back_what_was_saved(bench: Bench) -> None:
    bench.run(bench.write(RECIPE))
    outline = kept(bench)
    outlining.save(bench.root / "other", outline)
    assert outlining.read(bench.root / "other", "run-1") == outline


def test_a_run_that_nobody_knows_has_none(bench: Bench) -> None:
    assert outlining.read(bench.root / ".editchain", "run-7") is None


def test_a_damaged_one_is_said_to_be(bench: Bench) -> None:
    bench.run(bench.write(RECIPE))
    place = bench.root / ".editchain" / "runs" / "run-1.json"
    place.write_text(place.read_text("utf-8")[:-40], "utf-8")
    with pytest.raises(StoreError, match="damaged"):
        outlining.read(bench.root / ".editchain", "run-1")


def test_the_oldest_are_forgotten(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.run(bench.write(RECIPE))
    outline = kept(bench)
    monkeypatch.setattr(outlining, "KEPT", 3)
    for number in range(5):
        outlining.save(bench.root / "many", outlining.Outline(f"r{number}", *_rest(outline)))
    assert sorted(os.listdir(bench.root / "many" / "runs")) == ["r2.json", "r3.json", "r4.json"]


def _rest(outline: outlining.Outline) -> list[object]:
    names = ("name", "path", "out", "inputs", "steps", "outputs", "sources", "notices")
    return [getattr(outline, name) for name in names]

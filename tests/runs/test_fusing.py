"""Chains of local tasks hand their pictures on in memory, and nobody can tell but by what lies in the store."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageChops
from tests.operations.examples import photo
from tests.operations.test_native import deepened
from tests.workbench import paint, step_of, unmarked

from editchain.imaging import native
from editchain.imaging.extra import is_installed
from editchain.imaging.native import Native
from editchain.imaging.profiles import profile
from editchain.plans.fusing import fuse
from editchain.runs.remaking import make_again

if TYPE_CHECKING:
    from pathlib import Path

    from tests.workbench import Bench

CHAIN = """\
steps:
  one: {operation: resize, image: a.png, width: 6}
  two: {model: darkroom, image: $one, prompt: make it warmer}
  three: {operation: convert, image: $two, format: jpeg, quality: 60}
  four: {operation: rotate, image: $three, degrees: 90}
outputs: {four: $four}
"""
PUBLISHED = CHAIN.replace("{four: $four}", "{one: $one, two: $two, three: $three, four: $four}")


def stored(bench: Bench) -> set[str]:
    """The steps and models whose pictures have bytes in the store."""
    return {row["name"] for row in bench.rows("results") if row["digest"]}


def pixels(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


def test_only_the_last_of_a_chain_is_stored(both: Bench) -> None:
    file = both.write(CHAIN)
    assert both.run(file).counts == {"done": 4}
    assert stored(both) == {"rotate"}
    assert both.left(file) == 0
    assert both.run(file).counts == {}


def test_the_picture_is_the_same_as_with_every_step_stored(bench: Bench) -> None:
    bench.run(bench.write(CHAIN))
    fused = pixels(bench.root / "out/four.png")
    bench.run(bench.write(PUBLISHED, "other.yaml"), out="other")
    assert stored(bench) == {"resize", "darkroom", "convert", "rotate"}
    assert ImageChops.difference(fused, pixels(bench.root / "other/four.png")).getbbox() is None
    # A lossy picture in the middle loses what it would lose on disk.
    with Image.open(bench.root / "other/three.jpg") as image:
        turned = image.convert("RGB").transpose(Image.Transpose.ROTATE_270)
    assert ImageChops.difference(fused, turned).getbbox() is None


def test_a_change_at_the_end_makes_again_what_it_needs_and_counts_one_task(bench: Bench) -> None:
    bench.run(bench.write(CHAIN))
    file = bench.write(CHAIN.replace("degrees: 90", "degrees: 180"))
    assert bench.left(file) == 1
    assert bench.run(file).counts == {"done": 1}
    assert stored(bench) == {"rotate"}


def test_what_is_published_later_is_made_again_from_its_key(bench: Bench) -> None:
    bench.run(bench.write(CHAIN))
    file = bench.write(PUBLISHED)
    assert bench.left(file) == 0
    assert bench.command("run", "p.yaml")[0] == 0
    assert sorted(path.name for path in (bench.root / "out").iterdir()) == [
        "four.png",
        "one.png",
        "three.jpg",
        "two.png",
    ]
    assert stored(bench) == {"resize", "darkroom", "convert", "rotate"}
    assert "outputs unchanged" in bench.command("run", "p.yaml")[1]


def test_a_picture_that_two_take_is_stored(bench: Bench) -> None:
    file = bench.write(CHAIN.replace("outputs: {four: $four}", "  more: {operation: flip, image: $two}\n"))
    assert bench.run(file).counts == {"done": 5}
    assert stored(bench) == {"darkroom", "rotate", "flip"}


def test_a_gather_of_several_stores_them(bench: Bench) -> None:
    file = bench.write(
        """\
        steps:
          each: {for_each: {w: [4, 5, 6]}, operation: resize, image: a.png, width: $w}
          sheet: {operation: contact_sheet, images: $each.*}
        """
    )
    assert bench.run(file).counts == {"done": 4}
    assert stored(bench) == {"resize", "contact_sheet"}


def test_several_made_in_passing_are_stored_once_a_gather_wants_them(bench: Bench) -> None:
    text = """\
        steps:
          each: {for_each: {w: [4, 5, 6]}, operation: resize, image: a.png, width: $w}
          turned: {operation: flip, image: $each}
        outputs: {turned: {from: $turned, path: "{w}.png"}}
        """
    bench.run(bench.write(text))
    assert stored(bench) == {"flip"}
    more = text.replace(
        "outputs: {",
        "  sheet: {operation: contact_sheet, images: $each.*}\n        outputs: {sheet: $sheet, ",
    )
    file = bench.write(more)
    assert bench.left(file) == 1
    assert bench.run(file).counts == {"done": 1}
    assert stored(bench) == {"flip", "resize", "contact_sheet"}


@pytest.mark.parametrize("field", ["expect: {format: png}", "seed: random", "after: [other]"])
def test_what_has_to_be_there_or_cannot_be_repeated_is_stored(bench: Bench, field: str) -> None:
    steps = f"""\
        steps:
          other: {{operation: flip, image: a.png}}
          two: {{model: darkroom, image: a.png, prompt: add film grain, {field}}}
          three: {{operation: rotate, image: $two, degrees: 90, after: [two]}}
        outputs: {{three: $three, other: $other}}
        """
    if "after" not in field:
        steps = steps.replace(", after: [two]", "")
    bench.run(bench.write(steps))
    assert stored(bench) >= {"darkroom", "rotate"}


def test_a_failure_in_the_middle_is_told_of_its_own_task(both: Bench) -> None:
    convert = "{operation: convert, image: $two, format: jpeg, quality: 60}"
    file = both.write(CHAIN.replace(convert, "{operation: crop, image: $two, box: [0, 0, 400, 400]}"))
    ran = both.run(file)
    assert ran.counts == {"done": 2, "failed": 1, "skipped": 1}
    assert [(one.task, one.outcome) for one in ran.report.run.troubles] == [
        ("three", "failed"),
        ("four", "skipped"),
    ]
    assert both.left(file) == 2


def test_a_step_alone_may_need_what_was_made_in_passing(bench: Bench) -> None:
    bench.run(bench.write(CHAIN))
    bench.write(CHAIN.replace("degrees: 90", "degrees: 270"))
    assert bench.command("run", "p.yaml", "--only", "four")[0] == 0


def test_what_a_picture_in_passing_was_made_from_has_to_be_there(bench: Bench) -> None:
    bench.run(bench.write(CHAIN))
    paint(bench.root / "a.png", (1, 2, 3))
    assert bench.left(bench.root / "p.yaml") == 4


def test_a_picture_in_passing_is_made_again_from_the_journal_alone(bench: Bench) -> None:
    file = bench.write(CHAIN)
    bench.run(file)
    keys = [step_of(bench.plan(file), name).keys[0] or b"" for name in ("one", "two", "three")]
    with bench.workspace() as workspace:
        assert make_again(workspace, keys[2:]) == 1
        assert make_again(workspace, keys) == 2
        assert make_again(workspace, keys) == 0
        made = workspace.journal.results(keys)
        read = workspace.store.read(made[keys[2]].digest)
    assert stored(bench) == {"resize", "darkroom", "convert", "rotate"}
    bench.run(bench.write(PUBLISHED, "other.yaml"), out="other")
    assert unmarked((bench.root / "other/three.jpg").read_bytes()) == read


def test_one_whose_source_changed_is_not_made_again(bench: Bench) -> None:
    file = bench.write(CHAIN)
    bench.run(file)
    key = step_of(bench.plan(file), "two").keys[0] or b""
    (bench.root / "a.png").unlink()
    with bench.workspace() as workspace:
        assert make_again(workspace, [key]) == 0


def test_verify_gc_and_repair_know_that_there_are_no_bytes(bench: Bench) -> None:
    bench.run(bench.write(CHAIN))
    assert bench.command("store", "verify")[0] == 0
    assert bench.command("store", "gc")[0] == 0
    assert bench.left(bench.root / "p.yaml") == 0
    assert bench.command("store", "repair")[0] == 0
    assert bench.left(bench.root / "p.yaml") == 0


def test_chains_are_told_apart(bench: Bench) -> None:
    plan = bench.plan(bench.write(CHAIN))
    assert fuse(plan).chains == {3: (0, 1, 2)}
    assert fuse(plan, hands_on=False).chains == {}
    assert fuse(bench.plan(bench.write(PUBLISHED))).chains == {}


def test_a_lock_holds_a_run_to_the_last_of_a_chain(bench: Bench) -> None:
    bench.run(bench.write(CHAIN))
    assert bench.command("run", "p.yaml")[0] == 0  # writes the lock
    lines = (bench.root / "p.lock.jsonl").read_text().splitlines()
    assert [line.count('"task"') for line in lines].count(1) == 1
    assert bench.command("run", "p.yaml", "--locked")[0] == 0
    # A machine that has nothing of it makes the chain again, and may.
    shutil.rmtree(bench.root / ".editchain")
    code, _, messages = bench.command("run", "p.yaml", "--locked")
    assert code == 0, messages
    bench.write(CHAIN.replace("width: 6", "width: 5"))
    assert bench.command("run", "p.yaml", "--locked")[0] == 3


def test_a_program_of_ones_own_is_run_once(bench: Bench) -> None:
    """What it makes may not be the same the next time."""
    (bench.root / "editchain.toml").write_text('[run_command]\nprograms = ["cp"]\n')
    file = bench.write(
        """\
        steps:
          own: {operation: run_command, image: a.png, command: [cp, "{image}", "{result}"]}
          turned: {operation: rotate, image: $own, degrees: 90}
        outputs: {turned: $turned}
        """
    )
    assert bench.run(file).counts == {"done": 2}
    assert stored(bench) == {"run_command", "rotate"}


DEEP = """\
defaults: {native: true}
steps:
  one: {operation: resize, image: a.png, width: 6}
  two: {operation: curves, image: $one, master: [[0, 0], [0.4, 0.6], [1, 1]]}
  three: {operation: rotate, image: $two, degrees: 90}
  flat: {operation: vignette, image: $three}
outputs:
  three: {from: $three, path: three.tif}
  jpeg: {from: $three, path: three.jpg}
  flat: $flat
"""


@pytest.mark.skipif(not is_installed(), reason="needs the extra darkroom")
@pytest.mark.parametrize("own", [None, "display_p3"])
def test_depth_and_profile_go_through_a_chain_to_what_is_published(bench: Bench, own: str | None) -> None:
    space = profile(own) if own else None
    bench.root.joinpath("a.png").write_bytes(Native(deepened(photo()), space).file("png"))
    bench.run(bench.write(DEEP))
    assert stored(bench) == {"rotate", "vignette"}
    three = native.read((bench.root / "out/three.tif").read_bytes())
    assert not isinstance(three.image, Image.Image)
    assert (three.size, three.profile) == ((4, 6), space)
    with Image.open(bench.root / "out/three.jpg") as jpeg, Image.open(bench.root / "out/flat.png") as flat:
        assert jpeg.info.get("icc_profile") == space
        assert flat.mode == "RGB"
        assert "icc_profile" not in flat.info
    whole = DEEP.replace("  flat: $flat", "  one: $one\n  two: $two\n  flat: $flat")
    bench.run(bench.write(whole, "whole.yaml"), out="whole")
    assert {"resize", "curves"} <= stored(bench)
    again = native.read((bench.root / "whole/three.tif").read_bytes())
    assert again == three

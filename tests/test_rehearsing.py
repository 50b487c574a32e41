"""Rehearsals go the whole way without vendors and money, and leave what is real alone."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from hashlib import sha256
from typing import Any

import pytest
from PIL import Image
from tests.providers.test_scenario import route_of
from tests.workbench import Bench, shipped

from editchain.errors import TaskError
from editchain.executors.local import _drive
from editchain.imaging import codec
from editchain.models import Model, Route
from editchain.operations.base import Picture
from editchain.providers.base import Blob, Request
from editchain.providers.rehearsal import Rehearsal

RECIPE = """
inputs:
  photo: {type: image, default: a.png}
steps:
  cut: {model: gpt-image-2, image: $photo, prompt: Cut it out, background: transparent, aspect_ratio: "3:2"}
  night:
    for_each: {time: [dusk, dawn]}
    model: flux-kontext
    image: $cut
    prompt: Make it $time
    aspect_ratio: "16:9"
    num_samples: 2
  tone: {model: darkroom, image: $night, prompt: make it black and white}
  small: {operation: resize, image: $tone, width: 128}
outputs:
  cut: $cut
  small: $small
budget: {max: 0.01, currency: USD}
"""


@pytest.fixture
def stage(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A workspace without any credential, and a photo."""
    for name in ("OPENAI_API_KEY", "BFL_API_KEY", "SCENARIO_API_KEY", "SCENARIO_SDK_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    bench.paint("a.png", size=(600, 400))
    return bench


def test_it_goes_the_whole_way_without_a_credential_and_says_the_price(stage: Bench) -> None:
    file = stage.write(RECIPE)
    code, out, messages = stage.command("run", str(file), "--rehearse")
    assert (code, out.partition(" · ")[0]) == (0, "13 done")
    assert "a run would be: 13 tasks · 0 cached · 8 to run here · 3 calls · " in messages
    assert " USD" in messages
    assert "note: a run would be refused: night: flux-kontext needs a credential" in messages
    assert "note: a run would be refused: Under this budget nothing can be bought: " in messages
    assert sorted(stage.published("out-rehearsal")) == [
        "cut.png", "small/dawn/1.png", "small/dawn/2.png", "small/dusk/1.png", "small/dusk/2.png",
    ]  # fmt: skip
    assert len(set(stage.published("out-rehearsal").values())) == 5


def test_pictures_have_the_size_and_alpha_that_models_would_give_and_are_marked(stage: Bench) -> None:
    stage.command("run", str(stage.write(RECIPE)), "--rehearse")
    cut = codec.decode(stage.published("out-rehearsal")["cut.png"])
    assert (cut.mode, cut.size) == ("RGBA", (1536, 1024))
    assert codec.has_transparency(cut)
    assert cut.getpixel((768, 1020)) == (255, 176, 0, 255)
    small = codec.decode(stage.published("out-rehearsal")["small/dusk/1.png"])
    assert abs(Fraction(*small.size) - Fraction(16, 9)) < 0.05


def test_it_leaves_nothing_where_real_runs_look(stage: Bench) -> None:
    file = stage.write(RECIPE)
    before = stage.plan(file).counts
    stage.command("run", str(file), "--rehearse")
    assert stage.plan(file).counts == before
    top = {path.name for path in stage.root.iterdir()}
    assert not {"out", "p.lock.jsonl"} & top
    assert "out-rehearsal" in top
    assert not (stage.root / ".editchain" / "journal.db").exists()
    code, out, _ = stage.command("run", str(file), "--rehearse")
    assert (code, out.partition(" · ")[0]) == (0, "13 cached")


def test_a_folder_may_be_named_and_steps_chosen(stage: Bench) -> None:
    code, out, _ = stage.command(
        "run", str(stage.write(RECIPE)), "--rehearse", "--until", "cut", "-o", str(stage.root / "try")
    )
    assert (code, out.partition(" · ")[0]) == (0, "1 done")
    assert list(stage.published("try")) == ["cut.png"]


def test_events_are_those_of_a_run(stage: Bench) -> None:
    code, out, _ = stage.command("run", str(stage.write(RECIPE)), "--rehearse", "--json", "--until", "cut")
    events = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [one["event"] for one in events] == ["run", "task", "end"]
    assert events[0]["calls"] == 1


def test_it_says_what_a_run_would_be_refused_for_and_goes_on(
    stage: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    step = (
        "{model: gpt-image-2, provider: openai, image: a.png, prompt: x, quality: high, aspect_ratio: '1:1'}"
    )

    def told(*options: str, budget: str = "") -> list[str]:
        file = stage.write(f"steps:\n  s: {step}\n{budget}")
        code, _, messages = stage.command("run", str(file), "--rehearse", *options)
        assert code == 0
        return [
            line.removeprefix("note: ") for line in messages.splitlines() if line.startswith("note: a run")
        ]

    assert told() == []
    assert told("--offline") == ["a run would be refused: --offline: 1 call would be needed, for s."]
    assert told("--budget", "0.10 USD") == [
        "a run would be refused: This would cost at least 0.164 USD, more than the budget of 0.1. Raise the budget, or run less."
    ]
    assert told(budget="budget: {max: 0.20, currency: USD}\n") == [
        "a run might end early: it may cost up to 0.211 USD, more than the budget of 0.2."
    ]
    assert told("--budget", "9 CU")[0].startswith(
        "a run would be refused: Under this budget nothing can be bought: the budget is in CU"
    )
    unpriced = stage.write(
        "steps:\n  s: {model: gpt-image-2.5-flare, provider: openai, image: a.png, prompt: x}\n"
    )
    messages = stage.command("run", str(unpriced), "--rehearse", "--budget", "1 USD")[2]
    assert (
        "a run might end early: 1 call of no known price, which a budget lets go only where the vendor says it beforehand."
        in messages
    )


def test_a_picture_that_only_a_vendor_has_is_rehearsed_with_a_grey_one(stage: Bench) -> None:
    file = stage.write(
        "steps:\n  s: {model: flux-kontext, image: asset_abc, prompt: x}\n  t: {operation: resize, image: $s, width: 32}\n"
    )
    for done in ("2 done", "2 cached"):
        code, out, messages = stage.command("run", str(file), "--rehearse")
        assert (code, out.partition(" · ")[0]) == (0, done)
        assert "asset_abc is at scenario; a grey picture is rehearsed with in its place" in messages
    assert not (stage.root / ".editchain" / "journal.db").exists()


def test_a_plan_says_what_its_budget_would_not_let_pass(stage: Bench) -> None:
    messages = stage.command("plan", str(stage.write(RECIPE)))[2]
    assert "note: a run would be refused: Under this budget nothing can be bought: " in messages


def test_what_a_route_cannot_honour_is_found(stage: Bench) -> None:
    step = "{model: flux-kontext, provider: bfl, image: a.png, prompt: Night, guidance: 4}"
    code, _, messages = stage.command("run", str(stage.write(f"steps: {{s: {step}}}")), "--rehearse")
    assert code == 1
    assert "guidance: no field for it on this route" in messages
    stage.paint("a.png", size=(30, 20))
    code, _, messages = stage.command(
        "run", str(stage.write(f"steps: {{s: {step.replace(', guidance: 4', '')}}}")), "--rehearse"
    )
    assert code == 1
    assert "on a side that bfl takes" in messages


@pytest.mark.parametrize("option", ["--retry-rejected"])
def test_what_is_about_vendors_does_not_go_with_it(stage: Bench, option: str) -> None:
    code, _, messages = stage.command("run", str(stage.write(RECIPE)), "--rehearse", option)
    assert code == 2
    assert f"--rehearse and {option} do not go together" in messages


# What one call gives back


def rehearsed(model: Model, way: Route, own: tuple[int, int] = (300, 200), **fields: Any) -> Picture:
    """What a rehearsal of one call gives for a picture of a size."""
    image = Image.new("RGB", own, (90, 120, 40))
    data = codec.encode(image, "png")
    blob = Blob(sha256(data).digest(), lambda: data, lambda: image)
    everything = {**model.defaults, "prompt": "Night", **fields}
    said = frozenset({"prompt", *fields})
    request = Request(model.name, way.id, everything, {"image": (blob,)}, None, said=said)
    (picture,) = _drive(Rehearsal(model, way).submit(None, request)).pictures
    assert isinstance(picture, Picture)
    return picture


def test_a_size_that_is_said_is_given() -> None:
    model = shipped().models["gpt-image-2"]
    assert rehearsed(model, route_of("gpt-image-2"), size=[1024, 512]).image.size == (1024, 512)


def test_a_tier_tells_how_many_pixels() -> None:
    model, way = shipped().models["seedream-4"], route_of("seedream-4")
    small, large = (rehearsed(model, way, quality=one).image for one in ("low", "high"))
    assert small.size == (1248, 832)
    assert 15e6 < large.width * large.height < 18e6
    assert abs(large.width / large.height - 1.5) < 0.02


def test_without_a_word_the_shape_is_that_of_the_picture() -> None:
    model, way = shipped().models["flux-kontext"], route_of("flux-kontext")
    made = rehearsed(model, way, own=(200, 400)).image
    assert (made.size, made.mode) == ((720, 1456), "RGB")
    declared = replace(way, output={"pixels": 256 * 256, "format": "webp"})
    found = rehearsed(model, declared)
    assert (found.image.size, found.format) == ((320, 208), "webp")


VENDORS = [
    pytest.param(
        model,
        way,
        id=f"{model.name}-{way.provider}-{number}",
        marks=[pytest.mark.slow]
        if "4K" in str(model.document["x-editchain"])
        else [],  # pictures of 16 megapixels
    )
    for model in shipped().models.values()
    for number, way in enumerate(model.routes)
    if not way.free and "mask" not in model.document["required"]
]


@pytest.mark.parametrize(("model", "way"), VENDORS)
def test_every_route_can_be_rehearsed(model: Model, way: Route) -> None:
    try:
        picture = rehearsed(model, way, own=(512, 384))
    except TaskError as error:  # a route that takes only what it is asked for beside the picture
        assert "cannot be asked for this" in str(error)
    else:
        assert min(picture.image.size) >= 256

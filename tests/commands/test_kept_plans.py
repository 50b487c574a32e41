"""`plan -o` keeps a plan, and `run --plan` spends what it says and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.commands.shop import RECIPE
from tests.workbench import paint

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.commands.conftest import Said
    from tests.commands.shop import Shop

    Call = Callable[..., Said]


@pytest.fixture
def kept(shop: Shop, call: Call) -> Shop:
    """The workspace with its plan kept as `ok.json`."""
    said = call("plan", "p.yaml", "-o", "ok.json")
    assert said.code == 10
    assert "kept as ok.json" in said.err
    return shop


def test_a_kept_plan_says_what_it_spends_and_where(kept: Shop) -> None:
    document = json.loads((kept.folder / "ok.json").read_text())
    assert (document["plan"], document["pipeline"], document["folder"]) == (1, "p.yaml", ".")
    assert [one["task"] for one in document["purchases"]] == ["night[time=dusk]", "night[time=dawn]", "again"]
    assert [one["key"] is None for one in document["purchases"]] == [False, False, True]
    assert all(one["provider"] == "scenario" and one["most"] for one in document["purchases"])
    assert set(document["pictures"]) == {"a.png"}
    assert str(kept.folder) not in json.dumps(document)


def test_it_is_carried_out_without_asking_and_again_costs_nothing(kept: Shop, call: Call) -> None:
    assert call("run", "--plan", "ok.json").code == 0
    assert kept.calls == 3
    assert len(kept.published()) == 3
    assert call("run", "--plan", "ok.json", "p.yaml").code == 0
    assert kept.calls == 3


def test_what_was_bought_since_is_not_bought_by_it(kept: Shop, call: Call) -> None:
    assert call("run", "p.yaml", "--until", "night").code == 0
    assert call("run", "--plan", "ok.json").code == 0
    assert kept.calls == 3


def test_it_holds_in_a_clone_and_from_another_folder(
    kept: Shop, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.commit()
    other = kept.clone("other")
    monkeypatch.chdir(other.folder.parent)
    said = call("run", "--plan", "other/ok.json")
    assert (said.code, kept.calls) == (0, 3), said.err
    assert len(other.published()) == 3


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("Make it", "Make it very", "night[time=dusk] asks flux-kontext for something else"),
        ("[dusk, dawn]", "[dusk, dawn, noon]", "night[time=noon] would call flux-kontext at scenario, which was not approved"),
        ("Add a lamp", "Add two lamps", "again asks flux-kontext for something else"),
        ("model: flux-kontext, image", "model: qwen-image-edit, image", "again would go to qwen-image-edit"),
    ],
)  # fmt: skip
def test_a_changed_text_is_refused_with_what_changed(
    kept: Shop, call: Call, old: str, new: str, told: str
) -> None:
    kept.write(RECIPE.replace(old, new))
    said = call("run", "--plan", "ok.json")
    assert (said.code, kept.calls) == (3, 0)
    assert told in said.err
    assert "p.yaml changed" in said.err


SAME = {
    "a remark": ("steps:", "# a remark\nsteps:"),
    "the path of an output": ("path: again.png", "path: lamp.png"),
    "the name of a step": ("again: {model", "lamp: {model"),
    "the order of fields": ("prompt: Add a lamp, seed: 3", "seed: 3, prompt: Add a lamp"),
    "a default": ("steps:", "defaults: {model: flux-kontext}\nsteps:"),
    "a step that costs nothing": ("width: 8}", "width: 9}"),
    "an output less": ('  small: {from: $small, path: "{time}.png"}\n', ""),
}


@pytest.mark.parametrize("is_begun", [False, True])
@pytest.mark.parametrize("what", SAME)
def test_what_asks_for_the_same_may_change(kept: Shop, call: Call, what: str, is_begun: bool) -> None:
    if is_begun:  # the key that was open is known by now
        assert call("run", "p.yaml", "--until", "night").code == 0
    old, new = SAME[what]
    text = RECIPE.replace(old, new)
    if what == "the name of a step":
        text = text.replace("$again", "$lamp")
    assert text != RECIPE
    kept.write(text)
    said = call("run", "--plan", "ok.json")
    assert said.code == 0, said.err
    assert kept.calls == (2 if what == "an output less" and not is_begun else 3)
    assert call("run", "p.yaml").code == 0
    assert kept.calls == (2 if what == "an output less" and not is_begun else 3)


def test_a_picture_may_move(kept: Shop, call: Call) -> None:
    (kept.folder / "a.png").rename(kept.folder / "b.png")
    kept.write(RECIPE.replace("a.png", "b.png"))
    said = call("run", "--plan", "ok.json")
    assert (said.code, kept.calls) == (0, 3), said.err


def test_an_open_key_is_held_to_what_it_asks_for(kept: Shop, call: Call) -> None:
    """Also where the picture that it waits for was made meanwhile."""
    assert call("run", "p.yaml", "--until", "night").code == 0
    for old, new in (("Add a lamp", "Add two lamps"), ("night[dusk]", "night[dawn]"), ("seed: 3", "seed: 4")):
        kept.write(RECIPE.replace(old, new))
        said = call("run", "--plan", "ok.json")
        assert (said.code, kept.calls) == (3, 2), new
        assert "again asks flux-kontext for something else" in said.err


def test_a_plan_that_does_not_say_what_is_asked_for_is_held_to_its_texts(kept: Shop, call: Call) -> None:
    document = json.loads((kept.folder / "ok.json").read_text())
    for one in document["purchases"]:
        one["meaning"] = None
    (kept.folder / "ok.json").write_text(json.dumps(document))
    kept.write(RECIPE.replace("steps:", "# a remark\nsteps:"))
    said = call("run", "--plan", "ok.json")
    assert (said.code, kept.calls, "p.yaml changed" in said.err) == (3, 0, True)
    kept.write(RECIPE)
    assert call("run", "--plan", "ok.json").code == 0


def test_a_changed_picture_is_refused(kept: Shop, call: Call) -> None:
    paint(kept.folder / "a.png", (1, 2, 3), size=(32, 24))
    said = call("run", "--plan", "ok.json")
    assert (said.code, kept.calls, "a.png is another picture" in said.err) == (3, 0, True)


def test_a_changed_price_is_refused(kept: Shop, call: Call) -> None:
    document = json.loads((kept.folder / "ok.json").read_text())
    for one in document["purchases"]:
        one["least"] = one["most"] = "0.001"
    (kept.folder / "ok.json").write_text(json.dumps(document))
    said = call("run", "--plan", "ok.json")
    assert (said.code, kept.calls) == (3, 0)
    assert "night[time=dusk] would cost" in said.err
    assert "not 0.001" in said.err


def test_more_than_was_approved_is_never_bought(kept: Shop, call: Call) -> None:
    assert call("run", "--plan", "ok.json", "--until", "night").code == 0
    said = call("run", "--plan", "ok.json", "--fresh", "small")
    assert (said.code, kept.calls) == (0, 3)
    call("plan", "p.yaml", "-o", "none.json")
    said = call("run", "--plan", "none.json", "--fresh", "night")
    assert (said.code, kept.calls) == (3, 3)
    assert "which was not approved" in said.err


def test_inputs_come_from_the_plan(shop: Shop, call: Call) -> None:
    paint(shop.folder / "b.png", (1, 2, 3), size=(32, 24))
    call("plan", "p.yaml", "-i", "photo=b.png", "-o", "b.json")
    said = call("run", "--plan", "b.json", "-i", "photo=a.png")
    assert (said.code, "leave out -i" in said.err) == (2, True)
    assert call("run", "--plan", "b.json").code == 0
    assert shop.calls == 3
    assert call("plan", "p.yaml", "-i", "photo=b.png").code == 0


@pytest.mark.parametrize(
    "text",
    ["", "[]", "[" * 100_000, "{}", '{"plan": 2}', '{"plan": 1, "purchases": [{}]}', "\x00", '{"plan": 1}'],
)
def test_what_is_no_plan_is_refused(shop: Shop, call: Call, text: str) -> None:
    (shop.folder / "x.json").write_text(text)
    said = call("run", "--plan", "x.json")
    assert (said.code, "is no plan" in said.err) == (2, True)


def test_a_plan_of_another_pipeline_or_none(kept: Shop, call: Call) -> None:
    (kept.folder / "q.yaml").write_text(RECIPE)
    assert "is the plan of p.yaml" in call("run", "q.yaml", "--plan", "ok.json").err
    assert "There is no plan no.json" in call("run", "--plan", "no.json").err
    assert "Name a pipeline file" in call("run").err
    assert "a plan is no pipeline" in call("plan", "p.yaml", "-o", "p.yaml").err
    assert (kept.folder / "p.yaml").read_text() == RECIPE

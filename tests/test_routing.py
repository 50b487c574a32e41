"""Routing: which way a step takes, what a list orders, who stands in, and why there is no way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

import pytest
from tests.workbench import Bench, loaded, shipped, written

from editchain.errors import ConfigurationError, PipelineError
from editchain.models import Catalogue, Life, Model
from editchain.plans.tasks import Way
from editchain.routing import Router

DAY = date(2026, 11, 22)
MODEL = "flux-kontext"


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Model:
    """A model with routes at four vendors of this version."""
    monkeypatch.setattr(
        "editchain.providers.PROVIDERS", dict.fromkeys(("one", "two", "three", "darkroom"), "x")
    )
    monkeypatch.setattr(
        "editchain.routing.PROVIDERS", dict.fromkeys(("one", "two", "three", "darkroom"), "x")
    )
    first = shipped().models[MODEL].routes[0]
    routes = tuple(replace(first, provider=name) for name in ("one", "two", "two", "three"))
    return replace(shipped().models[MODEL], routes=routes, prices=())


def router(model: Model, usable: Iterable[str], **routes: tuple[str, ...]) -> Router:
    catalogue = Catalogue({**shipped().models, model.name: model}, shipped().operations)
    said = {name.replace("_", "-"): names for name, names in routes.items()}
    return Router(said, catalogue, DAY, set(usable).__contains__)


def chosen(
    bench: Bench, found: Router, model: Model, more: str = "", *, providers: tuple[str, ...] = ()
) -> tuple[Way, list[str]]:
    """The way of a step, and the providers of it and of the others that follow; `providers` as if it named them."""
    text = f"steps: {{s: {{model: {MODEL}, image: a.png, prompt: Night{more}}}}}\n"
    step = loaded(written(bench.root, text)).steps[0]
    step.providers = step.providers or providers
    way = found.choose(step, model)
    return way, [
        one.route.provider for one in (way, *way.others) if one.route is not None and not one.problem
    ]


def test_without_a_word_the_first_of_the_document_that_has_a_credential(bench: Bench, model: Model) -> None:
    assert chosen(bench, router(model, ["three", "two"]), model)[1] == ["two"]
    assert chosen(bench, router(model, ["one"]), model)[1] == ["one"]


def test_a_list_is_an_order_to_fall_back_in(bench: Bench, model: Model) -> None:
    everything = ["one", "two", "three"]
    ordered = router(model, everything, flux_kontext=("three", "one"))
    assert chosen(bench, ordered, model)[1] == ["three", "one"]
    assert chosen(bench, ordered, model, providers=("two", "one"))[1] == ["two", "two", "one"]
    assert chosen(bench, ordered, model, providers=("one",))[1] == ["one"]
    assert chosen(bench, router(model, ["one"], default=("three", "one")), model)[1] == ["one"]


def test_a_vendor_that_ended_the_model_is_passed_over(bench: Bench, model: Model) -> None:
    ended = replace(model, life=Life(MODEL, retired={"one": DAY}, successor="gpt-image-2"))
    assert chosen(bench, router(ended, ["one", "three"]), ended)[1] == ["three"]
    soon = replace(model, life=Life(MODEL, retired={"one": date(2026, 11, 23)}))
    assert chosen(bench, router(soon, ["one", "three"]), soon)[1] == ["one"]


def test_where_no_route_is_left_the_successor_is_named(bench: Bench, model: Model) -> None:
    ended = replace(model, life=Life(MODEL, shut_down_on=DAY, successor="gpt-image-2"))
    way, _ = chosen(bench, router(ended, ["one"]), ended)
    assert way.problem == (
        "s: flux-kontext was shut down on 2026-11-22; its successor is gpt-image-2."
        " editchain migrate shows what becomes of the step."
    )


def test_a_provider_that_is_none_is_an_error_with_the_nearest(model: Model) -> None:
    with pytest.raises(ConfigurationError, match=r'\[routes\] .*no provider "tow".*two'):
        router(model, [], flux_kontext=("tow",))
    with pytest.raises(ConfigurationError, match=r'no model "flux-kontex"\. Did you mean "flux-kontext"'):
        router(model, [], flux_kontex=("two",))


# Standing in


STANDS_IN = '[routes]\ndefault = "darkroom"\n'
RECIPE = "steps: {s: {model: flux-kontext, image: a.png, prompt: %s, guidance: 4}}\n"


@pytest.fixture
def local(bench: Bench) -> Bench:
    """A workspace whose every model is stood in for on this machine."""
    (bench.root / "editchain.toml").write_text(STANDS_IN)
    return bench


def test_any_model_can_be_stood_in_for_here(local: Bench) -> None:
    code, _, messages = local.command("run", str(local.write(RECIPE % "make it black and white")))
    assert code == 0
    assert list(local.published()) == ["s.png"]
    assert "s: darkroom stands in for flux-kontext, as [routes] says; guidance change nothing." in messages


def test_the_stand_in_reads_the_prompt_when_the_file_is_checked(local: Bench) -> None:
    code, _, messages = local.command("validate", str(local.write(RECIPE % "put a hat on the cat")))
    assert code == 2
    assert "not-understood" in messages
    (local.root / "editchain.toml").write_text("")
    assert local.command("validate", str(local.write(RECIPE % "put a hat on the cat")))[0] == 0


def test_what_a_stand_in_makes_never_counts_as_the_models_own(local: Bench) -> None:
    file = local.write(RECIPE % "make it black and white")
    local.run(file)
    assert local.left(file) == 0
    (local.root / "editchain.toml").write_text("")
    assert local.left(file) == 1


def test_a_step_that_names_a_provider_of_its_own_is_not_stood_in_for(local: Bench) -> None:
    there = local.write((RECIPE % "put a hat on it").replace("guidance: 4", "provider: scenario"))
    assert "scenario" in str(local.plan(there).problems)
    none = local.write((RECIPE % "Night").replace("guidance: 4", "provider: darkroom"))
    with pytest.raises(PipelineError, match="flux-kontext is not offered by darkroom"):
        local.plan(none)


def test_of_several_routes_the_first_that_can_carry_what_the_step_says(bench: Bench) -> None:
    model = shipped().models[MODEL]
    concepts = ", concepts: [{model: style}]"
    found = router(model, ["fal", "bfl"])
    assert chosen(bench, found, model)[1] == ["bfl"]
    way, _ = chosen(bench, found, model, concepts)
    assert way.route is not None
    assert (way.route.id, way.problem) == ("fal-ai/flux-kontext-lora", None)


@pytest.mark.parametrize(
    ("said", "about"),
    [
        ("quality: low", "bfl (flux-kontext-pro) cannot be told quality: no field for it on this route"),
        ("concepts: [{model: m}]", "concepts: this route takes no concepts"),
        ("provider_options: {bfl: {webhook_url: x}}", "the vendor has no webhook_url for this model"),
    ],
)
def test_what_no_route_can_carry_is_said_before_anything_is_bought(
    bench: Bench, said: str, about: str
) -> None:
    model = shipped().models[MODEL]
    way, _ = chosen(bench, router(model, ["bfl"]), model, f", provider: bfl, {said}")
    assert way.problem is not None
    assert way.problem.startswith("s: ")
    assert about in way.problem


def test_a_route_has_to_carry_every_value_of_a_loop(bench: Bench) -> None:
    model = shipped().models[MODEL]
    found = router(model, ["bfl", "fal"])
    looped = ", aspect_ratio: $shape, for_each: {shape: ['1:1', SHAPE]}"
    assert chosen(bench, found, model, looped.replace("SHAPE", "'3:2'"))[1] == ["bfl"]
    way, _ = chosen(bench, router(model, ["fal"]), model, looped.replace("SHAPE", "'5:4'"))
    assert way.problem is not None
    assert 'aspect_ratio: "5:4" is none of' in way.problem
    assert chosen(bench, found, model, looped.replace("SHAPE", "'5:4'"))[1] == ["bfl"]


@pytest.mark.parametrize(
    "table", ["[limits.scenaro]\nconcurrency = 2", '[providers.scenaro]\ncredential = "env:A"']
)
def test_a_table_of_a_provider_that_is_none_is_an_error(bench: Bench, table: str) -> None:
    (bench.root / "editchain.toml").write_text(table)
    code, _, messages = bench.command("plan", str(bench.write(RECIPE % "Night")))
    assert code == 2
    assert 'no provider "scenaro". Did you mean "scenario"?' in messages


def test_a_model_without_a_route_says_so(bench: Bench) -> None:
    file = bench.write("steps: {s: {model: instruct-pix2pix, image: a.png, prompt: Night}}\n")
    assert bench.plan(file).problems == (
        "s: instruct-pix2pix cannot run: its document has no route, as no provider here serves it.",
    )


def test_a_model_that_is_gone_is_an_error_of_validate_and_its_pictures_stay_good(bench: Bench) -> None:
    file = bench.write("steps: {s: {model: gemini-2.0-flash, image: a.png, prompt: Night}}\n")
    code, _, messages = bench.command("validate", str(file))
    assert (code, "error: steps.s.model: gemini-2.0-flash was shut down" in messages) == (2, True)
    code, _, messages = bench.command("plan", str(file))
    assert (code, "warning: steps.s.model: gemini-2.0-flash was shut down" in messages) == (10, True)
    code, _, messages = bench.command("run", str(file))
    assert (code, "was shut down" in messages) == (2, True)

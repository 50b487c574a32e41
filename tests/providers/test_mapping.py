"""A route's field mapping: what would be sent is what the document says, for every model and route there is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import is_valid
from PIL import Image

from editchain.errors import TaskError
from editchain.models import Model, Route, catalogue
from editchain.providers import mapping
from editchain.providers.base import Blob, Request

CATALOGUE = catalogue()
EXAMPLES = Path(__file__).parent.parent / "models"
EVERY = [
    pytest.param(model, route, id=f"{model.name}-{route.provider}-{number}")
    for model in CATALOGUE.models.values()
    for number, route in enumerate(model.routes)
]


def blob(name: str, size: tuple[int, int] = (12, 8)) -> Blob:
    return Blob(name.encode(), name.encode, lambda: Image.new("RGB", size))


def name_of(found: Blob) -> str:
    return found.digest.decode()


def asked(model: Model, route: Route, fields: dict[str, Any], *, count: int = 1) -> Request:
    """A request as the engine makes it of a step's fields: defaults filled in, pictures and the seed apart."""
    images = {"image": (blob("a"),)}
    for name in (*model.image_fields, *model.image_list_fields):
        if name in fields and name != "image":
            given = fields[name] if isinstance(fields[name], list) else [fields[name]]
            images[name] = tuple(blob(f"{name}{number}") for number, _ in enumerate(given))
    said = {"prompt": "Night", **fields}
    plain = {**model.defaults, **said}
    seed = plain.pop(model.seeded, 77) if model.seeded else None
    for name in (*images, "num_samples"):
        plain.pop(name, None)
    return Request(
        model.name,
        route.id,
        plain,
        images,
        seed if isinstance(seed, int) else None,
        count,
        said=frozenset(said.keys() - images.keys() - {"num_samples"}),
    )


def sent(model: Model, route: Route, fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    return mapping.body(asked(model, route, fields, **more), route, name_of)


def at(body: dict[str, Any], name: str) -> Any:
    """What stands at a place of a body; None where nothing does."""
    found: Any = body
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def route_of(model: str, provider: str, endpoint: str | None = None) -> tuple[Model, Route]:
    found = CATALOGUE.models[model]
    return found, next(r for r in found.routes if (r.provider, r.endpoint) == (provider, endpoint))


def made(fields: dict[str, dict[str, Any]], **more: Any) -> Route:
    return Route("acme", "acme-1", {"image": {}, "prompt": {}, **fields}, 4, **more)


def ask(route: Route, said: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What is sent of a step's fields, by a route of no model that there is."""
    images = {"image": (blob("a", more.pop("size", (12, 8))),), **more.pop("images", {})}
    request = Request(
        "acme", "acme-1", {"prompt": "Night", **more.pop("defaults", {}), **said}, images,
        more.pop("seed", None), said=frozenset({"prompt", *said}), **more,
    )  # fmt: skip
    return mapping.body(request, route, name_of)


# Every model by every route


def places(model: Model, route: Route) -> list[str]:
    """Where the defaults of fields go that are sent when nobody says anything."""
    return [
        entry.get("to", name)
        for name, entry in route.fields.items()
        if name in model.defaults
        and "by" not in entry
        and not entry.keys() & {"refused", "ignored", "emulated"}
        and entry.get("values", {}).get(model.defaults[name], "sent") is not None
    ]


@pytest.mark.parametrize(("model", "route"), EVERY)
def test_no_two_defaults_go_to_one_place(model: Model, route: Route) -> None:
    assert len(places(model, route)) == len(set(places(model, route)))


@pytest.mark.parametrize(("model", "route"), EVERY)
def test_the_least_that_a_step_can_say_is_sent_by_every_route(model: Model, route: Route) -> None:
    body = sent(model, route, {})
    for name, entry in route.fields.items():
        value = {"image": "a", "prompt": "Night", **model.defaults}.get(name)
        place = at(body, entry.get("to", name))
        if value is None or entry.keys() & {"refused", "ignored", "emulated", "parts"} or "by" in entry:
            continue
        if not is_valid(entry.get("accepts", True), value):
            assert place is None, name
            continue
        if "values" in entry:
            value = entry["values"].get(value, value)
        if value is None:
            assert place is None or entry.get("to", name) in places(model, route), name
        else:
            assert value in place if isinstance(place, list) else place == value, name


@pytest.mark.parametrize(("model", "route"), EVERY)
def test_what_a_route_refuses_or_ignores_is_never_sent(model: Model, route: Route) -> None:
    body = sent(model, route, {})
    kept = {entry.get("to", name) for name, entry in route.fields.items() if "refused" not in entry}
    for name, entry in route.fields.items():
        if entry.keys() & {"refused", "ignored"} and name not in kept:
            assert at(body, name) is None, name


@pytest.mark.parametrize(("model", "route"), EVERY)
def test_a_field_that_is_refused_is_an_error_that_names_it(model: Model, route: Route) -> None:
    values = {"seed": 7, "references": ["b"], "mask": "m", "concepts": [{"model": "x"}], "size": [1024, 1024]}
    for name, entry in route.fields.items():
        if "refused" in entry:
            value = values.get(name, model.defaults.get(name, 0.5))
            with pytest.raises(TaskError, match=f"nothing was sent: {name}: ") as caught:
                sent(model, route, {name: value})
            assert entry["refused"] in str(caught.value)


@pytest.mark.parametrize(("model", "route"), EVERY)
def test_pictures_keep_their_order_and_lists_stay_lists(model: Model, route: Route) -> None:
    entry, image = route.fields.get("references", {"refused": ""}), route.fields["image"]
    if "refused" in entry:
        return
    body = sent(model, route, {"references": ["b"]})
    if "{n}" in entry.get("to", ""):
        assert at(body, entry["to"].replace("{n}", str(entry["at"]))) == "references0"
        return
    found = at(body, entry.get("to", "references"))
    assert isinstance(found, list)
    shared = image.get("to", "image") == entry.get("to", "references")
    assert [one for one in found if one != "Night"] == (["a"] if shared else []) + ["references0"]


@pytest.mark.parametrize(("model", "route"), EVERY)
def test_every_valid_example_is_sent_or_refused_by_name(model: Model, route: Route) -> None:
    for example in json.loads((EXAMPLES / f"{model.name}.json").read_text())["valid"]:
        try:
            body = sent(model, route, example, count=min(example.get("num_samples", 1), route.samples))
        except TaskError as error:
            named = [name for name in route.fields if f" {name}: " in str(error)]
            assert named or "both sent as" in str(error)
            told = mapping.objections(model, route, {"prompt": "Night", "image": "a", **example}, {})
            assert [name for name, _ in told if name] == named  # it is known before there is a picture
            assert all(reason in str(error) for _, reason in told)
        else:
            json.dumps(body)
            assert mapping.objections(model, route, {"prompt": "Night", "image": "a", **example}, {}) == []


@pytest.mark.parametrize(("model", "route"), [one for one in EVERY if one.values[1].samples > 1])
def test_the_number_of_pictures_is_always_said(model: Model, route: Route) -> None:
    place = route.fields["num_samples"]["to"]
    assert at(sent(model, route, {}), place) == 1
    assert at(sent(model, route, {}, count=3), place) == 3


# What the vendor's pages say, written by hand


def test_kontext_as_the_vendor_wants_it() -> None:
    model, route = route_of("flux-kontext", "scenario")
    said = {"references": ["b", "c"], "guidance": 5, "aspect_ratio": "16:9", "quality": "medium", "seed": 9}
    assert sent(model, route, said, count=2) == {
        "prompt": "Night",
        "referenceImages": ["a", "references0", "references1"],
        "guidanceScale": 5,
        "aspectRatio": "16:9",
        "quality": "medium",
        "seed": 9,
        "numOutputs": 2,
    }
    loras = {"concepts": [{"model": "model_style", "scale": 0.8}]}
    body = sent(model, route, loras)
    assert (body["loras"], body["lorasScale"]) == (["model_style"], [0.8])


def test_a_route_with_a_single_picture_sends_it_bare() -> None:
    model, route = route_of("qwen-image-edit", "scenario")
    body = sent(model, route, {"size": [512, 768]})
    assert (body["referenceImages"], body["width"], body["height"]) == ("a", 512, 768)


def test_a_quality_that_is_a_size_elsewhere() -> None:
    model, route = route_of("seedream-4", "scenario")
    assert sent(model, route, {"quality": "low"}) == {
        "prompt": "Night",
        "referenceImages": ["a"],
        "aspectRatio": "auto",
        "size": "1K",
    }


def test_our_default_is_sent_where_the_vendor_has_another() -> None:
    model, route = route_of("gpt-image-1", "scenario")
    assert sent(model, route, {})["inputFidelity"] == "low"


def test_a_table_in_which_another_field_chooses() -> None:
    model, route = route_of("seedream-4", "ark")
    assert sent(model, route, {"aspect_ratio": "16:9", "quality": "medium"})["size"] == "2848x1600"
    assert sent(model, route, {})["size"] == "4K"


# The words of a route, one by one


def test_dots_lead_into_objects() -> None:
    route = made({"guidance": {"to": "settings.deep.guidance"}}, send={"settings.watermark": False})
    body = ask(route, {"guidance": 3})
    assert body["settings"] == {"watermark": False, "deep": {"guidance": 3}}


def test_a_value_of_null_leaves_the_field_out() -> None:
    assert "shape" not in ask(made({"shape": {"values": {"auto": None}}}), {"shape": "auto"})
    assert ask(made({"shape": {"values": {"auto": None}}}), {"shape": "1:1"})["shape"] == "1:1"


@pytest.mark.parametrize(
    ("accepts", "value", "about"),
    [
        ({"enum": ["medium", "high"]}, "low", '"low" is none of medium, high'),
        ({"minimum": 1}, 0.5, "0.5 is less than the least of this route, 1"),
        ({"maximum": 4}, 5, "5 is more than the most of this route, 4"),
        ({"maxLength": 3}, "four", "4 characters are more than the 3"),
        ({"not": {"const": "auto"}}, "auto", '"auto" is not taken'),
    ],
)
def test_a_value_that_the_route_does_not_accept(accepts: dict[str, Any], value: Any, about: str) -> None:
    route = made({"shape": {"accepts": accepts}})
    with pytest.raises(TaskError, match=f"shape: {about}"):
        ask(route, {"shape": value})
    assert "shape" not in ask(route, {}, defaults={"shape": value})


def test_what_stands_in_for_an_unknown_value() -> None:
    route = made({"shape": {"accepts": {"enum": ["auto", "1:1"]}, "otherwise": "auto"}})
    assert ask(route, {"shape": "7:5"})["shape"] == "auto"
    route = made({"shape": {"values": {"auto": "match", "1:1": "square"}, "otherwise": "auto"}})
    assert ask(route, {"shape": "7:5"})["shape"] == "match"


def test_a_default_that_is_refused_is_left_out() -> None:
    route = made({"format": {"refused": "no field for it on this route"}})
    assert "format" not in ask(route, {}, defaults={"format": "png"})


def test_all_problems_are_named_at_once() -> None:
    route = made({"format": {"refused": "none"}, "quality": {"accepts": {"enum": ["high"]}}})
    with pytest.raises(TaskError, match=r"format: none; quality: .*high.*; sharpness: ") as caught:
        ask(route, {"format": "png", "quality": "low", "sharpness": 1})
    assert "acme" in str(caught.value)


def test_a_field_that_the_route_does_not_speak_of_is_not_dropped() -> None:
    with pytest.raises(TaskError, match="sharpness: the route acme-1 does not say"):
        ask(made({}), {"sharpness": 3})


def test_more_items_than_the_route_takes() -> None:
    route = made({"references": {"to": "pictures", "max_items": 1}})
    with pytest.raises(TaskError, match="references: 2 are more than the 1"):
        ask(route, {}, images={"references": (blob("b"), blob("c"))})


def test_parts_inside_an_object_of_the_vendor() -> None:
    concepts = {"to": "loras", "parts": {"model": {"to": "path"}, "scale": {}, "epoch": {"refused": "none"}}}
    size = {"to": "image_size", "parts": {"0": {"to": "width"}, "1": {"to": "height"}}}
    route = made({"concepts": concepts, "size": size})
    body = ask(route, {"concepts": [{"model": "m"}, {"model": "n", "scale": 1}], "size": [8, 6]})
    assert body["loras"] == [{"path": "m"}, {"path": "n", "scale": 1}]
    assert body["image_size"] == {"width": 8, "height": 6}
    with pytest.raises(TaskError, match="concepts: epoch: none"):
        ask(route, {"concepts": [{"model": "m", "epoch": "1"}]})


def test_lists_side_by_side_have_no_gaps() -> None:
    route = made({"concepts": {"parts": {"model": {"to": "loras"}, "scale": {"to": "lorasScale"}}}})
    with pytest.raises(TaskError, match="lorasScale is said of some of the concepts only"):
        ask(route, {"concepts": [{"model": "m"}, {"model": "n", "scale": 1}]})
    assert "lorasScale" not in ask(route, {"concepts": [{"model": "m"}, {"model": "n"}]})


@pytest.mark.parametrize(
    ("size", "sent_as"), [((300, 200), "1440:1080"), ((200, 200), "1080:1080"), ((90, 160), "1080:1920")]
)
def test_auto_is_the_nearest_ratio_where_the_vendor_has_no_auto(size: tuple[int, int], sent_as: str) -> None:
    _, route = route_of("runway-gen4-image", "scenario")
    shape = {"aspect_ratio": route.fields["aspect_ratio"]}
    assert ask(made(shape), {"aspect_ratio": "auto"}, size=size)["aspectRatio"] == sent_as
    assert ask(made(shape), {"aspect_ratio": "7:5"}, size=size)["aspectRatio"] == sent_as
    assert ask(made(shape), {"aspect_ratio": "9:16"}, size=size)["aspectRatio"] == "1080:1920"


def test_a_ratio_that_is_sent_as_a_size() -> None:
    model, route = route_of("gpt-image-2", "scenario")
    body = sent(model, route, {"aspect_ratio": "3:2"})
    assert (body["width"], body["height"]) == (1536, 1024)
    assert not sent(model, route, {}).keys() & {"width", "height", "aspect_ratio"}


def test_several_pictures_in_one_call_of_a_route_that_gives_one() -> None:
    model, route = route_of("seedream-4", "scenario")
    with pytest.raises(TaskError, match="num_samples: 3 pictures in one call"):
        sent(model, route, {}, count=3)


def test_an_emulation_that_nobody_knows_is_not_dropped() -> None:
    route = made({"glow": {"emulated": "by a miracle"}})
    with pytest.raises(TaskError, match="glow: this version does not bring it about"):
        ask(route, {"glow": 3})
    assert "glow" not in ask(route, {}, defaults={"glow": 1})


def test_options_go_along_and_may_not_be_fields_in_disguise() -> None:
    route = made({"num_samples": {"to": "settings.n"}, "guidance": {"refused": "none"}})
    body = ask(route, {}, options={"goFast": True, "settings": {"steps": 4}, "guidance": 2})
    assert body["settings"] == {"n": 1, "steps": 4}
    assert (body["goFast"], body["guidance"]) == (True, 2)
    with pytest.raises(TaskError, match=r"provider_options: settings\.n is what a field"):
        ask(route, {}, options={"settings": {"n": 9}})


def test_two_values_for_one_place_are_not_sent() -> None:
    route = made({"format": {"to": "modelId"}})
    request = Request(
        "acme", "acme-1", {"prompt": "x", "format": "png"}, {}, None, said=frozenset({"format"})
    )
    with pytest.raises(TaskError, match="both sent as modelId"):
        mapping.body(request, route, name_of, fixed={"modelId": "acme-1"})


def test_a_default_gives_way_to_what_the_step_says() -> None:
    route = made({"shape": {"to": "size"}, "pixels": {"to": "size"}})
    assert ask(route, {"pixels": "8x6"}, defaults={"shape": "auto"})["size"] == "8x6"
    assert ask(route, {"shape": "1:1"}, defaults={"pixels": "8x6"})["size"] == "1:1"


def test_auto_gives_way_to_what_the_step_says_elsewhere() -> None:
    route = made({"shape": {"to": "size"}, "pixels": {"to": "size", "joined": "x"}})
    assert ask(route, {"shape": "auto", "pixels": [8, 6]})["size"] == "8x6"
    assert ask(route, {"shape": "auto"})["size"] == "auto"


def test_a_list_that_is_sent_as_one_text() -> None:
    route = made({"pixels": {"to": "ratio", "joined": ":", "accepts": {"enum": [[8, 6]]}}})
    assert ask(route, {"pixels": [8, 6]})["ratio"] == "8:6"
    with pytest.raises(TaskError, match=r"pixels: \[6, 8\] is none of \[8, 6\], which this route takes"):
        ask(route, {"pixels": [6, 8]})


def test_a_seed_left_to_the_vendor_is_not_sent() -> None:
    route = made({"seed": {}})
    assert ask(route, {}, seed=5)["seed"] == 5
    assert "seed" not in ask(route, {}, seed=None)


def test_a_body_is_the_same_every_time() -> None:
    model, route = route_of("flux-kontext", "scenario")
    request = asked(model, route, {"references": ["b"], "seed": 3})
    first = json.dumps(mapping.body(request, route, name_of))
    assert json.dumps(mapping.body(replace(request), route, name_of)) == first

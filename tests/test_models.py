"""The catalogue and its documents: what models take, how routes send it, what the page says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from editchain import models, schemas
from editchain.errors import ConfigurationError
from editchain.models import Catalogue, Life, Model
from editchain.providers import PROVIDERS

HERE = Path(__file__).parent
CATALOGUE = models.catalogue()
PAGE = HERE.parent / "docs" / "models.md"
PROVIDERS_PAGE = HERE.parent / "docs" / "providers.md"
ENGINE = HERE.parent / "engine" / "editchain"
EXAMPLES = {path.stem: schemas.read(path) for path in sorted((HERE / "models").glob("*.json"))}
PLAIN = {"image": "a.png", "prompt": "Night"}


def examples(kind: str) -> list[Any]:
    return [
        pytest.param(name, example, id=f"{name}-{number}")
        for name, found in EXAMPLES.items()
        for number, example in enumerate(found.get(kind, []))
    ]


def step(name: str, fields: dict[str, Any], without: list[str] | None = None) -> dict[str, Any]:
    whole = {"model": name, **PLAIN, **fields}
    return {key: value for key, value in whole.items() if key not in (without or [])}


def second_opinion(name: str, fields: dict[str, Any]) -> tuple[bool, bool]:
    """Whether the pure Python validator finds an error, and whether it finds a warning."""
    model = CATALOGUE.models[name]
    warnings = model.document["x-editchain"].get("warnings", [])
    wrong = not jsonschema.Draft202012Validator(model.rules.schema).is_valid(fields)
    return wrong, any(jsonschema.Draft202012Validator(w["when"]).is_valid(fields) for w in warnings)


# What each model takes


def test_every_model_has_examples() -> None:
    assert set(EXAMPLES) == set(CATALOGUE.models)


@pytest.mark.parametrize(("name", "fields"), examples("valid"))
def test_valid_fields(name: str, fields: dict[str, Any]) -> None:
    whole = step(name, fields)
    assert CATALOGUE.models[name].rules.problems(whole) == []
    assert CATALOGUE.models[name].rules.is_valid(whole)
    assert second_opinion(name, whole) == (False, False)


@pytest.mark.parametrize(("name", "example"), examples("invalid"))
def test_invalid_fields(name: str, example: dict[str, Any]) -> None:
    whole = step(name, example["fields"], example.get("without"))
    errors = [p for p in CATALOGUE.models[name].rules.problems(whole) if p.severity == "error"]
    assert [(list(p.path), p.code) for p in errors] == [(example["path"], example["code"])]
    assert re.search(example["about"], f"{errors[0].message} {errors[0].suggestion}")
    assert not CATALOGUE.models[name].rules.is_valid(whole)
    assert second_opinion(name, whole)[0]


@pytest.mark.parametrize(("name", "example"), examples("beyond_schema"))
def test_invalid_fields_for_which_json_schema_has_no_words(name: str, example: dict[str, Any]) -> None:
    whole = step(name, example["fields"])
    (found,) = CATALOGUE.models[name].rules.problems(whole)
    assert (list(found.path), found.code, found.severity) == (example["path"], example["code"], "error")
    assert re.search(example["about"], found.message)
    assert not CATALOGUE.models[name].rules.is_valid(whole)
    assert second_opinion(name, whole) == (False, False)


@pytest.mark.parametrize(("name", "example"), examples("warned"))
def test_warned_fields(name: str, example: dict[str, Any]) -> None:
    whole = step(name, example["fields"])
    found = CATALOGUE.models[name].rules.problems(whole)
    assert [(list(p.path), p.severity) for p in found] == [(example["path"], "warning")]
    assert re.search(example["about"], found[0].message)
    assert not CATALOGUE.models[name].rules.is_valid(whole)
    assert second_opinion(name, whole) == (False, True)


@pytest.mark.parametrize("name", CATALOGUE.models)
def test_messages_speak_of_no_other_model(name: str) -> None:
    others = set(CATALOGUE.models) - {name} - set(re.findall(r"[\w.-]+", name))
    for example in EXAMPLES[name]["invalid"] + EXAMPLES[name]["warned"]:
        whole = step(name, example["fields"], example.get("without"))
        for found in CATALOGUE.models[name].rules.problems(whole):
            assert not others & set(re.findall(r"[\w.-]+", found.message + (found.suggestion or "")))


@pytest.mark.parametrize(
    "name", [n for n, m in CATALOGUE.models.items() if "maxLength" in str(m.document["properties"]["prompt"])]
)
def test_a_prompt_that_is_too_long_is_an_error(name: str) -> None:
    most = CATALOGUE.models[name].document["properties"]["prompt"]["maxLength"]
    rules = CATALOGUE.models[name].rules
    assert rules.is_valid(step(name, {"prompt": "x" * most}))
    found = rules.problems(step(name, {"prompt": "x" * (most + 1)}))
    assert [(p.path, p.code) for p in found] == [(("prompt",), "too-many")]


# The rules that the project began with, in one table: references, seed, guidance, mask

SEED = [
    ("gemini-2.0-flash", 5, set()),
    ("gemini-2.5-flash", 5, set()),
    ("gpt-image-1", 5, {"mask", "quality", "format", "compression", "input_fidelity"}),
    ("flux-kontext", 3, {"seed", "guidance", "strength", "concepts", "quality"}),
    ("runway-gen4-image", 2, {"quality"}),
    ("seedream-4", 13, {"quality"}),
]
OWN_TO_SOME = {
    "seed",
    "guidance",
    "strength",
    "concepts",
    "quality",
    "format",
    "compression",
    "input_fidelity",
}


@pytest.mark.parametrize(("name", "references", "own"), SEED)
def test_the_models_that_the_project_began_with(name: str, references: int, own: set[str]) -> None:
    model = CATALOGUE.models[name]
    assert model.document["properties"]["references"]["maxItems"] == references
    assert set(model.document["properties"]) & OWN_TO_SOME == own - {"mask"}
    assert model.rules.is_valid(step(name, {"mask": "m.png"})) == ("mask" in own)
    assert model.seeded == ("seed" if "seed" in own else None)


# Routes


def routes() -> list[Any]:
    return [
        pytest.param(model, route, id=f"{model.name}-{route.provider}-{number}")
        for model in CATALOGUE.models.values()
        for number, route in enumerate(model.routes)
    ]


@pytest.mark.parametrize(("model", "route"), routes())
def test_a_route_says_of_every_field_how_it_is_sent(model: Model, route: models.Route) -> None:
    assert list(route.fields) == list(model.document["properties"])


@pytest.mark.parametrize(("model", "route"), routes())
def test_a_limit_says_what_becomes_of_a_picture_beyond_it(model: Model, route: models.Route) -> None:
    image = route.limits.get("image", {})
    if image.keys() & {"max_bytes", "max_pixels", "max_side"}:
        assert image["too_large"] in ("scale", "refuse")


@pytest.mark.parametrize(("model", "route"), routes())
def test_what_a_route_ignores_or_replaces_has_a_warning(model: Model, route: models.Route) -> None:
    warned = {warning["field"] for warning in model.document["x-editchain"].get("warnings", [])}
    assert {name for name, sent in route.fields.items() if sent.keys() & {"ignored", "otherwise"}} <= warned


@pytest.mark.parametrize(("model", "route"), routes())
def test_a_route_speaks_of_values_that_the_model_has(model: Model, route: models.Route) -> None:
    properties = model.rules.schema["properties"]
    for name, sent in route.fields.items():
        known = jsonschema.Draft202012Validator(properties[name])
        assert all(known.is_valid(value) for value in sent.get("values", {})), name
        assert all(known.is_valid(value) for value in sent.get("accepts", {}).get("enum", [])), name
        assert "otherwise" not in sent or known.is_valid(sent["otherwise"])
        assert sent.get("by", name) in properties
        if "accepts" in sent:
            jsonschema.Draft202012Validator.check_schema(sent["accepts"])


@pytest.mark.parametrize(("model", "route"), routes())
def test_a_route_sends_the_defaults_that_it_does_not_refuse(model: Model, route: models.Route) -> None:
    for name, value in model.defaults.items():
        accepts = route.fields[name].get("accepts")
        if accepts is not None and "by" not in route.fields[name]:
            fits = jsonschema.Draft202012Validator(accepts).is_valid(value)
            assert fits or value == "auto", (name, value)


@pytest.mark.parametrize(
    "model", [model for model in CATALOGUE.models.values() if model.routes], ids=lambda model: model.name
)
def test_some_route_carries_every_field(model: Model) -> None:
    for name in model.document["properties"]:
        assert any("refused" not in route.fields[name] for route in model.routes), name


@pytest.mark.parametrize("model", CATALOGUE.models.values(), ids=lambda model: model.name)
def test_prices_are_those_of_routes_and_in_order(model: Model) -> None:
    providers = {route.provider for route in model.routes}
    for price in model.prices:
        assert price.route in providers
        assert Decimal(0) < price.least <= price.most


@pytest.mark.parametrize("model", CATALOGUE.models.values(), ids=lambda model: model.name)
def test_a_price_for_some_fields_lies_within_the_one_that_holds_in_general(model: Model) -> None:
    for price in model.prices:
        if price.when is not None:
            general = model.price(price.route)
            assert general is not None
            assert price.is_foreseen
            assert general.least <= price.least <= price.most <= general.most
            assert set(model.price_fields(price.route)) <= set(model.document["properties"])
            assert model.prices.index(price) < model.prices.index(general)


def test_a_price_goes_by_the_fields_of_the_step() -> None:
    model = CATALOGUE.models["gpt-image-2"]

    def cost(**fields: object) -> tuple[Decimal, Decimal]:
        price = model.price("openai", {**model.defaults, **fields})
        assert price is not None
        return price.least, price.most

    assert cost() == cost(quality="auto") == (Decimal("0.002"), Decimal("0.72"))
    assert cost(quality="low", aspect_ratio="1:1") == (Decimal("0.004"), Decimal("0.006"))
    assert cost(quality="low", aspect_ratio="1:1", size=[3840, 2160]) == (Decimal("0.002"), Decimal("0.02"))
    assert cost(quality="high", size=[3840, 2160]) == (Decimal("0.061"), Decimal("0.72"))
    assert model.price("nobody") is None


def test_a_price_is_read_exactly() -> None:
    price = CATALOGUE.models["gpt-image-1"].price("openai")
    assert price is not None
    assert (price.least, price.most, price.currency) == (Decimal("0.011"), Decimal("0.25"), "USD")


# The catalogue


def test_names_are_listed_without_reading_a_document(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("not JSON")
    found = models.catalogue(tmp_path)
    assert "broken" in found.models
    assert {"broken", "darkroom"} <= set(found.models)
    assert len(found.models) == len(CATALOGUE.models) + 1
    with pytest.raises(ConfigurationError, match=r"broken\.json:1:1 "):
        found.models["broken"]


def test_a_name_that_is_not_there_is_a_key_error() -> None:
    assert "sepia-9000" not in CATALOGUE.models
    assert CATALOGUE.models.get("sepia-9000") is None
    with pytest.raises(KeyError):
        CATALOGUE.models["sepia-9000"]


def test_a_document_is_read_once() -> None:
    assert CATALOGUE.models["darkroom"] is CATALOGUE.models["darkroom"]


def test_what_is_known_of_a_model() -> None:
    model = CATALOGUE.models["darkroom"]
    assert (model.version, model.deterministic, model.seeded, model.checked_by) == (
        "6",
        True,
        "seed",
        "darkroom",
    )
    assert model.image_fields == ("image", "mask")
    assert model.image_list_fields == ("references",)
    assert model.defaults == {"strength": 1, "aspect_ratio": "auto"}
    assert [(route.provider, route.id, route.samples) for route in model.routes] == [
        ("darkroom", "darkroom-1", 1)
    ]


def test_num_samples_never_has_a_default() -> None:
    # Written, it adds a dimension even for 1; a default would add one to every step.
    assert not [name for name, model in CATALOGUE.models.items() if "num_samples" in model.defaults]


def test_what_is_known_of_an_operation() -> None:
    operation = CATALOGUE.operations["contact_sheet"]
    assert operation.image_list_fields == ("images",)
    assert operation.behaviour >= 1
    assert CATALOGUE.operations["composite"].image_fields[:2] == ("image", "overlay")


@pytest.mark.parametrize("name", CATALOGUE.operations)
def test_the_example_of_an_operation_is_right(name: str) -> None:
    operation = CATALOGUE.operations[name]
    example = operation.document["x-editchain"]["example"]
    given = {field: [value] if str(value).endswith(".*") else value for field, value in example.items()}
    assert operation.rules.problems(given) == []


# A workspace's own models


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Path]:
    text = (schemas.folder() / "models" / "flux-kontext.json").read_text()
    (tmp_path / "mine.json").write_text(text.replace("flux-kontext", "mine"))
    yield tmp_path


def test_a_workspace_adds_a_model_by_adding_a_document(own: Path) -> None:
    found = models.catalogue(own)
    assert found.models["mine"].rules.is_valid(step("mine", {"seed": 4}))
    assert (
        found.models["mine"].rules.problems(step("mine", {"sead": 4}))[0].message
        == 'mine has no field "sead".'
    )
    assert set(found.models) == {*CATALOGUE.models, "mine"}


def test_a_workspace_model_of_a_known_name_is_an_error(own: Path) -> None:
    (own / "mine.json").rename(own / "darkroom.json")
    with pytest.raises(ConfigurationError, match=r"darkroom\.json:1:1 .*darkroom"):
        models.catalogue(own)


def test_a_folder_that_is_not_there_adds_nothing(tmp_path: Path) -> None:
    assert set(models.catalogue(tmp_path / "models").models) == set(CATALOGUE.models)


@pytest.mark.parametrize(
    ("old", "new", "about"),
    [
        ('"deterministic": false', '"deterministic": "no"', '"no" is not true or false'),
        ('"version": "1"', '"version": 1', "1 is not text"),
        ('"min": "11"', '"min": 11.5', "11.5 is not text"),
        ('"min": "11"', '"min": "1,1"', "no amount"),
        ('"date": "2026-11-22"', '"date": "22.11.2026"', "no day"),
        ('"samples": 4', '"sample": 4', "sample"),
        ('"type": "number"', '"type": "nummer"', "nummer"),
        ('"kind": "model"', '"kind": "operation"', "model"),
        ('"required": ["image", "prompt"]', '"required": ["image"]', "required"),
        ('"required": ["image", "prompt"]', '"additionalProperties": false', "additionalProperties"),
    ],
)
def test_a_wrong_document_is_an_error_at_its_place(own: Path, old: str, new: str, about: str) -> None:
    text = (own / "mine.json").read_text()
    assert old in text
    (own / "mine.json").write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigurationError) as caught:
        models.catalogue(own).models["mine"]
    places = re.findall(r"mine\.json:(\d+):\d+  ", str(caught.value))
    line = text[: text.index(old)].count("\n") + 1
    assert about in str(caught.value)
    assert str(line) in places


# The life of a model

DAY = date(2026, 10, 23)


@pytest.mark.parametrize(
    ("life", "today", "sentence"),
    [
        (Life("m"), DAY, None),
        (Life("m", note="Called legacy."), DAY, None),
        (
            Life("m", retired={"openai": DAY}, successor="n"),
            DAY,
            "m was shut down at openai on 2026-10-23; its successor is n.",
        ),
        (
            Life("m", retired={"openai": DAY}, successor="n"),
            DAY - timedelta(1),
            "m will be shut down at openai on 2026-10-23; its successor is n.",
        ),
        (Life("m", shut_down_on=DAY), DAY, "m was shut down on 2026-10-23; no successor is named."),
        (
            Life("m", retired={"a": DAY, "b": DAY + timedelta(9)}, successor="n"),
            DAY,
            "m was shut down at a on 2026-10-23 and will be shut down at b on 2026-11-01;"
            " its successor is n.",
        ),
        (
            Life("m", retired={"a": DAY}, shut_down_on=DAY + timedelta(9), successor="n"),
            DAY,
            "m will be shut down on 2026-11-01; its successor is n.",
        ),
    ],
)
def test_the_end_of_a_model_is_a_sentence(life: Life, today: date, sentence: str | None) -> None:
    assert life.problem(today) == sentence


def test_a_successor_is_in_the_catalogue() -> None:
    named = {model.life.successor for model in CATALOGUE.models.values()} - {None}
    assert named <= set(CATALOGUE.models)


# Nothing in the engine names a model

# The embedded model's own modules, and the two commands that use it where nobody says which.
AT_HOME = (
    "darkroom/",
    "providers/darkroom.py",
    "providers/__init__.py",
    "commands/edit.py",
    "commands/init.py",
    "imaging/extra.py",  # the extra has the same name
)


@pytest.mark.parametrize(
    "path", sorted(ENGINE.rglob("*.py")), ids=lambda path: path.relative_to(ENGINE).as_posix()
)
def test_no_module_names_a_model(path: Path) -> None:
    text = path.read_text()
    others = [name for name in CATALOGUE.models if name != "darkroom" and name in text]
    assert others == []
    if not path.relative_to(ENGINE).as_posix().startswith(AT_HOME):
        assert not re.search(r"""["']darkroom["']""", text)


# The page


def table(found: Catalogue) -> str:
    """The table of models and what each takes beside a picture, as the page has it."""
    rows = ["| model | fields |", "|---|---|"]
    for model in found.models.values():
        cells = [_cell(model, name) for name in model.document["properties"] if name != "image"]
        rows.append(f"| `{model.name}` | {' · '.join(cells)} |")
    return "\n".join(rows)


def _cell(model: Model, name: str) -> str:
    rule = model.document["properties"][name]
    warnings = [w for w in model.document["x-editchain"].get("warnings", []) if w["field"] == name]
    if any(set(warning["when"]) == {"required"} for warning in warnings):
        return f"`{name}` *ignored*"
    known = [value for warning in warnings for value in _known(warning, name)]
    parts = [_limits(rule, known)]
    if "default" in rule:
        parts.append(f"default {json.dumps(rule['default']).strip(chr(34))}")
    return " ".join([f"`{name}`", ", ".join(part for part in parts if part)]).strip()


def _known(warning: dict[str, Any], name: str) -> list[str]:
    found: list[str] = warning["when"].get("properties", {}).get(name, {}).get("not", {}).get("enum", [])
    return found


def _limits(rule: dict[str, Any], known: list[str]) -> str:
    if rule.get("minItems") == 2:
        choice = f"one of {len(rule['enum'])}, " if "enum" in rule else ""
        return f"[width, height], {choice}{rule['items']['minimum']}–{rule['items']['maximum']}"
    if known or "enum" in rule:
        return " ".join(known or rule["enum"])
    if "maxItems" in rule:
        return f"up to {rule['maxItems']}"
    if "maxLength" in rule:
        return f"up to {rule['maxLength']} characters"
    if "maximum" in rule:
        return f"{rule['minimum']}–{rule['maximum']}" + (" or random" if "string" in rule["type"] else "")
    return f"from {rule['minimum']}" if "minimum" in rule else ""


def lives(found: Catalogue) -> str:
    """The table of routes, prices and ends, as the page has it."""
    rows = ["| model | routes, in the order they are tried | price | end |", "|---|---|---|---|"]
    for model in found.models.values():
        ways = [f"{r.provider} `{r.id}`" + (f" ({r.endpoint})" if r.endpoint else "") for r in model.routes]
        unpriced = "free" if model.routes and all(route.free for route in model.routes) else "unknown"
        prices = "<br>".join(_price(price) for price in model.prices if price.when is None) or unpriced
        rows.append(f"| `{model.name}` | {'<br>'.join(ways)} | {prices} | {_end(model.life)} |")
    return "\n".join(rows)


def _price(price: models.Price) -> str:
    amount = f"{price.least}–{price.most}" if price.least != price.most else f"{price.least}"
    return f"{price.route} {amount} {price.currency} per {price.per} ({price.date})"


def _end(life: Life) -> str:
    days = (
        [str(life.shut_down_on)]
        if life.shut_down_on
        else [f"{day} at {at}" for at, day in life.retired.items()]
    )
    return "; ".join([*days, f"then `{life.successor}`"] if life.successor else days) or "–"


def page(text: str) -> str:
    """The page with its two tables made anew."""
    for name, made in (("fields", table(CATALOGUE)), ("routes", lives(CATALOGUE))):
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        head, _, rest = text.partition(begin)
        text = f"{head}{begin}\n{made}\n{end}{rest.partition(end)[2]}"
    return text


MARKS = {"": "yes", "emulated": "≈", "ignored": "ignored", "refused": "–"}


def sending(found: Catalogue) -> str:
    """The table of routes and fields, as the page of providers has it."""
    names = list(
        dict.fromkeys(name for model in found.models.values() for name in model.document["properties"])
    )
    rows = [
        f"| model | route | {' | '.join(f'`{name}`' for name in names)} |",
        "|---" * (len(names) + 2) + "|",
    ]
    for model in found.models.values():
        for route in model.routes:
            way = route.provider + (f" ({route.endpoint})" if route.endpoint else "")
            cells = [_sent(route, name) for name in names]
            rows.append(f"| `{model.name}` | {way} `{route.id}` | {' | '.join(cells)} |")
        if not model.routes:
            cells = ["none" if name in model.document["properties"] else "" for name in names]
            rows.append(f"| `{model.name}` | no route yet | {' | '.join(cells)} |")
    return "\n".join(rows)


def _sent(route: models.Route, name: str) -> str:
    entry = route.fields.get(name)
    if entry is None:
        return ""
    if mark := next((MARKS[word] for word in ("emulated", "ignored", "refused") if word in entry), ""):
        return mark
    return "some" if {"accepts", "max_items", "otherwise"} & entry.keys() else MARKS[""]


def providers_page(text: str) -> str:
    """The page of providers with its table made anew."""
    begin, end = "<!-- sending -->", "<!-- end of sending -->"
    head, _, rest = text.partition(begin)
    return f"{head}{begin}\n{sending(CATALOGUE)}\n{end}{rest.partition(end)[2]}"


def test_the_page_of_providers_has_the_table_of_routes_and_fields() -> None:
    text = PROVIDERS_PAGE.read_text()
    assert providers_page(text) == text, "write it anew with: python tests/test_models.py"


def test_a_route_leads_to_a_provider_of_this_version() -> None:
    named = {route.provider for model in CATALOGUE.models.values() for route in model.routes}
    assert named <= PROVIDERS.keys()


def test_the_page_has_the_tables_of_the_catalogue() -> None:
    assert page(PAGE.read_text()) == PAGE.read_text(), "write them anew with: python tests/test_models.py"


def test_the_page_explains_every_word_of_a_route() -> None:
    meta = json.loads((schemas.folder() / "meta" / "model.schema.json").read_text())
    explained = ("sending", "route", "image_limits", "mask_limits", "request_limits")
    for word in [word for kind in explained for word in meta["$defs"][kind]["properties"]]:
        assert f"`{word}`" in PAGE.read_text(), word


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
    PROVIDERS_PAGE.write_text(providers_page(PROVIDERS_PAGE.read_text()))

"""Models as Scenario's clients read them: records with `inputs`, derived from the models' documents. Pure."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from editchain import schemas
from editchain.models import Route

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from editchain.models import Catalogue, Model

SCENARIO, LEGACY = "scenario", "prompt-editing"
MOST_SAMPLES = 10
"""How many pictures one request may ask for where the route does not say."""

_OWN_NAMES = {"references": "referenceImages", "num_samples": "numOutputs"}


class Offer(NamedTuple):
    """A model under an id, and the route that says what its fields are called there."""

    id: str
    model: Model
    route: Route


def offers(catalogue: Catalogue) -> dict[str, Offer]:
    """Every model by the id that clients know it by: Scenario's own where it has one, else `model_NAME`."""
    found = {}
    for model in catalogue.models.values():
        routes = [one for one in model.routes if one.provider == SCENARIO and one.endpoint is None]
        for route in routes or [_plain(model)]:
            found[route.id] = Offer(route.id, model, route)
    return found


def legacy(catalogue: Catalogue, name: str) -> Offer:
    """A model of the deprecated endpoint, with what its fields are called there."""
    model = catalogue.models[name]
    route = next((one for one in model.routes if one.provider == SCENARIO and one.endpoint == LEGACY), None)
    return Offer(name, model, route or _plain(model))


@cache
def legacy_body() -> Mapping[str, Any]:
    """The fields of a request to the deprecated endpoint, each with its rules and what it means where it is not said."""
    properties: Mapping[str, Any] = schemas.read(schemas.folder() / "server" / "prompt-editing.json")[
        "properties"
    ]
    return properties


def _plain(model: Model) -> Route:
    """A route that calls every field by its own name, as Scenario writes names."""
    properties = model.document["properties"]
    fields = {name: {"to": _OWN_NAMES.get(name, _camel(name))} for name in properties}
    return Route(SCENARIO, f"model_{model.name}", fields, 1)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def record(offer: Offer, *, with_inputs: bool) -> dict[str, Any]:
    """The record of a model."""
    document = offer.model.document
    made: dict[str, Any] = {
        "id": offer.id, "name": document.get("title", offer.model.name), "type": "custom", "custom": True,
        "shortDescription": document.get("description", ""), "status": "trained", "privacy": "public",
        "capabilities": ["img2img"], "tags": [offer.model.name], "source": "other", "trainingImagesNumber": 0,
        "collectionIds": [], "exampleAssetIds": [], "accessRestrictions": 0,
        "createdAt": "2026-01-01T00:00:00.000Z", "updatedAt": "2026-01-01T00:00:00.000Z",
    }  # fmt: skip
    return made | {"inputs": list(inputs(offer))} if with_inputs else made


def inputs(offer: Offer) -> Iterator[dict[str, Any]]:
    """What clients may send: one entry for each name, in the order of the document."""
    document = offer.model.document
    required = set(document.get("required", ()))
    properties: Mapping[str, Any] = document["properties"]
    entries = {
        name: entry for name, entry in offer.route.fields.items() if not entry.keys() & {"refused", "ignored"}
    }
    told: set[str] = set()
    for name, entry in entries.items():
        rules = properties.get(name, {})
        if "parts" in entry and "to" not in entry:
            for one in _parts(name, entry, rules):
                if one["name"] not in told:
                    told.add(one["name"])
                    yield one
            continue
        to = entry.get("to", name)
        if to in told:
            continue
        told.add(to)
        sharing = [other for other, said in entries.items() if said.get("to", other) == to]
        yield _input(offer, to, sharing, rules, entry, is_required=bool(required & set(sharing)))


def is_sent(entry: Mapping[str, Any]) -> bool:
    """Whether a field is something that clients send: not what the route refuses, ignores, or brings about by itself."""
    return not entry.keys() & {"refused", "ignored"} and not (
        "emulated" in entry and not entry.keys() & {"to", "values"}
    )


def _input(
    offer: Offer,
    to: str,
    names: list[str],
    rules: Mapping[str, Any],
    entry: Mapping[str, Any],
    *,
    is_required: bool,
) -> dict[str, Any]:
    model = offer.model
    made: dict[str, Any] = {"name": to, "label": to, "description": rules.get("description", "")}
    pictures = set(model.image_fields) | set(model.image_list_fields)
    name = names[0]
    if name in pictures:
        is_list = "at" in entry or name in model.image_list_fields or len(names) > 1
        made |= {"type": "file_array" if is_list else "file", "kind": "image"}
        most = sum(_most_pictures(model, one) for one in names)
        if is_list and most < 1000:
            made["maxLength"] = most
    elif name == "concepts":
        made["type"] = "inputs_array"
    else:
        made |= _scalar(rules, entry)
        if name == "num_samples":
            made |= {"max": offer.route.samples if offer.route.samples > 1 else MOST_SAMPLES}
        if name in model.defaults:
            made["default"] = _sent(entry, model.defaults[name])
    if name == "prompt":
        made["prompt"] = True
    return made | {"required": {"always": True}} if is_required else made


def _most_pictures(model: Model, name: str) -> int:
    if name in model.image_fields:
        return 1
    most = model.document["properties"][name].get("maxItems")
    return 1000 if most is None else int(most)


def _scalar(rules: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    types = rules.get("type", "string")
    kinds = [types] if isinstance(types, str) else list(types)
    made: dict[str, Any] = {"type": "string"}
    if {"integer", "number"} & set(kinds):
        made = {"type": "number"}
        least, most = rules.get("minimum"), rules.get("maximum")
        accepts = entry.get("accepts", {})
        made |= {"min": accepts.get("minimum", least)} if least is not None else {}
        made |= {"max": accepts.get("maximum", most)} if most is not None else {}
        made |= {"step": 1} if "integer" in kinds else {}
    elif kinds == ["boolean"]:
        made = {"type": "boolean"}
    choices = entry.get("accepts", {}).get("enum") or rules.get("enum")
    if choices and made["type"] == "string":
        made["allowedValues"] = [_sent(entry, one) for one in choices]
    if "maxLength" in rules and made["type"] == "string":
        made["maxLength"] = rules["maxLength"]
    return made


def _sent(entry: Mapping[str, Any], value: Any) -> Any:
    """A value as the route spells it."""
    values = entry.get("values", {})
    return values.get(value, value) if isinstance(value, str) else value


def _parts(name: str, entry: Mapping[str, Any], rules: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Inputs that together make one field of ours: width and height, or adapters with their scales."""
    _ = rules
    for part, said in entry["parts"].items():
        if "refused" in said:
            continue
        to = said.get("to", part)
        if name == "size":
            yield {"name": to, "label": to, "type": "number", "min": 16, "max": 16384, "step": 1}
        elif part == "model":
            yield {"name": to, "label": to, "type": "model_array"}
        else:
            yield {"name": to, "label": to, "type": "number_array", "min": 0, "max": 2}

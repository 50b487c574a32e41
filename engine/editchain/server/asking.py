"""From a request's body to a wish: what one job is to do, in the engine's own words. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from editchain.diagnostics import one_of
from editchain.server.describing import inputs, is_sent, legacy_body

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from editchain.server.describing import Offer

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,), "number": (int, float), "boolean": (bool,), "file": (str,), "model": (str,), "inputs": (dict,),
}  # fmt: skip


class Refusal(Exception):
    """A request that is not taken: the HTTP status, and why, in the words of `reason`."""

    def __init__(self, status: int, reason: str, **more: Any) -> None:
        self.status = status
        self.reason = reason
        self.more = more
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a job is to do. Pictures are as the request names them (asset ids, data URLs, addresses) until they are digests."""

    model: str
    image: str | None
    references: tuple[str, ...]
    mask: str | None
    fields: Mapping[str, Any]

    def document(self) -> dict[str, Any]:
        """The wish as JSON."""
        return asdict(self)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Wish:
        """The wish in a JSON document."""
        return cls(**{**document, "references": tuple(document["references"])})


def legacy_wish(offer: Offer, body: Mapping[str, Any]) -> Wish:
    """What a request to the deprecated endpoint asks for, its rules and fall-backs applied. Raises Refusal."""
    _refuse_unknown(body, legacy_body())
    for name in ("image", "prompt"):
        if body.get(name) in (None, ""):
            raise Refusal(400, f"Input {name} is required")
    known = {entry.get("to", name): name for name, entry in offer.route.fields.items()}
    given: dict[str, Any] = {}
    for name, value in body.items():
        if name == "modelId" or value is None:
            continue
        own = known.get(name)
        if own is None or "refused" in offer.route.fields[own]:
            if not _is_default(name, value):
                raise Refusal(400, f"Input {name} is not available for the {offer.model.name} model")
        elif "ignored" not in offer.route.fields[own]:
            given[own] = _renamed(value, offer.route.fields[own])
    _check_references(offer, given)
    ratio = given.get("aspect_ratio")
    if ratio is not None and not _takes(offer, "aspect_ratio", ratio):
        given["aspect_ratio"] = "auto"
    return _wish(offer, given)


def offer_name(body: Mapping[str, Any]) -> str:
    """The model that a request to the deprecated endpoint names, or the one that it means. Raises Refusal."""
    rules = legacy_body()["modelId"]
    name = body.get("modelId") or rules["default"]
    if name not in rules["enum"]:
        raise Refusal(400, f"Invalid model(s): {name}.\nAllowed model types: {', '.join(rules['enum'])}")
    return str(name)


def legacy_defaults() -> dict[str, Any]:
    """What a request to the deprecated endpoint means where it does not say anything."""
    return {name: rules["default"] for name, rules in legacy_body().items() if "default" in rules}


def custom_wish(offer: Offer, body: Mapping[str, Any]) -> Wish:
    """What a request to a model's own endpoint asks for. Raises Refusal."""
    described = {one["name"]: one for one in inputs(offer)}
    _refuse_unknown(body, described)
    given = {name: value for name, value in body.items() if value is not None}
    for name, one in described.items():
        if one.get("required", {}).get("always") is True and given.get(name) in (None, "", []):
            raise Refusal(400, f"Input {name} is required")
    for name, value in given.items():
        _check(described[name], value)
    return _wish(offer, dict(_own_fields(offer, given)))


# ---------------------------------------------------------------------- checks


def _refuse_unknown(body: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    unknown = [name for name in body if name not in known]
    if unknown:
        raise Refusal(400, f"Input {unknown[0]} is not allowed. There is {one_of(known)}.")


def _is_default(name: str, value: Any) -> bool:
    rules = legacy_body()[name]
    return "default" in rules and bool(value == rules["default"])


def _check_references(offer: Offer, given: Mapping[str, Any]) -> None:
    references = given.get("references", [])
    if not isinstance(references, list) or not all(isinstance(one, str) for one in references):
        raise Refusal(400, "Input referenceImages must be an array of strings")
    most = offer.model.document["properties"].get("references", {}).get("maxItems")
    if given.get("concepts") and references:
        raise Refusal(400, "Input referenceImages must be at most 0 items long")
    if most is not None and len(references) > most:
        raise Refusal(400, f"Input referenceImages must be at most {most} items long")


def _takes(offer: Offer, name: str, value: Any) -> bool:
    """Whether a model's document takes a value as it is, without falling back to another."""
    rules = offer.model.document["properties"][name]
    choices: Sequence[str] | None = rules.get("enum")
    if choices is None:
        choices = next(
            (
                entry["accepts"]["enum"]
                for route in offer.model.routes
                if (entry := route.fields.get(name, {})).get("accepts", {}).get("enum")
            ),
            None,
        )
    return choices is None or (isinstance(value, str) and value in list(choices))


def _check(one: Mapping[str, Any], value: Any) -> None:
    name, kind = one["name"], one["type"].removesuffix("_array")
    is_array = one["type"].endswith("_array")
    if isinstance(value, list) != is_array:
        raise Refusal(400, f"Input {name} must be {'an array' if is_array else f'a {kind}'}")
    values = value if is_array else [value]
    for item in values:
        if not isinstance(item, _TYPES[kind]) or (isinstance(item, bool) and kind != "boolean"):
            raise Refusal(400, f"Input {name} must be {'an array of ' + kind if is_array else f'a {kind}'}")
        if kind == "number":
            _check_number(one, item)
    if "allowedValues" in one and value not in one["allowedValues"]:
        raise Refusal(400, f"Input {name} must be one of {', '.join(map(str, one['allowedValues']))}")
    if isinstance(value, (list, str)) and len(value) > one.get("maxLength", len(value)):
        what = "items" if is_array else "characters"
        raise Refusal(400, f"Input {name} must be at most {one['maxLength']} {what} long")


def _check_number(one: Mapping[str, Any], value: Any) -> None:
    if value < one.get("min", value):
        raise Refusal(400, f"Input {one['name']} must be at least {one['min']}")
    if value > one.get("max", value):
        raise Refusal(400, f"Input {one['name']} must be at most {one['max']}")
    if one.get("step") == 1 and value != int(value):
        raise Refusal(400, f"Input {one['name']} must be a whole number")


# ---------------------------------------------------------------------- names


def _own_fields(offer: Offer, given: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The fields of the model, out of what the route calls them."""
    left = {name: list(value) if isinstance(value, list) else value for name, value in given.items()}
    singles = [name for name in offer.route.fields if name in offer.model.image_fields]
    for name in (*singles, *(other for other in offer.route.fields if other not in singles)):
        entry = offer.route.fields[name]
        if not is_sent(entry):
            continue
        if "parts" in entry and "to" not in entry:
            yield from _joined(name, entry, left)
            continue
        to = entry.get("to", name)
        if left.get(to) in (None, []):
            continue
        if name in offer.model.image_fields and isinstance(left[to], list):
            yield name, left[to].pop(0)  # the edited picture is the first of the list
        else:
            yield name, _renamed(left.pop(to), entry)


def _joined(name: str, entry: Mapping[str, Any], left: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    parts = {part: said.get("to", part) for part, said in entry["parts"].items() if "refused" not in said}
    if not any(to in left for to in parts.values()):
        return
    if name == "size":
        missing = [to for to in parts.values() if to not in left]
        if missing:
            raise Refusal(400, f"Input {missing[0]} is required")
        yield name, [int(left[parts[at]]) for at in sorted(parts)]
        return
    lists = {part: left[to] for part, to in parts.items() if to in left}
    if len({len(one) for one in lists.values()}) > 1:
        raise Refusal(400, f"Inputs {' and '.join(parts.values())} must be of one length")
    yield name, [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]


def _renamed(value: Any, entry: Mapping[str, Any]) -> Any:
    """A value in our spelling: the route's tables, read backwards."""
    if "parts" in entry and isinstance(value, list):
        names = {said.get("to", part): part for part, said in entry["parts"].items()}
        return [
            {names.get(name, name): one for name, one in item.items()} if isinstance(item, dict) else item
            for item in value
        ]
    if isinstance(value, str):
        for own, sent in entry.get("values", {}).items():
            if sent == value:
                return own
    return value


def _wish(offer: Offer, given: dict[str, Any]) -> Wish:
    image, references, mask = given.pop("image", None), given.pop("references", ()), given.pop("mask", None)
    for name, value in (("image", image), ("mask", mask)):
        if value is not None and not isinstance(value, str):
            raise Refusal(400, f"Input {name} must be a string")
    if not isinstance(given.get("prompt", ""), str):
        raise Refusal(400, "Input prompt must be a string")
    return Wish(offer.model.name, image, tuple(references), mask, given)

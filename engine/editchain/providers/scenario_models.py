"""Scenario's live record of a model as a document: its inputs become fields, and one route sends them back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from editchain.classes import dataclass
from editchain.errors import ProviderError
from editchain.providers.answers import free, list_in, mapping_in, text_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from editchain.http import Client

    Input = Mapping[str, Any]
    Entry = dict[str, Any]

_PICTURES = ("referenceImages", "referenceImage", "images", "image", "inputImages", "inputImage")
_NAMES = {
    "prompt": "prompt",
    "negativePrompt": "negative_prompt",
    "seed": "seed",
    "guidance": "guidance",
    "guidanceScale": "guidance",
    "numInferenceSteps": "steps",
    "aspectRatio": "aspect_ratio",
    "outputFormat": "format",
    "numOutputs": "num_samples",
    "inputFidelity": "input_fidelity",
}
"""Our names for inputs that other models have too; the rest are called as the vendor calls them, in our spelling."""
_MOST_SEED = 2**31 - 1
_TAKEN = frozenset({"width", "height", "loras", "lorasScale"})
"""Inputs that make up a field together."""
_SENTENCE_END = (".", "?")


@dataclass(frozen=True, slots=True)
class Imported:
    """A document made of a record, and what of the record is not in it."""

    document: dict[str, Any]
    left_out: tuple[str, ...]


async def fetch(client: Client, model: str) -> Mapping[str, Any]:
    """The vendor's record of a model. Raises FetchError where it may be tried again, ProviderError where it is none."""
    reply = await client.request("GET", f"/models/{quote(model, safe='')}")
    found = mapping_in(free("scenario", reply), "model")
    if not found:
        raise ProviderError("scenario's answer holds no model.")
    return found


def imported(record: Mapping[str, Any], name: str) -> Imported:
    """The document of a record. Raises ProviderError where the model is none that edits pictures by a prompt."""
    inputs = [one for one in list_in(record, "inputs") if isinstance(one, dict) and text_in(one, "name")]
    by_name = {one["name"]: one for one in inputs}
    model = text_in(record, "id")
    if text_in(record, "type") not in ("", "custom"):
        raise ProviderError(
            f"{model} is of type {text_in(record, 'type')}: only custom models can be run by themselves."
        )
    pictures = next(
        (by_name[one] for one in _PICTURES if one in by_name and _is_pictures(by_name[one])), None
    )
    if pictures is None or "prompt" not in by_name:
        raise ProviderError(f"{model} does not take a picture and a prompt, so it edits none.")
    properties: dict[str, Entry] = {}
    sending: dict[str, Entry] = {}
    left_out: list[str] = []
    for field, rule, entry in _picture_fields(pictures):
        properties[field], sending[field] = rule, entry
    for one in inputs:
        if one is pictures or one["name"] in _TAKEN:
            continue
        made = _field(one)
        if made is None:
            if _is_required(one):
                raise ProviderError(f"{model} needs {one['name']}, which is of a kind that is not sent here.")
            left_out.append(f"{one['name']}: of a kind that is not sent here")
            continue
        field, properties_of, entry = made
        properties[field], sending[field] = properties_of, entry
    for field, rule, entry in _joint_fields(by_name):
        properties[field], sending[field] = rule, entry
    properties = {"image": properties.pop("image"), "prompt": properties.pop("prompt"), **properties}
    samples = int(by_name.get("numOutputs", {}).get("max") or 1)
    if "num_samples" not in properties:
        properties["num_samples"] = {
            "type": "integer",
            "minimum": 1,
            "description": "How many pictures to make, one call for each.",
        }
        sending["num_samples"] = {"emulated": "one call for each sample"}
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"https://editchain.dev/schemas/models/{name}.json",
        "title": text_in(record, "name") or name,
        "description": _sentence(text_in(record, "shortDescription") or f"Scenario's model {model}"),
        "type": "object",
        "properties": properties,
        "required": ["image", "prompt"],
        "x-editchain": {
            "kind": "model",
            "version": "1",
            "deterministic": False,
            "seeded": "seed" if "seed" in properties else None,
            "routes": [
                {
                    "provider": "scenario",
                    "id": model,
                    "samples": samples,
                    "fields": {field: sending[field] for field in properties},
                    "notes": _sentence(
                        f"Made from the vendor's record, updated {text_in(record, 'updatedAt') or 'at an unknown time'}"
                    ),
                }
            ],
        },
    }
    return Imported(document, tuple(left_out))


# ---------------------------------------------------------------------- fields


def _is_pictures(one: Input) -> bool:
    return one.get("type") in ("file", "file_array") and one.get("kind", "image") == "image"


def _is_required(one: Input) -> bool:
    return mapping_in(one, "required").get("always") is True


def _picture_fields(one: Input) -> Iterator[tuple[str, Entry, Entry]]:
    to = one["name"]
    image = {"$ref": "../fields.json#/$defs/image", "description": "The picture to edit."}
    if one["type"] == "file":
        yield "image", image, {"to": to} if to != "image" else {}
        return
    yield "image", image, {"to": to, "at": 0}
    most = one.get("maxLength")
    if most == 1:
        return
    count = {} if most is None else {"maxItems": int(most) - 1}
    description = (
        "Further pictures, in order."
        if most is None
        else f"Up to {int(most) - 1} further pictures, in order."
    )
    yield (
        "references",
        {"$ref": "../fields.json#/$defs/images", **count, "description": description},
        {"to": to},
    )


def _field(one: Input) -> tuple[str, Entry, Entry] | None:
    """A field of one input: its name, its rule, and how it is sent; None where it is of a kind that is not sent."""
    name = _NAMES.get(one["name"], _spelt(one["name"]))
    entry = {} if name == one["name"] else {"to": one["name"]}
    rule = _rule(name, one)
    return None if rule is None else (name, {**rule, "description": _sentence(_said(one))}, entry)


def _rule(name: str, one: Input) -> Entry | None:
    kind, choices = one.get("type"), one.get("allowedValues")
    default = (
        {}
        if one.get("default") in (None, "") or name == "num_samples"
        else {"default": _plain(one["default"])}
    )
    if name == "seed":
        pattern = {
            "type": ["integer", "string"],
            "minimum": 0,
            "maximum": int(one.get("max") or _MOST_SEED),
            "pattern": "^random$",
        }
        said = "{value} is neither a whole number nor the word random"
        return {**pattern, "x-editchain": {"messages": {"type": said, "pattern": said}}}
    if name == "num_samples":
        return {"type": "integer", "minimum": 1}
    if kind == "boolean":
        return {"type": "boolean", **default}
    if kind == "string":
        enum = {"enum": list(choices)} if isinstance(choices, list) and choices else {}
        least = {"minLength": 1} if name in ("prompt", "negative_prompt") else {}
        most = {} if one.get("maxLength") is None else {"maxLength": int(one["maxLength"])}
        return {"type": "string", **enum, **least, **most, **default}
    if kind == "number":
        return {**_numbers(one), **default}
    return None


def _numbers(one: Input) -> Entry:
    step = one.get("step")
    is_whole = step is not None and float(step).is_integer() and float(one.get("min") or 0).is_integer()
    return {
        "type": "integer" if is_whole else "number",
        **({"minimum": _plain(one["min"])} if one.get("min") is not None else {}),
        **({"maximum": _plain(one["max"])} if one.get("max") is not None else {}),
        **({"multipleOf": int(step)} if is_whole and step is not None and int(step) > 1 else {}),
    }


def _joint_fields(by_name: Mapping[str, Input]) -> Iterator[tuple[str, Entry, Entry]]:
    """Width and height as one size, trained concepts as a list."""
    if {"width", "height"} <= by_name.keys():
        side = {**_numbers({**by_name["width"], "step": by_name["width"].get("step", 1)}), "type": "integer"}
        rule = {
            "type": "array", "minItems": 2, "maxItems": 2, "items": side,
            "description": "Width and height of the result in pixels, such as [1536, 1024].",
        }  # fmt: skip
        yield "size", rule, {"parts": {"0": {"to": "width"}, "1": {"to": "height"}}}
    if "loras" in by_name:
        scales = by_name.get("lorasScale", {})
        parts: Entry = {
            "model": {"type": "string", "minLength": 1, "description": "The trained concept's id."}
        }
        sent: Entry = {"model": {"to": "loras"}}
        if scales:
            parts["scale"] = {
                "type": "number", "minimum": _plain(scales.get("min", 0)), "maximum": _plain(scales.get("max", 2)),
                "description": "How strongly it counts.",
            }  # fmt: skip
            sent["scale"] = {"to": "lorasScale"}
        most = by_name["loras"].get("maxLength")
        yield (
            "concepts",
            {
                "type": "array", "minItems": 1, **({} if most is None else {"maxItems": int(most)}),
                "items": {"type": "object", "properties": parts, "required": ["model"], "additionalProperties": False},
                "description": "Style concepts trained for this model.",
            },
            {"parts": sent},
        )  # fmt: skip


def _spelt(name: str) -> str:
    """The vendor's name in our spelling: goFast becomes go_fast."""
    spelt = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return re.sub(r"[^a-z0-9_]+", "_", spelt).strip("_") or "value"


def _said(one: Input) -> str:
    return text_in(one, "description") or text_in(one, "hint") or text_in(one, "label") or one["name"]


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if text.endswith(_SENTENCE_END) else f"{text}."


def _plain(value: Any) -> Any:
    """A number of the vendor's as JSON writes it."""
    if isinstance(value, (bool, str, int)):
        return value
    number = float(value)
    return int(number) if number.is_integer() else number

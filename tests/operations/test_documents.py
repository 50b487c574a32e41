"""The documents of the operations, and the modules that they describe."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry, Resource

from editchain.executors.natively import NATIVE
from editchain.operations import OPERATIONS, load

SCHEMAS = Path(__file__).parents[2] / "schemas"
FIELDS: dict[str, Any] = json.loads((SCHEMAS / "fields.json").read_text("utf-8"))
DOCUMENTS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text("utf-8")) for path in sorted((SCHEMAS / "operations").glob("*.json"))
}
REGISTRY: Registry[Any] = Registry().with_resource(FIELDS["$id"], Resource.from_contents(FIELDS))
NAMES = sorted(DOCUMENTS)


def validator(schema: dict[str, Any]) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema, registry=REGISTRY)


def fields_of(example: dict[str, Any]) -> dict[str, Any]:
    """The example as the engine checks it: a gather is a list by then."""
    return {
        name: [value] if isinstance(value, str) and value.endswith(".*") else value
        for name, value in example.items()
        if name != "operation"
    }


def test_documents_and_modules_are_the_same_operations() -> None:
    assert set(OPERATIONS) == set(DOCUMENTS)


@pytest.mark.parametrize("name", NAMES)
def test_the_document_is_a_schema_with_its_own_name(name: str) -> None:
    document = DOCUMENTS[name]
    jsonschema.Draft202012Validator.check_schema(document)
    assert document["$id"] == f"https://editchain.dev/schemas/operations/{name}.json"
    assert document["x-editchain"]["kind"] == "operation"
    assert document["x-editchain"]["behaviour"] >= 1
    assert "additionalProperties" not in document


@pytest.mark.parametrize("name", NAMES)
def test_apply_takes_the_fields_of_the_document_by_name_and_no_others(name: str) -> None:
    parameters = inspect.signature(load(name).apply).parameters
    assert set(parameters) == set(DOCUMENTS[name]["properties"]) - {NATIVE}
    for parameter in parameters.values():
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
        assert parameter.default is inspect.Parameter.empty


@pytest.mark.parametrize("kind", ["operations", "models"])
def test_no_document_has_a_field_that_a_step_has_itself(kind: str) -> None:
    step = json.loads((SCHEMAS / "step.json").read_text("utf-8"))["properties"]
    for path in (SCHEMAS / kind).glob("*.json"):
        assert not step.keys() & json.loads(path.read_text("utf-8"))["properties"].keys(), path.name


@pytest.mark.parametrize("name", NAMES)
def test_every_field_says_what_it_is(name: str) -> None:
    for field in DOCUMENTS[name]["properties"].values():
        assert field["description"].endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_every_default_is_allowed(name: str) -> None:
    for field in DOCUMENTS[name]["properties"].values():
        if "default" in field:
            validator({"$id": DOCUMENTS[name]["$id"] + "#", **field}).validate(field["default"])


@pytest.mark.parametrize("name", NAMES)
def test_the_example_is_valid_and_gets_no_warning(name: str) -> None:
    document = DOCUMENTS[name]
    example = document["x-editchain"]["example"]
    assert example["operation"] == name
    validator(document).validate(fields_of(example))
    for warning in document["x-editchain"].get("warnings", ()):
        assert not validator(warning["when"]).is_valid(fields_of(example))


@pytest.mark.parametrize("name", NAMES)
def test_defaults_alone_never_warn(name: str) -> None:
    document = DOCUMENTS[name]
    defaults = {key: field["default"] for key, field in document["properties"].items() if "default" in field}
    for warning in document["x-editchain"].get("warnings", ()):
        when = validator(warning["when"])
        assert (
            not when.is_valid({**defaults, **fields_of(document["x-editchain"]["example"])}) or not defaults
        )
        assert set(warning) == {"when", "field", "message", "instead"}
        assert warning["field"] in document["properties"]


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_across_fields_has_a_sentence(name: str) -> None:
    document = DOCUMENTS[name]
    rules = {key for key in ("anyOf", "oneOf", "not", "if", "dependentRequired") if key in document}
    rules |= {f"allOf/{index}" for index in range(len(document.get("allOf", ())))}
    assert set(document["x-editchain"].get("messages", {})) == rules


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("resize", {}),
        ("resize", {"width": 0}),
        ("resize", {"width": 10, "scale": 2}),
        ("resize", {"width": "10"}),
        ("resize", {"width": 10, "fit": "stretch"}),
        ("crop", {}),
        ("crop", {"box": [1, 2, 3]}),
        ("crop", {"box": [0, 0, 5, 5], "aspect_ratio": "1:1"}),
        ("crop", {"aspect_ratio": "1:1", "width": 10}),
        ("crop", {"aspect_ratio": "wide"}),
        ("convert", {}),
        ("convert", {"format": "psd"}),
        ("convert", {"format": "jpeg", "lossless": True}),
        ("convert", {"background": "tael"}),
        ("composite", {}),
        ("composite", {"overlay": "$logo", "opacity": 2}),
        ("composite", {"overlay": "$logo", "position": [1, 2], "anchor": "top"}),
        ("pad", {}),
        ("pad", {"width": 100, "aspect_ratio": "1:1"}),
        ("pad", {"width": 100, "blur": True}),
        ("mask", {"by": "box"}),
        ("mask", {"by": "colour"}),
        ("mask", {"by": "magic"}),
        ("mask", {"by": "masks"}),
        ("rotate", {}),
        ("text", {"text": ""}),
        ("background", {"action": "replace"}),
        ("background", {"action": "replace", "colour": "red", "behind": "$b"}),
        ("background", {"box": [0, 0, 1, 1], "mask": "$m"}),
        ("inpaint", {}),
        ("inpaint", {"box": [0, 0, 1, 1], "mask": "$m"}),
        ("recolour", {"colour": "red", "into": "blue", "box": [0, 0, 1, 1], "mask": "$m"}),
        ("recolour", {"colour": "red"}),
        ("faces", {"least": 0}),
        ("curves", {}),
        ("curves", {"master": [[0, 0]]}),
        ("perspective", {"corners": [[0, 0], [1, 0], [1, 1]]}),
        ("watermark", {}),
        ("watermark", {"text": "a", "logo": "$l"}),
        ("merge", {}),
        ("split", {"channel": "cyan"}),
        ("upscale", {"factor": 20}),
    ],
)
def test_what_cannot_mean_anything_is_invalid(name: str, fields: dict[str, Any]) -> None:
    assert not validator(DOCUMENTS[name]).is_valid({"image": "$photo", **fields})


@pytest.mark.parametrize(
    ("name", "fields", "field"),
    [
        ("resize", {"width": 10, "fit": "cover"}, "fit"),
        ("crop", {"box": [0, 0, 5, 5], "anchor": "top"}, "anchor"),
        ("convert", {"format": "png", "quality": 80}, "quality"),
        ("convert", {"format": "webp", "lossless": True, "quality": 80}, "quality"),
        ("composite", {"overlay": "$logo", "position": [1, 2], "offset": [3, 4]}, "offset"),
        ("contact_sheet", {"images": ["a.png"], "label_size": 20}, "labels"),
        ("pad", {"aspect_ratio": "1:1", "blur": True, "background": "red"}, "background"),
        ("compare", {"edited": "$b", "at": 0.3}, "at"),
        ("mask", {"by": "alpha", "box": [0, 0, 1, 1]}, "box"),
        ("mask", {"by": "alpha", "masks": ["$a"]}, "masks"),
        ("background", {"action": "remove", "radius": 9}, "radius"),
        ("background", {"colour": "red"}, "action"),
        ("watermark", {"logo": "$l", "colour": "red"}, "colour"),
    ],
)
def test_what_would_be_ignored_warns(name: str, fields: dict[str, Any], field: str) -> None:
    warnings = DOCUMENTS[name]["x-editchain"]["warnings"]
    found = [w["field"] for w in warnings if validator(w["when"]).is_valid({"image": "$photo", **fields})]
    assert found == [field]


@pytest.mark.parametrize("name", NAMES)
def test_no_module_imports_the_extra_before_it_is_used(name: str) -> None:
    code = (
        f"import sys; from editchain.operations import load; load({name!r});"
        "sys.exit(bool({'cv2', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_listing_the_operations_does_not_import_pillow() -> None:
    code = "import sys, editchain.operations; sys.exit('PIL' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

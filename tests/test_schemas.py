"""Rules of steps: what they accept, what they say, and that two validators agree about them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from editchain import schemas
from editchain.errors import ConfigurationError
from editchain.misfits import RuleProblem
from editchain.models import catalogue
from editchain.rules import Rules, meta_problems

STEP = {"model": "sketch", "image": "a.png", "prompt": "Night"}


def document(
    properties: dict[str, Any], known: dict[str, Any] | None = None, **keywords: Any
) -> dict[str, Any]:
    """A small model document with a few fields of its own."""
    picture = {"$ref": "../fields.json#/$defs/image"}
    return {
        "$id": "https://editchain.dev/schemas/models/sketch.json",
        "properties": {"image": picture, "prompt": {"type": "string", "minLength": 1}, **properties},
        "required": ["image", "prompt"],
        "x-editchain": known or {},
        **keywords,
    }


def rules(
    properties: dict[str, Any] | None = None, known: dict[str, Any] | None = None, **keywords: Any
) -> Rules:
    return Rules("sketch", document(properties or {}, known, **keywords), "model")


def only(found: list[RuleProblem]) -> RuleProblem:
    assert len(found) == 1, found
    return found[0]


def problem(checked: Rules, **fields: Any) -> RuleProblem:
    """The one problem of a step, which `is_valid` has to know of as well."""
    step = {**STEP, **fields}
    assert not checked.is_valid(step)
    return only(checked.problems(step))


def test_a_step_that_fits_has_no_problems() -> None:
    checked = rules()
    step = {**STEP, "take": 2, "after": ["other"], "for_each": {"x": [1, "two", {"name": "three"}]}}
    assert checked.is_valid(step)
    assert checked.problems(step) == []


def test_subclasses_of_dict_and_list_are_plain_data() -> None:
    class Written(dict[str, Any]):
        pass

    class Row(list[Any]):
        pass

    checked = rules({"references": {"$ref": "../fields.json#/$defs/images"}})
    assert checked.is_valid(Written(STEP, references=Row(["b.png"])))
    assert only(checked.problems(Written(STEP, references=Row([3])))).path == ("references", 0)


def test_nothing_is_compiled_before_it_is_asked() -> None:
    Rules("broken", {"properties": {"a": {"$ref": "nowhere.json"}}}, "model")


# One rule of the fields after another, with the sentence that a person sees.

SENTENCES: list[tuple[dict[str, Any], Any, str, str, str | None]] = [
    ({"type": "integer"}, "wide", "wrong-type", '"wide" is not a whole number.', None),
    ({"type": "integer"}, "7", "wrong-type", '"7" is not a whole number.', "Write 7 without the quotes."),
    ({"type": "integer"}, 1.5, "wrong-type", "1.5 is not a whole number.", None),
    ({"type": "integer"}, True, "wrong-type", "true is not a whole number.", None),
    ({"type": "number"}, "0.5", "wrong-type", '"0.5" is not a number.', "Write 0.5 without the quotes."),
    ({"type": "number"}, "4", "wrong-type", '"4" is not a number.', "Write 4 without the quotes."),
    (
        {"type": "boolean"},
        "true",
        "wrong-type",
        '"true" is not true or false.',
        "Write true without the quotes.",
    ),
    ({"type": "string"}, 7, "wrong-type", "7 is not text.", 'Put it in quotes: "7".'),
    ({"type": "string"}, False, "wrong-type", "false is not text.", 'Put it in quotes: "false".'),
    ({"type": "string"}, None, "wrong-type", "null is not text.", None),
    ({"type": "string"}, ["a"], "wrong-type", "a list is not text.", None),
    ({"type": "array"}, "a.png", "wrong-type", '"a.png" is not a list.', "Write [a.png]."),
    ({"type": "object"}, 3, "wrong-type", "3 is not a mapping.", None),
    ({"type": ["integer", "string"]}, [], "wrong-type", "a list is not a whole number or text.", None),
    ({"type": "integer", "maximum": 5}, 7, "out-of-range", "7 is more than the most, 5.", None),
    ({"type": "integer", "minimum": 0}, -1, "out-of-range", "-1 is less than the least, 0.", None),
    (
        {"maximum": 5},
        10**400,
        "out-of-range",
        "a number of more than 30 digits is more than the most, 5.",
        None,
    ),
    ({"exclusiveMinimum": 0}, 0, "out-of-range", "0 is too small: it has to be more than 0.", None),
    ({"exclusiveMaximum": 1}, 1, "out-of-range", "1 is too large: it has to be less than 1.", None),
    ({"multipleOf": 16}, 100, "out-of-range", "100 is not a multiple of 16.", None),
    ({"enum": ["low", "high"]}, "hihg", "not-one-of", '"hihg" is none of low, high.', 'Did you mean "high"?'),
    ({"enum": ["low", "high"]}, "HIGH", "not-one-of", '"HIGH" is none of low, high.', 'Did you mean "high"?'),
    ({"enum": ["low", "high"]}, 5, "not-one-of", "5 is none of low, high.", None),
    ({"enum": [1, 2]}, "2", "not-one-of", '"2" is none of 1, 2.', "Write 2 without the quotes."),
    ({"const": "png"}, "jpg", "not-one-of", '"jpg" is not png.', 'Did you mean "png"?'),
    ({"maxLength": 3}, "four", "too-many", "4 characters are more than the 3 that sketch takes.", None),
    ({"minLength": 1}, "", "too-few", "field is empty.", None),
    ({"minLength": 3}, "a", "too-few", "1 character is fewer than the least, 3.", None),
    ({"minItems": 1}, [], "too-few", "field is empty.", None),
    ({"maxItems": 1}, [1, 2], "too-many", "2 items are more than the 1 that sketch takes.", None),
    ({"minItems": 4, "maxItems": 4}, [1], "too-few", "1 item where 4 are wanted.", None),
    ({"pattern": "^a"}, "b", "pattern", '"b" does not have the form that is wanted.', None),
    (
        {"pattern": "^a", "examples": ["ab"]},
        "b",
        "pattern",
        '"b" does not have the form that is wanted, such as ab.',
        None,
    ),
    ({"uniqueItems": True}, [1, 1], "rule", "field says the same twice.", None),
    (
        {"maxProperties": 1},
        {"a": 1, "b": 2},
        "too-many",
        "2 entries are more than the 1 that sketch takes.",
        None,
    ),
]


@pytest.mark.parametrize(("rule", "value", "code", "message", "suggestion"), SENTENCES)
def test_each_kind_of_rule_has_its_sentence(
    rule: dict[str, Any], value: Any, code: str, message: str, suggestion: str | None
) -> None:
    expected = RuleProblem(("field",), False, "error", code, message, suggestion)
    assert problem(rules({"field": rule}), field=value) == expected


def test_a_plural_field_is_called_by_its_name() -> None:
    found = problem(rules({"references": {"type": "array", "maxItems": 2}}), references=[1, 2, 3])
    assert found.message == "3 references are more than the 2 that sketch takes."


def test_long_text_is_cut_in_a_message() -> None:
    assert len(problem(rules({"size": {"type": "integer"}}), size="x" * 10_000).message) < 100


def test_a_value_with_several_faults_is_one_problem() -> None:
    found = problem(rules({"field": {"type": "string", "enum": ["low"], "pattern": "^l"}}), field=3)
    assert found.code == "wrong-type"


def test_an_unknown_field_stands_at_its_key_with_the_nearest_name() -> None:
    found = problem(rules({"strength": {"type": "number"}}), strenght=0.5)
    assert (found.path, found.at_key, found.code) == (("strenght",), True, "unknown-field")
    assert found.suggestion == 'Did you mean "strength"?'


def test_a_misspelt_required_field_is_not_said_to_be_missing_too() -> None:
    checked = rules()
    found = only(checked.problems({"model": "sketch", "image": "a.png", "promt": "Night"}))
    assert (found.code, found.suggestion) == ("unknown-field", 'Did you mean "prompt"?')


def test_missing_fields_are_one_problem_of_the_step() -> None:
    found = only(rules().problems({"model": "sketch"}))
    assert (found.path, found.at_key, found.code) == ((), False, "missing-field")
    assert found.message == 'sketch needs "image" and "prompt", which are not given.'


def test_fields_inside_a_field_have_their_own_place() -> None:
    part = {"type": "object", "properties": {"model": {"type": "string"}}, "required": ["model"]}
    checked = rules({"concepts": {"type": "array", "items": {**part, "additionalProperties": False}}})
    found = checked.problems({**STEP, "concepts": [{"model": "m"}, {"modle": "m"}, {}]})
    assert [(p.path, p.code) for p in found] == [
        (("concepts", 1, "modle"), "unknown-field"),
        (("concepts", 2), "missing-field"),
    ]
    assert found[1].message == 'concepts[2] needs "model", which is not given.'


def test_several_problems_come_in_the_order_of_the_fields() -> None:
    found = rules({"size": {"type": "integer"}}).problems({**STEP, "zebra": 1, "size": "wide", "apple": 1})
    assert [p.path for p in found] == [("zebra",), ("size",), ("apple",)]


# Fields with several forms


@pytest.mark.parametrize(
    ("field", "value", "path", "about"),
    [
        ("after", "$other", ("after",), "no name of a step"),
        ("after", ["good", "$bad"], ("after", 1), "no name of a step"),
        ("after", 7, ("after",), "7 is not text or a list"),
        ("for_each", {"Big": [1]}, ("for_each", "Big"), "no name for a loop variable"),
        ("for_each", {"x": "spring"}, ("for_each", "x"), "neither a list nor a reference"),
        ("for_each", {"x": [[1]]}, ("for_each", "x", 0), "a list is not"),
        ("protect", {"box": [1, 2, 3]}, ("protect", "box"), "3 items where 4 are wanted"),
        ("protect", {"bocks": [1, 2, 3, 4]}, ("protect",), '"url" or "box"'),
        ("provider", [], ("provider",), "empty"),
        ("provider_options", {"fal": 1}, ("provider_options", "fal"), "not a mapping"),
        ("retry", {"attempts": 11}, ("retry", "attempts"), "most, 10"),
        ("retry", {"atempts": 3}, ("retry", "atempts"), "atempts"),
        ("timeout", 0, ("timeout",), "more than 0"),
        ("take", 0, ("take",), "least, 1"),
        ("missing", "dorp", ("missing",), "fail, drop"),
        ("exclude", [{"a": {}}], ("exclude", 0, "a"), "a mapping is not"),
        ("expect", {"width": "64"}, ("expect", "width"), "whole number"),
        ("expect", {"similar": {"min": 2}}, ("expect", "similar", "min"), "most, 1"),
        ("expect", {"heigth": 3}, ("expect", "heigth"), "heigth"),
    ],
)
def test_fields_of_any_step(field: str, value: Any, path: tuple[str | int, ...], about: str) -> None:
    found = problem(rules(), **{field: value})
    assert found.path == path
    assert about in found.message


@pytest.mark.parametrize(
    "fields",
    [
        {"after": "other"},
        {"protect": "mask.png"},
        {"protect": {"url": "https://example.org/m.png"}},
        {"protect": {"box": [0, 0, 10, 10.5]}},
        {"provider": "fal"},
        {"provider": ["bfl", "fal"]},
        {"provider_options": {"fal": {"sync_mode": True}}},
        {"retry": {"attempts": 1}, "timeout": 0.5},
        {"for_each": {"x": "$list", "y": []}},
        {"expect": {"width": 3, "format": "png", "not_blank": True, "similar": {"min": 0.5}}},
        {"expect": {"unchanged_outside_mask": True}},
        {"expect": {"unchanged_outside_mask": 8}},
        {"prompt_file": "prompt.txt"},
    ],
)
def test_fields_of_any_step_that_are_right(fields: dict[str, Any]) -> None:
    assert rules().problems({**STEP, **fields}) == []
    assert rules().is_valid({**STEP, **fields})


def test_a_field_of_another_kind_of_step_is_refused_with_the_reason() -> None:
    found = problem(rules(), operation="resize")
    assert (found.path, found.at_key) == (("operation",), True)
    assert "a step that runs a model" in found.message


def test_the_step_of_a_sub_pipeline() -> None:
    checked = Rules("sub", {"properties": {}, "required": ["pipeline"]}, "pipeline")
    assert checked.is_valid({"pipeline": "./sub.yaml", "with": {"photo": "$photo"}, "after": "other"})
    assert only(checked.problems({"pipeline": "./sub.yaml", "prompt": "x"})).path == ("prompt",)


# Rules between fields, and warnings


def test_a_rule_between_fields_has_the_documents_sentence_and_stands_at_the_last_of_them() -> None:
    known = {"messages": {"not": "one or the other"}}
    checked = rules({"a": {}, "b": {}}, known, **{"not": {"required": ["a", "b"]}})
    found = problem(checked, b=1, a=2)
    assert found == RuleProblem(("a",), True, "error", "rule", "one or the other.")


def test_a_rule_that_none_of_its_fields_is_there_for_stands_at_the_step() -> None:
    known = {"messages": {"anyOf": "give a or b"}}
    checked = rules({"a": {}, "b": {}}, known, anyOf=[{"required": ["a"]}, {"required": ["b"]}])
    assert problem(checked).path == ()
    assert problem(checked).message == "give a or b."


def test_a_field_that_excludes_another() -> None:
    known = {"messages": {"dependentSchemas/a": "no b beside a"}}
    checked = rules({"a": {}, "b": {}}, known, dependentSchemas={"a": {"properties": {"b": False}}})
    found = problem(checked, a=1, b=2)
    assert (found.path, found.code, found.message) == (("b",), "rule", "no b beside a.")


def test_a_field_that_needs_another() -> None:
    checked = rules({"a": {}, "b": {}}, dependentRequired={"a": ["b"]})
    found = problem(checked, a=1)
    assert (found.path, found.at_key, found.message) == (("a",), True, "a needs b as well.")


WARNED = {
    "warnings": [
        {
            "when": {"required": ["mask"]},
            "field": "mask",
            "message": "it is ignored",
            "instead": "use protect",
        },
        {
            "when": {"required": ["ratio"], "properties": {"ratio": {"not": {"enum": ["1:1"]}}}},
            "field": "ratio",
            "message": "{value} becomes auto",
        },
    ]
}


def test_a_warning_about_a_field_stands_at_its_key_and_one_about_a_value_at_the_value() -> None:
    checked = rules({"mask": {"type": "string"}, "ratio": {"type": "string"}}, WARNED)
    assert checked.is_valid({**STEP, "ratio": "1:1"})
    assert checked.problems({**STEP, "mask": "m", "ratio": "2:1"}) == [
        RuleProblem(("mask",), True, "warning", "ignored-field", "it is ignored.", "Use protect."),
        RuleProblem(("ratio",), False, "warning", "ignored-field", '"2:1" becomes auto.'),
    ]


def test_a_field_that_is_wrong_is_not_warned_of_too() -> None:
    checked = rules({"mask": {"type": "string"}, "ratio": {"type": "string"}}, WARNED)
    assert problem(checked, mask=3).code == "wrong-type"


def test_warnings_and_errors_come_together() -> None:
    checked = rules({"mask": {"type": "string"}, "ratio": {"type": "string"}}, WARNED)
    found = checked.problems({**STEP, "mask": "m", "ratio": 1})
    assert [(p.path, p.severity) for p in found] == [(("mask",), "warning"), (("ratio",), "error")]


# References between schemas


def test_a_reference_is_replaced_by_what_it_points_at() -> None:
    home = {"$id": "https://x/a.json", "$defs": {"n": {"type": "integer", "description": "old"}}}
    found = schemas.inline(
        {"$ref": "a.json#/$defs/n", "description": "new"}, "https://x/b.json", {"https://x/a.json": home}
    )
    assert found == {"type": "integer", "description": "new"}


def test_what_stands_beside_a_reference_does_not_loosen_it() -> None:
    home = {"$defs": {"n": {"maximum": 5}}}
    found = schemas.inline(
        {"$ref": "#/$defs/n", "maximum": 9}, "https://x/a.json", {"https://x/a.json": home}
    )
    assert not jsonschema.Draft202012Validator(found).is_valid(7)


@pytest.mark.parametrize("target", ["elsewhere.json", "#/$defs/nothing", "#/$defs/self"])
def test_a_reference_that_leads_nowhere_is_an_error(target: str) -> None:
    home = {"$defs": {"self": {"$ref": "#/$defs/self"}}}
    with pytest.raises(ConfigurationError, match=r"\$ref"):
        schemas.inline({"$ref": target}, "https://x/a.json", {"https://x/a.json": home})


def test_no_reference_is_left_in_the_rules_of_a_step() -> None:
    assert '"$ref"' not in json.dumps(rules().schema)


# Reading


def test_a_file_that_is_not_json_is_named_with_line_and_column(tmp_path: Path) -> None:
    file = tmp_path / "broken.json"
    file.write_text('{\n  "a": 1,\n  oops\n}')
    with pytest.raises(ConfigurationError, match=r"broken\.json:3:3 "):
        schemas.read(file)


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', "[]", "\udcff", "[" * 100_000])
def test_a_file_that_is_no_object_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "odd.json"
    file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ConfigurationError, match=r"odd\.json:1:"):
        schemas.read(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nothing\.json:1:1 "):
        schemas.read(tmp_path / "nothing.json")


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ((), (1, 1)),
        (("a",), (2, 8)),
        (("b", 1, "d"), (3, 27)),
        (("b", "nothing"), (3, 8)),
        (("gone",), (1, 1)),
    ],
)
def test_the_place_of_a_value_in_a_json_text(path: tuple[str | int, ...], place: tuple[int, int]) -> None:
    text = '{\n  "a": 1,\n  "b": [{"c": "]"}, {"d": "x"}]\n}'
    assert schemas.place_of(text, path) == place


# The documents of the project


def documents() -> list[Path]:
    return sorted(p for kind in ("models", "operations") for p in (schemas.folder() / kind).glob("*.json"))


@pytest.mark.parametrize("path", documents(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_document_passes_its_meta_schema(path: Path) -> None:
    kind: Any = path.parent.name.removesuffix("s")
    assert meta_problems(schemas.read(path), kind) == []


@pytest.mark.parametrize("path", documents(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_document_is_known_by_its_place(path: Path) -> None:
    assert schemas.read(path)["$id"] == f"{schemas.HOME}{path.parent.name}/{path.name}"


@pytest.mark.parametrize("path", documents(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_rule_between_fields_has_a_sentence(path: Path) -> None:
    found = schemas.read(path)
    needed: set[str] = {key for key in ("not", "anyOf", "oneOf", "if") if key in found}
    needed |= {f"allOf/{number}" for number in range(len(found.get("allOf", [])))}
    needed |= {
        f"{key}/{name}" for key in ("dependentRequired", "dependentSchemas") for name in found.get(key, {})
    }
    assert set(found["x-editchain"].get("messages", {})) == needed


@pytest.mark.parametrize("path", documents(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_no_document_has_a_field_that_steps_have_already(path: Path) -> None:
    step = schemas.shared("step.json")["properties"]
    assert not set(schemas.read(path)["properties"]) & set(step)


@pytest.mark.parametrize("path", documents(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_warning_speaks_of_a_field_and_is_a_schema(path: Path) -> None:
    found = schemas.read(path)
    for warning in found["x-editchain"].get("warnings", []):
        assert warning["field"] in found["properties"]
        jsonschema.Draft202012Validator.check_schema(warning["when"])


@pytest.mark.parametrize("path", documents(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_default_passes_the_rules_of_its_field(path: Path) -> None:
    found = schemas.read(path)
    kind: Any = path.parent.name.removesuffix("s")
    properties = Rules(path.stem, found, kind).schema["properties"]
    for name, rule in found["properties"].items():
        if "default" in rule:
            jsonschema.validate(rule["default"], properties[name], jsonschema.Draft202012Validator)


def test_the_fields_of_any_step_are_described_and_are_a_schema() -> None:
    step = schemas.shared("step.json")
    jsonschema.Draft202012Validator.check_schema(step)
    assert all(rule["description"].endswith(".") for rule in step["properties"].values())
    assert set(step["x-editchain"]["only"]) <= set(step["properties"])


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ([0.9, 0.1, 0.5, 0.5], "reaches beyond the picture"),
        ([0.1, 0.9, 0.5, 0.2], "reaches beyond the picture"),
        ([10, 10, 0, 50], "is empty"),
        ([0.1, 0.1, 0.2, 0], "is empty"),
    ],
)
def test_a_box_that_fits_no_picture_is_found_before_any_is_read(box: list[float], message: str) -> None:
    found = (
        catalogue().operations["crop"].rules.problems({"operation": "crop", "image": "$photo", "box": box})
    )
    assert [(one.path, one.code) for one in found] == [(("box",), "out-of-range")]
    assert message in found[0].message


@pytest.mark.parametrize("box", [[0.3333, 0.6667, 0.6667, 0.3334], [0, 0, 1, 1], [500, 500, 900, 900]])
def test_a_box_that_may_fit_is_left_to_the_picture(box: list[float]) -> None:
    fields = {"operation": "crop", "image": "$photo", "box": box}
    assert catalogue().operations["crop"].rules.is_valid(fields)

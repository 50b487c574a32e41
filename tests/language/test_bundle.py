"""The schema for editors: what it takes and refuses, and that other validators and a real editor agree."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import jsonschema_rs
import pytest
from click.testing import CliRunner
from tests.language_server import LanguageServer

from editchain import models, schemas
from editchain.commands.base import run_command
from editchain.commands.schema import command
from editchain.diagnostics import Problems
from editchain.errors import ConfigurationError
from editchain.language import bundle
from editchain.language.syntax import Map, Seq, parse

HERE = Path(__file__).parents[1]
ROOT = HERE.parent
SCHEMAS = ROOT / "schemas"
CATALOGUE = models.catalogue()
BUNDLE = bundle.bundle(CATALOGUE)
CHECK = jsonschema_rs.validator_for(BUNDLE)
EXAMPLES = {path.stem: schemas.read(path) for path in sorted((HERE / "models").glob("*.json"))}
STEP = {"model": "darkroom", "image": "a.png", "prompt": "sepia"}


def pipeline(step: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"version": 1, "steps": {"one": STEP if step is None else step}, **more}


def takes(document: Any) -> bool:
    return CHECK.is_valid(document)


def messages(document: Any) -> list[str]:
    return [f"{list(error.instance_path)}: {error.message}" for error in CHECK.iter_errors(document)]


# The document as such


def test_the_committed_bundle_is_that_of_the_catalogue() -> None:
    committed = (SCHEMAS / "pipeline.schema.json").read_text(encoding="utf-8")
    assert committed == bundle.as_text(BUNDLE), "refresh it with `make schema`"


def test_it_is_a_schema_and_needs_nothing_from_elsewhere() -> None:
    jsonschema.Draft202012Validator.check_schema(BUNDLE)
    found = list(_references(BUNDLE))
    assert found
    for reference in found:
        assert reference.startswith("#/$defs/"), reference
        target: Any = BUNDLE
        for part in reference.split("/")[1:]:
            assert part in target, reference
            target = target[part]
    assert "x-editchain" not in bundle.as_text(BUNDLE)


def _references(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [one for item in schema for one in _references(item)]
    if not isinstance(schema, dict):
        return []
    own = [schema["$ref"]] if isinstance(schema.get("$ref"), str) else []
    return own + [one for value in schema.values() for one in _references(value)]


def test_the_text_is_the_schema_and_stays_small() -> None:
    text = bundle.as_text(BUNDLE)
    assert json.loads(text) == BUNDLE
    assert len(text.encode()) < 500_000


def test_every_definition_is_used() -> None:
    used = {reference.split("/")[2] for reference in _references(BUNDLE)}
    assert set(BUNDLE["$defs"]) - used == set()


def test_names_are_listed_with_what_they_are() -> None:
    listed = {one["const"]: one["description"] for one in BUNDLE["$defs"]["model"]["anyOf"] if "const" in one}
    assert set(listed) == set(CATALOGUE.models)
    assert listed["darkroom"] == CATALOGUE.models["darkroom"].document["description"]
    assert "Successor: gpt-image-2." in listed["gpt-image-1"]
    operations = {one["const"] for one in BUNDLE["$defs"]["operation"]["anyOf"] if "const" in one}
    assert operations == set(CATALOGUE.operations)


def test_every_field_of_a_closed_step_has_a_description() -> None:
    for name, definition in BUNDLE["$defs"].items():
        if name.startswith(("model.", "operation.")):
            for field, rule in definition["properties"].items():
                assert rule is True or _description(rule), f"{name}: {field}"


def _description(rule: dict[str, Any]) -> str | None:
    target = BUNDLE["$defs"].get(rule.get("$ref", "").removeprefix("#/$defs/"), {})
    return rule.get("description") or target.get("description")


# Steps are checked by the documents of their models and operations


def _of_models(kind: str) -> list[Any]:
    return [
        pytest.param(name, example, id=f"{name}-{number}")
        for name, found in EXAMPLES.items()
        for number, example in enumerate(found[kind])
    ]


def _fields(example: dict[str, Any]) -> dict[str, Any]:
    whole = {"image": "a.png", "prompt": "Night", **example["fields"]}
    return {key: value for key, value in whole.items() if key not in example.get("without", [])}


def _ways(name: str, fields: dict[str, Any]) -> list[dict[str, Any]]:
    """A step with a model of its own, and one that leaves the model to the defaults."""
    return [pipeline({"model": name, **fields}), pipeline(fields, defaults={"model": name})]


@pytest.mark.parametrize(("name", "fields"), _of_models("valid"))
def test_takes_what_a_model_takes(name: str, fields: dict[str, Any]) -> None:
    for document in _ways(name, {"image": "a.png", "prompt": "Night", **fields}):
        assert messages(document) == []


@pytest.mark.parametrize(("name", "example"), _of_models("warned"))
def test_takes_what_is_only_warned_of(name: str, example: dict[str, Any]) -> None:
    for document in _ways(name, _fields(example)):
        assert messages(document) == []


@pytest.mark.parametrize(("name", "example"), _of_models("invalid"))
def test_refuses_what_a_model_refuses(name: str, example: dict[str, Any]) -> None:
    for document in _ways(name, _fields(example)):
        assert not takes(document)


@pytest.mark.parametrize("name", list(CATALOGUE.operations))
def test_takes_the_example_of_an_operation(name: str) -> None:
    example = CATALOGUE.operations[name].document["x-editchain"]["example"]
    assert messages(pipeline(example)) == []
    assert not takes(pipeline({**example, "operation": "blurr"}))
    assert not takes(pipeline({**example, "nonsense": 1}))
    for field in CATALOGUE.operations[name].document["required"]:
        assert not takes(pipeline({key: value for key, value in example.items() if key != field})), field


DOCUMENTS = [
    *(("model", name, one.document) for name, one in CATALOGUE.models.items()),
    *(("operation", name, one.document) for name, one in CATALOGUE.operations.items()),
]


@pytest.mark.parametrize(
    ("kind", "name", "document"), DOCUMENTS, ids=[f"{kind}-{name}" for kind, name, _ in DOCUMENTS]
)
def test_takes_a_reference_for_every_field(kind: str, name: str, document: Any) -> None:
    step = {kind: name, **{field: f"${field}_of" for field in document["required"]}}
    if kind == "operation":
        step = {**document["x-editchain"]["example"], **step}
    for field in document["properties"]:
        # That it may be one field too many is said of the step, not of the field.
        errors = list(CHECK.iter_errors(pipeline({**step, field: f"${{{field}_of}}"})))
        assert [error.message for error in errors if field in error.instance_path] == [], field


# The language


@pytest.mark.parametrize(
    "document",
    [
        pipeline(),
        pipeline(name="product-hero", description="x"),
        pipeline({"prompt": "sepia"}, defaults={"model": "darkroom", "image": "$photo"}),
        pipeline({"image": "a.png", "prompt_file": "prompts/a.txt"}, defaults={"model": "darkroom"}),
        pipeline({"image": "a.png"}, defaults={"model": "darkroom", "prompt_file": "prompts/a.txt"}),
        pipeline({**STEP, "seed": None}, defaults={"seed": 4}),
        pipeline({"model": None, "operation": "flip", "image": "a.png"}, defaults={"model": "darkroom"}),
        pipeline({"model": "$maker", "image": "$photo", "prompt": "x", "anything": 3}),
        pipeline({**STEP, "model": "${look.model}", "seed": 1}),
        pipeline({"pipeline": "./pack.yaml", "with": {"photo": "$photo", "n": 3}, "for_each": {"a": [1]}}),
        pipeline({**STEP, "after": "two", "take": "$n", "retry": {"attempts": "$n"}, "missing": "drop"}),
        pipeline({**STEP, "after": ["two", "three"], "provider": ["darkroom"], "timeout": 4.5}),
        pipeline({**STEP, "for_each": {"look": [{"name": "a"}], "x": "$xs"}, "exclude": [{"look": "a"}]}),
        pipeline({**STEP, "protect": {"box": [0, 0, "$w", 4]}, "expect": {"similar": {"min": "$m"}}}),
        pipeline({**STEP, "protect": "$mask"}),
        pipeline({**STEP, "references": "$boards.*"}),
        pipeline({**STEP, "references": ["$a", "${b.*}", "c.png", {"url": "https://a.example/x.png"}]}),
        pipeline({**STEP, "prompt": "$a" * 3000}),
        pipeline({**STEP, "aspect_ratio": "$w:$h"}),
        pipeline({"operation": "crop", "image": "a.png", "box": ["$corners.*"]}),
        pipeline({"operation": "crop", "image": "a.png", "box": "$corners.*"}),
        pipeline({"operation": "border", "image": "a.png", "colour": "$tint"}),
        pipeline({"operation": "resize", "image": "a", "fit": "$f", "enlarge": "$on"}, defaults={"width": 3}),
        pipeline({**STEP, "model": "flux-kontext", "strength": 0.4}, defaults={"concepts": [{"model": "m"}]}),
        pipeline(outputs={"one": "$one", "two": {"from": "${one[a=b]}", "path": "{a}.webp", "quality": 90}}),
        pipeline(budget={"max": 3.0, "currency": "USD"}),
        pipeline(
            inputs={
                "a": {"type": "image", "default": {"url": "https://a.example/x.png", "sha256": "0" * 64}},
                "b": {"type": "images", "default": ["a.png", "b.png"]},
                "c": {"type": "string", "default": None, "enum": ["x"], "pattern": "^x", "description": "w"},
                "d": {"type": "integer", "default": 3, "minimum": 0, "maximum": 9},
                "e": {"type": "number", "default": 0.5, "enum": [0.5, 1]},
                "f": {"type": "boolean", "default": True},
                "g": {"type": "list", "default": [1, "two"], "of": "string"},
                "h": {"type": "table", "default": [{"sku": "a", "n": 1}], "key": "sku"},
                "j": {"type": "table", "default": "a.csv", "columns": {"n": "integer", "photo": "image"}},
                "i": {"type": "table"},
            }
        ),
    ],
)  # fmt: skip
def test_takes_what_the_language_has(document: dict[str, Any]) -> None:
    assert messages(document) == []


@pytest.mark.parametrize(
    ("document", "about"),
    [
        ({"version": 1}, "steps"),
        ({"steps": {"one": STEP}}, "version"),
        ({"version": 2, "steps": {"one": STEP}}, "1"),
        (pipeline(nonsense=1), "nonsense"),
        (pipeline(name="Product Hero"), "name"),
        (pipeline(steps={}), "steps"),
        (pipeline(steps={"One": STEP}), "One"),
        (pipeline(steps={"sample": STEP}), "sample"),
        (pipeline(steps={"one": {}}), "one"),
        (pipeline({"image": "a.png", "prompt": "x"}), "one"),
        (pipeline({"image": "a.png", "prompt": "x"}, defaults={"seed": 4}), "one"),
        (pipeline({**STEP, "operation": "flip"}), "model"),
        (pipeline({**STEP, "pipeline": "./a.yaml"}), "model"),
        (pipeline({"model": "darkrom", "image": "a.png", "prompt": "x"}), "darkrom"),
        (pipeline({"model": "darkroom", "prompt": "x"}), "image"),
        (pipeline({"model": "darkroom", "image": "a.png"}), "one"),
        (pipeline({"prompt": "x"}, defaults={"model": "darkroom"}), "image"),
        (pipeline({**STEP, "image": None}, defaults={"image": "a.png"}), "image"),
        (pipeline({**STEP, "seed": None}), "seed"),
        (pipeline({**STEP, "width": 3}), "width"),
        (pipeline({**STEP, "seed": "4"}), "seed"),
        (pipeline({**STEP, "seed": "seven"}), "seed"),
        (pipeline({**STEP, "strength": "very $a"}), "strength"),
        (pipeline({**STEP, "strength": "$5"}), "strength"),
        (pipeline({**STEP, "prompt": 5}), "prompt"),
        (pipeline({**STEP, "prompt": "x" * 5000}), "prompt"),
        (pipeline({**STEP, "references": "a.png"}), "references"),
        (pipeline({**STEP, "references": ["a"] * 6}), "references"),
        (pipeline({**STEP, "take": 0}), "take"),
        (pipeline({**STEP, "after": "$two"}), "after"),
        (pipeline({**STEP, "retry": {"times": 3}}), "times"),
        (pipeline({**STEP, "expect": {"wdth": 3}}), "wdth"),
        (pipeline({**STEP, "exclude": [{"look": None}]}), "exclude"),
        (pipeline({**STEP, "for_each": ["a"]}), "for_each"),
        (pipeline({"operation": "crop", "image": "a.png", "box": [1, 2, 3]}), "box"),
        (pipeline({"operation": "crop", "image": "a.png"}), "one"),
        (pipeline({"operation": "crop", "image": "a.png", "box": [1, 2, 3, 4], "width": 3}), "one"),
        (pipeline({"pipeline": "./a.yaml", "image": "a.png"}), "image"),
        (pipeline({"pipeline": "$a"}), "pipeline"),
        (pipeline({**STEP, "model": "flux-kontext", "strength": 0.4}), "concepts"),
        (pipeline(defaults={"for_each": {"a": [1]}}), "for_each"),
        (pipeline(defaults={"seed": None}), "seed"),
        (pipeline(defaults={"seed": "four"}), "seed"),
        (pipeline(outputs={"one": "one"}), "one"),
        (pipeline(outputs={"one": {"path": "a.png"}}), "from"),
        (pipeline(outputs={"one": {"from": "$one", "quality": 101}}), "101"),
        (pipeline(outputs={"one": {"from": "$one", "to": "x"}}), "to"),
        (pipeline(budget={"max": 3}), "currency"),
        (pipeline(budget={"max": "3", "currency": "USD"}), "max"),
        (pipeline(inputs={"a": {}}), "type"),
        (pipeline(inputs={"a": {"type": "picture"}}), "picture"),
        (pipeline(inputs={"a": {"type": "image", "enum": ["x"]}}), "enum"),
        (pipeline(inputs={"a": {"type": "integer", "default": "3"}}), "default"),
        (pipeline(inputs={"a": {"type": "list", "of": "words"}}), "words"),
        (pipeline(inputs={"a": {"type": "list", "default": []}}), "default"),
        (pipeline(inputs={"a": {"type": "table", "columns": {"n": "int"}}}), "int"),
        (pipeline(inputs={"A": {"type": "image"}}), "A"),
        (pipeline(inputs=None), "inputs"),
        ([], "[]"),
    ],
)  # fmt: skip
def test_refuses_what_the_language_has_not(document: Any, about: str) -> None:
    found = messages(document)
    assert found, "was taken"
    assert any(about in text for text in found), found


def test_a_rule_of_several_fields_waits_for_the_value_of_a_reference() -> None:
    step = {"operation": "composite", "image": "a.png", "overlay": "b.png", "position": [1, 2]}
    assert not takes(pipeline({**step, "anchor": "top"}))
    assert takes(pipeline({**step, "anchor": "centre"}))
    assert takes(pipeline({**step, "anchor": "$anchor"}))


def own_model(name: str) -> dict[str, Any]:
    own: dict[str, Any] = json.loads((SCHEMAS / "models" / "seedream-4.json").read_text(encoding="utf-8"))
    return {**own, "$id": f"https://editchain.dev/schemas/models/{name}.json"}


def test_a_model_may_be_called_as_an_operation_is(tmp_path: Path) -> None:
    own = {**own_model("crop"), "dependentRequired": {"quality": ["aspect_ratio"]}}
    (tmp_path / "crop.json").write_text(json.dumps(own))
    check = jsonschema_rs.validator_for(bundle.bundle(models.catalogue(tmp_path)))
    step = {"model": "crop", "image": "a.png", "prompt": "x"}
    assert check.is_valid(pipeline(step))
    assert not check.is_valid(pipeline({**step, "quality": "low"}))
    assert not check.is_valid(pipeline({"operation": "crop", "image": "a.png"}))


def test_a_model_of_the_workspace_is_in_it(tmp_path: Path) -> None:
    own = own_model("house")
    own["properties"]["mood"] = {"enum": ["calm", "wild"], "description": "The mood."}
    own["required"].append("mood")
    (tmp_path / "house.json").write_text(json.dumps(own))
    check = jsonschema_rs.validator_for(bundle.bundle(models.catalogue(tmp_path)))
    step = {"model": "house", "image": "a.png", "prompt": "x"}
    assert check.is_valid(pipeline({**step, "mood": "calm"}))
    assert not check.is_valid(pipeline({**step, "mood": "calmm"}))
    assert not check.is_valid(pipeline(step))
    assert check.is_valid(pipeline(step, defaults={"mood": "wild"}))
    assert not check.is_valid(pipeline({"image": "a.png", "prompt": "x"}, defaults={"model": "house"}))


# The command


def test_the_command_writes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "new" / "pipeline.schema.json"
    assert CliRunner().invoke(command, ["-o", str(out)]).exit_code == 0
    assert out.read_text(encoding="utf-8") == bundle.as_text(BUNDLE)
    assert CliRunner().invoke(command, []).stdout == bundle.as_text(BUNDLE)


def test_the_command_says_where_it_cannot_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = CliRunner().invoke(command, ["-o", str(tmp_path)])
    assert isinstance(found.exception, ConfigurationError)
    assert str(tmp_path) in str(found.exception)


# Examples: recipes and the corpus

GOOD = sorted([*(ROOT / "pipelines").glob("*.yaml"), *(HERE / "corpus" / "good").glob("*.yaml")])
SHAPE = frozenset(
    {
        "unknown-field",
        "missing-field",
        "wrong-type",
        "not-one-of",
        "out-of-range",
        "too-many",
        "too-few",
        "pattern",
    }
    | {"unknown-model", "unknown-operation", "unknown-type", "bad-version", "bad-name"}
)
"""Codes of what is wrong with the form of a file, whatever is in the files and folders around it."""
EXPECTED = re.compile(r"^#! (?:error )?(\d+):(\d+) ([a-z-]+)", re.MULTILINE)
BEYOND = {
    "loop-items-mixed": "a loop over plain values and mappings at once",
    "prompt-empty": "white space around a prompt is taken away before it is checked",
    "bad-loop-value-spoils-a-step": "the value comes by reference from a loop",
    "bad-row-spoils-a-step": "the value comes by reference from a row",
    "given-several-for-a-scalar": "the command line gives it",
    "given-text-for-a-number": "the command line gives it",
    "images-list-of-nothing": "what is optional drops out of a list only when it is resolved",
    "minimum-above-maximum": "two numbers are held against each other",
    "version-with-a-point": "to a schema 1.0 is 1",
    "with-value-from-two-files-up": "the value comes by reference from a loop, and another file says how large it may be",
}
"""Cases that a schema of one file does not see, and why."""


@cache
def _read(path: Path) -> tuple[Any, str] | None:
    problems = Problems()
    text = path.read_bytes()
    document = parse(text, path.name, problems)
    if document is None or problems.has_errors():
        return None
    return document.root, document.source.text


BROKEN = [path for path in sorted((HERE / "corpus" / "broken").glob("*.yaml")) if _read(path) is not None]
"""Those that are YAML at all: of the others no schema is asked."""


def _shape_problems(path: Path) -> list[str]:
    """The codes that a case expects about the form of what stands in its file."""
    read = _read(path)
    if read is None:
        return []
    root, text = read
    starts = [0, *(found.end() for found in re.finditer("\n", text))]
    codes = []
    for line, column, code in EXPECTED.findall(text):
        place = _place(root, starts[int(line) - 1] + int(column) - 1)
        if code in SHAPE and place is not None and _is_visible(root, *place):
            codes.append(code)
    return codes


def _place(value: Any, offset: int, path: tuple[str, ...] = ()) -> tuple[tuple[str, ...], Any] | None:
    """The path of what begins at an offset, and its value."""
    if isinstance(value, Map):
        for key, (key_at, value_at) in value.places.items():
            if offset == key_at or (offset == value_at and not isinstance(value[key], (Map, Seq))):
                return (*path, key), value[key]
            if (found := _place(value[key], offset, (*path, key))) is not None:
                return found
        return (path, value) if value.at == offset else None
    if isinstance(value, Seq):
        for index, at in enumerate(value.places):
            if (found := _place(value[index], offset, (*path, str(index)))) is not None:
                return found
            if at == offset:
                return (*path, str(index)), value[index]
        return (path, value) if value.at == offset else None
    return None


def _is_visible(root: Any, path: tuple[str, ...], value: Any) -> bool:
    """Whether the form of the file alone tells that a value is wrong.

    It does not for the value of an input, a default or a loop that spoils a step, for a reference, nor for a step
    whose model is one.
    """
    if isinstance(value, str) and "$" in value:
        return False
    if path[:1] == ("steps",):
        step = root["steps"][path[1]] if len(path) > 1 else None
        by_reference = isinstance(step, Map) and str(step.get("model", "")).startswith("$")
        return not by_reference and "with" not in path
    return path[:1] != ("defaults",) and not (path[:1] == ("inputs",) and "default" in path)


def test_there_are_examples() -> None:
    assert GOOD
    expecting = [path for path in BROKEN if EXPECTED.search(path.read_text(encoding="utf-8"))]
    assert 10 * sum(bool(_shape_problems(path)) for path in expecting) >= len(expecting)


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_good_examples_are_taken(path: Path) -> None:
    read = _read(path)
    assert read is not None
    assert messages(read[0]) == []
    assert jsonschema.Draft202012Validator(BUNDLE).is_valid(read[0])


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_broken_examples_are_judged_alike(path: Path) -> None:
    read = _read(path)
    assert read is not None
    taken = takes(read[0])
    assert jsonschema.Draft202012Validator(BUNDLE).is_valid(read[0]) == taken
    if _shape_problems(path):
        assert taken == (path.stem in BEYOND)


def test_problems_of_the_corpus_are_found_by_their_place() -> None:
    """The helper that reads the corpus's expectations: it tells a value in the file from a reference."""
    problems = Problems()
    document = parse("steps:\n  one: {model: darkroom, take: 0, seed: $x}\n", "a.yaml", problems)
    assert document is not None
    text = document.source.text
    assert _place(document.root, text.index("0")) == (("steps", "one", "take"), 0)
    assert _place(document.root, text.index("take")) == (("steps", "one", "take"), 0)
    assert not _is_visible(document.root, *(_place(document.root, text.index("$x")) or ((), "")))


# A second kind of validator, and an editor: both from npm


@pytest.fixture(scope="session")
def npm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ajv and yaml-language-server; skips where npm is not there, which in CI is a failure."""
    folder = tmp_path_factory.mktemp("npm")
    wanted = ["ajv@8", "yaml-language-server@1.25"]
    quietly = ["--no-save", "--no-audit", "--no-fund", "--prefer-offline", "--fetch-retries=6"]
    try:
        subprocess.run(
            ["npm", "install", *quietly, "--prefix", str(folder), *wanted],
            check=True, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        reason = f"node packages cannot be installed: {getattr(error, 'stderr', '') or error}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


AJV = """
const Ajv = require("ajv/dist/2020")
const {schema, documents, metas} = JSON.parse(require("fs").readFileSync(0, "utf8"))
const check = new Ajv({strict: false, validateFormats: false, allErrors: false}).compile(schema)
const taken = documents.map((document) => check(document))
const good = metas.map((one) => new Ajv({strict: false, validateFormats: false}).validateSchema(one))
process.stdout.write(JSON.stringify({taken, good}))
"""


@pytest.mark.slow
def test_ajv_agrees_on_every_example(npm: Path) -> None:
    paths = [*GOOD, *BROKEN]
    documents = [(_read(path) or ({}, ""))[0] for path in paths]
    of_models = [
        way
        for name, found in EXAMPLES.items()
        for example in [
            *found["warned"],
            *found["invalid"],
            *({"fields": fields} for fields in found["valid"]),
        ]
        for way in _ways(name, _fields(example))
    ]
    every = [*documents, *of_models]
    metas = [schemas.read(path) for path in sorted([*SCHEMAS.glob("*.json"), *SCHEMAS.glob("*/*.json")])]
    asked = json.dumps({"schema": BUNDLE, "documents": every, "metas": metas})
    node = shutil.which("node")
    assert node, "npm without node"
    answer = subprocess.run(
        [node, "-e", AJV], input=asked, capture_output=True, text=True, timeout=300, cwd=npm, check=False
    )
    assert answer.returncode == 0, answer.stderr
    said = json.loads(answer.stdout)
    differing = [
        paths[number].stem if number < len(paths) else json.dumps(document)
        for number, (document, taken) in enumerate(zip(every, said["taken"], strict=True))
        if takes(document) != taken
    ]
    assert differing == []
    assert all(said["good"])


@pytest.mark.parametrize(
    "path",
    sorted([*SCHEMAS.glob("*.json"), *SCHEMAS.glob("*/*.json")]),
    ids=lambda path: f"{path.parent.name}-{path.stem}",
)
def test_every_document_is_a_schema(path: Path) -> None:
    document = schemas.read(path)
    jsonschema.Draft202012Validator.check_schema(document)
    jsonschema_rs.meta.validate(document)


@pytest.mark.slow
def test_an_editor_completes_and_checks_by_it(npm: Path, tmp_path: Path) -> None:
    schema = tmp_path / "pipeline.schema.json"
    schema.write_text(bundle.as_text(BUNDLE), encoding="utf-8")
    program = npm / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"
    head = "version: 1\nsteps:\n  one:\n"
    with LanguageServer(program, tmp_path, {schema.as_uri(): "*.yaml"}) as server:
        assert server.problems(f"{head}    model: darkroom\n    image: a.png\n    prompt: sepia\n") == []

        names = server.completions(f"{head}    model: |\n")
        assert set(CATALOGUE.models) <= set(names)
        assert names["flux-kontext"].startswith(CATALOGUE.models["flux-kontext"].document["description"])
        assert set(CATALOGUE.operations) <= set(server.completions(f"{head}    operation: |\n"))

        fields = server.completions(f"{head}    model: flux-kontext\n    |\n")
        for field, rule in CATALOGUE.models["flux-kontext"].document["properties"].items():
            assert fields[field] == rule["description"]
        assert "compression" not in fields
        by_default = server.completions(
            "version: 1\ndefaults: {model: flux-kontext}\nsteps:\n  one:\n    image: a.png\n    |\n"
        )
        assert "guidance" in by_default
        assert {"low", "medium", "high"} <= set(
            server.completions(f"{head}    model: flux-kontext\n    quality: |\n")
        )

        broken = f"{head}    model: flux-kontext\n    image: a.png\n    prompt: x\n"
        broken += "    sed: 4\n    guidance: 50\n    seed: $s\n"
        found = server.problems(broken)
        assert [(line, "sed" in message or "10" in message) for line, message in found] == [
            (7, True),
            (6, True),
        ]
        assert server.problems(f"{head}    model: flux-kontex\n    image: a.png\n    prompt: x\n")[0][0] == 3


@pytest.mark.slow
def test_an_editor_completes_a_recipe_as_soon_as_init_has_run(
    npm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_command(["init", "shop"]) == 0
    shop = tmp_path / "shop"
    program = npm / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"
    hello = (shop / "pipelines" / "hello.yaml").read_text("utf-8")
    step = "  more:\n    operation: resize\n    image: $photo\n    |\n\noutputs:"
    assert hello.count("\noutputs:") == 1

    # Any editor: the recipe's own first line says where the schema is.
    with LanguageServer(program, shop, {}) as server:
        assert server.problems(hello, "pipelines/hello.yaml") == []
        offered = server.completions(hello.replace("\noutputs:", step), "pipelines/one.yaml")
        assert {"width", "height", "fit"} <= set(offered)
        (problem,) = server.problems(hello.replace("model: darkroom", "model: darkrom"), "pipelines/two.yaml")
        assert hello.splitlines()[problem[0]].strip().startswith("model: darkroom")

    # VS Code: a file that does not say it yet, by the settings that lie beside the recipes.
    settings = json.loads((shop / ".vscode" / "settings.json").read_text("utf-8"))
    with LanguageServer(program, shop, settings["yaml.schemas"]) as server:
        deadline = time.monotonic() + 60
        # A server answers before it has read its settings.
        while not (top := server.completions("version: 1\n|\n", "pipelines/new.yaml")):
            assert time.monotonic() < deadline, "nothing is offered"
            time.sleep(0.1)
        assert {"inputs", "steps", "outputs"} <= set(top)
        models = server.completions("version: 1\nsteps:\n  one:\n    model: |\n", "pipelines/sets/new.yaml")
        assert set(CATALOGUE.models) <= set(models)
        assert "steps" not in server.completions("version: 1\n|\n", "other/new.yaml")

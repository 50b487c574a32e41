"""One JSON Schema of the language with the fields of every model and operation, for editors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from editchain.language.steps import KINDS, OF_PIPELINE_STEPS
from editchain.schemas import HOME, METASCHEMA, inline, shared

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from editchain.models import Catalogue, Model, OperationDocument
    from editchain.schemas import Schema

ADDRESS = f"{HOME}pipeline.schema.json"
"""The bundle's `$id`."""

# Fields that stand as they are written: a `$` in them begins no reference.
VERBATIM = frozenset({"after", "exclude", "for_each", "operation", "pipeline", "prompt_file", "with"})
# Fields that belong to one step and have no meaning as a default.
NEVER_DEFAULTS = ("after", "exclude", "for_each", "operation", "pipeline", "with")
RULES = ("not", "anyOf", "oneOf", "dependentRequired", "dependentSchemas")

BEGINS_REFERENCE = "\\$[A-Za-z_{]"
WHOLE = {"$ref": "#/$defs/whole"}
INSIDE = {"$ref": "#/$defs/inside"}
GATHER = {"$ref": "#/$defs/gather"}
SET_ASIDE = {"type": "null", "description": "null sets the default model aside."}
"""All that may be said of `model` in a step that uses none."""
NOTES = ("title", "description", "default", "examples")


def bundle(catalogue: Catalogue) -> Schema:
    """One draft 2020-12 schema of a pipeline file, with every `$ref` inside itself.

    A step is checked by its own model's or operation's document, as `rules.Rules` does, save for what the
    text alone cannot tell: where a reference stands any value is possible, and a rule about several fields is
    not applied while `defaults` has one of them. Warnings are not in it.
    ConfigurationError where a document of the catalogue cannot be read.
    """
    return _Bundle(catalogue).whole()


def as_text(schema: Schema) -> str:
    """A bundle as the text of a file, a line for each definition."""
    return f"{{\n{_joined(f' {_compact(key)}: {_part(key, value)}' for key, value in schema.items())}\n}}\n"


def _part(key: str, value: Any) -> str:
    if key in ("properties", "$defs"):
        inner = _joined(f"  {_compact(name)}: {_compact(one)}" for name, one in value.items())
        return f"{{\n{inner}\n }}"
    if key == "allOf":
        return f"[\n{_joined(f'  {_compact(one)}' for one in value)}\n ]"
    return _compact(value)


def _joined(lines: Iterable[str]) -> str:
    return ",\n".join(lines)


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))


class _Bundle:
    """The parts of one bundle while it is put together."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.step = shared("step.json")
        self.fields = _Fields()

    def whole(self) -> Schema:
        language = shared("language.json")
        steps = {**language["properties"]["steps"], "additionalProperties": {"$ref": "#/$defs/step"}}
        defaults = {
            "$ref": "#/$defs/defaults",
            "description": language["properties"]["defaults"]["description"],
        }
        own = self._definitions()
        return {
            **{key: value for key, value in language.items() if key != "$defs"},
            "$schema": METASCHEMA,
            "$id": ADDRESS,
            "description": "A pipeline of picture edits, with the fields of every model and operation.",
            "properties": {**language["properties"], "defaults": defaults, "steps": steps},
            "allOf": list(self._across()),
            "$defs": {**language["$defs"], **_kinds_of_fields(), **own, **self.fields.definitions},
        }

    # What stands under $defs

    def _definitions(self) -> dict[str, Schema]:
        found: dict[str, Schema] = {
            "inside": {
                "type": "string",
                "pattern": BEGINS_REFERENCE,
                "description": "Text with a reference in it.",
            },
            "gather": {"type": "string", "pattern": "^\\$.*\\*[\\]}]*$"},
            "unnamed": {"not": {"anyOf": [{"required": [kind]} for kind in KINDS]}},
            "named": {"anyOf": [{"required": [kind]} for kind in KINDS]},
            "model": self._names("model", self.catalogue.models),
            "operation": self._names("operation", self.catalogue.operations),
        }
        for kind, name, document in self._documents():
            found[f"{kind}.{name}"] = self._closed(kind, document)
            if rules := _rules(document.document):
                found[f"rules.{kind}.{name}"] = {"if": _says(kind, name), "then": _all(rules)}
        found["step"] = self._step()
        found["pipeline"] = self._pipeline()
        found["defaults"] = self._defaults()
        for field, needs in self._needs().items():
            found[f"needs.{field}"] = needs
        return found

    def _documents(self) -> Iterator[tuple[str, str, Model | OperationDocument]]:
        for name, model in self.catalogue.models.items():
            yield "model", name, model
        for name, operation in self.catalogue.operations.items():
            yield "operation", name, operation

    def _names(self, kind: str, documents: Mapping[str, Model | OperationDocument]) -> Schema:
        """The names of a kind, each with what it is, so that an editor can show them."""
        names = [{"const": name, "description": _about(one)} for name, one in documents.items()]
        others: list[Schema] = [WHOLE, {"type": "null"}] if kind == "model" else [{"type": "null"}]
        return {"description": self.step["properties"][kind]["description"], "anyOf": [*names, *others]}

    def _closed(self, kind: str, document: Model | OperationDocument) -> Schema:
        """The fields of a step that uses one document; no other may stand there."""
        schema = document.document
        only: Mapping[str, list[str]] = self.step["x-editchain"]["only"]
        properties: dict[str, Any] = {"model": SET_ASIDE, kind: True}
        for name, rule in schema["properties"].items():
            properties[name] = self.fields.add(
                name, _opened(_local(rule, schema)), is_needed=name in schema["required"]
            )
        for name in self.step["properties"]:
            if name not in properties and kind in only.get(name, [kind]):
                properties[name] = self._step_field(name)
        said = {"title": schema["title"], "description": schema["description"]}
        return {**said, "properties": properties, "additionalProperties": False}

    def _step_field(self, name: str) -> Schema:
        rule = _local(self.step["properties"][name], self.step)
        return self.fields.add(name, rule if name in VERBATIM else _opened(rule))

    def _step(self) -> Schema:
        """A step of any kind: what all may say, and the way to the document that it is checked by."""
        taken = {name for _, _, document in self._documents() for name in document.document["properties"]}
        properties: dict[str, Any] = {
            "model": {"$ref": "#/$defs/model"},
            "operation": {"$ref": "#/$defs/operation"},
        }
        for name, rule in self.step["properties"].items():
            if name not in properties:
                # Where a document has a field of the same name, the document says what may stand there.
                properties[name] = (
                    {"description": rule["description"]} if name in taken else self._step_field(name)
                )
        ways = [_when(_says(kind, name), f"{kind}.{name}") for kind, name, _ in self._documents()]
        return {
            "type": "object",
            "properties": properties,
            "allOf": [
                *ways,
                _when({"required": ["pipeline"]}, "pipeline"),
                {
                    "if": {"required": ["model"], "properties": {"model": {"type": "null"}}},
                    "then": {"anyOf": [{"required": ["operation"]}, {"required": ["pipeline"]}]},
                },
            ],
        }

    def _pipeline(self) -> Schema:
        """The fields of a step that runs another pipeline; everything else is said inside that pipeline."""
        taken = [name for name in self.step["properties"] if name in OF_PIPELINE_STEPS]
        properties = {"model": SET_ASIDE, **{name: self._step_field(name) for name in taken}}
        properties["pipeline"] = {**properties["pipeline"], "pattern": "^[^$]+$"}
        return {"title": "Pipeline", "properties": properties, "additionalProperties": False}

    def _defaults(self) -> Schema:
        """Values for every step: of a field that several documents have, what any of them takes."""
        ways: dict[str, list[Schema]] = {}
        for name, definition in self.fields.variants():
            if name not in NEVER_DEFAULTS:
                ways.setdefault(name, []).append({"$ref": f"#/$defs/{definition}"})
        properties = {name: way[0] if len(way) == 1 else {"anyOf": way} for name, way in ways.items()}
        return {
            "type": "object",
            "propertyNames": {"not": {"enum": list(NEVER_DEFAULTS)}},
            "properties": {"model": {"$ref": "#/$defs/model"}, **properties},
            "allOf": [{"additionalProperties": {"$ref": "#/$defs/something"}}],
        }

    def _needs(self) -> dict[str, Schema]:
        """By field: which steps may not lack it."""
        found: dict[str, Schema] = {}
        for field in self._needed_by_models():
            said = {"required": [field]}
            prompt = {"anyOf": [said, {"required": ["prompt_file"]}]}
            other = {"anyOf": [{"required": ["operation"]}, {"required": ["pipeline"]}]}
            found[field] = {"if": other, "else": prompt if field == "prompt" else said}
        operations: dict[str, list[str]] = {}
        for name, operation in self.catalogue.operations.items():
            for field in operation.document["required"]:
                operations.setdefault(field, []).append(name)
        for field, names in operations.items():
            needs = {
                "if": {"required": ["operation"], "properties": {"operation": {"enum": names}}},
                "then": {"required": [field]},
            }
            found[field] = {"allOf": [found[field], needs]} if field in found else needs
        return found

    def _needed_by_models(self) -> list[str]:
        """The fields that no model does without; what only some need is among the rules of those."""
        needed = [model.document["required"] for model in self.catalogue.models.values()]
        return [field for field in needed[0] if all(field in one for one in needed)] if needed else []

    # What one part of the file says of another

    def _across(self) -> Iterator[Schema]:
        default_model = {"required": ["defaults"], "properties": {"defaults": {"required": ["model"]}}}
        yield {"if": default_model, "else": _steps({"$ref": "#/$defs/named"})}
        no_null = _steps({"additionalProperties": {"$ref": "#/$defs/something"}})
        yield {"if": {"required": ["defaults"]}, "else": no_null}
        for name in self.catalogue.models:
            yield {
                "if": _default_model(name),
                "then": _steps(_when({"$ref": "#/$defs/unnamed"}, f"model.{name}")),
            }
        for field in self._needs():
            supplied = [field, "prompt_file"] if field == "prompt" else [field]
            yield {"if": _defaults_lack(supplied), "then": _steps({"$ref": f"#/$defs/needs.{field}"})}
        for kind, name, document in self._documents():
            if rules := _rules(document.document):
                lack = _defaults_lack(_mentioned(rules))
                yield {"if": lack, "then": _steps({"$ref": f"#/$defs/rules.{kind}.{name}"})}
                if kind == "model":
                    applied = {
                        "if": {"$ref": "#/$defs/unnamed"},
                        "then": {"$ref": f"#/$defs/rules.{kind}.{name}/then"},
                    }
                    yield {"if": {"allOf": [_default_model(name), lack]}, "then": _steps(applied)}


class _Fields:
    """Definitions of fields: what several documents say alike stands there once."""

    def __init__(self) -> None:
        self.definitions: dict[str, Schema] = {}
        self._names: dict[str, list[str]] = {}

    def add(self, name: str, rule: Schema, *, is_needed: bool = False) -> Schema:
        """A `$ref` to the definition of a field, with a description of its own where that differs."""
        rule = rule if is_needed else _or_null(rule)
        about = rule.get("description")
        definition = next(
            (key for key in self._names.get(name, []) if _is_alike(self.definitions[key], rule)), None
        )
        if definition is None:
            number = len(self._names.setdefault(name, [])) + 1
            definition = f"field.{name}" if number == 1 else f"field.{name}.{number}"
            self._names[name].append(definition)
            self.definitions[definition] = rule
        found = {"$ref": f"#/$defs/{definition}"}
        return (
            found
            if about == self.definitions[definition].get("description")
            else {**found, "description": about}
        )

    def variants(self) -> Iterator[tuple[str, str]]:
        """Every field's name with the name of one of its definitions."""
        for name, definitions in self._names.items():
            for definition in definitions:
                yield name, definition


def _is_alike(one: Schema, other: Schema) -> bool:
    return {**one, "description": ""} == {**other, "description": ""}


def _about(document: Model | OperationDocument) -> str:
    """A sentence about a model or operation, with the end of its life where that is known."""
    life = document.document["x-editchain"].get("life", {})
    words = [document.document["description"]]
    if life.get("shut_down_on"):
        words.append(f"Shut down: {life['shut_down_on']}.")
    if life.get("successor"):
        words.append(f"Successor: {life['successor']}.")
    return " ".join(words)


# Conditions


def _says(kind: str, name: str) -> Schema:
    return {"required": [kind], "properties": {kind: {"const": name}}}


def _when(condition: Schema, definition: str) -> Schema:
    return {"if": condition, "then": {"$ref": f"#/$defs/{definition}"}}


def _steps(schema: Schema) -> Schema:
    return {"properties": {"steps": {"additionalProperties": schema}}}


def _default_model(name: str) -> Schema:
    return {
        "required": ["defaults"],
        "properties": {"defaults": {"required": ["model"], "properties": {"model": {"const": name}}}},
    }


def _defaults_lack(names: Sequence[str]) -> Schema:
    return {"properties": {"defaults": {"propertyNames": {"not": {"enum": list(names)}}}}}


# Rules about several fields


def _rules(document: Schema) -> list[Schema]:
    """What a document says of several fields at once; none asks for a value where a reference stands."""
    rules = [_local({key: document[key]}, document) for key in RULES if key in document]
    rules += [_local(rule, document) for rule in document.get("allOf", [])]
    if "if" in document:
        rules.append(
            _local({key: document[key] for key in ("if", "then", "else") if key in document}, document)
        )
    kind = document["x-editchain"]["kind"]
    if extra := [
        name for name in document["required"] if kind == "model" and name not in ("image", "prompt")
    ]:
        rules.append({"required": extra})
    return [_unless_referred(rule) for rule in rules]


def _unless_referred(rule: Schema) -> Schema:
    names = sorted(set(_compared(rule)))
    if not names:
        return rule
    return {"if": {"properties": {name: {"not": INSIDE} for name in names}}, "then": rule}


def _compared(rule: Any) -> Iterator[str]:
    """The fields whose values a rule looks at, not only whether they are there."""
    if isinstance(rule, list):
        for one in rule:
            yield from _compared(one)
    elif isinstance(rule, dict):
        for key, value in rule.items():
            if key == "properties":
                yield from (name for name, inner in value.items() if not isinstance(inner, bool))
            elif key != "dependentRequired":
                yield from _compared(list(value.values()) if key == "dependentSchemas" else value)


def _mentioned(rule: Any) -> list[str]:
    """Every field that a rule speaks of, sorted."""
    found: set[str] = set()
    if isinstance(rule, list):
        for one in rule:
            found.update(_mentioned(one))
    elif isinstance(rule, dict):
        for key, value in rule.items():
            if key == "required":
                found.update(value)
            elif key in ("properties", "dependentSchemas"):
                found.update(value, *(_mentioned(inner) for inner in value.values() if key != "properties"))
            elif key == "dependentRequired":
                found.update(value, *value.values())
            else:
                found.update(_mentioned(value))
    return sorted(found)


def _all(rules: list[Schema]) -> Schema:
    return rules[0] if len(rules) == 1 else {"allOf": rules}


# Rules of one field


def _kinds_of_fields() -> dict[str, Schema]:
    document = shared("fields.json")
    return {name: _opened(_local(rule, document)) for name, rule in document["$defs"].items()}


def _local(rule: Any, document: Schema) -> Any:
    """A rule whose `$ref`s lead into the bundle, without what only the engine reads."""
    if isinstance(rule, list):
        return [_local(item, document) for item in rule]
    if not isinstance(rule, dict):
        return rule
    found = {
        key: _local(value, document) for key, value in rule.items() if key not in ("$ref", "x-editchain")
    }
    if message := rule.get("x-editchain", {}).get("messages", {}).get("pattern"):
        found["patternErrorMessage"] = message.replace("{value}", "this")
    reference = rule.get("$ref")
    if not isinstance(reference, str):
        return found
    if reference.partition("#")[0].endswith("fields.json"):
        return {"$ref": "#" + reference.partition("#")[2], **found}
    base = document["$id"]
    meant = inline({"$ref": reference}, base, {base: document, **_known()})
    return {**_local(meant, document), **found}


def _known() -> dict[str, Schema]:
    return {one["$id"]: one for one in (shared("fields.json"), shared("step.json"))}


def _opened(rule: Any) -> Any:
    """A rule that also takes a reference wherever the language does: in place of a value, or inside text."""
    if not isinstance(rule, dict):
        return rule
    opened = {key: _opened_part(key, value) for key, value in rule.items()}
    types = [opened["type"]] if isinstance(opened.get("type"), str) else opened.get("type", [])
    if "enum" in opened:
        return _either(opened, INSIDE)
    if "array" in types:
        return _either(_opened_list(opened), WHOLE)
    if "string" in types:
        return _opened_text(opened)
    return _either(opened, WHOLE) if {"integer", "number", "boolean"}.intersection(types) else opened


def _opened_part(key: str, value: Any) -> Any:
    if key in ("items", "additionalProperties"):
        return _opened(value)
    if key in ("anyOf", "oneOf", "allOf"):
        return [_opened(one) for one in value]
    return {name: _opened(one) for name, one in value.items()} if key == "properties" else value


def _either(rule: Schema, reference: Schema) -> Schema:
    notes = {key: rule[key] for key in NOTES if key in rule}
    return {**notes, "anyOf": [{key: value for key, value in rule.items() if key not in NOTES}, reference]}


def _opened_list(rule: Schema) -> Schema:
    """A list in which one item may stand for several."""
    if rule.get("minItems", 0) < 2:
        return rule
    rest = {key: value for key, value in rule.items() if key != "minItems"}
    return {**rest, "anyOf": [{"minItems": rule["minItems"]}, {"contains": GATHER}]}


def _opened_text(rule: Schema) -> Schema:
    """Text whose form and length count only where they are known."""
    rest = {key: value for key, value in rule.items() if key != "maxLength"}
    if "pattern" in rest:
        rest["pattern"] = f"{rest['pattern']}|{BEGINS_REFERENCE}"
    if "maxLength" in rule:
        rest["if"], rest["else"] = {"pattern": BEGINS_REFERENCE}, {"maxLength": rule["maxLength"]}
    return rest


def _or_null(rule: Schema) -> Schema:
    """The rule of a field that null may stand in for, to set a default aside."""
    if "$ref" in rule:
        return _either(rule, {"type": "null"})
    if "anyOf" in rule and "type" not in rule:
        return {**rule, "anyOf": [*rule["anyOf"], {"type": "null"}]}
    if "type" in rule:
        types = [rule["type"]] if isinstance(rule["type"], str) else rule["type"]
        return {**rule, "type": [*types, "null"]}
    return rule

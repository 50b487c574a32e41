"""The JSON Schemas: found, read, and put together from a document and what any step has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urldefrag, urljoin

from editchain.errors import ConfigurationError

if TYPE_CHECKING:
    pass

Schema = dict[str, Any]
Kind = Literal["model", "operation", "pipeline"]
Place = tuple[str | int, ...]

METASCHEMA = "https://json-schema.org/draft/2020-12/schema"
HOME = "https://editchain.dev/schemas/"
"""What every `$id` begins with; nothing is ever fetched from there."""


# Finding and reading


def folder() -> Path:
    """The folder of the schemas: the installed package's own, else the checkout's."""
    packaged = Path(__file__).parent / "_schemas"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "schemas"


def read(path: Path) -> Schema:
    """The JSON object in a file; ConfigurationError at file:line:column when it holds none."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        found = json.loads(text, object_pairs_hook=_without_duplicates)
    except json.JSONDecodeError as error:
        raise ConfigurationError(f"{path}:{error.lineno}:{error.colno}  not JSON: {error.msg}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path}:1:1  cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise ConfigurationError(f"{path}:1:1  holds {what(found)}, not a JSON object")
    return found


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]  # add gives None
        raise ValueError(f'"{twice}" stands twice in one object')
    return found


@cache
def shared(name: str) -> Schema:
    """One of the documents that all others build on, such as `step.json`; read once, not to be changed."""
    return read(folder() / name)


def place_of(text: str, path: Place) -> tuple[int, int]:
    """Line and column, from 1, of the value at `path` in a JSON text, or of what is around its place."""
    decoder = json.JSONDecoder()
    at = _skip(text, 0)
    for key in path:
        inner = next((start for name, start in _members(text, at, decoder) if name == key), None)
        if inner is None:
            break
        at = inner
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def _members(text: str, at: int, decoder: json.JSONDecoder) -> Iterator[tuple[str | int, int]]:
    """The keys or numbers of what stands in an object or list, with where each value begins."""
    keyed, count = text[at] == "{", 0
    if not keyed and text[at] != "[":
        return
    at = _skip(text, at + 1)
    while text[at] not in "}]":
        name: str | int = count
        if keyed:
            name, at = decoder.raw_decode(text, at)
            at = _skip(text, _skip(text, at) + 1)
        yield name, at
        _, at = decoder.raw_decode(text, at)
        at, count = _skip(text, at), count + 1
        if text[at] == ",":
            at = _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    found = re.compile(r"[ \t\r\n\ufeff]*").match(text, at)
    return found.end() if found else at


# Putting a document and the step's own fields together

ANNOTATIONS = frozenset(
    {"title", "description", "default", "examples", "deprecated", "$comment", "x-editchain"}
)


def inline(schema: Any, base: str, documents: Mapping[str, Schema], chain: tuple[str, ...] = ()) -> Any:
    """The schema with every `$ref` replaced by what it points at, so that nothing has to be looked up later.

    ConfigurationError for one that points outside `documents` (by `$id`), or back at itself.
    """
    if isinstance(schema, list):
        return [inline(item, base, documents, chain) for item in schema]
    if not isinstance(schema, dict):
        return schema
    said = {
        key: inline(value, base, documents, chain) if isinstance(value, (dict, list)) else value
        for key, value in schema.items()
    }
    if not isinstance(schema.get("$ref"), str) or schema["$ref"] == METASCHEMA:
        return said
    del said["$ref"]
    address, pointer = _address(base, schema["$ref"])
    target = _at_pointer(documents.get(address), pointer)
    if target is None or f"{address}#{pointer}" in chain:
        raise ConfigurationError(f'{base}: the $ref "{schema["$ref"]}" leads to no schema of editchain')
    meant = inline(target, address, documents, (*chain, f"{address}#{pointer}"))
    if any(key in meant and key not in ANNOTATIONS for key in said):
        return {**said, "allOf": [*said.get("allOf", []), meant]}
    return {**meant, **said}


@cache
def _address(base: str, reference: str) -> tuple[str, str]:
    address, pointer = urldefrag(urljoin(base, reference))
    return address, pointer


def _at_pointer(document: Any, pointer: str) -> Any:
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        document = document.get(key) if isinstance(document, dict) else None
    return document


def closed(document: Schema, kind: Kind, common: Mapping[str, Any] | None = None) -> Schema:
    """The rules of a document and of any step as one schema that refuses other fields; no `$ref` is left.

    `common` are the rules for what any step has, where they are not to be what they are.
    """
    common = step_fields(kind) if common is None else common
    fields = shared("fields.json")
    base = document.get("$id", f"{HOME}{kind}s/unnamed.json")
    known = {fields["$id"]: fields, base: document}
    rules = {key: value for key, value in document.items() if not key.startswith(("$", "x-"))}
    return {
        **inline(rules, base, known),
        "type": "object",
        "properties": {**common, **inline(document.get("properties", {}), base, known)},
        "additionalProperties": False,
    }


@cache
def step_fields(kind: Kind) -> Schema:
    """The rules for the fields that any step of a kind has; no `$ref` is left."""
    step, fields = shared("step.json"), shared("fields.json")
    only: dict[str, list[str]] = step["x-editchain"]["only"]
    own = {name: rule for name, rule in step["properties"].items() if kind in only.get(name, [kind])}
    found: Schema = inline(own, step["$id"], {step["$id"]: step, fields["$id"]: fields})
    return found


# What values are called

TYPES: Mapping[str, str] = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}


def type_of(value: object) -> str:
    if value is None:
        return "null"
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return next(name for kind, name in kinds.items() if isinstance(value, kind))


def what(value: object) -> str:
    return TYPES[type_of(value)]

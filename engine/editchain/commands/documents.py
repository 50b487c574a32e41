"""Documents of models and operations in words: fields with types, limits and defaults."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from editchain.schemas import shared

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from editchain.models import Model, OperationDocument

WIDTH = 100

_KINDS: dict[str, tuple[str, str]] = {
    "image": ("picture", "pictures"),
    "mask": ("mask picture", "mask pictures"),
    "images": ("list of pictures", "lists of pictures"),
    "colour": ("colour", "colours"),
    "box": ("box", "boxes"),
    "aspect_ratio": ("aspect ratio", "aspect ratios"),
}
"""Shared kinds of fields: one, and several."""

_TYPES: dict[str, tuple[str, str]] = {
    "string": ("text", "texts"),
    "integer": ("whole number", "whole numbers"),
    "number": ("number", "numbers"),
    "boolean": ("true or false", "true or false"),
    "object": ("mapping", "mappings"),
    "null": ("null", "null"),
}


def heading(title: str) -> str:
    """A heading of a part, with an empty line before it."""
    return f"\n{title}"


def paragraph(text: str, indent: str = "") -> Iterator[str]:
    """A text in lines that a terminal holds."""
    yield from textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent)


def field_lines(document: Model | OperationDocument) -> Iterator[str]:
    """Every field: name and kind in a line, what it does below it."""
    properties: Mapping[str, Any] = document.document["properties"]
    required = document.document.get("required", [])
    for name, rule in properties.items():
        yield f"  {name}: {', '.join(_facts(rule, is_required=name in required))}"
        if "description" in rule:
            yield from paragraph(rule["description"], "      ")


def refusal_lines(document: Model | OperationDocument) -> Iterator[str]:
    """What holds of several fields together, as the messages say it that refuse the rest."""
    for message in dict.fromkeys(document.document["x-editchain"].get("messages", {}).values()):
        yield from _bullet(message)


def warning_lines(document: Model | OperationDocument) -> Iterator[str]:
    """What would silently be ignored or replaced, and what to do instead."""
    for warning in document.document["x-editchain"].get("warnings", []):
        instead = f" {_sentence(warning['instead'])}" if warning.get("instead") else ""
        yield from _bullet(f"{_sentence(warning['message'])}{instead}")


def _bullet(text: str) -> Iterator[str]:
    yield from textwrap.wrap(_sentence(text), WIDTH, initial_indent="  - ", subsequent_indent="    ")


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _facts(rule: Mapping[str, Any], *, is_required: bool) -> Iterator[str]:
    yield kind_of(rule)
    yield from _limits(_whole(rule))
    if is_required:
        yield "required"
    if "default" in rule:
        yield f"{_value(rule['default'])} when not given"
    if rule.get("examples"):
        yield f"such as {_value(rule['examples'][0])}"


def _whole(rule: Mapping[str, Any]) -> Mapping[str, Any]:
    """A rule with what it refers to; the shared kinds of pictures and colours need no more words."""
    name = _shared_name(rule)
    if name is None or name in _KINDS:
        return rule
    definitions: Mapping[str, Any] = shared("fields.json")["$defs"]
    return {**definitions[name], **rule}


def _shared_name(rule: Mapping[str, Any]) -> str | None:
    found: str = rule.get("$ref", "").rpartition("/$defs/")[2]
    return found or None


def kind_of(rule: Mapping[str, Any], *, several: bool = False) -> str:
    """What a field holds, in words."""
    at = 1 if several else 0
    name = _shared_name(rule)
    if name in _KINDS:
        return _KINDS[name][at]
    rule = _whole(rule)
    if "enum" in rule:
        return f"{'each ' if several else ''}one of {', '.join(map(choice, rule['enum']))}"
    if rule.get("type") == "array":
        inner = kind_of(rule.get("items", {}), several=True)
        return f"list{'s' if several else ''} of {inner}"
    types: str | Sequence[str] = rule.get("type", "string")
    names = [types] if isinstance(types, str) else types
    return " or ".join(_TYPES[one][at] for one in names if one in _TYPES) or "any value"


def _limits(rule: Mapping[str, Any]) -> Iterator[str]:
    yield from _between(rule, "minimum", "maximum", "")
    if "exclusiveMinimum" in rule:
        yield f"more than {_value(rule['exclusiveMinimum'])}"
    yield from _between(
        {key: value for key, value in rule.items() if value != 1}, "minLength", "maxLength", "characters"
    )
    yield from _between(
        {key: value for key, value in rule.items() if value != 1}, "minItems", "maxItems", "items"
    )


def _between(rule: Mapping[str, Any], least: str, most: str, unit: str) -> Iterator[str]:
    unit = f" {unit}" if unit else ""
    if least in rule and most in rule:
        low, high = rule[least], rule[most]
        yield f"{low}{unit}" if low == high else f"{low:,} to {high:,}{unit}"
    elif most in rule:
        yield f"at most {rule[most]:,}{unit if rule[most] != 1 else unit.removesuffix('s')}"
    elif least in rule:
        yield f"at least {rule[least]:,}{unit}"


def choice(value: object) -> str:
    """One of the values that a field may have; width and height as a person writes them."""
    return "×".join(map(str, value)) if isinstance(value, list) else _value(value)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)

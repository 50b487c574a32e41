"""Declaring: a pipeline's inputs as a program reads them, each with the JSON Schema of what it takes. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from editchain.language.syntax import Map, Seq

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PICTURE = {
    "type": "string",
    "minLength": 1,
    "description": "A picture: the id of an asset, a data: URL, or an https: address.",
}
_SCALARS = ("string", "integer", "number", "boolean")
_OWN_NAMES = {"enum": "choices", "minimum": "min", "maximum": "max"}


def inputs(head: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The inputs that a pipeline file declares, in its order; what is no declaration is passed over."""
    declared = head.get("inputs")
    for name, raw in declared.items() if isinstance(declared, Map) else ():
        if not isinstance(raw, Map) or not isinstance(raw.get("type"), str):
            continue
        document = {
            "name": name,
            "type": raw["type"],
            "description": raw["description"] if isinstance(raw.get("description"), str) else None,
            "required": "default" not in raw,
            "default": plain(raw.get("default")),
        }
        for field in ("enum", "minimum", "maximum", "pattern", "of", "columns", "key"):
            if field in raw:
                document[_OWN_NAMES.get(field, field)] = plain(raw[field])
        yield document | {"schema": schema(raw)}


def plain(value: Any) -> Any:
    """A value of a document as JSON has it."""
    if isinstance(value, (Map, dict)):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, (Seq, list, tuple)):
        return [plain(one) for one in value]
    return value if value is None or isinstance(value, (str, bool, int, float)) else str(value)


def schema(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON Schema of what an input takes."""
    made = _schema(raw)
    if isinstance(raw.get("description"), str):
        made = {**made, "description": raw["description"]}
    is_nothing = "default" in raw and raw["default"] is None
    return {"anyOf": [made, {"type": "null"}]} if is_nothing else made


def _schema(raw: Mapping[str, Any]) -> dict[str, Any]:
    kind = raw["type"]
    if kind in ("image", "images"):
        return {"anyOf": [PICTURE, {"type": "array", "items": PICTURE, "minItems": 1}]}
    if kind == "list":
        of = raw.get("of")
        item = PICTURE if of == "image" else _scalar(of if of in _SCALARS else None, raw)
        return {"type": "array", "minItems": 1, "items": item}
    if kind == "table":
        columns = raw.get("columns")
        named = columns if isinstance(columns, Map) else {}
        properties = {name: PICTURE if of == "image" else _scalar(of, {}) for name, of in named.items()}
        row = {"type": "object", "minProperties": 1, "properties": properties, "required": list(named)}
        return {"type": "array", "minItems": 1, "items": row}
    return _scalar(kind, raw)


def _scalar(kind: Any, raw: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"type": kind if kind in _SCALARS else ["string", "number", "boolean"]}
    return made | {
        field: plain(raw[field]) for field in ("enum", "minimum", "maximum", "pattern") if field in raw
    }

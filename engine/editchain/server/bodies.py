"""Bodies: what requests send, held against the schemas that the API's document shows, in the words of Scenario's API. Pure."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from editchain import schemas
from editchain.server.asking import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jsonschema_rs import Draft202012Validator, ValidationError

_NOUNS = {
    "string": "a string", "integer": "a whole number", "number": "a number", "boolean": "true or false", "array": "an array",
    "object": "an object",
}  # fmt: skip


@cache
def document() -> dict[str, Any]:
    """The schemas of all bodies, under `$defs`."""
    folder = schemas.folder() / "server"
    found: dict[str, Any] = schemas.read(folder / "api.json")
    legacy = {key: one for key, one in schemas.read(folder / "prompt-editing.json").items() if key[0] != "$"}
    return {**found, "$defs": {**found["$defs"], "promptEditing": legacy}}


@cache
def _validator(name: str) -> Draft202012Validator:
    import jsonschema_rs

    return jsonschema_rs.Draft202012Validator({**document(), "$ref": f"#/$defs/{name}"})


def check(name: str, body: dict[str, Any]) -> None:
    """Raises Refusal where a body is not as the schema of that name says; the first problem is told."""
    error = next(_validator(name).iter_errors(body), None)
    if error is not None:
        raise Refusal(400, _words(error))


def _words(error: ValidationError) -> str:
    from jsonschema_rs import ValidationErrorKind as Kind

    kind = error.kind
    steps = list(error.instance_path)
    name = f"Input {_path(steps)}"
    match kind:
        case Kind.Required():
            return f"Input {_path([*steps, kind.property])} is required"
        case Kind.AdditionalProperties():
            return f"Input {_path([*steps, kind.unexpected[0]])} is not allowed"
        case Kind.Type() if steps and isinstance(steps[-1], int):
            noun = _NOUNS[kind.types[0]].partition(" ")[2]
            return f"Input {_path(steps[:-1])} must be an array of {noun}s"
        case Kind.Type():
            return f"{name} must be {' or '.join(_NOUNS[one] for one in kind.types if one in _NOUNS)}"
        case Kind.MinLength():
            return f"{name} is required"
        case Kind.MaxItems():
            return f"{name} must be at most {kind.limit} items long"
        case Kind.Minimum():
            return f"{name} must be at least {kind.limit:.0f}"
        case Kind.Maximum():
            return f"{name} must be at most {kind.limit:.0f}"
        case Kind.Enum():
            known = [str(one) for one in kind.options if one is not None]
            return f"{name} must be {'one of ' if len(known) > 1 else ''}{', '.join(known)}"
        case Kind.Pattern():
            return f"{name} must look like {_example(str(steps[-1]))}"
        case _:
            return f"{name}: {error.message[:200]}"


def _path(steps: Sequence[str | int]) -> str:
    """Where something stands in a body: `concepts[0].scale`."""
    shown = "".join(f"[{step}]" if isinstance(step, int) else f".{str(step)[:80]}" for step in steps)
    return shown.removeprefix(".") or "the body"


def _example(name: str) -> str:
    """An example of a property, wherever the schemas have one of that name."""
    found = (
        each["properties"][name]["examples"][0]
        for each in document()["$defs"].values()
        if "examples" in each.get("properties", {}).get(name, {})
    )
    return str(next(found, "the schema says"))

"""Misfits: what does not fit the rules of a model or an operation, in words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from editchain.classes import dataclass
from editchain.diagnostics import did_you_mean, one_of
from editchain.schemas import TYPES, Place, Schema, shared, type_of, what

if TYPE_CHECKING:
    from jsonschema_rs import ValidationError


@dataclass(frozen=True, slots=True)
class RuleProblem:
    """One thing wrong with the fields of a step.

    `path` leads from the step to the value, or to the key where `at_key` says so; () is the step itself.
    `message` is a whole sentence, `suggestion` another one to put after it.
    """

    path: Place
    at_key: bool
    severity: Literal["error", "warning"]
    code: str
    message: str
    suggestion: str | None = None


AS_ELSEWHERE: Mapping[str, str] = {
    **dict.fromkeys(("needs", "depends_on", "requires"), "after"),
    **dict.fromkeys(("matrix", "foreach", "each", "loop"), "for_each"),
}
"""What other languages call fields of a step."""

# Of two problems with one value, the one whose code stands first is the cause.
RANK = ("unknown-field", "missing-field", "wrong-type", "not-one-of", "pattern")


class Wording:
    """Turns a validator's errors about one instance into sentences of ours."""

    def __init__(
        self,
        schema: Schema,
        instance: Mapping[str, object],
        name: str,
        messages: Mapping[str, str] | None = None,
        elsewhere: Mapping[str, str] | None = None,
    ) -> None:
        self.schema, self.instance, self.name = schema, instance, name
        self.messages, self.elsewhere = messages or {}, elsewhere or {}

    def of_all(self, errors: Iterable[ValidationError]) -> list[RuleProblem]:
        """One problem for each cause: fields that are missing in one place are one."""
        missing: dict[Place, list[str]] = {}
        found: list[RuleProblem] = []
        for error in errors:
            kind: Any = error.kind
            where = [str(part) for part in error.schema_path]
            if (
                kind.name == "required"
                and where[0] != "dependentRequired"
                and not self._message_between(where)
            ):
                missing.setdefault(tuple(error.instance_path), []).append(kind.property)
            else:
                found.extend(self.of(error))
        return _tidy([*found, *self._missing(missing, found)])

    def _missing(self, missing: Mapping[Place, list[str]], found: list[RuleProblem]) -> Iterator[RuleProblem]:
        """The fields that are not there; those that are there under a misspelt name have been spoken of."""
        for path, names in missing.items():
            near = [p.suggestion or "" for p in found if p.code == "unknown-field" and p.path[:-1] == path]
            names = [f'"{name}"' for name in names if not any(f'"{name}"' in sentence for sentence in near)]
            if names:
                are = "is" if len(names) == 1 else "are"
                message = f"{self._owner(path)} needs {' and '.join(names)}, which {are} not given"
                yield self._problem(path, "missing-field", message)

    def _owner(self, path: Place) -> str:
        return dotted(path) if path else self.name

    def of(self, error: ValidationError) -> Iterator[RuleProblem]:
        path: Place = tuple(error.instance_path)
        where = [str(part) for part in error.schema_path]
        kind: Any = error.kind
        if where[0] == "dependentRequired":
            yield from self._dependents(kind.property)
        elif (message := self._message_between(where)) is not None:
            yield self._problem(path or self._trigger(where), "rule", message, at_key=not path)
        elif (message := self._message_of(kind.name, where, path)) is not None:
            yield self._problem(path, _code(kind.name), message, self._meant(kind.name, where, path))
        elif kind.name == "additionalProperties":
            yield from (self._unknown((*path, name), where) for name in kind.unexpected)
        elif kind.name in ("anyOf", "oneOf"):
            yield from self._alternatives(error, path, where)
        else:
            yield self._single(error, path, where)

    def _message_between(self, where: Sequence[str]) -> str | None:
        """The document's sentence for a rule between fields, if it has one."""
        whole = "/".join(where)
        fits = [key for key in self.messages if f"{whole}/".startswith(f"{key}/")]
        return self.messages[max(fits, key=len)] if fits else None

    def _message_of(self, keyword: str, where: Sequence[str], path: Place) -> str | None:
        """The sentence that a field's own schema has for one of its keywords."""
        own = _walk(self.schema, where[:-1]).get("x-editchain", {}).get("messages", {})
        return own[keyword].replace("{value}", show(self._value(path))) if keyword in own else None

    def _meant(self, keyword: str, where: Sequence[str], path: Place) -> str | None:
        # A field's own sentence says how a list has to look.
        types = set(_types(_walk(self.schema, where[:-1]))) - {"array"}
        if keyword == "pattern":
            types -= {"string"}
        return _as_meant(self._value(path), types)

    def _dependents(self, missing: str) -> Iterator[RuleProblem]:
        for field, needs in self.schema["dependentRequired"].items():
            if field in self.instance and missing in needs:
                message = self.messages.get(f"dependentRequired/{field}", f"{field} needs {missing} as well")
                yield self._problem((field,), "rule", message, at_key=True)

    def _trigger(self, where: Sequence[str]) -> Place:
        """The last of the step's fields that a rule between fields speaks of; () where it has none."""
        named = {where[1]} if where[0] == "dependentSchemas" else set(_named(_walk(self.schema, where)))
        return next(((name,) for name in reversed(list(self.instance)) if name in named), ())

    def _unknown(self, path: Place, where: Sequence[str]) -> RuleProblem:
        name = str(path[-1])
        if len(path) == 1 and name in self.elsewhere:
            return self._problem(path, "unknown-field", self.elsewhere[name], at_key=True)
        known = _walk(self.schema, where[:-1]).get("properties", {})
        message = f'{self._owner(path[:-1])} has no field "{name}"'
        own = [one for one in known if len(path) > 1 or one not in shared("step.json")["properties"]]
        meant = AS_ELSEWHERE.get(name) if len(path) == 1 else None
        offer = f'Write "{meant}".' if meant in known else did_you_mean(name, known)
        offer = offer or (f"It takes {one_of(own)}." if own else None)
        return self._problem(path, "unknown-field", message, offer, at_key=True)

    def _alternatives(
        self, error: ValidationError, path: Place, where: Sequence[str]
    ) -> Iterator[RuleProblem]:
        """The errors of the branch that was meant, if one has the value's type, else one about the type."""
        branches: list[list[ValidationError]] = getattr(error.kind, "context", [])
        forms: list[Any] = _walk(self.schema, where)
        near = [n for n, branch in enumerate(branches) if not _has_other_type(branch, path)]
        least = min((_distance(branches[n]) for n in near), default=0)
        nearest = [n for n in near if _distance(branches[n]) == least]
        if len(nearest) == 1:
            for inner in branches[nearest[0]]:
                yield from self.of(inner)
        elif nearest:
            keys = [f'"{name}"' for n in nearest for name in forms[n].get("required", [])]
            wanted = f"needs {' or '.join(keys)}" if keys else "fits none of the forms that it can have"
            yield self._problem(path, "rule", f"{dotted(path)} {wanted}")
        else:
            yield self._wrong_type(path, [word for form in forms for word in _types(form)])

    def _single(self, error: ValidationError, path: Place, where: Sequence[str]) -> RuleProblem:
        value: Any = self._value(path)
        kind: Any = error.kind
        rule = _walk(self.schema, where[:-1])
        match kind.name:
            case "required":
                message = f'{self._owner(path)} needs "{kind.property}", which is not given'
                return self._problem(path, "missing-field", message)
            case "type":
                return self._wrong_type(path, [str(t) for t in kind.types])
            case "enum" | "const":
                return self._none_of(path, kind.options if kind.name == "enum" else [kind.expected_value])
            case "minItems" | "maxItems" | "minLength" | "maxLength" | "minProperties" | "maxProperties":
                return self._amount(path, kind.name, kind.limit, rule)
            case "pattern":
                looks = ", ".join(show(example, bare=True) for example in rule.get("examples", []))
                message = f"{show(value)} does not have the form that is wanted" + (
                    f", such as {looks}" * bool(looks)
                )
                return self._problem(path, "pattern", message, None if looks else rule.get("description"))
            case "falseSchema":
                return self._problem(path, "rule", f"{dotted(path)} may not stand here", at_key=True)
            case "propertyNames":
                return self._key(path, kind.error, rule)
            case "uniqueItems":
                return self._problem(path, "rule", f"{dotted(path)} says the same twice")
            case name if name in _BOUNDS:
                return self._problem(path, "out-of-range", _BOUNDS[name](show(value), _number(kind)))
            case _:
                return self._problem(
                    path, "rule", f"{show(value)} is against a rule of {self.name}: {kind.name}"
                )

    def _key(self, path: Place, error: ValidationError, rule: Schema) -> RuleProblem:
        key = str(error.instance)
        own = rule.get("x-editchain", {}).get("messages", {})
        message = own.get(error.kind.name, "{value} is not allowed as a key here").replace(
            "{value}", show(key)
        )
        return self._problem((*path, key), "pattern", message, at_key=True)

    def _wrong_type(self, path: Place, wanted: Sequence[str]) -> RuleProblem:
        value = self._value(path)
        if isinstance(value, list) and set(wanted) == {"string", "object"} and path != ("protect",):
            message = "one image is wanted here, not a list"
            hint = "Write it without [ ]; for several, loop over them with for_each."
            return self._problem(path, "wrong-type", message, hint)
        words = [
            TYPES[name] for name in TYPES if name in wanted and not (name == "integer" and "number" in wanted)
        ]
        message = f"{show(value)} is not {' or '.join(words)}"
        return self._problem(path, "wrong-type", message, _as_meant(value, wanted))

    def _none_of(self, path: Place, options: Sequence[object]) -> RuleProblem:
        value = self._value(path)
        listed = ", ".join(show(option, bare=True) for option in options)
        message = (
            f"{show(value)} is none of {listed}" if len(options) > 1 else f"{show(value)} is not {listed}"
        )
        meant = [o for o in options if show(o, bare=True) == show(value, bare=True)]
        near = (
            did_you_mean(value, [o for o in options if isinstance(o, str)])
            if isinstance(value, str)
            else None
        )
        return self._problem(
            path, "not-one-of", message, near or _as_meant(value, [type_of(o) for o in meant])
        )

    def _amount(self, path: Place, keyword: str, limit: int, rule: Schema) -> RuleProblem:
        value = self._value(path)
        size = len(value) if isinstance(value, (str, list, dict)) else 0
        too_many = keyword.startswith("max")
        if keyword.endswith("Length"):
            noun = "characters" if size != 1 else "character"
        elif keyword.endswith("Items"):
            noun = _noun(path, size)
        else:
            noun = "entries" if size != 1 else "entry"
        if size == 0:
            message = f"{dotted(path)} is empty"
        elif rule.get("minItems") == rule.get("maxItems") == limit:
            message = f"{size} {noun} where {limit} are wanted"
        elif too_many and len(path) == 1:
            message = f"{size} {noun} are more than the {limit} that {self.name} takes"
        elif too_many:
            message = f"{size} {noun} are more than the most, {limit}"
        else:
            message = f"{size} {noun} {'is' if size == 1 else 'are'} fewer than the least, {limit}"
        return self._problem(path, "too-many" if too_many else "too-few", message)

    def _problem(
        self, path: Place, code: str, message: str, suggestion: str | None = None, *, at_key: bool = False
    ) -> RuleProblem:
        return RuleProblem(path, at_key and bool(path), "error", code, sentence(message), suggestion)

    def _value(self, path: Place) -> Any:
        value: Any = self.instance
        for key in path:
            value = value[key]
        return value


_BOUNDS: Mapping[str, Callable[[str, str], str]] = {
    "minimum": lambda value, limit: f"{value} is less than the least, {limit}",
    "maximum": lambda value, limit: f"{value} is more than the most, {limit}",
    "exclusiveMinimum": lambda value, limit: f"{value} is too small: it has to be more than {limit}",
    "exclusiveMaximum": lambda value, limit: f"{value} is too large: it has to be less than {limit}",
    "multipleOf": lambda value, limit: f"{value} is not a multiple of {limit}",
}


def _has_other_type(branch: Iterable[ValidationError], path: Place) -> bool:
    return any(error.kind.name == "type" and tuple(error.instance_path) == path for error in branch)


def _distance(branch: Iterable[ValidationError]) -> int:
    """How far a value is from a branch: a key too many or too few weighs more than a value out of range."""
    return sum(100 if error.kind.name in ("required", "additionalProperties") else 1 for error in branch)


def _named(rule: Any) -> Iterator[str]:
    """Every field that a rule between fields speaks of."""
    if isinstance(rule, list):
        for part in rule:
            yield from _named(part)
    elif isinstance(rule, dict):
        yield from rule.get("required", [])
        yield from rule.get("properties", {})
        for keyword in ("not", "anyOf", "oneOf", "allOf", "if", "then", "else"):
            yield from _named(rule.get(keyword))


def _number(kind: Any) -> str:
    limit = kind.multiple_of if kind.name == "multipleOf" else kind.limit
    return f"{limit:g}" if isinstance(limit, float) else str(limit)


def _code(keyword: str) -> str:
    codes = {"type": "wrong-type", "enum": "not-one-of", "const": "not-one-of", "pattern": "pattern"}
    codes |= dict.fromkeys(_BOUNDS, "out-of-range") | {
        "required": "missing-field",
        "propertyNames": "pattern",
    }
    codes |= {"minItems": "too-few", "minLength": "too-few", "maxItems": "too-many", "maxLength": "too-many"}
    return codes.get(keyword, "rule")


def _tidy(problems: Iterable[RuleProblem]) -> list[RuleProblem]:
    """One problem for each cause: of several about one value, the first in rank.

    What a mapping as a whole lacks may be what stands in it under a name that it does not have.
    """
    problems = list(problems)
    strange = {one.path[:-1] for one in problems if one.code == "unknown-field"}
    kept: dict[tuple[Place, bool, str], RuleProblem] = {}
    for problem in problems:
        if problem.code == "rule" and problem.path in strange:
            continue
        key = (
            problem.path,
            problem.at_key,
            problem.message if problem.code in ("rule", "missing-field") else "",
        )
        if key not in kept or _rank(problem) < _rank(kept[key]):
            kept[key] = problem
    return list(kept.values())


def _rank(problem: RuleProblem) -> int:
    return RANK.index(problem.code) if problem.code in RANK else len(RANK)


def _walk(schema: Any, where: Sequence[str]) -> Any:
    """The part of a schema that an error's path leads to; {} where it leads out of what is at hand."""
    for part in where:
        schema = schema[int(part)] if isinstance(schema, list) else schema.get(part, {})
    return schema


def _types(rule: Any) -> list[str]:
    if not isinstance(rule, dict):
        return []
    said = rule.get("type", [type_of(option) for option in rule.get("enum", [])])
    return [said] if isinstance(said, str) else list(said)


def _as_meant(value: object, wanted: Iterable[str]) -> str | None:
    """How to write a value in the type that is wanted, where quotes or brackets are all it takes."""
    wanted = set(wanted)
    if isinstance(value, str) and "string" not in wanted:
        if _type_in_text(value) in wanted | ({"integer"} if "number" in wanted else set()):
            return f"Write {value} without the quotes."
        return f"Write [{value}]." if wanted == {"array"} else None
    if isinstance(value, (int, float)) and "array" in wanted:
        return f"Write [{show(value)}]."
    if isinstance(value, (int, float)) and "string" in wanted and "integer" not in wanted:
        return f'Put it in quotes: "{show(value)}".'
    return None


def _type_in_text(text: str) -> str:
    try:
        return type_of(json.loads(text))
    except (ValueError, RecursionError):
        return "string"


def show(value: object, *, bare: bool = False) -> str:
    """A value as a message shows it: short, text in quotes unless `bare`."""
    if isinstance(value, list) and len(value) == 2 and all(type(one) is int for one in value):
        return json.dumps(value)
    if isinstance(value, (dict, list)):
        return what(value)
    if isinstance(value, str):
        short = value if len(value) <= 60 else value[:57] + "..."
        return short if bare else json.dumps(short, ensure_ascii=False)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**30:
        return "a number of more than 30 digits"
    return json.dumps(value)


def dotted(path: Place) -> str:
    """A path as people write it: `concepts[0].scale`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def _noun(path: Place, size: int) -> str:
    """What the items of a list are called: the field's own name, where it is a plural."""
    name = str(path[-1]).replace("_", " ") if path else ""
    if not name.endswith("s") or isinstance(path[-1], int):
        name = "items"
    return name[:-1] if size == 1 else name


def article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def sentence(words: str, *, capital: bool = False) -> str:
    """Words with the full stop, and where asked the capital letter, that they may lack."""
    return (words[:1].upper() + words[1:] if capital else words) + ("" if words.endswith((".", "?")) else ".")

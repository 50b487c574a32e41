"""Rules: the schemas of models and operations, compiled and applied to the fields of a step."""

from __future__ import annotations

from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Literal

from editchain import sizes
from editchain.misfits import RuleProblem, Wording, article, sentence, show
from editchain.schemas import closed, inline, shared, step_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jsonschema_rs import Draft202012Validator

    from editchain.schemas import Kind, Schema


def meta_problems(document: Schema, kind: Literal["model", "operation"]) -> list[RuleProblem]:
    """What the meta-schema of its kind finds wrong with a document; empty when nothing."""
    import jsonschema_rs

    common = shared("meta/document.schema.json")
    own = shared(f"meta/{kind}.schema.json")
    meta = inline(own, own["$id"], {own["$id"]: own, common["$id"]: common})
    errors = jsonschema_rs.validator_for(meta).iter_errors(document)
    return Wording(meta, document, f"a document of {article(kind)}").of_all(errors)


@cache
def _are_common_valid(kind: Kind, except_for: frozenset[str]) -> Callable[[Mapping[str, object]], bool]:
    """Says of a step's fields that those which any step of its kind has are valid; compiled once for all documents."""
    rules = {name: rule for name, rule in step_fields(kind).items() if name not in except_for}
    return _compiled({"properties": rules}).is_valid


class Rules:
    """The compiled rules for the fields of a step that uses one model, operation or sub-pipeline.

    `name` is what messages call it. Nothing is compiled before it is first asked. Fields are plain data as
    written: dict and list (or subclasses of them), str, int, float, bool, None. Defaults of the documents are
    not to be filled in before, for a warning may stand on what is written.
    """

    def __init__(self, name: str, document: Schema, kind: Kind) -> None:
        self.name = name
        self.kind: Kind = kind
        self._document = document

    @cached_property
    def schema(self) -> Schema:
        """Every rule for the step's fields in one schema: closed, and without a `$ref`."""
        return closed(self._document, self.kind)

    def is_valid(self, fields: Mapping[str, object]) -> bool:
        """Whether there is neither an error nor a warning about a step's fields."""
        return (
            self._is_common_valid(fields)
            and self._is_own_valid(fields)
            and not (self._measures and any(self._size_problems(fields)))
        )

    @cached_property
    def _is_common_valid(self) -> Callable[[Mapping[str, object]], bool]:
        return _are_common_valid(
            self.kind, frozenset(step_fields(self.kind).keys() & self._document.get("properties", {}).keys())
        )

    @cached_property
    def _is_own_valid(self) -> Callable[[Mapping[str, object]], bool]:
        own = closed(self._document, self.kind, dict.fromkeys(step_fields(self.kind), True))
        refused = [{"not": warning["when"]} for warning in self._warnings]
        return _compiled({"allOf": [own, *refused]} if refused else own).is_valid

    def problems(self, fields: Mapping[str, object]) -> list[RuleProblem]:
        """Every error and warning about a step's fields, one for each cause, in the order of the fields."""
        wording = Wording(self.schema, fields, self.name, self._messages, self._elsewhere)
        errors = wording.of_all(self._validator.iter_errors(fields))
        wrong = {problem.path[:1] for problem in errors}
        errors += [one for one in self._size_problems(fields) if one.path not in wrong]
        warnings = [
            _warning(warning, fields)
            for warning, applies in self._compiled_warnings
            if (warning["field"],) not in wrong and applies.is_valid(fields)
        ]
        order = {name: number for number, name in enumerate(fields)}
        return sorted([*errors, *warnings], key=lambda p: order.get(str(p.path[0]), -1) if p.path else -1)

    @cached_property
    def _measures(self) -> Mapping[str, Callable[[object], str | None]]:
        """The fields that are sizes or boxes with more rules than JSON Schema has words for, and what says them."""
        found: dict[str, Callable[[object], str | None]] = {}
        for name, rule in self._document.get("properties", {}).items():
            if "size" in rule.get("x-editchain", {}):
                found[name] = partial(sizes.problem, rule=rule["x-editchain"]["size"])
            elif rule.get("$ref", "").endswith("/$defs/box"):
                found[name] = sizes.box_problem
        return found

    def _size_problems(self, fields: Mapping[str, object]) -> Iterator[RuleProblem]:
        for name, problem in self._measures.items():
            message = problem(fields.get(name))
            if message is not None:
                yield RuleProblem((name,), False, "error", "out-of-range", sentence(message))

    @cached_property
    def _validator(self) -> Draft202012Validator:
        return _compiled(self.schema)

    @cached_property
    def _compiled_warnings(self) -> list[tuple[Schema, Draft202012Validator]]:
        return [(warning, _compiled(warning["when"])) for warning in self._warnings]

    @property
    def _warnings(self) -> list[Schema]:
        found: list[Schema] = self._document.get("x-editchain", {}).get("warnings", [])
        return found

    @property
    def _messages(self) -> Mapping[str, str]:
        found: Mapping[str, str] = self._document.get("x-editchain", {}).get("messages", {})
        return found

    @property
    def _elsewhere(self) -> Mapping[str, str]:
        """Fields that some step has, but none of this kind, with the reason."""
        only: dict[str, list[str]] = shared("step.json")["x-editchain"]["only"]
        return {
            name: f"{name} has no meaning in a step that runs {article(self.kind)}"
            for name, kinds in only.items()
            if self.kind not in kinds
        }


def _compiled(schema: Schema) -> Draft202012Validator:
    import jsonschema_rs

    return jsonschema_rs.Draft202012Validator(schema)


def _warning(warning: Schema, fields: Mapping[str, object]) -> RuleProblem:
    name = warning["field"]
    # The key is at fault where the field is ignored whatever it says, else the value is.
    at_key = name in fields and name not in warning["when"].get("properties", {})
    message = sentence(warning["message"].replace("{value}", show(fields.get(name))))
    instead = warning.get("instead")
    path = (name,) if name in fields else ()
    return RuleProblem(
        path, at_key, "warning", "ignored-field", message, instead and sentence(instead, capital=True)
    )

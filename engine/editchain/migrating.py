"""Migrating: what becomes of each field of a step when its model gives way to another. Pure."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Literal

from editchain.classes import dataclass
from editchain.diagnostics import one_of
from editchain.language.drafts import STEP_FIELDS
from editchain.language.editing import CannotEdit, Edit, Text
from editchain.language.references import find_references

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date

    from editchain.models import Catalogue, Model

What = Literal["kept", "renamed", "dropped", "decide", "default"]
"""What becomes of a field. A "default" is one that the step does not say, and that means something else now."""

_NOT_RULED = frozenset(
    {"model", "for_each", "exclude", "after", "missing", "retry", "timeout", "take", "expect", "protect"}
)
"""Fields of any step that no model has rules for."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one field, and why; `name` is its new one where it is renamed, `value` where it says another."""

    field: str
    what: What
    why: str | None = None
    name: str | None = None
    value: Any = None


@dataclass(frozen=True, slots=True)
class Move:
    """A step, or the defaults of a file, that goes from one model to another; `path` leads to it in the file.

    A step that has its model from the defaults does not say it itself; one `from_values` has it from a value that stands
    elsewhere in the file, at `line`, and that a person changes.
    """

    path: tuple[str, ...]
    line: int
    before: str
    after: str
    fates: tuple[Fate, ...]
    says_model: bool = True
    from_values: bool = False

    @property
    def name(self) -> str:
        """The step's name, or `defaults`."""
        return self.path[-1]

    @property
    def is_decided(self) -> bool:
        """Whether nothing about it is left to a person."""
        return not self.from_values and all(fate.what != "decide" for fate in self.fates)


def successor(model: Model, catalogue: Catalogue, today: date) -> str | None:
    """The model that follows one, or follows that where it has ended as well; None where none is named."""
    seen = {model.name}
    found = model.life.successor
    while found is not None and found not in seen and found in catalogue.models:
        following = catalogue.models[found]
        if following.is_left(today) or following.life.successor is None:
            return found
        seen.add(found)
        found = following.life.successor
    return found


def fates(
    step: Mapping[str, Any], old: Model, new: Model, defaults: Mapping[str, Any] | None = None
) -> tuple[Fate, ...]:
    """What becomes of each field that a step says, and of those that mean something else when they are not said.

    `defaults` are the file's, which a step has where it says nothing itself.
    """
    given = {name: value for name, value in (defaults or {}).items() if name in new.document["properties"]}
    moved = {**given, **_moved(step, old, new)}
    errors = _errors(moved, new)
    found = [_fate(name, value, old, new, errors) for name, value in step.items() if name != "model"]
    said = {fate.name or fate.field for fate in found}
    found += [Fate(name or "model", "decide", why) for name, why in errors.items() if name not in said]
    return (*found, *_defaults({**given, **step}, old, new))


def fates_of_defaults(
    defaults: Mapping[str, Any], old: Model, new: Model, others: Iterable[Model]
) -> tuple[Fate, ...]:
    """What becomes of the defaults of a file: those that neither the new model nor any of the others has are dropped."""
    known = {name for model in (new, *others) for name in model.document["properties"]}
    return tuple(
        Fate(name, "dropped", f"{new.name} has no such field")
        if name in old.document["properties"] and name not in known
        else Fate(name, "kept")
        for name in defaults
        if name != "model"
    )


def _moves(old: Model, new: Model) -> Mapping[str, Mapping[str, Any]]:
    """How fields are called by the successor, where the document says so."""
    return old.life.moves if old.life.successor == new.name else {}


def _moved(step: Mapping[str, Any], old: Model, new: Model) -> dict[str, Any]:
    """The fields as the new model would have them, without those that it does not know."""
    moves, known = _moves(old, new), new.document["properties"]
    made: dict[str, Any] = {"model": new.name}
    for name, value in step.items():
        move = moves.get(name, {})
        to = move.get("to", name)
        if to in known:
            made[to] = move.get("values", {}).get(value, value) if isinstance(value, str) else value
    return made


def _errors(fields: dict[str, Any], new: Model) -> dict[str, str]:
    """What the new model's rules have against fields, by field. What refers to something else cannot be judged here."""
    judged = {name: value for name, value in fields.items() if not _refers(value)}
    if "prompt" not in fields or "prompt" not in judged:
        judged["prompt"] = "x"  # from a file, or by a reference
    found: dict[str, str] = {}
    pictures: dict[str, Any] = {name: "$x" for name in fields if name in new.image_fields}
    pictures |= {name: ["$x"] for name in fields if name in new.image_list_fields and name not in judged}
    for problem in new.rules.problems({**judged, **pictures}):
        at = str(problem.path[0]) if problem.path else _of_nothing(problem.message, new)
        found.setdefault(at, f"{problem.message} {problem.suggestion or ''}".strip())
    return found


def _of_nothing(message: str, new: Model) -> str:
    """Which field a message about the step as a whole speaks of."""
    return next(
        (name for name in new.document["properties"] if f'"{name}"' in message or name in message), ""
    )


def _refers(value: Any) -> bool:
    if isinstance(value, str):
        return any(True for _ in find_references(value))
    if isinstance(value, dict):
        return any(map(_refers, value.values()))
    return isinstance(value, list) and any(map(_refers, value))


def _fate(name: str, value: Any, old: Model, new: Model, errors: Mapping[str, str]) -> Fate:
    move = _moves(old, new).get(name, {})
    to = move.get("to", name)
    if to in new.document["properties"]:
        other = move.get("values", {}).get(value) if isinstance(value, str) else None
        if to in errors:
            return Fate(name, "decide", errors[to], None if to == name else to)
        if to != name or other is not None:
            return Fate(name, "renamed", move.get("note"), to, other)
        return Fate(name, "kept")
    if name in old.document["properties"]:
        if name in old.defaults and old.defaults[name] == value:
            return Fate(name, "dropped", f"{new.name} has no such field, and it said what is usual")
        return Fate(name, "dropped", f"{new.name} has no such field")
    if name == "provider":
        return _provider(value, new)
    if name == "provider_options":
        return Fate(name, "decide", f"they were written for {old.name}")
    if name == "prompt_file" or name in STEP_FIELDS or name in _NOT_RULED:
        return Fate(name, "kept")
    return Fate(name, "decide", f"neither {old.name} nor {new.name} has it")


def _provider(value: Any, new: Model) -> Fate:
    names = value if isinstance(value, list) else [value]
    offered = {route.provider for route in new.routes}
    if _refers(value) or all(name in offered for name in names):
        return Fate("provider", "kept")
    return Fate("provider", "decide", f"{new.name} is offered by {one_of(sorted(offered)) or 'none'}")


def _defaults(step: Mapping[str, Any], old: Model, new: Model) -> Iterator[Fate]:
    """Fields that the step leaves to the model, and that mean something else with the new one."""
    for name, before in old.defaults.items():
        if name in step or name in _moves(old, new):
            continue
        if name not in new.document["properties"]:
            continue
        now = new.defaults.get(name)
        if now != before:
            yield Fate(
                name,
                "default",
                f"{before} when it was not said, and now {now if now is not None else 'as the model likes'}",
            )


# ---------------------------------------------------------------------- the text


def changed(text: str, moves: tuple[Move, ...]) -> str:
    """A pipeline's text with its models moved. Raises CannotEdit with what stands in the way."""
    document = Text(text)
    return document.edited(edit for move in moves for edit in _edits(document, move))


def _edits(document: Text, move: Move) -> Iterator[Edit]:
    if move.says_model:
        yield document.replace_value((*move.path, "model"), move.after, keeps_quotes=True)
    for fate in move.fates:
        path = (*move.path, fate.field)
        if fate.what == "dropped":
            yield document.remove(path)
        if fate.what == "renamed" and fate.name is not None and fate.name != fate.field:
            yield document.rename_key(path, fate.name)
        if fate.what == "renamed" and fate.value is not None:
            yield document.replace_value(path, _spelt(fate.value))


def _spelt(value: Any) -> str:
    """A scalar as it stands in YAML: quoted where it would not be text otherwise."""
    from editchain.language.nodes import scalar

    if not isinstance(value, str):
        return str(value).lower() if isinstance(value, bool) else str(value)
    is_plain = value.replace("-", "").replace("_", "").isalnum() and isinstance(scalar(value), str)
    return value if is_plain else f'"{value}"'


def expected(root: Mapping[str, Any], moves: tuple[Move, ...]) -> dict[str, Any]:
    """What a file is to hold once its models are moved, to be compared with what is read from the changed text."""
    made: dict[str, Any] = copy.deepcopy(dict(root))
    for move in moves:
        parent = made
        for name in move.path[:-1]:
            parent = parent[name]
        step = dict(parent[move.path[-1]])
        for fate in move.fates:
            if fate.what == "dropped":
                del step[fate.field]
            elif fate.what == "renamed":
                value = step[fate.field] if fate.value is None else fate.value
                step = {fate.name if name == fate.field else name: one for name, one in step.items()}
                step[fate.name or fate.field] = value
        if move.says_model:
            step["model"] = move.after
        parent[move.path[-1]] = step
    return made


__all__ = ["CannotEdit", "Fate", "Move", "changed", "expected", "fates", "fates_of_defaults", "successor"]

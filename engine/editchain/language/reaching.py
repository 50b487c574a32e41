"""Reaching: which of a model's routes can be told what a step says; a step that no route can carry is said so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from editchain.diagnostics import one_of
from editchain.language.providing import NO_ROUTE
from editchain.language.ruling import candidates
from editchain.language.scalars import width_of
from editchain.models import Model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import date

    from editchain.diagnostics import Place, Problems
    from editchain.language.drafts import Draft
    from editchain.language.ruling import Candidate, Ruling
    from editchain.models import Route

    Objections = Callable[[Model, Route, Mapping[str, Any], Mapping[str, Any]], Iterable[tuple[str, str]]]
    Against = Mapping[str, tuple[str, Candidate]]

GONE_MODEL = "gone-model"
RETIRED_MODEL = "retired-model"
MIGRATE = "editchain migrate shows what becomes of the step."

_OF_STEPS = frozenset(
    ("provider", "provider_options", "take", "retry", "timeout", "missing", "protect", "expect", "model")
)
"""What a step says that no vendor is told, or not as a field."""
_SCALARS = frozenset((str, int, float, bool, type(None)))
_DECIDING = ("refused", "accepts", "max_items", "by", "parts", "emulated")
"""What an entry of a route has where not every value can be sent."""


class _End(NamedTuple):
    """What is said of the end of a model, and what is offered instead."""

    code: str
    sentence: str
    offer: str | None


class Reaching:
    """Holds the steps of one file against the routes of their models."""

    def __init__(self, ruling: Ruling, objections: Objections, problems: Problems, today: date) -> None:
        self.ruling = ruling
        self.objections = objections
        self.problems = problems
        self.today = today
        self._told: dict[tuple[str, str], list[tuple[int, str, str]]] = {}
        self._deciding: dict[tuple[str, ...], tuple[tuple[str, int], ...]] = {}
        self._fine: dict[tuple[object, ...], _End | None] = {}

    def check(
        self, draft: Draft, fields: Mapping[str, Any], *, is_sound: bool
    ) -> dict[tuple[str, int], tuple[str, ...]]:
        """Notes that a step cannot be carried out; gives what each route cannot be told, by model and number of the route.

        What is stored of such a step is still good, so that all of these are warnings; `validate` makes errors of them.
        Of a step that is not sound only the lives of its models are looked at: what it will say is not known yet.
        """
        found: dict[tuple[str, int], tuple[str, ...]] = {}
        for name, model in draft.documents.items():
            if not isinstance(model, Model):
                continue
            alike = self._alike(model, fields)
            if alike in self._fine:
                self._say_end(draft, self._fine[alike])
                continue
            named = _named(fields.get("provider"))
            end = self._end(model, named)
            self._say_end(draft, end)
            if not is_sound or (_is_stood_in(model) and not named):
                continue
            against = self._against(draft, fields, model)
            found |= {
                (name, number): tuple(
                    f"{field}: {reason}" if field else reason for field, (reason, _) in said.items()
                )
                for number, said in against.items()
                if said
            }
            self._check_routes(draft, fields, model, named, against)
            if alike is not None and model.routes and not any(against.values()):
                self._fine[alike] = end
        return found

    def _end(self, model: Model, named: Sequence[str]) -> _End | None:
        """What is said of a model's end to a step that names providers; None where none is known."""
        sentence = model.life.problem(self.today)
        if sentence is None:
            return None
        offering = [one for one in named if any(route.provider == one for route in model.routes)]
        code = RETIRED_MODEL if model.is_left(self.today, offering) else GONE_MODEL
        return _End(code, sentence, MIGRATE if model.life.successor else None)

    def _say_end(self, draft: Draft, end: _End | None) -> None:
        if end is not None:
            entry = draft.entries[draft.kind]
            message = f"steps.{draft.name}.model: {end.sentence}"
            self._warn(entry.place, end.code, message, end.offer, entry.value)

    def _against(self, draft: Draft, fields: Mapping[str, Any], model: Model) -> Mapping[int, Against]:
        """What each route cannot be told: a reason for each field, with the values that it is about."""
        found: dict[int, dict[str, tuple[str, Candidate]]] = {
            number: {} for number, _ in enumerate(model.routes)
        }
        for one in candidates(draft, fields):
            for number, field, reason in self._objections(model, one):
                found[number].setdefault(field, (reason, one))
        return found

    def _objections(self, model: Model, one: Candidate) -> list[tuple[int, str, str]]:
        """What the routes cannot be told of a candidate: number of the route, field, reason. Asked once for steps that are alike."""
        said = {
            name: value
            for name, value in one.fields.items()
            if name not in _OF_STEPS and name not in one.ignored and value is not None
        }
        options = one.fields.get("provider_options")
        deciding = [
            (name, type(said[name]), _decisive(said[name], longest))
            for name, longest in self._deciding_of(model, said)
        ]
        like = repr((options, deciding))
        told = self._told.get((model.name, like))
        if told is None:
            told = self._told[model.name, like] = [
                (number, field, reason)
                for number, route in enumerate(model.routes)
                for field, reason in self.objections(model, route, said, _own(options, route))
            ]
        return told

    def _alike(self, model: Model, fields: Mapping[str, Any]) -> tuple[object, ...] | None:
        """Equal for steps of which the same is to be said; None where it takes a look at their values."""
        alike: list[object] = [model.name]
        for name, longest in self._deciding_of(model, fields):
            value = fields[name]
            if type(value) not in _SCALARS:
                return None
            alike += (name, type(value), _decisive(value, longest))
        return tuple(alike)

    def _deciding_of(self, model: Model, fields: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
        """The fields that decide which routes can be told them, with how long a text decides nothing."""
        found = self._deciding.get((model.name, *fields))
        if found is None:
            idle = _idle(model)
            limits = [(name, idle.get(name, 0)) for name in fields]
            found = self._deciding[model.name, *fields] = tuple(
                (name, longest) for name, longest in limits if longest is not None
            )
        return found

    def _check_routes(
        self,
        draft: Draft,
        fields: Mapping[str, Any],
        model: Model,
        named: Sequence[str],
        against: Mapping[int, Against],
    ) -> None:
        entry = draft.entries[draft.kind]
        where = f"steps.{draft.name}"
        if not model.routes:
            message = f"{where}.model: {model.name} cannot run: no provider of this version serves it."
            offer = MIGRATE if model.life.successor else "editchain models lists those that can."
            self._warn(entry.place, NO_ROUTE, message, offer, entry.value)
            return
        offered = [
            number for number, route in enumerate(model.routes) if not named or route.provider in named
        ]
        left = {
            number: one.provider
            for number, one in enumerate(model.routes)
            if not model.life.is_gone(one.provider, self.today)
        }
        asked = [number for number in offered if number in left]
        if not asked or not all(against[number] for number in asked):
            return
        others = [
            provider for number, provider in left.items() if number not in asked and not against[number]
        ]
        self._say(draft, fields, [(left[number], against[number]) for number in asked], others)

    def _say(
        self,
        draft: Draft,
        fields: Mapping[str, Any],
        against: Sequence[tuple[str, Against]],
        others: Sequence[str],
    ) -> None:
        """Says that no route can be told what a step says: at the field where all stumble over one, else at the model."""
        common = [field for field in against[0][1] if all(field in said for _, said in against)]
        field = common[0] if common else next(iter(against[0][1]))
        entry = draft.entries.get(field, draft.entries[draft.kind])
        place = entry.place
        if field in draft.entries:
            _, candidate = against[0][1][field]
            place = self.ruling.origin(entry, fields.get(field), candidate.positions) or place
        reasons: dict[str, list[str]] = {}
        for provider, said in against:
            told = [said[field][0]] if common else [f"{name}: {reason}" for name, (reason, _) in said.items()]
            reasons.setdefault("; ".join(told), []).append(provider)
        shown = " · ".join(
            f"{one_of(dict.fromkeys(names))} cannot be told this: {why}" for why, names in reasons.items()
        )
        path = f".{field}" if common and field else ""
        offer = (
            f"{one_of(dict.fromkeys(others))} can." if others else "Say it otherwise, or take another model."
        )
        self._warn(place, NO_ROUTE, f"steps.{draft.name}{path}: {shown}.", offer, entry.value)

    def _warn(self, place: Place, code: str, message: str, offer: str | None, value: Any) -> None:
        self.problems.warning(place, code, message, offer, width=width_of(value))


def _named(providers: Any) -> tuple[str, ...]:
    """The providers that a step names."""
    several = providers if isinstance(providers, (list, tuple)) else [providers]
    return tuple(one for one in several if isinstance(one, str))


def _is_stood_in(model: Model) -> bool:
    """Whether somebody who does not offer the model makes its pictures here."""
    return model.checked_by is not None and all(route.provider != model.checked_by for route in model.routes)


def _own(options: Any, route: Route) -> Mapping[str, Any]:
    """What a step says to the provider of a route alone."""
    own = options.get(route.provider) if isinstance(options, dict) else None
    return own if isinstance(own, dict) else {}


def _decisive(value: Any, longest: int) -> Any:
    """What of a value decides: of a text that every route can be told, not even what it says."""
    return (type(value) is str and len(value) <= longest) or value


def _idle(model: Model) -> dict[str, int | None]:
    """Of fields whose values need no look: None where every route can be told any, else how long a text each can be told."""
    found: dict[str, int | None] = {}
    for name in model.routes[0].fields if model.routes else ():
        limits = [_limit(route.fields.get(name)) for route in model.routes]
        if 0 not in limits:
            found[name] = min((limit for limit in limits if limit is not None), default=None)
    return found


def _limit(entry: Mapping[str, Any] | None) -> int | None:
    """How long a text a route can be told by an entry: None for any value, 0 where that is not all that decides."""
    if entry is None:
        return 0
    words = [word for word in _DECIDING if word in entry]
    if words == ["accepts"] and entry["accepts"].keys() == {"maxLength"}:
        return int(entry["accepts"]["maxLength"])
    return 0 if words else None

"""Reaching: which of a model's routes can be told what a step says; a step that no route can carry is said so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from editchain.diagnostics import one_of
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

NO_ROUTE = "no-route"
GONE_MODEL = "gone-model"
RETIRED_MODEL = "retired-model"
MIGRATE = "editchain migrate shows what becomes of the step."

_OF_STEPS = frozenset(
    ("provider", "provider_options", "take", "retry", "timeout", "missing", "protect", "expect", "model")
)
"""What a step says that no vendor is told, or not as a field."""
_DECIDING = ("refused", "accepts", "max_items", "by", "parts", "emulated")
"""What an entry of a route has where not every value can be sent."""


class Reaching:
    """Holds the steps of one file against the routes of their models."""

    def __init__(self, ruling: Ruling, objections: Objections, problems: Problems, today: date) -> None:
        self.ruling = ruling
        self.objections = objections
        self.problems = problems
        self.today = today

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
            named = _named(fields.get("provider"))
            offering = [one for one in named if any(route.provider == one for route in model.routes)]
            self._check_life(draft, model, offering)
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
        return found

    def _check_life(self, draft: Draft, model: Model, named: Sequence[str]) -> None:
        entry = draft.entries[draft.kind]
        if sentence := model.life.problem(self.today):
            code = RETIRED_MODEL if model.is_left(self.today, named) else GONE_MODEL
            offer = MIGRATE if model.life.successor else None
            self._warn(entry.place, code, f"steps.{draft.name}.model: {sentence}", offer, entry.value)

    def _against(self, draft: Draft, fields: Mapping[str, Any], model: Model) -> Mapping[int, Against]:
        """What each route cannot be told: a reason for each field, with the values that it is about."""
        found: dict[int, dict[str, tuple[str, Candidate]]] = {
            number: {} for number, _ in enumerate(model.routes)
        }
        seen: set[tuple[int, str]] = set()
        for one in candidates(draft, fields):
            said = {
                name: value
                for name, value in one.fields.items()
                if name not in _OF_STEPS and name not in one.ignored and value is not None
            }
            options = one.fields.get("provider_options")
            for number, route in enumerate(model.routes):
                own = options.get(route.provider) if isinstance(options, dict) else None
                like = repr((_deciding(route, said), own))
                if (number, like) in seen:
                    continue
                seen.add((number, like))
                own = own if isinstance(own, dict) else {}
                for field, reason in self.objections(model, route, said, own):
                    found[number].setdefault(field, (reason, one))
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


def _deciding(route: Route, said: Mapping[str, Any]) -> dict[str, Any]:
    """What of the fields decides whether the route can be told them."""
    return {
        name: value
        for name, value in said.items()
        if name not in route.fields or any(word in route.fields[name] for word in _DECIDING)
    }

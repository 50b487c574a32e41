"""Routing: which of a model's routes a step takes here, and why none where there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from editchain.diagnostics import did_you_mean, one_of
from editchain.errors import ConfigurationError
from editchain.models import Model
from editchain.plans.tasks import Way
from editchain.providers import LOCAL, PROVIDERS, is_local, loadable, variables_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import date

    from editchain.models import Catalogue, Route
    from editchain.pipeline import Step
    from editchain.plans.tasks import Plan

DEFAULT = "default"
"""The entry of [routes] for every model that has none of its own."""


class Router:
    """Chooses routes: a step's own providers, else those of [routes], else the order of the model's document.

    A provider that is `LOCAL` stands in, where [routes] names it, for a model that it does not offer: the model of its
    own name then makes the picture, under its own name and key.
    """

    def __init__(
        self,
        routes: Mapping[str, tuple[str, ...]],
        catalogue: Catalogue,
        today: date,
        is_usable: Callable[[str], bool],
    ) -> None:
        """`is_usable` tells whether a provider that is not local can be asked from here. Raises ConfigurationError."""
        self._routes = routes
        self._catalogue = catalogue
        self._today = today
        self._is_usable = is_usable
        for model, providers in routes.items():
            _check_names(model, providers, catalogue)

    def choose(self, step: Step, model: Model) -> Way:
        """The way to a model for a step, with the others of a list where a list orders them."""
        wanted = self.wanted(step.providers, model)
        ways = [way for way in self._ways(step, model, wanted) if self._is_open(way)]
        if not ways:
            return self._no_way(step, model, wanted)
        against = [_objections(way, step) for way in ways]
        able = [way for way, reasons in zip(ways, against, strict=True) if not reasons]
        if not able:
            return replace(ways[0], problem=_all_object(step, ways, against))
        first, *others = able
        if len(wanted) < 2 or first.is_local:
            return first
        return replace(first, others=tuple(way for way in others if not way.is_local))

    def wanted(self, said: Sequence[str], model: Model) -> tuple[str, ...]:
        """The providers that a step or the workspace names for a model; nothing where neither does."""
        return tuple(said) or self._routes.get(model.name) or self._routes.get(DEFAULT) or ()

    @property
    def has_stand_ins(self) -> bool:
        """Whether [routes] names a provider that may stand in for others' models."""
        return any(name in LOCAL for names in self._routes.values() for name in names)

    def stand_in(self, model: Model) -> str | None:
        """The provider that stands in for a model by [routes] alone, before any other; None where none does."""
        first = next(iter(self.wanted((), model)), None)
        return first if first in LOCAL and all(route.provider != first for route in model.routes) else None

    def _ways(self, step: Step, model: Model, wanted: Sequence[str]) -> Iterator[Way]:
        """The ways that are allowed, in order."""
        for name in wanted or dict.fromkeys(route.provider for route in model.routes):
            offered = [route for route in model.routes if route.provider == name]
            yield from (Way(model, route, is_local(name), model.price(name)) for route in offered)
            if not offered and name in LOCAL and not step.providers:
                other = self._catalogue.models[name]
                yield Way(other, other.routes[0], True, None)

    def _is_open(self, way: Way) -> bool:
        """Whether a way leads somewhere today, from here."""
        if way.route is None or way.is_local:
            return way.is_local
        name = way.route.provider
        return loadable(name) and not self._is_gone(way, name) and self._is_usable(name)

    def _is_gone(self, way: Way, provider: str) -> bool:
        life = getattr(way.document, "life", None)
        return life is not None and life.is_gone(provider, self._today)

    # ------------------------------------------------------------------ why there is none

    def _no_way(self, step: Step, model: Model, wanted: Sequence[str]) -> Way:
        names = wanted or dict.fromkeys(route.provider for route in model.routes)
        routes = [route for name in names for route in model.routes if route.provider == name]
        if not model.routes:
            problem = f"{step.name}: {model.name} cannot run: its document has no route, as no provider here serves it."
            return Way(model, None, False, None, problem)
        if not routes:
            offered = one_of(sorted({route.provider for route in model.routes}))
            problem = f"{step.name}: {model.name} is not offered by {one_of(wanted)}; it is by {offered}."
            return Way(model, None, False, None, problem)
        price = model.price(routes[0].provider)
        return Way(model, routes[0], False, price, f"{step.name}: {self._reason(model, routes)}")

    def _reason(self, model: Model, routes: Sequence[Route]) -> str:
        names = list(dict.fromkeys(route.provider for route in routes))
        left = [name for name in names if not model.life.is_gone(name, self._today)]
        if not left:
            sentence = model.life.problem(self._today) or ""
            advice = " editchain migrate shows what becomes of the step." if model.life.successor else ""
            return f"{sentence}{advice}"
        there = [name for name in left if loadable(name)]
        if not there:
            return f"{model.name} cannot run yet: this version of editchain has no provider {one_of(left)}."
        ways = one_of([f"{variables_of(name)} for {name}" for name in there])
        return f"{model.name} needs a credential: set {ways}, in the environment or in .env."


def _objections(way: Way, step: Step) -> Sequence[str]:
    """What the step says that the vendor has no way to be told."""
    if way.is_local or not isinstance(way.document, Model):
        return ()
    number = next(at for at, route in enumerate(way.document.routes) if route is way.route)
    return step.objections.get((way.document.name, number), ())


def _all_object(step: Step, ways: Sequence[Way], against: Sequence[Sequence[str]]) -> str:
    reasons = [
        f"{way.route.provider} ({way.route.id}) cannot be told {'; '.join(said)}"
        for way, said in zip(ways, against, strict=True)
        if way.route is not None
    ]
    return f"{step.name}: {' · '.join(reasons)}."


def with_stand_ins(catalogue: Catalogue, router: Router) -> Catalogue:
    """The catalogue as recipes are checked here: who stands in for a model says whether it understands a prompt."""
    return (
        replace(catalogue, models=_StoodIn(catalogue.models, router)) if router.has_stand_ins else catalogue
    )


class _StoodIn(Mapping[str, "Model"]):
    """Models of which each is checked by whoever makes its pictures here."""

    def __init__(self, models: Mapping[str, Model], router: Router) -> None:
        self._models = models
        self._router = router

    def __getitem__(self, name: str) -> Model:
        model = self._models[name]
        stand_in = self._router.stand_in(model)
        return model if stand_in is None else replace(model, checked_by=stand_in)

    def __iter__(self) -> Iterator[str]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)

    def __contains__(self, name: object) -> bool:
        return name in self._models


def stand_in_notices(plan: Plan) -> Iterator[str]:
    """Which models of a plan another one stands in for, and what of their steps changes nothing then."""
    for one in plan.steps:
        for way in one.ways:
            if not isinstance(way.document, Model) or way.document.name in one.step.documents:
                continue
            unused = [
                name for name in one.values if name not in (*way.document.document["properties"], "take")
            ]
            lost = f"; {one_of(unused)} change nothing" if unused else ""
            yield f"{one.name}: {way.document.name} stands in for {one_of(one.step.documents)}, as [routes] says{lost}."


def _check_names(model: str, providers: Sequence[str], catalogue: Catalogue) -> None:
    if model != DEFAULT and model not in catalogue.models:
        offer = did_you_mean(model, [*catalogue.models, DEFAULT]) or "editchain models lists them."
        raise ConfigurationError(f'[routes] in editchain.toml: there is no model "{model}". {offer}')
    check_providers("routes", providers, catalogue)


def check_providers(table: str, names: Iterable[str], catalogue: Catalogue) -> None:
    """Raises ConfigurationError where a table of `editchain.toml` names a provider that nobody has heard of."""
    for name in names:
        if not loadable(name) and name not in (known := _named_anywhere(catalogue)):
            offer = did_you_mean(name, known) or f"There is {one_of(known)}."
            raise ConfigurationError(f'[{table}] in editchain.toml: there is no provider "{name}". {offer}')


def _named_anywhere(catalogue: Catalogue) -> list[str]:
    """The providers of this version, and those that documents of models name beyond them."""
    named = {route.provider for model in catalogue.models.values() for route in model.routes}
    return sorted({*PROVIDERS, *named})

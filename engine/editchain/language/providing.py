"""Providing: the providers that a step names, held against those that its models' documents know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.diagnostics import Place, did_you_mean, one_of
from editchain.language.syntax import Map, Seq
from editchain.models import Model

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from editchain.diagnostics import Problems
    from editchain.language.drafts import Draft

NO_ROUTE = "no-route"


def check_providers(draft: Draft, models: Mapping[str, Model], problems: Problems) -> bool:
    """Notes what `provider` and `provider_options` name in vain; whether all of it can mean something."""
    documents = [one for one in draft.documents.values() if isinstance(one, Model) and one.routes]
    noted = len(problems.found)
    _check_wanted(draft, documents, models, problems)
    _check_options(draft, documents, models, problems)
    return len(problems.found) == noted


def _check_wanted(
    draft: Draft, documents: list[Model], models: Mapping[str, Model], problems: Problems
) -> None:
    named = list(_names(draft))
    for document in documents:
        offered = {route.provider for route in document.routes}
        if not named or any(name in offered for name, _ in named):
            continue
        name, at = named[0]
        message = f"steps.{draft.name}.provider: {document.name} is not offered by {one_of([one for one, _ in named])}."
        offer = did_you_mean(name, offered) or f"It is by {one_of(sorted(offered))}."
        place = Place(draft.entries["provider"].source, at)
        problems.error(place, NO_ROUTE, message, offer, width=len(name))
        return
    for name, at in named if documents else ():
        if all(name not in {route.provider for route in one.routes} for one in documents):
            _check_known(draft, "provider", name, at, models, problems)


def _check_options(
    draft: Draft, documents: list[Model], models: Mapping[str, Model], problems: Problems
) -> None:
    entry = draft.entries.get("provider_options")
    if entry is None or not isinstance(entry.value, Map) or "provider_options" not in draft.raw:
        return
    offered = {route.provider for one in documents for route in one.routes}
    for name in entry.value if documents else ():
        at = entry.value.places[name][0]
        if name in offered or not _check_known(draft, "provider_options", name, at, models, problems):
            continue
        message = f"steps.{draft.name}.provider_options: {one_of(draft.documents)} is not offered by {name}, so nobody is told this."
        offer = f"It is by {one_of(sorted(offered))}."
        problems.warning(Place(entry.source, at), "unused-options", message, offer, width=len(name))


def _check_known(
    draft: Draft, field: str, name: str, at: int, models: Mapping[str, Model], problems: Problems
) -> bool:
    """Whether any model is offered by a provider of that name, with an error where none is."""
    known = sorted({route.provider for model in models.values() for route in model.routes})
    if name in known:
        return True
    message = f'steps.{draft.name}.{field}: there is no provider "{name}".'
    offer = did_you_mean(name, known) or f"There is {one_of(known)}."
    place = Place(draft.entries[field].source, at)
    problems.error(place, "unknown-provider", message, offer, width=len(name))
    return False


def _names(draft: Draft) -> Iterator[tuple[str, int]]:
    """The providers that a step names as they stand, with where; none where references stand for them."""
    entry = draft.entries.get("provider")
    if entry is None:
        return
    several = isinstance(entry.value, Seq)
    places = entry.value.places if isinstance(entry.value, Seq) else [entry.at]
    for one, at in zip(entry.value if several else [entry.value], places, strict=True):
        if isinstance(one, str) and "$" not in one:
            yield one, at

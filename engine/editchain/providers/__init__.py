"""The providers by name, each imported when it is first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, cast

from editchain import plugins
from editchain.diagnostics import one_of
from editchain.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from editchain.models import Model, Route
    from editchain.providers.base import Provider

PROVIDERS: dict[str, str] = {
    "ark": "editchain.providers.ark",
    "bfl": "editchain.providers.bfl",
    "darkroom": "editchain.providers.darkroom",
    "fal": "editchain.providers.fal",
    "google": "editchain.providers.google",
    "openai": "editchain.providers.openai",
    "runway": "editchain.providers.runway",
    "scenario": "editchain.providers.scenario",
}

LOCAL = frozenset({"darkroom"})
"""Providers that make pictures on this machine for nothing, known without importing them."""


def loadable(name: str) -> bool:
    """Whether there is a provider of a name, told without importing it: one of these, or a plug-in's."""
    return name in PROVIDERS or name in plugins.providers()


def is_local(name: str) -> bool:
    """Whether a provider makes pictures on this machine; of a plug-in's, its module tells."""
    return name in LOCAL or (name not in PROVIDERS and loadable(name) and load(name).is_local)


def load(name: str) -> Provider:
    """The provider of a name; raises ConfigurationError where there is none in this version."""
    if name in PROVIDERS:
        return cast("Provider", importlib.import_module(PROVIDERS[name]))
    if not loadable(name):
        raise ConfigurationError(
            f'There is no provider "{name}" in this version. There is {one_of(PROVIDERS)}.'
        )
    return cast("Provider", importlib.import_module(plugins.providers()[name]))


def variables_of(name: str) -> str:
    """The environment variables that have a provider's credentials, for people."""
    return " and ".join(names[0] for names in load(name).capabilities.credentials)


def check_prompt(
    provider: str, prompt: str, fields: Collection[str] | None = None
) -> Iterable[tuple[int, int, str, str | None]]:
    """What a provider would not understand of a prompt, or not together with the fields that a step gives."""
    return load(provider).check_prompt(prompt, fields)


def advise_prompt(
    provider: str, prompt: str, fields: Collection[str]
) -> Iterable[tuple[int, int, str, str | None]]:
    """What a provider would warn of: fields that a step gives and that no word of its prompt uses."""
    return load(provider).advise_prompt(prompt, fields)


def objections(
    model: Model, route: Route, said: Mapping[str, Any], options: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """What a step says that a route cannot be told, by field; nothing of a route that leads nowhere else."""
    if is_local(route.provider):
        return []
    from editchain.providers import mapping

    return mapping.objections(model, route, said, options)

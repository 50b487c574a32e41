"""Options and small pieces that several commands have alike."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from editchain.diagnostics import visible
from editchain.errors import ConfigurationError
from editchain.lock import ENDING, place_of
from editchain.plans import reasons
from editchain.plans.tasks import AFTER

if TYPE_CHECKING:
    from collections.abc import Callable

    from editchain.plans.tasks import StepPlan
    from editchain.workspace import Workspace

Function = TypeVar("Function", bound="Callable[..., Any]")

NEAREST = 200
"""How many of the newest results of a model or operation are compared to find the nearest."""


def input_options(function: Function) -> Function:
    """-i/--input and --inputs."""
    for option in (
        click.option("--inputs", "inputs_file", metavar="FILE", help="A YAML file that gives inputs."),
        click.option(
            "-i",
            "--input",
            "options",
            multiple=True,
            metavar="NAME=VALUE",
            help="Gives an input; several times for several values.",
        ),
    ):
        function = option(function)
    return function


def nearest_workspace(folder: Path) -> Path:
    """The workspace that a folder lies in, or the folder where a pipeline of its own ran in it.

    Outside of any, the user's cache folder serves as one.
    """
    from editchain.language.reading import workspace_of

    found = workspace_of(folder)
    if any((found / name).exists() for name in ("editchain.toml", ".git", ".editchain")):
        return found
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "editchain"


def lock_of(file: Path) -> Path:
    """The lock that a person means by it, or by its pipeline. Raises ConfigurationError where there is none."""
    is_lock = file.name.endswith(ENDING)
    place = file if is_lock or not file.name else place_of(file)
    if not place.is_file():
        raise ConfigurationError(
            f"There is no lock {visible(str(place))}: a run writes it beside its pipeline."
        )
    return place


def explain_with(workspace: Workspace) -> Callable[[StepPlan, int], str]:
    """Why a task is not stored, in a phrase, found from the nearest stored result."""
    look = workspace.look
    identities: dict[str, list[str]] = {}

    def reason(one: StepPlan, ordinal: int) -> str:
        if one.states[ordinal] == AFTER:
            open_needs = [
                producer.name
                for producer, need in one.needs(ordinal)
                if producer.keys[need] is None or need not in producer.digests
            ]
            return f"after {open_needs[0]}" if open_needs else "after an input is fetched"
        wanted = one.identity(ordinal)
        if look is None or wanted is None:
            return "new"
        name = one.way(ordinal).document.name
        if name not in identities:
            keys = [result.key for result in look.nearest(name, NEAREST)]
            identities[name] = list(look.identities(keys).values())
        return reasons.phrase(reasons.nearest(wanted, identities[name]))

    return reason

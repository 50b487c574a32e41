"""Explaining: why a task of a plan is not stored, from the nearest result that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.plans import reasons
from editchain.plans.tasks import AFTER

if TYPE_CHECKING:
    from collections.abc import Callable

    from editchain.plans.tasks import StepPlan
    from editchain.workspace import Workspace

NEAREST = 200
"""How many of the newest results of a model or operation are compared to find the nearest."""


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

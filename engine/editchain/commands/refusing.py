"""Refusing: why a run would not begin, or might not come to its end, for those who only look at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.diagnostics import counted, one_of
from editchain.errors import Refused
from editchain.plans.tasks import AFTER, RUN
from editchain.runs import allowing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from editchain.plans.tasks import Plan, StepPlan
    from editchain.workspace import Workspace


def foretold(
    workspace: Workspace, plan: Plan, *, budget: str | None = None, is_offline: bool = False
) -> Iterator[str]:
    """What a run of a plan would be refused for, and what might end it early, as sentences."""
    refused = "a run would be refused: "
    yield from (f"{refused}{problem}" for problem in plan.problems)
    if not plan.calls:
        return
    if is_offline:
        yield f"{refused}{offline(plan)}"
    ceilings = allowing.ceilings_of(workspace, plan, budget)
    try:
        allowing.refuse_dear(workspace, plan, ceilings)
    except Refused as error:
        yield f"{refused}{error}"
        return
    yield from allowing.doubts(workspace, plan, ceilings)


def offline(plan: Plan) -> str:
    """Why a plan cannot be run without a connection."""
    calls = [one.name for one in plan.steps if not all(way.is_local for way in one.ways) and has_work(one)]
    return f"--offline: {counted(plan.calls, 'call')} would be needed, for {one_of(calls)}."


def has_work(one: StepPlan) -> bool:
    """Whether a step has tasks to run."""
    return RUN in one.states or AFTER in one.states

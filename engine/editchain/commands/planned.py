"""From a pipeline file to its plan, as `plan`, `run` and their kin need it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from editchain.classes import dataclass
from editchain.commands.base import check, show_problems
from editchain.diagnostics import Problem
from editchain.errors import PipelineError
from editchain.fetching import addresses, fetch_all
from editchain.plans.expansion import BadPlan
from editchain.plans.planning import plan
from editchain.workspace import Known

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from editchain.pipeline import Pipeline, Step
    from editchain.plans.tasks import Plan, StepPlan
    from editchain.workspace import Digests, Workspace


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, the digests of the inputs that it was made for, and the warnings that were shown."""

    plan: Plan
    digests: Digests
    messages: str


def planned(
    workspace: Workspace,
    path: Path,
    *,
    options: Sequence[str] = (),
    inputs_file: str | None = None,
    retry_rejected: bool = False,
    fetches: bool = False,
    targets: Callable[[Pipeline], Callable[[Step], bool] | None] | None = None,
    fresh: Callable[[StepPlan], bool] | None = None,
) -> Planned:
    """The plan of a pipeline file; shows warnings, and raises PipelineError with every problem where there is an error.

    `fetches` lets inputs that are addresses be fetched first; without it what hangs on them is open.
    """
    checked = check(workspace, path, options=options, inputs_file=inputs_file)
    if checked.pipeline is None:
        raise PipelineError(checked.problems)
    messages = show_problems(checked.problems)
    digests = workspace.digest_inputs(checked.pipeline)
    if fetches and addresses(checked.pipeline):
        from editchain.http import PUBLIC, is_public

        plain = workspace.configuration.plain_hosts
        rules = replace(
            PUBLIC,
            plain_hosts=plain,
            is_allowed=lambda address: is_public(address) or bool(plain & {address, "localhost"}),
        )
        fetch_all(workspace, checked.pipeline, digests, rules)
    known = Known(workspace.look, digests, lost=workspace.store.lost(), retry_rejected=retry_rejected)
    wanted = targets(checked.pipeline) if targets else None
    try:
        made = plan(
            checked.pipeline,
            known,
            workspace.choose,
            protect=workspace.protect,
            targets=wanted,
            fresh=fresh,
        )
    except BadPlan as bad:
        line, column = bad.step.place.source.locate(bad.step.place.offset)
        excerpt = bad.step.place.source.line(bad.step.place.offset)
        raise PipelineError(
            [
                Problem(
                    bad.step.place.source.name,
                    line,
                    column,
                    "error",
                    bad.code,
                    bad.message,
                    bad.suggestion,
                    excerpt,
                )
            ]
        ) from None
    if workspace.configuration.routes:
        from editchain.routing import stand_in_notices

        made = replace(made, notices=(*made.notices, *stand_in_notices(made)))
    if made.calls:
        from editchain.runs.foreseeing import with_foreseen  # a plan without calls needs nothing of providers

        made = with_foreseen(made, digests.known)
    return Planned(made, digests, messages)

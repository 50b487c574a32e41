"""From a pipeline file to its plan, as `plan`, `run` and their kin need it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from editchain.classes import dataclass
from editchain.commands.checking import check
from editchain.commands.saying import show_problems
from editchain.diagnostics import Problem
from editchain.errors import PipelineError
from editchain.plans.expansion import BadPlan
from editchain.runs.preparing import Choices, Preparation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from editchain.digests import Digests
    from editchain.language.reading import Evidence
    from editchain.pipeline import Pipeline, Step
    from editchain.plans.tasks import Plan
    from editchain.transferring import Transferred
    from editchain.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Given:
    """The inputs of a command line; `folder` is what their paths are relative to (the current one otherwise)."""

    options: Sequence[str] = ()
    inputs_file: str | None = None
    folder: str | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan with what it was made from, and the warnings that were shown."""

    plan: Plan
    messages: str
    preparation: Preparation

    @property
    def digests(self) -> Digests:
        """The digests of the inputs that it was made for."""
        return self.preparation.digests


def planned(
    workspace: Workspace,
    path: Path,
    given: Given | None = None,
    choices: Choices | None = None,
    *,
    targets: Callable[[Pipeline], Callable[[Step], bool] | None] | None = None,
    supplies: bool = False,
    watch: Callable[[Transferred], None] | None = None,
    seen: Callable[[Evidence], None] | None = None,
) -> Planned:
    """The plan of a pipeline file; shows warnings, and raises PipelineError with every problem where there is an error.

    `supplies` lets what it needs be fetched first; without it what hangs on addresses that were never fetched is open,
    and pictures that are elsewhere are known. `seen` is told what was read for it, also where there is an error.
    """
    given, choices = given or Given(), choices or Choices()
    checked = check(
        workspace, path, options=given.options, inputs_file=given.inputs_file, folder=given.folder
    )
    if seen is not None:
        seen(checked.evidence)
    if checked.pipeline is None:
        raise PipelineError(checked.problems)
    messages = show_problems(checked.problems)
    if targets is not None:
        choices = replace(choices, targets=targets(checked.pipeline))
    preparation = Preparation(workspace, checked.pipeline, choices)
    with _bad_plans_as_problems():
        if supplies:
            preparation.fetch()
        plan = preparation.supplied(watch) if supplies else preparation.plan()
    if workspace.configuration.routes:
        from editchain.routing import stand_in_notices

        plan = replace(plan, notices=(*plan.notices, *stand_in_notices(plan)))
    if plan.calls:
        from editchain.runs.foreseeing import with_foreseen  # a plan without calls needs nothing of providers

        plan = with_foreseen(plan, preparation.digests.known)
    return Planned(plan, messages, preparation)


@contextmanager
def _bad_plans_as_problems() -> Iterator[None]:
    try:
        yield
    except BadPlan as bad:
        raise _problem(bad) from None


def _problem(bad: BadPlan) -> PipelineError:
    place = bad.step.place
    line, column = place.source.locate(place.offset)
    excerpt = place.source.line(place.offset)
    problem = Problem(
        place.source.name, line, column, "error", bad.code, bad.message, bad.suggestion, excerpt
    )
    return PipelineError([problem])

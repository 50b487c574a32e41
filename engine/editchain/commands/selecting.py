"""Selecting: the steps of a pipeline that a command line wants, or wants anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from editchain.classes import dataclass
from editchain.commands import completing
from editchain.diagnostics import did_you_mean, one_of
from editchain.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from editchain.pipeline import Pipeline, Step
    from editchain.plans.tasks import StepPlan

Function = TypeVar("Function", bound="Callable[..., Any]")


def selection_options(function: Function) -> Function:
    """--only, --from, --until and --fresh."""
    for name, about in (
        ("--fresh", "Make a step's pictures anew, under the same keys."),
        ("--until", "A step and what it needs."),
        ("--from", "A step and what needs it."),
        ("--only", "One step alone; what it needs must be stored."),
    ):
        names = (name, "from_") if name == "--from" else (name,)
        function = click.option(
            *names, multiple=name == "--fresh", metavar="STEP", shell_complete=completing.steps, help=about
        )(function)
    return function


@dataclass(frozen=True, slots=True)
class Selection:
    """The steps that were named: none is all that outputs need."""

    only: str | None = None
    from_: str | None = None
    until: str | None = None
    fresh: tuple[str, ...] = ()

    @staticmethod
    def of(chosen: Mapping[str, Any]) -> Selection:
        """What the options of a command say."""
        return Selection(chosen["only"], chosen["from_"], chosen["until"], tuple(chosen["fresh"]))

    @property
    def is_partial(self) -> bool:
        """Whether less than the whole is wanted."""
        return any(one is not None for one in (self.only, self.from_, self.until))

    def fresh_steps(self) -> Callable[[StepPlan], bool] | None:
        """Which steps' stored results do not count."""
        wanted = set(self.fresh)
        return (lambda one: any(is_part(one.step, name) for name in wanted)) if wanted else None

    def targets(self, pipeline: Pipeline) -> Callable[[Step], bool] | None:
        """Which steps are wanted; None for all that outputs need. Raises ConfigurationError."""
        known = [step.name for step in pipeline.steps]
        tops = dict.fromkeys([*known, *(above for name in known for above in _above(name))])
        for name in (self.only, self.from_, self.until, *self.fresh):
            if name is not None and name not in tops:
                raise ConfigurationError(
                    f'No step is called "{name}". {did_you_mean(name, tops) or f"There is {one_of(tops)}."}'
                )
        if sum(one is not None for one in (self.only, self.from_, self.until)) > 1:
            raise ConfigurationError("--only, --from and --until do not go together; name one.")
        if self.until is not None or self.only is not None:
            return lambda step: is_part(step, self.until or self.only or "")
        if self.from_ is not None:
            wanted = _dependents(pipeline, self.from_)
            return lambda step: id(step) in wanted
        return None


def _above(name: str) -> Iterator[str]:
    """The steps that run the pipelines which a step is in, the outermost last."""
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name


def is_part(step: Step, name: str) -> bool:
    """Whether a step is the one of that name, or inside of the pipeline that it runs."""
    return step.name == name or step.name.startswith(name + "/")


def _dependents(pipeline: Pipeline, name: str) -> set[int]:
    from editchain.language.values import pictures_in

    found = {id(step) for step in pipeline.steps if is_part(step, name)}
    for step in pipeline.steps:
        if any(
            id(other) in found
            for value in (*step.fields.values(), step.protect)
            for other in pictures_in(value)
        ):
            found.add(id(step))
    return found

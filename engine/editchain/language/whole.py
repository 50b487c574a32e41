"""The pipeline as a whole: which steps its outputs need, how many tasks they are, and whether outputs collide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.artifacts import ImageSource
from editchain.diagnostics import Place
from editchain.language.depth import MAIN, losses
from editchain.language.existence import emptinesses
from editchain.language.masks import stretches
from editchain.language.outputs import check_collisions
from editchain.language.scalars import width_of
from editchain.language.scope import Result
from editchain.language.values import pictures_in
from editchain.pipeline import Step

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from editchain.diagnostics import Problems
    from editchain.language.depth import Loss
    from editchain.language.drafts import Draft
    from editchain.language.masks import Stretch
    from editchain.language.reading import Reader
    from editchain.language.scope import Binding
    from editchain.pipeline import Input, Output

MAX_TASKS = 1_000_000

_HOLD_NO_PICTURES = frozenset((str, int, float, bool, ImageSource))


class Whole:
    """Looks at what the steps of a pipeline came to; `names` is what their names stand for."""

    def __init__(
        self, names: Mapping[str, Binding], drafts: Mapping[str, Draft], reader: Reader, problems: Problems
    ) -> None:
        self.names = names
        self.drafts = drafts
        self.reader = reader
        self.problems = problems

    def needed(self, made: Sequence[Step], outputs: tuple[Output, ...]) -> tuple[Step, ...]:
        """Those of the steps that some output needs, by reference or `after`; the others are named in a warning."""
        needed: set[int] = set()
        stack = [output.picture.step for output in outputs]
        while stack:
            step = stack.pop()
            if id(step) in needed:
                continue
            needed.add(id(step))
            stack.extend(step.after)
            for value in step.fields.values():
                if type(value) not in _HOLD_NO_PICTURES:
                    stack.extend(pictures_in(value))
            if step.protect is not None:
                stack.extend(pictures_in(step.protect))
        if outputs and len(needed) < len(made) and not self.problems.has_errors():
            self._warn_of_unneeded(needed)
        return tuple(step for step in made if id(step) in needed)

    def _warn_of_unneeded(self, needed: set[int]) -> None:
        for name, draft in self.drafts.items():
            target = self.names.get(name)
            made = (
                (target,) if isinstance(target, Step) else target.steps if isinstance(target, Result) else ()
            )
            if made and not any(id(one) in needed for one in made):
                message = f"steps.{name}: no output needs this step, so it is not run."
                hint = "Add it to outputs, or take it away."
                place = Place(draft.source, draft.at)
                self.problems.warning(place, "unneeded-step", message, hint, width=len(name))

    def check(self, steps: Sequence[Step], outputs: Sequence[Output], inputs: Mapping[str, Input]) -> None:
        """Notes what only shows when everything is known: too many tasks, nothing left by `exclude`, outputs that collide."""
        total = 0
        for step in steps:
            total += step.count
            if total > MAX_TASKS:
                shape = " × ".join(f"{one.name} {one.size:,}" for one in step.dimensions)
                come = f"the pipeline comes to {total:,} tasks, more than {MAX_TASKS:,}"
                message = f"steps.{step.name}: with {shape} {come}."
                hint = "Loop over less, or split the pipeline."
                self.problems.error(step.place, "too-many-tasks", message, hint, width=len(step.name))
                return
        if any(step.excluded for step in steps):
            for step, field in emptinesses(steps):
                self._empty(step, field, self.drafts.get(step.name))
        check_collisions(outputs, inputs, self.problems)
        for loss in losses(steps, outputs, self.reader.deep):
            self._lost(loss)
        for stretch in stretches(steps, self.reader.size_of):
            self._stretched(stretch)

    def _lost(self, loss: Loss) -> None:
        picture = self.reader.display(loss.picture.location)
        message = f"{picture} has 16 bits a channel, and 8 of them are read."
        hint = "Write native: true to keep them, or native: false where 8 will do."
        self._warn(loss.step, MAIN, "lost-depth", message, hint)

    def _stretched(self, stretch: Stretch) -> None:
        mask, picture = (
            f"{self.reader.display(one.location)} ({' × '.join(map(str, self.reader.size_of(one) or ()))})"
            for one in (stretch.mask, stretch.picture)
        )
        message = f"the mask {mask} has another shape than {picture} and would be stretched."
        hint = "Give a mask that is made for this picture."
        self._warn(stretch.step, stretch.field, "mask-shape", message, hint)

    def _warn(self, step: Step, field: str, code: str, message: str, hint: str) -> None:
        """Warns where a step has a field, or of the whole step where it has the field from elsewhere."""
        draft = self.drafts.get(step.name)
        entry = draft.entries.get(field) if draft is not None else None
        place = Place(entry.source, entry.at) if entry is not None else step.place
        width = width_of(entry.value) if entry is not None else len(step.name)
        self.problems.warning(place, code, f"steps.{step.name}.{field}: {message}", hint, width=width)

    def _empty(self, step: Step, field: str | None, draft: Draft | None) -> None:
        entry = draft.entries.get(field) if draft is not None and field is not None else None
        place = step.place if entry is None else entry.place
        if field is None:
            why = "exclude leaves no combination" if step.excluded else "all that it refers to is excluded"
            message = f"steps.{step.name}: {why}, so nothing of this step would run."
            hint = "Exclude less." if step.excluded else "Refer to what runs, or exclude less there."
            self.problems.error(place, "no-tasks", message, hint, width=len(step.name))
        else:
            message = f"steps.{step.name}.{field}: exclude leaves nothing to gather here."
            self.problems.error(place, "empty-gather", message, "Exclude less.")

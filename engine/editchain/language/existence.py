"""Existence: which tasks of steps remain after exclusions, and which gathers are left with nothing. Pure."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

from editchain.language.values import pictures_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from editchain.pipeline import Picture, Step

MOST = 100_000
"""Beyond so many tasks a step is left to the plan, which looks at each anyway."""


class Emptiness(NamedTuple):
    """A step of which nothing would run (`field` is None), or a field that would gather nothing."""

    step: Step
    field: str | None


def emptinesses(steps: Iterable[Step]) -> Iterator[Emptiness]:
    """What exclusions leave empty; `steps` stand in an order in which what is needed comes first."""
    left: dict[int, set[tuple[int, ...]] | None] = {}
    for step in steps:
        fields = {name: list(pictures_of(value)) for name, value in step.fields.items()}
        needs = [picture for pictures in fields.values() for picture in pictures]
        is_cut = step.excluded or any(left.get(id(picture.step)) is not None for picture in needs)
        if not is_cut or step.count > MOST or any(one.keys is None for one in step.dimensions):
            left[id(step)] = None
            continue
        names = [dimension.name for dimension in step.dimensions]
        remaining: set[tuple[int, ...]] = set()
        empty: str | None = None
        for positions in itertools.product(*(range(one.size) for one in step.dimensions)):
            at = dict(zip(names, positions, strict=True))
            if _is_excluded(step, at) or not all(_exists(one, at, left) for one in needs if not one.is_list):
                continue
            remaining.add(positions)
            for name, pictures in fields.items():
                if any(one.is_list and not _exists(one, at, left) for one in pictures):
                    empty = empty or name
        left[id(step)] = remaining
        if empty is not None:
            yield Emptiness(step, empty)
        elif not remaining and not any(left.get(id(one.step)) == set() for one in needs):
            yield Emptiness(step, None)


def _is_excluded(step: Step, at: Mapping[str, int]) -> bool:
    return any(
        all(at.get(name) in positions for name, positions in exclusion.items()) for exclusion in step.excluded
    )


def _exists(picture: Picture, at: Mapping[str, int], left: Mapping[int, set[tuple[int, ...]] | None]) -> bool:
    """Whether any of the images that a picture means at a coordinate is made."""
    remaining = left.get(id(picture.step))
    if remaining is None:
        return True
    fixed = {dimension.name: position for dimension, position in picture.fixed}
    free = {dimension.name for dimension in picture.gathered}
    choices = [
        [fixed[one.name]]
        if one.name in fixed
        else range(one.size)
        if one.name in free or one.name not in at
        else [at[one.name]]
        for one in picture.step.dimensions
    ]
    return any(positions in remaining for positions in itertools.product(*choices))

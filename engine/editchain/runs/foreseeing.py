"""Foreseeing: what will be done to the input pictures of calls before they are sent, and which of them no route takes."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from editchain.artifacts import ASSET_VENDOR, ImageSource
from editchain.classes import dataclass
from editchain.diagnostics import counted
from editchain.errors import TaskError
from editchain.plans.tasks import AFTER, RUN, Column
from editchain.providers.preparing import foreseen, is_sent_by_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from editchain.journal.entries import KnownFile
    from editchain.models import Route
    from editchain.plans.tasks import Plan, StepPlan

_NUMBERS = re.compile(r"\d+(?:\.\d+)?")


@dataclass(slots=True)
class _Said:
    """A sentence that holds, but for its numbers, for a first picture and so many more."""

    sentence: str
    picture: str
    more: int = 0

    def __str__(self) -> str:
        others = f" and {counted(self.more, 'more picture')}" if self.more else ""
        return f"{self.sentence} ({self.picture}{others})."


def with_foreseen(plan: Plan, known: Callable[[ImageSource], KnownFile | None]) -> Plan:
    """The plan with a notice of what will be done to pictures, and a problem for each that a route does not take.

    `known` tells format, size and length of an input picture; those of pictures that are yet to be made are not known.
    """
    notices: dict[tuple[str, str], _Said] = {}
    problems: dict[tuple[str, str], _Said] = {}
    for one in plan.steps:
        if all(way.is_local or way.route is None for way in one.ways):
            continue
        has_mask = bool(one.images.get("mask"))
        for name, source, route in _pictures(one):
            found = known(source)
            is_by_name = source.kind == "asset" and is_sent_by_name(
                route, name, ASSET_VENDOR, has_mask=has_mask
            )
            if found is None or not found.width or not found.height or is_by_name:
                continue
            size = (found.width, found.height)
            try:
                for said in foreseen(name, found.format, size, found.size, route, has_mask=has_mask):
                    _note(notices, one, said, source)
            except TaskError as error:
                _note(problems, one, str(error).removesuffix("."), source)
    if not notices and not problems:
        return plan
    return replace(
        plan,
        notices=(*plan.notices, *map(str, notices.values())),
        problems=(*plan.problems, *map(str, problems.values())),
    )


def _pictures(one: StepPlan) -> Iterator[tuple[str, ImageSource, Route]]:
    """The input pictures of a step's calls that are left to make, each once: field, picture, route."""
    seen: set[tuple[str, str, int]] = set()
    sources = [
        (name, part)
        for name, parts in one.images.items()
        for part in parts
        if isinstance(part, (ImageSource, Column))
    ]
    if not sources:
        return
    for ordinal in one.ordinals():
        way = one.way(ordinal)
        if one.states[ordinal] not in (RUN, AFTER) or way.is_local or way.route is None:
            continue
        for name, part in sources:
            source = part[ordinal] if isinstance(part, Column) else part
            if isinstance(source, ImageSource) and (at := (name, source.location, id(way.route))) not in seen:
                seen.add(at)
                yield name, source, way.route


def _note(said: dict[tuple[str, str], _Said], one: StepPlan, sentence: str, source: ImageSource) -> None:
    like = (one.name, _NUMBERS.sub("#", sentence))
    if like in said:
        said[like].more += 1
    else:
        said[like] = _Said(f"{one.name}: {sentence}", source.key)

"""Ordering: steps so that each comes after what it needs, and the cycles that forbid it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.diagnostics import Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from editchain.diagnostics import Problems
    from editchain.language.drafts import Draft


def in_order(drafts: Mapping[str, Draft], problems: Problems) -> Iterator[str]:
    """The names of steps so that each comes after what it needs.

    Steps of a cycle, and those that need one, do not come; each cycle is noted.
    """
    waiting: dict[str, int] = {}
    dependents: dict[str, list[str]] = {}
    for name, draft in drafts.items():
        needs = [need for need in draft.needs if need in drafts]
        waiting[name] = len(needs)
        for need in needs:
            dependents.setdefault(need, []).append(name)
    ready = [name for name, count in waiting.items() if count == 0]
    for name in ready:  # grows while it is walked
        yield name
        for dependent in dependents.get(name, ()):
            waiting[dependent] -= 1
            if waiting[dependent] == 0:
                ready.append(dependent)
    left = {name for name in drafts if waiting[name] > 0}
    for cycle in _cycles(left, drafts):
        _report(cycle, drafts, problems)


def _cycles(left: set[str], drafts: Mapping[str, Draft]) -> Iterator[list[str]]:
    """One cycle for each group of steps that need each other, beginning with its first on the page."""
    order = {name: index for index, name in enumerate(drafts)}
    seen: set[str] = set()
    for start in sorted(left, key=order.__getitem__):
        path, index = [start], {start: 0}
        while path[-1] not in seen:
            following = next(need for need in drafts[path[-1]].needs if need in left)
            if following in index:
                cycle = path[index[following] :]
                first = min(range(len(cycle)), key=lambda at: order[cycle[at]])
                yield cycle[first:] + cycle[:first]
                break
            index[following] = len(path)
            path.append(following)
        seen.update(path)


def _report(cycle: list[str], drafts: Mapping[str, Draft], problems: Problems) -> None:
    first = drafts[cycle[0]]
    lines = (first.source.locate(drafts[name].at)[0] for name in [*cycle, cycle[0]])
    chain = " needs ".join(
        f"{name} (line {line})" for name, line in zip([*cycle, cycle[0]], lines, strict=True)
    )
    said = f"steps.{cycle[0]} needs itself" if len(cycle) == 1 else "These steps need each other in a cycle"
    message = f"{said}: {chain}."
    hint = "Take one of these references away."
    problems.error(Place(first.source, first.at), "cycle", message, hint, width=len(cycle[0]))

"""Purchasing: which pictures are left to buy, in how many calls at the most, and for how much. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from editchain.plans.identity import foretold
from editchain.plans.sharing import call_sizes, coordinate_of, most_calls
from editchain.plans.tasks import AFTER, KNOWN, UNNEEDED, Money

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from editchain.plans.tasks import StepPlan, Way

    Again = Collection[tuple[int, int]] | None


def purchases(
    steps: Sequence[StepPlan], again: Again = None
) -> Iterator[tuple[StepPlan, int, tuple[Way, ...]]]:
    """The pictures that are left to buy, or those of `again` (step and ordinal), each once.

    Each comes with the ways by which it may be bought: of tasks of equal keys, the one that is ready first buys it.
    """
    keys = _open_keys(steps, again)
    ways = _ways(_wanted(steps, again, keys))
    for one, ordinal, key in _wanted(steps, again, keys):
        if (found := ways.pop(key, None)) is not None:
            yield one, ordinal, found


def price(steps: Sequence[StepPlan], again: Again = None) -> tuple[int, Money]:
    """How many calls there are at the most for what is left to buy, or for what is bought `again`, and what they cost."""
    keys = _open_keys(steps, again)
    ways = _ways(_wanted(steps, again, keys))
    calls, unknown = _calls(steps, _wanted(steps, again, keys))
    counts: dict[int, int] = {}
    alike: dict[int, tuple[Way, ...]] = {}
    for found in ways.values():
        counts[id(found)] = counts.get(id(found), 0) + 1
        alike[id(found)] = found
    least: dict[str, Decimal] = {}
    most: dict[str, Decimal] = {}
    for number, found in alike.items():
        for currency, (low, high) in costs(found).items():
            least[currency] = least.get(currency, Decimal(0)) + low * counts[number]
            most[currency] = most.get(currency, Decimal(0)) + high * counts[number]
    return min(calls, len(ways)), Money(least, most, min(unknown, len(ways)))


def costs(ways: Sequence[Way]) -> Mapping[str, tuple[Decimal, Decimal]]:
    """What a picture costs by currency, at the least and at the most, where it is bought by any of these ways.

    A way goes on to its others where it is refused: what they cost counts towards the most.
    """
    first = [way.price for way in ways if way.price is not None]
    most: dict[str, Decimal] = {}
    for way in ways:
        for one in (way, *way.others):
            if one.price is not None:
                most[one.price.currency] = max(most.get(one.price.currency, Decimal(0)), one.price.most)
    is_certain = len({one.currency for one in first}) == 1 and len(first) == len(ways)
    least = {first[0].currency: min(one.least for one in first)} if is_certain else {}
    return {currency: (least.get(currency, Decimal(0)), high) for currency, high in most.items()}


def missing(steps: Sequence[StepPlan]) -> set[tuple[int, int]]:
    """What is known and needed, and what that would need in its turn if it had to be bought again."""
    found: set[tuple[int, int]] = set()
    for one in reversed(steps):
        for ordinal in one.ordinals() if found or KNOWN in one.states else ():
            if one.states[ordinal] == KNOWN or (one.index, ordinal) in found:
                found.add((one.index, ordinal))
                found.update(
                    (other.index, need)
                    for other, need in one.needs(ordinal)
                    if other.states[need] in (KNOWN, UNNEEDED)
                )
    return found


def _open_keys(steps: Sequence[StepPlan], again: Again) -> Mapping[tuple[int, int], bytes]:
    """What stands for the keys that are open, where any of them is bought."""
    is_open = again is None and any(_is_paid(one) and AFTER in one.states for one in steps)
    return foretold(steps) if is_open else {}


def _is_paid(one: StepPlan) -> bool:
    return not all(way.is_local for way in one.ways)


def _wanted(
    steps: Sequence[StepPlan], again: Again, keys: Mapping[tuple[int, int], bytes]
) -> Iterator[tuple[StepPlan, int, bytes]]:
    """The tasks whose pictures are left to buy, with their keys or what stands for them, twins among them."""
    for one in filter(_is_paid, steps):
        for ordinal in one.ordinals():
            is_bought = one.is_to_do(ordinal) if again is None else (one.index, ordinal) in again
            if is_bought and not one.way(ordinal).is_local:
                yield one, ordinal, one.keys[ordinal] or keys[one.index, ordinal]


def _ways(wanted: Iterable[tuple[StepPlan, int, bytes]]) -> dict[bytes, tuple[Way, ...]]:
    """The ways by which each picture may be bought; equal ones are one object."""
    found: dict[bytes, tuple[Way, ...]] = {}
    alike: dict[tuple[int, ...], tuple[Way, ...]] = {}
    for one, ordinal, key in wanted:
        way, before = one.way(ordinal), found.get(key, ())
        if not any(way is other for other in before):
            ways = (*before, way)
            found[key] = alike.setdefault(tuple(map(id, ways)), ways)
    return found


def _calls(steps: Sequence[StepPlan], wanted: Iterable[tuple[StepPlan, int, bytes]]) -> tuple[int, int]:
    """The most calls for what is left to buy, and how many of them have no known price.

    Which of several steps buys a sample that they share is not known before, so each counts for all of its own.
    """
    single: dict[bytes, Way] = {}
    samples: dict[tuple[int, int], list[bytes]] = {}
    for one, ordinal, key in wanted:
        if call_sizes(one, ordinal)[0] > 1:
            samples.setdefault((one.index, coordinate_of(one, ordinal).start), []).append(key)
        else:
            single.setdefault(key, one.way(ordinal))
    groups: dict[frozenset[bytes], tuple[int, bool]] = {}
    for (index, start), keys in samples.items():
        one, group = steps[index], frozenset(keys)
        number, is_unknown = groups.get(group, (0, False))
        number = max(number, most_calls(len(group), call_sizes(one, start)))
        groups[group] = number, is_unknown or one.way(start).price is None
    calls = len(single) + sum(number for number, _ in groups.values())
    unknown = sum(way.price is None for way in single.values())
    return calls, unknown + sum(number for number, is_unknown in groups.values() if is_unknown)

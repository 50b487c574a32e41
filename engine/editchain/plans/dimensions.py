"""Arithmetic with named axes: how the places of one step's tasks follow from another's. Pure."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from editchain.pipeline import Dimension

Ordinals = "range | array[int]"


def strides(dimensions: Sequence[Dimension]) -> dict[str, int]:
    """By how much a task's ordinal grows for one position on each dimension; the last dimension is innermost."""
    result = {}
    stride = 1
    for dimension in reversed(dimensions):
        result[dimension.name] = stride
        stride *= dimension.size
    return result


def walk(dimensions: Sequence[Dimension], steps: Mapping[str, int], start: int = 0) -> range | array[int]:
    """For every coordinate in order, a sum of `steps` times positions: the ordinals of another step's tasks.

    `steps` has 0 (or nothing) for a dimension that does not move it.
    """
    total = 1
    for dimension in dimensions:
        total *= dimension.size
    own = strides(dimensions)
    if all(steps.get(dimension.name, 0) == own[dimension.name] for dimension in dimensions):
        return range(start, start + total)
    values = array("I", [start])
    for dimension in dimensions:
        step = steps.get(dimension.name, 0)
        moves = range(0, step * dimension.size, step) if step else (0,) * dimension.size
        values = array("I", [value + move for value in values for move in moves])
    return values


def positions(dimensions: Sequence[Dimension], name: str) -> range | array[int]:
    """For every coordinate in order, its position on one dimension."""
    return walk(dimensions, {name: 1})


def coordinate(dimensions: Sequence[Dimension], ordinal: int) -> tuple[int, ...]:
    """The positions of one task."""
    found = []
    for dimension in reversed(dimensions):
        ordinal, position = divmod(ordinal, dimension.size)
        found.append(position)
    return tuple(reversed(found))


def keys_at(dimensions: Sequence[Dimension], ordinal: int) -> dict[str, str]:
    """The keys of one task by the names of its dimensions."""
    return {
        dimension.name: dimension.keys[position]
        for dimension, position in zip(dimensions, coordinate(dimensions, ordinal), strict=True)
        if dimension.keys is not None
    }


def shape(dimensions: Sequence[Dimension]) -> str:
    """The dimensions for people: `photo 50 × garment 8`."""
    return " × ".join(f"{dimension.name} {dimension.size:,}" for dimension in dimensions)

"""Masks of another shape than the pictures that they are for: they would be stretched, and mean another part."""

from __future__ import annotations

from itertools import islice, product
from typing import TYPE_CHECKING, Any, NamedTuple

from editchain.language.depth import MAIN
from editchain.language.values import given_pictures
from editchain.pipeline import Pick

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from editchain.artifacts import ImageSource
    from editchain.pipeline import Step

MOST_PAIRS = 1000
"""So many of a step's pictures are looked at with their masks."""

Size = tuple[int, int]

_ALIKE = 0.02


class Stretch(NamedTuple):
    """A mask that does not have the shape of a picture which it is for; `field` is where the step names it."""

    step: Step
    field: str
    mask: ImageSource
    picture: ImageSource


def stretches(steps: Iterable[Step], size_of: Callable[[ImageSource], Size | None]) -> Iterator[Stretch]:
    """The first such pair of each step. Only what is given is known: how large a made picture is, is not."""
    for step in steps:
        for field, value in (("mask", step.fields.get("mask")), ("protect", step.protect)):
            pairs = islice(_pairs(value, step.fields.get(MAIN)), MOST_PAIRS)
            found = next((pair for pair in pairs if not _is_alike(size_of(pair[0]), size_of(pair[1]))), None)
            if found is not None:
                yield Stretch(step, field, *found)


def _pairs(mask: Any, picture: Any) -> Iterator[tuple[ImageSource, ImageSource]]:
    masks = tuple(given_pictures(mask))
    if not masks:
        return iter(())
    if isinstance(mask, Pick) and isinstance(picture, Pick) and mask.dimension is picture.dimension:
        return zip(masks, given_pictures(picture), strict=False)
    return product(masks, given_pictures(picture))


def _is_alike(mask: Size | None, picture: Size | None) -> bool:
    """Whether two sizes have one shape, upright or turned: a photo may say that it is to be turned."""
    if mask is None or picture is None:
        return True
    return _has_ratio(mask, picture) or _has_ratio(mask, (picture[1], picture[0]))


def _has_ratio(one: Size, other: Size) -> bool:
    across, down = one[0] * other[1], one[1] * other[0]
    rounding = max(*one, *other)  # a pixel more or less
    return abs(across - down) <= _ALIKE * max(across, down) + rounding

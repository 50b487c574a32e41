"""Bound values: along which dimensions they vary, and what they are at a coordinate. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from editchain.artifacts import ImageSource
from editchain.pipeline import UNKNOWN, Dimension, Gathered, Joined, Listing, PathOf, Pick, Picture, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from editchain.pipeline import Step


def is_plain(value: Any) -> bool:
    """Whether a value is plain data all through: nothing in it varies or refers to a picture."""
    if isinstance(value, (str, int, float, bool)) or value is None:
        return True
    if isinstance(value, list):
        return all(is_plain(one) for one in value)
    return isinstance(value, dict) and all(is_plain(one) for one in value.values())


def value_at(dimension: Dimension, column: str | None, position: int) -> Any:
    """The value at a position of a dimension, or of one of its columns."""
    value = dimension.values[position]
    return value if column is None else value[column]


def text_at(dimension: Dimension, column: str | None, position: int) -> str:
    """The value at a position as it was written."""
    text = dimension.texts[position]
    return str(text if column is None else text[column])


def evaluate_text(value: Joined | Pick, positions: Mapping[str, int]) -> str:
    """A text at a coordinate, given as positions by the names of dimensions."""
    if isinstance(value, Pick):
        return text_at(value.dimension, value.column, positions[value.dimension.name])
    return "".join(
        part
        if isinstance(part, str)
        else text_at(part.dimension, part.column, positions[part.dimension.name])
        for part in value.parts
    )


def is_known(value: Joined | Pick, positions: Mapping[str, int]) -> bool:
    """Whether all that a text takes from dimensions is there at a coordinate: a bad cell is unknown."""
    picks = (value,) if isinstance(value, Pick) else (one for one in value.parts if isinstance(one, Pick))
    return all(
        one.dimension.keys is not None
        and value_at(one.dimension, one.column, positions.get(one.dimension.name, 0)) is not UNKNOWN
        for one in picks
    )


def dimensions_of(value: Any) -> tuple[Dimension, ...]:
    """The dimensions along which a bound value varies, pictures apart."""
    if type(value) in _NEVER_VARY:
        return ()
    found: dict[str, Dimension] = {}
    for one in _picks(value):
        found.setdefault(one.name, one)
    return tuple(found.values())


_NEVER_VARY = frozenset((str, int, float, bool, ImageSource, Picture))


def _picks(value: Any) -> Iterator[Dimension]:
    if isinstance(value, Pick):
        yield value.dimension
    elif isinstance(value, Joined):
        yield from (part.dimension for part in value.parts if isinstance(part, Pick))
    elif isinstance(value, (Listing, list)):
        for one in value.items if isinstance(value, Listing) else value:
            yield from _picks(one)
    elif isinstance(value, (Record, dict)):
        for one in (value.items if isinstance(value, Record) else value).values():
            yield from _picks(one)
    elif isinstance(value, PathOf):
        yield from value.dimensions
    elif isinstance(value, Gathered) and value.is_lined_up:
        yield value.dimension


def pictures_of(value: Any) -> Iterator[Picture]:
    """The pictures of other steps that a bound value holds."""
    if isinstance(value, Picture):
        yield value
    elif isinstance(value, (Listing, list)):
        for one in value.items if isinstance(value, Listing) else value:
            yield from pictures_of(one)
    elif isinstance(value, (Pick, Gathered)):
        for position in range(len(value.dimension.values)):
            cell = value_at(value.dimension, value.column, position)
            if isinstance(cell, Picture):  # a list that was handed in may hold files beside them
                yield cell


def pictures_in(value: Any) -> Iterator[Step]:
    """The steps whose pictures a bound value holds."""
    for picture in pictures_of(value):
        yield picture.step


def is_image_pick(value: Any) -> bool:
    """Whether a value picks images along a dimension."""
    return isinstance(value, (Pick, Gathered)) and isinstance(sample_of(value), (ImageSource, Picture))


def sample_of(value: Pick | Gathered) -> Any:
    """One of the values that a pick takes, None where none is known."""
    for position in range(len(value.dimension.values)):
        found = value_at(value.dimension, value.column, position)
        if found is not UNKNOWN:
            return found
    return None


def given_pictures(value: Any) -> Iterator[ImageSource]:
    """The pictures that were given, and not made, which a field may take; by position where it takes one of several."""
    if isinstance(value, ImageSource):
        yield value
    elif isinstance(value, (Pick, Gathered)):
        for position in range(len(value.dimension.values)):
            found = value_at(value.dimension, value.column, position)
            if isinstance(found, ImageSource):
                yield found

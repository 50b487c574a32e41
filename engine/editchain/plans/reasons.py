"""Reasons: why a task is not stored, from the nearest result that is. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.classes import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Difference:
    """A line of an identity that differs: its field, and what it says there and here (None where it says nothing)."""

    field: str
    stored: str | None
    wanted: str | None


def differences(stored: str, wanted: str) -> tuple[Difference, ...]:
    """What differs between two identities, field by field."""
    old, new = fields(stored), fields(wanted)
    return tuple(
        Difference(name, old.get(name), new.get(name))
        for name in dict.fromkeys([*new, *old])
        if old.get(name) != new.get(name)
    )


def nearest(wanted: str, stored: Iterable[str]) -> tuple[Difference, ...] | None:
    """The differences from the stored identity that has the fewest; None where nothing is stored."""
    found = [differences(one, wanted) for one in stored]
    return min(found, key=len) if found else None


def phrase(found: tuple[Difference, ...] | None) -> str:
    """The reason in a phrase."""
    if found is None:
        return "new"
    names = list(dict.fromkeys(one.field.split("[")[0] for one in found))
    if len(names) > 3:
        return "new"
    if not names:
        return "asked for anew"
    said = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    if all(one.stored is not None and one.wanted is not None for one in found):
        return f"{said} changed"
    return f"{said} differ{'s' if len(names) == 1 else ''}"


def fields(identity: str) -> dict[str, str]:
    """What an identity says by field; the pictures of a list, a line each, with commas between them."""
    found: dict[str, str] = {}
    for line in identity.split("\n")[1:]:
        name, equals, value = line.partition("=")
        if equals:
            found[name] = f"{found[name]},{value}" if name in found else value
    return found

"""Hashes: the keys and digests of a step's tasks, each kind side by side in one piece of memory. Pure."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE = 32
"""The bytes of a SHA-256: as objects of their own, a hundred thousand take five times the memory."""

_NONE, _EMPTY, _THERE = range(3)


class _Packed:
    """For each ordinal a hash, an empty one, or none; none at first."""

    __slots__ = ("_kinds", "_packed")

    def __init__(self, count: int) -> None:
        self._packed = memoryview(bytearray(SIZE * count))
        self._kinds = bytearray(count)

    def _at(self, at: int) -> bytes | None:
        kind = self._kinds[at]
        if kind == _THERE:
            return self._packed[at * SIZE : (at + 1) * SIZE].tobytes()
        return None if kind == _NONE else b""

    def __setitem__(self, at: int, value: bytes | None) -> None:
        if value:
            self._packed[at * SIZE : (at + 1) * SIZE] = value
            self._kinds[at] = _THERE
        else:
            self._kinds[at] = _NONE if value is None else _EMPTY

    def __repr__(self) -> str:
        shown = [one and one.hex()[:8] for one in map(self._at, range(len(self._kinds)))]
        return f"{self.__class__.__name__}({shown})"


class Keys(_Packed):
    """The key of each task by its ordinal; None where it is open or there is no task."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]  # they change
    __getitem__ = _Packed._at

    def __len__(self) -> int:
        return len(self._kinds)

    def __iter__(self) -> Iterator[bytes | None]:
        return map(self._at, range(len(self._kinds)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Iterable) and list(self) == list(other)

    def fill(self, key: bytes) -> None:
        """Gives all tasks the same key."""
        self._packed[:] = key * len(self._kinds)
        self._kinds[:] = bytes((_THERE,)) * len(self._kinds)


class Digests(_Packed, MutableMapping[int, bytes]):
    """The digests of the pictures that are known, by the ordinals of their tasks."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(self._kinds) - self._kinds.count(_NONE)

    def __getitem__(self, at: int) -> bytes:
        found = self._at(at)
        if found is None:
            raise KeyError(at)
        return found

    def __delitem__(self, at: int) -> None:
        self._kinds[at] = _NONE

    def __iter__(self) -> Iterator[int]:
        return (at for at, kind in enumerate(self._kinds) if kind != _NONE)

    def __contains__(self, at: Any) -> bool:
        return bool(self._kinds[at] != _NONE)

    def get(self, at: int, default: Any = None) -> Any:
        """The digest of a task's picture, or `default`; at once, as it is asked for most."""
        found = self._at(at)
        return default if found is None else found

    @property
    def has_empty(self) -> bool:
        """Whether one of them is empty."""
        return _EMPTY in self._kinds

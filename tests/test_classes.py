"""The quick decorator makes what the standard library's makes."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from typing import Any

import pytest

from editchain.classes import FEW, dataclass


@dataclass(frozen=True, slots=True)
class Frozen:
    """A frozen one."""

    name: str
    count: int = 3
    tags: list[str] = dataclasses.field(default_factory=list)

    @property
    def shown(self) -> str:
        """A property stays one."""
        return f"{self.name}×{self.count}"


@dataclass(slots=True)
class Open:
    """One that may be changed."""

    name: str
    count: int = 3


@dataclass(frozen=True, slots=True, eq=False)
class Single:
    """One that is equal to itself alone."""

    name: str = "a"


@dataclass(slots=True)
class Counted:
    """One that makes a part of itself from what it was given."""

    name: str
    length: int = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.length = len(self.name)


@dataclass(frozen=True, slots=True)
class Empty:
    """One without fields."""


def _of_the_library(cls: Any, **options: bool) -> Any:
    fields = [
        (one.name, one.type, dataclasses.field(default=one.default, default_factory=one.default_factory))
        for one in dataclasses.fields(cls)
    ]
    return dataclasses.make_dataclass(cls.__name__, fields, slots=True, **options)


@pytest.mark.parametrize(
    ("ours", "options"),
    [
        (Frozen, {"frozen": True}),
        (Open, {}),
        (Single, {"frozen": True, "eq": False}),
        (Empty, {"frozen": True}),
    ],
)
def test_it_is_made_like_the_librarys(ours: Any, options: dict[str, bool]) -> None:
    theirs = _of_the_library(ours, **options)
    given = [] if ours is Empty else ["x"]
    one, other = ours(*given), theirs(*given)
    assert repr(one) == repr(other)
    assert dataclasses.asdict(one) == dataclasses.asdict(other)
    assert ours.__match_args__ == theirs.__match_args__
    assert ours.__slots__ == theirs.__slots__
    for _ in range(FEW):  # as many as it takes to compile `__init__`
        assert repr(ours(*given)) == repr(one)
    assert list(inspect.signature(ours).parameters) == list(inspect.signature(theirs).parameters)
    assert (one == ours(*given)) is (other == theirs(*given))
    assert one != other
    assert (ours.__hash__ is None) is (theirs.__hash__ is None)
    assert hasattr(one, "__dict__") is hasattr(other, "__dict__") is False


def test_defaults_are_made_anew_and_may_be_given() -> None:
    one, other = Frozen("a"), Frozen("a")
    assert one.tags == [] and one.tags is not other.tags
    assert Frozen("a", tags=["b"]) == Frozen("a", 3, ["b"])
    assert Frozen("a").shown == "a×3"
    with pytest.raises(TypeError):
        Frozen()  # type: ignore[call-arg]


def test_the_first_ones_are_made_like_those_that_follow() -> None:
    made = [Counted("abc") for _ in range(2 * FEW)]
    assert [one.length for one in made] == [3] * len(made)
    for given in ((), ("a", "b"), ("a",)):
        for _ in range(2 * FEW):
            with pytest.raises(TypeError):
                Counted(*given, length=1)
    assert list(inspect.signature(Counted).parameters) == ["name"]


def test_a_frozen_one_is_neither_changed_nor_emptied() -> None:
    one = Frozen("a")
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.name = "b"  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        del one.name
    opened = Open("a")
    opened.name = "b"
    assert opened == Open("b")


def test_it_is_replaced_copied_and_hashed() -> None:
    one = Single("a")
    assert dataclasses.replace(one, name="b").name == "b"
    frozen = Frozen("a", 1, ["c"])
    assert copy.deepcopy(frozen) == pickle.loads(pickle.dumps(frozen)) == frozen
    assert hash(Single()) != hash(Single())
    match Open("q", 7):
        case Open(name, count):
            assert (name, count) == ("q", 7)


def test_one_that_holds_itself_can_be_shown() -> None:
    one: Any = Open("a")
    one.name = one
    assert repr(one) == "Open(name=..., count=3)"

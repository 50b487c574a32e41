"""Dataclasses that are made quickly: the library compiles up to eight methods for each class, this one when it is used.

A short command imports some seventy dataclasses, which the library takes thrice as long to make as Python takes to
start. Type checkers see the library's own decorator.
"""

from __future__ import annotations

import dataclasses
import inspect
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import dataclass
    from typing import Literal

    Fields = dict[str, dataclasses.Field[Any]]

__all__ = ["dataclass"]

_MISSING = dataclasses.MISSING
_set = object.__setattr__


def _dataclass(*, slots: Literal[True], frozen: bool = False, eq: bool = True) -> Callable[[type], type]:
    """Makes a class with slots for its annotated names, as `dataclasses.dataclass` would; no other kind is made here."""
    _ = slots
    return lambda cls: _made(cls, frozen, eq)


if not TYPE_CHECKING:
    dataclass = _dataclass


def _made(cls: type, is_frozen: bool, eq: bool) -> type:
    fields = _fields(cls)
    names = tuple(fields)
    namespace = {
        name: value for name, value in cls.__dict__.items() if name not in _REPLACED and name not in fields
    }
    namespace |= {
        "__slots__": names,
        "__match_args__": names,
        "__dataclass_fields__": fields,
        "__init__": _first_init(fields, is_frozen),
        "__repr__": _repr,
        "__getstate__": _state,
        "__setstate__": _set_state,
    }
    if is_frozen:
        namespace |= {"__setattr__": _refuse_to_set, "__delattr__": _refuse_to_delete}
    if eq:
        namespace |= _comparing(names, is_frozen)
    made = type(cls.__name__, cls.__bases__, namespace)
    made.__qualname__ = cls.__qualname__
    return made


_REPLACED = ("__dict__", "__weakref__")


def _fields(cls: type) -> Fields:
    """A field for each annotated name, so that `fields`, `replace` and `asdict` of the library work."""
    fields: Fields = {}
    for name, annotation in inspect.get_annotations(cls).items():
        default = cls.__dict__.get(name, _MISSING)
        is_field = isinstance(default, dataclasses.Field)
        field: Any = default if is_field else dataclasses.field(default=default)
        field.name, field.type, field.kw_only = name, annotation, False
        field._field_type = dataclasses._FIELD  # type: ignore[attr-defined]  # what makes it one in the library's eyes
        fields[name] = field
    return fields


FEW = 8
"""Instances of a class that are cheaper to fill in one by one than to compile a method for."""


def _first_init(fields: Fields, is_frozen: bool) -> Callable[..., None]:
    """Fills in the first few instances, then compiles the method that takes its place: a command makes hardly more of most."""
    names = [name for name, field in fields.items() if field.init]
    made = 0

    def __init__(self: Any, *values: Any, **named: Any) -> None:  # noqa: N807  (it is one)
        nonlocal made
        cls, made = type(self), made + 1
        given = {**dict(zip(names, values, strict=False)), **named}
        lacking = [name for name in names if name not in given]
        fits = len(given) == len(values) + len(named) and len(given) + len(lacking) == len(names)
        if made > FEW or not fits or any(_has_no_default(fields[name]) for name in lacking):
            cls.__init__ = _init(cls, fields, is_frozen)
            cls.__init__(self, *values, **named)
            return
        for name in lacking:
            field = fields[name]
            given[name] = field.default if field.default_factory is _MISSING else field.default_factory()
        for name in names:
            _set(self, name, given[name])
        if hasattr(cls, "__post_init__"):
            self.__post_init__()

    return __init__


def _has_no_default(field: dataclasses.Field[Any]) -> bool:
    return field.default is _MISSING and field.default_factory is _MISSING


def _init(cls: type, fields: Fields, is_frozen: bool) -> Callable[..., None]:
    values: dict[str, Any] = {"_set": _set}
    parameters, lines = [], []
    for name, field in fields.items():
        if not field.init:
            continue
        value = name
        parameters.append(name)
        if field.default_factory is not _MISSING:
            values[f"_make_{name}"], values["_missing"] = field.default_factory, _MISSING
            parameters[-1] += "=_missing"
            value = f"_make_{name}() if {name} is _missing else {name}"
        elif field.default is not _MISSING:
            values[f"_default_{name}"] = field.default
            parameters[-1] += f"=_default_{name}"
        lines.append(f" _set(self, {name!r}, {value})" if is_frozen else f" self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        lines.append(" self.__post_init__()")
    source = f"def __init__(self, {', '.join(parameters)}):\n" + ("\n".join(lines) or " pass")
    exec(source, values)  # noqa: S102  (names of fields, and nothing else, are put into it)
    init: Callable[..., None] = values["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    init.__module__ = cls.__module__
    return init


def _comparing(names: tuple[str, ...], is_frozen: bool) -> dict[str, Any]:
    values = attrgetter(*names) if names else lambda _one: ()

    def equals(self: object, other: object) -> Any:
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    def hashed(self: object) -> int:
        return hash(values(self))

    return {"__eq__": equals, "__hash__": hashed if is_frozen else None}


@recursive_repr()
def _repr(self: Any) -> str:
    shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
    return f"{self.__class__.__qualname__}({shown})"


def _state(self: Any) -> list[Any]:
    return [getattr(self, name) for name in self.__slots__]


def _set_state(self: Any, state: list[Any]) -> None:
    for name, value in zip(self.__slots__, state, strict=True):
        _set(self, name, value)


def _refuse_to_set(_self: object, name: str, _value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(_self: object, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")

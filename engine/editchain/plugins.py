"""Plug-ins: modules that a workspace names, imported when a name is in no table of ours, and never unasked."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from editchain.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SHAPES = 1
"""The version of the shapes of providers, operations and documents; a plug-in says for which it was written."""

_named: tuple[str, ...] = ()
_modules: dict[str, Any] = {}


def use(names: Sequence[str]) -> None:
    """Has the modules of these names looked into from now on; they are imported when they are first needed."""
    global _named
    _named = tuple(names)


def providers() -> Mapping[str, str]:
    """The providers of the plug-ins: name to module. Raises ConfigurationError."""
    return _table("PROVIDERS")


def operations() -> Mapping[str, str]:
    """The operations of the plug-ins: name to module. Raises ConfigurationError."""
    return _table("OPERATIONS")


def documents(kind: str) -> Mapping[str, Path]:
    """The documents of the plug-ins, of "models" or "operations", by name. Raises ConfigurationError."""
    found: dict[str, Path] = {}
    for module in _imported():
        folder = getattr(module, "DOCUMENTS", None)
        where = Path(folder) / kind if folder is not None else None
        if where is not None and where.is_dir():
            found |= {path.stem: path for path in sorted(where.iterdir()) if path.suffix == ".json"}
    return found


def _table(name: str) -> dict[str, str]:
    return {key: value for module in _imported() for key, value in getattr(module, name, {}).items()}


def _imported() -> Iterator[Any]:
    for name in _named:
        if name not in _modules:
            _modules[name] = _import(name)
        yield _modules[name]


def _import(name: str) -> Any:
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        raise ConfigurationError(
            f'The plug-in "{name}" that editchain.toml names cannot be imported: {error}. Is it installed here?'
        ) from error
    shapes = getattr(module, "SHAPES", None)
    if shapes != SHAPES:
        said = (
            "does not say for which version of the shapes it was written"
            if shapes is None
            else f"was written for version {shapes} of the shapes"
        )
        raise ConfigurationError(
            f'The plug-in "{name}" {said}; this editchain has version {SHAPES}. Install one that fits.'
        )
    return module

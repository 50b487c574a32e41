"""The table of operations; the module of one is imported when it is first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from editchain.operations.base import Operation

OPERATIONS: dict[str, str] = {
    "composite": "editchain.operations.composite",
    "contact_sheet": "editchain.operations.contact_sheet",
    "convert": "editchain.operations.convert",
    "crop": "editchain.operations.crop",
    "resize": "editchain.operations.resize",
}


def load(name: str) -> Operation:
    """The operation of this name; raises KeyError for one that is not in the table."""
    return cast("Operation", importlib.import_module(OPERATIONS[name]))

"""The shape of an operation, and what one makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True)
class Picture:
    """A result and how it wants to be stored: PNG, unless the operation was asked for something else."""

    image: Image.Image
    format: str = "png"
    quality: int | None = None
    lossless: bool = False


class Operation(Protocol):
    """A module with `apply`, which takes the fields of its schema by name and touches nothing else.

    Image fields come decoded, defaults filled in, and a field that was not given and has no default is None.
    It raises OperationError for what only the pictures can tell.
    """

    def apply(self, *args: Any, **fields: Any) -> Picture:
        """The picture that the fields ask for."""
        ...

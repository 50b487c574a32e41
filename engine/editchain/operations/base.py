"""The shape of an operation, and what one makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from editchain.imaging.codec import without_metadata

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True)
class Picture:
    """A result and how it wants to be stored: PNG, unless the operation was asked for something else."""

    image: Image.Image
    format: str = "png"
    quality: int | None = None
    lossless: bool = False

    def __post_init__(self) -> None:
        """Parts with the metadata of a picture that was not touched: it is not in the stored file either."""
        object.__setattr__(self, "image", without_metadata(self.image))


class Operation(Protocol):
    """A module with `apply`, which takes the fields of its schema by name and touches nothing else.

    Image fields come decoded, defaults filled in, and a field that was not given and has no default is None.
    It raises OperationError for what only the pictures can tell.
    """

    def apply(self, *args: Any, **fields: Any) -> Picture | bytes:
        """The picture that the fields ask for; as the bytes of its file where more than pixels are in it."""
        ...

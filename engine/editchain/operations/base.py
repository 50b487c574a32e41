"""The shape of an operation, and what one makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from editchain.imaging.codec import NOTHING, Attached, without_metadata
from editchain.imaging.native import Native

if TYPE_CHECKING:
    from editchain.imaging.modes import Pixels


@dataclass(frozen=True)
class Picture:
    """A result and how it wants to be stored: PNG, unless the operation was asked for something else.

    Its numbers are sRGB unless it has a profile; only what is `attached` goes with it.
    """

    image: Pixels
    format: str = "png"
    quality: int | None = None
    lossless: bool = False
    profile: bytes | None = None
    attached: Attached = NOTHING

    def __post_init__(self) -> None:
        """Parts with the metadata of a picture that was not touched: it is not in the stored file either."""
        object.__setattr__(self, "image", without_metadata(self.image))

    @property
    def native(self) -> Native:
        """The picture in its own numbers."""
        return Native(self.image, self.profile)

    def file(self) -> bytes:
        """The bytes that are stored; raises ImageError where it cannot be written."""
        return self.native.file(
            self.format, quality=self.quality, lossless=self.lossless, attached=self.attached
        )


class Operation(Protocol):
    """A module with `apply`, which takes the fields of its schema by name and touches nothing else.

    Image fields come decoded, defaults filled in, and a field that was not given and has no default is None. Where the
    schema has `native` and the step says it, pictures come as deep as they are; the field itself is read by the engine.
    It raises OperationError for what only the pictures can tell.
    """

    def apply(self, *args: Any, **fields: Any) -> Picture | bytes:
        """The picture that the fields ask for; as the bytes of its file where more than pixels are in it."""
        ...

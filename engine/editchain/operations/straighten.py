"""Straighten: a tilted picture turned level."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.errors import OperationError
from editchain.imaging.extra import need
from editchain.imaging.modes import eight_bit
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from editchain.imaging.modes import SamePixels


def apply(*, image: SamePixels, most: float) -> Picture:
    """The level picture; OperationError where no edges tell, or they are tilted by more than is put right."""
    need("straighten")
    from editchain.imaging.level import levelled, tilt

    degrees = tilt(eight_bit(image))
    if abs(degrees) > most:
        raise OperationError(
            f"The picture is tilted by {abs(degrees):g}°, more than the {most:g}° put right."
        )
    return Picture(levelled(image, degrees))

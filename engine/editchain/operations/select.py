"""Select: the best of several pictures, by a measure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.errors import OperationError
from editchain.imaging.measures import MEASURES, measured
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from PIL import Image


def apply(
    *,
    images: list[Image.Image],
    by: str,
    prefer: str | None,
    rank: int,
    original: Image.Image | None,
    mask: Image.Image | None,
) -> Picture:
    """The picture of a rank, 1 the best; of equal ones the earlier. OperationError where there are fewer."""
    if rank > len(images):
        raise OperationError(f"There is no picture of rank {rank} among {len(images)}.")
    values = [measured(by, image, original, mask) for image in images]
    wants_more = MEASURES[by].more_is_better if prefer is None else prefer == "most"
    order = sorted(range(len(images)), key=lambda at: (-values[at] if wants_more else values[at], at))
    return Picture(images[order[rank - 1]])

"""Neutral table: the look-up table that changes nothing, to be graded by the steps that follow."""

from __future__ import annotations

from editchain.imaging.lut import neutral
from editchain.operations.base import Picture


def apply(*, steps: int) -> Picture:
    """The table as a Hald image."""
    return Picture(neutral(steps))

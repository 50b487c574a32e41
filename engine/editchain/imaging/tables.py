"""The sizes of look-up tables: as pictures, and as .cube files say them; without Pillow, as probing needs none."""

from __future__ import annotations

import math
import re

LEAST, MOST = 2, 65
"""How many steps a channel may have."""

LEVELS = range(4, 9)
"""Those of Hald images; they have level² steps and are level³ pixels a side."""

_SIZE = re.compile(rb"^[ \t]*LUT_3D_SIZE[ \t]+(\d{1,4})[ \t]*\r?$", re.MULTILINE)


def steps_of(size: tuple[int, int]) -> int | None:
    """How many steps the table of this size in pixels has, or None where it is none."""
    width, height = size
    if width == height:
        return next((level * level for level in LEVELS if level**3 == width), None)
    return height if LEAST <= height <= MOST and width == height * height else None


def size_of(steps: int) -> tuple[int, int]:
    """The size in pixels of a table of so many steps."""
    level = math.isqrt(steps)
    return (level**3, level**3) if level in LEVELS and level * level == steps else (steps * steps, steps)


def cube_size(head: bytes) -> tuple[int, int] | None:
    """The size in pixels of the table in a .cube file, from its beginning; None for what is no such file."""
    found = _SIZE.search(head[:65536])
    if found is None or b"\0" in head[:4096]:
        return None
    return size_of(int(found[1]))

"""What JSON Schema cannot say of sizes and boxes: how many pixels there are in all, and what lies in a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def problem(size: object, rule: Mapping[str, Any]) -> str | None:
    """What is wrong with `[width, height]` by `min_pixels`, `max_pixels` and `max_ratio`; None also of what is no size."""
    if not isinstance(size, list) or len(size) != 2 or not all(type(one) is int and one > 0 for one in size):
        return None
    width, height = size
    pixels, shown = width * height, f"{width}×{height}"
    if pixels < rule.get("min_pixels", 0):
        return f"{shown} is {pixels:,} pixels, less than the least, {rule['min_pixels']:,}"
    if pixels > rule.get("max_pixels", pixels):
        return f"{shown} is {pixels:,} pixels, more than the most, {rule['max_pixels']:,}"
    ratio = rule.get("max_ratio")
    if ratio is not None and max(size) > ratio * min(size):
        return f"{shown} is longer than {ratio}:1"
    return None


_ROUNDING = 0.001
"""How far a box of parts may reach beyond the picture: thirds and the like are written with few digits."""


def box_problem(box: object) -> str | None:
    """What is wrong with `[x, y, width, height]` in any picture; None also of what is no box."""
    if not isinstance(box, list) or len(box) != 4 or not all(type(one) in (int, float) for one in box):
        return None
    shown = "[" + ", ".join(f"{one:g}" for one in box) + "]"
    x, y, width, height = box
    if min(width, height) <= 0:
        return f"the box {shown} is empty: a box is [x, y, width, height]"
    if max(box) <= 1 and max(x + width, y + height) > 1 + _ROUNDING:
        return f"the box {shown} reaches beyond the picture: a box is [x, y, width, height], and these are parts of it"
    return None

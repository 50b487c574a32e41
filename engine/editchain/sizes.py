"""What JSON Schema cannot say of a size: how many pixels there are in all, and how far it is from square."""

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

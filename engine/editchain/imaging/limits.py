"""What a picture may measure, in one place."""

from __future__ import annotations

MAX_BYTES = 50 * 1024 * 1024
MAX_PIXELS = 64 * 1024 * 1024
MAX_SIDE = 16_384
MAX_FRAMES = 200


def size_problem(width: int, height: int) -> str | None:
    """Why a picture of this size in pixels is not accepted, or None where it is."""
    if width < 1 or height < 1:
        return f"{width}×{height} pixels is no picture"
    if max(width, height) > MAX_SIDE:
        return f"{width}×{height} pixels is more than {MAX_SIDE} on a side"
    if width * height > MAX_PIXELS:
        megapixels = width * height / 1048576
        return f"{width}×{height} is {megapixels:.0f} megapixels, more than {MAX_PIXELS // 1048576}"
    return None


def length_problem(length_bytes: int) -> str | None:
    """Why an image file of this length is not accepted, or None where it is."""
    if length_bytes > MAX_BYTES:
        return f"{length_bytes / 1048576:.1f} MB is more than {MAX_BYTES // 1048576} MB"
    return None

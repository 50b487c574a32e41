"""Colours sent through a table of three dimensions, which comes as a picture."""

from __future__ import annotations

from PIL import Image, ImageFilter

from editchain.errors import OperationError

_LEVELS = range(4, 9)


def neutral(level: int) -> Image.Image:
    """The Hald image that changes nothing: every colour once, level³ pixels a side."""
    steps, side = level * level, level**3
    values = bytearray()
    for blue in range(steps):
        for green in range(steps):
            for red in range(steps):
                values += bytes(round(255 * value / (steps - 1)) for value in (red, green, blue))
    return Image.frombytes("RGB", (side, side), bytes(values))


def through_table(image: Image.Image, table: Image.Image) -> Image.Image:
    """The RGB picture with each colour looked up; raises OperationError for what is no Hald image."""
    level = next((level for level in _LEVELS if table.size == (level**3, level**3)), None)
    if level is None:
        sizes = ", ".join(str(level**3) for level in _LEVELS)
        raise OperationError(
            f"The table measures {table.width}×{table.height}; a Hald image is square, of {sizes} pixels a side."
        )
    values = [value / 255 for value in table.convert("RGB").tobytes()]
    return image.filter(ImageFilter.Color3DLUT(level * level, values))

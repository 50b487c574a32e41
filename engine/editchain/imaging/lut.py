"""Look-up tables of colours, which are pictures here: Hald images, strips of tiles, and .cube files.

A table has so many steps for each channel. Those of 16, 25, 36, 49 and 64 steps are Hald images, square and with red
going fastest, then green, then blue; those of other steps are strips as game engines have them, a tile for each blue.
"""

from __future__ import annotations

import math
import re

from PIL import Image, ImageChops, ImageFilter

from editchain.errors import ImageError, OperationError
from editchain.imaging.modes import SamePixels
from editchain.imaging.tables import LEAST, LEVELS, MOST, size_of, steps_of

_KEYWORD = re.compile(r"[A-Z_0-9]*[A-Z_]{2}[A-Z_0-9]*")


def neutral(steps: int) -> Image.Image:
    """The table of so many steps that changes nothing."""
    scale = [round(255 * value / (steps - 1)) for value in range(steps)]
    values = bytearray()
    for blue in scale:
        for green in scale:
            for red in scale:
                values += bytes((red, green, blue))
    return _laid_out(steps, bytes(values))


def through_table(image: SamePixels, table: Image.Image, amount: float = 1) -> SamePixels:
    """The RGB picture with each colour looked up, as far as the amount says; raises OperationError for what is no table."""
    steps = steps_of(table.size)
    if steps is None:
        sizes = ", ".join(str(level**3) for level in LEVELS)
        raise OperationError(
            f"The table measures {table.width}×{table.height}; a Hald image is square, of {sizes} pixels a side, and "
            "a strip as wide as its height times itself."
        )
    values = [value / 255 for value in _in_order(steps, table.convert("RGB"))]
    if not isinstance(image, Image.Image):
        return image.looked_up(values, steps, amount)
    return ImageChops.blend(image, image.filter(ImageFilter.Color3DLUT(steps, values)), amount)


def read_cube(data: bytes) -> Image.Image:
    """The table in a .cube file, in 8 bit. Raises ImageError for what is damaged or cannot be shown in it."""
    steps, rows = 0, []
    for number, line in enumerate(data.decode("utf-8-sig", "replace").splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if not _KEYWORD.fullmatch(words[0]):
            rows.append(_row(words, number))
        elif words[0] == "LUT_3D_SIZE":
            steps = int(words[1])
        else:
            _check_keyword(words, number)
    if not LEAST <= steps <= MOST:
        raise ImageError(f"This CUBE file has {steps} steps for each channel; {LEAST} to {MOST} can be read.")
    if len(rows) != steps**3:
        raise ImageError(f"This CUBE file is damaged or cut short: it has {len(rows)} of {steps**3} colours.")
    return _laid_out(steps, b"".join(rows))


def write_cube(table: Image.Image) -> bytes:
    """A table as a .cube file; raises ImageError for a picture that is none."""
    steps = steps_of(table.size)
    if steps is None:
        raise ImageError(
            f"A picture of {table.width}×{table.height} is no look-up table; begin with the operation neutral_table."
        )
    values = _in_order(steps, table.convert("RGB"))
    rows = (values[at : at + 3] for at in range(0, len(values), 3))
    lines = (" ".join(f"{value / 255:.6f}" for value in row) for row in rows)
    return "\n".join([f"LUT_3D_SIZE {steps}", *lines, ""]).encode()


def _check_keyword(words: list[str], number: int) -> None:
    """Passes over what does not change the colours; raises ImageError for what would."""
    if words[0] in ("DOMAIN_MIN", "DOMAIN_MAX", "LUT_3D_INPUT_RANGE"):
        wanted = {"DOMAIN_MIN": [0.0], "DOMAIN_MAX": [1.0], "LUT_3D_INPUT_RANGE": [0.0, 1.0]}[words[0]]
        numbers = [_number(word, number) for word in words[1:]]
        if numbers not in (wanted, wanted * 3):
            raise ImageError(f"Line {number} of this CUBE file gives another domain than 0 to 1.")
    elif words[0].startswith("LUT_1D"):
        raise ImageError("This CUBE file has a table of one dimension; the operation curves does the same.")
    elif words[0] not in ("TITLE",):
        raise ImageError(f"Line {number} of this CUBE file is not understood: {words[0][:40]}.")


def _row(words: list[str], number: int) -> bytes:
    if len(words) != 3:
        raise ImageError(f"Line {number} of this CUBE file has {len(words)} numbers, not 3.")
    return bytes(min(255, max(0, math.floor(255 * _number(word, number) + 0.5))) for word in words)


def _number(word: str, number: int) -> float:
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ImageError(f'Line {number} of this CUBE file has "{word[:40]}" in place of a number.')
    return value


def _laid_out(steps: int, values: bytes) -> Image.Image:
    """The picture of a table, from its colours in order."""
    size = size_of(steps)
    if size[0] == size[1]:
        return Image.frombytes("RGB", size, values)
    run = 3 * steps
    rows = [
        values[(blue * steps + green) * run : (blue * steps + green + 1) * run]
        for green in range(steps)
        for blue in range(steps)
    ]
    return Image.frombytes("RGB", size, b"".join(rows))


def _in_order(steps: int, table: Image.Image) -> bytes:
    """The colours of a table, red going fastest, then green, then blue."""
    values = table.tobytes()
    if table.width == table.height:
        return values
    run = 3 * steps
    return b"".join(
        values[(green * steps + blue) * run : (green * steps + blue + 1) * run]
        for blue in range(steps)
        for green in range(steps)
    )

"""Text on pictures, in the fonts that come with editchain, or in one from a file."""

from __future__ import annotations

import io
import unicodedata
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

from PIL import Image, ImageDraw, ImageFilter, ImageFont, features

from editchain.errors import OperationError
from editchain.imaging.colours import Colour
from editchain.imaging.extra import need
from editchain.imaging.geometry import place
from editchain.imaging.letters import composed, lacking, missing, missing_message, right_to_left

if TYPE_CHECKING:
    from collections.abc import Iterable

_FONTS = Path(__file__).parent / "fonts"
_FAMILIES = {"sans": "DejaVuSans", "serif": "DejaVuSerif", "mono": "DejaVuSansMono"}
_SMALLEST = 6


@dataclass(frozen=True)
class Lettering:
    """How text is set. `family` is sans, serif or mono; `height` is that of a line's letters in pixels, `width` what a line may have of them.

    `width` None: all between the margins. `align` None: by the anchor's side. `margin` None: a 25th. `typeface`: the
    bytes of a font file, in place of a family.
    """

    anchor: str
    height: int
    colour: Colour
    opacity: float = 1.0
    width: int | None = None
    align: str | None = None
    bold: bool = False
    family: str = "sans"
    margin: int | None = None
    background: Colour | None = None
    shadow: bool = True
    typeface: bytes | None = None


@lru_cache(maxsize=32)
def font(
    size: int, *, bold: bool = False, family: str = "sans", typeface: bytes | None = None
) -> ImageFont.FreeTypeFont:
    """A font at a size in pixels; raises OperationError without FreeType, and for a file that is damaged."""
    if not features.check("freetype2"):
        raise OperationError("This build of Pillow cannot draw text: it lacks FreeType.")
    if typeface is not None:
        try:
            return ImageFont.truetype(io.BytesIO(typeface), size, layout_engine=ImageFont.Layout.BASIC)
        except (OSError, ValueError) as error:
            raise OperationError(
                f"The font file is damaged or of a kind that is not read: {error}."
            ) from error
    path = _FONTS / f"{_FAMILIES[family]}{'-Bold' if bold else ''}.ttf"
    # the other engine is not in every build, and places letters a little differently
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


def check_text(text: str, typeface: bytes | None = None) -> str:
    """The text, accents joined to their letters; raises OperationError for what the font does not have."""
    text = composed(text)
    if typeface is not None:
        _check_letters(as_seen(text), typeface)
        return text
    letter = missing(text)
    if letter is not None:
        said = missing_message(letter)
        raise OperationError(f"{said[0].upper()}{said[1:]}.")
    return text


def _check_letters(text: str, typeface: bytes) -> None:
    """Raises OperationError for a character that is drawn as one that no font has."""
    face = font(32, typeface=typeface)
    nothing = _drawn(face, "\uffff")
    for letter in dict.fromkeys(text):
        is_seen = not letter.isspace() and unicodedata.category(letter) != "Cf"
        if is_seen and _drawn(face, letter) in (nothing, b""):
            raise OperationError(f'The font file has no "{letter}".')


def _drawn(face: ImageFont.FreeTypeFont, letter: str) -> bytes:
    """A letter's pixels; Pillow's own types do not say that they can be walked."""
    return bytes(cast("Iterable[int]", face.getmask(letter)))


def as_seen(line: str) -> str:
    """One line in the order and the shapes in which its letters stand, for those that run from right to left.

    Raises ConfigurationError without the extra that knows.
    """
    if right_to_left().isdisjoint(line):
        return line
    need("text from right to left", "text")
    from arabic_reshaper import reshape
    from bidi import get_display

    return str(get_display(reshape(line)))


def text_size(
    text: str, size: int, *, bold: bool = False, family: str = "sans", typeface: bytes | None = None
) -> tuple[int, int]:
    """Width and height in pixels of one line of text, with room for every letter above and below."""
    face = font(size, bold=bold, family=family, typeface=typeface)
    ascent, descent = face.getmetrics()
    return round(face.getlength(as_seen(text))), ascent + descent


def shortened(text: str, size: int, width: int) -> str:
    """As much of one line as fits the width, with an ellipsis where it was cut."""
    if text_size(text, size)[0] <= width:
        return text
    while text and text_size(text + "…", size)[0] > width:
        text = text[:-1]
    return text.rstrip() + "…"


def write(image: Image.Image, text: str, corner: tuple[int, int], size: int, colour: Colour) -> None:
    """Draws one line into the picture itself, its top left at the corner."""
    draw = ImageDraw.Draw(image)
    draw.text(corner, as_seen(text), font=font(size), fill=colour if image.mode == "RGBA" else colour[:3])


def readable_on(colour: Colour) -> Colour:
    """Black or white, whichever is easier to read on the colour."""
    red, green, blue, alpha = colour
    light = (red * 299 + green * 587 + blue * 114) / 1000 * alpha / 255 + (255 - alpha)
    return (0, 0, 0, 255) if light > 140 else (255, 255, 255, 255)


def written(image: Image.Image, text: str, style: Lettering) -> Image.Image:
    """The picture with text held to an anchor, in lines that are broken between words to fit.

    Letters are smaller than asked for where the text would not fit otherwise. A soft shadow, dark under light
    letters and light under dark ones, keeps it readable on any picture. Raises OperationError for characters
    that the font does not have.
    """
    text = check_text(text, style.typeface)
    margin = max(2, round(min(image.size) * 0.04)) if style.margin is None else style.margin
    room = max(8, image.width - 2 * margin), max(8, image.height - 2 * margin)
    room = min(room[0], style.width or room[0]), room[1]
    if style.typeface is None and not lacking(style.family).isdisjoint(text):
        style = replace(style, family="sans")
    size, lines = _set(text, style.height, room, style)
    spread = max(1, round(size / 14))
    around = 3 * spread  # for the shadow, or the box
    letters = _letters(lines, size, around, style)
    extent = letters.width - 2 * around, letters.height - 2 * around
    x, y = place((image.width - 2 * margin, image.height - 2 * margin), extent, style.anchor)
    corner = margin + x - around, margin + y - around
    if style.background is not None:
        box = Image.new("L", letters.size, 255)
        image = _stamped(image, box, style.background[:3], corner, style.background[3] / 255)
    strength = style.colour[3] / 255 * style.opacity
    if style.shadow and style.background is None:
        shade = (0, 0, 0) if sum(style.colour[:3]) > 380 else (255, 255, 255)
        soft = letters.filter(ImageFilter.GaussianBlur(spread * 1.5))
        image = _stamped(image, soft, shade, corner, 0.55 * strength)
    return _stamped(image, letters, style.colour[:3], corner, strength)


def _set(text: str, size: int, room: tuple[int, int], style: Lettering) -> tuple[int, list[str]]:
    """The largest size up to the one asked for at which the text fits, and its lines."""
    while True:
        lines = [part for line in text.split("\n") for part in _broken(line, size, room[0], style)]
        step = _extent("", size, style)[1]
        widest = max(_extent(line, size, style)[0] for line in lines)
        too_much = max(widest / room[0], step * len(lines) / room[1])
        if too_much <= 1 or size <= _SMALLEST:
            return size, lines
        size = max(_SMALLEST, min(size - 1, round(size / too_much**0.5)))


def _extent(line: str, size: int, style: Lettering) -> tuple[int, int]:
    return text_size(line, size, bold=style.bold, family=style.family, typeface=style.typeface)


def _broken(line: str, size: int, width: int, style: Lettering) -> list[str]:
    """The line in pieces that fit the width, as far as words allow."""
    pieces = [""]
    for word in line.split(" "):
        longer = f"{pieces[-1]} {word}" if pieces[-1] else word
        if not pieces[-1] or _extent(longer, size, style)[0] <= width:
            pieces[-1] = longer
        else:
            pieces.append(word)
    return pieces


def _letters(lines: list[str], size: int, around: int, style: Lettering) -> Image.Image:
    """White letters on black with room around them."""
    widths = [_extent(line, size, style)[0] for line in lines]
    step = _extent("", size, style)[1]
    layer = Image.new("L", (max(widths) + 2 * around, step * len(lines) + 2 * around))
    draw = ImageDraw.Draw(layer)
    align = style.align or next((side for side in ("left", "right") if side in style.anchor), "centre")
    for row, (line, width) in enumerate(zip(lines, widths, strict=True)):
        slack = max(widths) - width
        left = {"left": 0, "right": slack}.get(align, slack // 2)
        at = around + left, around + row * step
        face = font(size, bold=style.bold, family=style.family, typeface=style.typeface)
        draw.text(at, as_seen(line), font=face, fill=255)
    return layer


def _stamped(
    image: Image.Image,
    shape: Image.Image,
    colour: tuple[int, int, int],
    corner: tuple[int, int],
    opacity: float,
) -> Image.Image:
    made = image.convert("RGB") if image.mode == "L" else image.copy()
    shape = shape.point([round(value * opacity) for value in range(256)])
    made.paste(Image.new("RGB", shape.size, colour), corner, shape)
    return made

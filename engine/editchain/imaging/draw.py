"""Text on pictures, in the font that comes with Pillow."""

from __future__ import annotations

from functools import lru_cache

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from editchain.errors import OperationError
from editchain.imaging.colours import Colour
from editchain.imaging.geometry import place


@lru_cache(maxsize=32)
def font(size: int) -> ImageFont.FreeTypeFont:
    """The built-in sans serif at a size in pixels; raises OperationError without FreeType."""
    found = ImageFont.load_default(size=size)
    if not isinstance(found, ImageFont.FreeTypeFont):
        raise OperationError("This build of Pillow cannot draw text: it lacks FreeType.")
    # the other engine is not in every build, and places letters a little differently
    return found.font_variant(layout_engine=ImageFont.Layout.BASIC)


def check_text(text: str) -> str:
    """The text itself; raises OperationError for a character that the font does not have."""
    face = font(32)
    missing = _drawn(face, "\uffff")
    for character in dict.fromkeys(text):
        if not character.isspace() and _drawn(face, character) == missing:
            raise OperationError(
                f'The built-in font has no "{character}": it has plain Latin letters, digits and signs.'
            )
    return text


def text_size(text: str, size: int) -> tuple[int, int]:
    """Width and height in pixels of one line of text, with room for every letter above and below."""
    face = font(size)
    ascent, descent = face.getmetrics()
    return round(face.getlength(text)), ascent + descent


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
    draw.text(corner, text, font=font(size), fill=colour if image.mode == "RGBA" else colour[:3])


def readable_on(colour: Colour) -> Colour:
    """Black or white, whichever is easier to read on the colour."""
    red, green, blue, alpha = colour
    light = (red * 299 + green * 587 + blue * 114) / 1000 * alpha / 255 + (255 - alpha)
    return (0, 0, 0, 255) if light > 140 else (255, 255, 255, 255)


def _drawn(face: ImageFont.FreeTypeFont, character: str) -> bytes:
    image = Image.new("L", (64, 64))
    ImageDraw.Draw(image).text((8, 8), character, font=face, fill=255)
    return image.tobytes()


def written(
    image: Image.Image,
    text: str,
    anchor: str,
    height: int,
    colour: Colour,
    opacity: float = 1.0,
    *,
    margin: int | None = None,
    shadow: bool = True,
) -> Image.Image:
    """The picture with text held to an anchor, its letters `height` pixels high, or less so that lines fit.

    A soft shadow, dark under light letters and light under dark ones, keeps it readable on any picture.
    Raises OperationError for characters that the font does not have.
    """
    lines = [check_text(line) for line in text.split("\n")]
    margin = max(2, round(min(image.size) * 0.04)) if margin is None else margin
    size = min(_fitting(line, height, max(8, image.width - 2 * margin)) for line in lines)
    spread = max(1, round(size / 14))
    room = 3 * spread  # around the letters, for the shadow
    letters = _letters(lines, size, room, anchor)
    extent = letters.width - 2 * room, letters.height - 2 * room
    x, y = place((image.width - 2 * margin, image.height - 2 * margin), extent, anchor)
    corner = margin + x - room, margin + y - room
    strength = colour[3] / 255 * opacity
    if shadow:
        shade = (0, 0, 0) if sum(colour[:3]) > 380 else (255, 255, 255)
        soft = letters.filter(ImageFilter.GaussianBlur(spread * 1.5))
        image = _stamped(image, soft, shade, corner, 0.55 * strength)
    return _stamped(image, letters, colour[:3], corner, strength)


def _letters(lines: list[str], size: int, room: int, anchor: str) -> Image.Image:
    """White letters on black with room around them; lines are held to the anchor's side."""
    widths = [text_size(line, size)[0] for line in lines]
    step = text_size("", size)[1]
    layer = Image.new("L", (max(widths) + 2 * room, step * len(lines) + 2 * room))
    draw = ImageDraw.Draw(layer)
    for row, (line, width) in enumerate(zip(lines, widths, strict=True)):
        slack = max(widths) - width
        left = 0 if "left" in anchor else slack if "right" in anchor else slack // 2
        draw.text((room + left, room + row * step), line, font=font(size), fill=255)
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


def _fitting(text: str, size: int, width: int) -> int:
    while size > 6 and text_size(text, size)[0] > width:
        size = max(6, min(size - 1, size * width // max(1, text_size(text, size)[0])))
    return size

"""Rehearsing a vendor's call: everything up to the door, then the edited picture as the model would give it back, marked.

A request is prepared and mapped as for the vendor, so that what its route cannot honour is found; nothing is sent.
"""

from __future__ import annotations

import math
import re
from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from editchain.classes import dataclass
from editchain.errors import OperationError
from editchain.imaging.colours import Colour
from editchain.providers import mapping
from editchain.providers.base import Finished
from editchain.providers.preparing import prepared

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from PIL import Image

    from editchain.models import Model, Route
    from editchain.providers.base import Request, Session

PIXELS = 1024 * 1024
"""How large a picture is where neither the step nor the document says: most models give about a megapixel."""
MULTIPLE = 16
"""What sides that are worked out from a ratio are multiples of, as models have them."""

_SIZE = re.compile(r"([1-9]\d{1,4})\s*[x×*:]\s*([1-9]\d{1,4})")
_TIER = re.compile(r"(?:auto_)?(\d+(?:\.\d+)?)\s?(K|MP)", re.IGNORECASE)
_LEAST_SIDE = 64
"""A pair of smaller numbers is a ratio."""
_SIGN: Colour = (255, 176, 0, 255)
_INK: Colour = (20, 20, 20, 255)


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Stands where a provider would: gives back what its model would give, as far as size, format and alpha go."""

    model: Model
    route: Route

    async def submit(self, session: Session | None, request: Request) -> Finished:
        """The edited picture, once for each sample. Raises TaskError for what the route cannot take."""
        _ = session
        from editchain.operations.base import Picture

        body = mapping.body(
            prepared(request, self.route), self.route, lambda blob: f"picture {blob.digest.hex()[:8]}"
        )
        image = request.images["image"][0].decode()
        size = size_of(request, self.route, body, image.size)
        kind = format_of(request, self.route, body)
        is_cut = request.fields.get("background") == "transparent" and kind != "jpeg"
        pictures = []
        for sample in range(request.count):
            made = _marked(_fitted(image, size, is_cut=is_cut), request, request.take + sample)
            pictures.append(Picture(made, kind))
        return Finished(tuple(pictures), seed=request.seed)


def size_of(request: Request, route: Route, body: Mapping[str, Any], own: tuple[int, int]) -> tuple[int, int]:
    """The size that a model would give: as the body says in pixels, else by its ratio and tier, else that of the picture.

    `own` is the size of the edited picture, whose shape is followed where nothing else is said.
    """
    said = list(_leaves(body))
    numbers = {name: value for name, value in said if isinstance(value, int) and not isinstance(value, bool)}
    if "width" in numbers and "height" in numbers:
        return numbers["width"], numbers["height"]
    for _, value in said:
        found = _SIZE.fullmatch(value) if isinstance(value, str) else None
        if found and min(int(found[1]), int(found[2])) >= _LEAST_SIDE:
            return int(found[1]), int(found[2])
    return _of_ratio(_ratio(request, own), _pixels(route, said))


def _ratio(request: Request, own: tuple[int, int]) -> Fraction:
    said = str(request.fields.get("aspect_ratio", ""))
    with suppress(ValueError, ZeroDivisionError):
        across, colon, down = said.partition(":")
        if colon:
            return Fraction(across) / Fraction(down)
    return Fraction(*own)


def _pixels(route: Route, said: list[tuple[str, Any]]) -> int:
    for name, value in said:
        found = _TIER.fullmatch(value) if isinstance(value, str) and name != "prompt" else None
        if found:
            amount = float(found[1])
            return round((amount * 1024) ** 2 if found[2].upper() == "K" else amount * 1_000_000)
    return int(route.output.get("pixels", PIXELS))


def _of_ratio(ratio: Fraction, pixels: int) -> tuple[int, int]:
    height = math.sqrt(pixels / ratio)
    return _rounded(height * ratio), _rounded(height)


def _rounded(side: float) -> int:
    return max(MULTIPLE, round(side / MULTIPLE) * MULTIPLE)


def format_of(request: Request, route: Route, body: Mapping[str, Any]) -> str:
    """The format that a model would give: what the call asks for, else what the document says, else PNG."""
    asked = [value for name, value in _leaves(body) if name in ("output_format", "outputFormat", "format")]
    said = str(next(iter(asked), request.fields.get("format", route.output.get("format", "png")))).lower()
    return {"jpg": "jpeg"}.get(said, said if said in ("png", "jpeg", "webp") else "png")


def _leaves(found: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(found, dict):
        for key, value in found.items():
            yield from _leaves(value, key)
    elif isinstance(found, list):
        for value in found:
            yield from _leaves(value, name)
    else:
        yield name, found


# ---------------------------------------------------------------------- the picture


def _fitted(image: Image.Image, size: tuple[int, int], *, is_cut: bool) -> Image.Image:
    """The picture at a size, its edges cut away, and without alpha unless something is cut out."""
    from PIL import Image, ImageChops, ImageDraw

    from editchain.imaging.codec import flatten
    from editchain.imaging.geometry import covering

    made = covering(image, size)
    if not is_cut:
        return flatten(made).convert("RGB")
    made = made.convert("RGBA")
    shape = Image.new("L", size, 0)
    ImageDraw.Draw(shape).ellipse((0, 0, size[0] - 1, size[1] - 1), fill=255)
    made.putalpha(ImageChops.multiply(made.getchannel("A"), shape))
    return made


def _marked(image: Image.Image, request: Request, take: int) -> Image.Image:
    """The picture in a frame, with a sign that says what it stands for."""
    from PIL import ImageDraw

    from editchain.imaging.draw import shortened, text_size, write

    width, height = image.size
    edge = max(1, min(image.size) // 64)
    draw = ImageDraw.Draw(image)
    sign = _SIGN if image.mode == "RGBA" else _SIGN[:3]
    draw.rectangle((0, 0, width - 1, height - 1), outline=sign, width=edge)
    size = max(8, min(image.size) // 26)
    line = text_size("", size)[1]
    top = height - 2 * line - 3 * edge
    draw.rectangle((0, top, width - 1, height - 1), fill=sign)
    number = f" · {take}" if take > 1 else ""
    for at, text in enumerate(
        (f"rehearsal of {request.model}{number}", _written(str(request.fields.get("prompt", ""))))
    ):
        room = width - 4 * edge
        write(image, shortened(text, size, room), (2 * edge, top + edge + at * line), size, _INK)
    return image


def _written(text: str) -> str:
    """A prompt on one line, as far as the font has its letters."""
    from editchain.imaging.draw import check_text

    text = " ".join(text.split())
    try:
        return check_text(text)
    except OperationError:
        return "".join(one if one.isascii() and one.isprintable() else "·" for one in text)

"""Edits that keep a picture's size and outline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from PIL import Image

from editchain.darkroom.room import Room
from editchain.imaging import blur, colour, drawing, frame, light, lut, match, pasting, tone
from editchain.imaging.compose import parse_colour
from editchain.imaging.draw import Lettering, written
from editchain.imaging.geometry import covering, length, pixel_box, ratio, rounded
from editchain.imaging.modes import in_mode

Curving = Callable[..., tone.Curves]
Painting = Callable[..., Image.Image]


def _rgb(text: str) -> colour.Rgb:
    return parse_colour(text)[:3]


def _part(before: Image.Image, after: Image.Image, amount: float) -> Image.Image:
    """As much of a look as its amount says."""
    return after if amount >= 1 else Image.blend(before, after, amount)


# ---- curves


def _exposure(*, stops: float, darker: bool = False) -> tone.Curves:
    return tone.exposure(-abs(stops) if darker else stops)


CURVES: Mapping[str, Curving] = {
    "brightness": lambda *, amount: tone.brightness(amount),
    "exposure": _exposure,
    "contrast": lambda *, amount: tone.contrast(amount),
    "warmth": lambda *, amount: tone.warmth(amount),
    "cast": lambda *, amount, **values: tone.cast(_rgb(values["colour"]), amount),
    "fade": lambda *, amount: tone.faded(amount),
    "invert": tone.inverted,
    "solarise": lambda *, amount: tone.solarised(amount),
}
"""Edits that send each channel through a curve."""


# ---- light, colour and looks


def _enhance(image: Image.Image, _: Room, *, amount: float) -> Image.Image:
    """Levels, opened shadows, held highlights, livelier colours, a little sharpness."""
    made = tone.highlights(tone.shadows(tone.auto_levels(image), 0.3), 0.2)
    return _part(image, blur.sharpen(colour.vibrance(made, 0.3), 0.3), amount)


def _black_and_white(
    image: Image.Image, _: Room, *, amount: float, filter_colour: str | None = None, contrast: float = 0.0
) -> Image.Image:
    return _part(image, colour.black_and_white(image, filter_colour, contrast), amount)


def _duotone(image: Image.Image, _: Room, *, amount: float, dark: str, light: str) -> Image.Image:
    return _part(image, colour.duotone(image, _rgb(dark), _rgb(light)), amount)


def _match_colours(image: Image.Image, room: Room, *, amount: float, reference: int) -> Image.Image:
    return match.match_colours(image, in_mode(room.reference(reference), "RGB"), amount)


def _lut(image: Image.Image, room: Room, *, amount: float, reference: int) -> Image.Image:
    return _part(image, lut.through_table(image, room.reference(reference)), amount)


def _golden_hour(image: Image.Image, _: Room, *, amount: float, side: str = "right") -> Image.Image:
    return _part(image, light.golden_hour(image, side), amount)


def _sketch(image: Image.Image, room: Room, *, amount: float, in_colour: bool = False) -> Image.Image:
    return _part(image, drawing.sketch(image, room.source, in_colour=in_colour), amount)


def _pixelate(
    image: Image.Image, _: Room, *, amount: float | None = None, block: int | None = None
) -> Image.Image:
    if block is None:
        block = max(2, rounded(min(image.size) * (0.008 + 0.045 * (amount or 0.0))))
    return blur.pixelate(image, int(block)) if amount != 0 else image


def _blur(
    image: Image.Image, _: Room, *, amount: float | None = None, radius: float | None = None
) -> Image.Image:
    if radius is None:
        radius = min(image.size) * 0.03 * (amount or 0.0)
        radius = max(0.6, radius) if amount else 0.0
    return blur.blur(image, radius)


def _vignette(image: Image.Image, _: Room, *, amount: float, colour: str = "#000000") -> Image.Image:
    return light.vignette(image, amount, _rgb(colour))


def _text(
    image: Image.Image, _: Room, *, text: str, anchor: str, height: float, colour: str, opacity: float
) -> Image.Image:
    size = max(6, length(height, image.height))
    return written(image, text, Lettering(anchor, size, parse_colour(colour), opacity))


def _paste(image: Image.Image, room: Room, *, reference: int, **values: object) -> Image.Image:
    return pasting.pasted(image, room.reference(reference), **values)  # type: ignore[arg-type]


def _overlay(image: Image.Image, room: Room, *, reference: int, opacity: float) -> Image.Image:
    over = covering(room.reference(reference), image.size)
    return pasting.pasted(image, over, anchor="centre", scale=1.0, opacity=opacity, shadow=0.0)


# ---- edits that need the extra; each imports it when it is used


def _oil(image: Image.Image, _: Room, *, amount: float) -> Image.Image:
    from editchain.imaging.painting import oil

    return _part(image, oil(image), amount)


def _watercolour(image: Image.Image, room: Room, *, amount: float) -> Image.Image:
    from editchain.imaging.painting import watercolour

    return _part(image, watercolour(image, room.source), amount)


def _ink(image: Image.Image, room: Room, *, amount: float) -> Image.Image:
    from editchain.imaging.painting import ink

    return _part(image, ink(image, room.source), amount)


def _cartoon(image: Image.Image, _: Room, *, amount: float) -> Image.Image:
    from editchain.imaging.painting import cartoon

    return _part(image, cartoon(image), amount)


def _recolour(image: Image.Image, _: Room, *, tolerance: float, **values: str) -> Image.Image:
    from editchain.imaging.recolour import recoloured

    return recoloured(image, _rgb(values["colour"]), _rgb(values["into"]), tolerance)


def _colour_pop(image: Image.Image, _: Room, *, colour: str, tolerance: float) -> Image.Image:
    from editchain.imaging.recolour import popped

    return popped(image, _rgb(colour), tolerance)


def _dehaze(image: Image.Image, _: Room, *, amount: float) -> Image.Image:
    from editchain.imaging.restore import dehazed

    return dehazed(image, amount)


def _denoise(image: Image.Image, _: Room, *, amount: float, fast: bool = False) -> Image.Image:
    from editchain.imaging.restore import denoised

    return denoised(image, amount, fast=fast)


def _blur_background(
    image: Image.Image, room: Room, *, amount: float, box: Sequence[float] | None = None
) -> Image.Image:
    from editchain.imaging.background import background_blurred

    if not amount:
        return image
    return background_blurred(image, room.subject(image, box), max(1.0, min(image.size) * 0.04 * amount))


def _replace_background(
    image: Image.Image,
    room: Room,
    *,
    kind: str,
    colour: str = "#ffffff",
    below: str = "#000000",
    reference: int = 1,
    shadow: float = 0.0,
    box: Sequence[float] | None = None,
) -> Image.Image:
    from editchain.imaging import backdrop
    from editchain.imaging.background import on_background
    from editchain.imaging.geometry import covering

    match kind:
        case "studio":
            behind = backdrop.studio(image.size, _rgb(colour))
        case "gradient":
            behind = backdrop.gradient(image.size, _rgb(colour), _rgb(below))
        case "reference":
            behind = covering(in_mode(room.reference(reference), "RGB"), image.size)
        case _:
            behind = Image.new("RGB", image.size, _rgb(colour))
    alpha = room.subject(image, box)
    behind = backdrop.with_shadow(behind, alpha, shadow)
    return on_background(image, alpha, behind)


def _replace_sky(image: Image.Image, room: Room, *, kind: str, reference: int = 1) -> Image.Image:
    from editchain.imaging.background import sky_replaced
    from editchain.imaging.skies import painted_sky

    other = None if kind != "reference" else room.reference(reference)
    alpha = room.sky(image)
    if other is None:
        rows = alpha.getbbox()
        other = painted_sky(kind, (image.width, rows[3] if rows else image.height), room.source)
    return sky_replaced(image, alpha, other, 0.5)


def _hide_faces(image: Image.Image, room: Room, style: str, amount: float, least: int) -> Image.Image:
    from editchain.imaging.faces import faces_hidden, faces_of

    if room.mask is not None:  # it says where they are
        box = room.mask.point([255 * (value < 128) for value in range(256)]).getbbox()
        boxes = [box] if box else []
        return faces_hidden(image, boxes, style, amount)
    return faces_hidden(image, faces_of(image, least), style, amount)


def _inpaint(image: Image.Image, room: Room, *, box: Sequence[float] | None = None) -> Image.Image:
    from PIL import ImageChops

    from editchain.errors import OperationError
    from editchain.imaging.restore import inpainted

    if box is not None:
        hole = Image.new("L", image.size)
        hole.paste(255, pixel_box(list(box), image.size))
    elif room.mask is not None:
        hole = ImageChops.invert(room.mask)
    else:
        raise OperationError("What is to be removed is what a mask marks, and there is no mask.")
    return inpainted(image, hole)


def _decal(
    image: Image.Image, room: Room, *, reference: int, box: Sequence[float], method: str
) -> Image.Image:
    return pasting.printed(image, room.reference(reference), pixel_box(list(box), image.size), method)


PAINTINGS: Mapping[str, Painting] = {
    "shadows": lambda image, _, *, amount: tone.shadows(image, amount) if amount else image,
    "highlights": lambda image, _, *, amount: tone.highlights(image, amount) if amount else image,
    "levels": lambda image, _: tone.auto_levels(image),
    "enhance": _enhance,
    "clarity": lambda image, _, *, amount: blur.clarity(image, amount) if amount else image,
    "tint": lambda image, _, *, amount, **values: colour.tint(image, _rgb(values["colour"]), amount),
    "saturation": lambda image, _, *, amount: colour.saturation(image, amount),
    "vibrance": lambda image, _, *, amount: colour.vibrance(image, amount),
    "hue": lambda image, _, *, degrees: colour.hue(image, degrees),
    "black_and_white": _black_and_white,
    "sepia": lambda image, _, *, amount: _part(image, colour.sepia(image), amount),
    "duotone": _duotone,
    "match_colours": _match_colours,
    "lut": _lut,
    "golden_hour": _golden_hour,
    "day_for_night": lambda image, _, *, amount: _part(image, light.day_for_night(image), amount),
    "cinematic": lambda image, _, *, amount: _part(image, light.cinematic(image), amount),
    "vintage": lambda image, room, *, amount: _part(image, light.vintage(image, room.source), amount),
    "noir": lambda image, room, *, amount: _part(image, light.noir(image, room.source), amount),
    "hdr": lambda image, _, *, amount: _part(image, light.hdr(image), amount),
    "airy": lambda image, _, *, amount: _part(image, light.airy(image), amount),
    "moody": lambda image, _, *, amount: _part(image, light.moody(image), amount),
    "glow": lambda image, _, *, amount: blur.glow(image, amount) if amount else image,
    "sketch": _sketch,
    "cartoon": _cartoon,
    "ink": _ink,
    "oil": _oil,
    "watercolour": _watercolour,
    "poster": lambda image, _, *, colours=8: drawing.poster(image, colours),
    "halftone": lambda image, _: drawing.halftone(image),
    "pixelate": _pixelate,
    "fog": lambda image, room, *, amount: light.fog(image, amount, room.source) if amount else image,
    "snow": lambda image, room, *, amount: light.snow(image, amount, room.source) if amount else image,
    "rain": lambda image, room, *, amount: light.rain(image, amount, room.source) if amount else image,
    "sharpen": lambda image, _, *, amount: blur.sharpen(image, amount) if amount else image,
    "blur": _blur,
    "tilt_shift": lambda image, _, *, amount: blur.tilt_shift(image, amount) if amount else image,
    "vignette": _vignette,
    "grain": lambda image, room, *, amount: light.grain(image, amount, room.source) if amount else image,
    "letterbox": lambda image, _: frame.letterboxed(image, ratio("2.39:1")),
    "text": _text,
    "paste": _paste,
    "overlay": _overlay,
    "decal": _decal,
    "recolour": _recolour,
    "colour_pop": _colour_pop,
    "dehaze": _dehaze,
    "denoise": _denoise,
    "blur_background": _blur_background,
    "replace_background": _replace_background,
    "replace_sky": _replace_sky,
    "blur_faces": lambda image, room, *, amount, least=1: _hide_faces(image, room, "blur", amount, least),
    "pixelate_faces": lambda image, room, *, amount, least=1: _hide_faces(
        image, room, "pixelate", amount, least
    ),
    "inpaint": _inpaint,
}
"""Edits of an RGB picture that keep its size; they take the picture, the room and their values."""

AROUND: Mapping[str, Painting] = {
    "colour_pop": lambda image: colour.black_and_white(image),
}
"""What stands around the region of an edit, where that is not the picture as it was."""

FILLING = frozenset(("replace_background",))
"""Edits after which nothing of the picture is transparent."""

"""What each instruction of the darkroom does to a picture, and how several are carried out."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

from PIL import Image

from editchain.classes import dataclass
from editchain.darkroom.grammar import Edit, changes_shape
from editchain.errors import OperationError
from editchain.imaging import blur, colour, drawing, frame, light, match, tone
from editchain.imaging.colour import black_and_white
from editchain.imaging.colours import Colour
from editchain.imaging.compose import mask_of, parse_colour
from editchain.imaging.draw import Lettering, written
from editchain.imaging.geometry import (
    anchored_box,
    check_size,
    covering,
    fitting_size,
    largest_of_ratio,
    length,
    mirrored,
    ratio,
    rotated,
    rounded,
    scaled,
    smallest_of_ratio,
)


@dataclass(frozen=True, slots=True)
class Darkroom:
    """What an edit may look at beside its picture and its values."""

    references: Sequence[Image.Image]
    source: random.Random


Curving = Callable[..., tone.Curves]
Painting = Callable[..., Image.Image]


def apply(
    edits: Sequence[Edit],
    image: Image.Image,
    *,
    references: Sequence[Image.Image] = (),
    mask: Image.Image | None = None,
    seed: int = 0,
    strength: float = 1.0,
    aspect_ratio: str | None = None,
) -> Image.Image:
    """The picture after all the edits, in order, then cropped to the aspect ratio; RGB or RGBA.

    Where the mask is white the picture stays as it was. `strength`, 0 to 1, is how much of the edited picture
    is seen; edits of shape and frame are always whole. Raises OperationError for a mask together with such an
    edit, and for what the picture is too small or too large for.
    """
    image = image if image.mode in ("RGB", "RGBA") else image.convert("RGB")
    darkroom = Darkroom(references, random.Random(seed))
    if mask is not None:
        _refuse_mask_with_shape(edits)
        mask = mask_of(mask, image.size)
    for is_shape, group in groupby(edits, lambda edit: edit.name in SHAPES):
        if is_shape:
            for edit in group:
                image = SHAPES[edit.name](image, **edit.values)
        else:
            image = _blended(image, _painted(list(group), image, darkroom), strength, mask)
    if aspect_ratio not in (None, "auto"):
        image = crop(image, ratio=str(aspect_ratio))
    return image


def _refuse_mask_with_shape(edits: Sequence[Edit]) -> None:
    shaping = changes_shape(edits)
    if shaping:
        raise OperationError(
            f'A mask says where a picture is edited, but "{shaping[0].name}" changes its shape or frame; '
            "do that in a step of its own."
        )


def _painted(edits: list[Edit], image: Image.Image, darkroom: Darkroom) -> Image.Image:
    """The picture after edits that keep its shape; neighbouring curves are joined and rounded once."""
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    made = image.convert("RGB")
    for is_curve, group in groupby(edits, lambda edit: edit.name in CURVES):
        if is_curve:
            made = _curved(list(group), made)
        else:
            for edit in group:
                made = PAINTINGS[edit.name](made, darkroom, **edit.values)
    if alpha:
        made.putalpha(alpha)
    return made


def _curved(edits: list[Edit], image: Image.Image) -> Image.Image:
    curves = CURVES[edits[0].name](**edits[0].values)
    for edit in edits[1:]:
        curves = tone.chained(curves, CURVES[edit.name](**edit.values))
    return tone.apply_curves(image, curves)


def _blended(
    before: Image.Image, after: Image.Image, strength: float, mask: Image.Image | None
) -> Image.Image:
    if strength < 1:
        after = Image.blend(before, after, max(0.0, strength))
    return Image.composite(before, after, mask) if mask is not None else after


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
    "fade": lambda *, amount: tone.faded(amount),
    "invert": tone.inverted,
    "solarise": lambda *, amount: tone.solarised(amount),
}
"""Edits that send each channel through a curve."""


# ---- edits that keep the shape


def _enhance(image: Image.Image, _: Darkroom, *, amount: float) -> Image.Image:
    """Levels, opened shadows, held highlights, livelier colours, a little sharpness."""
    made = tone.highlights(tone.shadows(tone.auto_levels(image), 0.3), 0.2)
    return _part(image, blur.sharpen(colour.vibrance(made, 0.3), 0.3), amount)


def _black_and_white(
    image: Image.Image,
    _: Darkroom,
    *,
    amount: float,
    filter_colour: str | None = None,
    contrast: float = 0.0,
) -> Image.Image:
    return _part(image, colour.black_and_white(image, filter_colour, contrast), amount)


def _duotone(image: Image.Image, _: Darkroom, *, amount: float, dark: str, light: str) -> Image.Image:
    return _part(image, colour.duotone(image, _rgb(dark), _rgb(light)), amount)


def _match_colours(image: Image.Image, darkroom: Darkroom, *, amount: float) -> Image.Image:
    return match.match_colours(image, _reference(darkroom), amount)


def _reference(darkroom: Darkroom) -> Image.Image:
    if not darkroom.references:
        raise OperationError("The prompt speaks of a reference; give one under references.")
    return darkroom.references[0].convert("RGB")


def _golden_hour(image: Image.Image, _: Darkroom, *, amount: float, side: str = "right") -> Image.Image:
    return _part(image, light.golden_hour(image, side), amount)


def _sketch(image: Image.Image, darkroom: Darkroom, *, amount: float, in_colour: bool = False) -> Image.Image:
    return _part(image, drawing.sketch(image, darkroom.source, in_colour=in_colour), amount)


def _pixelate(
    image: Image.Image, _: Darkroom, *, amount: float | None = None, block: int | None = None
) -> Image.Image:
    if block is None:
        block = max(2, rounded(min(image.size) * (0.008 + 0.045 * (amount or 0.0))))
    return blur.pixelate(image, int(block)) if amount != 0 else image


def _blur(
    image: Image.Image, _: Darkroom, *, amount: float | None = None, radius: float | None = None
) -> Image.Image:
    if radius is None:
        radius = min(image.size) * 0.03 * (amount or 0.0)
        radius = max(0.6, radius) if amount else 0.0
    return blur.blur(image, radius)


def _vignette(image: Image.Image, _: Darkroom, *, amount: float, colour: str = "#000000") -> Image.Image:
    return light.vignette(image, amount, _rgb(colour))


def _text(
    image: Image.Image, _: Darkroom, *, text: str, anchor: str, height: float, colour: str, opacity: float
) -> Image.Image:
    size = max(6, length(height, image.height))
    return written(image, text, Lettering(anchor, size, parse_colour(colour), opacity))


# ---- edits that need the extra; each imports it when it is used


def _recolour(image: Image.Image, _: Darkroom, *, tolerance: float, **values: str) -> Image.Image:
    from editchain.imaging.recolour import recoloured

    made = recoloured(image, _rgb(values["colour"]), _rgb(values["into"]), tolerance)
    return _in_region(image, image, made, values.get("region"))


def _colour_pop(
    image: Image.Image, _: Darkroom, *, colour: str, tolerance: float, region: str | None = None
) -> Image.Image:
    from editchain.imaging.recolour import popped

    made = popped(image, _rgb(colour), tolerance)
    return _in_region(image, black_and_white(image), made, region)


def _in_region(
    image: Image.Image, before: Image.Image, after: Image.Image, region: str | None
) -> Image.Image:
    """One picture in a region of the original and another around it."""
    if region is None:
        return after
    if region in ("subject", "background"):
        alpha = _subject(image)
        first, second = (after, before) if region == "subject" else (before, after)
        return Image.composite(first, second, alpha)
    width, height = before.size
    piece = (max(1, width // 2), height) if region in ("left", "right") else (width, max(1, height // 2))
    box = anchored_box(before.size, piece, region)
    made = before.copy()
    made.paste(after.crop(box), box[:2])
    return made


def _subject(image: Image.Image) -> Image.Image:
    from editchain.imaging.subject import subject

    return subject(image)


def _dehaze(image: Image.Image, _: Darkroom, *, amount: float) -> Image.Image:
    from editchain.imaging.restore import dehazed

    return dehazed(image, amount)


def _denoise(image: Image.Image, _: Darkroom, *, amount: float) -> Image.Image:
    from editchain.imaging.restore import denoised

    return denoised(image, amount)


def _blur_background(image: Image.Image, _: Darkroom, *, amount: float) -> Image.Image:
    from editchain.imaging.background import background_blurred

    return (
        background_blurred(image, _subject(image), max(1.0, min(image.size) * 0.04 * amount))
        if amount
        else image
    )


def _replace_background(image: Image.Image, darkroom: Darkroom, *, colour: str | None) -> Image.Image:
    from editchain.imaging.background import on_background

    behind = _reference(darkroom) if colour is None else Image.new("RGB", image.size, _rgb(colour))
    return on_background(image, _subject(image), behind)


def _replace_sky(image: Image.Image, darkroom: Darkroom) -> Image.Image:
    from editchain.imaging.background import sky, sky_replaced

    return sky_replaced(image, sky(image), _reference(darkroom), 0.5)


def _hide_faces(image: Image.Image, style: str, amount: float) -> Image.Image:
    from editchain.imaging.faces import faces_hidden, faces_of

    return faces_hidden(image, faces_of(image, 1), style, amount)


def _remove_background(image: Image.Image) -> Image.Image:
    from editchain.imaging.background import cut_out

    solid = image.convert("RGB")
    return cut_out(solid, _subject(solid))


def _straighten(image: Image.Image) -> Image.Image:
    from editchain.imaging.level import levelled, tilt

    return levelled(image, tilt(image))


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
    "golden_hour": _golden_hour,
    "day_for_night": lambda image, _, *, amount: _part(image, light.day_for_night(image), amount),
    "cinematic": lambda image, _, *, amount: _part(image, light.cinematic(image), amount),
    "vintage": lambda image, room, *, amount: _part(image, light.vintage(image, room.source), amount),
    "noir": lambda image, room, *, amount: _part(image, light.noir(image, room.source), amount),
    "glow": lambda image, _, *, amount: blur.glow(image, amount) if amount else image,
    "sketch": _sketch,
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
    "recolour": _recolour,
    "colour_pop": _colour_pop,
    "dehaze": _dehaze,
    "denoise": _denoise,
    "blur_background": _blur_background,
    "replace_background": _replace_background,
    "replace_sky": _replace_sky,
    "blur_faces": lambda image, _, *, amount: _hide_faces(image, "blur", amount),
    "pixelate_faces": lambda image, _, *, amount: _hide_faces(image, "pixelate", amount),
}
"""Edits of an RGB picture that keep its size."""


# ---- edits of shape and frame


def crop(
    image: Image.Image,
    *,
    ratio: str,
    anchor: str = "centre",
) -> Image.Image:
    """The largest part of a ratio such as 16:9, held to an anchor."""
    return image.crop(anchored_box(image.size, largest_of_ratio(image.size, _ratio_of(ratio)), anchor))


_ratio_of = ratio


def _crop_side(image: Image.Image, *, side: str, part: float) -> Image.Image:
    width, height = image.size
    piece = (
        (max(1, rounded(width * part)), height)
        if side in ("left", "right")
        else (width, max(1, rounded(height * part)))
    )
    return image.crop(anchored_box(image.size, piece, side))


def _crop_edges(image: Image.Image, *, amount: float) -> Image.Image:
    across, down = rounded(image.width * amount), rounded(image.height * amount)
    return image.crop(
        (across, down, max(across + 1, image.width - across), max(down + 1, image.height - down))
    )


def _zoom(image: Image.Image, *, amount: float) -> Image.Image:
    piece = max(1, rounded(image.width / (1 + amount))), max(1, rounded(image.height / (1 + amount)))
    return scaled(image.crop(anchored_box(image.size, piece)), image.size)


def _crop_size(image: Image.Image, *, size: tuple[int, int], anchor: str = "centre") -> Image.Image:
    if size[0] > image.width or size[1] > image.height:
        raise OperationError(
            f"{size[0]}×{size[1]} cannot be cropped from a picture of {image.width}×{image.height}."
        )
    return image.crop(anchored_box(image.size, size, anchor))


def _rotate(image: Image.Image, *, degrees: float, anticlockwise: bool = False) -> Image.Image:
    return rotated(image, -degrees if anticlockwise else degrees)


def _resize(
    image: Image.Image,
    *,
    size: tuple[int, int] | None = None,
    width: int | None = None,
    height: int | None = None,
) -> Image.Image:
    """To a width or height in its own shape; to both by filling them and cutting what is too much."""
    if size is not None:
        return covering(image, size)
    return scaled(image, fitting_size(image.size, width, height))


def _scale(image: Image.Image, *, amount: float) -> Image.Image:
    size = max(1, rounded(image.width * amount)), max(1, rounded(image.height * amount))
    return scaled(image, check_size(size))


def _border(
    image: Image.Image, *, colour: str, amount: float | None = None, pixels: int | None = None
) -> Image.Image:
    width = int(pixels) if pixels is not None else rounded(min(image.size) * (amount or 0.0))
    return frame.bordered(image, (width, width, width, width), parse_colour(colour)) if width else image


def _extend(image: Image.Image, *, fill: str, **values: Any) -> Image.Image:
    shape = ratio(values["ratio"])
    if fill == "blur":
        return frame.extended_with_itself(image, shape)
    paper: Colour = parse_colour(fill)
    return frame.padded(image, smallest_of_ratio(image.size, shape), "centre", paper)


SHAPES: Mapping[str, Painting] = {
    "crop": crop,
    "crop_side": _crop_side,
    "crop_edges": _crop_edges,
    "crop_size": _crop_size,
    "zoom": _zoom,
    "rotate": _rotate,
    "mirror": lambda image, *, direction: mirrored(image, direction),
    "resize": _resize,
    "scale": _scale,
    "border": _border,
    "polaroid": frame.polaroid,
    "rounded_corners": lambda image, *, amount: frame.rounded_corners(
        image, rounded(min(image.size) * amount)
    ),
    "extend": _extend,
    "straighten": _straighten,
    "remove_background": _remove_background,
}
"""Edits that change size, outline or frame; RGB or RGBA in and out."""

"""The parts of a picture that an edit may be limited to."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageChops, ImageDraw

from editchain.darkroom.room import Room
from editchain.darkroom.terms import HUES
from editchain.imaging.blur import blur
from editchain.imaging.compose import parse_colour
from editchain.imaging.geometry import Box, anchored_box, pixel_box, rounded
from editchain.imaging.tone import apply_curve, luminance, smooth_step

_PARTS = {"half": 2, "third": 3, "quarter": 4}
_EDGE = 0.003


def part_of(image: Image.Image, region: str | Sequence[float], room: Room) -> Image.Image:
    """White in the region, with a soft edge; L. Raises OperationError for what cannot be told in the picture."""
    if region == "subject":
        return room.subject(image)
    if region == "background":
        return ImageChops.invert(room.subject(image))
    if region == "sky":
        return room.sky(image)
    if region not in room.regions:
        key = region if isinstance(region, str) else tuple(region)
        room.regions[key] = _part(image, region)
        return room.regions[key]
    return room.regions[region]


def limited(before: Image.Image, after: Image.Image, part: Image.Image) -> Image.Image:
    """The edited picture in a part, and the old one around it."""
    return Image.composite(after, before, part)


def _part(image: Image.Image, region: str | Sequence[float]) -> Image.Image:
    if not isinstance(region, str):
        return _inside(image.size, pixel_box(list(region), image.size))
    if region in HUES:
        from editchain.imaging.recolour import where_coloured

        return where_coloured(image, parse_colour(HUES[region])[:3], 0.25)
    match region:
        case "faces":
            from editchain.imaging.faces import faces_mask, faces_of

            return faces_mask(image.size, faces_of(image, 1))
        case "shadows":
            return _tones(image, 0.55, 0.12)
        case "highlights":
            return _tones(image, 0.5, 0.88)
        case "midtones":
            return ImageChops.multiply(_tones(image, 0.05, 0.4), _tones(image, 0.95, 0.6))
        case "centre":
            return _middle(image.size)
    side, piece = region.split(" ")
    if piece in ("left", "right"):
        return _corner(image.size, side, piece)
    return _inside(image.size, side_box(image.size, side, 1 / _PARTS[piece]))


def side_box(size: tuple[int, int], side: str, share: float) -> Box:
    """The box along one side of a picture that takes a share of it."""
    width, height = size
    if side in ("left", "right"):
        return anchored_box(size, (max(1, rounded(width * share)), height), side)
    return anchored_box(size, (width, max(1, rounded(height * share))), side)


def _inside(size: tuple[int, int], box: Box) -> Image.Image:
    part = Image.new("L", size)
    part.paste(255, box)
    return blur(part, max(size) * _EDGE)


def _corner(size: tuple[int, int], level: str, side: str) -> Image.Image:
    """A quarter of the picture, soft towards the others."""
    small = max(2, size[0] * 256 // max(size)), max(2, size[1] * 256 // max(size))
    part = Image.new("L", small)
    piece = max(1, small[0] // 2), max(1, small[1] // 2)
    part.paste(255, anchored_box(small, piece, f"{level}_{side}"))
    return blur(part, min(small) * 0.06).resize(size, Image.Resampling.BICUBIC)


def _middle(size: tuple[int, int]) -> Image.Image:
    """An oval of half the width and height, its edge as soft as half of that."""
    small = max(2, size[0] * 256 // max(size)), max(2, size[1] * 256 // max(size))
    part = Image.new("L", small)
    ImageDraw.Draw(part).ellipse(
        (small[0] * 0.25, small[1] * 0.25, small[0] * 0.75, small[1] * 0.75), fill=255
    )
    return blur(part, min(small) * 0.07).resize(size, Image.Resampling.BICUBIC)


def _tones(image: Image.Image, none: float, whole: float) -> Image.Image:
    """White where light is beyond `whole`, black where it is on the other side of `none`."""
    soft = blur(luminance(image), max(1.0, min(image.size) / 300))
    low, high = min(none, whole), max(none, whole)
    rising = smooth_step(low, high)
    return apply_curve(soft, rising if whole > none else lambda value: 1 - rising(value))

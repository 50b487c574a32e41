"""Edits that change a picture's size, outline or frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PIL import Image

from editchain.darkroom.regions import side_box
from editchain.darkroom.room import Room
from editchain.errors import OperationError
from editchain.imaging import frame
from editchain.imaging.compose import parse_colour
from editchain.imaging.enlarge import enlarged
from editchain.imaging.geometry import (
    anchored_box,
    check_size,
    covering,
    fitting_size,
    largest_of_ratio,
    mirrored,
    pixel_box,
    quadrilateral,
    ratio,
    rotated,
    rounded,
    scaled,
    smallest_of_ratio,
)
from editchain.imaging.modes import in_mode

Shaping = Callable[..., Image.Image]


def crop(image: Image.Image, _: Room | None = None, *, ratio: str, anchor: str = "centre") -> Image.Image:
    """The largest part of a ratio such as 16:9, held to an anchor or around what stands out."""
    piece = largest_of_ratio(image.size, _ratio_of(ratio))
    if anchor != "subject":
        return image.crop(anchored_box(image.size, piece, anchor))
    from editchain.imaging.attention import window

    return image.crop(window(image, piece, "subject"))


_ratio_of = ratio


def _crop_edges(image: Image.Image, _: Room, *, amount: float) -> Image.Image:
    across, down = rounded(image.width * amount), rounded(image.height * amount)
    return image.crop(
        (across, down, max(across + 1, image.width - across), max(down + 1, image.height - down))
    )


def _crop_edge(image: Image.Image, _: Room, *, amount: float, side: str) -> Image.Image:
    left, top, right, bottom = 0, 0, *image.size
    across = min(right - 1, rounded(image.width * amount))
    down = min(bottom - 1, rounded(image.height * amount))
    boxes = {
        "left": (across, top, right, bottom),
        "right": (left, top, right - across, bottom),
        "top": (left, down, right, bottom),
        "bottom": (left, top, right, bottom - down),
    }
    return image.crop(boxes[side])


def _crop_size(image: Image.Image, _: Room, *, size: tuple[int, int], anchor: str = "centre") -> Image.Image:
    if size[0] > image.width or size[1] > image.height:
        raise OperationError(
            f"{size[0]}×{size[1]} cannot be cropped from a picture of {image.width}×{image.height}."
        )
    return image.crop(anchored_box(image.size, size, anchor))


def _trim(image: Image.Image, _: Room, *, colour: str | None = None) -> Image.Image:
    return frame.trimmed(image, 0.06, 0, parse_colour(colour) if colour else None)


def _zoom(image: Image.Image, _: Room, *, amount: float = 0, factor: float | None = None) -> Image.Image:
    times = factor or 1 + amount
    piece = max(1, rounded(image.width / times)), max(1, rounded(image.height / times))
    return scaled(image.crop(anchored_box(image.size, piece)), image.size)


def _rotate(image: Image.Image, _: Room, *, degrees: float, anticlockwise: bool = False) -> Image.Image:
    return rotated(image, -degrees if anticlockwise else degrees)


def _straighten(image: Image.Image, _: Room) -> Image.Image:
    from editchain.imaging.level import levelled, tilt

    return levelled(image, tilt(image))


def _perspective(image: Image.Image, _: Room, *, corners: Sequence[float]) -> Image.Image:
    return quadrilateral(image, [list(corners[at : at + 2]) for at in range(0, 8, 2)])


def _resize(
    image: Image.Image,
    _: Room,
    *,
    size: tuple[int, int] | None = None,
    width: int | None = None,
    height: int | None = None,
    longest: int | None = None,
) -> Image.Image:
    """To a width, height or longest side in its own shape; to both by filling them and cutting what is too much."""
    if size is not None:
        return covering(image, size)
    if longest is not None:
        width, height = longest, longest
    return scaled(image, fitting_size(image.size, width, height))


def _fit(image: Image.Image, _: Room, *, size: tuple[int, int], fill: str | None = None) -> Image.Image:
    """Inside a size in its own shape, on a canvas of that size where a colour fills the rest."""
    made = scaled(image, fitting_size(image.size, *size))
    return frame.padded(made, size, "centre", parse_colour(fill)) if fill else made


def _scale(image: Image.Image, _: Room, *, amount: float) -> Image.Image:
    size = max(1, rounded(image.width * amount)), max(1, rounded(image.height * amount))
    return scaled(image, check_size(size))


def _upscale(image: Image.Image, _: Room, *, factor: float) -> Image.Image:
    return enlarged(image, (rounded(image.width * factor), rounded(image.height * factor)), 0.25)


def _border(
    image: Image.Image, _: Room, *, colour: str, amount: float | None = None, pixels: int | None = None
) -> Image.Image:
    width = int(pixels) if pixels is not None else rounded(min(image.size) * (amount or 0.0))
    return frame.bordered(image, (width, width, width, width), parse_colour(colour)) if width else image


def _extend(image: Image.Image, _: Room, *, fill: str, **values: Any) -> Image.Image:
    shape = ratio(values["ratio"])
    if fill == "blur":
        return frame.extended_with_itself(image, shape)
    if fill == "mirror":
        return frame.extended_with_mirror(image, shape)
    return frame.padded(image, smallest_of_ratio(image.size, shape), "centre", parse_colour(fill))


def _caption_bar(image: Image.Image, _: Room, *, text: str, side: str, colour: str) -> Image.Image:
    return frame.caption_bar(image, text, side, parse_colour(colour))


def _remove_background(image: Image.Image, room: Room, *, box: Sequence[float] | None = None) -> Image.Image:
    from editchain.imaging.background import cut_out

    room.alpha = image.getchannel("A") if image.mode == "RGBA" else None
    solid = in_mode(image, "RGB")
    return cut_out(solid, room.subject(solid, box))


SHAPES: Mapping[str, Shaping] = {
    "crop": crop,
    "crop_box": lambda image, _, *, box: image.crop(pixel_box(list(box), image.size)),
    "crop_side": lambda image, _, *, side, part: image.crop(side_box(image.size, side, part)),
    "crop_edges": _crop_edges,
    "crop_edge": _crop_edge,
    "crop_size": _crop_size,
    "trim": _trim,
    "zoom": _zoom,
    "rotate": _rotate,
    "straighten": _straighten,
    "perspective": _perspective,
    "mirror": lambda image, _, *, direction: mirrored(image, direction),
    "resize": _resize,
    "fit": _fit,
    "scale": _scale,
    "upscale": _upscale,
    "border": _border,
    "polaroid": lambda image, _: frame.polaroid(image),
    "rounded_corners": lambda image, _, *, amount: frame.rounded_corners(
        image, rounded(min(image.size) * amount)
    ),
    "drop_shadow": lambda image, _, *, amount: frame.drop_shadow(image, amount) if amount else image,
    "extend": _extend,
    "caption_bar": _caption_bar,
    "remove_background": _remove_background,
}
"""Edits that change size, outline or frame; they take the picture, RGB or RGBA, the room and their values."""

"""Expectations: what a step says that its picture must be, held against the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PIL import Image, ImageChops, ImageStat

from editchain.imaging.measures import measured, written
from editchain.imaging.probe import HEAD_BYTES, probe

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MEASURES = {
    "similar": ("similarity", "its similarity to the original is"),
    "sharpness": ("sharpness", "its sharpness is"),
    "clipping": ("clipping", "the part of it that is all black or white is"),
    "delta_e": ("delta_e", "its colours differ from the original's by"),
    "ssim": ("ssim", "its structural similarity to the original is"),
    "hash_distance": ("hash_distance", "the bits in which its hash differs from the original's are"),
    "drift": ("drift", "its colours outside the mask differ from the original's by"),
    "faces": ("faces", "the faces in it are"),
}
"""The measure behind an expectation, and how it is said."""

_LIMITS = (
    ("width", "min_width", "max_width"),
    ("height", "min_height", "max_height"),
)


def failures(
    expect: Mapping[str, Any],
    data: bytes,
    image: Image.Image,
    original: Image.Image | None,
    mask: Image.Image | None,
) -> list[str]:
    """A sentence for each expectation that does not hold; `data` are the picture's stored bytes."""
    return [
        *_size(expect, image),
        *_format(expect, data),
        *_blank(expect, image),
        *_measures(expect, image, original, mask),
        *_outside(expect, image, original, mask),
    ]


def _size(expect: Mapping[str, Any], image: Image.Image) -> Iterator[str]:
    for (exact, least, most), found in zip(_LIMITS, image.size, strict=True):
        if exact in expect and found != expect[exact]:
            yield f"its {exact} is {found} pixels, not {expect[exact]}"
        if least in expect and found < expect[least]:
            yield f"its {exact} is {found} pixels, less than {expect[least]}"
        if most in expect and found > expect[most]:
            yield f"its {exact} is {found} pixels, more than {expect[most]}"


def _format(expect: Mapping[str, Any], data: bytes) -> Iterator[str]:
    if "format" in expect:
        found = probe(data[:HEAD_BYTES])
        if found is None or found.format != expect["format"]:
            yield f"it is {found.format if found else 'no image'}, not {expect['format']}"


def _blank(expect: Mapping[str, Any], image: Image.Image) -> Iterator[str]:
    if not expect.get("not_blank"):
        return
    if image.mode == "RGBA" and ImageStat.Stat(image.getchannel("A")).mean[0] < 1:
        yield "it is all but transparent"
        return
    colours = image.convert("RGB").getextrema()
    if all(isinstance(pair, tuple) and pair[1] - pair[0] <= 2 for pair in colours):
        yield "it is blank: one colour all over"


def _measures(
    expect: Mapping[str, Any], image: Image.Image, original: Image.Image | None, mask: Image.Image | None
) -> Iterator[str]:
    for key, (name, words) in _MEASURES.items():
        if key in expect:
            yield from _within(expect[key], name, words, measured(name, image, original, mask))


def _within(limits: Mapping[str, float], name: str, words: str, found: float) -> Iterator[str]:
    if "min" in limits and found < limits["min"]:
        yield f"{words} {written(name, found)}, less than {limits['min']}"
    if "max" in limits and found > limits["max"]:
        yield f"{words} {written(name, found)}, more than {limits['max']}"


def _outside(
    expect: Mapping[str, Any], image: Image.Image, original: Image.Image | None, mask: Image.Image | None
) -> Iterator[str]:
    wanted = expect.get("unchanged_outside_mask", False)
    if wanted is False or original is None or mask is None:
        return
    if image.size != original.size:
        yield f"it measures {image.width}×{image.height} and the original {original.width}×{original.height}, so nothing outside the mask can be compared"
        return
    tolerance = 0 if wanted is True else wanted
    difference = ImageChops.difference(image.convert("RGB"), original.convert("RGB"))
    kept = mask.convert("L").resize(image.size).point([255 * (value >= 128) for value in range(256)])
    red, green, blue = difference.split()
    most = ImageChops.darker(ImageChops.lighter(ImageChops.lighter(red, green), blue), kept).getextrema()[1]
    if isinstance(most, (int, float)) and most > tolerance:
        yield f"it differs outside the mask, by up to {most:.0f} of 255"

"""What can be measured of a picture, and of one beside another: numbers for checks, for choosing and for reports."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageChops, ImageCms, ImageFilter, ImageMath, ImageStat

from editchain.errors import OperationError
from editchain.imaging.compose import mask_of
from editchain.imaging.extra import need
from editchain.imaging.tone import luminance

COMPARED_SIDE = 256
_SHARPNESS_SIDE = 1024
_WINDOW = 8
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_HASHED = 32


@dataclass(frozen=True)
class Measure:
    """One kind of measure: how it is taken, what its numbers say, and whether more of it is better.

    `take` is given the picture, and the original and the mask where it needs them.
    """

    take: Callable[..., float]
    says: str
    more_is_better: bool
    digits: int = 3
    needs_original: bool = False
    needs_mask: bool = False


def measured(
    name: str, image: Image.Image, original: Image.Image | None = None, mask: Image.Image | None = None
) -> float:
    """One measure of a picture; raises OperationError where it needs an original or a mask and has none."""
    measure = MEASURES[name]
    if measure.needs_original and original is None:
        raise OperationError(f"{name} compares with an original; give one.")
    if measure.needs_mask and mask is None:
        raise OperationError(f"{name} looks outside a mask; give one.")
    given = [image, *([original] if measure.needs_original else ()), *([mask] if measure.needs_mask else ())]
    return measure.take(*given)


def sharpness(image: Image.Image) -> float:
    """How much of the picture's contrast is in its finest detail: 0 of a blank one, more the crisper.

    Contrast is taken out of it, since else a pencil sketch is the sharpest of photos. Larger pictures are looked at
    with 1024 pixels on the longer side, so that takes of different sizes can be compared.
    """
    grey = luminance(_on_white(image))
    grey.thumbnail((_SHARPNESS_SIDE, _SHARPNESS_SIDE), Image.Resampling.BOX)
    spread = ImageStat.Stat(grey).stddev[0]
    if spread < 1 or min(grey.size) < 3:
        return 0.0
    edges = grey.filter(ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), scale=4, offset=128))
    return ImageStat.Stat(edges.crop((1, 1, grey.width - 1, grey.height - 1))).stddev[0] / spread


def clipping(image: Image.Image) -> float:
    """The part of the pixels, 0 to 1, that are all black or all white."""
    counts = luminance(_on_white(image)).histogram()
    return (sum(counts[:2]) + sum(counts[254:])) / sum(counts)


def similarity(one: Image.Image, other: Image.Image) -> float:
    """How alike two pictures are, 0 to 1: one less the mean difference of their colours at a small size."""
    pair = [_small(image) for image in (one, other)]
    return 1 - sum(ImageStat.Stat(ImageChops.difference(*pair)).mean) / (3 * 255)


def delta_e(one: Image.Image, other: Image.Image, mask: Image.Image | None = None) -> float:
    """The mean difference of colours as people see them (CIE76), at a small size; 1 can just be seen.

    With a mask, only where it is white, which is kept.
    """
    distance = _distance(_small(one), _small(other))
    if mask is None:
        return _mean(distance)
    weights = mask_of(mask, one.size).resize(distance.size, Image.Resampling.BOX)
    share = ImageStat.Stat(weights).mean[0] / 255
    if share == 0:
        return 0.0
    return _mean(_formula(lambda terms: terms["d"] * terms["w"] / 255.0, d=distance, w=weights)) / share


def ssim(one: Image.Image, other: Image.Image) -> float:
    """The structural similarity of luminance (Wang and others, 2004) in windows of 8 pixels; 1 is equal.

    It hardly sees colour. Pictures are compared at the size of the second, at most 1024 pixels on a side.
    """
    size = _within(other.size, _SHARPNESS_SIDE)
    pair = [
        luminance(_on_white(image)).resize(size, Image.Resampling.BOX).convert("F") for image in (one, other)
    ]
    values = [
        _windows(*(image.crop((left, top, *size)) for image in pair))
        for left in (0, _WINDOW // 2)
        for top in (0, _WINDOW // 2)
        if min(size[0] - left, size[1] - top) >= _WINDOW
    ]
    if not values:
        return 1 - abs(_mean(pair[0]) - _mean(pair[1])) / 255
    return sum(values) / len(values)


def perceptual_hash(image: Image.Image) -> int:
    """64 bits that hardly change when a picture is scaled, compressed or a little brighter (DCT of its luminance)."""
    small = luminance(_on_white(image)).resize((_HASHED, _HASHED), Image.Resampling.BOX).tobytes()
    waves = [
        [math.cos(math.pi * (2 * at + 1) * wave / (2 * _HASHED)) for at in range(_HASHED)]
        for wave in range(1, 9)
    ]
    rows = [
        [sum(a * b for a, b in zip(small[row * _HASHED : (row + 1) * _HASHED], wave, strict=True)) for wave in waves]
        for row in range(_HASHED)
    ]  # fmt: skip
    found = [
        sum(rows[at][across] * wave[at] for at in range(_HASHED)) for wave in waves for across in range(8)
    ]
    middle = sorted(found)[32]
    return sum((value > middle) << place for place, value in enumerate(found))


def hash_distance(one: Image.Image, other: Image.Image) -> int:
    """In how many of 64 bits the perceptual hashes of two pictures differ; about 30 for different photos."""
    return (perceptual_hash(one) ^ perceptual_hash(other)).bit_count()


def drift(image: Image.Image, original: Image.Image, mask: Image.Image) -> float:
    """How far a picture moved away from its original where the mask is white, as `delta_e` counts."""
    return delta_e(image, original, mask)


def face_count(image: Image.Image) -> int:
    """How many faces look this way; needs the extra."""
    need("counting faces")
    from editchain.imaging.faces import faces

    return len(faces(image))


MEASURES: dict[str, Measure] = {
    "width": Measure(lambda image: image.width, "pixels", True, 0),
    "height": Measure(lambda image: image.height, "pixels", True, 0),
    "sharpness": Measure(sharpness, "0 is blank", True),
    "clipping": Measure(clipping, "black or white", False, 4),
    "similarity": Measure(similarity, "1 is equal", True, 3, needs_original=True),
    "delta_e": Measure(delta_e, "1 is just seen", False, 2, needs_original=True),
    "ssim": Measure(ssim, "1 is equal", True, 3, needs_original=True),
    "hash_distance": Measure(hash_distance, "bits of 64", False, 0, needs_original=True),
    "drift": Measure(drift, "outside the mask", False, 2, needs_original=True, needs_mask=True),
    "faces": Measure(face_count, "seen from the front", True, 0),
}
"""By name, as fields and expectations call them."""


def written(name: str, value: float) -> str:
    """A measure in figures that it deserves."""
    return f"{value:.{MEASURES[name].digits}f}"


def possible(*, has_original: bool, has_mask: bool, names: Iterable[str] = MEASURES) -> list[str]:
    """Those of the measures that can be taken with what there is."""
    return [
        name
        for name in names
        if (has_original or not MEASURES[name].needs_original) and (has_mask or not MEASURES[name].needs_mask)
    ]


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image
    canvas = Image.new("RGB", image.size, "white")
    canvas.paste(image, mask=image.getchannel("A"))
    return canvas


def _small(image: Image.Image) -> Image.Image:
    return _on_white(image).convert("RGB").resize((COMPARED_SIDE, COMPARED_SIDE), Image.Resampling.BOX)


def _within(size: tuple[int, int], longest: int) -> tuple[int, int]:
    factor = min(1.0, longest / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _distance(one: Image.Image, other: Image.Image) -> Image.Image:
    """CIE76 for each pixel, as F."""
    first, second = (_lab(image) for image in (one, other))
    channels = dict(zip(("la", "aa", "ba", "lb", "ab", "bb"), (*first, *second), strict=True))
    return _formula(
        lambda terms: (
            (
                (terms["float"](terms["la"] - terms["lb"]) * (100 / 255)) ** 2
                + terms["float"](terms["aa"] - terms["ab"]) ** 2
                + terms["float"](terms["ba"] - terms["bb"]) ** 2
            )
            ** 0.5
        ),
        **channels,
    )


def _lab(image: Image.Image) -> tuple[Image.Image, ...]:
    """L*, a* and b*, each 0 to 255."""
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    made = ImageCms.profileToProfile(image, srgb, lab, outputMode="LAB")
    if made is None:
        raise OperationError("This build of Pillow cannot work out colours.")
    # split() moves a and b up by 128; as LAB they would wrap around
    return made.split()


def _windows(one: Image.Image, other: Image.Image) -> float:
    """The mean over whole windows side by side."""
    across, down = one.width // _WINDOW, one.height // _WINDOW
    box = 0, 0, across * _WINDOW, down * _WINDOW

    def mean(image: Image.Image) -> Image.Image:
        return image.resize((across, down), Image.Resampling.BOX, box)

    a, b = mean(one), mean(other)
    squares = [
        mean(_formula(lambda terms: terms["x"] * terms["y"], x=x, y=y))
        for x, y in ((one, one), (other, other), (one, other))
    ]
    return _mean(
        _formula(
            lambda t: (
                (t["a"] * t["b"] * 2.0 + _C1)
                * ((t["ab"] - t["a"] * t["b"]) * 2.0 + _C2)
                / (
                    (t["a"] ** 2 + t["b"] ** 2 + _C1)
                    * ((t["aa"] - t["a"] ** 2) + (t["bb"] - t["b"] ** 2) + _C2)
                )
            ),
            a=a, b=b, aa=squares[0], bb=squares[1], ab=squares[2],
        )
    )  # fmt: skip


def _formula(formula: Callable[[dict[str, Any]], Any], **images: Image.Image) -> Image.Image:
    made: Image.Image = ImageMath.lambda_eval(lambda terms: terms["float"](formula(terms)), **images)
    return made


def _mean(image: Image.Image) -> float:
    """Of a picture of mode F, which statistics do not know."""
    value = image.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    return value if isinstance(value, float) else 0.0

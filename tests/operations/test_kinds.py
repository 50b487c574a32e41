"""Every operation of the table on every kind of picture; a new one joins by its entry in `MINIMAL`."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat
from tests.operations.examples import MINIMAL, RUNNABLE, apply, made, photo, stored

from editchain.imaging import extra
from editchain.imaging.codec import decode, encode
from editchain.imaging.native import Native
from editchain.imaging.profiles import from_srgb, profile

TURNED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How a picture lies in a file of each EXIF orientation."""


def saved(image: Image.Image, form: str = "png", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def oriented(orientation: int) -> Callable[[Image.Image], bytes]:
    def make(image: Image.Image) -> bytes:
        exif = Image.Exif()
        exif[0x0112] = orientation
        turned = image.transpose(TURNED[orientation]) if orientation in TURNED else image
        return saved(turned, exif=exif)

    return make


def clear_edge(image: Image.Image) -> Image.Image:
    """With alpha that falls off over the lower half."""
    alpha = Image.linear_gradient("L").point([min(255, 510 - 2 * value) for value in range(256)])
    made = image.convert("RGBA")
    made.putalpha(alpha.resize(image.size))
    return made


def with_clear_colour(image: Image.Image) -> bytes:
    palette = image.convert("RGB").quantize(64)
    return saved(palette, transparency=3)


def in_sixteen_bits(image: Image.Image) -> bytes:
    wide = image.convert("L").convert("I").point(lambda value: value * 257)
    return saved(wide.convert("I;16"))


def in_another_space(image: Image.Image) -> bytes:
    return saved(from_srgb(image, "adobe_rgb"), icc_profile=profile("adobe_rgb"))


def inverted_in_jpeg(image: Image.Image) -> bytes:
    """Every ink turned round, as the mark of Adobe in a JPEG says it is."""
    data = saved(image.convert("CMYK"), "jpeg", quality=100, subsampling=0)
    assert b"Adobe" in data
    return data


def animated(form: str) -> Callable[[Image.Image], bytes]:
    def make(image: Image.Image) -> bytes:
        more = [ImageChops.invert(image.convert("RGB"))]
        options = {"lossless": True} if form == "webp" else {}
        return saved(image.convert("RGB"), form, save_all=True, append_images=more, duration=100, **options)

    return make


SAME: dict[str, Callable[[Image.Image], bytes]] = {
    **{f"orientation {number}": oriented(number) for number in range(1, 9)},
    "animated PNG": animated("png"),
    "animated WebP": animated("webp"),
}
"""Kinds that are the very same picture once they are read."""

NEAR: dict[str, Callable[[Image.Image], bytes]] = {
    "CMYK": lambda image: saved(image.convert("CMYK"), "tiff"),
    "CMYK as Adobe writes it in JPEG": inverted_in_jpeg,
    "Display P3": lambda image: saved(from_srgb(image, "display_p3"), icc_profile=profile("display_p3")),
    "Adobe RGB": in_another_space,
}
"""Kinds that look the same but for rounding."""

OTHER: dict[str, Callable[[Image.Image], bytes]] = {
    "grey": lambda image: saved(image.convert("L")),
    "16 bit grey": in_sixteen_bits,
    "grey with alpha": lambda image: saved(clear_edge(image).convert("LA")),
    "alpha": lambda image: saved(clear_edge(image)),
    "palette with a clear colour": with_clear_colour,
}
"""Kinds without colour, or with alpha."""

SENSITIVE = frozenset({"trim", "measure"})
"""Operations that a rounding may tip over: a border that is just even, a figure that is written out."""


def of_kind(name: str, make: Callable[[Image.Image], bytes]) -> dict[str, Any]:
    """The fields of an operation with its pictures read from files of a kind."""

    def changed(value: Any) -> Any:
        if isinstance(value, Image.Image):
            return decode(make(value.convert("RGB")))
        if isinstance(value, list):
            return [changed(one) for one in value]
        return value

    return {key: value if key == "mask" else changed(value) for key, value in MINIMAL[name].items()}


@cache
def usual(name: str) -> bytes:
    """What the operation makes of plain RGB pictures."""
    return stored(name, **of_kind(name, saved))


@pytest.mark.parametrize("name", RUNNABLE)
def test_turned_and_animated_pictures_are_edited_as_they_are_seen(name: str) -> None:
    for kind, make in SAME.items():
        assert stored(name, **of_kind(name, make)) == usual(name), kind


@pytest.mark.parametrize("name", RUNNABLE)
def test_a_palette_is_the_colours_in_it(name: str) -> None:
    palette, colours = (
        stored(name, **of_kind(name, make))
        for make in (
            lambda image: saved(image.quantize(64)),
            lambda image: saved(image.quantize(64).convert("RGB")),
        )
    )
    assert palette == colours


@pytest.mark.parametrize("name", RUNNABLE)
def test_of_an_animated_gif_the_first_frame_is_edited(name: str) -> None:
    """One that a step made: from outside they are refused."""
    still = stored(name, **of_kind(name, lambda image: saved(image, "gif")))
    assert stored(name, **of_kind(name, animated("gif"))) == still


@pytest.mark.parametrize("name", RUNNABLE)
def test_cmyk_and_other_profiles_look_the_same(name: str) -> None:
    wanted = decode(usual(name)).convert("RGB")
    for kind, make in NEAR.items():
        result = made(name, **of_kind(name, make)).convert("RGB")
        if name not in SENSITIVE:
            assert result.size == wanted.size, kind
            assert max(ImageStat.Stat(ImageChops.difference(result, wanted)).mean) < 8, kind


@pytest.mark.parametrize("name", RUNNABLE)
def test_grey_and_clear_pictures_are_edited_and_can_be_stored(name: str) -> None:
    for kind, make in OTHER.items():
        fields = of_kind(name, make)
        result = stored(name, **fields)
        assert decode(result).mode in ("L", "RGB", "RGBA"), kind
        if name not in SENSITIVE:
            assert decode(result).size == decode(usual(name)).size, kind


def in_sixteen_bits_of_colour(image: Image.Image) -> bytes:
    from editchain.imaging.deep import deepened

    return Native(deepened(image.convert("RGB"))).file("png")


@pytest.mark.parametrize("name", RUNNABLE)
def test_16_bits_become_8(name: str) -> None:
    assert stored(name, **of_kind(name, in_sixteen_bits)) == stored(name, **of_kind(name, OTHER["grey"]))
    if extra.is_installed():
        assert stored(name, **of_kind(name, in_sixteen_bits_of_colour)) == usual(name)


def hidden(image: Image.Image) -> Image.Image:
    """The picture with another colour where it is wholly transparent."""
    alpha = image.getchannel("A")
    made = Image.new("RGB", image.size, (255, 0, 255))
    made.paste(image.convert("RGB"), mask=alpha.point([255 * (value > 0) for value in range(256)]))
    made.putalpha(alpha)
    return made


GEOMETRY = ("border", "compare", "contact_sheet", "pad", "perspective", "resize", "rotate", "upscale", "blur")


@pytest.mark.parametrize("name", GEOMETRY)
def test_colours_that_nobody_sees_do_not_bleed_into_those_that_are_seen(name: str) -> None:
    cut = photo("RGBA")
    cut.paste((0, 0, 0, 0), (0, 0, 48, 64))
    fields = {
        key: value for key, value in MINIMAL[name].items() if not isinstance(value, (Image.Image, list))
    }
    pictures = {"images": lambda one: [one]} if name == "contact_sheet" else {"image": lambda one: one}
    if name == "compare":
        pictures["edited"] = lambda one: one
    if name == "perspective":
        fields["corners"] = MINIMAL[name]["corners"]
    results = [
        decode(stored(name, **fields, **{key: take(one) for key, take in pictures.items()}))
        for one in (cut, hidden(cut))
    ]
    shown = [on_grey(result) for result in results]
    difference = ImageChops.difference(*shown).getextrema()
    assert max(high for _, high in difference) <= 1  # type: ignore[misc]


def on_grey(image: Image.Image) -> Image.Image:
    made = Image.new("RGBA", image.size, (128, 128, 128, 255))
    made.alpha_composite(image.convert("RGBA"))
    return made.convert("RGB")


def kinds_of_result(name: str) -> Iterator[str]:
    """What becomes of a grey picture and of transparency, in words; the page of the operations says them."""
    grey, clear = (decode(stored(name, **of_kind(name, OTHER[kind]))) for kind in ("grey", "alpha"))
    yield "a grey picture stays grey" if grey.mode == "L" else "a grey picture comes out in colour"
    if clear.mode != "RGBA":
        yield "transparency goes"
    else:
        yield (
            "transparency stays" if clear.getchannel("A").getextrema()[0] < 255 else "transparency is filled"
        )


def test_stored_results_carry_no_metadata() -> None:
    exif = Image.Exif()
    exif[0x010E] = "a secret"
    image = decode(saved(photo(), "jpeg", exif=exif))
    untouched = apply("resize", **{**MINIMAL["resize"], "image": image, "width": image.width})
    assert not isinstance(untouched, bytes)
    assert b"secret" not in encode(untouched.image, "png")


@pytest.mark.parametrize("name", ["adjust", "curves", "sharpen", "grain"])
def test_a_grey_picture_that_is_coloured_beside_a_mask_gets_no_alpha(name: str) -> None:
    mask = Image.new("L", (4, 4), 255)
    mask.paste(0, (0, 0, 2, 4))
    assert apply(name, **{**MINIMAL[name], "image": photo().convert("L"), "mask": mask}).image.mode == "RGB"


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (2, 3)])
def test_corners_are_rounded_as_far_as_a_small_picture_goes(size: tuple[int, int]) -> None:
    assert made("border", image=Image.new("RGB", size, "red"), width=0, radius=400).size == size

"""What holds for any picture: edits that change nothing, edits that undo each other, the algebra of masks."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops
from tests.operations.examples import made

from editchain.imaging.codec import decode, encode

FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def pictures(draw: st.DrawFn, modes: tuple[str, ...] = ("L", "RGB", "RGBA"), least: int = 1) -> Image.Image:
    mode = draw(st.sampled_from(modes))
    size = draw(st.integers(least, 24)), draw(st.integers(least, 24))
    bands = len(Image.new(mode, (1, 1)).getbands())
    if draw(st.booleans()):
        return Image.frombytes(
            mode, size, draw(st.randoms(use_true_random=False)).randbytes(size[0] * size[1] * bands)
        )
    return Image.new(
        mode,
        size,
        tuple(draw(st.integers(0, 255)) for _ in range(bands)) if bands > 1 else draw(st.integers(0, 255)),
    )


masks = pictures(("L",))

IDENTITIES: list[tuple[str, dict[str, Any]]] = [
    ("adjust", {}),
    ("blur", {"radius": 0}),
    ("border", {"width": 0}),
    ("convert", {}),
    ("crop", {"box": [0, 0, 1, 1]}),
    ("crop", {"aspect_ratio": None, "width": None, "height": None}),
    ("curves", {}),
    ("grain", {"amount": 0}),
    ("resize", {"scale": 1}),
    ("rotate", {"degrees": 0}),
    ("rotate", {"degrees": 360}),
    ("sharpen", {"amount": 0}),
    ("upscale", {"factor": 1, "sharpen": 0}),
    ("vignette", {"amount": 0}),
    ("watermark", {"text": "a", "opacity": 0}),
]  # fmt: skip


def seen(image: Image.Image) -> bytes:
    """As anyone sees it: grey as colour, and nothing of what is hidden."""
    clear = Image.new("RGBA", image.size)
    return Image.composite(image.convert("RGBA"), clear, image.convert("RGBA").getchannel("A").point([255 * (v > 0) for v in range(256)])).tobytes()  # fmt: skip


@pytest.mark.parametrize(
    ("name", "fields"), IDENTITIES, ids=[f"{name} {fields}" for name, fields in IDENTITIES]
)
@FEW
@given(image=pictures())
def test_what_asks_for_nothing_changes_nothing(name: str, fields: dict[str, Any], image: Image.Image) -> None:
    assert seen(made(name, image=image, **fields)) == seen(image)


@pytest.mark.parametrize("direction", ["horizontal", "vertical"])
@FEW
@given(image=pictures())
def test_twice_mirrored_is_as_before(direction: str, image: Image.Image) -> None:
    once = made("flip", image=image, direction=direction)
    assert made("flip", image=once, direction=direction).tobytes() == image.tobytes()


@FEW
@given(image=pictures(), quarters=st.integers(-4, 4))
def test_turned_and_turned_back_is_as_before(image: Image.Image, quarters: int) -> None:
    turned = made("rotate", image=image, degrees=90 * quarters)
    assert made("rotate", image=turned, degrees=-90 * quarters).tobytes() == image.tobytes()


@FEW
@given(
    image=pictures(),
    more=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    anchor=st.sampled_from(["centre", "top_left", "bottom", "right"]),
)
def test_what_was_padded_can_be_cut_back(image: Image.Image, more: tuple[int, int], anchor: str) -> None:
    wide = made("pad", image=image, width=image.width + more[0], height=image.height + more[1], anchor=anchor)
    back = made("crop", image=wide, width=image.width, height=image.height, anchor=anchor)
    assert back.convert(image.mode).tobytes() == image.tobytes()


@FEW
@given(image=pictures(("RGB",), least=4), data=st.data())
def test_a_part_cut_out_and_laid_back_restores_the_picture(image: Image.Image, data: st.DataObject) -> None:
    left, top = data.draw(st.integers(0, image.width - 2)), data.draw(st.integers(0, image.height - 2))
    width, height = (data.draw(st.integers(2, most)) for most in (image.width - left, image.height - top))
    box = [left, top, width, height]
    part = made("crop", image=image, box=box)
    hole = made(
        "composite", image=image, overlay=Image.new("RGB", part.size, "red"), position=[0, 0], offset=[0, 0]
    )
    assert hole.size == image.size
    back = Image.new("RGB", image.size)
    back.paste(image)
    back.paste("red", (left, top, left + width, top + height))
    restored = made(
        "composite", image=back, overlay=part, position=[float(left) if left != 1 else 1.0, float(top)]
    )
    assert restored.tobytes() == image.tobytes()


@FEW
@given(image=pictures(("RGB", "RGBA")))
def test_taken_apart_and_put_together_is_as_before(image: Image.Image) -> None:
    names = ("red", "green", "blue", "alpha")[: len(image.mode)]
    parts = {name: made("split", image=image, channel=name) for name in names}
    assert made("merge", image=Image.new(image.mode, image.size), **parts).tobytes() == image.tobytes()


@FEW
@given(image=pictures(), form=st.sampled_from(["png", "tiff", "webp"]))
def test_lossless_formats_lose_nothing(image: Image.Image, form: str) -> None:
    assert seen(decode(encode(image, form, lossless=True))) == seen(image)


# ---- masks: black is worked on


def joined(how: str, *given: Image.Image) -> bytes:
    size = given[0].size
    return made("mask", image=Image.new("RGB", size), by="masks", masks=list(given), combine=how).tobytes()


def inverted(mask: Image.Image) -> Image.Image:
    return made("mask", image=Image.new("RGB", mask.size), by="masks", masks=[mask], invert=True)


@st.composite
def three(draw: st.DrawFn) -> list[Image.Image]:
    size = draw(st.integers(1, 16)), draw(st.integers(1, 16))
    source = draw(st.randoms(use_true_random=False))
    return [Image.frombytes("L", size, source.randbytes(size[0] * size[1])) for _ in range(3)]


@FEW
@given(given=three())
def test_masks_have_an_algebra(given: list[Image.Image]) -> None:
    a, b, c = given
    blank, full = Image.new("L", a.size, 255), Image.new("L", a.size, 0)
    for how in ("union", "intersect"):
        assert joined(how, a, a) == a.tobytes()
        assert joined(how, a, b) == joined(how, b, a)
        assert joined(how, a, b, c) == joined(how, Image.frombytes("L", a.size, joined(how, a, b)), c)
    assert joined("union", a, blank) == a.tobytes()
    assert joined("intersect", a, full) == a.tobytes()
    assert joined("subtract", a, blank) == a.tobytes()
    assert joined("subtract", a, b) == joined("intersect", a, inverted(b))
    assert inverted(inverted(a)).tobytes() == a.tobytes()
    union = Image.frombytes("L", a.size, joined("union", a, b))
    assert inverted(union).tobytes() == joined("intersect", inverted(a), inverted(b))


@FEW
@given(mask=masks, pixels=st.integers(0, 6))
def test_a_grown_mask_holds_the_old_one_and_shrinks_to_hold_no_more(mask: Image.Image, pixels: int) -> None:
    image = Image.new("RGB", mask.size)
    grown = made("mask", image=image, by="masks", masks=[mask], grow=pixels)
    shrunk = made("mask", image=image, by="masks", masks=[mask], grow=-pixels)
    assert ImageChops.darker(mask, grown).tobytes() == grown.tobytes()
    assert ImageChops.lighter(mask, shrunk).tobytes() == shrunk.tobytes()


@FEW
@given(image=pictures(("RGB",)), source=st.randoms(use_true_random=False))
def test_protect_gives_the_original_where_white_and_the_edit_where_black(
    image: Image.Image, source: Any
) -> None:
    edited = Image.frombytes("RGB", image.size, source.randbytes(3 * image.width * image.height))
    for colour, wanted in ((255, image), (0, edited)):
        mask = Image.new("L", image.size, colour)
        assert made("protect", image=image, edited=edited, mask=mask, feather=0).tobytes() == wanted.tobytes()

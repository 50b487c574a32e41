"""What the darkroom's edits do to pictures."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageOps, ImageStat

from editchain.darkroom.edits import apply
from editchain.darkroom.grammar import Edit, changes_shape, instructions, uses_reference
from editchain.darkroom.grammar import compile as compiled_from
from editchain.darkroom.paintings import CURVES, PAINTINGS
from editchain.darkroom.shapes import SHAPES
from editchain.darkroom.vocabulary import RULES, SHAPING
from editchain.errors import OperationError
from editchain.imaging.codec import encode
from editchain.imaging.lut import neutral


def photo(width: int = 96, height: int = 64, seed: int = 1) -> Image.Image:
    """A smooth scene with noise: every tone and many colours, the same each time."""
    source = random.Random(seed)
    grid = Image.frombytes("RGB", (8, 6), source.randbytes(8 * 6 * 3))
    noise = Image.frombytes("RGB", (width, height), source.randbytes(width * height * 3))
    return Image.blend(grid.resize((width, height), Image.Resampling.BICUBIC), noise, 0.12)


def edited(prompt: str, image: Image.Image | None = None, **options: object) -> Image.Image:
    compiled = compiled_from(prompt)
    assert not compiled.problems
    return apply(compiled.edits, image or photo(), **options)  # type: ignore[arg-type]


def mean(image: Image.Image) -> float:
    return ImageStat.Stat(image.convert("L")).mean[0]


def means(image: Image.Image) -> Sequence[float]:
    return ImageStat.Stat(image.convert("RGB")).mean


def spread(image: Image.Image) -> float:
    return ImageStat.Stat(image.convert("L")).stddev[0]


def chroma(image: Image.Image) -> float:
    red, green, blue = image.convert("RGB").split()
    most = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    least = ImageChops.darker(ImageChops.darker(red, green), blue)
    return ImageStat.Stat(ImageChops.subtract(most, least)).mean[0]


def sharpness(image: Image.Image) -> float:
    grey = image.convert("L")
    return ImageStat.Stat(ImageChops.difference(grey, ImageChops.offset(grey, 1, 0))).mean[0]


NOTHING_TO_DO_IN_GREY = {
    "increase the saturation",
    "desaturate by 50%",
    "more vivid",
    "shift the hue by 30 degrees",
    *(f"black and white with {filter_} filter" for filter_ in ("a red", "an orange", "a yellow")),
    *(f"black and white with {filter_} filter" for filter_ in ("a green", "a blue")),
    "make it black and white",
}
EXAMPLES = [rule.example for rule in RULES if not rule.needs_extra]
BORDERED = {"trim the borders"}


def shown(prompt: str, mode: str = "RGB") -> Image.Image:
    """A picture on which an instruction has something to do."""
    image = photo(360, 340).convert(mode)
    return ImageOps.expand(image.convert("RGB"), 20, "white").convert(mode) if prompt in BORDERED else image


def reference_of(prompt: str) -> Image.Image:
    """What an instruction that looks at a reference may be given."""
    return ImageOps.invert(neutral(4)) if "LUT" in prompt else photo(40, 30, seed=9)


@pytest.mark.parametrize("prompt", EXAMPLES)
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_every_edit_works_on_every_mode_and_changes_the_picture(prompt: str, mode: str) -> None:
    image = shown(prompt, mode)
    made = edited(prompt, image, references=[reference_of(prompt)])
    assert made.mode in ("RGB", "RGBA")
    assert made.info == {}
    before = image.convert(made.mode)
    if mode != "L" or prompt not in NOTHING_TO_DO_IN_GREY:
        assert made.size != before.size or made.tobytes() != before.tobytes()


@pytest.mark.parametrize("prompt", EXAMPLES)
def test_every_edit_gives_the_same_bytes_again(prompt: str) -> None:
    options = {"references": [reference_of(prompt)], "seed": 4}
    first, second = (edited(prompt, photo(330, 330), **options) for _ in range(2))
    assert encode(first, "png") == encode(second, "png")


@pytest.mark.parametrize("prompt", EXAMPLES)
@pytest.mark.parametrize("size", [(1, 1), (2, 300), (300, 2)])
def test_tiny_pictures_are_edited_or_refused_by_name(prompt: str, size: tuple[int, int]) -> None:
    try:
        made = edited(prompt, photo(*size), references=[photo(1, 1)])
    except OperationError as error:
        assert "cannot be cropped" in str(error) or "pixels" in str(error)
    else:
        assert min(made.size) >= 1


def test_every_edit_of_the_vocabulary_is_in_exactly_one_table() -> None:
    tables = (CURVES, PAINTINGS, SHAPES)
    for name, _ in instructions():
        assert sum(name in table for table in tables) == 1
    assert {name for name, _ in instructions()} == {name for table in tables for name in table}
    assert set(SHAPES) == SHAPING


@pytest.mark.parametrize(
    ("prompt", "other"),
    [
        ("brighten by 20%", "brighten by 21%"),
        ("darken by 10%", "darken by 11%"),
        ("make it black and white, then brighten by 20%", "make it black and white, then brighten by 21%"),
        ("increase the contrast by 20%", "increase the contrast by 21%"),
        ("sepia at 50%", "sepia at 52%"),
        ("make it 30% warmer", "make it 31% warmer"),
        ("blur by 20%", "blur by 40%"),
        ("vignette by 40%", "vignette by 42%"),
    ],
)
def test_each_amount_makes_its_own_picture(prompt: str, other: str) -> None:
    assert edited(prompt).tobytes() != edited(other).tobytes()


@pytest.mark.parametrize(
    "prompt",
    [
        *("brighten by 0%", "increase the contrast by 0%", "make it 0% warmer", "sepia at 0%", "blur by 0%"),
        *("sharpen by 0%", "increase the saturation by 0%", "vignette at 0%", "add a 0% white border"),
        *(
            "rotate 0 degrees",
            "scale to 100%",
            "add fog by 0%",
            "zoom in by 0%",
            "clarity +0%",
            "shadows +0%",
        ),
        *("grain at 0%", "fade by 0%"),
    ],
)
def test_nothing_of_an_edit_is_the_picture_as_it_was(prompt: str) -> None:
    assert edited(prompt).tobytes() == photo().tobytes()


@given(st.sampled_from(EXAMPLES), st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_strength_zero_keeps_every_pixel_of_a_picture_that_keeps_its_shape(
    prompt: str, width: int, height: int
) -> None:
    compiled = compiled_from(prompt)
    if changes_shape(compiled.edits):
        return
    image = photo(width, height)
    made = apply(compiled.edits, image, references=[reference_of(prompt)], strength=0.0)
    assert made.tobytes() == image.tobytes()


def test_no_edits_change_nothing() -> None:
    assert apply((), photo()).tobytes() == photo().tobytes()


def test_brighter_and_darker() -> None:
    assert mean(edited("darken by 20%")) < mean(photo()) < mean(edited("brighten by 20%"))


def test_brighten_by_a_fifth_gives_middle_grey_about_a_fifth_more_light() -> None:
    grey = Image.new("RGB", (1, 1), (118, 118, 118))  # 18 % of the light
    value = edited("brighten by 20%", grey).getpixel((0, 0))
    assert isinstance(value, tuple)
    light = ((value[0] / 255 + 0.055) / 1.055) ** 2.4
    assert light == pytest.approx(0.181 * 1.2, rel=0.05)


def test_white_stays_white_when_it_is_brightened() -> None:
    assert edited("brighten a lot", Image.new("RGB", (1, 1), "white")).getpixel((0, 0)) == (255, 255, 255)


def test_contrast_goes_both_ways() -> None:
    assert spread(edited("reduce the contrast")) < spread(photo()) < spread(edited("increase the contrast"))


def test_warmer_is_redder_and_cooler_bluer_at_the_same_luminance() -> None:
    grey = Image.new("RGB", (4, 4), (128, 128, 128))
    warm, cool = means(edited("make it warmer", grey)), means(edited("make it cooler", grey))
    assert warm[0] > 128 > warm[2]
    assert cool[0] < 128 < cool[2]
    assert warm[1] == pytest.approx(128, abs=4)


def test_saturation_goes_both_ways_down_to_grey() -> None:
    assert chroma(edited("desaturate by 50%")) < chroma(photo()) < chroma(edited("increase the saturation"))
    assert chroma(edited("desaturate by 100%")) == 0


@pytest.mark.parametrize("prompt", ["make it black and white", "film noir", "halftone"])
def test_what_is_black_and_white_has_no_colour(prompt: str) -> None:
    assert chroma(edited(prompt)) == 0


def test_a_red_filter_makes_red_bright_and_blue_dark() -> None:
    pair = Image.new("RGB", (2, 1), (200, 30, 30))
    pair.putpixel((1, 0), (30, 30, 200))
    made = edited("black and white with a red filter", pair).convert("L")
    assert made.getpixel((0, 0)) > made.getpixel((1, 0)) + 80  # type: ignore[operator]


def test_a_duotone_has_its_two_inks_at_the_ends() -> None:
    ramp = Image.linear_gradient("L").convert("RGB")
    made = edited("duotone navy and gold", ramp)
    assert made.getpixel((0, 0)) == (0, 0, 128)
    assert made.getpixel((0, 255)) == (255, 215, 0)


def test_inverting_twice_is_the_picture_again() -> None:
    assert edited("invert, then invert").tobytes() == photo().tobytes()


def test_neighbouring_curves_are_rounded_once() -> None:
    ramp = Image.linear_gradient("L").convert("RGB")
    assert len(set(edited("exposure -2, exposure +2", ramp).convert("L").tobytes())) > 170


def test_shadows_and_highlights_leave_the_other_end_alone() -> None:
    ends = Image.new("RGB", (200, 100), (30, 30, 30))
    ends.paste((235, 235, 235), (100, 0, 200, 100))
    lifted, held = edited("lift the shadows", ends), edited("recover the highlights", ends)
    assert lifted.getpixel((10, 50)) > (40, 40, 40)  # type: ignore[operator]
    assert lifted.getpixel((190, 50)) == (235, 235, 235)
    assert held.getpixel((10, 50)) == (30, 30, 30)
    assert held.getpixel((190, 50)) < (225, 225, 225)  # type: ignore[operator]


def test_sharper_and_softer() -> None:
    assert sharpness(edited("blur")) < sharpness(photo()) < sharpness(edited("sharpen"))


def test_a_wide_blur_of_a_plain_picture_is_that_picture() -> None:
    plain = Image.new("RGB", (900, 700), (40, 90, 160))
    assert edited("blur by 80 px", plain).tobytes() == plain.tobytes()


def test_a_vignette_darkens_corners_and_not_the_middle() -> None:
    plain = Image.new("RGB", (90, 60), (180, 180, 180))
    made = edited("add a strong vignette", plain)
    assert made.getpixel((45, 30)) == (180, 180, 180)
    assert made.getpixel((0, 0)) < (120, 120, 120)  # type: ignore[operator]


def test_grain_and_weather_follow_the_seed() -> None:
    for prompt in ("add film grain", "add snow", "add rain", "add fog", "pencil sketch", "vintage"):
        assert edited(prompt, seed=1).tobytes() != edited(prompt, seed=2).tobytes()


def test_a_poster_has_as_many_colours_as_asked_for() -> None:
    made = edited("posterize to 5 colours", photo(200, 150))
    assert len(made.getcolors(1 << 20) or ()) <= 5


def test_pixels_are_blocks_of_one_colour() -> None:
    made = edited("pixelate with 8 px blocks", photo(50, 30))
    for corner in ((0, 0), (8, 8), (40, 16)):
        block = made.crop((*corner, corner[0] + 8, corner[1] + 8))
        assert len(block.getcolors() or ()) == 1


def test_colours_are_matched_to_the_reference() -> None:
    reference = Image.blend(photo(seed=5), Image.new("RGB", (96, 64), (220, 120, 40)), 0.6)
    made = edited("match the colours of the reference", references=[reference])

    def distance(image: Image.Image) -> float:
        return sum(abs(a - b) for a, b in zip(means(image), means(reference), strict=True))

    assert distance(made) < 0.75 * distance(photo())


def test_matching_colours_without_a_reference_is_refused() -> None:
    (edit,) = uses_reference(compiled_from("sepia, match the colours of the reference").edits)
    assert edit.name == "match_colours"
    assert not uses_reference(compiled_from("sepia").edits)
    with pytest.raises(OperationError, match="references"):
        edited("match the colours of the reference")


@pytest.mark.parametrize(
    ("prompt", "size"),
    [
        ("crop to 1:1", (64, 64)),
        ("crop to 16:9", (96, 54)),
        ("crop to 9:16", (36, 64)),
        ("crop to the left half", (48, 64)),
        ("crop to the top third", (96, 21)),
        ("crop 10% off every side", (76, 52)),
        ("crop to 50x40 px", (50, 40)),
        ("zoom in by 20%", (96, 64)),
        ("rotate 90 degrees", (64, 96)),
        ("rotate 180 degrees", (96, 64)),
        ("flip horizontally", (96, 64)),
        ("resize to 48 px wide", (48, 32)),
        ("resize to 32 px high", (48, 32)),
        ("resize to 50x50", (50, 50)),
        ("scale to 50%", (48, 32)),
        ("double the size", (192, 128)),
        ("add a 10 px white border", (116, 84)),
        ("add a white border", (102, 70)),
        ("extend to 1:1 with a blurred background", (96, 96)),
        ("pad to 16:9 with white", (114, 64)),
        ("add a polaroid frame", (104, 84)),
        ("add black bars", (96, 64)),
        ("round the corners", (96, 64)),
    ],
)
def test_sizes(prompt: str, size: tuple[int, int]) -> None:
    assert edited(prompt).size == size


def test_a_side_that_is_kept_is_the_one_that_is_named() -> None:
    pair = Image.new("RGB", (20, 10), "red")
    pair.paste("blue", (10, 0, 20, 10))
    assert edited("crop to the right half", pair).getcolors() == [(100, (0, 0, 255))]
    assert edited("crop to 1:1 from the left", pair).getcolors() == [(100, (255, 0, 0))]


def test_turning_right_is_clockwise() -> None:
    image = Image.new("RGB", (3, 2), "white")
    image.putpixel((0, 0), (255, 0, 0))
    assert edited("rotate 90 degrees", image).getpixel((1, 0)) == (255, 0, 0)
    assert edited("rotate left", image).getpixel((0, 2)) == (255, 0, 0)
    assert edited("rotate -90 degrees", image).tobytes() == edited("rotate left", image).tobytes()


def test_round_corners_are_transparent() -> None:
    made = edited("round the corners by 20%")
    assert made.mode == "RGBA"
    assert made.getpixel((0, 0))[3] == 0  # type: ignore[index]
    assert made.getpixel((48, 32))[3] == 255  # type: ignore[index]


def test_a_border_has_its_colour() -> None:
    made = edited("add a 5% teal border")
    assert made.getpixel((0, 0)) == (0, 128, 128)


def test_text_is_written_where_it_is_wanted() -> None:
    plain = Image.new("RGB", (300, 200), (90, 90, 90))
    made = edited('add the text "SALE" at the bottom right in white', plain)
    left, top, right, bottom = ImageChops.difference(made, plain).getbbox() or (0, 0, 0, 0)
    assert left > 150
    assert top > 130
    assert right <= 300
    assert bottom <= 200


def test_a_long_text_is_made_to_fit() -> None:
    plain = Image.new("RGB", (120, 200), (90, 90, 90))
    made = edited('add the text "a rather long line of text" at the top in huge letters', plain)
    left, _, right, _ = ImageChops.difference(made, plain).getbbox() or (0, 0, 0, 0)
    assert left > 0
    assert right < 120


def test_a_mask_keeps_what_is_white_and_edits_what_is_black() -> None:
    mask = Image.new("L", (96, 64), 255)
    mask.paste(0, (0, 0, 48, 64))
    made = edited("invert", mask=mask)
    left, right = (0, 0, 48, 64), (48, 0, 96, 64)
    assert made.crop(left).tobytes() == edited("invert").crop(left).tobytes()
    assert made.crop(right).tobytes() == photo().crop(right).tobytes()


def test_a_mask_of_another_size_is_scaled() -> None:
    mask = Image.new("L", (2, 1), 255)
    mask.putpixel((0, 0), 0)
    made = edited("invert", mask=mask)
    assert made.getpixel((2, 30)) == edited("invert").getpixel((2, 30))
    assert made.getpixel((93, 30)) == photo().getpixel((93, 30))


def test_a_mask_with_an_edit_of_shape_is_refused() -> None:
    with pytest.raises(OperationError, match="crop"):
        edited("sepia, crop to a square", mask=Image.new("L", (96, 64)))


def test_strength_blends_with_the_picture_as_it_was() -> None:
    half = edited("invert", strength=0.5)
    assert all(abs(value - 127) <= 1 for value in half.tobytes())


def test_strength_leaves_edits_of_shape_whole() -> None:
    assert edited("crop to 1:1, sepia", strength=0.0).size == (64, 64)


@pytest.mark.parametrize(("ratio", "size"), [("16:9", (96, 54)), ("auto", (96, 64)), (None, (96, 64))])
def test_the_aspect_ratio_is_cropped_around_the_centre(ratio: str | None, size: tuple[int, int]) -> None:
    assert edited("sepia", aspect_ratio=ratio).size == size


def test_transparency_survives_edits_of_colour() -> None:
    image = photo().convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize((96, 64)))
    made = edited("sepia, then sharpen", image)
    assert made.getchannel("A").tobytes() == image.getchannel("A").tobytes()


def test_a_piece_larger_than_the_picture_is_refused() -> None:
    with pytest.raises(OperationError, match="500×400"):
        edited("crop to 500x400")


def test_a_picture_that_would_grow_beyond_the_limits_is_refused() -> None:
    with pytest.raises(OperationError, match="16384"):
        edited("scale to 800%", Image.new("RGB", (4000, 10)))


def test_edits_are_carried_out_in_the_order_in_which_they_are_written() -> None:
    edits = (Edit("border", {"colour": "#ffffff", "pixels": 2}, 0, 0), Edit("invert", {}, 0, 0))
    assert apply(edits, photo()).getpixel((0, 0)) == (0, 0, 0)
    assert apply(edits[::-1], photo()).getpixel((0, 0)) == (255, 255, 255)

"""Operations that need the extra: what they find, change, keep and refuse, on photos."""

from __future__ import annotations

import subprocess
import sys
from functools import cache

import pytest
from PIL import Image, ImageChops, ImageStat
from tests.operations.examples import asset, half_mask, horizon, made, photo, plain

from editchain.errors import OperationError
from editchain.imaging import extra

pytestmark = pytest.mark.skipif(not extra.is_installed(), reason="needs the extra darkroom")


def mean(image: Image.Image, box: tuple[int, int, int, int] | None = None) -> list[float]:
    return ImageStat.Stat(image.convert("RGB").crop(box) if box else image.convert("RGB")).mean


@cache
def lantern() -> Image.Image:
    return asset("lantern.jpg").resize((320, 214))


CUP = [0.13, 0.02, 0.83, 0.97]


# ---- recolour


def test_recolour_turns_one_hue_and_leaves_the_others() -> None:
    image = plain("red")
    image.paste("green", (48, 0, 96, 64))
    red, _, blue = mean(made("recolour", image=image, colour="red", into="blue"), (0, 0, 40, 64))
    assert blue > 150 > red
    untouched = made("recolour", image=image, colour="red", into="blue").crop((60, 0, 96, 64))
    assert untouched.tobytes() == image.crop((60, 0, 96, 64)).tobytes()


def test_recolour_keeps_light_and_shade() -> None:
    image = Image.merge(
        "RGB",
        (Image.linear_gradient("L").point(lambda v: 60 + v * 0.7), *[Image.new("L", (256, 256), 20)] * 2),
    )
    grey = made("recolour", image=image, colour="red", into="teal").convert("L")
    rows = [mean(grey, (0, top, 256, top + 20))[0] for top in range(40, 240, 40)]
    assert rows == sorted(rows)
    assert rows[-1] > rows[0] + 30


def test_recolour_stays_inside_its_box() -> None:
    image = plain("red")
    result = made("recolour", image=image, colour="red", into="blue", box=[0, 0, 48, 64])
    assert result.crop((48, 0, 96, 64)).tobytes() == image.crop((48, 0, 96, 64)).tobytes()
    assert mean(result, (0, 0, 48, 64))[2] > 150


def test_recolour_refuses_a_colour_that_is_not_there() -> None:
    with pytest.raises(OperationError, match="next to nothing of #ff00ff"):
        made("recolour", image=plain("green"), colour="magenta", into="blue")


def test_skin_is_not_taken_for_an_orange_suit() -> None:
    image = asset("astronaut.jpg")
    result = made("recolour", image=image, colour="darkorange", into="blue")
    face, suit = (190, 70, 240, 130), (140, 300, 260, 420)
    assert mean(result, suit)[2] > mean(image, suit)[2] + 60
    assert abs(mean(result, face)[2] - mean(image, face)[2]) < 15


# ---- dehaze, denoise, inpaint


def test_dehaze_gives_contrast_back() -> None:
    clear = photo(size=(200, 150))
    hazy = Image.blend(clear, Image.new("RGB", clear.size, (215, 215, 220)), 0.6)
    result = made("dehaze", image=hazy, amount=0.9)
    assert ImageStat.Stat(result.convert("L")).stddev[0] > 1.4 * ImageStat.Stat(hazy.convert("L")).stddev[0]
    assert made("dehaze", image=hazy, amount=0).tobytes() == hazy.tobytes()


@pytest.mark.parametrize("method", ["best", "fast"])
def test_denoise_smooths_noise_and_keeps_an_edge(method: str) -> None:
    image = plain((90, 90, 90), (120, 80))
    image.paste((190, 190, 190), (60, 0, 120, 80))
    noise = photo(size=(120, 80)).effect_spread(40)
    noisy = Image.blend(image, noise, 0.12)
    result = made("denoise", image=noisy, amount=0.6, method=method)
    assert (
        ImageStat.Stat(result.crop((5, 5, 50, 75))).stddev[0]
        < 0.75 * ImageStat.Stat(noisy.crop((5, 5, 50, 75))).stddev[0]
    )
    assert mean(result, (66, 5, 115, 75))[0] - mean(result, (5, 5, 54, 75))[0] > 75


def test_inpaint_takes_a_scratch_away_and_leaves_the_rest() -> None:
    image = photo(size=(200, 150))
    scratched = image.copy()
    scratched.paste("white", (20, 70, 180, 73))
    mask = Image.new("L", image.size, 255)
    mask.paste(0, (19, 69, 181, 74))
    result = made("inpaint", image=scratched, mask=mask)
    scratch = (20, 70, 180, 73)
    before = ImageStat.Stat(ImageChops.difference(scratched, image).crop(scratch)).mean[0]
    after = ImageStat.Stat(ImageChops.difference(result, image).crop(scratch)).mean[0]
    assert after < 0.15 * before
    assert result.crop((0, 0, 200, 60)).tobytes() == image.crop((0, 0, 200, 60)).tobytes()


def test_inpaint_fills_a_wide_hole_from_its_surroundings() -> None:
    image = photo(size=(160, 120)).effect_spread(6)
    spotted = image.copy()
    spotted.paste("red", (60, 40, 90, 70))
    result = made("inpaint", image=spotted, box=[60, 40, 30, 30])
    assert (
        ImageChops.difference(result.crop((66, 46, 84, 64)), plain("red", (18, 18))).getextrema()[1][1] > 40
    )


@pytest.mark.parametrize(("colour", "words"), [(255, "Nothing is marked"), (0, "100% of the picture")])
def test_inpaint_refuses_nothing_and_too_much(colour: int, words: str) -> None:
    with pytest.raises(OperationError, match=words):
        made("inpaint", image=photo(), mask=Image.new("L", (96, 64), colour))


# ---- subject and background


def test_a_plain_subject_is_found() -> None:
    mask = made("mask", image=lantern(), by="subject")
    black = ImageChops.invert(mask)
    assert mask.size == lantern().size
    assert mask.getpixel((160, 75)) == 0
    assert mask.getpixel((20, 20)) == 255
    assert 0.1 < ImageStat.Stat(black).mean[0] / 255 < 0.35


@pytest.mark.parametrize("name", ["lake.jpg", "rocket.jpg"])
def test_a_subject_that_cannot_be_told_is_refused_with_what_to_give(name: str) -> None:
    with pytest.raises(OperationError, match=r"agreement 0\.\d\d of 1.*give a box around it or a mask"):
        made("mask", image=asset(name).resize((200, 133)), by="subject")


def test_with_a_box_what_stands_out_inside_it_is_the_subject() -> None:
    coffee = asset("coffee.jpg").resize((240, 160))
    mask = made("mask", image=coffee, by="subject", box=CUP)
    assert mask.getpixel((112, 55)) == 0
    assert mask.getpixel((10, 150)) == 255


@pytest.mark.parametrize("box", [[0, 0, 1, 1], [0, 0, 96, 64]])
def test_a_box_around_everything_is_refused(box: list[float]) -> None:
    with pytest.raises(OperationError, match="holds the whole picture"):
        made("mask", image=photo(), by="subject", box=box)


@pytest.mark.parametrize("colour", ["white", "grey"])
def test_a_picture_of_one_colour_has_no_subject(colour: str) -> None:
    with pytest.raises(OperationError, match="cannot tell the subject"):
        made("mask", image=plain(colour), by="subject")


def test_a_studio_background_needs_no_guessing() -> None:
    image = plain("white", (300, 200))
    image.paste("navy", (100, 60, 180, 160))
    mask = made("mask", image=image, by="subject")
    assert ImageChops.invert(mask).getbbox() is not None
    assert mask.getpixel((140, 100)) == 0
    assert mask.getpixel((30, 30)) == 255


def test_background_removed_is_transparent_around_the_subject() -> None:
    result = made("background", image=lantern(), action="remove")
    assert result.mode == "RGBA"
    alpha = result.getchannel("A")
    assert (alpha.getpixel((160, 75)), alpha.getpixel((20, 20))) == (255, 0)
    assert result.convert("RGB").getpixel((160, 75)) == lantern().getpixel((160, 75))


def test_background_replaced_by_a_colour_or_a_picture() -> None:
    white = made("background", image=lantern(), action="replace", colour="white")
    assert (white.mode, white.getpixel((20, 20))) == ("RGB", (255, 255, 255))
    clear = made("background", image=lantern(), action="replace", colour="#ff000080")
    assert clear.getpixel((20, 20)) == (255, 0, 0, 128)
    other = made("background", image=lantern(), action="replace", behind=plain("blue"))
    assert other.getpixel((20, 20)) == (0, 0, 255)


def test_background_blurred_keeps_what_the_mask_keeps() -> None:
    image = photo(size=(96, 64)).effect_spread(4)
    result = made("background", image=image, mask=half_mask(), radius=6)
    assert result.crop((60, 0, 96, 64)).tobytes() == image.crop((60, 0, 96, 64)).tobytes()
    left = (0, 0, 40, 64)
    assert ImageStat.Stat(result.crop(left)).stddev[0] < ImageStat.Stat(image.crop(left)).stddev[0]


# ---- sky


def test_the_sky_is_found_above_the_land() -> None:
    lake = asset("lake.jpg").resize((320, 214))
    mask = made("mask", image=lake, by="sky")
    assert mask.getpixel((60, 20)) == 0
    assert mask.getpixel((110, 100)) == 255
    assert mask.getpixel((160, 200)) == 255


@pytest.mark.parametrize("name", ["coffee.jpg", "lantern.jpg", "cat.jpg"])
def test_what_has_no_sky_is_refused(name: str) -> None:
    with pytest.raises(OperationError, match="sky"):
        made("mask", image=asset(name).resize((300, 200)), by="sky")


def test_another_sky_lies_behind_the_land_and_lights_it() -> None:
    image = horizon(0)
    mask = ImageChops.invert(Image.new("L", image.size))
    mask.paste(0, (0, 0, 240, 90))
    dusk = plain((40, 20, 60))
    result = made("sky", image=image, replacement=dusk, mask=mask, relight=1)
    assert result.getpixel((120, 30)) == (40, 20, 60)
    assert mean(result, (0, 120, 240, 160))[0] < mean(image, (0, 120, 240, 160))[0] - 5
    unlit = made("sky", image=image, replacement=dusk, mask=mask, relight=0)
    assert unlit.getpixel((120, 150)) == image.getpixel((120, 150))


# ---- faces


@pytest.mark.parametrize("style", ["blur", "pixelate"])
def test_a_face_is_hidden_and_the_rest_stays(style: str) -> None:
    image = asset("astronaut.jpg")
    result = made("faces", image=image, style=style)
    area = ImageChops.difference(result, image).getbbox()
    assert area is not None
    assert 140 < area[0] < area[2] < 300
    assert area[3] < 220


def test_too_few_faces_fail_with_their_number() -> None:
    with pytest.raises(OperationError, match="I find no face here, and at least 1"):
        made("faces", image=lantern())
    with pytest.raises(OperationError, match="I find 1 face here, and at least 2"):
        made("faces", image=asset("astronaut.jpg"), least=2)


def test_the_sky_is_found_through_a_lattice_and_not_through_what_is_solid() -> None:
    mask = made("mask", image=asset("rocket.jpg"), by="sky")

    def sky_in(box: tuple[int, int, int, int]) -> float:
        return 1 - ImageStat.Stat(mask.crop(box)).mean[0] / 255

    assert sky_in((45, 120, 80, 300)) > 0.4  # the tower on the left
    assert sky_in((568, 20, 600, 200)) > 0.4  # and the one on the right
    assert sky_in((316, 180, 328, 380)) < 0.05  # the rocket
    assert sky_in((100, 100, 180, 110)) > 0.99


# ---- straighten


@pytest.mark.parametrize("degrees", [-6, -1.5, 0, 2, 4])
def test_a_tilted_horizon_is_levelled(degrees: float) -> None:
    result = made("straighten", image=horizon(degrees)).convert("L")
    assert result.size == (240, 160)
    edges = [
        next(row for row in range(160) if int(str(result.getpixel((column, row)))) < 120)
        for column in (8, 230)
    ]
    assert abs(edges[0] - edges[1]) <= 2


@pytest.mark.parametrize("name", ["rocket", "hopper", "backdrops/bricks"])
def test_the_tilt_of_a_photo_grows_with_every_degree_that_it_is_turned(name: str) -> None:
    from editchain.imaging.level import levelled, tilt

    image = asset(f"{name}.jpg")
    own = tilt(image)
    assert abs(own) < 2
    for degrees in (-5, 3):
        assert abs(tilt(levelled(image, degrees)) - (own - degrees)) < 0.5


@pytest.mark.parametrize("name", ["cat", "lake", "raccoon", "coffee", "skies/hubble"])
def test_straighten_does_not_guess_where_nothing_is_level(name: str) -> None:
    with pytest.raises(OperationError, match=r"sureness \d\.\d, 1\.8 is needed"):
        made("straighten", image=asset(f"{name}.jpg"))


def test_straighten_refuses_what_it_cannot_tell_and_what_is_too_much() -> None:
    with pytest.raises(OperationError, match="cannot tell what is level"):
        made("straighten", image=asset("lake.jpg"))
    with pytest.raises(OperationError, match=r"more than the 3° put right"):
        made("straighten", image=horizon(5), most=3)


# ---- masks joined


@pytest.mark.parametrize(("combine", "black"), [("union", 3), ("intersect", 1), ("subtract", 1)])
def test_masks_are_joined(combine: str, black: int) -> None:
    left, top = half_mask(), Image.new("L", (96, 64), 255)
    top.paste(0, (0, 0, 96, 32))
    mask = made("mask", image=photo(), by="masks", masks=[left, top], combine=combine)
    assert mask.histogram()[0] == black * 96 * 64 // 4


# ---- what all share


def test_the_same_pixels_in_another_process() -> None:
    code = (
        "from editchain.imaging.codec import decode; from editchain.imaging.subject import subject;"
        "from hashlib import sha256; from PIL import Image; import sys;"
        "image = decode(open(sys.argv[1], 'rb').read()).resize((160, 107));"
        "print(sha256(subject(image, (14, 4, 134, 104)).tobytes()).hexdigest())"
    )
    path = "pipelines/assets/coffee.jpg"
    digests = {
        subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert len(digests) == 1

"""Animations."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageChops
from tests.operations.examples import frames, photo, plain, stored

from editchain.errors import ImageError
from editchain.imaging.codec import decode

THREE = [plain("red"), plain("lime"), plain("blue")]


@pytest.mark.parametrize(("form", "kind"), [("webp", "WEBP"), ("apng", "PNG"), ("gif", "GIF")])
def test_every_picture_is_a_frame_in_its_order(form: str, kind: str) -> None:
    data = stored("animate", images=THREE, format=form, seconds=0.4, loops=3)
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.size) == (kind, (96, 64))
        assert image.info["loop"] == 3
    found = [frame.convert("RGB").getpixel((48, 32)) for frame in frames(data)]
    for colour, wanted in zip(found, THREE, strict=True):
        difference = ImageChops.difference(plain(colour), wanted).getextrema()
        assert max(high for _, high in difference) <= 6  # type: ignore[misc]


@pytest.mark.parametrize("form", ["webp", "apng", "gif"])
def test_the_whole_lasts_as_long_as_its_pictures_with_their_fades(form: str) -> None:
    data = stored("animate", images=THREE, format=form, seconds=0.6, fade=2)
    durations = []
    with Image.open(io.BytesIO(data)) as image:
        for at in range(image.n_frames):  # type: ignore[attr-defined]
            image.seek(at)
            image.load()
            durations.append(image.info["duration"])
    assert len(durations) == 7
    assert sum(durations) == pytest.approx(7 * 200, abs=10)


def test_there_and_back_shows_the_ends_once() -> None:
    data = stored("animate", images=THREE, format="apng", there_and_back=True)
    found = [frame.convert("RGB").getpixel((1, 1)) for frame in frames(data)]
    red, green, blue = ((255, 0, 0), (0, 255, 0), (0, 0, 255))
    assert found == [red, green, blue, green]


def test_pictures_of_other_shapes_lie_whole_on_the_background_or_fill_the_frame() -> None:
    tall = plain("blue", (32, 64))
    inside = frames(stored("animate", images=[plain("red"), tall], format="apng", background="white"))[1]
    assert inside.convert("RGB").getpixel((2, 32)) == (255, 255, 255)
    assert inside.convert("RGB").getpixel((48, 32)) == (0, 0, 255)
    cover = frames(stored("animate", images=[plain("red"), tall], format="apng", fit="cover"))[1]
    assert cover.convert("RGB").getpixel((2, 32)) == (0, 0, 255)


def test_alpha_stays_where_the_background_is_clear() -> None:
    data = stored(
        "animate", images=[photo("RGBA"), photo("RGBA", seed=2)], format="apng", background="transparent"
    )
    assert frames(data)[0].convert("RGBA").getchannel("A").getextrema()[0] < 200  # type: ignore[operator]


def test_the_next_step_gets_the_first_frame() -> None:
    first = decode(stored("animate", images=THREE, format="apng"))
    assert first.tobytes() == THREE[0].tobytes()


def test_too_much_is_refused() -> None:
    with pytest.raises(ImageError, match="longer than 200"):
        stored("animate", images=[plain(size=(4, 4))] * 30, fade=9)
    with pytest.raises(ImageError, match="megapixels; make it smaller or shorter"):
        stored("animate", images=[plain(size=(3000, 2000))] * 12)

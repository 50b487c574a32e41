"""What is looked for in a picture is found where it plainly is, and refused where it is not."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from editchain.darkroom.edits import apply
from editchain.darkroom.grammar import compile  # noqa: A004
from editchain.errors import OperationError
from editchain.imaging import extra
from editchain.imaging.codec import decode

pytestmark = pytest.mark.skipif(not extra.is_installed(), reason="needs the extra darkroom")

ASSETS = Path(__file__).parents[2] / "pipelines" / "assets"
SIZE = (120, 90)


def flat() -> Image.Image:
    return Image.new("RGB", SIZE, (128, 128, 128))


def noise() -> Image.Image:
    return Image.frombytes("RGB", SIZE, random.Random(3).randbytes(SIZE[0] * SIZE[1] * 3))


def checkerboard() -> Image.Image:
    image = Image.new("RGB", SIZE, (20, 20, 20))
    for top in range(0, SIZE[1], 10):
        for left in range(top // 10 % 2 * 10, SIZE[0], 20):
            image.paste((235, 235, 235), (left, top, left + 10, top + 10))
    return image


def stripes() -> Image.Image:
    image = Image.new("RGB", SIZE, (180, 60, 60))
    for left in range(0, SIZE[0], 12):
        image.paste((60, 90, 180), (left, 0, left + 6, SIZE[1]))
    return image


def foliage() -> Image.Image:
    """Green blotches everywhere, and nothing in particular."""
    source = random.Random(8)
    grid = Image.frombytes("RGB", (24, 18), bytes(source.choice((30, 60, 90)) for _ in range(24 * 18 * 3)))
    return Image.blend(
        grid.resize(SIZE, Image.Resampling.BICUBIC), Image.new("RGB", SIZE, (40, 110, 30)), 0.5
    )


NOTHING: tuple[Callable[[], Image.Image], ...] = (flat, noise, checkerboard, stripes, foliage)


def asset(name: str, width: int = 320) -> Image.Image:
    image = decode((ASSETS / f"{name}.jpg").read_bytes()).convert("RGB")
    return image.resize((width, round(image.height * width / image.width)))


def edited(prompt: str, image: Image.Image, **options: Image.Image) -> Image.Image:
    compiled = compile(prompt)
    assert compiled.problems == ()
    return apply(compiled.edits, image, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("picture", NOTHING)
@pytest.mark.parametrize(
    ("prompt", "instead"),
    [
        ("remove the background", "mask"),
        ("blur the background around the box [0.2, 0.2, 0.5, 0.5]", "mask"),
        ("brighten the subject", "mask"),
        ("blur the faces", "mask"),
        ("replace the sky with a sunset", "mask"),
    ],
)
def test_where_there_is_nothing_it_says_what_to_give_instead(
    picture: Callable[[], Image.Image], prompt: str, instead: str
) -> None:
    with pytest.raises(OperationError, match=instead):
        edited(prompt, picture())


def test_a_mask_says_where_and_nothing_is_looked_for() -> None:
    mask = Image.new("L", SIZE, 0)
    mask.paste(255, (40, 30, 80, 60))
    kept = noise().crop((45, 35, 75, 55)).tobytes()
    white = edited("replace the background with white", noise(), mask=mask)
    assert white.getpixel((5, 5)) == (255, 255, 255)
    assert white.crop((45, 35, 75, 55)).tobytes() == kept
    cut = edited("remove the background", noise(), mask=mask)
    assert cut.getpixel((5, 5))[3] == 0  # type: ignore[index]
    assert cut.convert("RGB").crop((45, 35, 75, 55)).tobytes() == kept
    hidden = edited("pixelate the faces", noise(), mask=Image.eval(mask, lambda value: 255 - value))
    assert hidden.crop((45, 35, 75, 55)).tobytes() != kept
    assert hidden.crop((0, 0, 30, 20)).tobytes() == noise().crop((0, 0, 30, 20)).tobytes()


def test_what_stands_on_clear_ground_is_the_subject() -> None:
    cut = noise().convert("RGBA")
    alpha = Image.new("L", SIZE)
    alpha.paste(255, (40, 30, 80, 60))
    cut.putalpha(alpha)
    made = edited("put it on a white background", cut)
    assert made.mode == "RGB"
    assert made.getpixel((5, 5)) == (255, 255, 255)
    assert made.getpixel((60, 45)) == noise().getpixel((60, 45))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "is_plain"),
    [
        ("lantern", True),
        ("coffee", True),
        ("astronaut", False),
        ("cat", False),
        ("rocket", False),
        ("lake", True),  # wrongly: the hillside with its reflection
    ],
)
def test_the_subject_of_a_photo_is_told_only_where_it_is_plain(name: str, is_plain: bool) -> None:
    if is_plain:
        assert edited("remove the background", asset(name)).mode == "RGBA"
    else:
        with pytest.raises(OperationError, match=r"agreement 0\.\d\d"):
            edited("remove the background", asset(name))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "box", "is_told"),
    [
        ("lake", "0.48, 0.55, 0.2, 0.3", True),
        ("lantern", "0.2, 0.15, 0.5, 0.7", True),
        ("rocket", "0.46, 0.25, 0.1, 0.7", True),
        ("astronaut", "0.03, 0.02, 0.95, 0.98", True),
        ("coffee", "0.1, 0.05, 0.75, 0.92", True),
        ("cat", "0.02, 0, 0.75, 0.98", False),
    ],
)
def test_a_box_helps_five_of_the_six_photos(name: str, box: str, is_told: bool) -> None:
    prompt = f"remove the background around the box [{box}]"
    image = decode((ASSETS / f"{name}.jpg").read_bytes())
    if is_told:
        assert edited(prompt, image).mode == "RGBA"
    else:
        with pytest.raises(OperationError, match="give a mask"):
            edited(prompt, image)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["coffee", "cat", "lantern", "rocket", "lake"])
def test_no_face_is_seen_where_there_is_none(name: str) -> None:
    with pytest.raises(OperationError, match="no face"):
        edited("blur the faces", asset(name, 400))

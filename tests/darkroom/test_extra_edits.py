"""The darkroom's edits that need the extra, on photos."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat

from editchain.darkroom.edits import apply
from editchain.darkroom.grammar import compile  # noqa: A004
from editchain.darkroom.vocabulary import RULES, SHAPING
from editchain.errors import OperationError
from editchain.imaging import extra
from editchain.imaging.codec import decode

pytestmark = pytest.mark.skipif(not extra.is_installed(), reason="needs the extra darkroom")

ASSETS = Path(__file__).parents[2] / "pipelines" / "assets"


@cache
def asset(name: str, width: int = 200) -> Image.Image:
    image = decode((ASSETS / f"{name}.jpg").read_bytes())
    return image.resize((width, round(image.height * width / image.width)))


def studio() -> Image.Image:
    """A red thing with a stripe before a plain wall with a shade on it: a subject that is found at once."""
    image = Image.new("RGB", (160, 120), (235, 235, 230))
    image.paste((226, 226, 221), (0, 0, 20, 120))
    image.paste((200, 30, 30), (50, 30, 110, 100))
    image.paste((30, 60, 160), (50, 60, 110, 70))
    return image


def tilted() -> Image.Image:
    wide = Image.new("RGB", (480, 360), (180, 200, 230))
    wide.paste((70, 60, 40), (0, 200, 480, 360))
    return wide.rotate(-3, Image.Resampling.BICUBIC).crop((120, 90, 360, 270))


PICTURES: dict[str, Callable[[], Image.Image]] = {
    "straighten": tilted,
    "replace_sky": lambda: asset("lake"),
    "blur_faces": lambda: asset("astronaut", 300),
    "pixelate_faces": lambda: asset("astronaut", 300),
    "dehaze": lambda: asset("lake"),
    "denoise": lambda: asset("cat"),
    "crop": lambda: asset("lake"),
    "inpaint": lambda: asset("cat"),
}
NEEDING = [(rule.edit, rule.example) for rule in RULES if rule.needs_extra]


def edited(prompt: str, image: Image.Image, **options: object) -> Image.Image:
    references = [Image.new("RGB", (40, 30), (40, 20, 60))]
    return apply(compile(prompt).edits, image, references=references, **options)  # type: ignore[arg-type]


def marked(prompt: str, image: Image.Image) -> dict[str, Image.Image]:
    """A mask that marks a spot, for what needs one."""
    if "marked" not in prompt:
        return {}
    mask = Image.new("L", image.size, 255)
    side = max(1, image.width // 10)
    mask.paste(0, (image.width // 2, image.height // 2, image.width // 2 + side, image.height // 2 + side))
    return {"mask": mask}


@pytest.mark.parametrize(("name", "prompt"), NEEDING)
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_every_edit_changes_its_picture_and_gives_the_same_bytes_again(
    name: str, prompt: str, mode: str
) -> None:
    image = PICTURES.get(name, studio)().convert(mode)
    made = edited(prompt, image, **marked(prompt, image))
    assert (made.size == image.size) is (name not in SHAPING - {"remove_background", "straighten"})
    assert made.convert("RGBA").tobytes() != image.convert("RGBA").tobytes()
    assert made.tobytes() == edited(prompt, image, **marked(prompt, image)).tobytes()


@pytest.mark.parametrize(("name", "prompt"), NEEDING)
@pytest.mark.parametrize("size", [(1, 1), (2, 300), (300, 2), (40, 40)])
@pytest.mark.parametrize("colour", ["red", "white"])
def test_pictures_with_nothing_to_find_are_edited_or_refused_in_words(
    name: str, prompt: str, size: tuple[int, int], colour: str
) -> None:
    image = Image.new("RGB", size, colour)
    try:
        made = edited(prompt, image, **marked(prompt, image))
    except OperationError as error:
        assert str(error).endswith(".")
    else:
        assert made.size == size or name == "crop"


def test_the_background_takes_the_new_colour_and_the_subject_stays() -> None:
    made = edited("replace the background with #00ff00", studio())
    assert made.getpixel((10, 10)) == (0, 255, 0)
    assert made.getpixel((80, 50)) == studio().getpixel((80, 50))


def test_the_background_takes_the_reference() -> None:
    assert edited("replace the background with the reference", studio()).getpixel((10, 10)) == (40, 20, 60)


def test_a_reference_that_is_not_given_is_said() -> None:
    with pytest.raises(OperationError, match="give it under references"):
        apply(compile("replace the sky with the reference").edits, asset("lake"))


def test_recolouring_keeps_to_its_region() -> None:
    everywhere = edited("change red to blue", studio())
    left = edited("change red to blue in the left half", studio())
    assert left.crop((0, 0, 77, 120)).tobytes() == everywhere.crop((0, 0, 77, 120)).tobytes()
    assert left.crop((83, 0, 160, 120)).tobytes() == studio().crop((83, 0, 160, 120)).tobytes()
    behind = edited("change red to blue in the background", studio())
    assert ImageChops.difference(behind, studio()).crop((60, 40, 100, 55)).getbbox() is None


def test_only_the_named_colour_keeps_its_colour() -> None:
    made = edited("keep only red in colour", studio())
    red, stripe = made.getpixel((80, 45)), made.getpixel((80, 65))
    assert isinstance(red, tuple)
    assert isinstance(stripe, tuple)
    assert red[0] > red[2] + 100
    assert max(stripe) - min(stripe) < 12


def test_outside_the_subject_not_even_the_named_colour_is_kept() -> None:
    image = asset("coffee", 300)
    made = edited("keep only red in colour in the subject", image)
    saucer, wood = made.getpixel((75, 110)), made.getpixel((10, 185))
    assert isinstance(saucer, tuple)
    assert isinstance(wood, tuple)
    assert max(saucer) - min(saucer) > 60
    assert max(wood) - min(wood) < 6


def test_a_mask_limits_an_edit_that_looks_for_something() -> None:
    mask = Image.new("L", (160, 120), 255)
    mask.paste(0, (0, 0, 80, 120))
    made = apply(compile("change red to blue").edits, studio(), mask=mask)
    assert made.crop((80, 0, 160, 120)).tobytes() == studio().crop((80, 0, 160, 120)).tobytes()
    assert ImageStat.Stat(made.crop((55, 35, 75, 55))).mean[2] > 120

"""One operation from Python."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

import editchain
from editchain.errors import ImageError, OperationError

ROOT = Path(__file__).parents[1]
COFFEE = ROOT / "pipelines" / "assets" / "coffee.jpg"


def test_defaults_are_filled_in_and_the_file_is_what_a_step_stores(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(
        "version: 1\nsteps:\n  one: {operation: resize, image: a.png, width: 20}\noutputs: {one: $one}\n",
        "utf-8",
    )
    Image.radial_gradient("L").convert("RGB").save(tmp_path / "a.png")
    report = editchain.run(editchain.load(tmp_path / "one.yaml"), tmp_path / "out")
    assert report.exit_code == 0
    made = editchain.apply("resize", image=tmp_path / "a.png", width=20)
    with Image.open(tmp_path / "out" / "one.png") as published:
        assert published.tobytes() == made.image.tobytes()
    assert made.file().startswith(b"\x89PNG")


def test_open_images_come_upright_and_are_not_changed() -> None:
    image = Image.new("RGB", (30, 20), "red")
    image.getexif()[0x0112] = 6
    made = editchain.apply("flip", image=image, direction="horizontal")
    assert made.image.size == (20, 30)
    assert image.size == (30, 20)


def test_several_pictures_become_an_animation() -> None:
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue")]
    made = editchain.apply("animate", images=frames, format="gif")
    assert made.file().startswith(b"GIF8")
    assert made.image.size == (8, 6)


@pytest.mark.parametrize(
    ("operation", "fields", "message"),
    [
        ("resise", {}, 'There is no operation "resise". Did you mean "resize"?'),
        ("resize", {"image": COFFEE, "widht": 20}, "widht"),
        ("resize", {"image": COFFEE, "width": 0}, "resize.width: 0 is less than the least, 1."),
        ("resize", {"width": 5}, "image"),
        ("blur", {"image": Image.new("CMYK", (4, 4))}, "image is of mode CMYK"),
        ("blur", {"image": COFFEE, "native": True}, "native is for pipelines"),
        ("run_command", {"command": ["ls"]}, "run_command is for pipelines"),
    ],
)
def test_what_does_not_fit_is_said(operation: str, fields: dict[str, object], message: str) -> None:
    with pytest.raises(editchain.ConfigurationError, match=re.escape(message)):
        editchain.apply(operation, **fields)


def test_what_only_the_picture_tells_is_an_error_of_the_operation() -> None:
    with pytest.raises(OperationError, match="outside the 600×400 picture"):
        editchain.apply("crop", image=COFFEE, box=[500, 10, 200, 20])


def test_files_that_cannot_be_read_are_said(tmp_path: Path) -> None:
    with pytest.raises(editchain.ConfigurationError, match="image is int: give the path of a file"):
        editchain.apply("resize", image=5, width=3)
    with pytest.raises(ImageError, match=r"image: .*nothing\.png cannot be read"):
        editchain.apply("resize", image=tmp_path / "nothing.png", width=3)

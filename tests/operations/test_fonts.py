"""Text in a font of one's own: a file in the workspace, whose bytes are part of what a result is known by."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image
from tests.operations.examples import made, photo

import editchain
from editchain.errors import OperationError, PipelineError
from editchain.imaging import draw

FONTS = Path(draw.__file__).parent / "fonts"
SERIF, MONO = ((FONTS / f"DejaVu{name}.ttf").read_bytes() for name in ("Serif", "SansMono"))


@pytest.mark.parametrize("name", ["text", "watermark"])
def test_letters_are_those_of_the_file(name: str) -> None:
    plain, own, other = (
        made(name, image=photo(), text="Wim", font_file=one).tobytes() for one in (None, SERIF, MONO)
    )
    assert len({plain, own, other}) == 3


def test_a_file_like_a_font_that_comes_along_draws_the_same() -> None:
    own = made("text", image=photo(), text="Wim", font_file=SERIF)
    assert own.tobytes() == made("text", image=photo(), text="Wim", font="serif").tobytes()


@pytest.mark.parametrize("name", ["text", "watermark"])
def test_a_letter_that_the_file_lacks_and_a_damaged_file_are_refused(name: str) -> None:
    with pytest.raises(OperationError, match='The font file has no "園"'):
        made(name, image=photo(), text="a 園", font_file=SERIF)
    with pytest.raises(OperationError, match="damaged"):
        made(name, image=photo(), text="a", font_file=SERIF[:400])


def recipe(folder: Path, step: str) -> Path:
    Image.new("RGB", (96, 64), "navy").save(folder / "photo.png")
    (folder / "own.ttf").write_bytes(SERIF)
    (folder / "editchain.toml").touch()
    path = folder / "recipe.yaml"
    path.write_text(f"version: 1\nsteps:\n  a: {{operation: text, {step}}}\noutputs: {{a: $a}}\n", "utf-8")
    return path


def test_another_font_under_the_same_name_makes_the_picture_again(tmp_path: Path) -> None:
    path = recipe(tmp_path, "image: photo.png, text: Ж, font_file: own.ttf")
    first = editchain.run(editchain.load(path), tmp_path / "out")
    assert first.exit_code == 0
    before = (tmp_path / "out" / "a.png").read_bytes()
    assert editchain.plan(editchain.load(path)).is_settled
    shutil.copy(FONTS / "DejaVuSansMono-Bold.ttf", tmp_path / "own.ttf")
    assert not editchain.plan(editchain.load(path)).is_settled
    assert editchain.run(editchain.load(path), tmp_path / "out").exit_code == 0
    assert (tmp_path / "out" / "a.png").read_bytes() != before


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("image: photo.png, text: a, font_file: photo.png", "photo.png is no font"),
        ("image: photo.png, text: a, font_file: none.ttf", "There is no file"),
        ("image: photo.png, text: a, font_file: ../own.ttf", "leads outside the workspace"),
        ("image: own.ttf, text: a", "it looks like a font"),
        ("image: photo.png, text: 園", "has a character that the usual fonts lack"),
    ],
)
def test_what_is_no_font_is_found_before_anything_runs(tmp_path: Path, step: str, said: str) -> None:
    with pytest.raises(PipelineError) as caught:
        editchain.load(recipe(tmp_path, step))
    assert said in str(caught.value)

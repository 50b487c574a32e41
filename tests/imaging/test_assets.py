"""The sample pictures of the example pipelines."""

from __future__ import annotations

from pathlib import Path

import pytest

from editchain.imaging.codec import decode
from editchain.imaging.probe import read_probe

FOLDER = Path(__file__).parents[2] / "pipelines" / "assets"
PICTURES = sorted(path for path in FOLDER.rglob("*.*") if path.suffix != ".md")


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.relative_to(FOLDER).as_posix())
def test_each_is_small_sound_and_named_with_its_source(path: Path) -> None:
    found = read_probe(path)
    image = decode(path.read_bytes())
    assert image.size == (found.width, found.height)
    assert path.stat().st_size <= 140_000
    assert f"| `{path.relative_to(FOLDER).as_posix()}` |" in (FOLDER / "README.md").read_text("utf-8")


def test_the_mask_fits_its_photo() -> None:
    mask, photo = read_probe(FOLDER / "coffee-mask.png"), read_probe(FOLDER / "coffee.jpg")
    assert (mask.width, mask.height) == (photo.width, photo.height)

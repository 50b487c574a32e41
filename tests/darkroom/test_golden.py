"""How edits look, held against pictures that were looked at, by an SSIM of others' making.

Run this file to make the pictures again, and look at them before they are committed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from editchain.darkroom.edits import apply
from editchain.darkroom.grammar import compile  # noqa: A004
from editchain.imaging import extra
from editchain.imaging.codec import decode

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not extra.is_installed(), reason="needs the extra darkroom"),
]

HERE = Path(__file__).parent / "golden"
ASSETS = Path(__file__).parents[2] / "pipelines" / "assets"
WIDTH = 200
LIKE = 0.96
NEAR = 3.0
PROMPTS = {
    "enhance": "lake: auto enhance",
    "golden": "lake: golden hour light",
    "night": "lake: day for night",
    "moody": "lake: dark and moody",
    "airy": "astronaut: bright and airy",
    "hdr": "lake: hdr look",
    "vintage": "coffee: vintage",
    "noir": "astronaut: film noir",
    "dehaze": "lake: remove the haze",
    "blues": "lake: desaturate the blues by 80%",
    "recolour": "astronaut: change orange to blue",
    "pop": "coffee: keep only red in colour",
    "sketch": "coffee: turn it into a pencil sketch",
    "ink": "astronaut: turn it into an ink drawing",
    "oil": "coffee: turn it into an oil painting",
    "watercolour": "lake: turn it into a watercolour",
    "cartoon": "coffee: turn it into a cartoon",
    "poster": "lake: poster with 6 colours",
    "sunset": "lake: replace the sky with a sunset",
    "studio": "lantern: put it on a studio background with a soft shadow",
    "bokeh": "coffee: blur the background a lot",
    "faces": "astronaut: pixelate the faces",
    "snow": "lake: add snow",
    "tilt": "lake: tilt-shift",
}


def made(prompt: str) -> Image.Image:
    """What a prompt makes of its photo, small."""
    name, _, said = prompt.partition(": ")
    image = decode((ASSETS / f"{name}.jpg").read_bytes()).convert("RGB")
    edited = apply(compile(said).edits, image, seed=3).convert("RGB")
    return edited.resize((WIDTH, round(edited.height * WIDTH / edited.width)), Image.Resampling.BOX)


def apart(one: Image.Image, other: Image.Image) -> float:
    """How far the colours of areas are apart, in levels, at most in any channel."""
    small = (50, round(50 * one.height / one.width))
    areas = [image.resize(small, Image.Resampling.BOX) for image in (one, other)]
    return max(ImageStat.Stat(ImageChops.difference(*areas)).mean)


@pytest.mark.parametrize("name", PROMPTS)
def test_an_edit_looks_as_it_did(name: str) -> None:
    metrics: Any = pytest.importorskip("skimage.metrics")
    numpy: Any = pytest.importorskip("numpy")
    with Image.open(HERE / f"{name}.webp") as opened:
        golden = opened.convert("RGB")
    found = made(PROMPTS[name])
    assert found.size == golden.size
    grey = [numpy.asarray(image.convert("L")) for image in (found, golden)]
    assert metrics.structural_similarity(*grey, data_range=255) >= LIKE
    assert apart(found, golden) <= NEAR


def test_the_measure_sees_a_change() -> None:
    metrics: Any = pytest.importorskip("skimage.metrics")
    numpy: Any = pytest.importorskip("numpy")
    with Image.open(HERE / "sunset.webp") as opened:
        golden = opened.convert("RGB")
    other = made("lake: replace the sky with dusk")
    grey = [numpy.asarray(image.convert("L")) for image in (other, golden)]
    is_like = metrics.structural_similarity(*grey, data_range=255) >= LIKE
    assert not (is_like and apart(other, golden) <= NEAR)


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    for key, text in PROMPTS.items():
        made(text).save(HERE / f"{key}.webp", quality=90, method=6)
    sys.stdout.write(f"{HERE} written\n")

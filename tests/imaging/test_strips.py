"""Large pictures are worked on in strips: no seams, and no more memory than is said."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageChops
from tests.operations.examples import MINIMAL, asset

from editchain.imaging import extra, strips
from editchain.imaging.blur import sharpen

ROOT = Path(__file__).parents[2]
USUAL_MEGABYTES = 520
"""What an operation takes at 12 megapixels on top of what it is given; the largest picture alone is 48."""

MORE_MEGABYTES = {"upscale": 640}
"""Those whose result is itself larger: 48 megapixels here."""


def tall() -> Image.Image:
    return asset("pagoda.jpg").resize((640, 2400))


def dehazed(image: Image.Image) -> Image.Image:
    from editchain.imaging.restore import dehazed as change

    return change(image, 0.8)


def recoloured(image: Image.Image) -> Image.Image:
    from editchain.imaging.recolour import recoloured as change

    return change(image, (200, 60, 40), (0, 120, 130), 0.3)


@pytest.mark.parametrize(
    "change",
    [
        lambda image: sharpen(image, 1.2),
        pytest.param(dehazed, marks=pytest.mark.skipif(not extra.is_installed(), reason="needs the extra")),
        pytest.param(
            recoloured, marks=pytest.mark.skipif(not extra.is_installed(), reason="needs the extra")
        ),
    ],
    ids=["sharpen", "dehaze", "recolour"],
)
def test_strips_leave_no_seam(
    change: Callable[[Image.Image], Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    in_strips = change(tall())
    monkeypatch.setattr(strips, "_PIXELS", 1 << 30)
    whole = change(tall())
    assert max(high for _, high in ImageChops.difference(in_strips, whole).getextrema()) <= 1  # type: ignore[misc]


def test_every_row_is_made_once() -> None:
    rows = [row for one in strips.strips((4000, 3001), 50) for row in range(one.top, one.bottom)]
    assert rows == list(range(3001))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="asks Linux for the peak")
@pytest.mark.skipif(not extra.is_installed(), reason="needs the extra")
@pytest.mark.parametrize("name", sorted(MINIMAL))
def test_memory_at_12_megapixels_is_bounded(name: str) -> None:
    measured = subprocess.run([sys.executable, "-m", "tests.imaging.peak", name], cwd=ROOT, check=True, capture_output=True, text=True)  # fmt: skip
    assert float(measured.stdout) <= MORE_MEGABYTES.get(name, USUAL_MEGABYTES)

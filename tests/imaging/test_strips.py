"""Large pictures are worked on in strips: no seams, and no more memory than is said."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from benchmarks.heaviest import MOST_MB
from PIL import Image, ImageChops
from tests.operations.examples import asset

from editchain.imaging import extra, strips
from editchain.imaging.blur import sharpen

ROOT = Path(__file__).parents[2]


def tall() -> Image.Image:
    return asset("lake.jpg").resize((640, 2400))


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
@pytest.mark.skipif(sys.platform == "win32", reason="forks")
@pytest.mark.skipif(not extra.is_installed(), reason="needs the extra")
@pytest.mark.parametrize("kind", ["prompt", "operation"])
def test_memory_at_12_megapixels_is_bounded_for_all_that_is_made_here(kind: str) -> None:
    measured = subprocess.run(
        [sys.executable, "-m", "benchmarks.heaviest", "12", f"{kind} ", "--json"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    taken = {one["name"]: one["megabytes"] for one in json.loads(measured.stdout)}
    assert len(taken) > 40
    assert {name: peak for name, peak in taken.items() if peak > MOST_MB} == {}

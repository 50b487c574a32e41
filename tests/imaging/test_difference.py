"""How much of two pictures differs."""

from __future__ import annotations

import pytest
from PIL import Image

from editchain.imaging.difference import differing_share


@pytest.mark.parametrize(("by", "share"), [(2, 0.0), (3, 0.25), (200, 0.25)])
def test_pixels_differ_from_three_levels_on(by: int, share: float) -> None:
    one = Image.new("RGB", (8, 8), (10, 20, 30))
    other = one.copy()
    other.paste((10, 20 + by, 30), (0, 0, 4, 4))
    assert differing_share(one, other) == share


def test_colours_under_transparency_do_not_count_and_transparency_does() -> None:
    one, other = Image.new("RGBA", (4, 4), (255, 0, 0, 0)), Image.new("RGBA", (4, 4), (0, 255, 0, 0))
    assert differing_share(one, other) == 0
    assert differing_share(one, Image.new("RGB", (4, 4), "black")) == 1

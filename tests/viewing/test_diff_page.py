"""The page of two revisions in a real browser: offline, its sliders, light and dark, narrow and wide."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.browser import BROWSED, Tab, chromium
from tests.commands.shop import GIT
from tests.workbench import Bench

pytestmark = BROWSED

RECIPE = """
inputs:
  photo: {type: image, default: a.png}
steps:
  tone: {model: darkroom, image: $photo, prompt: make it sepia}
outputs:
  tone: {from: $tone, path: tone.png}
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a prompt that was changed."""
    bench = Bench(tmp_path_factory.mktemp("diff") / "w")
    bench.paint("a.png", size=(64, 48))
    file = bench.write(RECIPE)
    assert bench.command("run", str(file))[0] == 0
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"]):
        subprocess.run([*GIT, *arguments], cwd=bench.root, capture_output=True, check=True)
    bench.write(RECIPE.replace("make it sepia", "make it warmer"))
    assert bench.command("run", str(file))[0] == 0
    code, _, said = bench.command("diff", str(file), "--html", str(bench.root / "d.html"))
    assert code == 0, said
    return Path(bench.root / "d.html").as_uri()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (380, "dark")])
def test_it_shows_offline_what_changed(address: str, width: int, scheme: str) -> None:
    with chromium() as browser:
        tab = Tab(browser, address, width=width, scheme=scheme)
        page: Any = tab.page
        assert page.locator("del").inner_text() == "sepia"
        assert page.locator("ins").inner_text() == "warmer"
        page.wait_for_function("[...document.images].every(one => one.complete && one.naturalWidth === 64)")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.locator("input[type=range]").focus()
        page.keyboard.press("Home")
        page.wait_for_function("document.querySelector('.over').style.clipPath === 'inset(0px 100% 0px 0px)'")
        assert [one for one in tab.asked if not one.startswith(("file:", "data:"))] == []
        assert tab.complaints == []
        assert tab.serious_findings() == []

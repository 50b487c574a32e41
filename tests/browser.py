"""A real browser for tests of pages: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

# A browser that is slow to draw is tried again; a page that is wrong stays wrong.
BROWSED = [pytest.mark.slow, pytest.mark.flaky(reruns=2)]


@contextmanager
def chromium() -> Iterator[Any]:
    """A running Chromium; where there is none, the test is skipped, and CI installs one."""
    playwright = pytest.importorskip("playwright.sync_api")
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("there is no chromium here")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def counted(page: Any, selector: str, number: int) -> None:
    """Wait until that many elements are there: a page draws what comes near when the browser finds time."""
    pytest.importorskip("playwright.sync_api").expect(page.locator(selector)).to_have_count(number)


class Tab:
    """A page in the browser, with what it complained of."""

    def __init__(self, browser: Any, address: str, *, width: int = 1280, scheme: str = "light") -> None:
        self.complaints: list[str] = []
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page = context.new_page()
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._note)
        self.asked: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(address)

    def _note(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def serious_findings(self) -> list[str]:
        """What axe-core finds of serious or critical impact."""
        axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
        found = axe.run(self.page).response["violations"]
        return [
            f"{one['id']}: {one['nodes'][0]['html'][:120]}"
            for one in found
            if one["impact"] in ("serious", "critical")
        ]

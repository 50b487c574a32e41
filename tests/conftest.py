"""Fixtures for the tests of the engine: a workspace in a folder of its own, on both event loops."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from tests.workbench import Bench

if TYPE_CHECKING:
    from pathlib import Path

# how long an example takes is the machine's affair; all else as it is here or in CI
# The same cases each time; `--hypothesis-profile=exploring` looks for others.
settings.register_profile("steady", settings.default, deadline=None, derandomize=True)
settings.register_profile("exploring", settings.default, deadline=None, max_examples=1000)
settings.load_profile("steady")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A workspace with two small pictures, `a.png` and `b.png`."""
    made = Bench(tmp_path / "w")
    made.paint("a.png", (200, 120, 40))
    made.paint("b.png", (20, 160, 220))
    return made


@pytest.fixture(params=["asyncio", "trio"])
def both(request: pytest.FixtureRequest, bench: Bench) -> Bench:
    """The workspace, with runs on asyncio and then on trio."""
    bench.backend = request.param
    return bench

"""Two hundred clients at once: no error, no lost job, memory that stays; and the same with the server killed on the way.

How long reads take is for `python -m benchmarks serving`: here others may want the processors too.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from pathlib import Path

import pytest
from benchmarks.serving import FLAT, Served, under_load

pytestmark = pytest.mark.slow

CLIENTS = 200
SECONDS = float(os.environ.get("EDITCHAIN_LOAD_SECONDS", "15"))


def test_all_that_is_accepted_is_done_and_memory_stays(tmp_path: Path) -> None:
    with Served(tmp_path) as served:
        found = asyncio.run(under_load(served, CLIENTS, SECONDS))
        print(found.told())
        assert found.errors == [], served.log()
        assert found.lost == 0
        assert len(found.done) >= CLIENTS
        assert found.memory[-1] <= FLAT * found.memory[len(found.memory) // 4]


def test_a_server_that_is_killed_under_load_ends_every_job_once(tmp_path: Path) -> None:
    with Served(tmp_path) as served:
        found = asyncio.run(under_load(served, CLIENTS, SECONDS, kills=True))
        print(found.told())
        assert found.errors == [], served.log()
        assert found.lost == 0
        assert Counter(found.done.values()) == {"success": len(found.done)}
        assert len(found.done) >= CLIENTS

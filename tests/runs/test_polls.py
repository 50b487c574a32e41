"""A vendor whose jobs are polled is asked as often as its interval says, and no more, however many jobs there are."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import trio
from tests.runs.shop import Shop, Vendor, outcomes, picture
from tests.workbench import paint, written

from editchain.providers.base import Accepted, Capabilities, Finished, Running

if TYPE_CHECKING:
    from pathlib import Path

    from editchain.providers.base import Request, Session

MOST_JOBS, INTERVAL_SECONDS, JOB_SECONDS = 1000, 2.5, 20.0


@dataclass
class Slow(Vendor):
    """A vendor whose every job takes the same time and gives another picture."""

    capabilities: Capabilities = field(default_factory=lambda: Capabilities(concurrency=MOST_JOBS))
    begun: dict[str, float] = field(default_factory=dict)
    most_at_once: int = 0

    async def submit(self, session: Session | None, request: Request) -> Any:
        answer = await super().submit(session, request)
        assert isinstance(answer, Accepted)
        self.begun[answer.vendor_id] = trio.current_time()
        self.most_at_once = max(self.most_at_once, self._running())
        return answer

    async def poll(self, session: Session, vendor_id: str) -> Any:
        self.heard.append(f"poll {vendor_id}")
        if trio.current_time() < self.begun[vendor_id] + JOB_SECONDS:
            return Running(INTERVAL_SECONDS)
        return Finished((picture(int(vendor_id.rpartition("-")[2])),))

    def _running(self) -> int:
        return sum(trio.current_time() < began + JOB_SECONDS for began in self.begun.values())


@pytest.mark.parametrize("jobs", [100, pytest.param(MOST_JOBS, marks=pytest.mark.slow)])
def test_jobs_at_once_are_polled_no_more_than_their_intervals_say(tmp_path: Path, jobs: int) -> None:
    paint(tmp_path / "a.png")
    (tmp_path / "editchain.toml").touch()
    looks = ", ".join(f"look {number}" for number in range(jobs))
    written(
        tmp_path,
        f"steps:\n  s: {{for_each: {{look: [{looks}]}}, model: flux-kontext, image: a.png, prompt: $look, seed: 1}}\n",
    )
    vendor = Slow()
    assert outcomes(Shop(tmp_path, vendor).run(concurrency=jobs)) == {"done": jobs}
    assert vendor.most_at_once == jobs
    polls = Counter(one.partition(" ")[2] for one in vendor.heard if one.startswith("poll "))
    assert len(polls) == jobs
    assert set(polls.values()) == {math.ceil(JOB_SECONDS / INTERVAL_SECONDS) + 1}

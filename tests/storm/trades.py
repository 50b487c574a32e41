"""Vendors as the storm sees them: what they sold to whom, and whether they can tell what became of a lost reply."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.vendors import fal, gemini, scenario
from tests.vendors.base import Answer, Asked, png

PROMPT = re.compile(rb"Number (\d+)")
MOMENTS = ("heard", "answered", "half sent", "sent")
"""The moments of an exchange, from its vendor's side."""


@dataclass(frozen=True)
class Trade:
    """One kind of vendor. `beats` says with which requests it carries out the beats of a provider.

    `pictures` are those of the n-th sale, which were `sold` so many at a time; `job` what a person finds in the vendor's console for it; None where the
    picture was in the reply and nowhere else. `settings` are more of its workspace's.
    """

    name: str
    model: str
    make: Callable[[], Any]
    environment: Mapping[str, str]
    can_settle: bool
    beats: Mapping[str, str]
    pictures: Callable[[Any, int, int], list[bytes]]
    sold: Callable[[Any, int], int]
    job: Callable[[Any, int], str] | None
    samples: int = 1
    settings: str = ""


def _scenario_pictures(vendor: Any, at: int, _: int) -> list[bytes]:
    job = vendor.jobs[vendor.bill[at].job]
    return [vendor.assets[name].data for name in vendor._results(job)]


def _fal_pictures(vendor: Any, at: int, _: int) -> list[bytes]:
    request = vendor.requests[vendor.bill[at].job]
    return [vendor.picture(request, number) for number in range(request.input.get("num_images", 1))]


def _gemini_pictures(vendor: Any, at: int, count: int) -> list[bytes]:
    return [png(f"{vendor.bill[at].job} {number}".encode()) for number in range(count)]


def _fal_made() -> Any:
    return fal.Fal(endings=[fal.Ending(("COMPLETED",)) for _ in range(999)])


TRADES = {
    one.name: one
    for one in (
        Trade(
            "scenario",
            "flux-kontext",
            lambda: scenario.Scenario(usual=scenario.Ending(("success",))),
            {"SCENARIO_API_KEY": scenario.KEY, "SCENARIO_API_SECRET": scenario.SECRET},
            can_settle=True,
            beats={
                "check": "GET /v1/jobs",
                "upload": "POST /v1/assets",
                "price": "dry run of POST /v1/generate",
                "submit": "POST /v1/generate",
                "poll": "GET /v1/jobs/",
                "download": "GET /assets",
                "find": "GET /v1/jobs",
            },
            pictures=_scenario_pictures,
            sold=lambda vendor, at: int(vendor.jobs[vendor.bill[at].job].count),
            job=lambda vendor, at: str(vendor.bill[at].job),
            samples=4,
            # Under a budget each call is priced by a dry run before it is sent.
            settings="[budget]\nmax = 1000000\n",
        ),
        Trade(
            "fal",
            "flux-kontext",
            _fal_made,
            {"FAL_KEY": fal.KEY},
            can_settle=False,
            beats={
                "check": "POST /storage/auth",
                "upload": "PUT /put",
                "submit": "POST /fal-ai",
                "poll": "GET /fal-ai",
                "download": "GET /files",
            },
            pictures=_fal_pictures,
            sold=lambda _vendor, _at: 1,
            job=lambda vendor, at: str(vendor._addresses(vendor.requests[vendor.bill[at].job])["status_url"]),
        ),
        Trade(
            "google",
            "gemini-nano-banana-2.1",
            gemini.Gemini,
            {"GEMINI_API_KEY": gemini.KEY},
            can_settle=False,
            beats={"check": "GET /v1beta/models", "submit": "POST /v1beta/models"},
            pictures=_gemini_pictures,
            sold=lambda _vendor, _at: 1,
            job=None,
        ),
    )
}


@dataclass
class Blow:
    """What is to hit a process from its vendor's side: at the n-th exchange, at one of its moments.

    With `is_dropped` the vendor never looks at the request. It hits once.
    """

    exchange: int
    moment: str
    is_dropped: bool = False
    has_hit: bool = False


@dataclass
class Market:
    """A vendor at work, which notes what it heard and what it sold, by the number in the prompt."""

    trade: Trade
    vendor: Any = None
    heard: Counter[int] = field(default_factory=Counter)
    sold: list[int] = field(default_factory=list)
    pictures_sold: Counter[int] = field(default_factory=Counter)
    exchanges: list[str] = field(default_factory=list)
    victim: int = 0
    blow: Blow | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def open(self) -> Iterator[Market]:
        """Serves for as long as the context lasts."""
        self.vendor = self.trade.make()
        handle = self.vendor.server._handle
        self.vendor.server._handle = lambda asked: self._handle(handle, asked)
        self.vendor.server.watch = self._watch
        with self.vendor.running():
            yield self

    def _handle(self, handle: Callable[[Asked], Answer], asked: Asked) -> Answer:
        before = len(self.vendor.bill)
        answer = handle(asked)
        if len(self.vendor.bill) > before:
            self.sold.append(_number(asked))
            self.pictures_sold[_number(asked)] += self.trade.sold(self.vendor, before)
        return answer

    def _watch(self, asked: Asked, moment: str) -> None:
        with self._lock:
            if moment == "heard":
                name = f"dry run of {asked.name}" if asked.query.get("dryRun") else asked.name
                self.exchanges.append(name)
                if name.startswith(self.trade.beats["submit"]):
                    self.heard[_number(asked)] += 1
            blow = self.blow
            if blow is None or blow.has_hit or blow.moment != moment or len(self.exchanges) != blow.exchange:
                return
            blow.has_hit = True
        os.kill(self.victim, signal.SIGKILL)
        if blow.is_dropped:
            raise ConnectionAbortedError

    def pictures(self, number: int, count: int) -> set[bytes]:
        """What was made for a prompt."""
        sales = [at for at, one in enumerate(self.sold) if one == number]
        return {one for at in sales for one in self.trade.pictures(self.vendor, at, count)}

    def job_of(self, number: int) -> str | None:
        """The job that a person finds for a prompt."""
        if self.trade.job is None or number not in self.sold:
            return None
        return self.trade.job(self.vendor, self.sold.index(number))


def _number(asked: Asked) -> int:
    found = PROMPT.search(asked.body)
    assert found is not None, f"a submit without a prompt: {asked}"
    return int(found[1])

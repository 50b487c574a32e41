"""A stop: no new calls, jobs are left or cancelled for nothing, and replies that hold pictures are waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from tests.runs.shop import MANY, Shop, opened, outcomes, picture

from editchain.providers.base import Accepted, Capabilities, Finished, Refused, Running, Uploaded
from editchain.runs.buying import STOP_GRACE_SECONDS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A workspace with six calls."""
    return opened(tmp_path, MANY)


def stopped_after(shop: Shop, seconds: float) -> list[float]:
    """Has a stop asked for some seconds after the first submit; gives the moment of it, and that of the end."""
    moments: list[float] = []
    submit = shop.vendor.submit

    async def stopping(session: Any, request: Any) -> Any:
        if not moments:
            moments.append(trio.current_time() + seconds)
            trio.lowlevel.spawn_system_task(later)
        return await submit(session, request)

    async def later() -> None:
        await trio.sleep(seconds)
        shop.stop.ask("SIGINT")

    shop.vendor.submit = stopping  # type: ignore[method-assign]  # a signal comes while it works
    shop.ended = lambda: moments.append(trio.current_time())
    return moments


def test_jobs_are_left_at_once_and_collected_by_the_next_run(shop: Shop) -> None:
    shop.vendor.polls = [Running(600.0)] * 99
    moments = stopped_after(shop, 10)
    assert outcomes(shop.run(concurrency=2)) == {"open": 2, "stopped": 4}
    assert moments[1] - moments[0] < 5
    assert len(shop.vendor.bill) == 2
    shop.vendor.polls = []
    assert outcomes(shop.run()) == {"done": 6}
    assert len(shop.vendor.bill) == 6


def test_a_poll_that_hangs_does_not_hold_up_a_stop(shop: Shop) -> None:
    async def hanging(session: Any, vendor_id: str) -> Any:
        await trio.sleep_forever()

    shop.vendor.poll = hanging  # type: ignore[method-assign]  # says nothing
    moments = stopped_after(shop, 10)
    assert outcomes(shop.run(concurrency=2)) == {"open": 2, "stopped": 4}
    assert moments[1] - moments[0] < 5


def test_jobs_are_cancelled_where_that_is_free(shop: Shop) -> None:
    shop.vendor.cancels = True
    shop.vendor.polls = [Running(600.0)] * 99
    stopped_after(shop, 10)
    assert outcomes(shop.run(concurrency=2)) == {"stopped": 6}
    assert {beat for beat in shop.vendor.heard if "cancel" in beat} == {"cancel job-1", "cancel job-2"}
    assert shop.calls() == [("abandoned", "no")] * 2
    shop.vendor.polls = []
    assert outcomes(shop.run()) == {"done": 6}


def test_replies_that_hold_pictures_are_waited_for_and_the_screen_says_so(shop: Shop) -> None:
    async def slowly(session: Any, request: Any) -> Any:
        shop.vendor.bill.append(request)
        await trio.sleep(40)
        return Finished((picture(len(shop.vendor.bill)),))

    shop.vendor.submit = slowly  # type: ignore[method-assign]  # the picture comes with the reply
    stopped_after(shop, 10)
    assert outcomes(shop.run(concurrency=2)) == {"done": 2, "stopped": 4}
    (notice,) = [one.message for one in shop.notices if one.kind == "stopping"]
    assert "2 calls are waiting for their replies" in notice
    assert "22 CU" in notice or "price at most" in notice
    assert "second signal" in notice
    assert shop.calls() == [("done", "yes")] * 2


def test_they_are_waited_for_so_long_and_no_longer(shop: Shop) -> None:
    shop.vendor.capabilities = Capabilities(submit_seconds=600.0)

    async def hanging(session: Any, request: Any) -> Any:
        shop.vendor.bill.append(request)
        await trio.sleep_forever()

    shop.vendor.submit = hanging  # type: ignore[method-assign]  # never answers
    moments = stopped_after(shop, 10)
    assert outcomes(shop.run(concurrency=2)) == {"waiting": 2, "stopped": 4}
    assert moments[1] - moments[0] == pytest.approx(STOP_GRACE_SECONDS, abs=1)
    assert shop.calls() == [("unknown", "unknown")] * 2


def test_a_picture_on_its_way_is_given_a_moment_and_then_left(shop: Shop) -> None:
    async def hanging(session: Any, address: str) -> bytes:
        await trio.sleep_forever()
        return b""

    shop.vendor.download = hanging  # type: ignore[method-assign]  # slow by the byte
    moments = stopped_after(shop, 10)
    assert outcomes(shop.run(concurrency=2)) == {"open": 2, "stopped": 4}
    assert moments[1] - moments[0] < 5
    del shop.vendor.download
    assert outcomes(shop.run()) == {"done": 6}
    assert len(shop.vendor.bill) == 6


def test_who_waits_for_a_busy_vendor_is_stopped_at_once(shop: Shop) -> None:
    shop.vendor.submits = [Refused("busy", "no room", retry_after_seconds=300)] * 99
    moments = stopped_after(shop, 10)
    assert outcomes(shop.run(concurrency=2)) == {"stopped": 6}
    assert moments[1] - moments[0] < 1
    assert shop.vendor.bill == []


def test_nothing_is_sent_after_a_stop_by_who_was_getting_ready(shop: Shop) -> None:
    shop.vendor.capabilities = Capabilities(uploads=True)

    async def stopping(session: Any, blob: Any) -> Uploaded:
        shop.stop.ask("SIGINT")
        return Uploaded("handle")

    shop.vendor.upload = stopping  # type: ignore[method-assign]  # the signal comes during the upload
    assert outcomes(shop.run()) == {"stopped": 6}
    assert shop.vendor.bill == []
    assert shop.calls() == []


def test_a_job_accepted_after_the_stop_is_left_too(shop: Shop) -> None:
    async def slowly(session: Any, request: Any) -> Any:
        shop.vendor.bill.append(request)
        await trio.sleep(20)
        return Accepted(f"job-{len(shop.vendor.bill)}")

    shop.vendor.submit = slowly  # type: ignore[method-assign]  # is being answered when the signal comes
    shop.vendor.polls = [Running(600.0)]
    stopped_after(shop, 10)
    assert outcomes(shop.run(concurrency=1)) == {"open": 1, "stopped": 5}
    assert shop.calls() == [("accepted", "yes")]

"""What vendors deliver that nobody asked for, or that cannot be used: it was paid for, so it is kept, said, and not bought again."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from tests.runs.shop import MANY, RECIPE, Shop, opened, outcomes, picture
from tests.workbench import NOW, written

from editchain.http import FetchError
from editchain.providers.base import Failed, Finished, Refused, Running
from editchain.runs.collecting import LONGEST_POLL_SECONDS
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

FOREIGN = b"\xff\x0a" + bytes(range(256)) * 4
"""The beginning of a JPEG XL file, which is no picture here."""
PAGE = b"<html>Please sign in</html>"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A workspace with one call and an operation on its picture."""
    return opened(tmp_path)


def aside(shop: Shop) -> list[bytes]:
    """What lies in the folder beside the objects."""
    folder = shop.folder / ".editchain" / "aside"
    return [path.read_bytes() for path in sorted(folder.iterdir())] if folder.exists() else []


def test_a_picture_in_the_answer_that_cannot_be_read_is_kept_for_a_person(shop: Shop) -> None:
    shop.vendor.submits = [Finished((FOREIGN,))]
    run = shop.run()
    assert outcomes(run) == {"rejected": 1, "skipped": 1}
    said = run.troubles[0].message
    assert "was charged" in said
    assert "looks like a JPEG XL file" in said
    (path,) = (shop.folder / ".editchain" / "aside").iterdir()
    assert str(path) in said
    assert aside(shop) == [FOREIGN]
    shop.run()
    assert len(shop.vendor.bill) == 1


def test_a_file_that_is_delivered_twice_and_cannot_be_read_is_kept_and_final(shop: Shop) -> None:
    shop.vendor.downloads = [FOREIGN] * 9
    run = shop.run()
    assert outcomes(run) == {"rejected": 1, "skipped": 1}
    assert "What scenario delivered cannot be used: this is not an image" in run.troubles[0].message
    assert shop.vendor.heard.count("download job-1") == 2
    assert aside(shop) == [FOREIGN]
    assert shop.counts()["rejected"] == 1
    shop.run()
    assert len(shop.vendor.bill) == 1


@pytest.mark.parametrize("delivered", [PAGE, b"", picture(1)[:-20], FOREIGN + b"1"])
def test_what_may_be_a_passing_fault_is_fetched_again(shop: Shop, delivered: bytes) -> None:
    shop.vendor.downloads = (
        [delivered, FOREIGN, delivered] if delivered[:2] == FOREIGN[:2] else [delivered] * 4
    )
    assert outcomes(shop.run()) == {"done": 2}
    assert aside(shop) == []
    assert len(shop.vendor.bill) == 1


def test_what_is_no_picture_is_named_with_its_vendor_and_collected_by_the_next_run(shop: Shop) -> None:
    shop.vendor.downloads = [PAGE] * 6
    run = shop.run()
    assert outcomes(run) == {"open": 1, "skipped": 1}
    assert "What scenario delivered cannot be used: this is not an image: it looks like an HTML page" in (
        run.troubles[0].message
    )
    assert outcomes(shop.run()) == {"done": 2}
    assert len(shop.vendor.bill) == 1


@pytest.mark.parametrize("way", ["in the answer", "by address"])
def test_pictures_beyond_those_asked_for_are_kept_and_said(shop: Shop, way: str) -> None:
    if way == "in the answer":
        shop.vendor.submits = [Finished((picture(1), picture(2), picture(3)))]
    else:
        shop.vendor.polls = [Finished(downloads=("d-1", "d-2", "d-3"))]
    assert outcomes(shop.run()) == {"done": 2}
    assert aside(shop) == [picture(2), picture(3)]
    (notice,) = (one for one in shop.notices if one.kind == "doubt")
    assert "scenario gave 3 pictures where 1 was asked for; the others are kept as " in notice.message
    assert outcomes(shop.run()) == {}
    assert len(shop.vendor.bill) == 1


def test_a_surplus_that_cannot_be_fetched_holds_up_nothing(shop: Shop) -> None:
    shop.vendor.polls = [Finished(downloads=("d-1", "d-2"))]
    shop.vendor.downloads = [picture(1), FetchError("503")]
    assert outcomes(shop.run()) == {"done": 2}
    (notice,) = (one for one in shop.notices if one.kind == "doubt")
    assert "the others are at scenario" in notice.message


def test_a_picture_of_another_format_and_size_than_asked_for_is_a_result_by_its_bytes(shop: Shop) -> None:
    data = io.BytesIO()
    Image.new("RGB", (40, 9), (1, 2, 3)).save(data, "JPEG")
    shop.vendor.downloads = [data.getvalue()]
    assert outcomes(shop.run()) == {"done": 2}
    assert len(shop.vendor.bill) == 1


# ---------------------------------------------------------------------- times that no run waits for


def test_a_job_is_asked_after_every_minute_however_long_its_vendor_wants_to_be_left_alone(shop: Shop) -> None:
    """Its picture may be there for ten minutes."""
    shop.vendor.polls = [Running(315_360_000.0, is_busy=True), Running(3600.0)]
    assert outcomes(shop.run()) == {"done": 2}
    assert shop.vendor.heard.count("poll job-1") == 3
    assert LONGEST_POLL_SECONDS < 600


def test_a_vendor_that_wants_years_is_asked_once_in_a_run(shop: Shop) -> None:
    written(shop.folder, MANY)
    shop.vendor.submits = [Refused("busy", "come back later", retry_after_seconds=315_360_000.0)] * 9
    run = shop.run(concurrency=1)
    assert outcomes(run) == {"failed": 6}
    assert shop.vendor.heard == ["submit"]
    assert all("again in 3,650 days" in one.message for one in run.troubles)
    shop.vendor.submits = []
    assert outcomes(shop.run()) == {"done": 6}


def test_a_vendor_without_room_for_ten_minutes_is_left_alone_by_all_calls(shop: Shop) -> None:
    written(shop.folder, MANY)
    shop.vendor.submits = [Refused("busy", "no room", retry_after_seconds=20)] * 500
    run = shop.run(concurrency=1)
    assert outcomes(run) == {"failed": 6}
    assert all("no room for 10 min" in one.message for one in run.troubles)
    assert 20 < len(shop.vendor.heard) <= 31  # once in 20 s for ten minutes, whatever waits


def test_a_failed_job_that_was_charged_is_remembered_and_one_that_was_not_is_tried_again(shop: Shop) -> None:
    shop.vendor.polls = [Failed("failed", "it broke", is_charged=True)]
    assert outcomes(shop.run()) == {"rejected": 1, "skipped": 1}
    assert shop.calls() == [("failed", "yes")]
    shop.run()
    assert len(shop.vendor.bill) == 1

    written(shop.folder, RECIPE.replace("Night", "Day"))
    shop.vendor.polls = [Failed("failed", "it broke", is_charged=False)]
    assert outcomes(shop.run()) == {"failed": 1, "skipped": 1}
    assert outcomes(shop.run()) == {"done": 2}
    assert len(shop.vendor.bill) == 3


def test_a_dead_process_that_had_some_of_the_samples_costs_no_call_more(shop: Shop) -> None:
    """Its call is taken up; the calls of this run are no more than those that its plan says."""
    recipe = "steps:\n  s: {model: gemini-2.5-flash, image: a.png, prompt: x, num_samples: COUNT}\n"

    async def stopping(session: Any, vendor_id: str) -> Any:
        shop.stop.ask("SIGINT")
        return Running(1.0)

    for first, then in ((1, 4), (2, 5), (3, 9)):
        written(shop.folder, recipe.replace("COUNT", str(first)).replace("prompt: x", f"prompt: P{first}"))
        shop.vendor.poll = stopping  # type: ignore[method-assign]
        assert outcomes(shop.run()) == {"open": first}
        del shop.vendor.poll
        before = len(shop.vendor.bill)
        shop.vendor.polls = [Finished(downloads=tuple(f"d-{n}" for n in range(first)))]
        written(shop.folder, recipe.replace("COUNT", str(then)).replace("prompt: x", f"prompt: P{first}"))
        planned = _planned(shop)
        shop.vendor.submits = [
            Finished(tuple(picture(100 * first + 10 * call + n) for n in range(4))) for call in range(9)
        ]
        assert outcomes(shop.run(concurrency=1)) == {"done": then}
        shop.vendor.submits = []
        assert len(shop.vendor.bill) - before <= planned


def _planned(shop: Shop) -> int:
    with Workspace(shop.folder, now=lambda: NOW) as workspace:
        return shop.plan(workspace)[0].calls

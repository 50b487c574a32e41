"""Samples of one coordinate share a call: calls made are calls planned, and what is short is short of itself alone."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import trio
from tests.runs.shop import Shop, Vendor, opened, outcomes, picture
from tests.workbench import NOW, shipped, written

from editchain.http import FetchError, ReplyLost
from editchain.providers.base import Accepted, Capabilities, Failed, Finished, Request, Running
from editchain.runs.outcomes import Stop
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

RECIPE = """
steps:
  night: {model: gemini-2.5-flash, image: a.png, prompt: Night, num_samples: 3}
"""
MOST = shipped().models["gemini-2.5-flash"].routes[0].samples


class Printer(Vendor):
    """A vendor that gives as many pictures as it is asked for, each another one."""

    async def submit(self, session: Any, request: Request) -> Any:
        answer = await super().submit(session, request)
        if not isinstance(answer, Accepted) or self.polls:
            return answer
        start = sum(one.count for one in self.bill[:-1])
        return Finished(tuple(picture(start + number + 1) for number in range(request.count)))


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A workspace with one step of three samples."""
    return opened(tmp_path, RECIPE, Printer())


def counts(shop: Shop) -> list[int]:
    """How many pictures each accepted call asked for."""
    return [request.count for request in shop.vendor.bill]


def planned_calls(shop: Shop) -> int:
    with Workspace(shop.folder, now=lambda: NOW) as workspace:
        return shop.plan(workspace)[0].calls


def digests(shop: Shop) -> set[bytes]:
    with Workspace(shop.folder, now=lambda: NOW) as workspace:
        return {result.digest for result in workspace.journal.all_results()}


def test_samples_are_bought_in_one_call(shop: Shop) -> None:
    assert planned_calls(shop) == 1
    assert outcomes(shop.run()) == {"done": 3}
    assert counts(shop) == [3]
    assert len(digests(shop)) == 3
    assert shop.counts() == {"cached": 3}
    assert outcomes(shop.run()) == {}


def test_raising_the_number_buys_only_the_difference(shop: Shop) -> None:
    shop.run()
    before = digests(shop)
    written(shop.folder, RECIPE.replace("num_samples: 3", "num_samples: 5"))
    assert planned_calls(shop) == 1
    assert outcomes(shop.run()) == {"done": 2}
    assert counts(shop) == [3, 2]
    assert before < digests(shop)
    assert len(digests(shop)) == 5


def test_no_more_go_into_a_call_than_the_route_allows(shop: Shop) -> None:
    written(shop.folder, RECIPE.replace("num_samples: 3", f"num_samples: {2 * MOST + 1}"))
    assert planned_calls(shop) == 3
    assert outcomes(shop.run()) == {"done": 2 * MOST + 1}
    assert sorted(counts(shop)) == [1, MOST, MOST]


def test_calls_for_samples_of_one_coordinate_go_side_by_side(shop: Shop) -> None:
    written(shop.folder, RECIPE.replace("num_samples: 3", f"num_samples: {2 * MOST}"))
    submit, begun = shop.vendor.submit, []

    async def slowly(session: Any, request: Request) -> Any:
        begun.append(trio.current_time())
        await trio.sleep(20)
        return await submit(session, request)

    shop.vendor.submit = slowly  # type: ignore[method-assign]  # takes its time
    shop.run()
    assert begun == [0.0, 0.0]


def test_samples_of_a_fixed_seed_are_calls_of_their_own(shop: Shop) -> None:
    written(
        shop.folder,
        "steps:\n  s: {model: flux-kontext, image: a.png, prompt: x, seed: 5, num_samples: 3}\n",
    )
    assert planned_calls(shop) == 3
    shop.run()
    assert sorted(request.seed or 0 for request in shop.vendor.bill) == [5, 6, 7]
    assert counts(shop) == [1, 1, 1]


def test_coordinates_do_not_share(shop: Shop) -> None:
    written(
        shop.folder,
        "steps:\n  s: {for_each: {x: [a, b]}, model: gemini-2.5-flash, image: a.png, prompt: $x, num_samples: 2}\n",
    )
    assert planned_calls(shop) == 2
    assert outcomes(shop.run()) == {"done": 4}
    assert sorted(str(request.fields["prompt"]) for request in shop.vendor.bill) == ["a", "b"]
    assert counts(shop) == [2, 2]


def test_fewer_pictures_than_asked_for_fail_the_missing_ones_only(shop: Shop) -> None:
    shop.vendor.submits = [Finished((picture(1), picture(2)))]
    run = shop.run()
    assert outcomes(run) == {"done": 2, "failed": 1}
    assert "gave 2 pictures" in run.troubles[0].message
    assert shop.calls() == [("done", "yes")]
    assert planned_calls(shop) == 1
    assert outcomes(shop.run()) == {"done": 1}
    assert counts(shop) == [3, 1]


def test_pictures_that_come_by_address_are_each_fetched(shop: Shop) -> None:
    shop.vendor.polls = [Running(1.0), Finished(downloads=("d-1", "d-2", "d-3"))]
    assert outcomes(shop.run()) == {"done": 3}
    assert [beat for beat in shop.vendor.heard if "download" in beat] == [
        "download d-1",
        "download d-2",
        "download d-3",
    ]
    assert len(digests(shop)) == 3


def test_of_several_those_that_are_stored_are_not_fetched_again(shop: Shop) -> None:
    shop.vendor.polls = [Finished(downloads=("d-1", "d-2", "d-3"))] * 5
    shop.vendor.downloads = [picture(1), picture(2), *[FetchError("503")] * 6]
    assert outcomes(shop.run()) == {"done": 2, "open": 1}
    assert shop.calls() == [("accepted", "yes")]
    shop.vendor.heard.clear()
    assert outcomes(shop.run()) == {"done": 1}
    assert shop.vendor.heard == ["poll job-1", "download d-3"]
    assert shop.calls() == [("done", "yes")]


def test_of_several_one_that_is_no_picture_is_lost_alone(shop: Shop) -> None:
    shop.vendor.submits = [Finished((picture(1), b"<html>", picture(3)))]
    assert outcomes(shop.run()) == {"done": 2, "rejected": 1}
    assert shop.counts() == {"cached": 2, "rejected": 1}
    shop.run()
    assert counts(shop) == [3]


def test_a_failed_call_fails_all_of_its_samples(shop: Shop) -> None:
    shop.vendor.submits = [Failed("moderated", "not this", is_charged=True)]
    assert outcomes(shop.run()) == {"rejected": 3}
    assert shop.counts() == {"rejected": 3}


def test_a_lost_reply_holds_all_of_its_samples_and_no_other(shop: Shop) -> None:
    shop.vendor.submits = [ReplyLost("cut off")]
    assert outcomes(shop.run()) == {"waiting": 3}
    written(shop.folder, RECIPE.replace("num_samples: 3", "num_samples: 4"))
    assert outcomes(shop.run()) == {"waiting": 3, "done": 1}
    assert counts(shop) == [3, 1]


def test_a_call_that_is_taken_up_brings_all_that_it_was_for(shop: Shop) -> None:
    """Of three samples on their way one is no longer wanted; it was paid for and is stored all the same."""

    async def stopping(session: Any, vendor_id: str) -> Any:
        shop.stop.ask("SIGINT")
        return Running(1.0)

    shop.vendor.polls = [Running(1.0)]
    shop.vendor.poll = stopping  # type: ignore[method-assign]  # the signal comes while the job is polled
    assert outcomes(shop.run()) == {"open": 3}
    del shop.vendor.poll
    shop.vendor.polls = [Finished(downloads=("d-1", "d-2", "d-3"))]
    written(shop.folder, RECIPE.replace("num_samples: 3", "num_samples: 2"))
    assert outcomes(shop.run()) == {"done": 2}
    assert len(digests(shop)) == 3
    written(shop.folder, RECIPE)
    assert shop.counts() == {"cached": 3}
    assert counts(shop) == [3]


def test_a_call_reserves_the_price_of_all_its_pictures(shop: Shop) -> None:
    written(shop.folder, "steps:\n  s: {model: flux-kontext, image: a.png, prompt: x, num_samples: 3}\n")
    price = next(one for one in shipped().models["flux-kontext"].prices if one.route == "scenario")
    with Workspace(shop.folder, now=lambda: NOW) as workspace:
        assert shop.plan(workspace)[0].money.most == {price.currency: price.most * 3}
    shop.run()
    with Workspace(shop.folder, now=lambda: NOW) as workspace:
        (call,) = workspace.journal.calls()
    assert Decimal(call.price_most or 0) == price.most * 3


def test_the_seed_that_a_shared_call_sends_is_known_of_its_first_picture_only(shop: Shop) -> None:
    written(shop.folder, "steps:\n  s: {model: flux-kontext, image: a.png, prompt: x, num_samples: 3}\n")
    shop.run()
    assert counts(shop) == [3]
    with Workspace(shop.folder, now=lambda: NOW) as workspace:
        seeds = {result.take: result.seed for result in workspace.journal.all_results()}
    assert seeds == {1: shop.vendor.bill[0].seed, 2: None, 3: None}


@pytest.mark.parametrize("seed", range(12))
def test_calls_made_are_calls_planned(shop: Shop, seed: int) -> None:
    chance = random.Random(seed)
    shop.vendor.capabilities = Capabilities(concurrency=chance.randint(1, 8))
    steps = []
    for number in range(chance.randint(1, 4)):
        loop = chance.choice(["", "for_each: {x: [a, b, c]}, "])
        before = chance.randrange(number) if number and chance.random() < 0.5 else None
        source = "a.png" if before is None else f"$s{before}"
        # A picture of a step that has samples brings their dimension along.
        samples = (
            ""
            if before is not None
            else chance.choice(["", ", num_samples: 2", f", num_samples: {MOST + 2}"])
        )
        steps.append(
            f"  s{number}: {{{loop}model: gemini-2.5-flash, image: {source}, prompt: P{number} {'$x' if loop else ''}{samples}}}\n"
        )
    written(shop.folder, "steps:\n" + "".join(steps))
    wanted = planned_calls(shop)
    run = shop.run(concurrency=chance.randint(1, 8))
    assert set(outcomes(run)) == {"done"}
    assert len(shop.vendor.bill) == wanted
    shop.stop = Stop()
    assert outcomes(shop.run()) == {}
    assert len(shop.vendor.bill) == wanted

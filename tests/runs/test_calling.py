"""Calls to vendors: charged once whatever happens, and nothing that was paid for is lost."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import trio
from tests.runs.shop import RECIPE, Shop, opened, outcomes, picture
from tests.workbench import NOW, shipped, written

from editchain.errors import ProviderError, StoreError
from editchain.http import FetchError, NotSent, ReplyLost
from editchain.journal.committing import Committer
from editchain.journal.ledger import Ceiling
from editchain.providers.base import (
    Absent,
    Accepted,
    Capabilities,
    Failed,
    Finished,
    Quote,
    Refused,
    Request,
    Running,
    Session,
)
from editchain.runs.pacing import Lane, Pace
from editchain.runs.reporting import rejected_before
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A workspace with one call and one operation after it."""
    return opened(tmp_path)


def test_a_call_is_submitted_polled_downloaded_and_bought_once(shop: Shop) -> None:
    shop.vendor.polls = [Running(2.0), Running(2.0)]
    assert outcomes(shop.run()) == {"done": 2}
    assert shop.vendor.heard == ["submit", "poll job-1", "poll job-1", "poll job-1", "download job-1"]
    assert shop.calls() == [("done", "yes")]
    assert shop.counts() == {"cached": 2}
    assert outcomes(shop.run()) == {}
    assert len(shop.vendor.bill) == 1


def test_a_vendor_that_answers_at_once_needs_no_poll(shop: Shop) -> None:
    shop.vendor.submits = [Finished((picture(),), amount="0.04")]
    assert outcomes(shop.run()) == {"done": 2}
    assert shop.vendor.heard == ["submit"]


def test_addresses_without_a_job_are_written_down_and_followed_by_the_next_run(shop: Shop) -> None:
    shop.vendor.submits = [Finished(downloads=("job-1",), amount="0.03", seed=5)]
    shop.vendor.downloads = [FetchError("cut off")] * 20
    assert outcomes(shop.run()) == {"open": 1, "skipped": 1}
    assert shop.calls() == [("ready", "yes")]
    shop.vendor.downloads = []
    assert outcomes(shop.run()) == {"done": 2}
    assert shop.calls() == [("done", "yes")]
    assert shop.vendor.heard.count("submit") == len(shop.vendor.bill) == 1
    assert not [one for one in shop.vendor.heard if one.startswith("poll")]


def test_an_address_without_a_job_that_has_ended_is_paid_for_and_not_bought_again(shop: Shop) -> None:
    shop.vendor.submits = [Finished(downloads=("job-1",))]
    shop.vendor.downloads = [ProviderError("it was kept for a day")]
    assert outcomes(shop.run()) == {"rejected": 1, "skipped": 1}
    assert shop.calls() == [("failed", "yes")]
    shop.run()
    assert shop.vendor.heard == ["submit", "download job-1"]


def test_pictures_are_uploaded_once_and_remembered(shop: Shop) -> None:
    shop.vendor.capabilities = Capabilities(uploads=True)
    shop.run()
    written(shop.folder, RECIPE.replace("Night", "Noon"))
    shop.run()
    assert shop.vendor.heard.count("upload") == 1
    assert [request.handles for request in shop.vendor.bill] == [shop.vendor.bill[0].handles] * 2
    assert shop.vendor.bill[0].handles


def test_what_was_never_sent_is_sent_again(shop: Shop) -> None:
    shop.vendor.submits = [NotSent("no route"), NotSent("no route")]
    assert outcomes(shop.run()) == {"done": 2}
    assert shop.calls() == [("done", "yes"), ("failed", "no"), ("failed", "no")]
    assert len(shop.vendor.bill) == 1


def test_what_cannot_be_sent_at_all_fails_without_charge_and_is_tried_by_the_next_run(shop: Shop) -> None:
    shop.vendor.submits = [NotSent("no route")] * 6
    assert outcomes(shop.run()) == {"failed": 1, "skipped": 1}
    assert shop.vendor.bill == []
    assert outcomes(shop.run()) == {"done": 2}


def test_a_busy_vendor_is_asked_again_after_the_time_it_says(shop: Shop) -> None:
    shop.vendor.submits = [Refused("busy", "too many jobs", retry_after_seconds=30)]
    assert outcomes(shop.run()) == {"done": 2}
    assert len(shop.vendor.bill) == 1


def test_a_refusal_is_remembered_and_not_asked_for_again(shop: Shop) -> None:
    shop.vendor.submits = [Refused("moderated", "not this prompt")]
    first = shop.run()
    assert outcomes(first) == {"rejected": 1, "skipped": 1}
    assert "not this prompt" in first.troubles[0].message
    assert shop.counts()["rejected"] == 1
    shop.run()
    assert shop.vendor.heard == ["submit"]
    with Workspace(shop.folder, now=lambda: NOW) as workspace:
        plan, _ = shop.plan(workspace)
        (key,) = (key for one in plan.steps for key in one.keys if one.name == "night")
        said = {key: refusal.message for key, refusal in workspace.journal.refusals([key]).items()}
    assert list(rejected_before(plan, said)) == [
        "rejected before: night: not this prompt",
        "notice: what was rejected before is asked for again where the step changes, or with --retry-rejected",
    ]


def test_a_refusal_of_the_credential_stops_all_calls_to_the_vendor(shop: Shop) -> None:
    written(
        shop.folder,
        "steps:\n"
        + "".join(f"  s{n}: {{model: flux-kontext, image: a.png, prompt: P{n}}}\n" for n in range(5)),
    )
    shop.vendor.submits = [Refused("unauthorized", "wrong key", stops_all=True)] * 5
    run = shop.run(concurrency=1)
    assert outcomes(run) == {"failed": 5}
    assert shop.vendor.heard == ["submit"]
    assert [one.kind for one in shop.notices] == ["closed"]


def test_a_lost_reply_is_held_and_never_sent_again_by_itself(shop: Shop) -> None:
    shop.vendor.submits = [ReplyLost("cut off")]
    assert outcomes(shop.run()) == {"waiting": 1, "skipped": 1}
    assert shop.calls() == [("unknown", "unknown")]
    assert outcomes(shop.run()) == {"waiting": 1, "skipped": 1}
    assert len(shop.vendor.bill) == 1


def test_a_lost_reply_is_found_where_the_vendor_can_tell(shop: Shop) -> None:
    shop.vendor.capabilities = Capabilities(finds_lost=True)
    shop.vendor.submits = [ReplyLost("cut off")]
    shop.vendor.finds = [Accepted("job-1")]
    assert outcomes(shop.run()) == {"done": 2}
    assert len(shop.vendor.bill) == 1
    assert shop.calls() == [("done", "yes")]


def test_a_request_that_surely_did_not_arrive_is_not_charged_and_sent_by_the_next_run(shop: Shop) -> None:
    shop.vendor.capabilities = Capabilities(finds_lost=True)
    shop.vendor.submits = [ReplyLost("cut off")]
    shop.vendor.finds = [Absent()]
    assert outcomes(shop.run()) == {"failed": 1, "skipped": 1}
    assert shop.calls() == [("failed", "no")]
    assert outcomes(shop.run()) == {"done": 2}


def test_an_answer_at_once_without_a_picture_is_billed_as_it_says(shop: Shop) -> None:
    shop.vendor.submits = [Failed("no-picture", "only words", is_charged=True, amount="0.0004")]
    assert outcomes(shop.run()) == {"rejected": 1, "skipped": 1}
    assert shop.calls() == [("failed", "yes")]
    with Workspace(shop.folder, now=lambda: NOW) as workspace:
        assert [call.price_actual for call in workspace.journal.calls()] == ["0.0004"]
    shop.run()
    assert shop.vendor.heard == ["submit"]


def test_a_submit_without_an_answer_is_unknown_after_its_time(shop: Shop) -> None:
    async def never(session: Session | None, request: Request) -> Any:
        await trio.sleep_forever()

    shop.vendor.submit = never  # type: ignore[method-assign]  # this vendor's submit hangs
    assert outcomes(shop.run()) == {"waiting": 1, "skipped": 1}


@pytest.mark.parametrize(("charged", "outcome"), [(True, "rejected"), (None, "rejected"), (False, "failed")])
def test_a_failed_job_is_asked_for_again_only_where_it_cost_nothing(
    shop: Shop, charged: bool | None, outcome: str
) -> None:
    shop.vendor.polls = [Failed("broken", "it broke", charged)]
    assert outcomes(shop.run()) == {outcome: 1, "skipped": 1}
    again = outcomes(shop.run())
    assert again == ({"done": 2} if charged is False else {"skipped": 1})
    assert len(shop.vendor.bill) == (2 if charged is False else 1)


def test_a_download_that_is_no_picture_is_fetched_again(shop: Shop) -> None:
    shop.vendor.downloads = [b"<html>", picture()[:40], ReplyLost("cut off")]
    assert outcomes(shop.run()) == {"done": 2}
    assert shop.vendor.heard.count("download job-1") == 4
    assert len(shop.vendor.bill) == 1


def test_a_job_whose_download_keeps_failing_stays_open_and_is_collected_later(shop: Shop) -> None:
    shop.vendor.downloads = [b"<html>"] * 6
    assert outcomes(shop.run()) == {"open": 1, "skipped": 1}
    assert outcomes(shop.run()) == {"done": 2}
    assert len(shop.vendor.bill) == 1


def test_a_reply_that_holds_no_picture_was_charged_and_says_so(shop: Shop) -> None:
    shop.vendor.submits = [Finished((b"<html>",))]
    run = shop.run()
    assert outcomes(run) == {"rejected": 1, "skipped": 1}
    assert "charged" in run.troubles[0].message
    assert shop.calls() == [("failed", "yes")]


def test_a_stop_leaves_a_job_at_the_vendor_and_the_next_run_collects_it(shop: Shop) -> None:
    async def stopping(session: Session, vendor_id: str) -> Any:
        shop.stop.ask("SIGINT")
        return Running(1.0)

    shop.vendor.poll = stopping  # type: ignore[method-assign]  # the signal comes while the job is polled
    run = shop.run()
    assert outcomes(run)["open"] == 1
    assert shop.calls() == [("accepted", "yes")]
    del shop.vendor.poll
    assert outcomes(shop.run()) == {"done": 2}
    assert len(shop.vendor.bill) == 1


def test_a_step_s_timeout_ends_the_waiting_and_not_the_job(shop: Shop) -> None:
    written(shop.folder, RECIPE.replace("seed: 7", "seed: 7, timeout: 5"))
    shop.vendor.polls = [Running(2.0)] * 10
    assert outcomes(shop.run())["open"] == 1
    shop.vendor.polls = []
    assert outcomes(shop.run()) == {"done": 2}
    assert len(shop.vendor.bill) == 1


@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_budget_holds_at_any_concurrency(shop: Shop, concurrency: int) -> None:
    written(shop.folder, many(6))
    price = next(one for one in shipped().models["flux-kontext"].prices if one.route == "scenario")
    shop.run(ceilings=(Ceiling(price.most * 2, price.currency),), concurrency=concurrency)
    assert 1 <= len(shop.vendor.bill) <= 2
    assert len(shop.vendor.bill) * price.most <= price.most * 2


def test_a_budget_holds_while_the_vendor_takes_more_than_its_table_says(shop: Shop) -> None:
    """The second call reserves what the first took, so that the third is not sent."""
    written(shop.folder, many(4))
    price = next(one for one in shipped().models["flux-kontext"].prices if one.route == "scenario")
    shop.vendor.polls = [Finished(downloads=(f"job-{n}",), amount=str(price.most * 2)) for n in (1, 2, 3, 4)]
    run = shop.run(ceilings=(Ceiling(price.most * 5, price.currency),), concurrency=1)
    assert outcomes(run) == {"done": 2, "stopped": 2}
    assert len(shop.vendor.bill) == 2


def many(count: int) -> str:
    steps = (f"  s{n}: {{model: flux-kontext, image: a.png, prompt: P{n}}}\n" for n in range(count))
    return "steps:\n" + "".join(steps)


def test_what_a_vendor_says_a_call_costs_is_reserved_before_it_is_sent(shop: Shop) -> None:
    """Its price rises with every call and is far above what the document says; no bill tells before it is too late."""
    written(shop.folder, many(6))
    shop.vendor.capabilities = Capabilities(quotes=True)
    shop.vendor.quotes = [Quote(Decimal(price), "CU") for price in (10, 20, 30, 40, 50, 60)]
    assert outcomes(shop.run(ceilings=(Ceiling(Decimal(65), "CU"),), concurrency=6)) == {
        "done": 3,
        "stopped": 3,
    }
    with Workspace(shop.folder, now=lambda: NOW) as workspace:
        calls = workspace.journal.calls()
    assert sorted(Decimal(call.price_most or 0) for call in calls) == [10, 20, 30]
    assert {call.price_source for call in calls} == {
        f"scenario's estimate {datetime.fromtimestamp(NOW, UTC).date()}"
    }


def test_a_vendor_that_says_what_a_call_costs_is_asked_where_nobody_else_knows(shop: Shop) -> None:
    shop.price = False
    shop.vendor.capabilities = Capabilities(quotes=True)
    assert outcomes(shop.run(ceilings=(Ceiling(Decimal(100), "CU"),))) == {"done": 2}
    assert shop.vendor.heard.count("price") == 1


def test_without_a_budget_nobody_asks_for_a_price_that_is_known(shop: Shop) -> None:
    shop.vendor.capabilities = Capabilities(quotes=True)
    assert outcomes(shop.run()) == {"done": 2}
    assert "price" not in shop.vendor.heard


@pytest.mark.parametrize(
    "trouble", [NotSent("no way"), ReplyLost("cut"), FetchError("busy"), ProviderError("odd")], ids=repr
)
def test_a_vendor_that_does_not_say_its_price_has_that_of_the_document(
    shop: Shop, trouble: Exception
) -> None:
    price = next(one for one in shipped().models["flux-kontext"].prices if one.route == "scenario")
    shop.vendor.capabilities = Capabilities(quotes=True)
    shop.vendor.quotes = [trouble]
    assert outcomes(shop.run(ceilings=(Ceiling(price.most, price.currency),))) == {"done": 2}
    with Workspace(shop.folder, now=lambda: NOW) as workspace:
        (call,) = workspace.journal.calls()
    assert call.price_most == str(price.most)


def test_a_vendor_that_begins_the_job_instead_of_naming_its_price_is_not_asked_again(shop: Shop) -> None:
    shop.vendor.capabilities = Capabilities(quotes=True)
    shop.vendor.quotes = [Accepted("job-1")]
    assert outcomes(shop.run(ceilings=(Ceiling(Decimal(100), "CU"),))) == {"done": 2}
    assert "submit" not in shop.vendor.heard
    assert shop.calls() == [("done", "yes")]


def test_under_a_budget_a_call_of_unknown_price_is_not_sent(shop: Shop) -> None:
    shop.price = False
    run = shop.run(ceilings=(Ceiling(Decimal(100), None),))
    assert outcomes(run)["stopped"] == 1
    assert shop.vendor.heard == []


def test_what_was_bought_is_not_bought_again_under_another_key(shop: Shop) -> None:
    """Two steps that come to the same request by different ways: a literal picture, and the same bytes made here."""
    shop.run()
    same = shop.folder / "copy.png"
    same.write_bytes((shop.folder / "a.png").read_bytes())
    written(shop.folder, RECIPE.replace("a.png", "copy.png"))
    assert shop.counts() == {"cached": 2}
    assert outcomes(shop.run()) == {}


def test_the_intent_is_on_disk_before_the_request_leaves(shop: Shop) -> None:
    seen: list[list[tuple[str, str]]] = []

    async def looking(session: Session | None, request: Request) -> Any:
        with_other_eyes = Workspace(shop.folder, now=lambda: NOW)
        look = with_other_eyes.look
        assert look is not None
        seen.append([(call.state, call.charged) for call in look.calls()])
        with_other_eyes.close()
        return Accepted("job-1")

    shop.vendor.submit = looking  # type: ignore[method-assign]  # looks into the journal from outside while it is asked
    shop.run()
    assert seen == [[("intent", "no")]]


def test_trouble_with_the_disk_before_the_intent_sends_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(self: Committer, start: Any) -> Any:
        raise StoreError("The disk is full.")

    monkeypatch.setattr(Committer, "begin_call", full)
    with pytest.raises(StoreError):
        shop.run()
    assert shop.vendor.bill == []


def test_a_paid_picture_that_is_gone_is_not_bought_again_by_itself(shop: Shop) -> None:
    shop.run()
    for path in (shop.folder / ".editchain/objects").rglob("*"):
        if path.is_file():
            path.unlink()
    written(shop.folder, RECIPE.replace("width: 4", "width: 5"))
    with pytest.raises(StoreError):
        shop.run()
    assert outcomes(shop.run())["waiting"] == 1
    assert len(shop.vendor.bill) == 1


def test_fresh_buys_a_picture_anew(shop: Shop) -> None:
    shop.run()
    shop.fresh = ("night",)
    assert outcomes(shop.run())["done"] >= 1
    assert len(shop.vendor.bill) == 2
    shop.fresh = ()
    assert shop.counts() == {"cached": 2}


def test_a_job_that_its_vendor_does_not_know_for_a_minute_is_lost_and_not_bought_again(shop: Shop) -> None:
    shop.vendor.polls = [Absent(), Absent(), Running(1.0), *[Absent()] * 3]
    run = shop.run()
    assert outcomes(run) == {"rejected": 1, "skipped": 1}
    assert "no longer knows the job job-1" in run.troubles[0].message
    assert shop.calls() == [("failed", "unknown")]
    shop.run()
    assert len(shop.vendor.bill) == 1


def test_a_job_that_is_not_listed_at_once_is_waited_for(shop: Shop) -> None:
    shop.vendor.polls = [Absent(), Absent()]
    assert outcomes(shop.run()) == {"done": 2}
    assert len(shop.vendor.bill) == 1


def test_a_vendor_that_charges_and_gives_nothing_at_once_is_not_asked_again(shop: Shop) -> None:
    shop.vendor.submits = [Failed("no-picture", "only words came back", is_charged=True)]
    assert outcomes(shop.run()) == {"rejected": 1, "skipped": 1}
    assert shop.calls() == [("failed", "yes")]
    shop.run()
    assert shop.vendor.heard == ["submit"]


@pytest.mark.parametrize("is_shared", [True, False])
def test_runs_beside_each_other_share_what_a_vendor_allows(shop: Shop, is_shared: bool) -> None:
    out = most = 0

    async def slowly(session: Any, request: Request) -> Any:
        nonlocal out, most
        out += 1
        most = max(most, out)
        await trio.sleep(5)
        out -= 1
        shop.vendor.bill.append(request)
        return Finished((picture(len(shop.vendor.bill)),))

    shop.vendor.submit = slowly  # type: ignore[method-assign]  # tells of itself when several are out at once
    other = Shop(shop.folder, shop.vendor, recipe="q.yaml")
    for one, names in ((shop, "ab"), (other, "cd")):
        steps = "".join(
            f"  {name}: {{model: flux-kontext, image: a.png, prompt: {name}, seed: 1}}\n" for name in names
        )
        written(shop.folder, f"steps:\n{steps}", one.recipe)
        one.paces = {"scenario": Pace(Lane(1))}
    if is_shared:
        other.paces = shop.paces
    assert [outcomes(run) for run in shop.run_beside(other)] == [{"done": 2}] * 2
    assert (most, len(shop.vendor.bill)) == (1 if is_shared else 2, 4)

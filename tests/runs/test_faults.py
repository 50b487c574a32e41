"""What goes wrong around a call, one fault at a time: the bill stays true, and what was paid for is kept."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import anyio
import pytest
import trio
from tests.runs.shop import MANY, RECIPE, Shop, Vendor, opened, outcomes, picture
from tests.workbench import NOW, written

from editchain.errors import DiskFull, ProviderError, StoreError
from editchain.http import FetchError, NotSent, ReplyLost
from editchain.journal.committing import Committer
from editchain.providers.base import (
    STALE,
    Accepted,
    Capabilities,
    Failed,
    Finished,
    Refused,
    Request,
    Running,
    Standing,
    Unknown,
)
from editchain.runs import running
from editchain.runs.pacing import RETRIES
from editchain.store import Store
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A workspace with one call and one operation after it."""
    return opened(tmp_path)


def told(shop: Shop, kind: str) -> list[str]:
    """What was told of a kind."""
    return [one.message for one in shop.notices if one.kind == kind]


# ---------------------------------------------------------------------- what is safe to send again


def test_a_safe_retry_is_in_the_events_and_in_the_record(shop: Shop) -> None:
    shop.vendor.submits = [NotSent("no way there."), Refused("busy", "too many", retry_after_seconds=7)]
    assert outcomes(shop.run()) == {"done": 2}
    assert len(told(shop, "retry")) == 2
    assert "no way there." in told(shop, "retry")[0]
    with Workspace(shop.folder, now=lambda: NOW) as workspace:
        calls = workspace.journal.calls("run")
    assert sorted((call.attempt, call.state, call.charged) for call in calls) == [
        (1, "failed", "no"),
        (2, "failed", "no"),
        (3, "done", "yes"),
    ]
    assert any("too many" in call.detail for call in calls)
    assert len({call.token for call in calls}) == 1  # a vendor that knows it again would charge it once


def test_the_same_token_goes_with_every_try_and_another_with_every_call(shop: Shop) -> None:
    tokens: list[str | None] = []

    async def noting(session: Any, request: Request) -> Any:
        tokens.append(request.token)
        return Refused("busy", "wait", retry_after_seconds=1) if len(tokens) == 1 else Finished((picture(),))

    shop.vendor.submit = noting  # type: ignore[method-assign]  # notes what it is sent
    shop.run()
    written(shop.folder, RECIPE.replace("Night", "Noon"))
    shop.run()
    assert tokens[0] == tokens[1] != tokens[2]
    assert all(tokens)


def test_a_step_that_wants_no_retry_gets_none(shop: Shop) -> None:
    written(shop.folder, RECIPE.replace("seed: 7", "seed: 7, retry: {attempts: 1}"))
    shop.vendor.submits = [Refused("busy", "too many", retry_after_seconds=7)]
    assert outcomes(shop.run()) == {"failed": 1, "skipped": 1}
    assert shop.vendor.heard == ["submit"]


def test_a_vendor_that_wants_hours_is_left_to_the_next_run(shop: Shop) -> None:
    shop.vendor.submits = [Refused("busy", "come back later", retry_after_seconds=7200)]
    run = shop.run()
    assert outcomes(run) == {"failed": 1, "skipped": 1}
    assert "come back later" in run.troubles[0].message
    assert outcomes(shop.run()) == {"done": 2}


def test_a_vendor_that_stays_busy_is_given_up_after_a_while_and_not_before_the_others_are(shop: Shop) -> None:
    written(shop.folder, MANY)
    shop.vendor.submits = [Refused("busy", "no room", retry_after_seconds=20)] * 500
    assert outcomes(shop.run(concurrency=6)) == {"failed": 6}
    assert shop.vendor.bill == []
    assert len(shop.vendor.heard) < 60  # ten minutes of one call each 20 s, and not of six


def test_an_outage_is_not_multiplied(shop: Shop) -> None:
    written(shop.folder, MANY)
    shop.vendor.submits = [NotSent("down")] * 500
    assert outcomes(shop.run(concurrency=6)) == {"failed": 6}
    assert len(shop.vendor.heard) == 6 + RETRIES


def test_a_slow_down_is_shared_by_all_calls_to_the_account(shop: Shop) -> None:
    written(shop.folder, MANY)
    out = most = 0
    widest: list[int] = []

    async def limited(session: Any, request: Request) -> Any:
        nonlocal out, most
        shop.vendor.heard.append("submit")
        out += 1
        most = max(most, out)
        try:
            await trio.sleep(1)
            if out > 2 and not shop.vendor.bill:
                return Refused("busy", "two at a time", retry_after_seconds=5, parallel=2)
            widest.append(out)
            shop.vendor.bill.append(request)
            return Finished((picture(len(shop.vendor.bill)),))
        finally:
            out -= 1

    shop.vendor.submit = limited  # type: ignore[method-assign]  # takes two at a time
    assert outcomes(shop.run(concurrency=6)) == {"done": 6}
    assert most == 6
    assert max(widest) <= 2
    assert len(told(shop, "slowdown")) == 1


def test_an_account_is_asked_before_the_first_call_and_once(shop: Shop) -> None:
    written(shop.folder, MANY)
    shop.vendor.capabilities = Capabilities(checks=True)
    shop.run()
    assert shop.vendor.heard.count("check") == 1
    assert shop.vendor.heard[0] == "check"
    assert len(shop.vendor.bill) == 6


def test_an_account_that_would_refuse_is_sent_nothing(shop: Shop) -> None:
    shop.vendor.capabilities = Capabilities(checks=True)
    shop.vendor.standings = [Standing(refusal="no credit is left")]
    run = shop.run()
    assert outcomes(run) == {"failed": 1, "skipped": 1}
    assert "no credit is left" in run.troubles[0].message
    assert shop.vendor.heard == ["check"]
    assert [one.message for one in shop.notices if one.kind == "closed"] == [
        "scenario would refuse all calls: no credit is left. Nothing more is sent to it in this run."
    ]


def test_that_an_account_cannot_be_asked_holds_up_nothing(shop: Shop) -> None:
    shop.vendor.capabilities = Capabilities(checks=True)
    shop.vendor.standings = [FetchError("503")]
    assert outcomes(shop.run()) == {"done": 2}


def test_a_model_that_the_account_may_not_use_is_asked_for_once(shop: Shop) -> None:
    written(shop.folder, MANY)
    shop.vendor.submits = [Refused("plan", "not in the plan")] * 6
    assert outcomes(shop.run(concurrency=1)) == {"failed": 6}
    assert shop.vendor.heard == ["submit"]
    shop.vendor.submits = []
    assert outcomes(shop.run()) == {"done": 6}  # the plan was changed: nothing of it was remembered


# ---------------------------------------------------------------------- the next of a list


@pytest.mark.parametrize(
    "answers",
    [
        [NotSent("down")] * 20,
        [Refused("credits", "none left", stops_all=True)],
        [Refused("plan", "not in the plan")],
        [Refused("busy", "no room", retry_after_seconds=30)] * 20,
        [Refused("busy", "no room", retry_after_seconds=7200)],
    ],
    ids=["never sent", "credits", "plan", "busy for long", "busy for hours"],
)
def test_the_next_provider_is_asked_where_the_first_surely_did_not_charge(
    shop: Shop, answers: list[Any]
) -> None:
    shop.others["fal"] = Vendor()
    shop.vendor.submits = answers
    assert outcomes(shop.run()) == {"done": 2}
    assert shop.vendor.bill == []
    assert len(shop.others["fal"].bill) == 1
    assert len(told(shop, "fallback")) == 1
    with Workspace(shop.folder, now=lambda: NOW) as workspace:
        (result,) = [one for one in workspace.journal.all_results() if one.kind == "model"]
    assert result.route == "fal"
    assert shop.counts() == {"cached": 2}


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (ReplyLost("cut off"), "waiting"),
        (Unknown("500"), "waiting"),
        (Refused("rejected", "moderation"), "rejected"),
        (Refused("refused", "422"), "rejected"),
        (Failed("moderated", "charged", is_charged=True), "rejected"),
    ],
    ids=["lost", "unknown", "moderation", "validation", "failed and charged"],
)
def test_the_next_provider_is_not_asked_otherwise(shop: Shop, answer: Any, outcome: str) -> None:
    shop.others["fal"] = Vendor()
    shop.vendor.submits = [answer]
    assert outcomes(shop.run()) == {outcome: 1, "skipped": 1}
    assert shop.others["fal"].heard == []


def test_a_job_is_collected_where_it_is_whoever_comes_first_in_the_list_now(shop: Shop) -> None:
    shop.vendor.downloads = [b"<html>"] * 50
    assert outcomes(shop.run())["open"] == 1
    first = shop.vendor
    shop.vendor, shop.others = Vendor(), {"fal": Vendor()}
    written(shop.folder, RECIPE)
    shop.first = "fal"
    shop.vendor = first
    first.downloads = []
    assert outcomes(shop.run()) == {"done": 2}
    assert len(first.bill) == 1
    assert shop.others["fal"].bill == []


def test_a_picture_that_the_vendor_let_go_is_uploaded_again(shop: Shop) -> None:
    shop.vendor.capabilities = Capabilities(uploads=True)
    shop.run()
    written(shop.folder, RECIPE.replace("Night", "Noon"))
    shop.vendor.heard.clear()
    shop.vendor.submits = [Refused(STALE, "no such asset")]
    assert outcomes(shop.run()) == {"done": 2}
    assert [beat for beat in shop.vendor.heard if "poll" not in beat and "download" not in beat] == [
        "submit",
        "upload",
        "submit",
    ]
    assert len(shop.vendor.bill) == 2


def test_it_is_uploaded_again_once(shop: Shop) -> None:
    shop.vendor.capabilities = Capabilities(uploads=True)
    shop.vendor.submits = [Refused(STALE, "no such asset")] * 9
    assert outcomes(shop.run()) == {"failed": 1, "skipped": 1}
    assert shop.vendor.heard == ["upload", "submit", "upload", "submit"]


# ---------------------------------------------------------------------- lost replies


def test_a_workspace_may_have_unknown_calls_sent_again_in_writing(shop: Shop) -> None:
    shop.resends = True
    shop.vendor.submits = [ReplyLost("cut off")]
    assert outcomes(shop.run()) == {"done": 2}
    assert shop.calls() == [("abandoned", "unknown"), ("done", "yes")]
    assert len(shop.vendor.bill) == 2


def test_even_then_it_is_sent_again_once_in_a_run(shop: Shop) -> None:
    shop.resends = True
    shop.vendor.submits = [ReplyLost("cut off")] * 9
    assert outcomes(shop.run()) == {"waiting": 1, "skipped": 1}
    assert len(shop.vendor.bill) == 2


def test_an_unknown_call_from_before_is_sent_again_where_the_workspace_says_so_now(shop: Shop) -> None:
    shop.vendor.submits = [ReplyLost("cut off")]
    assert outcomes(shop.run())["waiting"] == 1
    shop.resends = True
    assert outcomes(shop.run()) == {"done": 2}


def test_a_vendor_that_knows_a_request_again_is_sent_it_again_with_its_token(shop: Shop) -> None:
    shop.vendor.capabilities = Capabilities(replays=True)
    by_token: dict[str | None, str] = {}

    async def replaying(session: Any, request: Request) -> Any:
        shop.vendor.heard.append("submit")
        if request.token not in by_token:
            by_token[request.token] = f"job-{len(by_token) + 1}"
            raise ReplyLost("cut off")
        return Accepted(by_token[request.token])

    shop.vendor.submit = replaying  # type: ignore[method-assign]  # charges a token once
    assert outcomes(shop.run()) == {"done": 2}
    assert len(by_token) == 1
    assert shop.calls() == [("done", "yes")]


def test_a_refusal_of_a_replay_says_nothing_of_the_first_request(shop: Shop) -> None:
    shop.vendor.capabilities = Capabilities(replays=True)
    shop.vendor.submits = [ReplyLost("cut off"), Refused("busy", "wait", retry_after_seconds=5)]
    assert outcomes(shop.run()) == {"waiting": 1, "skipped": 1}
    assert shop.calls() == [("unknown", "unknown")]


def test_an_answer_that_breaks_the_reading_of_it_is_unknown(shop: Shop) -> None:
    async def breaking(session: Any, request: Request) -> Any:
        return {}["job"]

    shop.vendor.submit = breaking  # type: ignore[method-assign]  # a defect of ours, after the request left
    run = shop.run()
    assert outcomes(run) == {"waiting": 1, "skipped": 1}
    assert "KeyError" in run.troubles[0].message


# ---------------------------------------------------------------------- jobs and downloads


def test_trouble_with_polls_never_sends_again(shop: Shop) -> None:
    shop.vendor.polls = [NotSent("down"), ReplyLost("cut"), FetchError("503")] * 12
    assert outcomes(shop.run()) == {"done": 2}
    assert shop.vendor.heard.count("submit") == 1


def test_a_poll_that_is_in_vain_leaves_the_job_to_the_next_run(shop: Shop) -> None:
    shop.vendor.polls = [ProviderError("401")]
    assert outcomes(shop.run()) == {"open": 1, "skipped": 1}
    assert shop.calls() == [("accepted", "yes")]
    assert outcomes(shop.run()) == {"done": 2}
    assert shop.vendor.heard.count("submit") == 1


def test_a_job_that_says_nothing_new_for_ever_is_open_after_its_time(shop: Shop) -> None:
    shop.vendor.polls = [Running(60.0)] * 100
    assert outcomes(shop.run()) == {"open": 1, "skipped": 1}


def test_an_expired_address_is_read_afresh_from_the_job(shop: Shop) -> None:
    shop.vendor.polls = [Finished(downloads=("old-1",)), Finished(downloads=("new-1",))]

    async def fetching(session: Any, address: str) -> bytes:
        shop.vendor.heard.append(f"download {address}")
        if address == "old-1":
            raise FetchError("403")
        return picture()

    shop.vendor.download = fetching  # type: ignore[method-assign]  # the old address is worth nothing
    assert outcomes(shop.run()) == {"done": 2}
    assert shop.vendor.heard.count("submit") == 1
    assert shop.vendor.heard[-1] == "download new-1"


def test_a_picture_that_the_vendor_no_longer_has_was_charged_and_is_lost(shop: Shop) -> None:
    shop.vendor.downloads = [ProviderError("it is deleted.")]
    run = shop.run()
    assert outcomes(run) == {"rejected": 1, "skipped": 1}
    assert "charged" in run.troubles[0].message
    assert shop.calls() == [("failed", "yes")]
    shop.run()
    assert len(shop.vendor.bill) == 1


def test_a_download_goes_before_the_next_submit(shop: Shop) -> None:
    written(shop.folder, MANY)
    shop.run(concurrency=1)
    beats = [beat.split()[0] for beat in shop.vendor.heard]
    assert beats == ["submit", "poll", "download"] * 6


def test_one_job_for_two_calls_is_noticed(shop: Shop) -> None:
    written(shop.folder, MANY)
    shop.vendor.submits = [Accepted("job-1"), Accepted("job-1")]
    run = shop.run(concurrency=1)
    assert outcomes(run) == {"done": 5, "rejected": 1}
    assert "job-1" in run.troubles[0].message
    assert ("failed", "unknown") in shop.calls()


def test_one_picture_for_two_requests_is_noticed(shop: Shop) -> None:
    written(shop.folder, MANY)
    shop.vendor.submits = [Finished((picture(1),)), Finished((picture(1),))]
    assert outcomes(shop.run(concurrency=1)) == {"done": 6}
    assert len(told(shop, "doubt")) == 1


def test_two_tasks_of_one_run_that_come_to_one_request_buy_it_once(shop: Shop) -> None:
    """Their keys differ: one takes a picture from a step, the other the same bytes from a file."""
    with Workspace(shop.folder, now=lambda: NOW):
        pass
    flipped = shop.folder / "b.png"
    written(shop.folder, "steps:\n  flip: {operation: flip, image: a.png, direction: horizontal}\n")
    shop.run()
    with Workspace(shop.folder, now=lambda: NOW) as workspace:
        (result,) = workspace.journal.all_results()
        flipped.write_bytes(workspace.store.read(result.digest))
    written(
        shop.folder,
        "steps:\n"
        "  flip: {operation: flip, image: a.png, direction: horizontal}\n"
        "  one: {model: flux-kontext, image: $flip, prompt: x, seed: 1}\n"
        "  two: {model: flux-kontext, image: b.png, prompt: x, seed: 1}\n",
    )
    take_time(shop)
    assert outcomes(shop.run(concurrency=2)) == {"done": 2}
    assert len(shop.vendor.bill) == 1
    assert shop.counts() == {"cached": 3}


def take_time(shop: Shop) -> None:
    """The vendor takes its time to answer."""
    submit = shop.vendor.submit

    async def slowly(session: Any, request: Request) -> Any:
        await trio.sleep(20)
        return await submit(session, request)

    shop.vendor.submit = slowly  # type: ignore[method-assign]  # as above


def test_two_runs_that_want_the_same_key_buy_it_once_and_both_have_it(shop: Shop) -> None:
    take_time(shop)
    other = Shop(shop.folder, shop.vendor)
    runs = shop.run_beside(other)
    assert sum((Counter(outcomes(run)) for run in runs), Counter()) == {"done": 2, "cached": 2}
    assert len(shop.vendor.bill) == 1
    assert shop.calls() == [("done", "yes")]


def come_by_two_ways(shop: Shop) -> None:
    """Two recipes that come to one request by different keys: of a picture made here, and of a file with its bytes."""
    flip = "steps:\n  flip: {operation: flip, image: a.png, direction: horizontal}\n"
    written(shop.folder, flip)
    shop.run()
    with Workspace(shop.folder, now=lambda: NOW) as workspace:
        (result,) = workspace.journal.all_results()
        (shop.folder / "b.png").write_bytes(workspace.store.read(result.digest))
    asked = "  s: {model: flux-kontext, image: SOURCE, prompt: x, seed: 1}\n"
    written(shop.folder, flip + asked.replace("SOURCE", "$flip"))
    written(shop.folder, "steps:\n" + asked.replace("SOURCE", "b.png"), "q.yaml")


def test_two_runs_that_find_the_same_open_call_take_it_up_one_after_the_other(shop: Shop) -> None:
    """By different tasks, so that no claim of a key keeps them apart."""
    come_by_two_ways(shop)
    shop.vendor.capabilities = Capabilities(finds_lost=True)
    shop.vendor.submits = [ReplyLost("cut off")]
    assert outcomes(shop.run()) == {"waiting": 1}
    asking = most = 0

    async def slowly(session: Any, request: Request, since: float) -> Any:
        nonlocal asking, most
        asking += 1
        most = max(most, asking)
        await trio.sleep(5)
        asking -= 1
        return Accepted("job-1")

    shop.vendor.find = slowly  # type: ignore[method-assign]  # tells of itself when two ask at once
    runs = shop.run_beside(Shop(shop.folder, shop.vendor, recipe="q.yaml"))
    assert [outcomes(run) for run in runs] == [{"done": 1}] * 2
    assert most == 1
    assert len(shop.vendor.bill) == 1


def test_two_runs_that_come_to_one_request_by_different_keys_buy_it_once(shop: Shop) -> None:
    come_by_two_ways(shop)
    take_time(shop)
    other = Shop(shop.folder, shop.vendor, recipe="q.yaml")
    runs = shop.run_beside(other)
    assert [outcomes(run) for run in runs] == [{"done": 1}] * 2
    assert len(shop.vendor.bill) == 1
    assert shop.calls() == [("done", "yes")]


# ---------------------------------------------------------------------- the disk


class Full:
    """A disk that is full for so many writes."""

    def __init__(
        self, times: int, monkeypatch: pytest.MonkeyPatch, error: type[StoreError] = DiskFull
    ) -> None:
        self.left = times
        self._error = error
        self._put = Store.put
        full = self

        def put(store: Store, data: bytes, *, durable: bool) -> bytes:
            full.check(durable)
            return full._put(store, data, durable=durable)

        monkeypatch.setattr(Store, "put", put)

    def check(self, is_paid: bool) -> None:
        if is_paid and self.left:
            self.left -= 1
            raise self._error("the disk is full")


@pytest.mark.parametrize("answer", [Finished((picture(),)), Accepted("job-1")], ids=["reply", "job"])
def test_paid_bytes_are_held_while_the_disk_is_full(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    full = Full(20, monkeypatch)
    shop.vendor.submits = [answer]
    assert outcomes(shop.run()) == {"done": 2}
    assert full.left == 0
    assert len(shop.vendor.bill) == 1
    assert "held in memory" in told(shop, "room")[0]
    assert shop.calls() == [("done", "yes")]


def test_nothing_new_is_sent_while_paid_bytes_are_held(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    written(shop.folder, MANY)
    full = Full(20, monkeypatch)
    sent_while_full: list[int] = []

    async def noting(session: Any, request: Request) -> Any:
        sent_while_full.append(full.left)
        return Finished((picture(len(sent_while_full)),))

    shop.vendor.submit = noting  # type: ignore[method-assign]  # notes whether the disk is full
    assert outcomes(shop.run(concurrency=1)) == {"done": 6}
    assert sent_while_full == [20, 0, 0, 0, 0, 0]


def test_who_was_refused_meanwhile_is_not_sent_again_before_there_is_room(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(shop.folder, MANY)
    full = Full(20, monkeypatch)
    moments: list[tuple[int, float]] = []

    async def noting(session: Any, request: Request) -> Any:
        moments.append((full.left, trio.current_time()))
        if len(moments) == 2:
            return Refused("not-ready", "in a moment", retry_after_seconds=5)
        return Finished((picture(len(moments)),))

    shop.vendor.submit = noting  # type: ignore[method-assign]  # notes whether the disk is full
    assert outcomes(shop.run(concurrency=2)) == {"done": 6}
    assert [left for left, _ in moments[2:]] == [0] * 5


def test_a_picture_that_came_with_the_reply_is_kept_whatever_breaks_off_the_run(shop: Shop) -> None:
    async def breaking(session: Any, request: Request) -> Any:
        shop.scope.cancel()
        await trio.sleep(5)
        return Finished((picture(),))

    shop.vendor.submit = breaking  # type: ignore[method-assign]  # all is cancelled while it answers
    shop.run()
    assert shop.calls() == [("done", "yes")]
    del shop.vendor.submit
    assert outcomes(shop.run()) == {"done": 1}  # what follows it
    assert shop.vendor.heard == []


def test_a_picture_that_is_nowhere_else_is_held_whatever_is_wrong_with_the_disk(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    Full(5, monkeypatch, StoreError)
    shop.vendor.submits = [Finished((picture(),))]
    assert outcomes(shop.run()) == {"done": 2}
    assert len(shop.vendor.bill) == 1


def test_a_job_is_left_at_its_vendor_where_the_disk_is_broken(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    Full(1, monkeypatch, StoreError)
    with pytest.raises(StoreError):
        shop.run()
    assert shop.calls() == [("accepted", "yes")]
    assert outcomes(shop.run()) == {"done": 2}
    assert len(shop.vendor.bill) == 1


def test_trouble_with_the_disk_lets_other_calls_end(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fault of one call must not take the reply from another that is out."""
    written(shop.folder, MANY)
    begin = Committer.begin_call
    begun = 0

    async def failing(self: Committer, start: Any) -> Any:
        nonlocal begun
        begun += 1
        if begun == 3:
            raise StoreError("The disk is broken.")
        return await begin(self, start)

    async def slow(session: Any, request: Request) -> Any:
        shop.vendor.bill.append(request)
        await trio.sleep(30)
        return Finished((picture(len(shop.vendor.bill)),))

    monkeypatch.setattr(Committer, "begin_call", failing)
    shop.vendor.submit = slow  # type: ignore[method-assign]  # is out when the disk breaks
    with pytest.raises(StoreError, match="broken"):
        shop.run(concurrency=3)
    assert shop.calls() == [("done", "yes")] * len(shop.vendor.bill)
    assert len(shop.vendor.bill) == 2


def test_a_full_journal_is_waited_for_too(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    durable, failures = Committer.durable, 6

    async def filling(self: Committer) -> None:
        nonlocal failures
        if shop.vendor.bill and failures:
            failures -= 1
            raise DiskFull("the disk is full")
        await durable(self)

    monkeypatch.setattr(Committer, "durable", filling)
    assert outcomes(shop.run()) == {"done": 2}
    assert failures == 0
    assert shop.calls() == [("done", "yes")]


@pytest.mark.parametrize("answer", [Accepted("job-1"), Finished((picture(),))], ids=["job", "reply"])
def test_that_something_was_charged_is_held_while_the_journal_cannot_be_written(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    """Whoever else holds the store's lock, and however long: the job's id is known to nobody else."""
    breaking = Breaking(shop, 40, monkeypatch)
    shop.vendor.submits = [answer]
    assert outcomes(shop.run()) == {"done": 2}
    assert breaking.left == 0
    assert "held in memory" in told(shop, "room")[0]
    assert shop.calls() == [("done", "yes")]


def test_where_that_never_ends_the_job_is_named(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    breaking = Breaking(shop, 100_000, monkeypatch)
    with pytest.raises(StoreError, match=r"locked.*scenario's job job-1.*--fetch job-1"):
        shop.run()
    breaking.left = 0
    assert len(shop.vendor.bill) == 1


class Breaking:
    """A journal that cannot be written for so many commits once something was bought."""

    def __init__(self, shop: Shop, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = times
        durable = Committer.durable
        broken = self

        async def breaking(committer: Committer) -> None:
            if shop.vendor.bill and broken.left:
                broken.left -= 1
                raise StoreError("the store is locked")
            await durable(committer)

        monkeypatch.setattr(Committer, "durable", breaking)


# ---------------------------------------------------------------------- before anything is bought


def run_at(shop: Shop, monkeypatch: pytest.MonkeyPatch, out: str) -> None:
    """The whole of a run as the command makes it, with the shop's vendor behind it."""
    monkeypatch.setattr("editchain.providers.load", lambda name: shop.vendors[name])
    with Workspace(shop.folder, now=lambda: NOW) as workspace:
        plan, digests = shop.plan(workspace)
        anyio.run(running.run, workspace, plan, digests, running.Options(out))


def test_a_store_that_cannot_be_written_is_refused_before_anything_is_bought(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Workspace(shop.folder, now=lambda: NOW) as workspace:
        _ = workspace.journal
    (shop.folder / ".editchain/objects").write_text("in the way")
    with pytest.raises(StoreError, match="objects"):
        run_at(shop, monkeypatch, str(shop.folder / "out"))
    assert shop.vendor.heard == []


def test_a_disk_with_no_room_for_pictures_is_refused_before_anything_is_bought(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Store, "free_bytes", lambda _store: 5_000_000)
    with pytest.raises(DiskFull, match="4 MB left"):
        run_at(shop, monkeypatch, str(shop.folder / "out"))
    assert shop.vendor.heard == []


def test_outputs_that_cannot_be_written_are_refused_before_anything_is_bought(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shop.folder / "out").write_text("in the way")
    with pytest.raises(StoreError, match="is no folder"):
        run_at(shop, monkeypatch, str(shop.folder / "out/of/this"))
    monkeypatch.setattr("os.access", lambda _path, _mode: False)
    with pytest.raises(StoreError, match="may not be written"):
        run_at(shop, monkeypatch, str(shop.folder / "elsewhere"))
    assert shop.vendor.heard == []


# ---------------------------------------------------------------------- what earlier versions left


def test_a_call_of_a_version_that_kept_less_of_it_is_collected(shop: Shop) -> None:
    shop.vendor.polls = [ProviderError("401")]
    assert outcomes(shop.run())["open"] == 1
    with Workspace(shop.folder, now=lambda: NOW) as workspace:
        (call,) = workspace.journal.calls()
        workspace.journal.put_call(call._replace(detail='{"prepared": ["made smaller"]}'))
        workspace.journal.writer.commit()
    assert outcomes(shop.run()) == {"done": 2}
    assert len(shop.vendor.bill) == 1


def test_polls_that_are_too_many_slow_down_the_account(shop: Shop) -> None:
    written(shop.folder, MANY)
    shop.vendor.polls = [Running(30.0, is_busy=True)]
    begun: list[float] = []
    submit = shop.vendor.submit

    async def noting(session: Any, request: Request) -> Any:
        begun.append(trio.current_time())
        return await submit(session, request)

    shop.vendor.submit = noting  # type: ignore[method-assign]  # notes when it is asked
    assert outcomes(shop.run(concurrency=2)) == {"done": 6}
    assert begun[:2] == [0.0, 0.0]
    assert all(moment >= 30.0 for moment in begun[2:])

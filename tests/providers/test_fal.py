"""fal as a provider, over real sockets, against a stand-in that keeps a bill."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from tests.providers.driving import IMAGE, Bench, asking, blob, examples, route_of, routes_of
from tests.vendors.base import Answer, Fault, said
from tests.vendors.fal import KEY, Ending, Fal

from editchain.errors import ConfigurationError, ProviderError, TaskError
from editchain.http import FetchError, NotSent, ReplyLost
from editchain.models import Model, Route
from editchain.providers import fal
from editchain.providers.base import (
    Absent,
    Accepted,
    Failed,
    Finished,
    Refused,
    Running,
    Session,
    Standing,
    Unknown,
    Uploaded,
)

TURBO = "flux-2-turbo"
SUBMIT = "POST /fal-ai/"
STATUS = "GET /fal-ai/flux-2/requests/req-0001/status"
RESULT = "GET /fal-ai/flux-2/requests/req-0001"


@pytest.fixture
def vendor() -> Iterator[Fal]:
    with Fal().running() as made:
        yield made


@pytest.fixture
def bench(vendor: Fal) -> Bench:
    return Bench("fal", vendor.url, (KEY,))


async def requested(bench: Bench, session: Session, said: dict[str, Any] | None = None, **more: Any) -> Any:
    request = asking(TURBO, session.route, said, **more)
    return await fal.submit(session, await bench.ready(session, request))


# The whole way


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_edit_from_picture_to_picture(vendor: Fal, bench: Bench, backend: str) -> None:
    async def act(session: Session) -> tuple[Finished, list[bytes]]:
        job = await requested(bench, session, {"references": ["b"], "seed": 7}, count=2)
        address = f"{vendor.url}/fal-ai/flux-2/requests/req-0001/status"
        assert job == Accepted(address, {"id": "req-0001"})
        found = await bench.ended(session, job.vendor_id)
        assert isinstance(found, Finished)
        return found, [await fal.download(session, one) for one in found.downloads]

    found, pictures = bench.drive(TURBO, act, route_of(TURBO, "fal"), backend)
    (request,) = vendor.requests.values()
    assert pictures == [vendor.picture(request, at) for at in (0, 1)]
    assert found.seed == 7
    assert next(vendor.uploads[one] for one in request.input["image_urls"]) == IMAGE
    assert (request.input["num_images"], len(request.input["image_urls"])) == (2, 2)
    assert vendor.leaked == []
    assert vendor.server.names("GET /fal-ai") == [STATUS, STATUS, STATUS, RESULT]


@pytest.mark.parametrize(("model", "route"), routes_of("fal"))
def test_the_vendor_takes_every_example_of_every_model(
    vendor: Fal, bench: Bench, model: Model, route: Route
) -> None:
    for example in examples(model):
        count = min(example.get("num_samples", 1), route.samples)
        try:
            found = bench.outcome(model.name, example, route=route, count=count)
        except TaskError as error:
            assert "nothing was sent" in str(error)
        else:
            assert isinstance(found, Finished), found
    assert vendor.requests
    assert vendor.dropped == []


def test_what_a_call_cost_is_counted_in_the_units_of_its_price(vendor: Fal, bench: Bench) -> None:
    vendor.endings.append(Ending(units="2"))
    assert bench.outcome("flux-2-turbo", route=route_of("flux-2-turbo", "fal")).amount == "0.016"
    assert bench.outcome("flux-kontext", route=route_of("flux-kontext", "fal")).amount == "0.04"
    vendor.endings.append(Ending(units=None))
    assert bench.outcome("flux-kontext", route=route_of("flux-kontext", "fal")).amount is None
    vendor.endings.append(Ending(units="many"))
    assert bench.outcome("flux-kontext", route=route_of("flux-kontext", "fal")).amount is None


def test_a_request_is_followed_where_the_vendor_says(vendor: Fal, bench: Bench) -> None:
    moved = said({"status": "COMPLETED", "response_url": f"{vendor.url}/fal-ai/flux-2/requests/req-0001"})

    async def act(session: Session) -> Any:
        job = await requested(bench, session)
        vendor.requests["req-0001"].reads = 2
        vendor.server.fault("GET", Fault(instead=moved))
        return await fal.poll(session, f"{job.vendor_id}?somewhere=else")

    assert isinstance(bench.drive(TURBO, act, route_of(TURBO, "fal")), Finished)
    assert vendor.server.asked[-1].path == "/fal-ai/flux-2/requests/req-0001"


def test_a_request_whose_addresses_are_not_said_or_lead_elsewhere(vendor: Fal, bench: Bench) -> None:
    vendor.says_addresses = False
    elsewhere = said({"request_id": "req-0001", "status_url": "https://queue.fal.run.evil.example/status"})
    vendor.server.fault(SUBMIT, Fault(after=elsewhere))

    async def act(session: Session) -> Any:
        job = await requested(bench, session)
        assert job == Accepted("req-0001", {"id": "req-0001"})
        return await bench.ended(session, job.vendor_id)

    assert isinstance(bench.drive(TURBO, act, route_of(TURBO, "fal")), Finished)
    assert set(vendor.server.names("GET /fal-ai")) == {STATUS, RESULT}


# Pictures in


def test_a_picture_is_uploaded_for_a_week_and_without_the_key(vendor: Fal, bench: Bench) -> None:
    found = bench.drive("flux-kontext", lambda session: fal.upload(session, blob(IMAGE)))
    assert isinstance(found, Uploaded)
    assert vendor.uploads[found.handle] == IMAGE
    assert found.expires_at == pytest.approx(vendor.server.now() + fal.KEPT_SECONDS, abs=60)
    assert vendor.lifecycles == ['{"expiration_duration_seconds": 604800}']
    assert vendor.leaked == []


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(instead=said({}, 500)), FetchError),
        (Fault(instead=said({}, 429)), FetchError),
        (Fault(instead=said({"upload_url": "x"})), FetchError),
        (Fault(instead=said({"detail": "no"}, 422)), ProviderError),
        (Fault(cut_at=30), ReplyLost),
    ],
)
def test_uploads_that_fail(vendor: Fal, bench: Bench, fault: Fault, error: type[Exception]) -> None:
    vendor.server.fault("POST /storage", fault)
    with pytest.raises(error):
        bench.drive("flux-kontext", lambda session: fal.upload(session, blob(IMAGE)))


@pytest.mark.parametrize(
    ("fault", "error"), [(Fault(instead=Answer(403)), FetchError), (Fault(cut_at=3), NotSent)]
)
def test_a_storage_that_does_not_take_the_bytes(
    vendor: Fal, bench: Bench, fault: Fault, error: type[Exception]
) -> None:
    vendor.server.fault("PUT /put", fault)
    with pytest.raises(error):
        bench.drive("flux-kontext", lambda session: fal.upload(session, blob(IMAGE)))


def test_a_picture_that_was_not_uploaded_is_not_sent(vendor: Fal, bench: Bench) -> None:
    with pytest.raises(TaskError, match="has not been uploaded"):
        bench.drive(TURBO, lambda s: fal.submit(s, asking(TURBO, s.route)), route_of(TURBO, "fal"))
    assert vendor.server.asked == []


def test_results_that_the_vendor_would_not_keep_are_not_asked_for(vendor: Fal, bench: Bench) -> None:
    with pytest.raises(TaskError, match="sync_mode"):
        bench.submit("flux-kontext", options={"sync_mode": True})
    assert vendor.bill == []


@pytest.mark.parametrize("key", ["", "schlüssel", "line\nbreak"])
def test_a_key_that_cannot_be_sent(key: str) -> None:
    with pytest.raises(ConfigurationError, match="FAL_KEY"):
        fal.authorization((key,))


# Refusals


@pytest.mark.parametrize(
    ("answer", "reason", "stops_all"),
    [
        (said({"detail": "No balance"}, 402), "credits", True),
        (said({"detail": "User is locked. Reason: Exhausted balance."}, 403), "credits", True),
        (said({"detail": "Forbidden"}, 403), "credentials", True),
        (said({"detail": "No user found"}, 401), "credentials", True),
        (said({"detail": "Application 'x' not found"}, 404), "model", False),
        (said({"detail": "content policy violation"}, 400), "rejected", False),
        (said({"detail": [{"loc": ["body", "seed"], "msg": "no", "type": "x"}]}, 422), "refused", False),
        (Answer(413, b"<html>"), "refused", False),
    ],
)
def test_refusals(vendor: Fal, bench: Bench, answer: Answer, reason: str, stops_all: bool) -> None:
    vendor.server.fault(SUBMIT, Fault(instead=answer))
    found = bench.submit("flux-kontext")
    assert isinstance(found, Refused)
    assert (found.reason, found.stops_all, found.retry_after_seconds) == (reason, stops_all, None)
    assert vendor.bill == []


@pytest.mark.parametrize(("headers", "seconds"), [({}, 5.0), ({"retry_after": "12"}, 12.0)])
def test_too_many_requests(vendor: Fal, bench: Bench, headers: dict[str, str], seconds: float) -> None:
    busy = said({"detail": "Too many", "error_type": "concurrent_requests_limit"}, 429, **headers)
    vendor.server.fault(SUBMIT, Fault(instead=busy))
    found = bench.submit("flux-kontext")
    assert (found.reason, found.retry_after_seconds, found.stops_all) == ("busy", seconds, False)


def test_a_locked_account_stops_all(vendor: Fal, bench: Bench) -> None:
    vendor.has_balance = False
    assert bench.submit("flux-kontext").stops_all
    assert vendor.bill == []


@pytest.mark.parametrize("status", [302, 408, 499, 500, 502, 504])
def test_whether_it_was_accepted_is_not_known(vendor: Fal, bench: Bench, status: int) -> None:
    vendor.server.fault(SUBMIT, Fault(after=said({"detail": "oops"}, status)))
    assert bench.submit("flux-kontext") == Unknown(f"fal answered with status {status}: oops")
    assert len(vendor.bill) == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"request_id": 5}'])
def test_an_answer_without_a_request(vendor: Fal, bench: Bench, body: bytes) -> None:
    vendor.server.fault(SUBMIT, Fault(after=Answer(200, body)))
    assert isinstance(bench.submit("flux-kontext"), Unknown)


@pytest.mark.parametrize("cut_at", [0, 10, 60, -1])
def test_a_reply_that_is_cut(vendor: Fal, bench: Bench, cut_at: int) -> None:
    vendor.server.fault(SUBMIT, Fault(cut_at=cut_at))
    with pytest.raises(ReplyLost):
        bench.submit("flux-kontext")
    assert len(vendor.bill) == 1


# Results


def detail(kind: str, words: str = "no") -> dict[str, Any]:
    return {"detail": [{"loc": ["body", "prompt"], "msg": words, "type": kind}]}


def platform(kind: str, status: int) -> Answer:
    return said({"detail": "The platform failed", "error_type": kind}, status)


@pytest.mark.parametrize(
    ("ending", "reason", "is_charged"),
    [
        (Ending(error=said(detail("content_policy_violation"), 422)), "rejected", True),
        (Ending(error=said(detail("content_policy_violation"), 422), units=None), "rejected", None),
        (Ending(error=said(detail("content_policy_violation"), 422), says_error=False), "rejected", True),
        (Ending(error=said(detail("no_media_generated"), 422), units=None), "failed", None),
        (Ending(error=said(detail("image_too_small"), 422), units="0", is_charged=True), "failed", False),
        (Ending(error=said(detail("internal_server_error"), 500), is_charged=False), "failed", False),
        (Ending(error=said(detail("generation_timeout"), 504), is_charged=False), "failed", False),
        (Ending(error=platform("runner_disconnected", 503), is_charged=False), "failed", False),
        (Ending(error=platform("startup_timeout", 504), is_charged=False, says_error=False), "failed", False),
        (Ending(error=platform("client_cancelled", 499), units=None), "canceled", None),
        (Ending(is_black=True), "rejected", True),
    ],
)
def test_requests_that_end_without_a_picture(
    vendor: Fal, bench: Bench, ending: Ending, reason: str, is_charged: bool | None
) -> None:
    vendor.endings.append(ending)
    found = bench.outcome(TURBO, route=route_of(TURBO, "fal"))
    assert isinstance(found, Failed)
    assert (found.reason, found.is_charged) == (reason, is_charged)
    assert found.amount == ("0.008" if is_charged else None)


def test_input_that_the_model_does_not_take_is_named_and_not_charged(vendor: Fal, bench: Bench) -> None:
    async def act(session: Session) -> Any:
        job = await requested(bench, session, options={"enable_safety_checker": "perhaps"})
        return await bench.ended(session, job.vendor_id)

    found = bench.drive(TURBO, act, route_of(TURBO, "fal"))
    assert isinstance(found, Failed)
    assert "enable_safety_checker: 'perhaps' is not of type 'boolean'" in found.message
    assert vendor.charged == 0


def poll(vendor: Fal, bench: Bench) -> Any:
    return bench.drive(TURBO, lambda session: fal.poll(session, "req-0001"), route_of(TURBO, "fal"))


@pytest.mark.parametrize("status", ["IN_QUEUE", "IN_PROGRESS", "DREAMING"])
def test_every_other_status_is_one_of_a_request_that_goes_on(vendor: Fal, bench: Bench, status: str) -> None:
    vendor.server.fault("GET", Fault(instead=said({"status": status})))
    assert poll(vendor, bench) == Running(1.0)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (said({"detail": "Request not found"}, 404), Absent()),
        (said({}, 429, retry_after="9"), Running(9.0, is_busy=True)),
        (said({}, 503), Running(5.0)),
        (Answer(500, b"<html>"), Running(5.0)),
        (said({"queue_position": 3}), Running(1.0)),
    ],
)
def test_polls(vendor: Fal, bench: Bench, answer: Answer, found: Any) -> None:
    vendor.server.fault("GET", Fault(instead=answer))
    assert poll(vendor, bench) == found


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(502, b"<html>nginx"), FetchError),
        (said({}, 429), FetchError),
        (Answer(200, b"<html>"), FetchError),
        (said({"detail": "no"}, 401), ProviderError),
    ],
)
def test_a_result_that_could_not_be_read_is_no_verdict(
    vendor: Fal, bench: Bench, answer: Answer, error: type[Exception]
) -> None:
    vendor.endings.append(Ending(("COMPLETED",)))

    async def act(session: Session) -> Any:
        job = await requested(bench, session)
        vendor.server.fault(RESULT, Fault(instead=answer), skip=1)
        with pytest.raises(error):
            await fal.poll(session, job.vendor_id)
        return await fal.poll(session, job.vendor_id)

    assert isinstance(bench.drive(TURBO, act, route_of(TURBO, "fal")), Finished)


def test_a_result_without_pictures_was_charged(vendor: Fal, bench: Bench) -> None:
    vendor.endings.append(Ending(error=said({"images": [], "seed": 3}), says_error=False))
    found = bench.outcome(TURBO, route=route_of(TURBO, "fal"))
    assert isinstance(found, Failed)
    assert (found.reason, found.is_charged) == ("no-picture", True)


def test_a_single_picture_under_another_name(vendor: Fal, bench: Bench) -> None:
    vendor.endings.append(Ending(error=said({"image": {"url": "https://x/y.png"}}), says_error=False))
    assert bench.outcome(TURBO, route=route_of(TURBO, "fal")).downloads == ("https://x/y.png",)


# Cancelling, the account


def test_what_still_waits_can_be_cancelled_and_costs_nothing(vendor: Fal, bench: Bench) -> None:
    vendor.endings.append(Ending(("IN_QUEUE", "IN_QUEUE", "COMPLETED")))

    async def act(session: Session) -> Any:
        job = await requested(bench, session)
        assert await fal.cancel(session, job.vendor_id)
        return await bench.ended(session, job.vendor_id)

    found = bench.drive(TURBO, act, route_of(TURBO, "fal"))
    assert isinstance(found, Failed)
    assert (found.reason, found.is_charged, vendor.charged) == ("canceled", None, 0)


@pytest.mark.parametrize("reads", [0, 1, 2])
def test_what_has_begun_or_ended_is_left_alone(vendor: Fal, bench: Bench, reads: int) -> None:
    async def act(session: Session) -> bool:
        job = await requested(bench, session)
        vendor.requests["req-0001"].reads = reads
        return await fal.cancel(session, job.vendor_id)

    assert not bench.drive(TURBO, act, route_of(TURBO, "fal"))
    assert vendor.charged == Decimal("0.008")


def test_the_key_can_be_checked_for_nothing(vendor: Fal, bench: Bench) -> None:
    def check(bench: Bench) -> Standing:
        return bench.drive("flux-kontext", lambda session: fal.check(session.client))

    assert check(bench) == Standing()
    assert "does not accept" in (check(Bench("fal", vendor.url, ("another",))).refusal or "")
    vendor.server.fault("POST /storage/auth", Fault(instead=said({}, 500)))
    with pytest.raises(FetchError):
        check(bench)
    assert vendor.bill == []

"""Scenario as a provider, over real sockets, against a stand-in that keeps a bill."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import anyio
import pytest
from PIL import Image
from tests.vendors.base import LOOPBACK, Answer, Fault, png, said
from tests.vendors.scenario import KEY, SECRET, Ending, Scenario

from editchain.errors import ConfigurationError, ProviderError, TaskError
from editchain.http import Client, FetchError, ReplyLost
from editchain.imaging import codec
from editchain.models import Model, Route, catalogue
from editchain.providers import scenario
from editchain.providers.base import (
    Absent,
    Accepted,
    Blob,
    Failed,
    Finished,
    Quote,
    Refused,
    Request,
    Running,
    Session,
    Unknown,
)

T = TypeVar("T")
Act = Callable[[Session], Awaitable[T]]

CATALOGUE = catalogue()
SUBMIT = "POST /v1/generate"
LONG_AGO = 300.0
MINE = [
    pytest.param(model, route, id=f"{model.name}-{route.endpoint or 'custom'}")
    for model in CATALOGUE.models.values()
    for route in model.routes
    if route.provider == "scenario"
]


@pytest.fixture
def vendor() -> Iterator[Scenario]:
    with Scenario().running() as made:
        yield made


def route_of(name: str, endpoint: str | None = None) -> Route:
    routes = CATALOGUE.models[name].routes
    return next(one for one in routes if one.provider == "scenario" and one.endpoint == endpoint)


KONTEXT = route_of("flux-kontext")


def blob(data: bytes) -> Blob:
    return Blob(sha256(data).digest(), lambda: data, lambda: codec.decode(data))


def drive(vendor: Scenario, act: Act[T], route: Route = KONTEXT, backend: str = "asyncio") -> T:
    """What some beats give, driven as the engine would: a client with the credentials, and the route."""

    async def driven() -> T:
        headers = scenario.authorization((KEY, SECRET))
        async with Client(vendor.url, headers, rules=LOOPBACK) as client:
            return await act(Session(client, route))

    return anyio.run(driven, backend=backend)


def asking(route: Route = KONTEXT, *, prompt: str = "Night", count: int = 1, **fields: Any) -> Request:
    model = next(one for one in CATALOGUE.models.values() if route in one.routes)
    images = {"image": (blob(png(b"a")),), **fields.pop("images", {})}
    seed = fields.pop("seed", None)
    everything = {**model.defaults, "prompt": prompt, **fields}
    return Request(model.name, route.id, everything, images, seed, count, said=frozenset({"prompt", *fields}))


async def uploaded(session: Session, request: Request, known: dict[bytes, str] | None = None) -> Request:
    """The request with its pictures at the vendor, those that are `known` not once more."""
    handles = {} if known is None else known
    for one in (one for blobs in request.images.values() for one in blobs):
        if one.digest not in handles:
            handles[one.digest] = (await scenario.upload(session, one)).handle
    return replace(request, handles=handles)


async def submitted(session: Session, request: Request) -> Any:
    return await scenario.submit(session, await uploaded(session, request))


def submit(vendor: Scenario, request: Request | None = None, route: Route = KONTEXT) -> Any:
    return drive(vendor, lambda session: submitted(session, request or asking(route)), route)


async def ended(session: Session, job: str) -> Finished | Failed:
    for _ in range(10):
        found = await scenario.poll(session, job)
        if not isinstance(found, Running):
            return found
    raise AssertionError("the job does not end")


# The whole way


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_edit_from_picture_to_picture(vendor: Scenario, backend: str) -> None:
    async def act(session: Session) -> list[bytes]:
        request = asking(count=2, images={"references": (blob(png(b"b")),)})
        job = await submitted(session, request)
        assert isinstance(job, Accepted)
        assert job.detail == {"creativeUnitsCost": "22.0", "creativeUnitsDiscount": "0"}
        found = await ended(session, job.vendor_id)
        assert isinstance(found, Finished)
        assert found.amount == "22.0"
        return [await scenario.download(session, one) for one in found.downloads]

    first, second = drive(vendor, act, backend=backend)
    (job,) = vendor.jobs.values()
    assert [first, second] == [vendor.assets[f"asset_{job.id}_{number}"].data for number in (0, 1)]
    assert [vendor.assets[one].data for one in job.input["referenceImages"]] == [png(b"a"), png(b"b")]
    assert vendor.charged == 22
    assert vendor.leaked == []


def examples(model: Model) -> list[dict[str, Any]]:
    path = Path(__file__).parent.parent / "models" / f"{model.name}.json"
    found: list[dict[str, Any]] = json.loads(path.read_text())["valid"]
    return found


def example_request(model: Model, route: Route, fields: dict[str, Any]) -> Request:
    fields = dict(fields)
    images = {
        name: tuple(
            blob(png(f"{name}{n}".encode())) for n, _ in enumerate(given if isinstance(given, list) else [0])
        )
        for name in (*model.image_fields, *model.image_list_fields)
        if (given := fields.pop(name, None)) is not None
    }
    count = min(fields.pop("num_samples", 1), route.samples)
    seed = fields.pop("seed", None)
    request = asking(route, count=count, images=images, **fields)
    return scenario.prepared(replace(request, seed=seed if isinstance(seed, int) else None), route)


@pytest.mark.parametrize(("model", "route"), MINE)
def test_the_vendor_takes_every_example_that_is_sent(vendor: Scenario, model: Model, route: Route) -> None:
    async def act(session: Session) -> int:
        taken = 0
        for fields in examples(model):
            try:
                answer = await submitted(session, example_request(model, route, fields))
            except TaskError as error:
                assert "nothing was sent" in str(error)
                continue
            if isinstance(answer, Refused):  # the stand-in knows no LoRA of these names
                assert "concepts" in fields
                continue
            assert isinstance(answer, Accepted)
            taken += 1
        return taken

    assert drive(vendor, act, route) == len(vendor.bill) > 0
    assert vendor.dropped == []


def test_the_deprecated_endpoint(vendor: Scenario) -> None:
    route = route_of("flux-kontext", "prompt-editing")
    answer = submit(vendor, asking(route, guidance=2), route)
    assert isinstance(answer, Accepted)
    (job,) = vendor.jobs.values()
    asset = next(iter(vendor.assets))
    assert job.input == {
        "modelId": "flux-kontext",
        "image": asset,
        "prompt": "Night",
        "guidance": 2,
        "aspectRatio": "auto",
        "quality": "high",
        "numSamples": 1,
    }


def test_an_endpoint_that_there_is_not(vendor: Scenario) -> None:
    with pytest.raises(TaskError, match='no endpoint "teleport"'):
        submit(vendor, asking(), replace(KONTEXT, endpoint="teleport"))
    assert vendor.server.names(SUBMIT) == []


# What the credentials are, and where they show


def test_credentials_go_as_http_basic() -> None:
    assert scenario.authorization(("user", "pass")) == {"Authorization": "Basic dXNlcjpwYXNz"}
    assert scenario.capabilities.credentials[0] == ("SCENARIO_API_KEY", "SCENARIO_SDK_API_KEY")


@pytest.mark.parametrize(
    "wrong", [("k\n", "secret-word"), ("k", "secret-wörd"), ("k:", "secret-word"), ("", "s")]
)
def test_credentials_that_cannot_be_sent_are_not_shown(wrong: tuple[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="SCENARIO_API_SECRET") as caught:
        scenario.authorization(wrong)
    assert "secret-w" not in str(caught.value)


def test_what_a_vendor_echoes_is_not_shown(vendor: Scenario) -> None:
    token = scenario.authorization((KEY, SECRET))["Authorization"]
    echo = f"bad\n\x1b[31m header {token} at https://cdn.example/a?Signature=abc " + "x" * 900
    vendor.server.fault(SUBMIT, Fault(instead=said({"reason": echo}, 400)))
    answer = submit(vendor)
    assert token.split()[1] not in answer.message
    assert "Signature" not in answer.message
    assert "https://cdn.example/a" in answer.message
    assert answer.message.isprintable()
    assert len(answer.message) < 400


# Upload


def large(size: int) -> bytes:
    return png(b"large") + bytes(size)


def upload(vendor: Scenario, data: bytes) -> Any:
    return drive(vendor, lambda session: scenario.upload(session, blob(data)))


def test_a_small_picture_goes_up_in_one(vendor: Scenario) -> None:
    found = upload(vendor, png(b"a"))
    assert vendor.assets[found.handle].data == png(b"a")
    assert found.expires_at is None
    assert len(vendor.server.asked) == 1


def test_a_large_picture_goes_up_in_parts(vendor: Scenario) -> None:
    data = large(scenario.PART_BYTES + 1000)
    found = upload(vendor, data)
    assert vendor.assets[found.handle].data == data
    assert len(vendor.server.names("PUT ")) == 2
    assert vendor.leaked == []


def test_an_import_that_takes_long_is_left_to_submit(vendor: Scenario) -> None:
    vendor.imports_after = scenario.IMPORT_READS + 1
    data = large(scenario.SMALL_BYTES)

    async def act(session: Session) -> list[Any]:
        request = await uploaded(session, replace(asking(), images={"image": (blob(data),)}))
        assert next(iter(request.handles.values())).startswith("upload_")
        return [await scenario.submit(session, request) for _ in range(2)]

    early, late = drive(vendor, act)
    assert isinstance(early, Refused)
    assert early.retry_after_seconds == scenario.capabilities.poll_seconds
    assert isinstance(late, Accepted)
    (job,) = vendor.jobs.values()
    assert vendor.assets[job.input["referenceImages"][0]].data == data


def test_a_large_file_that_is_no_picture(vendor: Scenario) -> None:
    with pytest.raises(ProviderError, match="The file is not an image"):
        upload(vendor, bytes(scenario.SMALL_BYTES + 1))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (said({"reason": "no"}, 400), ProviderError),
        (said({"reason": "no"}, 401), ProviderError),
        (said({}, 429), FetchError),
        (said({}, 503), FetchError),
        (Answer(200, b"<html>"), FetchError),
        (said({"asset": {}}), FetchError),
    ],
)
def test_an_upload_that_fails(vendor: Scenario, answer: Answer, error: type[Exception]) -> None:
    vendor.server.fault("POST /v1/assets", Fault(instead=answer))
    with pytest.raises(error):
        upload(vendor, png(b"a"))


# Submit


def test_a_picture_that_was_not_uploaded_sends_nothing(vendor: Scenario) -> None:
    with pytest.raises(TaskError, match="has not been uploaded"):
        drive(vendor, lambda session: scenario.submit(session, asking()))
    assert vendor.server.asked == []


def test_what_the_route_cannot_send_sends_nothing(vendor: Scenario) -> None:
    with pytest.raises(TaskError, match='quality: "low" is none of medium, high'):
        submit(vendor, asking(quality="low"))
    with pytest.raises(TaskError, match="ignores dryRun in a body"):
        submit(vendor, replace(asking(), options={"dryRun": True}))
    assert vendor.server.names(SUBMIT) == []


REFUSALS = [
    (400, {"reason": "Input prompt is required"}, "refused", None, False, "Input prompt is required"),
    (400, {"message": "Your prompt was moderated"}, "rejected", None, False, "moderated"),
    (400, {"error": {"message": "deep down"}}, "refused", None, False, "deep down"),
    (400, {"status": 400, "code": "E_BAD", "message": "documented"}, "refused", None, False, "documented"),
    (401, {}, "credentials", None, True, "does not accept the credentials"),
    (402, {"reason": "pay"}, "credits", None, True, "used up"),
    (403, {"reason": "Not enough creative units"}, "credits", None, True, "used up"),
    (429, {"reason": "You have no credits left"}, "credits", None, True, "used up"),
    (403, {"name": "ModelAccessRestrictedError", "requiredPlan": "pro"}, "plan", None, False, "It needs pro."),
    (
        403,
        {"error": {"name": "ModelAccessRestrictedError", "details": {"requiredPlan": "max"}}},
        "plan",
        None,
        False,
        "It needs max.",
    ),
    (403, {"message": "User only"}, "refused", None, False, "User only"),
    (404, {"reason": "Model x not found"}, "refused", None, False, "Model x not found"),
    (410, {"reason": "Gone"}, "refused", None, False, "Gone"),
    (413, {"reason": "Too large"}, "refused", None, False, "Too large"),
    (422, {"reason": "No"}, "refused", None, False, "No"),
    (429, {"reason": "Busy", "details": {"actionName": "parallel-custom-jobs", "actionLimit": 4}}, "busy", 5.0, False, "Busy"),
    (429, {"reason": "Cool", "details": {"remainingSeconds": 12}}, "busy", 12.0, False, "Cool"),
    (429, {"remainingSeconds": "7.5"}, "busy", 7.5, False, "no room"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "reason", "again", "stops", "about"), REFUSALS)
def test_refusals(
    vendor: Scenario, status: int, body: Any, reason: str, again: float | None, stops: bool, about: str
) -> None:
    vendor.server.fault(SUBMIT, Fault(instead=said(body, status)))
    answer = submit(vendor)
    assert isinstance(answer, Refused)
    assert (answer.reason, answer.retry_after_seconds, answer.stops_all) == (reason, again, stops)
    assert about in answer.message
    assert vendor.bill == []


@pytest.mark.parametrize(
    ("headers", "again"),
    [
        ({"retry_after": "3"}, 3.0),
        ({"retry_after": "-3"}, 0.0),
        ({"retry_after": "nan"}, 5.0),
        ({"retry_after": "soon"}, 5.0),
        ({"retry_after": "Sun, 01 Nov 2026 10:00:30 GMT", "Date": "Sun, 01 Nov 2026 10:00:00 GMT"}, 30.0),
    ],
)
def test_when_a_busy_vendor_wants_to_be_asked_again(
    vendor: Scenario, headers: dict[str, str], again: float
) -> None:
    vendor.server.fault(SUBMIT, Fault(instead=said({}, 429, **headers)))
    assert submit(vendor).retry_after_seconds == again


def test_one_job_too_many_at_a_time(vendor: Scenario) -> None:
    vendor.parallel = 1
    assert isinstance(submit(vendor), Accepted)
    answer = submit(vendor)
    assert isinstance(answer, Refused)
    assert (answer.reason, answer.retry_after_seconds) == ("busy", scenario.BUSY_SECONDS)
    assert len(vendor.bill) == 1
    assert answer.parallel == 1


@pytest.mark.parametrize(
    "answer",
    [
        said({}, 408),
        said({}, 409),
        said({}, 500),
        said({}, 503, retry_after="1"),
        said({}, 302, Location="http://127.0.0.1:9/"),
        Answer(200, b"<html>"),
        Answer(200, b""),
        Answer(200, b"[" * 100_000),
        said({"job": {}}),
        said({"creativeUnitsCost": 11}, 269),
    ],
)
def test_what_may_have_been_accepted_is_unknown(vendor: Scenario, answer: Answer) -> None:
    vendor.server.fault(SUBMIT, Fault(after=answer))
    assert isinstance(submit(vendor), Unknown)
    assert len(vendor.bill) == 1
    assert len(vendor.server.names(SUBMIT)) == 1


@pytest.mark.parametrize(
    "body", [{"job": {"id": "job_1"}}, {"jobId": "job_1"}, {"job": {"jobId": "job_1", "id": "x"}}]
)
@pytest.mark.parametrize("status", [200, 201, 202, 269])
def test_a_job_is_read_wherever_the_vendor_puts_it(vendor: Scenario, status: int, body: Any) -> None:
    vendor.server.fault(SUBMIT, Fault(instead=said(body, status)))
    assert submit(vendor) == Accepted("job_1", {})


def test_a_reply_cut_anywhere_is_lost_or_whole_and_never_refused(vendor: Scenario) -> None:
    async def act(session: Session) -> list[Any]:
        request = await uploaded(session, asking())
        found: list[Any] = []
        for cut in [0, 1, 9, 17, 40, 120, 200, -400, -100, -2, -1]:
            vendor.server.fault(SUBMIT, Fault(cut_at=cut))
            try:
                found.append(await scenario.submit(session, request))
            except ReplyLost as error:
                found.append(error)
        return found

    assert all(isinstance(one, ReplyLost) for one in drive(vendor, act))
    assert len(vendor.server.names(SUBMIT)) == len(vendor.bill) == 11


def test_a_reply_that_never_ends_is_left_at_the_deadline(vendor: Scenario) -> None:
    vendor.server.fault(SUBMIT, Fault(cut_at=-5, is_held=True))

    async def act(session: Session) -> bool:
        request = await uploaded(session, asking())
        with anyio.move_on_after(0.2) as scope:
            await scenario.submit(session, request)
        return scope.cancelled_caught

    assert drive(vendor, act)
    assert len(vendor.bill) == 1


# Price


def test_a_price_is_read_without_running(vendor: Scenario) -> None:
    async def act(session: Session) -> Any:
        return await scenario.price(session, await uploaded(session, asking(route, count=3)))

    route = route_of("gpt-image-2")
    assert drive(vendor, act, route) == Quote(Decimal("34.5"), "CU")
    assert vendor.bill == []
    assert vendor.server.asked[-1].query == {"dryRun": "true"}
    assert "dryRun" not in vendor.server.asked[-1].json


def test_a_dry_run_that_was_none_is_a_job(vendor: Scenario) -> None:
    vendor.server.fault(SUBMIT, Fault(instead=said({"job": {"id": "j"}})))
    assert drive(vendor, lambda session: _price(session)) == Accepted("j")


@pytest.mark.parametrize("answer", [said({}, 269), said({"creativeUnitsCost": True}, 269)])
def test_a_price_that_is_not_said(vendor: Scenario, answer: Answer) -> None:
    vendor.server.fault(SUBMIT, Fault(instead=answer))
    with pytest.raises((ProviderError, FetchError)):
        drive(vendor, lambda session: _price(session))


async def _price(session: Session) -> Any:
    return await scenario.price(session, await uploaded(session, asking()))


# Poll


def poll(vendor: Scenario, job: dict[str, Any] | Answer) -> Any:
    answer = job if isinstance(job, Answer) else said({"job": {"jobId": "j", **job}})
    vendor.server.fault("GET /v1/jobs/j", Fault(instead=answer))
    return drive(vendor, lambda session: scenario.poll(session, "j"))


@pytest.mark.parametrize(
    "status",
    ["pending", "queued", "warming-up", "in-progress", "finalizing", "IN_PROGRESS", "dreaming", "", None, 7],
)
def test_a_job_runs_until_it_surely_does_not(vendor: Scenario, status: Any) -> None:
    assert poll(vendor, {"status": status}) == Running(2.5)


@pytest.mark.parametrize("answer", [said({}, 500), said({}, 429), said({}, 408), said({"job": None})])
def test_trouble_with_a_poll_is_no_end(vendor: Scenario, answer: Answer) -> None:
    assert isinstance(poll(vendor, answer), Running)


def test_a_busy_vendor_says_when_to_poll_again(vendor: Scenario) -> None:
    assert poll(vendor, said({}, 429, retry_after="9")) == Running(9.0, is_busy=True)


@pytest.mark.parametrize("status", ["success", "SUCCESS", " Success "])
def test_results_keep_their_order(vendor: Scenario, status: str) -> None:
    job = {"status": status, "metadata": {"assetIds": ["b", "a"]}, "billing": {"cuCost": 11.30}}
    assert poll(vendor, job) == Finished(downloads=("b", "a"), amount="11.3")


@pytest.mark.parametrize(
    ("job", "failed"),
    [
        ({"status": "failure", "metadata": {"error": "Broke.", "hint": "Mend it."}, "billing": {"cuCost": 1}},
         Failed("failed", "Broke. Mend it.", False)),
        ({"status": "failure", "billing": {"disableRefund": True}}, Failed("failed", "The job failed.", True)),
        ({"status": "Failure"}, Failed("failed", "The job failed.", None)),
        ({"status": "failure", "metadata": {"error": "NSFW content"}, "billing": {"disableRefund": False}},
         Failed("rejected", "NSFW content", False)),
        ({"status": "canceled"}, Failed("canceled", "The job was cancelled at the vendor.", None)),
        ({"status": "success", "metadata": {"assetIds": []}}, Failed("no-picture", "The job ended without a picture.", True)),
    ],
)  # fmt: skip
def test_jobs_that_end_without_a_picture(vendor: Scenario, job: dict[str, Any], failed: Failed) -> None:
    assert poll(vendor, job) == failed


@pytest.mark.parametrize("is_charged", [True, False])
def test_the_bill_of_a_failed_job_is_true(vendor: Scenario, is_charged: bool) -> None:
    vendor.endings.append(Ending(("queued", "failure"), "Broke", is_charged))

    async def act(session: Session) -> Any:
        return await ended(session, (await submitted(session, asking())).vendor_id)

    assert drive(vendor, act).is_charged is is_charged
    assert vendor.charged == (11 if is_charged else 0)


def test_a_job_that_the_vendor_does_not_know_is_absent_for_now(vendor: Scenario) -> None:
    assert drive(vendor, lambda session: scenario.poll(session, "job_9")) == Absent()


def test_a_poll_in_vain(vendor: Scenario) -> None:
    with pytest.raises(ProviderError, match="401"):
        poll(vendor, said({}, 401))


def test_an_id_is_quoted(vendor: Scenario) -> None:
    drive(vendor, lambda session: scenario.poll(session, "../models?x"))
    assert vendor.server.asked[-1].path == "/v1/jobs/..%2Fmodels%3Fx"


def test_a_job_of_this_kind_cannot_be_cancelled(vendor: Scenario) -> None:
    assert drive(vendor, lambda session: scenario.cancel(session, "job_1")) is False
    assert vendor.server.asked == []


# Download


def downloaded(vendor: Scenario) -> bytes:
    asset = vendor._add_asset(png(b"result"), "image/png", "r.png")
    return drive(vendor, lambda session: scenario.download(session, asset.id))


def test_the_original_is_downloaded_without_credentials(vendor: Scenario) -> None:
    assert downloaded(vendor) == png(b"result")
    assert vendor.leaked == []


def test_an_expired_address_is_read_afresh(vendor: Scenario) -> None:
    vendor.stale_addresses = 1
    assert downloaded(vendor) == png(b"result")
    assert len(vendor.server.names("GET /v1/assets/")) == 2


def test_an_address_that_stays_expired(vendor: Scenario) -> None:
    vendor.stale_addresses = 5
    with pytest.raises(FetchError, match="403") as caught:
        downloaded(vendor)
    assert "Signature" not in str(caught.value)


def test_what_comes_is_given_as_it_is(vendor: Scenario) -> None:
    vendor.wrong_type = b"<html>not a picture</html>"
    assert downloaded(vendor) == vendor.wrong_type  # judging it is the engine's, as for every vendor


def test_a_job_that_the_vendor_lost(vendor: Scenario) -> None:
    async def act(session: Session) -> Any:
        job = (await submitted(session, asking())).vendor_id
        del vendor.jobs[job]
        return await scenario.poll(session, job)

    assert drive(vendor, act) == Absent()


@pytest.mark.parametrize("cut", [0, 20, -1])
def test_a_picture_cut_short_is_fetched_again_or_not_given(vendor: Scenario, cut: int) -> None:
    vendor.server.fault("GET /assets/", Fault(cut_at=cut))
    assert downloaded(vendor) == png(b"result")
    vendor.server.fault("GET /assets/", Fault(cut_at=cut), times=2)
    with pytest.raises(FetchError):
        downloaded(vendor)


@pytest.mark.parametrize(
    ("asset", "error"),
    [({"status": "pending"}, FetchError), ({"status": "error"}, ProviderError), ({}, FetchError)],
)
def test_an_asset_that_is_not_there_yet_or_never(
    vendor: Scenario, asset: dict[str, Any], error: type[Exception]
) -> None:
    vendor.server.fault("GET /v1/assets/a", Fault(instead=said({"asset": {"id": "a", **asset}})))
    with pytest.raises(error):
        drive(vendor, lambda session: scenario.download(session, "a"))


def test_a_result_that_the_vendor_deleted(vendor: Scenario) -> None:
    with pytest.raises(ProviderError, match="no longer has the picture asset_9"):
        drive(vendor, lambda session: scenario.download(session, "asset_9"))


# Find


def find_after_loss(
    vendor: Scenario, request: Request | None = None, route: Route = KONTEXT, before: Act[Any] | None = None
) -> Any:
    """What is found of a request whose reply was lost some minutes ago."""
    vendor.server.ahead_seconds = -LONG_AGO
    since = vendor.server.now() - 60.0

    async def act(session: Session) -> Any:
        sent = await uploaded(session, request or asking(route))
        if before is not None:
            await before(session)
        try:
            await scenario.submit(session, sent)
        except ReplyLost:
            vendor.server.ahead_seconds = 0.0
        return await scenario.find(session, sent, since)

    return drive(vendor, act, route)


def test_a_job_whose_reply_was_lost_is_found(vendor: Scenario) -> None:
    vendor.server.fault(SUBMIT, Fault(cut_at=30))
    found = find_after_loss(vendor)
    assert found == Accepted(next(iter(vendor.jobs)))
    assert len(vendor.bill) == 1


@pytest.mark.parametrize(("model", "route"), MINE)
def test_every_route_finds_its_own(vendor: Scenario, model: Model, route: Route) -> None:
    vendor.server.fault(SUBMIT, Fault(cut_at=0))
    assert find_after_loss(vendor, asking(route), route) == Accepted(next(iter(vendor.jobs)))


def test_a_request_that_never_arrived_is_absent(vendor: Scenario) -> None:
    vendor.server.fault(SUBMIT, Fault(instead=said({}, 500), cut_at=0))
    assert find_after_loss(vendor) == Absent()
    assert vendor.bill == []


def test_soon_after_the_loss_nothing_is_absent(vendor: Scenario) -> None:
    vendor.server.fault(SUBMIT, Fault(cut_at=0))
    vendor.list_lags = 1

    async def act(session: Session) -> list[Any]:
        sent = await uploaded(session, asking())
        with pytest.raises(ReplyLost):
            await scenario.submit(session, sent)
        return [await scenario.find(session, sent, vendor.server.now() - 60.0) for _ in range(2)]

    early, later = drive(vendor, act)
    assert isinstance(early, Unknown)  # the list lagged behind: to believe it would buy the picture twice
    assert later == Accepted(next(iter(vendor.jobs)))


def find_among(vendor: Scenario, request: Request, *others: Request) -> Any:
    """What is found of a request among jobs of some minutes ago that have the same assets."""
    vendor.server.ahead_seconds = -LONG_AGO
    since = vendor.server.now() - 60.0
    known: dict[bytes, str] = {}

    async def act(session: Session) -> Any:
        for other in others:
            assert isinstance(await scenario.submit(session, await uploaded(session, other, known)), Accepted)
        vendor.server.ahead_seconds = 0.0
        return await scenario.find(session, await uploaded(session, request, known), since)

    return drive(vendor, act)


def test_other_jobs_are_not_taken_for_it(vendor: Scenario) -> None:
    other_picture = {"image": (blob(png(b"z")),)}
    more_pictures = {"references": (blob(png(b"z")),)}
    others = [
        asking(prompt="Day", seed=5),
        asking(seed=4),
        asking(seed=5, images=other_picture),
        asking(seed=5, images=more_pictures),
        asking(seed=5, guidance=4),
        asking(seed=5, count=2),
    ]
    assert find_among(vendor, asking(seed=5), *others) == Absent()
    mine = find_among(vendor, asking(seed=5), *others, asking(seed=5))
    assert mine == Accepted(list(vendor.jobs)[-1])


def test_numbers_are_compared_exactly(vendor: Scenario) -> None:
    mine = asking(guidance=3.3, seed=2**31 - 1)
    assert find_among(vendor, mine, asking(guidance=3.30001, seed=2**31 - 1), mine) == Accepted(
        list(vendor.jobs)[-1]
    )


def test_two_jobs_alike_are_not_told_apart(vendor: Scenario) -> None:
    found = find_among(vendor, asking(), asking(), asking())
    assert isinstance(found, Unknown)
    assert all(job in found.message for job in vendor.jobs)


def test_a_job_that_says_more_may_be_another(vendor: Scenario) -> None:
    assert isinstance(find_among(vendor, asking(), asking(seed=5)), Unknown)


def test_a_long_list_is_read_to_its_end(vendor: Scenario) -> None:
    vendor.page_size = 1
    vendor.server.fault(SUBMIT, Fault(cut_at=0))

    async def others(session: Session) -> None:
        vendor.server._planned[0].skip = 3
        for number in range(3):
            await submitted(session, asking(prompt=f"Day {number}"))

    found = find_after_loss(vendor, before=others)
    assert found == Accepted(list(vendor.jobs)[-1])
    assert len(vendor.server.names("GET /v1/jobs")) >= 3


JOB = {"jobId": "job_x", "jobType": "custom", "status": "queued"}


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({}, Accepted),
        ({"input": None}, Unknown),
        ({"prompt": "asset_longprompt"}, Unknown),
        ({"prompt": "Day"}, Absent),
        ({"numOutputs": None}, Absent),
        ({"strange": 4}, Unknown),
        ({"seed": 4}, Unknown),
        ({"strange": None, "loras": []}, Accepted),
        ({"modelId": "model_flux-kontext-editing"}, Accepted),
        ({"modelId": "model_other"}, Absent),
        ({"job": {"jobType": "upscale"}}, Absent),
        ({"metadata": {"modelId": "model_other"}}, Absent),
    ],
)
def test_how_a_job_may_be_listed(vendor: Scenario, change: dict[str, Any], kind: type[Any]) -> None:
    async def act(session: Session) -> Any:
        sent = await uploaded(session, asking())
        _, body = scenario._sendable(sent, KONTEXT)
        top, metadata = change.pop("job", {}), change.pop("metadata", {})
        echo = None if change == {"input": None} else {**body, **change}
        jobs = [{**JOB, **top, "metadata": {"input": echo, **metadata}}]
        vendor.server.fault(
            "GET /v1/jobs", Fault(instead=said({"jobs": jobs}, Date="Sun, 01 Nov 2026 10:00:00 GMT"))
        )
        return await scenario.find(session, sent, 1_700_000_000.0)

    assert isinstance(drive(vendor, act), kind)


@pytest.mark.parametrize(
    "answer",
    [
        said({"jobs": None}, Date="Sun, 01 Nov 2026 10:00:00 GMT"),
        said({"jobs": ["?"]}, Date="Sun, 01 Nov 2026 10:00:00 GMT"),
        said({"jobs": []}, Date="yesterday"),
    ],
)
def test_a_list_that_cannot_be_trusted_proves_nothing(vendor: Scenario, answer: Answer) -> None:
    vendor.server.fault("GET /v1/jobs", Fault(instead=answer))

    async def act(session: Session) -> Any:
        return await scenario.find(session, await uploaded(session, asking()), 1_700_000_000.0)

    assert isinstance(drive(vendor, act), Unknown)


def test_without_its_pictures_a_request_is_not_surely_found(vendor: Scenario) -> None:
    async def act(session: Session) -> Any:
        await submitted(session, asking())
        return await scenario.find(session, asking(), vendor.server.now() - 600)

    assert isinstance(drive(vendor, act), Unknown)


# Masks


MASKED = route_of("gpt-image-2")


def masked(image: bytes | None = None) -> Request:
    mask = Image.new("L", (6, 4), 255)
    mask.paste(0, (0, 0, 3, 4))
    images = {"image": (blob(image or png(b"a")),), "mask": (blob(codec.encode(mask, "png")),)}
    return asking(MASKED, images=images)


def test_a_mask_becomes_transparent_where_it_edits(vendor: Scenario) -> None:
    ready = scenario.prepared(masked(codec.encode(codec.decode(png(b"a")), "jpeg")), MASKED)
    sent = ready.images["mask"][0].decode()
    image = ready.images["image"][0]
    assert (sent.mode, sent.size) == ("RGBA", image.decode().size)
    assert image.read().startswith(b"\x89PNG")
    alpha = sent.getchannel("A")
    assert (alpha.getpixel((0, 0)), alpha.getpixel((11, 7))) == (0, 255)
    assert isinstance(submit(vendor, ready, MASKED), Accepted)
    (job,) = vendor.jobs.values()
    assert vendor.assets[job.input["mask"]].data == ready.images["mask"][0].read()


def test_preparing_twice_is_preparing_once() -> None:
    once = scenario.prepared(masked(), MASKED)
    twice = scenario.prepared(once, MASKED)
    assert twice.images["mask"][0].digest == once.images["mask"][0].digest


def test_a_mask_that_was_not_prepared_is_not_paid_for(vendor: Scenario) -> None:
    with pytest.raises(TaskError, match="mask: scenario wants it in a form"):
        submit(vendor, masked(), MASKED)
    assert vendor.server.names(SUBMIT) == []


def test_other_pictures_are_sent_as_they_are_and_no_ignored_ones() -> None:
    request = asking(images={"mask": (blob(png(b"m")),)})
    assert scenario.prepared(request, KONTEXT).images == {"image": request.images["image"]}
    legacy = route_of("gpt-image-1", "prompt-editing")
    request = asking(legacy, images={"mask": (blob(png(b"m")),)})
    assert scenario.prepared(request, legacy) == replace(request, prepared=())


def test_no_prompt_is_judged() -> None:
    assert list(scenario.check_prompt("anything")) == []

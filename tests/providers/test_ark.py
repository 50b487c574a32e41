"""Ark as a provider, over real sockets, against a stand-in that keeps a bill."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from tests.providers.driving import CATALOGUE, IMAGE, Bench, asking, blob, examples, route_of, routes_of
from tests.vendors.ark import KEY, MODELS, Ark, Ending, no
from tests.vendors.base import LOOPBACK, Answer, Fault, said

from editchain.errors import ConfigurationError, ProviderError, TaskError
from editchain.http import Client, FetchError, ReplyLost
from editchain.models import Model, Route
from editchain.providers import ark
from editchain.providers.base import Blob, Failed, Finished, Refused, Session, Unknown

SUBMIT = "POST /api/v3/images"
FOUR = "seedream-4"
TRACE = "call-7"
SERIES = next(one for one in CATALOGUE.models[FOUR].routes if one.provider == "ark" and one.samples > 1)


@pytest.fixture
def vendor() -> Iterator[Ark]:
    with Ark().running() as made:
        yield made


@pytest.fixture
def bench(vendor: Ark) -> Bench:
    return Bench("ark", vendor.url, (KEY,))


# The whole way


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_edit_from_picture_to_picture(vendor: Ark, bench: Bench, backend: str) -> None:
    async def act(session: Session) -> tuple[Finished, bytes]:
        request = replace(asking(FOUR, session.route, {"references": ["b"]}), token=TRACE)
        found = await ark.submit(session, request)
        assert isinstance(found, Finished)
        return found, await ark.download(session, found.downloads[0])

    found, picture = bench.drive(FOUR, act, backend=backend)
    (asked,) = vendor.asks
    assert picture == vendor.picture(asked, 0)
    assert found.amount == "0.03"
    assert asked["image"][0] == f"data:image/png;base64,{base64.b64encode(IMAGE).decode()}"
    assert len(asked["image"]) == 2
    assert {name: asked[name] for name in asked.keys() - {"image", "prompt"}} == {
        "model": "seedream-4-0-250828",
        "size": "4K",
        "sequential_image_generation": "disabled",
        "watermark": False,
        "response_format": "url",
    }
    assert vendor.traces == [TRACE]
    assert vendor.charged == Decimal("0.03")
    assert vendor.leaked == []


@pytest.mark.parametrize(("model", "route"), routes_of("ark"))
def test_the_vendor_takes_every_example_of_every_model(
    vendor: Ark, bench: Bench, model: Model, route: Route
) -> None:
    for example in examples(model):
        count = min(example.get("num_samples", 1), route.samples)
        try:
            found = bench.submit(model.name, example, route=route, count=count)
        except TaskError as error:
            assert "nothing was sent: samples_as" in str(error)
        else:
            assert isinstance(found, Finished), found
            assert len(found.downloads) == count
    assert vendor.bill
    assert not any(one["watermark"] for one in vendor.asks)


@pytest.mark.parametrize(("model", "route"), routes_of("ark"))
def test_every_shape_that_the_document_sends_is_one_that_the_vendor_takes(
    vendor: Ark, model: Model, route: Route
) -> None:
    low, high = MODELS[route.id].area
    sizes = [
        size
        for values in route.fields["aspect_ratio"]["values"].values()
        for size in values.values()
        if "x" in size
    ]
    assert len(sizes) == 8 * len(route.fields["aspect_ratio"]["values"]["auto"])
    for size in sizes:
        width, height = map(int, size.split("x"))
        assert low <= width * height <= high, (model.name, size)


def test_a_size_in_pixels_goes_before_the_tier(vendor: Ark, bench: Bench) -> None:
    bench.submit("seedream-4-5", {"size": [2560, 1440]})
    bench.submit("seedream-4-5", {"resolution": "4k"})
    bench.submit("seedream-5-pro", {"resolution": "1.5k", "aspect_ratio": "16:9"})
    assert [one["size"] for one in vendor.asks] == ["2560x1440", "4K", "2048x1152"]


def test_models_have_names_of_their_own_at_volcengine() -> None:
    for url, name in (
        ("https://ark.cn-beijing.volces.com/api/v3", "doubao-seedream-4-0-250828"),
        ("https://ark.eu-west.bytepluses.com/api/v3", "seedream-4-0-250828"),
    ):
        session = Session(Client(url, {}, rules=LOOPBACK), route_of(FOUR, "ark"))
        assert json.loads(ark._body(session, asking(FOUR, session.route)))["model"] == name


def test_an_accounts_own_endpoint_stands_in_for_the_model(vendor: Ark, bench: Bench) -> None:
    vendor.endpoints["ep-20261127-x"] = "seedream-4-0-250828"
    assert isinstance(bench.submit(FOUR, options={"model": "ep-20261127-x"}), Finished)
    assert vendor.asks[0]["model"] == "ep-20261127-x"


@pytest.mark.parametrize("name", ["stream", "sequential_image_generation_options", "layer_decomposition"])
def test_options_whose_answer_would_be_lost_are_not_sent(vendor: Ark, bench: Bench, name: str) -> None:
    with pytest.raises(TaskError, match=f"the vendor has no {name} for this model"):
        bench.submit(FOUR, options={name: True})
    assert vendor.server.asked == []


def test_pictures_are_read_and_packed_beside_the_loop(bench: Bench) -> None:
    threads: list[int] = []

    def read() -> bytes:
        threads.append(threading.get_ident())
        return IMAGE

    plain = blob(IMAGE)
    request = asking(FOUR, route_of(FOUR, "ark"))
    request = replace(request, images={"image": (Blob(plain.digest, read, plain.decode),)})
    bench.drive(FOUR, lambda session: ark.submit(session, request))
    assert threads
    assert threading.get_ident() not in threads


@pytest.mark.parametrize("key", ["", "schlüssel", "line\nbreak"])
def test_a_key_that_cannot_be_sent(key: str) -> None:
    with pytest.raises(ConfigurationError, match="ARK_API_KEY"):
        ark.authorization((key,))


# Series, and pictures that are missing


def series(vendor: Ark, bench: Bench, count: int) -> tuple[Any, list[bytes]]:
    async def act(session: Session) -> tuple[Any, list[bytes]]:
        found = await ark.submit(session, asking(FOUR, SERIES, {"samples_as": "series"}, count=count))
        addresses = found.downloads if isinstance(found, Finished) else ()
        return found, [await ark.download(session, one) for one in addresses]

    return bench.drive(FOUR, act, SERIES)


def test_a_series_brings_as_many_as_are_asked_for(vendor: Ark, bench: Bench) -> None:
    found, pictures = series(vendor, bench, 3)
    assert pictures == [vendor.picture(vendor.asks[0], at) for at in range(3)]
    assert vendor.asks[0]["sequential_image_generation_options"] == {"max_images": 3}
    assert (found.amount, vendor.charged) == ("0.09", Decimal("0.09"))


def test_a_series_may_have_fewer(vendor: Ark, bench: Bench) -> None:
    vendor.endings.append(Ending(count=2))
    found, pictures = series(vendor, bench, 4)
    assert (len(pictures), found.amount) == (2, "0.06")


def test_the_pictures_of_a_series_that_were_made_count_alone(vendor: Ark, bench: Bench) -> None:
    vendor.endings.append(Ending(errors=(None, ("OutputImageSensitiveContentDetected", "no"), None)))
    found, pictures = series(vendor, bench, 3)
    assert pictures == [vendor.picture(vendor.asks[0], at) for at in (0, 2)]
    assert (found.amount, vendor.charged) == ("0.06", Decimal("0.06"))


@pytest.mark.parametrize(
    ("ending", "kind", "reason"),
    [
        (Ending((("OutputImageSensitiveContentDetected", "not this"),)), Refused, "rejected"),
        (Ending((("OutputImageSensitiveContentDetected.PolicyViolation", "x"),)), Refused, "rejected"),
        (Ending((("OutputTextRiskDetection", "x"),)), Refused, "rejected"),
        (Ending((("InternalServiceError", "not this"),)), Failed, "failed"),
        (Ending((("OutputImageSensitiveContentDetected", "x"),), is_charged_anyway=True), Failed, "rejected"),
    ],
)
def test_a_picture_that_was_not_made(
    vendor: Ark, bench: Bench, ending: Ending, kind: type[Any], reason: str
) -> None:
    vendor.endings.append(ending)
    found = bench.submit(FOUR)
    assert isinstance(found, kind)
    assert found.reason == reason
    if isinstance(found, Failed):
        assert found.is_charged == ending.is_charged_anyway
        assert found.amount == ("0.03" if ending.is_charged_anyway else None)
    assert vendor.charged == (Decimal("0.03") if ending.is_charged_anyway else 0)


def test_an_error_for_all_of_an_answer(vendor: Ark, bench: Bench) -> None:
    error = {"code": "InputImageSensitiveContentDetected", "message": "not this picture"}
    vendor.server.fault(SUBMIT, Fault(instead=said({"model": "x", "data": [], "error": error})))
    assert bench.submit(FOUR) == Refused("rejected", "ark's moderation refused it: not this picture")


def test_pictures_in_the_answer_are_taken_as_well(vendor: Ark, bench: Bench) -> None:
    packed = base64.b64encode(IMAGE).decode()
    answer = said({"data": [{"b64_json": packed}], "usage": {"generated_images": 1}})
    vendor.server.fault(SUBMIT, Fault(instead=answer))
    assert bench.submit(FOUR) == Finished(pictures=(IMAGE,), amount="0.03")


def test_what_pictures_of_several_prices_cost_is_not_guessed(bench: Bench) -> None:
    assert bench.submit("seedream-5-pro").amount is None


# Refusals


@pytest.mark.parametrize(
    ("status", "code", "reason", "stops_all", "again"),
    [
        (400, "InvalidParameter", "refused", False, None),
        (400, "MissingParameter.prompt", "refused", False, None),
        (400, "InvalidImageURL.EmptyURL", "refused", False, None),
        (400, "InvalidEndpoint.ClosedEndpoint", "refused", False, None),
        (400, "InputTextSensitiveContentDetected", "rejected", False, None),
        (400, "InputImageSensitiveContentDetected.PrivacyInformation", "rejected", False, None),
        (400, "OutputImageSensitiveContentDetected.PolicyViolation", "rejected", False, None),
        (400, "InputTextRiskDetection", "rejected", False, None),
        (400, "ContentSecurityDetectionError", "not-ready", False, 2.0),
        (401, "AuthenticationError", "credentials", True, None),
        (401, "InvalidAccountStatus", "credentials", True, None),
        (402, "AccountOverdueError", "credits", True, None),
        (403, "AccountOverdueError", "credits", True, None),
        (403, "AccessDenied", "plan", False, None),
        (403, "OperationDenied.ServiceNotOpen", "plan", False, None),
        (404, "InvalidEndpointOrModel.NotFound", "model", False, None),
        (404, "InvalidEndpointOrModel.ModelIDAccessDisabled", "model", False, None),
        (404, "ModelNotOpen", "model", False, None),
        (413, "", "refused", False, None),
        (429, "RateLimitExceeded.EndpointRPMExceeded", "busy", False, 5.0),
        (429, "ModelAccountIpmRateLimitExceeded", "busy", False, 5.0),
        (429, "RequestBurstTooFast", "busy", False, 5.0),
        (429, "ServerOverloaded", "busy", False, 5.0),
        (429, "InflightBatchsizeExceeded", "busy", False, 5.0),
        (429, "QuotaExceeded", "quota", True, None),
        (429, "SetLimitExceeded", "quota", True, None),
        (500, "InternalServiceError", "not-ready", False, 2.0),
    ],
)
def test_refusals(
    vendor: Ark, bench: Bench, status: int, code: str, reason: str, stops_all: bool, again: float | None
) -> None:
    vendor.server.fault(SUBMIT, Fault(instead=no(status, code, "said so")))
    found = bench.submit(FOUR)
    assert isinstance(found, Refused)
    assert (found.reason, found.stops_all, found.retry_after_seconds) == (reason, stops_all, again)
    assert "said so (request 0217-stand-in)" in found.message
    assert vendor.bill == []


def test_a_busy_vendor_may_say_until_when(vendor: Ark, bench: Bench) -> None:
    busy = no(429, "RequestBurstTooFast", "later", retry_after="17")
    vendor.server.fault(SUBMIT, Fault(instead=busy))
    assert bench.submit(FOUR).retry_after_seconds == 17.0


# Lost replies


@pytest.mark.parametrize(
    "answer",
    [
        said({}, 302),
        no(408, "RequestTimeout", "slow"),
        no(409, "Conflict", "odd"),
        Answer(500, b"<html>"),
        no(502, "BadGateway", "in between"),
        Answer(504, b""),
        Answer(200, b""),
        Answer(200, b"<html>"),
        said({}),
        said({"data": [{}]}),
    ],
)
def test_whether_it_was_made_is_not_known(vendor: Ark, bench: Bench, answer: Answer) -> None:
    vendor.server.fault(SUBMIT, Fault(after=answer))
    assert isinstance(bench.submit(FOUR), Unknown)
    assert len(vendor.bill) == 1


@pytest.mark.parametrize("cut_at", [0, 10, 60, -1])
def test_a_reply_that_is_cut(vendor: Ark, bench: Bench, cut_at: int) -> None:
    vendor.server.fault(SUBMIT, Fault(cut_at=cut_at))
    with pytest.raises(ReplyLost):
        bench.submit(FOUR)
    assert len(vendor.bill) == 1


# Delivery


def delivered(bench: Bench, meanwhile: Any) -> bytes:
    async def act(session: Session) -> bytes:
        found = await ark.submit(session, asking(FOUR, session.route))
        assert isinstance(found, Finished)
        meanwhile()
        return await ark.download(session, found.downloads[0])

    return bench.drive(FOUR, act)


def test_a_picture_is_kept_for_a_day(vendor: Ark, bench: Bench) -> None:
    def much_later() -> None:
        vendor.server.ahead_seconds = 86_500

    with pytest.raises(ProviderError, match="keeps pictures for a day"):
        delivered(bench, much_later)
    assert vendor.charged == Decimal("0.03")


def test_a_delivery_that_fails_in_passing_may_be_tried_again(vendor: Ark, bench: Bench) -> None:
    def trouble() -> None:
        vendor.server.fault("GET /tos", Fault(instead=Answer(503)))

    with pytest.raises(FetchError, match="status 503"):
        delivered(bench, trouble)

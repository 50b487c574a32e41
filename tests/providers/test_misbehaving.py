"""Vendors that misbehave, all seven over real sockets: nothing is taken for what it is not, asked twice, or told a credential."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import pytest
from tests.providers.driving import Bench, asking, route_of
from tests.providers.test_vendor_runs import SCENARIO, SHOPS, Shop
from tests.vendors.base import Answer, Fault, Server, png, said

from editchain.errors import EditchainError
from editchain.http import FetchError, ReplyLost
from editchain.providers.base import Accepted, Failed, Finished, Refused, Running, Session, Unknown

SUBMITS = {
    "ark": "POST /api/v3/images",
    "bfl": "POST /v1/flux",
    "fal": "POST /fal-ai/",
    "google": "POST /v1beta/models",
    "openai": "POST /v1/images",
    "runway": "POST /v1/text_to_image",
    "scenario": "POST /v1/generate",
}
POLLS = {"bfl": "GET /eu2", "fal": "GET /fal-ai/", "runway": "GET /v1/tasks", "scenario": "GET /v1/jobs/"}


@dataclass(frozen=True)
class Bad:
    """A vendor about to misbehave."""

    shop: Shop
    vendor: Any
    bench: Bench

    @property
    def submits(self) -> list[str]:
        found: list[str] = self.vendor.server.names(SUBMITS[self.shop.provider])
        return found

    def submit(self, fault: Fault) -> Any:
        """What comes of a submit that goes wrong; its answer, or the error that means the same to the engine."""
        self.vendor.server.fault(SUBMITS[self.shop.provider], fault)
        try:
            return self.bench.submit(self.shop.model)
        except ReplyLost as error:
            return Unknown(str(error))


def opened(shop: Shop) -> Iterator[Bad]:
    with shop.open() as vendor:
        yield Bad(shop, vendor, Bench(shop.provider, vendor.url, tuple(shop.credentials.values())))


@pytest.fixture(params=[*SHOPS, SCENARIO], ids=lambda shop: shop.provider)
def bad(request: pytest.FixtureRequest) -> Iterator[Bad]:
    yield from opened(request.param)


@pytest.fixture(
    params=[shop for shop in [*SHOPS, SCENARIO] if shop.provider in POLLS], ids=lambda shop: shop.provider
)
def polled(request: pytest.FixtureRequest) -> Iterator[Bad]:
    yield from opened(request.param)


PAGE = Answer(
    200, b"<html><body>Sign in to the wireless network</body></html>", {"Content-Type": "text/html"}
)
TRAP = Answer(200, gzip.compress(b" " * 30_000_000, 9), {"Content-Encoding": "gzip"})
ODD = [
    pytest.param(PAGE, id="a page of a proxy"),
    pytest.param(TRAP, id="a trap"),
    pytest.param(Answer(200, b"{}", {"Content-Encoding": "br"}), id="packed in an unknown way"),
    pytest.param(Answer(200, gzip.compress(b"{}")[:9], {"Content-Encoding": "gzip"}), id="packed and cut"),
    pytest.param(Answer(204), id="nothing"),
    pytest.param(said([1, 2]), id="a list"),
    pytest.param(Answer(200, b'{"id": "abc", "polling_u'), id="half of it"),
    pytest.param(
        Answer(200, b'{"id": "abc"}', {"Content-Length": "3", "Connection": "close"}),
        id="a length that is too short",
    ),
    pytest.param(Answer(502, b"<html>Bad Gateway</html>"), id="an error of a proxy"),
]


@pytest.mark.parametrize("answer", ODD)
def test_an_answer_to_a_submit_that_cannot_be_read_leaves_it_open(bad: Bad, answer: Answer) -> None:
    found = bad.submit(Fault(after=answer))
    assert isinstance(found, Unknown), found
    assert bad.shop.provider in found.message or "127.0.0.1" in found.message
    assert "<" not in found.message
    assert (len(bad.submits), len(bad.vendor.bill)) == (1, 1)


def test_an_error_inside_of_a_success_is_said_and_never_free_to_repeat(bad: Bad) -> None:
    found = bad.submit(Fault(after=said({"error": {"message": "the shard fell over", "code": "shard"}})))
    assert isinstance(found, Unknown) or (isinstance(found, Failed) and found.is_charged is not False)
    assert "the shard fell over" in found.message


def test_who_sends_a_request_elsewhere_is_not_followed_and_did_not_charge(bad: Bad) -> None:
    place = "https://elsewhere.example/v2?signature=s3cret"
    found = bad.submit(Fault(instead=Answer(307, b"", {"Location": place})))
    assert isinstance(found, Refused)
    assert found.stops_all
    assert "leads on to https://elsewhere.example/v2," in found.message
    assert "base_url" in found.message
    assert "s3cret" not in found.message
    assert len(bad.submits) == 1


@pytest.mark.parametrize(
    ("says", "seconds"),
    [
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("-5", 0.0),
        ("315360000", 315_360_000.0),
        ("soon", None),
        ("1e999", None),
        ("nan", None),
        ("٣", 3.0),
    ],
)
def test_a_time_to_come_back_is_taken_as_it_can_be(bad: Bad, says: str, seconds: float | None) -> None:
    header = says.encode().decode("latin-1")
    found = bad.submit(Fault(instead=Answer(429, b'{"error": "slow"}', {"Retry-After": header})))
    assert isinstance(found, Refused)
    assert not found.stops_all
    assert found.retry_after_seconds is not None
    if seconds is None or not says.isascii():
        assert 0 < found.retry_after_seconds <= 60
    else:
        assert found.retry_after_seconds == seconds


@pytest.mark.parametrize("answer", [*ODD, pytest.param(said({"error": {"message": "x"}}), id="an error")])
def test_an_answer_to_a_poll_that_cannot_be_read_is_asked_for_again(polled: Bad, answer: Answer) -> None:
    polled.vendor.server.fault(POLLS[polled.shop.provider], Fault(instead=answer))
    module, heard = polled.bench.module, []

    async def act(session: Session) -> None:
        request = await polled.bench.ready(session, asking(polled.shop.model, session.route))
        job = await module.submit(session, request)
        assert isinstance(job, Accepted)
        try:
            heard.append(await module.poll(session, job.vendor_id))
        except (FetchError, ReplyLost) as error:
            heard.append(error)
        assert isinstance(await polled.bench.ended(session, job.vendor_id), Finished)

    polled.bench.drive(polled.shop.model, act)
    assert isinstance(heard[0], (Running, FetchError, ReplyLost)), heard
    assert len(polled.vendor.bill) == 1


ODD_NAME = "../jobs?a=b#c%2F é\r\nX-Evil: 1"


def test_a_job_of_an_odd_name_stays_one_segment_of_the_path(polled: Bad) -> None:
    told: dict[str, Any] = {"id": ODD_NAME, "request_id": ODD_NAME, "job": {"jobId": ODD_NAME}}
    job = polled.submit(Fault(after=said(told)))
    assert isinstance(job, Accepted)
    assert job.vendor_id == ODD_NAME

    async def act(session: Session) -> None:
        with suppress(EditchainError):  # the stand-in has no such job
            await polled.bench.module.poll(session, job.vendor_id)

    polled.bench.drive(polled.shop.model, act)
    asked = polled.vendor.server.asked[-1]
    assert asked.method == "GET"
    assert "x-evil" not in asked.headers
    segments = [unquote(one) for one in asked.path.split("/")]
    assert ODD_NAME in (*segments, *asked.query.values())


KEEPING = [
    shop for shop in [*SHOPS, SCENARIO] if shop.provider not in ("google", "openai")
]  # those give pictures in their answers


@pytest.mark.parametrize("shop", KEEPING, ids=lambda shop: shop.provider)
def test_a_picture_on_another_host_is_fetched_without_the_credential(shop: Shop) -> None:
    elsewhere = Server(lambda _asked: Answer(200, png(b"x")))
    with elsewhere.running(), shop.open() as vendor:
        bench = Bench(shop.provider, vendor.url, tuple(shop.credentials.values()))
        address = f"{elsewhere.url}/x.png?signature=s"
        if shop.provider == "scenario":
            asset = {"asset": {"id": "asset_x", "url": address, "status": "success"}}
            vendor.server.fault("GET /v1/assets/", Fault(instead=said(asset)))
            name = "asset_x"
        else:
            name = f"{address}#task/0" if shop.provider == "runway" else address

        async def act(session: Session) -> bytes:
            data: bytes = await bench.module.download(session, name)
            return data

        assert bench.drive(shop.model, act, route_of(shop.model, shop.provider)) == png(b"x")
        (asked,) = elsewhere.asked
        assert asked.query == {"signature": "s"}
        assert set(asked.headers) == {"host", "user-agent", "accept", "accept-encoding"}


def test_a_packed_answer_is_read_where_it_is_of_a_sensible_size(bad: Bad) -> None:
    """Some servers pack whatever they are asked for."""
    body = b'{"error": "' + b"no room " * 1000 + b'"}'
    for packed, name in ((gzip.compress(body), "gzip"), (zlib.compress(body), "deflate")):
        found = bad.submit(Fault(instead=Answer(429, packed, {"Content-Encoding": name})))
        assert isinstance(found, Refused)
        assert "no room no room" in found.message

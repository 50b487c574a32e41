"""Black Forest Labs as a provider, over real sockets, against a stand-in that keeps a bill.

The vendor has no SDK, and no package holds its OpenAPI document: what it says of each request stands in the stand-in.
"""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from PIL import Image
from tests.providers.driving import IMAGE, Bench, asking, blob, examples, route_of, routes_of
from tests.vendors.base import LOOPBACK, Answer, Fault, said
from tests.vendors.bfl import KEY, Bfl, Ending

from editchain.errors import ConfigurationError, ProviderError, TaskError
from editchain.http import Client, FetchError, ReplyLost
from editchain.models import Model, Route
from editchain.providers import bfl
from editchain.providers.base import (
    Absent,
    Accepted,
    Blob,
    Failed,
    Finished,
    Refused,
    Request,
    Running,
    Session,
    Standing,
    Unknown,
)

SUBMIT = "POST /v1/flux"
PRO = "flux-2-pro"


@pytest.fixture
def vendor() -> Iterator[Bfl]:
    with Bfl().running() as made:
        yield made


@pytest.fixture
def bench(vendor: Bfl) -> Bench:
    return Bench("bfl", vendor.url, (KEY,))


# The whole way


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_edit_from_picture_to_picture(vendor: Bfl, bench: Bench, backend: str) -> None:
    async def act(session: Session) -> tuple[Finished, bytes]:
        request = asking(PRO, session.route, {"references": ["b"], "seed": 7})
        job = await bfl.submit(session, request)
        assert isinstance(job, Accepted)
        assert job.detail == {"id": "task-0001", "cost": "6.0", "input_mp": "2", "output_mp": "1"}
        found = await bench.ended(session, job.vendor_id)
        assert isinstance(found, Finished)
        return found, await bfl.download(session, found.downloads[0])

    found, picture = bench.drive(PRO, act, backend=backend)
    (task,) = vendor.tasks.values()
    assert picture == vendor.picture(task)
    assert (found.amount, found.seed) == ("0.06", 7)
    assert base64.b64decode(task.body["input_image"]) == IMAGE
    assert set(task.body) == {"prompt", "input_image", "input_image_2", "seed", "output_format"}
    assert vendor.charged == 6
    assert vendor.leaked == []


@pytest.mark.parametrize(("model", "route"), routes_of("bfl"))
def test_the_vendor_takes_every_example_of_every_model(
    vendor: Bfl, bench: Bench, model: Model, route: Route
) -> None:
    mask = {"mask": "m.png"} if "mask" in model.document["required"] else {}
    for example in examples(model):
        try:
            answer = bench.submit(model.name, {**mask, **example}, route=route)
        except TaskError as error:
            assert "nothing was sent" in str(error)
        else:
            assert isinstance(answer, Accepted), answer
    assert len(vendor.bill) == len(vendor.tasks) > 0


def test_a_task_is_asked_for_where_the_vendor_says(vendor: Bfl, bench: Bench) -> None:
    assert isinstance(bench.outcome(PRO), Finished)
    assert set(vendor.server.names("GET")) == {"GET /eu2/v1/get_result"}


def test_a_task_of_which_only_the_id_is_known(vendor: Bfl, bench: Bench) -> None:
    async def act(session: Session) -> tuple[Any, Any]:
        await bfl.submit(session, asking(PRO, session.route))
        lost = await bfl.poll(session, "task-0001")
        vendor.finds_anywhere = True
        return lost, await bench.ended(session, "task-0001")

    lost, found = bench.drive(PRO, act)
    assert (lost, type(found)) == (Absent(), Finished)


def test_an_address_on_another_host_is_not_trusted_with_the_key(vendor: Bfl, bench: Bench) -> None:
    elsewhere = said(
        {"id": "task-9", "polling_url": "https://api.bfl.ai.evil.example/v1/get_result?id=task-9"}
    )
    vendor.server.fault(SUBMIT, Fault(after=elsewhere))
    assert bench.submit(PRO) == Accepted("task-9", {"id": "task-9"})


@pytest.mark.parametrize("host", ["api.bfl.ai", "api.eu.bfl.ai", "api.us2.bfl.ai"])
def test_the_vendors_regional_hosts_are_sent_the_key(host: str) -> None:
    client = Client("https://api.bfl.ai", {}, rules=LOOPBACK, hosts=bfl.capabilities.hosts)
    assert client.trusts(f"https://{host}/v1/get_result?id=1")


# What is sent


def test_what_a_step_asks_of_each_kind_of_model(vendor: Bfl, bench: Bench) -> None:
    bench.submit("flux-2-flex", {"aspect_ratio": "16:9", "steps": 6, "guidance": 2, "format": "webp"})
    bench.submit("flux-3-image", {"references": ["b"], "aspect_ratio": "7:5", "resolution": "2k"})
    bench.submit("flux-kontext", {"aspect_ratio": "16:9"}, options={"safety_tolerance": 3})
    flex, three, kontext = (one.body for one in vendor.tasks.values())
    assert (flex["width"], flex["height"], flex["steps"], flex["guidance"]) == (1280, 720, 6, 2)
    assert (flex["output_format"], flex["prompt_upsampling"]) == ("webp", False)
    assert (len(three["images"]), three["aspect_ratio"], three["resolution"]) == (2, "7:5", "2k")
    assert "seed" not in three
    assert (kontext["aspect_ratio"], kontext["safety_tolerance"]) == ("16:9", 3)


def test_a_mask_is_sent_white_where_the_recipe_has_it_black(vendor: Bfl, bench: Bench) -> None:
    route = route_of("flux-fill", "bfl")
    mask = Image.new("L", (30, 26), 255)
    mask.paste(0, (0, 0, 15, 26))
    data = io.BytesIO()
    mask.save(data, "PNG")
    request = asking("flux-fill", route)
    request = replace(request, images={**request.images, "mask": (blob(data.getvalue()),)})
    bench.drive("flux-fill", lambda session: bfl.submit(session, bfl.prepared(request, route)), route)
    (task,) = vendor.tasks.values()
    found = Image.open(io.BytesIO(base64.b64decode(task.body["mask"])))
    assert found.size == (300, 260)
    assert [found.convert("L").getpixel((x, 100)) for x in (10, 290)] == [255, 0]


def test_an_option_that_the_vendor_would_refuse_is_not_sent(vendor: Bfl, bench: Bench) -> None:
    with pytest.raises(TaskError, match="the vendor has no webhook_url for this model; it knows disable_pup"):
        bench.submit(PRO, options={"webhook_url": "https://example.com"})
    assert vendor.server.asked == []


def test_pictures_are_read_and_packed_beside_the_loop(vendor: Bfl, bench: Bench) -> None:
    threads: list[int] = []

    def read() -> bytes:
        threads.append(threading.get_ident())
        return IMAGE

    plain = blob(IMAGE)
    asked = asking(PRO, route_of(PRO, "bfl"))
    request = Request(
        PRO, asked.id, asked.fields, {"image": (Blob(plain.digest, read, plain.decode),)}, 7, said=asked.said
    )
    bench.drive(PRO, lambda session: bfl.submit(session, request))
    assert threads
    assert threading.get_ident() not in threads


@pytest.mark.parametrize("key", ["", "schlüssel", "line\nbreak"])
def test_a_key_that_cannot_be_sent(key: str) -> None:
    with pytest.raises(ConfigurationError, match="BFL_API_KEY") as caught:
        bfl.authorization((key,))
    assert not key or key not in str(caught.value)


# Refusals


@pytest.mark.parametrize(
    ("answer", "reason", "stops_all"),
    [
        (said({"detail": "Insufficient credits"}, 402), "credits", True),
        (said({"detail": "Not authenticated"}, 403), "credentials", True),
        (said({"detail": "Not authenticated"}, 401), "credentials", True),
        (said({"detail": "Not Found"}, 404), "model", False),
        (said({"detail": "The prompt was moderated"}, 422), "rejected", False),
        (
            said({"detail": [{"loc": ["body", "seed"], "msg": "not an int", "type": "x"}]}, 422),
            "refused",
            False,
        ),
        (Answer(413, b"<html>too large"), "refused", False),
    ],
)
def test_refusals(vendor: Bfl, bench: Bench, answer: Answer, reason: str, stops_all: bool) -> None:
    vendor.server.fault(SUBMIT, Fault(instead=answer))
    found = bench.submit(PRO)
    assert isinstance(found, Refused)
    assert (found.reason, found.stops_all, found.retry_after_seconds) == (reason, stops_all, None)
    assert vendor.bill == []


def test_what_is_wrong_with_a_request_is_named_by_its_field(vendor: Bfl, bench: Bench) -> None:
    detail = [
        {"loc": ["body", "seed"], "msg": "not an int"},
        {"loc": ["body", "width", 0], "msg": "too small"},
    ]
    vendor.server.fault(SUBMIT, Fault(instead=said({"detail": detail}, 422)))
    assert bench.submit(PRO).message == "bfl refused it with status 422: seed: not an int; width.0: too small"


@pytest.mark.parametrize(("headers", "seconds"), [({}, 5.0), ({"retry_after": "12"}, 12.0)])
def test_too_many_tasks(vendor: Bfl, bench: Bench, headers: dict[str, str], seconds: float) -> None:
    vendor.server.fault(SUBMIT, Fault(instead=said({"detail": "Too many"}, 429, **headers)))
    found = bench.submit(PRO)
    assert (found.reason, found.retry_after_seconds, found.stops_all) == ("busy", seconds, False)


def test_the_large_kontext_has_fewer_tasks_at_a_time(vendor: Bfl, bench: Bench) -> None:
    found = [bench.submit("flux-kontext-max") for _ in range(7)]
    assert [type(one) for one in found] == [Accepted] * 6 + [Refused]
    assert len(vendor.bill) == 6


def test_credits_that_are_used_up(vendor: Bfl, bench: Bench) -> None:
    vendor.balance = Decimal("7.99")
    found = bench.submit("flux-kontext-max")
    assert (found.reason, found.stops_all) == ("credits", True)
    assert vendor.bill == []


# Lost replies


@pytest.mark.parametrize("status", [302, 408, 500, 502, 503])
def test_whether_it_was_accepted_is_not_known(vendor: Bfl, bench: Bench, status: int) -> None:
    vendor.server.fault(SUBMIT, Fault(after=said({"detail": "oops"}, status)))
    assert bench.submit(PRO) == Unknown(f"bfl answered with status {status}: oops")
    assert len(vendor.bill) == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[]", b'{"id": 5}'])
def test_an_answer_without_a_task(vendor: Bfl, bench: Bench, body: bytes) -> None:
    vendor.server.fault(SUBMIT, Fault(after=Answer(200, body)))
    assert isinstance(bench.submit(PRO), Unknown)


@pytest.mark.parametrize("cut_at", [0, 10, 60, -1])
def test_a_reply_that_is_cut(vendor: Bfl, bench: Bench, cut_at: int) -> None:
    vendor.server.fault(SUBMIT, Fault(cut_at=cut_at))
    with pytest.raises(ReplyLost):
        bench.submit(PRO)
    assert len(vendor.bill) == 1


def test_a_lost_task_cannot_be_looked_for(bench: Bench) -> None:
    assert not bfl.capabilities.finds_lost
    found = bench.drive(PRO, lambda session: bfl.find(session, asking(PRO, session.route), 0.0))
    assert isinstance(found, Unknown)


# Tasks


@pytest.mark.parametrize(
    ("ending", "reason", "is_charged", "amount", "about"),
    [
        (Ending(("Pending", "Request Moderated"), is_charged=False), "rejected", False, None, "the request"),
        (Ending(("Content Moderated",), is_charged=True), "rejected", True, "0.045", "that was made"),
        (Ending(("Content Moderated",), has_cost=False), "rejected", None, None, "that was made"),
        (Ending(("Request Moderated",), {"Moderation Reasons": ["Derivative Works Filter"]}, False), "rejected", False, None, "Derivative Works"),
        (Ending(("Error",), "out of memory", False), "failed", False, None, "out of memory"),
        (Ending(("Error",), {"error": "no luck"}, True), "failed", True, "0.045", "no luck"),
        (Ending(("Error",), has_cost=False), "failed", None, None, "The task failed"),
        (Ending(("Request Moderated",), is_charged=False, http_status=422), "rejected", False, None, "the request"),
    ],
)  # fmt: skip
def test_tasks_that_end_without_a_picture(
    vendor: Bfl,
    bench: Bench,
    ending: Ending,
    reason: str,
    is_charged: bool | None,
    amount: str | None,
    about: str,
) -> None:
    vendor.endings.append(ending)
    found = bench.outcome(PRO)
    assert isinstance(found, Failed)
    assert (found.reason, found.is_charged, found.amount) == (reason, is_charged, amount)
    assert about in found.message
    assert vendor.charged == (Decimal("4.5") if ending.is_charged else 0)


def poll(bench: Bench, vendor_id: str = "task-1") -> Any:
    return bench.drive(PRO, lambda session: bfl.poll(session, vendor_id))


@pytest.mark.parametrize("status", ["Pending", "Reasoning", "Generating", "Dreaming", "QUEUED_AGAIN"])
def test_every_other_status_is_one_of_a_task_that_goes_on(vendor: Bfl, bench: Bench, status: str) -> None:
    vendor.server.fault("GET", Fault(instead=said({"id": "task-1", "status": status})))
    assert poll(bench) == Running(1.0)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (said({"id": "task-1", "status": "Task not found"}), Absent()),
        (said({"detail": "Task not found"}, 404), Absent()),
        (said({}, 429, retry_after="9"), Running(9.0, is_busy=True)),
        (said({}, 503), Running(5.0)),
        (Answer(500, b"<html>"), Running(5.0)),
        (said({"id": "task-1"}), Running(1.0)),
        (
            said({"status": "READY", "result": {}}),
            Failed("no-picture", "The task ended without a picture.", True),
        ),
    ],
)
def test_polls(vendor: Bfl, bench: Bench, answer: Answer, found: Any) -> None:
    vendor.server.fault("GET", Fault(instead=answer))
    assert poll(bench) == found


def test_polls_that_cannot_be_read_are_asked_again(vendor: Bfl, bench: Bench) -> None:
    vendor.server.fault("GET", Fault(instead=Answer(200, b"<html>")))
    with pytest.raises(FetchError, match="cannot be read"):
        poll(bench)
    vendor.server.fault("GET", Fault(instead=said({"detail": "no"}, 403)))
    with pytest.raises(ProviderError, match="status 403"):
        poll(bench)


# Delivery


def test_an_address_that_has_ended_gives_no_picture_and_is_renewed_by_asking_again(
    vendor: Bfl, bench: Bench
) -> None:
    async def act(session: Session) -> bytes:
        job = await bfl.submit(session, asking(PRO, session.route))
        assert isinstance(job, Accepted)
        found = await bench.ended(session, job.vendor_id)
        assert isinstance(found, Finished)
        vendor.server.ahead_seconds = 601
        with pytest.raises(FetchError, match="status 403"):
            await bfl.download(session, found.downloads[0])
        fresh = await bfl.poll(session, job.vendor_id)
        assert isinstance(fresh, Finished)
        return await bfl.download(session, fresh.downloads[0])

    assert bench.drive(PRO, act).startswith(b"\x89PNG")
    assert vendor.charged == Decimal("4.5")


def test_a_picture_whose_only_address_has_ended_is_lost_and_was_charged(vendor: Bfl, bench: Bench) -> None:
    vendor.renews = False

    async def act(session: Session) -> Any:
        job = await bfl.submit(session, asking(PRO, session.route))
        assert isinstance(job, Accepted)
        await bench.ended(session, job.vendor_id)
        vendor.server.ahead_seconds = 601
        return await bfl.poll(session, job.vendor_id)

    found = bench.drive(PRO, act)
    assert isinstance(found, Failed)
    assert (found.reason, found.is_charged, found.amount) == ("lost", True, "0.045")


def test_the_key_does_not_go_along_with_downloads(vendor: Bfl, bench: Bench) -> None:
    bench.drive(PRO, lambda session: _whole_way(bench, session))
    assert vendor.leaked == []
    assert all("x-key" in one.headers for one in vendor.server.asked if "/v1/" in one.path)


async def _whole_way(bench: Bench, session: Session) -> bytes:
    job = await bfl.submit(session, asking(PRO, session.route))
    assert isinstance(job, Accepted)
    found = await bench.ended(session, job.vendor_id)
    assert isinstance(found, Finished)
    return await bfl.download(session, found.downloads[0])


# The account


def check(bench: Bench) -> Standing:
    return bench.drive(PRO, lambda session: bfl.check(session.client))


def test_the_account_can_be_asked_how_it_stands(vendor: Bfl, bench: Bench) -> None:
    assert check(bench) == Standing("1000.0 credits")
    vendor.balance = Decimal(0)
    assert check(bench) == Standing("0.0 credits", "bfl says that the credits are used up.")
    stranger = Bench("bfl", vendor.url, ("another",))
    assert "does not accept the credential" in (check(stranger).refusal or "")
    vendor.server.fault("GET /v1/credits", Fault(instead=said({"plan": "x"})))
    assert check(bench) == Standing()
    vendor.server.fault("GET /v1/credits", Fault(instead=said({}, 500)))
    with pytest.raises(FetchError):
        check(bench)

"""Runway as a provider, over real sockets, against a stand-in that keeps a bill."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from tests.providers.driving import IMAGE, Bench, asking, blob, examples, route_of, routes_of
from tests.vendors.base import Answer, Fault, png, said
from tests.vendors.runway import GEN4, KEY, Ending, Runway

from editchain.errors import ConfigurationError, ProviderError, TaskError
from editchain.http import FetchError, NotSent, ReplyLost
from editchain.models import Model, Route
from editchain.providers import runway
from editchain.providers.base import (
    BUSY,
    Absent,
    Accepted,
    Failed,
    Finished,
    Refused,
    Running,
    Session,
    Standing,
    Unknown,
)

SUBMIT = "POST /v1/text_to_image"
MODEL = "runway-gen4-image"
GEN = route_of(MODEL, "runway")


@pytest.fixture
def vendor() -> Iterator[Runway]:
    with Runway().running() as made:
        yield made


def bench(vendor: Runway, key: str = KEY) -> Bench:
    return Bench("runway", vendor.url, (key,))


def submit(vendor: Runway, fields: dict[str, Any] | None = None, **more: Any) -> Any:
    return bench(vendor).submit(MODEL, fields, **more)


def outcome(vendor: Runway, ending: Ending | None = None, **more: Any) -> Any:
    """How a task ends."""
    if ending is not None:
        vendor.endings.append(ending)
    return bench(vendor).outcome(MODEL, **more)


# The whole way


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_edit_from_picture_to_picture(vendor: Runway, backend: str) -> None:
    request = asking(MODEL, GEN, {"references": ["b", "c"], "aspect_ratio": "16:9"})

    async def act(session: Session) -> bytes:
        job = await runway.submit(session, await bench(vendor).ready(session, request))
        assert isinstance(job, Accepted)
        assert job.detail == {"estimatedCredits": "8"}
        seen = [await runway.poll(session, job.vendor_id) for _ in range(4)]
        assert seen[:3] == [Running(5.0)] * 3  # pending, throttled, running
        assert isinstance(seen[3], Finished)
        assert seen[3].amount == "0.08"
        return await runway.download(session, seen[3].downloads[0])

    made = bench(vendor).drive(MODEL, act, GEN, backend)
    (task,) = vendor.tasks.values()
    assert made == png(f"/output/{task.id}/0.png".encode())
    assert task.body == {
        "model": "gen4_image",
        "promptText": "Night",
        "ratio": "1920:1080",
        "referenceImages": [
            {"uri": "runway://upload-1", "tag": "image"},
            {"uri": "runway://upload-2", "tag": "reference1"},
            {"uri": "runway://upload-3", "tag": "reference2"},
        ],
    }
    assert vendor.uploads["runway://upload-1"] == IMAGE
    assert vendor.charged == 8
    assert vendor.leaked == []


@pytest.mark.parametrize(("model", "route"), routes_of("runway"))
def test_the_vendor_takes_every_example_that_is_sent(vendor: Runway, model: Model, route: Route) -> None:
    taken = 0
    for fields in examples(model):
        try:
            answer = bench(vendor).submit(model.name, fields, route=route)
        except TaskError as error:
            assert "nothing was sent" in str(error)
            continue
        assert isinstance(answer, Accepted), (fields, answer)
        taken += 1
    assert taken == len(vendor.bill) > 0


@pytest.mark.parametrize(
    ("model", "ratio", "resolution"),
    [
        (model, ratio, resolution)
        for model, resolutions in [
            ("gemini-3-pro-image", ["1K", "2K", "4K"]),
            ("gemini-3.1-flash-image", ["512", "1K", "2K", "4K"]),
            ("gemini-nano-banana-2.1", ["1K", "2K", "4K"]),
        ]
        for ratio in route_of(model, "runway").fields["aspect_ratio"]["values"]
        for resolution in resolutions
    ],
)
def test_every_ratio_at_every_resolution_is_a_size_that_the_vendor_makes(
    model: str, ratio: str, resolution: str
) -> None:
    width, height = map(
        int, route_of(model, "runway").fields["aspect_ratio"]["values"][ratio][resolution].split(":")
    )
    across, up = map(int, ratio.split(":"))
    assert abs(width * up / (height * across) - 1) < 0.06
    side = {"512": 512, "1K": 1024, "2K": 2048, "4K": 4096}[resolution]
    assert 0.7 < (width * height) ** 0.5 / side < 1.2


@pytest.mark.parametrize(
    ("size", "quality", "sent"),
    [((300, 200), "low", "960:720"), ((200, 200), "high", "1080:1080"), ((160, 90), "medium", "1360:768")],
)
def test_auto_is_the_size_nearest_to_the_edited_picture(
    vendor: Runway, size: tuple[int, int], quality: str, sent: str
) -> None:
    data = BytesIO()
    Image.new("RGB", size).save(data, "PNG")
    assert isinstance(submit(vendor, {"quality": quality}, image=data.getvalue()), Accepted)
    (task,) = vendor.tasks.values()
    assert task.body["ratio"] == sent
    assert sent in GEN4.split()


def test_options_go_along(vendor: Runway) -> None:
    options = {"contentModeration": {"publicFigureThreshold": "low"}}
    assert isinstance(submit(vendor, options=options), Accepted)
    (task,) = vendor.tasks.values()
    assert task.body["contentModeration"] == options["contentModeration"]


def test_a_prompt_is_counted_as_the_vendor_counts(vendor: Runway) -> None:
    assert isinstance(submit(vendor, {"prompt": "\N{CAT FACE}" * 500}), Accepted)
    with pytest.raises(TaskError, match="1002 characters, as runway counts them, are more than the 1000"):
        submit(vendor, {"prompt": "\N{CAT FACE}" * 501})
    assert len(vendor.bill) == 1


# Credentials


def test_the_key_goes_with_the_version_of_the_protocol() -> None:
    assert runway.authorization(("key_a",)) == {
        "Authorization": "Bearer key_a", "X-Runway-Version": "2024-11-06",
    }  # fmt: skip
    with pytest.raises(ConfigurationError, match="RUNWAYML_API_SECRET") as caught:
        runway.authorization(("key word",))
    assert "word" not in str(caught.value)


def test_the_account_is_asked_for_nothing(vendor: Runway) -> None:
    def standing(key: str = KEY) -> Standing:
        return bench(vendor, key).drive(MODEL, lambda session: runway.check(session.client))

    assert standing() == Standing("1000 credits")
    vendor.balance = 0
    assert "used up" in (standing().refusal or "")
    assert "valid API key" in (standing("key_stranger").refusal or "")
    vendor.server.fault("GET /v1/organization", Fault(instead=said({}, 503)))
    with pytest.raises(FetchError):
        standing()


# Upload


def upload(vendor: Runway, data: bytes = IMAGE) -> Any:
    return bench(vendor).drive(MODEL, lambda session: runway.upload(session, blob(data)))


def test_a_picture_is_uploaded_for_a_day_without_the_key(vendor: Runway) -> None:
    vendor.server.ahead_seconds = 1000.0
    found = upload(vendor)
    assert vendor.uploads == {found.handle: IMAGE}
    assert abs(found.expires_at - (vendor.server.now() + runway.UPLOAD_SECONDS)) < 60
    assert vendor.leaked == []


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (said({"error": "no"}, 400), ProviderError),
        (said({"error": "no"}, 401), ProviderError),
        (said({}, 429), FetchError),
        (said({}, 503), FetchError),
        (Answer(200, b"<html>"), FetchError),
        (said({"uploadUrl": "https://a.example/"}), FetchError),
        (said({"uploadUrl": "http://10.0.0.1/", "runwayUri": "runway://x", "fields": {}}), FetchError),
    ],
)
def test_an_upload_that_cannot_begin(vendor: Runway, answer: Answer, error: type[Exception]) -> None:
    vendor.server.fault("POST /v1/uploads", Fault(instead=answer))
    with pytest.raises(error):
        upload(vendor)


def test_an_upload_that_the_storage_does_not_take(vendor: Runway) -> None:
    vendor.server.fault("POST /storage", Fault(instead=Answer(503)))
    with pytest.raises(FetchError, match="storage answered with status 503"):
        upload(vendor)
    vendor.server.fault("POST /storage", Fault(cut_at=3))
    with pytest.raises(NotSent):
        upload(vendor)


def test_a_picture_that_was_not_uploaded_sends_nothing(vendor: Runway) -> None:
    with pytest.raises(TaskError, match="has not been uploaded"):
        bench(vendor).drive(MODEL, lambda session: runway.submit(session, asking(MODEL, GEN)))
    assert vendor.server.asked == []


# Refusals, as the vendor's tables have them

ISSUES = {
    "error": "Validation of body failed",
    "issues": [{"code": "x", "path": ["ratio", 0], "message": "Bad"}],
}
REFUSALS = [
    (400, ISSUES, {}, "refused", None, False, "Validation of body failed; ratio.0: Bad"),
    (400, {"error": "The prompt was moderated"}, {}, "rejected", None, False, "moderated"),
    (400, {"error": "You do not have enough credits to run this task."}, {}, "credits", None, True, "credits"),
    (401, {"error": "No"}, {}, "credentials", None, True, "No"),
    (402, {"error": "Pay"}, {}, "credits", None, True, "Pay"),
    (403, {"error": "No"}, {}, "credentials", None, True, "No"),
    (404, {"error": "Not found"}, {}, "model", None, False, "Not found"),
    (413, {"error": "Too large"}, {}, "refused", None, False, "Too large"),
    (429, {"error": "Insufficient credits"}, {"retry_after": "9"}, "credits", None, True, "credits"),
    (429, {"error": "Slow"}, {}, BUSY, runway.FULL_SECONDS, False, "Slow"),
    (429, {"error": "Slow"}, {"retry_after": "9"}, BUSY, 9.0, False, "Slow"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "headers", "reason", "again", "stops", "about"), REFUSALS)
def test_refusals(
    vendor: Runway, status: int, body: Any, headers: dict[str, str], reason: str, again: float | None, stops: bool, about: str
) -> None:  # fmt: skip
    vendor.server.fault(SUBMIT, Fault(instead=said(body, status, **headers)))
    answer = submit(vendor)
    assert isinstance(answer, Refused)
    assert (answer.reason, answer.retry_after_seconds, answer.stops_all) == (reason, again, stops)
    assert about in answer.message
    assert vendor.bill == []


def test_a_day_that_is_full_is_told_from_an_hour_that_is(vendor: Runway) -> None:
    vendor.daily = 1
    assert isinstance(submit(vendor), Accepted)
    answer = submit(vendor)
    assert (answer.reason, answer.retry_after_seconds, answer.stops_all) == ("quota", None, True)
    assert "today" in answer.message
    vendor.server.fault("GET /v1/organization", Fault(instead=said({}, 500)))
    assert submit(vendor).reason == BUSY
    assert len(vendor.bill) == 1


def test_too_few_credits(vendor: Runway) -> None:
    vendor.balance = 7
    assert (submit(vendor).reason, submit(vendor).stops_all) == ("credits", True)


@pytest.mark.parametrize(
    "answer",
    [
        said({}, 408),
        said({}, 409),
        said({"error": "x"}, 500),
        said({"error": "x"}, 502),
        said({"error": "x"}, 503, retry_after="1"),
        said({"error": "x"}, 504),
        said({}, 302, Location="http://127.0.0.1:9/"),
        Answer(200, b"<html>"),
        Answer(200, b""),
        said({"id": ""}),
        said({"id": 7}),
    ],
)
def test_what_may_have_been_accepted_is_unknown(vendor: Runway, answer: Answer) -> None:
    vendor.server.fault(SUBMIT, Fault(after=answer))
    assert isinstance(submit(vendor), Unknown)
    assert len(vendor.bill) == len(vendor.server.names(SUBMIT)) == 1


def test_a_reply_cut_anywhere_is_lost_and_never_refused(vendor: Runway) -> None:
    for cut in (0, 1, 9, 40, 120, -40, -2, -1):
        vendor.server.fault(SUBMIT, Fault(cut_at=cut))
        with pytest.raises(ReplyLost):
            submit(vendor)
    assert len(vendor.bill) == 8


# Polls


def poll(vendor: Runway, ending: Ending | None = None) -> Any:
    """The first poll of a task that ends as it begins, without waiting for its end."""
    if ending is not None:
        vendor.endings.append(ending)

    async def act(session: Session) -> Any:
        job = await runway.submit(session, await bench(vendor).ready(session, asking(MODEL, GEN)))
        assert isinstance(job, Accepted)
        return await runway.poll(session, job.vendor_id)

    return bench(vendor).drive(MODEL, act)


@pytest.mark.parametrize("status", ["PENDING", "THROTTLED", "RUNNING", "DREAMING"])
def test_what_is_under_way_is_asked_for_again_no_sooner_than_the_vendor_allows(
    vendor: Runway, status: str
) -> None:
    assert poll(vendor, Ending((status if status != "DREAMING" else "PENDING",))) == Running(5.0)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (said({}, 429, retry_after="9"), Running(9.0, is_busy=True)),
        (said({}, 500), Running(5.0)),
        (said({}, 408), Running(5.0)),
        (said({"error": "gone"}, 404), Absent()),
        (said({"id": "x", "status": "A_NEW_ONE"}), Running(5.0)),
        (said({"id": "x"}), Running(5.0)),
    ],
)
def test_polls_that_say_little(vendor: Runway, answer: Answer, found: Any) -> None:
    vendor.server.fault("GET /v1/tasks", Fault(instead=answer))
    assert poll(vendor) == found


def test_polls_that_say_nothing(vendor: Runway) -> None:
    vendor.server.fault("GET /v1/tasks", Fault(instead=Answer(200, b"<html>")))
    with pytest.raises(FetchError):
        poll(vendor)
    vendor.server.fault("GET /v1/tasks", Fault(instead=said({"error": "No"}, 401)))
    with pytest.raises(ProviderError):
        poll(vendor)


FAILURES = [
    ("SAFETY.INPUT.TEXT", 8, True, "rejected", True, "0.08"),
    ("SAFETY.INPUT.IMAGE", None, False, "rejected", True, None),
    ("SAFETY.OUTPUT.IMAGE", 0, True, "rejected", False, None),
    ("SAFETY.OUTPUT.IMAGE", None, False, "rejected", None, None),
    ("INTERNAL.BAD_OUTPUT.CODE01", 0, True, "failed", False, None),
    ("INTERNAL", None, False, "failed", None, None),
    (None, 0, True, "failed", False, None),
    (None, 3, True, "failed", True, "0.03"),
    ("ASSET.INVALID", 0, True, "refused", False, None),
    ("INPUT_PREPROCESSING.INTERNAL", 0, True, "failed", False, None),
    ("THIRD_PARTY.UNAVAILABLE", None, False, "failed", None, None),
]


@pytest.mark.parametrize(("code", "left", "has_cost", "reason", "is_charged", "amount"), FAILURES)
def test_failures(
    vendor: Runway, code: str | None, left: int | None, has_cost: bool, reason: str, is_charged: bool | None, amount: str | None
) -> None:  # fmt: skip
    ending = Ending(("RUNNING", "FAILED"), "It did not work.", code, left, has_cost)
    answer = outcome(vendor, ending)
    assert isinstance(answer, Failed)
    assert (answer.reason, answer.is_charged, answer.amount) == (reason, is_charged, amount)
    assert answer.message == (f"It did not work. ({code})" if code else "It did not work.")


def test_a_task_that_was_cancelled_elsewhere(vendor: Runway) -> None:
    assert outcome(vendor, Ending(("CANCELLED",))).is_charged is False
    assert outcome(vendor, Ending(("CANCELLED",), has_cost=False)).is_charged is None


def test_a_success_without_a_picture_is_charged(vendor: Runway) -> None:
    answer = outcome(vendor, Ending(outputs=0))
    assert (answer.reason, answer.is_charged, answer.amount) == ("no-picture", True, "0.08")


def test_the_cost_is_what_the_vendor_says_in_the_end(vendor: Runway) -> None:
    assert outcome(vendor, Ending(units=5)).amount == "0.05"
    assert outcome(vendor, Ending(has_cost=False)).amount is None


# Download


def downloaded(vendor: Runway, before: Any = lambda: None) -> bytes:
    async def act(session: Session) -> bytes:
        job = await runway.submit(session, await bench(vendor).ready(session, asking(MODEL, GEN)))
        assert isinstance(job, Accepted)
        found = await bench(vendor).ended(session, job.vendor_id)
        assert isinstance(found, Finished)
        before()
        return await runway.download(session, found.downloads[0])

    return bench(vendor).drive(MODEL, act)


def test_an_address_that_is_no_good_any_more_is_asked_for_afresh(vendor: Runway) -> None:
    assert downloaded(vendor, vendor.expire).startswith(b"\x89PNG")
    assert vendor.leaked == []
    assert len(vendor.bill) == 1


def test_a_picture_that_is_cut_is_fetched_again(vendor: Runway) -> None:
    vendor.server.fault("GET /output", Fault(cut_at=-5))
    assert downloaded(vendor).startswith(b"\x89PNG")


def test_a_task_that_is_gone_has_no_picture(vendor: Runway) -> None:
    def gone() -> None:
        vendor.expire()
        vendor.tasks.clear()

    with pytest.raises(ProviderError, match="no longer has the task"):
        downloaded(vendor, gone)


def test_bytes_that_are_no_picture_are_handed_on_as_they_are(vendor: Runway) -> None:
    vendor.wrong_type = b"not a picture"
    assert downloaded(vendor) == b"not a picture"


# Cancel, and what the vendor lacks


@pytest.mark.parametrize(
    ("status", "is_cancelled"),
    [("PENDING", True), ("THROTTLED", True), ("RUNNING", False), ("SUCCEEDED", False), ("FAILED", False)],
)
def test_only_what_has_not_begun_is_cancelled(vendor: Runway, status: str, is_cancelled: bool) -> None:
    vendor.endings.append(Ending((status,)))

    async def act(session: Session) -> bool:
        job = await runway.submit(session, await bench(vendor).ready(session, asking(MODEL, GEN)))
        assert isinstance(job, Accepted)
        return await runway.cancel(session, job.vendor_id)

    assert bench(vendor).drive(MODEL, act) is is_cancelled
    assert len(vendor.tasks) == (0 if is_cancelled else 1)
    if is_cancelled:
        assert vendor.charged == 0


def test_a_lost_call_cannot_be_looked_for(vendor: Runway) -> None:
    found = bench(vendor).drive(MODEL, lambda session: runway.find(session, asking(MODEL, GEN), 0.0))
    assert isinstance(found, Unknown)


def test_a_route_without_tags_sends_none(vendor: Runway) -> None:
    fields = {name: {k: v for k, v in entry.items() if k != "tag"} for name, entry in GEN.fields.items()}
    assert isinstance(submit(vendor, {"references": ["b"]}, route=replace(GEN, fields=fields)), Accepted)
    (task,) = vendor.tasks.values()
    assert task.body["referenceImages"] == [{"uri": "runway://upload-1"}, {"uri": "runway://upload-2"}]

"""OpenAI as a provider, over real sockets, against a stand-in that keeps a bill."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from tests.providers.driving import IMAGE, Bench, asking, blob, examples, route_of, routes_of
from tests.vendors.base import Answer, Fault, png, said
from tests.vendors.open_ai import GONE, KEY, OpenAI, refusal

from editchain.errors import ConfigurationError, TaskError
from editchain.http import ReplyLost
from editchain.models import Model, Route
from editchain.providers import openai
from editchain.providers.base import BUSY, Failed, Finished, Refused, Request, Standing, Unknown

SUBMIT = "POST /v1/images/edits"
MODEL = "gpt-image-2"
TWO = route_of(MODEL, "openai")
ALIVE = [one for one in routes_of("openai") if one.values[1].id not in (*GONE, "chatgpt-image-latest")]


@pytest.fixture
def vendor() -> Iterator[OpenAI]:
    with OpenAI().running() as made:
        yield made


def bench(vendor: OpenAI, key: str = KEY) -> Bench:
    return Bench("openai", vendor.url, (key,))


def submit(vendor: OpenAI, said: dict[str, Any] | None = None, **more: Any) -> Any:
    return bench(vendor).submit(MODEL, said, **more)


def sent(vendor: OpenAI, request: Request, route: Route = TWO, backend: str = "asyncio") -> Any:
    """What a submit gives of a request that is as it is to be."""
    return bench(vendor).drive(MODEL, lambda session: openai.submit(session, request), route, backend)


def texts(vendor: OpenAI) -> dict[str, str]:
    """The fields of the last form, without its pictures."""
    return {one.name: one.data.decode() for one in vendor.form if one.filename is None}


def saved(image: Image.Image, kind: str = "PNG") -> bytes:
    data = BytesIO()
    image.save(data, kind)
    return data.getvalue()


REFERENCE = png(b"references0", (300, 260))
MASKED = {"references": ["b"], "mask": "m"}


# The whole way


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_edit_is_one_form_and_its_pictures_come_back(vendor: OpenAI, backend: str) -> None:
    said = {"size": [1536, 1024], "format": "webp", "compression": 80, **MASKED}
    request = openai.prepared(asking(MODEL, TWO, said, count=2), TWO)
    answer = sent(vendor, request, backend=backend)
    assert isinstance(answer, Finished)
    assert answer.pictures == (png(b"img_1 0"), png(b"img_1 1"))
    assert answer.amount == f"{vendor.charged.normalize():f}"
    assert vendor.pictures == [IMAGE, REFERENCE]
    assert texts(vendor) == {
        "model": "gpt-image-2", "prompt": "Night", "size": "1536x1024", "quality": "auto", "background": "auto",
        "output_format": "webp", "output_compression": "80", "n": "2",
    }  # fmt: skip
    assert [(one.name, one.filename, one.media_type) for one in vendor.form if one.filename] == [
        ("image[]", "image0.png", "image/png"), ("image[]", "image1.png", "image/png"), ("mask", "mask.png", "image/png")
    ]  # fmt: skip
    assert len(vendor.server.asked) == 1


def test_one_picture_goes_without_brackets(vendor: OpenAI) -> None:
    assert isinstance(submit(vendor), Finished)
    assert [one.name for one in vendor.form if one.filename] == ["image"]


def test_a_mask_is_transparent_where_ours_is_black(vendor: OpenAI) -> None:
    mask = Image.new("L", (300, 260), 255)
    mask.paste(0, (0, 0, 150, 260))
    request = asking(MODEL, TWO, {"mask": "m"})
    request = replace(request, images={**request.images, "mask": (blob(saved(mask)),)})
    assert isinstance(sent(vendor, openai.prepared(request, TWO)), Finished)
    assert vendor.mask is not None
    found = Image.open(BytesIO(vendor.mask))
    assert found.mode == "RGBA"
    assert (found.getpixel((9, 9))[3], found.getpixel((290, 9))[3]) == (0, 255)  # type: ignore[index]


def test_a_tiff_goes_as_a_format_that_the_vendor_reads(vendor: OpenAI) -> None:
    assert isinstance(submit(vendor, image=saved(Image.new("RGB", (300, 260)), "TIFF")), Finished)
    assert [one.media_type for one in vendor.form if one.filename] == ["image/png"]


@pytest.mark.parametrize(("model", "route"), ALIVE)
def test_the_vendor_takes_every_example(vendor: OpenAI, model: Model, route: Route) -> None:
    for fields in examples(model):
        count = min(fields.get("num_samples", 1), route.samples)
        answer = bench(vendor).submit(model.name, fields, route=route, count=count)
        assert isinstance(answer, Finished), (fields, answer)
        assert answer.amount is not None
        assert len(answer.pictures) == count


def test_a_model_that_is_gone_is_refused_for_nothing(vendor: OpenAI) -> None:
    answer = bench(vendor).submit("gpt-image-1")
    assert isinstance(answer, Refused)
    assert (answer.reason, answer.stops_all) == ("model", False)
    assert "shut down" in answer.message
    assert vendor.bill == []


# JSON


def test_what_the_vendor_takes_in_json_only_goes_as_json(vendor: OpenAI) -> None:
    assert isinstance(submit(vendor, MASKED, options={"moderation": "low"}), Finished)
    assert vendor.form == []
    assert vendor.received["moderation"] == "low"
    assert vendor.pictures == [IMAGE, REFERENCE]
    assert vendor.mask is not None
    assert vendor.server.asked[0].headers["content-type"] == "application/json"


def test_a_route_may_say_that_its_server_takes_json(vendor: OpenAI) -> None:
    assert isinstance(submit(vendor, route=replace(TWO, endpoint="json")), Finished)
    assert vendor.form == []
    assert vendor.received["n"] == 1


def test_a_picture_that_is_too_large_for_json_is_not_sent(vendor: OpenAI) -> None:
    large = png(b"a") + bytes(openai.MAX_URL_CHARACTERS // 4 * 3)
    with pytest.raises(TaskError, match="too large for JSON"):
        sent(vendor, asking(MODEL, TWO, options={"moderation": "low"}, image=large))
    assert vendor.server.asked == []


def test_an_endpoint_that_there_is_not(vendor: OpenAI) -> None:
    with pytest.raises(TaskError, match='no endpoint "teleport"'):
        submit(vendor, route=replace(TWO, endpoint="teleport"))
    assert vendor.server.asked == []


def test_options_that_are_objects_go_as_name_and_part(vendor: OpenAI) -> None:
    found = openai._sendable(asking(MODEL, TWO, options={"svg": {"model": "x"}, "stream": False}), TWO)
    assert found["form"]["svg[model]"] == "x"
    assert found["form"]["stream"] == "false"


# Credentials


def test_key_organisation_and_project_are_headers() -> None:
    assert openai.authorization(("sk-a", "org-b", "proj_c")) == {
        "Authorization": "Bearer sk-a", "OpenAI-Organization": "org-b", "OpenAI-Project": "proj_c",
    }  # fmt: skip
    assert openai.authorization(("sk-a", "", "")) == {"Authorization": "Bearer sk-a"}
    assert openai.authorization(("sk-a",)) == {"Authorization": "Bearer sk-a"}


@pytest.mark.parametrize("wrong", [("",), ("secret word",), ("sécret-word",), ("sk-a", "secret\tword")])
def test_credentials_that_cannot_be_sent_are_not_shown(wrong: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError, match="OPENAI_") as caught:
        openai.authorization(wrong)
    assert "word" not in str(caught.value)


def standing(vendor: OpenAI, key: str = KEY) -> Standing:
    return bench(vendor, key).drive(MODEL, lambda session: openai.check(session.client))


def test_the_account_is_asked_for_nothing(vendor: OpenAI) -> None:
    assert standing(vendor).refusal is None
    stranger = standing(vendor, "sk-stranger-123456789")
    assert "not accepted" in (stranger.refusal or "")
    assert "sk-stranger" not in (stranger.refusal or "")
    vendor.server.fault(
        "GET /v1/models", Fault(instead=refusal(403, "Missing scopes", "invalid_request_error"))
    )
    assert standing(vendor).refusal is None
    assert vendor.bill == []


# Refusals, as the vendor's tables have them

ERROR = "invalid_request_error"
QUOTA = "insufficient_quota"
REFUSALS = [
    (400, ERROR, "invalid_value", {}, "refused", None, False),
    (400, "image_generation_user_error", "invalid_input_fidelity_model", {}, "refused", None, False),
    (400, "image_generation_user_error", "moderation_blocked", {}, "rejected", None, False),
    (401, ERROR, "invalid_api_key", {}, "credentials", None, True),
    (403, ERROR, "unsupported_country_region_territory", {}, "credentials", None, True),
    (404, ERROR, "model_not_found", {}, "model", None, False),
    (413, ERROR, None, {}, "refused", None, False),
    (402, ERROR, None, {}, "credits", None, True),
    (429, QUOTA, "credit_balance_exhausted", {"retry_after": "9"}, "credits", None, True),
    (429, QUOTA, QUOTA, {}, "credits", None, True),
    (429, "requests", "organization_spend_limit_exceeded", {}, "quota", None, True),
    (429, "requests", "project_spend_limit_exceeded", {}, "quota", None, True),
    (429, "requests", "organization_usage_limit_exceeded", {}, "quota", None, True),
    (429, "requests", "rate_limit_exceeded", {}, BUSY, 5.0, False),
    (429, "requests", "rate_limit_exceeded", {"retry_after": "12"}, BUSY, 12.0, False),
    (429, "requests", "rate_limit_exceeded", {"retry_after_ms": "250", "retry_after": "12"}, BUSY, 0.25, False),
    (429, "tokens", "rate_limit_exceeded", {"x_ratelimit_remaining_requests": "3", "x_ratelimit_reset_requests": "1s", "x_ratelimit_remaining_tokens": "0", "x_ratelimit_reset_tokens": "6m0s"}, BUSY, 360.0, False),
    (429, "requests", "slow_down", {}, BUSY, openai.SLOW_SECONDS, False),
    (500, "server_error", None, {}, "not-ready", 5.0, False),
    (502, "server_error", None, {}, "not-ready", 5.0, False),
    (503, "server_error", "server_is_overloaded", {"retry_after": "30"}, BUSY, 30.0, False),
    (504, "server_error", None, {}, "not-ready", 5.0, False),
]  # fmt: skip


@pytest.mark.parametrize(("status", "kind", "code", "headers", "reason", "again", "stops"), REFUSALS)
def test_refusals(
    vendor: OpenAI, status: int, kind: str, code: str | None, headers: dict[str, str], reason: str, again: float | None, stops: bool
) -> None:  # fmt: skip
    no = refusal(status, "The vendor's own words", kind, code, **headers)
    vendor.server.fault(SUBMIT, Fault(instead=no))
    answer = submit(vendor)
    assert isinstance(answer, Refused)
    assert (answer.reason, answer.retry_after_seconds, answer.stops_all) == (reason, again, stops)
    assert "The vendor's own words" in answer.message
    assert vendor.bill == []


def test_moderation_says_at_which_stage_and_as_what(vendor: OpenAI) -> None:
    answer = submit(vendor, {"prompt": "Something forbidden"})
    assert (answer.reason, answer.retry_after_seconds) == ("rejected", None)
    assert "(input, violence)" in answer.message


def test_a_key_is_not_shown_when_the_vendor_echoes_it(vendor: OpenAI) -> None:
    answer = bench(vendor, "sk-stranger-123456789").submit(MODEL)
    assert (answer.reason, answer.stops_all) == ("credentials", True)
    assert "Incorrect API key" in answer.message
    assert "stranger" not in answer.message


# What leaves it open


@pytest.mark.parametrize(
    "answer",
    [
        Answer(500, b"<html>"),
        Answer(502, b"Bad gateway"),
        Answer(504, b""),
        said({"message": "from a gateway"}, 503),
        said({}, 408),
        said({"error": {"message": "x", "type": "y"}}, 409),
        said({}, 302, Location="http://127.0.0.1:9/"),
        Answer(200, b"<html>"),
        Answer(200, b""),
        Answer(200, b"[" * 100_000),
    ],
)
def test_what_may_have_been_charged_is_unknown(vendor: OpenAI, answer: Answer) -> None:
    vendor.server.fault(SUBMIT, Fault(after=answer))
    assert isinstance(submit(vendor), Unknown)
    assert len(vendor.bill) == len(vendor.server.names(SUBMIT)) == 1


def test_a_reply_cut_anywhere_is_lost_and_never_refused(vendor: OpenAI) -> None:
    for cut in (0, 1, 9, 40, 120, 400, -400, -2, -1):
        vendor.server.fault(SUBMIT, Fault(cut_at=cut))
        with pytest.raises(ReplyLost):
            submit(vendor)
    assert len(vendor.bill) == 9


@pytest.mark.slow
def test_a_reply_that_stays_away_is_lost(vendor: OpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai, "capabilities", replace(openai.capabilities, submit_seconds=5.2))
    vendor.server.fault(SUBMIT, Fault(cut_at=60, is_held=True))
    with pytest.raises(ReplyLost, match="did not answer"):
        submit(vendor)


def test_an_answer_without_a_picture_is_charged_as_it_says(vendor: OpenAI) -> None:
    vendor.gives = []
    answer = submit(vendor)
    assert isinstance(answer, Failed)
    assert (answer.is_charged, answer.amount) == (True, f"{vendor.charged.normalize():f}")
    vendor.has_usage = False
    assert submit(vendor) == Failed("no-picture", "openai answered without a picture.", None)


def test_servers_that_give_addresses_are_understood(vendor: OpenAI) -> None:
    vendor.gives = [{"url": f"{vendor.server.url}/files/1"}]
    answer = submit(vendor)
    assert answer.downloads == (f"{vendor.server.url}/files/1",)
    vendor.server.fault("GET /files/1", Fault(instead=Answer(200, png(b"x"))))
    fetched = bench(vendor).drive(MODEL, lambda session: openai.download(session, answer.downloads[0]))
    assert fetched == png(b"x")
    assert "authorization" not in vendor.server.asked[-1].headers


def test_bytes_that_are_no_picture_are_handed_on_as_they_are(vendor: OpenAI) -> None:
    vendor.gives = [{"b64_json": base64.b64encode(b"not a picture").decode()}]
    assert submit(vendor).pictures == (b"not a picture",)


def test_a_large_picture_comes_whole(vendor: OpenAI) -> None:
    large = png(b"large") + bytes(range(256)) * 16_384
    vendor.gives = [{"b64_json": base64.b64encode(large).decode()}] * 2
    assert submit(vendor).pictures == (large, large)


def test_without_usage_the_cost_is_not_known(vendor: OpenAI) -> None:
    vendor.has_usage = False
    assert submit(vendor).amount is None


def test_output_tokens_count_as_pictures_where_the_vendor_does_not_say_more() -> None:
    usage = {"output_tokens": 9, "input_tokens_details": {"text_tokens": 1, "image_tokens": 2}}
    assert openai._tokens(usage) == {
        "million text tokens in": 1, "million image tokens in": 2,
        "million text tokens out": 0, "million image tokens out": 9,
    }  # fmt: skip


# What the vendor lacks


def test_a_lost_call_cannot_be_looked_for_and_nothing_is_cancelled(vendor: OpenAI) -> None:
    found = bench(vendor).drive(MODEL, lambda session: openai.find(session, asking(MODEL, TWO), 0.0))
    assert isinstance(found, Unknown)
    assert bench(vendor).drive(MODEL, lambda session: openai.cancel(session, "x")) is False
    assert vendor.server.asked == []


def test_the_body_is_the_same_every_time() -> None:
    first = json.dumps(openai._sendable(asking(MODEL, TWO), TWO)["form"])
    assert json.dumps(openai._sendable(asking(MODEL, TWO), TWO)["form"]) == first

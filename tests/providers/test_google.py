"""Google as a provider, over real sockets, against a stand-in that keeps a bill."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from tests.providers.driving import IMAGE, Bench, asking, examples, route_of, routes_of
from tests.vendors.base import Answer, Fault, png, said
from tests.vendors.gemini import (
    GONE,
    KEY,
    TOKEN,
    Ending,
    Gemini,
    error_info,
    inline,
    quota_failure,
    refusal,
    retry_info,
)

from editchain.errors import ConfigurationError, TaskError
from editchain.http import ReplyLost
from editchain.models import Model, Route
from editchain.providers import google
from editchain.providers.base import BUSY, Failed, Finished, Refused, Standing, Unknown

SUBMIT = "POST /v1beta/models"
MODEL = "gemini-nano-banana-2.1"
NANO = route_of(MODEL, "google")
REFERENCE = png(b"references0", (300, 260))


@pytest.fixture
def vendor() -> Iterator[Gemini]:
    with Gemini().running() as made:
        yield made


def bench(vendor: Gemini, credential: str = KEY) -> Bench:
    return Bench("google", vendor.url, (credential,))


def submit(vendor: Gemini, fields: dict[str, Any] | None = None, **more: Any) -> Any:
    return bench(vendor).submit(MODEL, fields, **more)


def ended(vendor: Gemini, **ending: Any) -> Any:
    vendor.endings.append(Ending(**ending))
    return submit(vendor)


# The whole way


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_edit_is_one_request_and_its_picture_comes_back(vendor: Gemini, backend: str) -> None:
    fields = {"references": ["b"], "aspect_ratio": "16:9", "resolution": "2K", "seed": 7, "thinking": "high"}
    request = google.prepared(asking(MODEL, NANO, fields), NANO)
    answer = bench(vendor).drive(MODEL, lambda session: google.submit(session, request), NANO, backend)
    assert isinstance(answer, Finished)
    assert answer.pictures == (png(b"response-1 0"),)
    assert answer.amount == f"{vendor.charged.normalize():f}"
    assert vendor.received["generationConfig"] == {
        "responseModalities": ["TEXT", "IMAGE"],
        "imageConfig": {"aspectRatio": "16:9", "imageSize": "2K"},
        "seed": 7,
        "thinkingConfig": {"thinkingLevel": "HIGH"},
    }
    (turn,) = vendor.received["contents"]
    assert [next(iter(part)) for part in turn["parts"]] == ["inlineData", "text", "inlineData"]
    assert (turn["role"], vendor.texts, vendor.pictures) == ("user", ["Night"], [IMAGE, REFERENCE])
    assert vendor.server.names() == [f"POST /v1beta/models/{MODEL}:generateContent"]


def test_a_ratio_that_is_left_to_the_vendor_is_not_sent(vendor: Gemini) -> None:
    assert isinstance(submit(vendor), Finished)
    assert vendor.received["generationConfig"]["imageConfig"] == {"imageSize": "1K"}


def test_a_picture_says_what_it_is(vendor: Gemini) -> None:
    data = BytesIO()
    Image.new("RGB", (300, 260)).save(data, "WEBP")
    assert isinstance(submit(vendor, image=data.getvalue()), Finished)
    assert vendor.received["contents"][0]["parts"][0]["inlineData"]["mimeType"] == "image/webp"


def test_options_go_along(vendor: Gemini) -> None:
    settings = [{"category": "HARM_CATEGORY_HATE_SPEECH", "threshold": "OFF"}]
    options = {
        "safetySettings": settings,
        "generationConfig": {"imageConfig": {"personGeneration": "ALLOW_ALL"}},
    }
    assert isinstance(submit(vendor, options=options), Finished)
    assert vendor.received["safetySettings"] == settings
    assert vendor.received["generationConfig"]["imageConfig"]["personGeneration"] == "ALLOW_ALL"


@pytest.mark.parametrize(("model", "route"), routes_of("google"))
def test_the_vendor_takes_every_example_that_is_sent(vendor: Gemini, model: Model, route: Route) -> None:
    taken = 0
    for fields in examples(model):
        answer = bench(vendor).submit(model.name, fields, route=route)
        assert isinstance(answer, Finished), (fields, answer)
        assert answer.amount is not None
        taken += 1
    assert taken == len(vendor.bill) > 0


# Vertex AI


def test_vertex_is_another_base_url_and_a_token(vendor: Gemini) -> None:
    answer = Bench("google", vendor.vertex_url, (TOKEN,)).submit(MODEL)
    assert isinstance(answer, Finished)
    (asked,) = vendor.server.asked
    assert asked.path.endswith(f"/locations/global/publishers/google/models/{MODEL}:generateContent")
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert "x-goog-api-key" not in asked.headers
    stranger = Bench("google", vendor.vertex_url, ("ya29.stranger",)).submit(MODEL)
    assert (stranger.reason, stranger.stops_all) == ("credentials", True)


# Credentials


def test_a_key_and_a_token_go_by_different_headers() -> None:
    assert google.authorization(("AIza-x",)) == {"x-goog-api-key": "AIza-x"}
    assert google.authorization(("AQ.Ab8",)) == {"x-goog-api-key": "AQ.Ab8"}
    assert google.authorization(("ya29.x",)) == {"Authorization": "Bearer ya29.x"}
    assert google.capabilities.credentials[0][0] == "GEMINI_API_KEY"


@pytest.mark.parametrize("wrong", ["", "secret word", "secret-wörd", "secret\nword"])
def test_a_credential_that_cannot_be_sent_is_not_shown(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match="GEMINI_API_KEY") as caught:
        google.authorization((wrong,))
    assert "secret" not in str(caught.value)


def test_the_account_is_asked_for_nothing(vendor: Gemini) -> None:
    def standing(credential: str) -> Standing:
        return bench(vendor, credential).drive(MODEL, lambda session: google.check(session.client))

    assert standing(KEY) == Standing()
    assert "not valid" in (standing("AIza-stranger").refusal or "")
    assert (
        Bench("google", vendor.vertex_url, ("ya29.x",))
        .drive(MODEL, lambda session: google.check(session.client))
        .refusal
    )
    vendor.server.fault("GET /v1beta/models", Fault(instead=refusal(403, "PERMISSION_DENIED", "no list")))
    assert standing(KEY) == Standing()
    assert vendor.bill == []


# An answer of 200, in the vendor's order


@pytest.mark.parametrize(
    "reason", ["SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY", "NEW_ONE"]
)
def test_what_is_blocked_before_it_begins(vendor: Gemini, reason: str) -> None:
    answer = ended(vendor, blocked=reason)
    assert isinstance(answer, Failed)
    assert (answer.reason, answer.is_charged) == ("rejected", None)
    assert reason in answer.message


def test_a_picture_is_a_success_whatever_else_is_said(vendor: Gemini) -> None:
    parts = [{"text": "Here it is."}, inline(png(b"draft"), thought=True), {"text": "Hm", "thought": True}]
    answer = ended(vendor, finish="OTHER", parts=parts, pictures=2)
    assert answer.pictures == (png(b"response-1 0"), png(b"response-1 1"))
    assert answer.amount == f"{vendor.charged.normalize():f}"


REFUSING = [
    "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION", "LANGUAGE", "ESCALATION",
]  # fmt: skip


@pytest.mark.parametrize("finish", REFUSING)
def test_what_the_vendor_does_not_want_to_make(vendor: Gemini, finish: str) -> None:
    answer = ended(vendor, finish=finish, message="Not this one.", pictures=0)
    assert isinstance(answer, Failed)
    assert answer.reason == "rejected"
    assert f"({finish}: Not this one.)" in answer.message
    assert (answer.is_charged, answer.amount) == (True, f"{vendor.charged.normalize():f}")


@pytest.mark.parametrize(
    "finish", ["NO_IMAGE", "IMAGE_OTHER", "OTHER", "MALFORMED_RESPONSE", "MALFORMED_FUNCTION_CALL"]
)
def test_what_may_go_well_another_time_is_still_paid_for(vendor: Gemini, finish: str) -> None:
    answer = ended(vendor, finish=finish, pictures=0)
    assert (answer.reason, answer.is_charged) == ("no-picture", True)
    assert f"({finish}); another try may give one" in answer.message


def test_drafts_alone_are_no_picture(vendor: Gemini) -> None:
    answer = ended(vendor, finish="NO_IMAGE", parts=[inline(png(b"draft"), thought=True)], pictures=0)
    assert isinstance(answer, Failed)


@pytest.mark.parametrize(
    ("finish", "parts", "about"),
    [
        ("STOP", [{"text": "I see a cat."}], 'in words instead of a picture. It said: "I see a cat."'),
        ("STOP", [{"text": "Hm.", "thought": True}], "without a picture (STOP)"),
        ("STOP", [], "without a picture (STOP)"),
        ("MAX_TOKENS", [{"text": "So"}], "ended before there was a picture"),
        ("UNEXPECTED_TOOL_CALL", [], "without a picture (UNEXPECTED_TOOL_CALL)"),
        ("TOO_MANY_TOOL_CALLS", [], "without a picture"),
        ("MISSING_THOUGHT_SIGNATURE", [], "without a picture"),
        ("A_NEW_ONE", [], "without a picture (A_NEW_ONE)"),
    ],
)
def test_other_answers_without_a_picture(vendor: Gemini, finish: str, parts: list[Any], about: str) -> None:
    answer = ended(vendor, finish=finish, parts=parts, pictures=0)
    assert isinstance(answer, Failed)
    assert answer.reason == "no-picture"
    assert about in answer.message
    assert answer.is_charged is True


def test_long_words_are_cut_and_kept_on_one_line(vendor: Gemini) -> None:
    answer = ended(vendor, parts=[{"text": "no\n\x1b[31m" * 200}], pictures=0)
    assert answer.message.isprintable()
    assert len(answer.message) < 400


def test_an_answer_without_candidates_and_without_counts(vendor: Gemini) -> None:
    answer = ended(vendor, candidates=False, has_usage=False)
    assert answer == Failed("no-picture", "google answered without a picture (no reason given).", None)


def test_without_details_all_that_came_counts_as_pictures(vendor: Gemini) -> None:
    assert ended(vendor, has_details=False).amount == f"{vendor.charged.normalize():f}"


def test_without_counts_the_cost_is_not_known(vendor: Gemini) -> None:
    assert ended(vendor, has_usage=False).amount is None


def test_a_large_picture_goes_and_comes_whole(vendor: Gemini) -> None:
    large = png(b"large", (300, 260)) + bytes(range(256)) * 16_384
    vendor.picture = large
    request = asking(MODEL, NANO, image=large)
    answer = bench(vendor).drive(MODEL, lambda session: google.submit(session, request))
    assert answer.pictures == (large,)
    assert vendor.pictures == [large]


# Refusals, as the vendor's tables have them

DAY = quota_failure("GenerateRequestsPerDayPerProjectPerModel")
MINUTE = quota_failure("GenerateRequestsPerMinutePerProjectPerModel")
NONE = quota_failure("GenerateContentFreeTierRequests", "0")
EXHAUSTED = "RESOURCE_EXHAUSTED"
REFUSALS = [
    (400, "INVALID_ARGUMENT", (), {}, "refused", None, False),
    (400, "INVALID_ARGUMENT", (error_info("API_KEY_INVALID"),), {}, "credentials", None, True),
    (400, "INVALID_ARGUMENT", (error_info("API_KEY_EXPIRED"),), {}, "credentials", None, True),
    (400, "FAILED_PRECONDITION", (), {}, "quota", None, True),
    (401, "UNAUTHENTICATED", (), {}, "credentials", None, True),
    (403, "PERMISSION_DENIED", (), {}, "credentials", None, True),
    (404, "NOT_FOUND", (), {}, "model", None, False),
    (413, "INVALID_ARGUMENT", (), {}, "refused", None, False),
    (429, EXHAUSTED, (), {}, BUSY, 5.0, False),
    (429, EXHAUSTED, (MINUTE, retry_info("34s")), {}, BUSY, 34.0, False),
    (429, EXHAUSTED, (retry_info("0.5s"),), {"retry_after": "9"}, BUSY, 0.5, False),
    (429, EXHAUSTED, (), {"retry_after": "9"}, BUSY, 9.0, False),
    (429, EXHAUSTED, (quota_failure("SpendPerTenMinutes"),), {}, BUSY, google.SPENT_SECONDS, False),
    (429, EXHAUSTED, (DAY, retry_info("34s")), {}, "quota", None, True),
    (429, EXHAUSTED, (NONE, retry_info("34s")), {}, "quota", None, True),
    (500, "INTERNAL", (), {}, "not-ready", 5.0, False),
    (503, "UNAVAILABLE", (), {"retry_after": "20"}, BUSY, 20.0, False),
    (504, "DEADLINE_EXCEEDED", (retry_info("3s"),), {}, "not-ready", 3.0, False),
]  # fmt: skip


@pytest.mark.parametrize(("status", "kind", "details", "headers", "reason", "again", "stops"), REFUSALS)
def test_refusals(
    vendor: Gemini, status: int, kind: str, details: Any, headers: dict[str, str], reason: str, again: float | None, stops: bool
) -> None:  # fmt: skip
    no = refusal(status, kind, "The vendor's own words", *details, **headers)
    vendor.server.fault(SUBMIT, Fault(instead=no))
    answer = submit(vendor)
    assert isinstance(answer, Refused)
    assert (answer.reason, answer.retry_after_seconds, answer.stops_all) == (reason, again, stops)
    assert "The vendor's own words" in answer.message
    assert vendor.bill == []


@pytest.mark.parametrize("model", GONE)
def test_a_model_that_is_gone_is_refused_for_nothing(vendor: Gemini, model: str) -> None:
    answer = submit(vendor, route=replace(NANO, id=model))
    assert (answer.reason, answer.retry_after_seconds) == ("model", None)


def test_a_key_that_is_not_taken_is_not_shown(vendor: Gemini) -> None:
    echo = refusal(400, "INVALID_ARGUMENT", "Bad key AIzaSy-stranger-1", error_info("API_KEY_INVALID"))
    vendor.server.fault(SUBMIT, Fault(instead=echo))
    assert "stranger" not in submit(vendor).message


@pytest.mark.parametrize(
    "answer",
    [
        Answer(500, b"<html>"),
        Answer(502, b"Bad gateway"),
        Answer(504, b""),
        said({"message": "from a gateway"}, 503),
        said({}, 408),
        refusal(409, "ABORTED", "x"),
        said({}, 302, Location="http://127.0.0.1:9/"),
        Answer(200, b"<html>"),
        Answer(200, b""),
        Answer(200, b"[" * 100_000),
    ],
)
def test_what_may_have_been_charged_is_unknown(vendor: Gemini, answer: Answer) -> None:
    vendor.server.fault(SUBMIT, Fault(after=answer))
    assert isinstance(submit(vendor), Unknown)
    assert len(vendor.bill) == len(vendor.server.asked) == 1


def test_a_reply_cut_anywhere_is_lost_and_never_refused(vendor: Gemini) -> None:
    for cut in (0, 1, 9, 40, 120, 400, -400, -2, -1):
        vendor.server.fault(SUBMIT, Fault(cut_at=cut))
        with pytest.raises(ReplyLost):
            submit(vendor)
    assert len(vendor.bill) == 9


@pytest.mark.slow
def test_a_reply_that_stays_away_is_lost(vendor: Gemini, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(google, "capabilities", replace(google.capabilities, submit_seconds=5.2))
    vendor.server.fault(SUBMIT, Fault(cut_at=60, is_held=True))
    with pytest.raises(ReplyLost, match="did not answer"):
        submit(vendor)


def test_bytes_that_are_no_picture_are_handed_on_as_they_are(vendor: Gemini) -> None:
    vendor.picture = b"not a picture"
    assert submit(vendor).pictures == (b"not a picture",)


def test_what_the_route_cannot_send_sends_nothing(vendor: Gemini) -> None:
    with pytest.raises(TaskError, match=r"provider_options: generationConfig\.seed is what a field"):
        submit(vendor, options={"generationConfig": {"seed": 3}})
    assert vendor.server.asked == []


def test_a_lost_call_cannot_be_looked_for_and_nothing_is_cancelled(vendor: Gemini) -> None:
    found = bench(vendor).drive(MODEL, lambda session: google.find(session, asking(MODEL, NANO), 0.0))
    assert isinstance(found, Unknown)
    assert bench(vendor).drive(MODEL, lambda session: google.cancel(session, "x")) is False
    assert vendor.server.asked == []

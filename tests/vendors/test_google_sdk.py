"""The stand-in for Google proves itself: the vendor's own SDK works against it, and takes what the provider sends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.providers.driving import IMAGE, asking, examples, routes_of
from tests.vendors.base import Fault, png
from tests.vendors.gemini import GONE, KEY, MODELS, TOKEN, Ending, Gemini, error_info, inline, refusal

from editchain.models import Model, Route
from editchain.providers.google import _content
from editchain.providers.preparing import prepared

genai = pytest.importorskip("google.genai")
types = genai.types
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # of the SDK's own making
]

MODEL = "gemini-nano-banana-2.1"


@pytest.fixture
def vendor() -> Iterator[Gemini]:
    with Gemini().running() as made:
        yield made


@pytest.fixture
def client(vendor: Gemini) -> Any:
    return genai.Client(api_key=KEY, http_options={"base_url": vendor.server.url})


def edit(client: Any, model: str = MODEL, prompt: str = "Night", **config: Any) -> Any:
    parts = [types.Part.from_bytes(data=IMAGE, mime_type="image/png"), prompt]
    config.setdefault("response_modalities", ["TEXT", "IMAGE"])
    return client.models.generate_content(
        model=model, contents=parts, config=types.GenerateContentConfig(**config)
    )


def pictures(answer: Any) -> list[bytes]:
    return [
        one.inline_data.data
        for one in answer.candidates[0].content.parts
        if one.inline_data and not one.thought
    ]


def test_an_edit_with_a_size_a_ratio_and_a_seed(vendor: Gemini, client: Any) -> None:
    vendor.endings.append(Ending(parts=[{"text": "Done."}, inline(png(b"draft"), thought=True)]))
    answer = edit(
        client,
        image_config=types.ImageConfig(aspect_ratio="16:9", image_size="2K"),
        seed=7,
        thinking_config=types.ThinkingConfig(thinking_level="HIGH"),
    )
    assert pictures(answer) == [png(b"response-1 0")]
    assert answer.text == "Done."
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    assert (answer.usage_metadata.prompt_token_count, answer.response_id) == (260, "response-1")
    assert vendor.pictures == [IMAGE]
    assert vendor.received["generationConfig"]["imageConfig"] == {"aspectRatio": "16:9", "imageSize": "2K"}
    assert len(vendor.bill) == 1


def test_vertex_speaks_the_same(vendor: Gemini) -> None:
    credentials = pytest.importorskip("google.oauth2.credentials").Credentials(token=TOKEN)
    client = genai.Client(
        vertexai=True, project="p", location="global", credentials=credentials, http_options={"base_url": vendor.server.url}
    )  # fmt: skip
    assert pictures(edit(client)) == [png(b"response-1 0")]


def test_what_is_blocked_and_what_is_refused(vendor: Gemini, client: Any) -> None:
    vendor.endings += [Ending(blocked="PROHIBITED_CONTENT"), Ending(finish="NO_IMAGE", pictures=0)]
    blocked = edit(client)
    assert blocked.prompt_feedback.block_reason == types.BlockedReason.PROHIBITED_CONTENT
    assert not blocked.candidates
    assert edit(client).candidates[0].finish_reason == types.FinishReason.NO_IMAGE


def test_models_are_listed(client: Any) -> None:
    assert [one.name for one in client.models.list()] == [f"models/{name}" for name in MODELS]


@pytest.mark.parametrize(
    ("model", "config", "reason"),
    [
        (MODEL, {"image_config": {"aspect_ratio": "7:5"}}, "Invalid aspect ratio"),
        (MODEL, {"image_config": {"image_size": "512"}}, "Invalid image size"),
        ("gemini-3-pro-image", {"image_config": {"aspect_ratio": "8:1"}}, "Invalid aspect ratio"),
        ("gemini-3.1-flash-lite-image", {"image_config": {"image_size": "2K"}}, "Invalid image size"),
        (
            "gemini-3-pro-image",
            {"thinking_config": {"thinking_level": "HIGH"}},
            "Thinking level is not supported",
        ),
        (MODEL, {"response_modalities": ["TEXT"]}, "response modalities"),
        (MODEL, {"logprobs": 3}, "Unknown name"),
    ],
)
def test_what_the_vendor_refuses(
    vendor: Gemini, client: Any, model: str, config: dict[str, Any], reason: str
) -> None:
    with pytest.raises(genai.errors.ClientError, match=reason) as caught:
        edit(client, model, **config)
    assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")
    assert vendor.bill == []


@pytest.mark.parametrize("model", GONE)
def test_models_that_are_not_there(client: Any, model: str) -> None:
    with pytest.raises(genai.errors.ClientError, match="is not found") as caught:
        edit(client, model)
    assert caught.value.code == 404


def test_a_wrong_key_and_a_server_in_trouble(vendor: Gemini, client: Any) -> None:
    stranger = genai.Client(api_key="AIza-stranger", http_options={"base_url": vendor.server.url})
    with pytest.raises(genai.errors.ClientError) as caught:
        edit(stranger)
    assert caught.value.details["error"]["details"] == [error_info("API_KEY_INVALID")]
    vendor.server.fault("POST /v1", Fault(instead=refusal(503, "UNAVAILABLE", "Overloaded")))
    with pytest.raises(genai.errors.ServerError):
        edit(client)


# What the provider sends, held against the SDK's own types


@pytest.mark.parametrize(("model", "route"), routes_of("google"))
def test_every_example_is_as_the_types_of_the_sdk_say(model: Model, route: Route) -> None:
    for fields in examples(model):
        body = json.loads(_content(prepared(asking(model.name, route, fields), route), route))
        (turn,) = [types.Content.model_validate(one) for one in body.pop("contents")]
        assert turn.parts[0].inline_data.data == IMAGE
        types.GenerateContentConfig.model_validate(body.pop("generationConfig"))
        assert body == {}


def test_the_same_call_by_the_sdk_and_by_the_provider(vendor: Gemini, client: Any) -> None:
    """What the SDK sends of a request is what the provider sends of it."""
    route = next(one.values[1] for one in routes_of("google") if one.values[1].id == MODEL)
    request = asking(MODEL, route, {"aspect_ratio": "4:3", "resolution": "2K", "seed": 7})
    ours = json.loads(_content(prepared(request, route), route))
    edit(client, image_config=types.ImageConfig(aspect_ratio="4:3", image_size="2K"), seed=7)
    theirs = vendor.received
    assert theirs["generationConfig"] == ours["generationConfig"]
    data = theirs["contents"][0]["parts"][0]["inlineData"]
    data["data"] = data["data"].replace("-", "+").replace("_", "/")
    assert theirs["contents"] == ours["contents"]

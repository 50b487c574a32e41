"""The stand-in for OpenAI proves itself: the vendor's own SDK works against it, and takes what the provider sends."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from io import BytesIO
from typing import Any, get_type_hints

import pytest
from PIL import Image
from tests.providers.driving import asking, examples, route_of, routes_of
from tests.vendors.base import Fault, png
from tests.vendors.open_ai import GONE, KEY, MODELS, OpenAI, refusal

from editchain.models import Model, Route
from editchain.providers.openai import _sendable
from editchain.providers.preparing import prepared

sdk = pytest.importorskip("openai")
pytestmark = pytest.mark.slow

MODEL = "gpt-image-2"


@pytest.fixture
def vendor() -> Iterator[OpenAI]:
    with OpenAI().running() as made:
        yield made


@pytest.fixture
def client(vendor: OpenAI) -> Iterator[Any]:
    """The SDK, told to refuse every answer that is not as its types say."""
    with sdk.OpenAI(
        api_key=KEY, base_url=vendor.url, max_retries=0, _strict_response_validation=True
    ) as made:
        yield made


def mask(size: tuple[int, int] = (12, 8)) -> bytes:
    data = BytesIO()
    Image.new("RGBA", size).save(data, "PNG")
    return data.getvalue()


def picture(of: bytes = b"a") -> tuple[str, bytes, str]:
    return "a.png", png(of), "image/png"


def test_an_edit_of_two_pictures_with_a_mask(vendor: OpenAI, client: Any) -> None:
    made = client.images.edit(
        model=MODEL, image=[picture(), picture(b"b")], mask=("m.png", mask(), "image/png"),
        prompt="Night", n=2, size="1536x864", quality="high", background="opaque",
        output_format="webp", output_compression=80,
    )  # fmt: skip
    assert [base64.b64decode(one.b64_json) for one in made.data] == [png(b"img_1 0"), png(b"img_1 1")]
    assert made.usage.input_tokens_details.image_tokens == 646
    assert vendor.pictures == [png(b"a"), png(b"b")]
    assert vendor.mask == mask()
    assert len(vendor.bill) == 1


def test_an_edit_of_one_picture(vendor: OpenAI, client: Any) -> None:
    client.images.edit(model="gpt-image-1.5", image=picture(), prompt="Night", input_fidelity="high")
    assert vendor.received == {"model": "gpt-image-1.5", "prompt": "Night", "input_fidelity": "high"}


def test_models_are_listed(client: Any) -> None:
    assert [one.id for one in client.models.list()] == list(MODELS)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"size": "1000x1000"}, "Invalid size"),
        ({"model": "gpt-image-1.5", "size": "1536x864"}, "Invalid size"),
        ({"quality": "max"}, "Invalid value: 'max'"),
        ({"n": 11}, "Invalid 'n'"),
        ({"input_fidelity": "high"}, "does not support the 'input_fidelity'"),
        ({"background": "transparent", "output_format": "jpeg"}, "not supported for JPEG"),
        ({"output_compression": 50}, "not supported for PNG"),
        ({"prompt": ""}, "Invalid 'prompt'"),
        ({"image": ("a.bin", b"no picture", "application/octet-stream")}, "unsupported mimetype"),
        ({"image": ("a.png", b"no picture", "image/png")}, "Invalid image file"),
        ({"mask": ("m.png", mask((8, 8)), "image/png")}, "size has to be that of the image"),
        ({"mask": ("m.png", png(b"m"), "image/png")}, "missing alpha channel"),
    ],
)
def test_what_the_vendor_refuses(vendor: OpenAI, client: Any, more: dict[str, Any], reason: str) -> None:
    with pytest.raises(sdk.BadRequestError, match=reason):
        client.images.edit(**{"model": MODEL, "image": picture(), "prompt": "Night", **more})
    assert vendor.bill == []


@pytest.mark.parametrize("model", [*GONE, "gpt-image-9"])
def test_models_that_are_not_there(client: Any, model: str) -> None:
    with pytest.raises(sdk.NotFoundError) as caught:
        client.images.edit(model=model, image=picture(), prompt="Night")
    assert caught.value.code == "model_not_found"


def test_moderation_and_credentials(vendor: OpenAI, client: Any) -> None:
    with pytest.raises(sdk.BadRequestError) as caught:
        client.images.edit(model=MODEL, image=picture(), prompt="Something forbidden")
    assert caught.value.code == "moderation_blocked"
    with (
        sdk.OpenAI(api_key="sk-stranger", base_url=vendor.url, max_retries=0) as other,
        pytest.raises(sdk.AuthenticationError),
    ):
        other.models.list()


def test_the_sdk_waits_as_the_headers_say(vendor: OpenAI) -> None:
    busy = refusal(429, "Slow down", "requests", "rate_limit_exceeded", retry_after_ms="5")
    vendor.server.fault("POST /v1/images", Fault(instead=busy))
    with sdk.OpenAI(api_key=KEY, base_url=vendor.url) as patient:
        patient.images.edit(model=MODEL, image=picture(), prompt="Night")
    assert (len(vendor.server.asked), len(vendor.bill)) == (2, 1)


# What the provider sends, held against the SDK's own types


def told(fields: dict[str, str]) -> dict[str, Any]:
    """The fields of a form as the values that they were."""
    return {
        name: json.loads(text) if name in ("n", "output_compression") else text
        for name, text in fields.items()
    }


@pytest.mark.parametrize(("model", "route"), routes_of("openai"))
def test_every_example_is_as_the_types_of_the_sdk_say(model: Model, route: Route) -> None:
    pydantic = pytest.importorskip("pydantic")
    from openai.types.image_edit_params import ImageEditParamsBase

    types = get_type_hints(ImageEditParamsBase)
    for fields in examples(model):
        request = asking(model.name, route, fields)
        for name, value in told(_sendable(prepared(request, route), route)["form"]).items():
            pydantic.TypeAdapter(types[name]).validate_python(value, strict=True)


def test_the_same_call_by_the_sdk_and_by_the_provider(vendor: OpenAI, client: Any) -> None:
    """What the provider sends of a request is what the SDK would send of it, part by part."""
    route = route_of(MODEL, "openai")
    sent = _sendable(prepared(asking(MODEL, route, {"references": ["b"]}), route), route)
    client.images.edit(image=[file for _, file in sent["files"]], **told(sent["form"]))
    by_sdk = sorted((one.name, one.data) for one in vendor.form)
    files = [(name, file[1]) for name, file in sent["files"]]
    assert by_sdk == sorted([*files, *((name, text.encode()) for name, text in sent["form"].items())])

"""The stand-in for Ark proves itself: the vendor's own SDK works against it, unmodified."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from decimal import Decimal

import httpx
import pytest
from tests.vendors.ark import KEY, Ark, Ending, no
from tests.vendors.base import Fault, png

sdk = pytest.importorskip("byteplussdkarkruntime")
pytestmark = pytest.mark.slow

MODEL = "seedream-4-0-250828"
IMAGE = f"data:image/png;base64,{base64.b64encode(png(b'a', (40, 30))).decode()}"


@pytest.fixture
def vendor() -> Iterator[Ark]:
    with Ark().running() as made:
        yield made


@pytest.fixture
def client(vendor: Ark) -> Iterator[sdk.Ark]:
    with sdk.Ark(api_key=KEY, base_url=vendor.url, max_retries=0) as made:
        yield made


def test_an_edit_from_request_to_bytes(vendor: Ark, client: sdk.Ark) -> None:
    found = client.images.generate(
        model=MODEL, prompt="Night", image=[IMAGE, IMAGE], size="2K", watermark=False
    )
    (made,) = found.data
    assert httpx.get(made.url).content == vendor.picture(vendor.asks[0], 0)
    assert (found.model, found.usage.generated_images) == (MODEL, 1)
    assert vendor.charged == Decimal("0.03")


def test_a_picture_in_the_answer(vendor: Ark, client: sdk.Ark) -> None:
    found = client.images.generate(model=MODEL, prompt="Night", image=IMAGE, response_format="b64_json")
    assert base64.b64decode(found.data[0].b64_json) == vendor.picture(vendor.asks[0], 0)


def test_a_series_of_which_one_is_not_made(vendor: Ark, client: sdk.Ark) -> None:
    from byteplussdkarkruntime.types.images.images import SequentialImageGenerationOptions

    vendor.endings.append(Ending(errors=(None, ("OutputImageSensitiveContentDetected", "no"))))
    found = client.images.generate(
        model=MODEL,
        prompt="Night",
        image=IMAGE,
        sequential_image_generation="auto",
        sequential_image_generation_options=SequentialImageGenerationOptions(max_images=3),
    )
    assert [bool(one.url) for one in found.data] == [True, False, True]
    assert found.data[1].error["code"] == "OutputImageSensitiveContentDetected"
    assert found.usage.generated_images == 2
    assert vendor.charged == Decimal("0.06")


@pytest.mark.parametrize(
    ("more", "about"),
    [
        ({"size": "512x512"}, "between 921600 and 16777216 pixels"),
        ({"size": "8K"}, "size is not valid"),
        ({"guidance_scale": 3.0}, "not valid"),
        ({"output_format": "png"}, "not valid"),
        ({"image": "data:image/png;base64,xx"}, "image is not valid"),
        ({"image": [IMAGE] * 15}, "image is not valid"),
    ],
)
def test_what_the_vendor_refuses(vendor: Ark, client: sdk.Ark, more: dict[str, object], about: str) -> None:
    with pytest.raises(sdk._exceptions.ArkBadRequestError, match=about):
        client.images.generate(**{"model": MODEL, "prompt": "Night", "image": IMAGE, **more})
    assert vendor.bill == []


def test_other_refusals(vendor: Ark, client: sdk.Ark) -> None:
    with pytest.raises(sdk._exceptions.ArkNotFoundError, match="does not exist"):
        client.images.generate(model="seedream-4", prompt="Night")
    with (
        sdk.Ark(api_key="another", base_url=vendor.url, max_retries=0) as stranger,
        pytest.raises(sdk._exceptions.ArkAuthenticationError) as caught,
    ):
        stranger.images.generate(model=MODEL, prompt="Night")
    assert caught.value.code == "AuthenticationError"
    vendor.server.fault("POST", Fault(instead=no(429, "RequestBurstTooFast", "slow down")))
    with pytest.raises(sdk._exceptions.ArkRateLimitError, match="slow down"):
        client.images.generate(model=MODEL, prompt="Night")
    assert vendor.bill == []

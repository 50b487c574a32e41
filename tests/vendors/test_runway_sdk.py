"""The stand-in for Runway proves itself: the vendor's own SDK works against it, and takes what the provider sends."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from tests.providers.driving import IMAGE, asking, examples, routes_of
from tests.vendors.base import Fault, png, said
from tests.vendors.runway import KEY, MODELS, Ending, Runway

from editchain.errors import TaskError
from editchain.models import Model, Route
from editchain.providers.runway import _body

sdk = pytest.importorskip("runwayml")
pytestmark = pytest.mark.slow


@pytest.fixture
def vendor() -> Iterator[Runway]:
    with Runway().running() as made:
        yield made


@pytest.fixture
def client(vendor: Runway) -> Iterator[Any]:
    """The SDK, told to refuse every answer that is not as its types say."""
    with sdk.RunwayML(
        api_key=KEY, base_url=vendor.server.url, max_retries=0, _strict_response_validation=True
    ) as made:
        yield made


def edit(client: Any, **more: Any) -> Any:
    handle = client.uploads.create_ephemeral(file=("a.png", IMAGE, "image/png")).uri
    asked = {"model": "gen4_image", "prompt_text": "@cat at night", "ratio": "1920:1080", "seed": 7}
    return client.text_to_image.create(**asked | {"reference_images": [{"uri": handle, "tag": "cat"}]} | more)


def test_an_edit_from_upload_to_bytes(vendor: Runway, client: Any) -> None:
    made = edit(client)
    assert made.estimated_cost.credits == 8
    seen = [client.tasks.retrieve(made.id) for _ in range(4)]
    assert [task.status for task in seen] == ["PENDING", "THROTTLED", "RUNNING", "SUCCEEDED"]
    assert seen[-1].cost.credits == 8
    (address,) = seen[-1].output
    assert httpx.get(address).content == png(f"/output/{made.id}/0.png".encode())
    assert vendor.uploads == {"runway://upload-1": IMAGE}
    assert vendor.tasks[made.id].body["referenceImages"] == [{"uri": "runway://upload-1", "tag": "cat"}]
    assert vendor.charged == 8
    assert vendor.leaked == []


@pytest.mark.filterwarnings("ignore")  # of the SDK's own making
def test_the_sdk_waits_for_a_task(client: Any, vendor: Runway) -> None:
    vendor.endings += [Ending(("SUCCEEDED",)), Ending(("FAILED",), code="SAFETY.INPUT.TEXT", units=8)]
    assert edit(client).wait_for_task_output(timeout=5).status == "SUCCEEDED"
    with pytest.raises(sdk.TaskFailedError) as caught:
        edit(client).wait_for_task_output(timeout=5)
    assert caught.value.task_details.failure_code == "SAFETY.INPUT.TEXT"
    assert vendor.charged == 16


def test_a_task_that_fails_or_is_cancelled_says_what_it_cost(vendor: Runway, client: Any) -> None:
    vendor.endings += [Ending(("FAILED",), code="INTERNAL.BAD_OUTPUT.CODE01"), Ending(("CANCELLED",))]
    failed = client.tasks.retrieve(edit(client).id)
    assert (failed.status, failed.failure_code, failed.cost.credits) == (
        "FAILED",
        "INTERNAL.BAD_OUTPUT.CODE01",
        0,
    )
    assert client.tasks.retrieve(edit(client).id).status == "CANCELLED"
    assert vendor.charged == 0


def test_a_task_is_deleted_and_gone(vendor: Runway, client: Any) -> None:
    made = edit(client)
    client.tasks.delete(made.id)
    with pytest.raises(sdk.NotFoundError):
        client.tasks.retrieve(made.id)
    assert vendor.charged == 0


def test_the_account_is_read(client: Any) -> None:
    edit(client)
    found = client.organization.retrieve()
    assert found.credit_balance == 1000
    assert found.tier.models["gen4_image"].max_daily_generations == 200
    assert found.usage.models["gen4_image"].daily_generations == 1


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"ratio": "1000:1000"}, ["ratio"]),
        ({"prompt_text": ""}, ["promptText"]),
        ({"prompt_text": "\N{CAT FACE}" * 501}, ["promptText"]),
        ({"model": "gen4_image_turbo", "reference_images": []}, ["referenceImages"]),
        ({"reference_images": [{"uri": "runway://upload-1", "tag": "x"}]}, ["referenceImages", 0, "tag"]),
        ({"reference_images": [{"uri": "runway://upload-1", "tag": "cat"}] * 2}, ["referenceImages"]),
        ({"reference_images": [{"uri": "runway://nowhere", "tag": "cat"}]}, ["referenceImages"]),
        ({"model": "gen9"}, ["model"]),
        ({"seed": -1}, ["seed"]),
    ],
)
def test_what_the_vendor_refuses(vendor: Runway, client: Any, more: dict[str, Any], path: list[Any]) -> None:
    with pytest.raises(sdk.BadRequestError) as caught:
        edit(client, **more)
    assert caught.value.body["issues"][0]["path"] == path
    assert vendor.bill == []


def test_other_refusals(vendor: Runway, client: Any) -> None:
    vendor.daily = 0
    with pytest.raises(sdk.RateLimitError):
        edit(client)
    vendor.daily, vendor.balance = None, 1
    with pytest.raises(sdk.BadRequestError, match="enough credits"):
        edit(client)
    with (
        sdk.RunwayML(api_key="key_stranger", base_url=vendor.server.url, max_retries=0) as other,
        pytest.raises(sdk.AuthenticationError),
    ):
        other.organization.retrieve()
    vendor.server.fault("GET /v1/organization", Fault(instead=said({"error": "x"}, 503)))
    with pytest.raises(sdk.InternalServerError):
        client.organization.retrieve()


# What the provider sends, held against the SDK's own types


def by_model() -> dict[str, Any]:
    """The SDK's type of a request, for each model that it knows."""
    from runwayml.types.text_to_image_create_params import TextToImageCreateParams

    return {
        typing.get_args(typing.get_args(typing.get_type_hints(one, include_extras=True)["model"])[0])[0]: one
        for one in typing.get_args(TextToImageCreateParams)
    }


def snake(found: Any) -> Any:
    """A body with its names as the SDK's types have them."""
    if isinstance(found, dict):
        return {
            re.sub(r"([A-Z])", lambda m: f"_{m[1].lower()}", name): snake(one) for name, one in found.items()
        }
    return [snake(one) for one in found] if isinstance(found, list) else found


@pytest.mark.parametrize(("model", "route"), routes_of("runway"))
def test_every_example_is_as_the_types_of_the_sdk_say(model: Model, route: Route) -> None:
    pydantic = pytest.importorskip("pydantic")
    rules = by_model()[route.id]
    for fields in examples(model):
        request = asking(model.name, route, fields)
        blobs = [one for found in request.images.values() for one in found]
        request = replace(request, handles={one.digest: f"runway://{one.digest.hex()}" for one in blobs})
        try:
            body = snake(_body(request, route))
        except TaskError as error:
            assert "nothing was sent" in str(error)
            continue
        assert body.keys() <= typing.get_type_hints(rules).keys()
        body["reference_images"] = tuple(body["reference_images"])
        pydantic.TypeAdapter(rules).validate_python(body)


def test_the_stand_in_knows_the_sizes_that_the_sdk_knows() -> None:
    for name, (_, rules) in MODELS.items():
        hint = typing.get_type_hints(by_model()[name])["ratio"]
        ratio = rules["properties"]["ratio"]
        if str in typing.get_args(hint):
            assert ratio["type"] == "string"
        else:
            assert set(ratio["enum"]) == set(typing.get_args(hint)), name

"""The stand-in for fal proves itself: the vendor's own SDK works against it, pointed at it by the names of its hosts."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from decimal import Decimal

import httpx
import pytest
from tests.vendors.base import png, said
from tests.vendors.fal import KEY, Ending, Fal

sdk = pytest.importorskip("fal_client")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # it leaves the connections of its uploads open
]

TURBO = "fal-ai/flux-2/turbo/edit"


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fal]:
    """The stand-in under the names of the vendor's hosts: the SDK has no other way to be told of another."""
    from fal_client import client

    with Fal().running() as made:
        monkeypatch.setattr(client, "QUEUE_URL_FORMAT", f"{made.url}/")
        monkeypatch.setattr(client, "REST_URL", made.url)
        monkeypatch.setattr(client, "CDN_URL", made.url)
        yield made
    gc.collect()


@pytest.fixture
def client(vendor: Fal) -> Iterator[sdk.SyncClient]:
    made = sdk.SyncClient(key=KEY)
    yield made
    made._client.close()


def body(client: sdk.SyncClient, **more: object) -> dict[str, object]:
    return {"prompt": "Night", "image_urls": [client.upload(png(b"a"), "image/png")], **more}


def test_an_edit_from_upload_to_bytes(vendor: Fal, client: sdk.SyncClient) -> None:
    handle = client.submit(TURBO, arguments=body(client, num_images=2, seed=7))
    assert handle.status_url == f"{vendor.url}/fal-ai/flux-2/requests/req-0001/status"
    assert [type(handle.status()).__name__ for _ in range(3)] == ["Queued", "InProgress", "Completed"]
    found = handle.get(interval=0.01)
    first, second = (httpx.get(one["url"]).content for one in found["images"])
    assert first.startswith(b"\x89PNG")
    assert first != second
    assert found["seed"] == 7
    assert vendor.charged == Decimal("0.016")
    assert vendor.dropped == []


@pytest.mark.parametrize("repository", ["fal_v3", "fal"])
def test_both_ways_to_upload(vendor: Fal, client: sdk.SyncClient, repository: str) -> None:
    address = client.upload(png(b"a"), "image/png", "a.png", repository=repository)
    assert vendor.uploads[address] == png(b"a")
    assert httpx.get(address).content == png(b"a")


def test_a_request_is_found_by_its_id(client: sdk.SyncClient) -> None:
    handle = client.submit(TURBO, arguments=body(client))
    assert client.get_handle(TURBO, handle.request_id).get(interval=0.01)["images"]


def test_a_request_that_waits_is_cancelled(vendor: Fal, client: sdk.SyncClient) -> None:
    handle = client.submit(TURBO, arguments=body(client))
    handle.cancel()
    with pytest.raises(sdk.FalClientHTTPError) as caught:
        handle.get(interval=0.01)
    assert (caught.value.status_code, caught.value.error_type) == (499, "client_cancelled")
    assert vendor.charged == 0
    with pytest.raises(sdk.FalClientHTTPError, match="ALREADY_COMPLETED"):
        handle.cancel()


def test_moderation_is_a_result(vendor: Fal, client: sdk.SyncClient) -> None:
    detail = [{"loc": ["body", "prompt"], "msg": "flagged", "type": "content_policy_violation"}]
    vendor.endings.append(Ending(error=said({"detail": detail}, 422)))
    handle = client.submit(TURBO, arguments=body(client))
    completed = [handle.status() for _ in range(3)][-1]
    assert completed.error == "Request failed"
    with pytest.raises(sdk.FalClientHTTPError, match="flagged"):
        handle.get(interval=0.01)


def test_input_is_checked_where_the_model_runs(vendor: Fal, client: sdk.SyncClient) -> None:
    handle = client.submit(TURBO, arguments=body(client, guidance_scale=99))
    with pytest.raises(sdk.FalClientHTTPError, match="guidance_scale"):
        handle.get(interval=0.01)
    assert vendor.charged == 0


def test_what_the_vendor_refuses(vendor: Fal, client: sdk.SyncClient) -> None:
    with pytest.raises(sdk.FalClientHTTPError, match="not found"):
        client.submit("fal-ai/none", arguments={"prompt": "x"})
    with pytest.raises(sdk.FalClientHTTPError, match="Authentication"):
        sdk.SyncClient(key="another").submit(TURBO, arguments={"prompt": "x"})
    vendor.has_balance = False
    with pytest.raises(sdk.FalClientHTTPError, match="Exhausted balance"):
        client.submit(TURBO, arguments={"prompt": "x"})
    assert vendor.bill == []

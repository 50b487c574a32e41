"""The stand-in for Scenario proves itself: the vendor's own SDK works against it, unmodified."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import httpx
import pytest
from tests.vendors.base import Fault, png, said
from tests.vendors.scenario import KEY, LORAS, MODELS, SECRET, Ending, Scenario

sdk = pytest.importorskip("scenario_sdk")
pytestmark = pytest.mark.slow

KONTEXT = "model_flux-kontext-editing"


@pytest.fixture
def vendor() -> Iterator[Scenario]:
    with Scenario().running() as made:
        yield made


@pytest.fixture
def client(vendor: Scenario) -> Iterator[sdk.Scenario]:
    """The SDK, told to refuse every answer that is not as its types say."""
    with sdk.Scenario(
        api_key=KEY, api_secret=SECRET, base_url=vendor.url, max_retries=0, _strict_response_validation=True
    ) as made:
        yield made


def uploaded(client: sdk.Scenario, of: bytes = b"a") -> str:
    made = client.assets.upload(name="a.png", image=base64.b64encode(png(of)).decode())
    assert made.asset.status == "success"
    return str(made.asset.id)


def body(client: sdk.Scenario, **more: object) -> dict[str, object]:
    return {"prompt": "Night", "referenceImages": [uploaded(client)], **more}


def test_an_edit_from_upload_to_bytes(vendor: Scenario, client: sdk.Scenario) -> None:
    made = client.generate.run_model(KONTEXT, body=body(client, numOutputs=2))
    assert (made.creative_units_cost, made.job.status, made.job.job_type) == (22, "queued", "custom")
    seen = [client.jobs.retrieve(made.job.job_id).job for _ in range(3)]
    assert [job.status for job in seen] == ["queued", "in-progress", "success"]
    first, second = seen[-1].metadata.asset_ids
    asset = client.assets.retrieve(first, original_assets=True).asset
    assert httpx.get(asset.url).content.startswith(b"\x89PNG")
    other = client.assets.download.request(second)
    assert httpx.get(other.url).content != httpx.get(asset.url).content
    assert [(one.job, one.units) for one in vendor.bill] == [(made.job.job_id, 22)]


def test_a_dry_run_costs_nothing(vendor: Scenario, client: sdk.Scenario) -> None:
    answer = client.generate.with_raw_response.run_model(KONTEXT, body=body(client), dry_run="true")
    assert answer.status_code == 269
    assert answer.json()["creativeUnitsCost"] == 11
    assert vendor.bill == []
    assert vendor.jobs == {}


def test_dry_run_in_the_body_runs_and_is_charged(vendor: Scenario, client: sdk.Scenario) -> None:
    client.generate.run_model(KONTEXT, body=body(client, dryRun=True))
    assert vendor.charged == 11


def test_models_are_listed_and_read_with_their_inputs(client: sdk.Scenario) -> None:
    assert list(client.models.list()) == []
    listed = list(client.models.list(privacy="public", page_size=3))
    assert {one.id for one in listed} == {*MODELS, *LORAS}
    read = client.models.retrieve(KONTEXT).model
    assert read.inputs is not None
    assert {one.name: one.type for one in read.inputs}["referenceImages"] == "file_array"
    assert client.models.get_bulk(model_ids=[KONTEXT]).models[0].id == KONTEXT


def test_jobs_are_listed_page_by_page(vendor: Scenario, client: sdk.Scenario) -> None:
    vendor.page_size = 2
    ids = [client.generate.run_model(KONTEXT, body=body(client)).job.job_id for _ in range(5)]
    assert [one.job_id for one in client.jobs.list(page_size=2)] == ids[::-1]
    assert [one.job_id for one in client.jobs.list(created_after="2001-01-01T00:00:00Z")] == ids[::-1]
    with pytest.raises(sdk.BadRequestError, match="createdAfter is not allowed"):
        client.jobs.list(created_after="2001-01-01T00:00:00Z", type="custom")


def test_assets_are_listed_read_together_and_deleted(client: sdk.Scenario) -> None:
    ids = [uploaded(client, bytes([number])) for number in range(3)]
    assert [one.id for one in client.assets.list()] == ids[::-1]
    assert [one.id for one in client.assets.get_bulk(asset_ids=ids).assets] == ids
    client.assets.delete_multiple(asset_ids=ids[:2])
    assert [one.id for one in client.assets.list()] == ids[2:]


def test_a_large_picture_goes_up_in_parts(vendor: Scenario, client: sdk.Scenario) -> None:
    vendor.imports_after = 1
    data = png(b"large") + bytes(6_000_000)
    cut = 5_500_000
    made = client.uploads.create(
        kind="image", file_name="a.png", content_type="image/png", file_size=len(data), parts=2
    ).upload
    for part in made.parts:
        piece = data[:cut] if part.number == 1 else data[cut:]
        assert httpx.put(part.url, content=piece).status_code == 200
    client.uploads.trigger_action(made.id, action="complete")
    seen = [client.uploads.retrieve(made.id).upload for _ in range(2)]
    assert [one.status for one in seen] == ["validating", "imported"]
    assert vendor.assets[seen[-1].entity_id].data == data


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"prompt": ""}, "Input prompt is required"),
        ({"guidanceScale": 0.5}, "Input guidanceScale must be at least 1"),
        ({"numOutputs": 5}, "Input numOutputs must be at most 4"),
        ({"quality": "low"}, "Input quality must be one of high, medium"),
        ({"loras": ["model_style", "model_style"]}, "Input loras must be at most 1 items long"),
        ({"loras": ["model_other"]}, "Allowed model types: flux.1-kontext-lora"),
        ({"format": "png"}, "Input format is not allowed"),
    ],
)
def test_what_the_vendor_refuses(
    vendor: Scenario, client: sdk.Scenario, more: dict[str, object], reason: str
) -> None:
    with pytest.raises(sdk.BadRequestError, match=reason):
        client.generate.run_model(KONTEXT, body=body(client, **more))
    assert vendor.bill == []


def test_a_bare_value_for_a_list_is_dropped_and_charged(vendor: Scenario, client: sdk.Scenario) -> None:
    given = body(client)
    given["loras"] = "model_style"
    client.generate.run_model(KONTEXT, body=given)
    assert vendor.dropped == ["loras"]
    assert vendor.charged == 11


def test_other_refusals(vendor: Scenario, client: sdk.Scenario) -> None:
    with pytest.raises(sdk.BadRequestError, match="Custom models only"):
        client.generate.run_model("model_style", body=body(client))
    with pytest.raises(sdk.NotFoundError, match="Model model_none not found"):
        client.generate.run_model("model_none", body=body(client))
    with pytest.raises(sdk.NotFoundError, match="Asset asset_none not found"):
        client.generate.run_model(KONTEXT, body={"prompt": "x", "referenceImages": ["asset_none"]})
    made = client.generate.run_model(KONTEXT, body=body(client)).job
    with pytest.raises(sdk.BadRequestError, match="Cannot cancel"):
        client.jobs.trigger_action(made.job_id, action="cancel")
    stranger = sdk.Scenario(api_key=KEY, api_secret=KEY, base_url=vendor.url, max_retries=0)
    with stranger, pytest.raises(sdk.AuthenticationError):
        stranger.jobs.list()


def test_one_job_too_many_at_a_time(vendor: Scenario, client: sdk.Scenario) -> None:
    vendor.parallel = 1
    client.generate.run_model(KONTEXT, body=body(client))
    with pytest.raises(sdk.RateLimitError) as caught:
        client.generate.run_model(KONTEXT, body=body(client))
    assert caught.value.body["details"] == {"actionName": "parallel-custom-jobs", "actionLimit": 1}
    assert len(vendor.bill) == 1


@pytest.mark.parametrize(("is_charged", "pays"), [(None, 0), (False, 0), (True, 11)])
def test_a_failed_job_is_refunded_unless_it_is_not(
    vendor: Scenario, client: sdk.Scenario, is_charged: bool | None, pays: int
) -> None:
    vendor.endings.append(Ending(("failure",), "moderated", is_charged))
    job_id = client.generate.run_model(KONTEXT, body=body(client)).job.job_id
    job = client.jobs.retrieve(job_id).job
    assert (job.status, job.metadata.error) == ("failure", "moderated")
    assert vendor.charged == pays


def test_planned_faults_strike_once(vendor: Scenario, client: sdk.Scenario) -> None:
    vendor.server.fault("POST /v1/generate", Fault(after=said({"message": "oops"}, 502)), skip=1)
    client.generate.run_model(KONTEXT, body=body(client))
    with pytest.raises(sdk.InternalServerError):
        client.generate.run_model(KONTEXT, body=body(client))
    client.generate.run_model(KONTEXT, body=body(client))
    assert len(vendor.bill) == 3  # the middle one was carried out, and its answer lost


def test_the_sdk_does_not_repeat_a_paid_call_whose_reply_says_so(vendor: Scenario) -> None:
    refused = said({"message": "later"}, 503, x_should_retry="false")
    vendor.server.fault("POST /v1/generate", Fault(instead=refused), times=3)
    with sdk.Scenario(api_key=KEY, api_secret=SECRET, base_url=vendor.url) as patient:
        given = body(patient)
        with pytest.raises(sdk.InternalServerError):
            patient.generate.run_model(KONTEXT, body=given)
    assert len(vendor.server.names("POST /v1/generate")) == 1

"""Scenario's own SDK works against this server, unmodified: it changes its base URL."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.server.serving import png, served, workspace

from editchain.server import keys
from editchain.server.describing import offers
from editchain.server.keys import Limits
from editchain.server.shelf import Shelf
from editchain.workspace import Workspace

sdk = pytest.importorskip("scenario_sdk")
pytestmark = pytest.mark.slow

KONTEXT = "model_flux-kontext-editing"
SEED = (
    "model_bytedance-seedream-4-editing",
    KONTEXT,
    "model_google-gemini-2-5-flash-image-editing",
    "model_openai-gpt-image-1-editing",
    "model_qwen-image-edit",
    "model_runway-gen4-image-editing",
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The SDK, told to refuse every answer that is not as its types say."""
    root = workspace(tmp_path_factory.mktemp("sdk"))
    shelf = Shelf(root / ".editchain" / "server" / "server.db")
    key, secret = keys.make(shelf, "sdk", Limits(), 0.0)
    shelf.close()
    with (
        served(root) as url,
        sdk.Scenario(
            api_key=key.id,
            api_secret=secret,
            base_url=f"{url}/v1",
            max_retries=0,
            _strict_response_validation=True,
        ) as made,
    ):
        yield made


def uploaded(client: Any, colour: tuple[int, int, int] = (9, 9, 9)) -> str:
    return str(client.assets.upload(name="a.png", image=base64.b64encode(png(colour)).decode()).asset.id)


def finished(client: Any, job_id: str) -> Any:
    deadline = time.monotonic() + 60
    while True:
        job = client.jobs.retrieve(job_id).job
        if job.status in ("success", "failure", "canceled"):
            return job
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("model", SEED)
def test_every_seed_model_from_upload_to_bytes(client: Any, model: str) -> None:
    record = client.models.retrieve(model).model
    takes_list = {one.name: one.type for one in record.inputs}["referenceImages"] == "file_array"
    asset = uploaded(client)
    body = {"prompt": "make it sepia", "referenceImages": [asset] if takes_list else asset}
    dry = client.generate.with_raw_response.run_model(model, body=body, dry_run="true")
    assert dry.status_code == 269
    made = client.generate.run_model(model, body=body)
    job = finished(client, made.job.job_id)
    assert job.status == "success", job
    (name,) = job.metadata.asset_ids
    result = client.assets.retrieve(name, original_assets=True).asset
    assert httpx.get(result.url).content.startswith((b"\x89PNG", b"\xff\xd8", b"RIFF"))


def test_models_are_listed_and_read_with_their_inputs(client: Any, tmp_path: Any) -> None:
    assert list(client.models.list()) == []
    listed = {one.id for one in client.models.list(privacy="public", page_size=3)}
    with Workspace(workspace(tmp_path / "other")) as other:
        assert listed == set(offers(other.catalogue))
    read = client.models.retrieve(KONTEXT).model
    assert {one.name: one.type for one in read.inputs}["referenceImages"] == "file_array"
    assert client.models.get_bulk(model_ids=[KONTEXT]).models[0].id == KONTEXT


def test_assets_and_jobs_are_listed(client: Any) -> None:
    ids = [uploaded(client, (number, 1, 1)) for number in range(3)]
    assert [one.id for one in client.assets.list()][:3] == ids[::-1]
    assert [one.id for one in client.assets.get_bulk(asset_ids=ids).assets] == ids
    client.assets.delete_multiple(asset_ids=ids[:2])
    with pytest.raises(sdk.NotFoundError):
        client.assets.retrieve(ids[0])
    job = client.generate.run_model(KONTEXT, body={"prompt": "blur", "referenceImages": ids[2:]}).job
    finished(client, job.job_id)
    assert next(iter(client.jobs.list(page_size=2))).job_id == job.job_id
    download = client.assets.download.request(ids[2], target_format="jpg")
    assert httpx.get(download.url).content.startswith(b"\xff\xd8")


def test_a_large_picture_goes_up_in_parts(client: Any) -> None:
    data = png() + bytes(6_000_000)
    cut = 5_500_000
    made = client.uploads.create(
        kind="image", file_name="a.png", content_type="image/png", file_size=len(data), parts=2
    ).upload
    for part in made.parts:
        piece = data[:cut] if part.number == 1 else data[cut:]
        assert httpx.put(part.url, content=piece).status_code == 200
    client.uploads.trigger_action(made.id, action="complete")
    upload = client.uploads.retrieve(made.id).upload
    assert (upload.status, upload.error_message) == ("imported", None)
    assert client.assets.retrieve(upload.entity_id).asset.properties.size == len(data)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"prompt": ""}, "Input prompt is required"),
        ({"guidanceScale": 0.5}, "Input guidanceScale must be at least 1"),
        ({"numOutputs": 5}, "Input numOutputs must be at most 4"),
        ({"quality": "low"}, "Input quality must be one of"),
        ({"format": "png"}, "Input format is not allowed"),
        ({"prompt": "put a cat on it"}, "does not understand"),
    ],
)
def test_what_is_wrong_is_refused(client: Any, more: dict[str, Any], reason: str) -> None:
    body = {"prompt": "make it sepia", "referenceImages": [uploaded(client)], **more}
    with pytest.raises(sdk.BadRequestError, match=reason):
        client.generate.run_model(KONTEXT, body=body)


def test_other_refusals(client: Any) -> None:
    with pytest.raises(sdk.NotFoundError, match="Model model_none not found"):
        client.generate.run_model("model_none", body={"prompt": "x"})
    with pytest.raises(sdk.NotFoundError, match="Asset asset_none not found"):
        client.generate.run_model(KONTEXT, body={"prompt": "blur", "referenceImages": ["asset_none"]})
    job = client.generate.run_model(
        KONTEXT, body={"prompt": "blur", "referenceImages": [uploaded(client)]}
    ).job
    finished(client, job.job_id)
    with pytest.raises(sdk.BadRequestError, match="Cannot cancel"):
        client.jobs.trigger_action(job.job_id, action="cancel")

"""The seed's request, over real sockets: its defaults, rules and fall-backs, and what comes of it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from tests.server.serving import data_url, ended, png, served, workspace

from editchain.server import bodies
from editchain.server.asking import Refusal

EDIT = "/v1/generate/prompt-editing"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    root: Path = workspace(tmp_path_factory.mktemp("server"))
    with served(root) as url, httpx.Client(base_url=url) as found:
        yield found


def asked(client: httpx.Client, **more: Any) -> httpx.Response:
    return client.post(EDIT, json={"image": data_url(), "prompt": "make it sepia", **more})


def reason(answer: httpx.Response) -> str:
    found: str = answer.json()["reason"]
    return found


def test_an_edit_from_request_to_bytes(client: httpx.Client) -> None:
    answer = asked(client)
    assert answer.status_code == 200, answer.text
    job = answer.json()["job"]
    assert (job["jobType"], job["status"]) == ("image-prompt-editing", "queued")
    assert job["metadata"]["input"]["modelId"] == "gemini-2.5-flash"
    done = ended(client, job["jobId"])
    assert done["status"] == "success", done
    (name,) = done["metadata"]["assetIds"]
    asset = client.get(f"/v1/assets/{name}").json()["asset"]
    picture = httpx.get(asset["url"])
    assert picture.headers["content-type"] == asset["mimeType"]
    assert picture.headers["x-content-type-options"] == "nosniff"
    assert Image.open(io.BytesIO(picture.content)).size == (24, 16)
    assert [one["status"] for one in done["statusHistory"]] == ["queued", "in-progress", "success"]


def test_what_it_costs_is_said_without_doing_it(client: httpx.Client) -> None:
    before = len(client.get("/v1/jobs").json()["jobs"])
    answer = client.post(
        EDIT, params={"dryRun": "true"}, json={"image": data_url(), "prompt": "make it sepia"}
    )
    assert (answer.status_code, answer.json()["creativeUnitsCost"]) == (269, 0)
    assert len(client.get("/v1/jobs").json()["jobs"]) == before


@pytest.mark.parametrize(
    ("more", "status", "said"),
    [
        ({"image": None}, 400, "Input image is required"),
        ({"prompt": ""}, 400, "Input prompt is required"),
        ({"image": "asset_none"}, 404, "Asset asset_none not found"),
        ({"image": "data:image/png;base64,aGVsbG8="}, 400, "not an image"),
        ({"image": "data:text/html;base64,aGVsbG8="}, 400, "data URL of a picture"),
        ({"modelId": "gpt-9"}, 400, "Invalid model(s): gpt-9."),
        ({"seed": 7}, 400, "Input seed is not available for the gemini-2.5-flash model"),
        ({"modelId": "flux-kontext", "referenceImages": ["a"] * 4}, 400, "must be at most 3 items long"),
        ({"modelId": "runway-gen4-image", "referenceImages": ["a"] * 3}, 400, "must be at most 2 items long"),
        ({"referenceImages": ["a"] * 6}, 400, "must be at most 5 items long"),
        (
            {"modelId": "flux-kontext", "concepts": [{"modelId": "m", "scale": 1}], "referenceImages": ["a"]},
            400,
            "must be at most 0 items long",
        ),
        ({"modelId": "gpt-image-1", "format": "gif"}, 400, "format"),
        ({"colour": "red"}, 400, "Input colour is not allowed"),
        ({"prompt": "add a cat"}, 400, "cat"),
    ],
)
def test_what_is_wrong_is_said_before_a_job_begins(
    client: httpx.Client, more: dict[str, Any], status: int, said: str
) -> None:
    answer = asked(client, **more)
    assert answer.status_code == status, answer.text
    assert said in reason(answer)
    assert answer.headers["x-should-retry"] == "false"


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"aspectRatio": "7:5"}, id="an unknown ratio falls back to auto"),
        pytest.param({"mask": data_url()}, id="a mask is ignored where the model has none"),
        pytest.param(
            {"format": "png", "compression": 100, "inputFidelity": "low"}, id="defaults of other models"
        ),
        pytest.param({"modelId": "flux-kontext", "seed": 7, "guidance": 3.5}, id="what only one model takes"),
        pytest.param({"referenceImages": []}, id="no references"),
    ],
)
def test_fall_backs_of_the_seed(client: httpx.Client, more: dict[str, Any]) -> None:
    answer = client.post(
        EDIT, params={"dryRun": "true"}, json={"image": data_url(), "prompt": "make it sepia", **more}
    )
    assert answer.status_code == 269, answer.text


def test_samples_become_as_many_assets_in_order(client: httpx.Client) -> None:
    answer = asked(client, prompt="add grain", numSamples=3)
    assert answer.status_code == 200, answer.text
    job = answer.json()["job"]
    done = ended(client, job["jobId"])
    assert done["status"] == "success", done
    names = done["metadata"]["assetIds"]
    assert len(names) == 3
    assert [client.get(f"/v1/assets/{one}").json()["asset"]["outputIndex"] for one in names] == [0, 1, 2]


def test_a_result_is_an_input_of_the_next_edit(client: httpx.Client) -> None:
    first = ended(client, asked(client).json()["job"]["jobId"])
    (name,) = first["metadata"]["assetIds"]
    second = ended(client, asked(client, image=name, prompt="add a white border").json()["job"]["jobId"])
    assert second["status"] == "success", second


def test_the_same_token_is_the_same_job(client: httpx.Client) -> None:
    headers = {"Idempotency-Key": "one"}
    body = {"image": data_url(), "prompt": "make it sepia"}
    first, second = (client.post(EDIT, json=body, headers=headers).json()["job"]["jobId"] for _ in range(2))
    assert first == second


def test_a_model_of_its_own_takes_what_its_record_lists(client: httpx.Client) -> None:
    name = "model_flux-kontext-editing"
    record = client.get(f"/v1/models/{name}").json()["model"]
    inputs = {one["name"]: one for one in record["inputs"]}
    assert inputs["referenceImages"]["type"] == "file_array"
    assert inputs["guidanceScale"]["min"] == 1
    assert inputs["prompt"]["required"] == {"always": True}
    asset = client.post("/v1/assets", json={"name": "a", "image": data_url(png((1, 2, 3)))}).json()["asset"][
        "id"
    ]
    body = {"prompt": "make it sepia", "referenceImages": [asset], "guidanceScale": 4, "numOutputs": 1}
    answer = client.post(f"/v1/generate/custom/{name}", json=body)
    assert answer.status_code == 200, answer.text
    assert ended(client, answer.json()["job"]["jobId"])["status"] == "success"


@pytest.mark.parametrize(
    ("more", "status", "said"),
    [
        ({"prompt": ""}, 400, "Input prompt is required"),
        ({"guidanceScale": 0.5}, 400, "Input guidanceScale must be at least 1"),
        ({"numOutputs": 5000}, 400, "numOutputs"),
        ({"referenceImages": "asset_1"}, 400, "Input referenceImages must be an array"),
        ({"quality": "low"}, 400, "Input quality must be one of"),
        ({"format": "png"}, 400, "Input format is not allowed"),
    ],
)
def test_wrong_inputs_of_a_model(client: httpx.Client, more: dict[str, Any], status: int, said: str) -> None:
    body = {"prompt": "make it sepia", "referenceImages": [data_url()], **more}
    answer = client.post("/v1/generate/custom/model_flux-kontext-editing", json=body)
    assert answer.status_code == status, answer.text
    assert said in reason(answer)


def test_nobody_knows_a_model_that_is_not_there(client: httpx.Client) -> None:
    answer = client.post("/v1/generate/custom/model_none", json={})
    assert (answer.status_code, reason(answer)) == (404, "Model model_none not found")


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b'"x"', b'{"image": "\\ud800"}'])
def test_bodies_that_are_none(client: httpx.Client, body: bytes) -> None:
    answer = client.post(EDIT, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400, answer.text
    assert reason(answer)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"concepts": [{"modelId": "m", "scale": 5}]}, "Input concepts[0].scale must be at most 2"),
        ({"concepts": [{"scale": 1}]}, "Input concepts[0].modelId is required"),
        ({"concepts": ["m"]}, "Input concepts must be an array of objects"),
        ({"numSamples": 1.5}, "Input numSamples must be a whole number"),
    ],
)
def test_what_is_wrong_within_is_said_with_its_place(more: dict[str, Any], said: str) -> None:
    with pytest.raises(Refusal) as refused:
        bodies.check("promptEditing", {"image": "a", "prompt": "b", **more})
    assert refused.value.reason == said

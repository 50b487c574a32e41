"""Pipelines over HTTP: which there are, what they take, and what a run would do."""

from __future__ import annotations

import http.client
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
from tests.server.serving import LOOKS, data_url, pipelines, png, served, workspace

from editchain import schemas

OUTPUT = Path(__file__).parents[2] / "schemas" / "output"
INPUTS = """\
version: 1
inputs:
  photo: {type: image, description: The photo}
  mask: {type: image, default: null}
  photos: {type: images, default: [../a.png]}
  mood: {type: string, enum: [calm, wild], default: calm, pattern: "^[a-z]+$"}
  size: {type: number, minimum: 1, maximum: 9.5, default: 2}
  words: {type: list, of: integer, default: [1, 2]}
  shots: {type: list, of: image, default: [../a.png]}
  rows: {type: table, columns: {photo: image, price: number}, default: [{name: a, photo: ../a.png, price: 2}]}
steps:
  tone: {model: darkroom, image: $photo, prompt: sepia}
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with pipelines good and bad, and with what is none."""
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.yaml").write_text(LOOKS)
    found = workspace(tmp_path_factory.mktemp("pipelines"))
    (found / "a.png").write_bytes(png())
    pipelines(
        found, looks=LOOKS, broken="version: 1\nsteps:\n  a: {operation: flop, image: x.png}\n", inputs=INPUTS
    )
    (found / "pipelines" / "deep").mkdir()
    (found / "pipelines" / "deep" / "er.yml").write_text(LOOKS)
    (found / "pipelines" / ".hidden.yaml").write_text(LOOKS)
    (found / "top.yaml").write_text(LOOKS)
    (found / "compose.yaml").write_text("services: {}\n")
    (found / "pipelines" / "linked.yaml").symlink_to(outside / "secret.yaml")
    (found / "pipelines" / "folder").symlink_to(outside)
    return found


@pytest.fixture(scope="module")
def client(root: Path) -> Iterator[httpx.Client]:
    with served(root) as url, httpx.Client(base_url=url, timeout=60) as found:
        yield found


def test_those_of_the_workspace_and_no_others(client: httpx.Client) -> None:
    found = {one["name"]: one for one in client.get("/v1/pipelines").json()["pipelines"]}
    assert list(found) == ["broken", "inputs", "looks", "deep/er", "top"]
    assert found["deep/er"]["file"] == "pipelines/deep/er.yml"
    assert found["looks"]["description"] == "Two looks of a photo"
    assert {name: one["problems"] for name, one in found.items() if one["problems"]} == {"broken": 2}


@pytest.mark.parametrize(
    "name",
    [
        "nothing", "linked", "folder/secret", "../top", "..%2Ftop", "deep/../looks", "deep%2F..%2Flooks", "looks.yaml",
        ".hidden", "%2Fetc%2Fpasswd", "looks%00", "pipelines/looks", "compose", "",
    ],
)  # fmt: skip
def test_a_name_is_no_path(client: httpx.Client, name: str) -> None:
    for method, path in (("GET", name), ("POST", f"{name}/plan"), ("POST", f"{name}/runs")):
        # Sent as it is: other clients tidy dots away.
        connection = http.client.HTTPConnection(client.base_url.host, client.base_url.port or 80)
        connection.request(method, f"/v1/pipelines/{path}")
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        assert answer.status in (404, 405, 307), (path, text)
        assert b"steps" not in text


def test_what_a_pipeline_takes(client: httpx.Client) -> None:
    found = client.get("/v1/pipelines/inputs").json()["pipeline"]
    assert found["problems"] == []
    inputs = {one["name"]: one for one in found["inputs"]}
    assert inputs["photo"]["required"] and not inputs["mask"]["required"]
    assert inputs["photo"]["description"] == "The photo"
    assert inputs["mood"]["choices"] == ["calm", "wild"]
    assert (inputs["size"]["min"], inputs["size"]["max"], inputs["size"]["default"]) == (1, 9.5, 2)
    assert inputs["rows"]["columns"] == {"photo": "image", "price": "number"}


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("photo", ["asset_1", ["asset_1"]], [1, "", []]),
        ("mask", ["asset_1", None], [1]),
        ("mood", ["calm"], ["mild", 1]),
        ("size", [1, 9.5], [0, 10, "1"]),
        ("words", [[1]], [[], [1.5], 1]),
        ("shots", [["asset_1"]], [[1]]),
        ("rows", [[{"name": "a", "photo": "asset_1", "price": 1}]], [[], [{"photo": "asset_1"}], "rows.csv"]),
    ],
)
def test_each_input_has_a_schema(client: httpx.Client, name: str, good: list[Any], bad: list[Any]) -> None:
    inputs = {one["name"]: one for one in client.get("/v1/pipelines/inputs").json()["pipeline"]["inputs"]}
    validator = jsonschema_rs.validator_for(inputs[name]["schema"])
    assert [validator.is_valid(one) for one in good] == [True] * len(good)
    assert [validator.is_valid(one) for one in bad] == [False] * len(bad)


def test_steps_and_outputs(client: httpx.Client) -> None:
    found = client.get("/v1/pipelines/looks").json()["pipeline"]
    assert [(one["name"], one["kind"], one["by"], one["needs"]) for one in found["steps"]] == [
        ("tone", "model", ["darkroom"], []),
        ("small", "operation", ["resize"], ["tone"]),
    ]
    assert found["outputs"] == [
        {"name": "small", "step": "small", "path": "{photo}-{look}.jpg", "format": None}
    ]


def test_problems_are_those_of_validate(client: httpx.Client) -> None:
    found = client.get("/v1/pipelines/broken").json()["pipeline"]
    document = {"version": 1, "problems": found["problems"]}
    assert jsonschema_rs.validator_for(schemas.read(OUTPUT / "validate.json")).is_valid(document)
    problem, missing = found["problems"]
    assert missing["code"] == "missing-file"
    assert (problem["file"], problem["line"], problem["column"]) == ("pipelines/broken.yaml", 3, 18)
    assert problem["suggestion"] == 'Did you mean "flip"?'


def test_a_plan_is_that_of_the_command_and_nothing_is_kept(client: httpx.Client, root: Path) -> None:
    answer = client.post("/v1/pipelines/looks/plan", json={"inputs": {"photo": data_url(png((7, 7, 7)))}})
    assert answer.status_code == 200, answer.text
    assert jsonschema_rs.validator_for(schemas.read(OUTPUT / "plan.json")).is_valid(answer.json())
    assert answer.json()["summary"]["to_run"] == 4
    assert answer.json()["tasks"][0]["reason"] == "new"
    assert client.get("/v1/runs").json()["runs"] == []
    assert client.get("/v1/assets").json()["assets"] == []
    assert not os.path.exists(root / "out")


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({}, 'The input "photo" is not given'),
        ({"photo": None}, 'The input "photo" is not given'),
        ({"photo": "asset_none"}, "Asset asset_none not found"),
        ({"photo": "../a.png"}, "Asset ../a.png not found"),
        ({"photo": "/etc/passwd"}, "Asset /etc/passwd not found"),
        ({"photo": "http://127.0.0.1/a.png"}, "is not an https: address"),
        ({"photo": "https://127.0.0.1/a.png"}, "not a public address"),
        ({"photo": "data:text/html;base64,aGVsbG8="}, "data URL of a picture"),
        ({"photo": {"url": "https://127.0.0.1/a.png"}}, "must be a plain value"),
        ({"photo": {"picture": "00", "name": "../x"}}, "must be a plain value"),
        ({"photo": 5}, "must be a picture"),
        ({"photo": data_url(), "width": "x"}, "width"),
        ({"photo": data_url(), "width": 1}, "less than the least, 4"),
        ({"photo": data_url(), "widht": 8}, 'Did you mean "width"?'),
        ({"photo": data_url(), "\u2028": "\ufeff"}, "has no input"),
    ],
)
def test_wrong_inputs_are_said_with_a_way_out(
    client: httpx.Client, inputs: dict[str, Any], said: str
) -> None:
    answer = client.post("/v1/pipelines/looks/plan", json={"inputs": inputs})
    assert answer.status_code in (400, 404), answer.text
    assert said in answer.json()["reason"]
    assert "-i " not in answer.text and "editchain-" not in answer.text


def test_a_table_is_no_path_and_its_pictures_are_taken_in(client: httpx.Client) -> None:
    row = {"name": "b", "photo": data_url(), "price": 3}
    good = client.post("/v1/pipelines/inputs/plan", json={"inputs": {"photo": data_url(), "rows": [row]}})
    assert good.status_code == 200, good.text
    for rows in ("rows.csv", [["a"]], [{"name": "b", "photo": {"picture": "x"}, "price": 3}]):
        answer = client.post(
            "/v1/pipelines/inputs/plan", json={"inputs": {"photo": data_url(), "rows": rows}}
        )
        assert answer.status_code == 400, answer.text
    path = {"name": "b", "photo": "../a.png", "price": 3}
    answer = client.post("/v1/pipelines/inputs/plan", json={"inputs": {"photo": data_url(), "rows": [path]}})
    assert (answer.status_code, answer.json()["reason"]) == (404, "Asset ../a.png not found")

"""Runs over HTTP: accepted, followed, cancelled, repeated, and their pictures."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import anyio
import httpx
import jsonschema_rs
import pytest
from PIL import Image
from tests.server.serving import LOOKS, data_url, heard, pipelines, png, run_ended, served, workspace
from tests.workbench import Bench

from editchain import schemas
from editchain.errors import StoreError
from editchain.server.listening import AGAIN, overheard

OUTPUT = Path(__file__).parents[2] / "schemas" / "output"
RUNS = "/v1/pipelines/looks/runs"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pipelines(workspace(tmp_path_factory.mktemp("runs")), looks=LOOKS)


@pytest.fixture(scope="module")
def client(root: Path) -> Iterator[httpx.Client]:
    with served(root) as url, httpx.Client(base_url=url, timeout=60) as found:
        yield found


def started(client: httpx.Client, colour: tuple[int, int, int], **more: Any) -> dict[str, Any]:
    answer = client.post(RUNS, json={"inputs": {"photo": data_url(png(colour))}, **more})
    assert answer.status_code == 202, answer.text
    run: dict[str, Any] = answer.json()["run"]
    assert answer.headers["location"].endswith(f"/v1/runs/{run['id']}")
    return run


def test_a_run_from_request_to_bytes(client: httpx.Client) -> None:
    run = started(client, (1, 1, 1))
    assert run["status"] in ("queued", "running")
    assert run["tasks"] == {"total": 4, "cached": 0, "to_run": 4, "ended": {}}
    done = run_ended(client, run["id"])
    assert (done["status"], done["exit_code"], done["error"]) == ("done", 0, None)
    assert done["tasks"]["ended"]["done"] == 4
    outputs = client.get(f"/v1/runs/{run['id']}/outputs").json()["outputs"]
    assert [(one["name"], one["key"], one["path"]) for one in outputs] == [
        ("small", "look=sepia", "picture-sepia.jpg"),
        ("small", "look=blur", "picture-blur.jpg"),
    ]
    for one in outputs:
        answer = httpx.get(one["url"])
        assert answer.headers["content-type"] == one["type"] == "image/jpeg"
        assert Image.open(io.BytesIO(answer.content)).size == (one["width"], one["height"]) == (12, 8)
        assert len(answer.content) == one["size"]
    assert client.get(f"/v1/assets/{outputs[0]['asset']}").json()["asset"]["metadata"]["run"] == run["id"]


def test_a_form_with_files(client: httpx.Client) -> None:
    files = [
        ("photo", ("my <b>cat.png", png((2, 2, 2)), "image/png")),
        ("photo", ("../../dog.png", png((2, 2, 3)), "text/html")),
        ("width", (None, "10")),
    ]
    answer = client.post(RUNS, files=files)
    assert answer.status_code == 202, answer.text
    run = answer.json()["run"]
    assert run["inputs"]["width"] == 10
    assert run_ended(client, run["id"])["status"] == "done"
    outputs = client.get(f"/v1/runs/{run['id']}/outputs").json()["outputs"]
    assert [one["path"] for one in outputs] == [
        "my-b-cat-sepia.jpg", "my-b-cat-blur.jpg", "dog-sepia.jpg", "dog-blur.jpg",
    ]  # fmt: skip
    assert {one["width"] for one in outputs} == {10}


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"photo=a", "application/x-www-form-urlencoded", 415),
        (b"nonsense", "multipart/form-data; boundary=x", 400),
        (b"nonsense", "multipart/form-data", 400),
        (b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a.png"\r\n\r\nnot', "multipart/form-data; boundary=x", 400),
        (b'--x\r\nContent-Disposition: form-data; name="width"; filename="a"\r\n\r\n1\r\n--x--\r\n', "multipart/form-data; boundary=x", 400),
        (b"--x\r\n\r\n\r\n--x--\r\n", "multipart/form-data; boundary=x", 400),
    ],
)  # fmt: skip
def test_forms_that_are_none(client: httpx.Client, content: bytes, kind: str, status: int) -> None:
    answer = client.post(RUNS, content=content, headers={"Content-Type": kind})
    assert answer.status_code == status, answer.text
    assert answer.json()["reason"]


def test_events_are_those_of_the_command_and_go_on_where_one_left_off(client: httpx.Client) -> None:
    run = started(client, (3, 3, 3))["id"]
    found = heard(client, run)
    validator = jsonschema_rs.validator_for(schemas.read(OUTPUT / "run.json"))
    assert [one for _, one in found if not validator.is_valid(one)] == []
    assert [one["event"] for _, one in found] == ["run", "task", "task", "task", "task", "end"]
    assert found[-1][1]["published"] == ["picture-sepia.jpg", "picture-blur.jpg"]
    for at, (id_, _) in enumerate(found[:-1]):
        assert heard(client, run, headers={"Last-Event-ID": str(id_)}) == found[at + 1 :]
        assert heard(client, run, params={"after": id_}) == found[at + 1 :]
    # Which tells a browser not to ask again.
    assert client.get(f"/v1/runs/{run}/events", params={"after": found[-1][0]}).status_code == 204
    for after in ("x", "", "-1", "3", str(found[-1][0] + 1), "9" * 15, "9" * 30):
        assert client.get(f"/v1/runs/{run}/events", params={"after": after}).status_code == 400


def test_the_same_token_is_the_same_run(client: httpx.Client) -> None:
    body = {"inputs": {"photo": data_url(png((4, 4, 4)))}}
    headers = {"Idempotency-Key": "one"}
    first, second = (client.post(RUNS, json=body, headers=headers) for _ in range(2))
    assert first.json()["run"]["id"] == second.json()["run"]["id"]
    assert second.status_code == 202
    other = client.post(RUNS, json={"inputs": {**body["inputs"], "width": 9}}, headers=headers)
    assert other.status_code == 422
    assert client.post(RUNS, json=body, headers={"Idempotency-Key": "x" * 300}).status_code == 400
    assert (
        len([one for one in client.get("/v1/runs").json()["runs"] if one["id"] == first.json()["run"]["id"]])
        == 1
    )


def test_a_repeat_makes_nothing_again(client: httpx.Client) -> None:
    first = started(client, (5, 5, 5), fresh=["small"])
    run_ended(client, first["id"])
    again = client.post(f"/v1/runs/{first['id']}/repeat").json()["run"]
    assert (again["repeats"], again["inputs"]) == (first["id"], first["inputs"])
    assert again["options"]["fresh"] == ["small"]
    done = run_ended(client, again["id"])
    assert (done["status"], done["tasks"]["ended"]) == ("done", {"done": 2, "cached": 2})


def test_runs_are_listed_page_by_page_those_of_the_command_line_among_them(
    client: httpx.Client, root: Path
) -> None:
    (root / "a.png").write_bytes(png((6, 6, 6)))
    code, out, _ = Bench(root).command("run", "pipelines/looks.yaml", "-i", "photo=a.png", "--json")
    assert code == 0
    own = json.loads(out.splitlines()[0])["id"]
    last = started(client, (6, 6, 7))["id"]
    seen: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        page = client.get("/v1/runs", params={"pageSize": 2, **token}).json()
        seen += page["runs"]
        if "nextPaginationToken" not in page:
            break
        token = {"paginationToken": page["nextPaginationToken"]}
    assert seen[0]["id"] == last
    moments = [one["created_at"] for one in seen]
    assert moments == sorted(moments, reverse=True)
    assert len({one["id"] for one in seen}) == len(seen)
    of_command = next(one for one in seen if one["id"] == own)
    assert (of_command["status"], of_command["command"], of_command["file"]) == (
        "done",
        "run",
        "pipelines/looks.yaml",
    )
    assert client.get(f"/v1/runs/{own}").json()["run"] == of_command
    assert {one["status"] for one in client.get("/v1/runs", params={"status": "done"}).json()["runs"]} == {
        "done"
    }
    run_ended(client, last)


RANGE = """\
version: 1
inputs:
  photos: {type: images}
  looks: {type: table, columns: {photo: image, amount: number}}
  width: {type: integer, default: 9}
steps:
  small: {operation: resize, image: $photos, width: $width}
  tone: {model: darkroom, image: $looks.photo, prompt: sepia, strength: $looks.amount}
outputs:
  small: {from: $small, path: "{photos}.png"}
  tone: {from: $tone, path: "{looks}-tone.png"}
"""


def test_what_a_run_of_the_command_line_was_given_is_taken_in(client: httpx.Client, root: Path) -> None:
    (root / "range.yaml").write_text(RANGE)
    for at, name in enumerate(("one", "two")):
        (root / f"{name}.png").write_bytes(png((8, 8, at)))
    (root / "looks.csv").write_text("photo,amount\none.png,0.5\ntwo.png,1\n")
    given = ["-i", "photos=one.png", "-i", "photos=two.png", "-i", "looks=looks.csv"]
    code, out, _ = Bench(root).command("run", "range.yaml", *given, "--json")
    assert code == 0
    events = [json.loads(line) for line in out.splitlines()]
    own = events[0]["id"]
    assert [one["event"] for _, one in heard(client, own)] == ["run", "task", "task", "task", "task", "end"]
    assert {one["task"] for _, one in heard(client, own)[1:-1]} == {one["task"] for one in events[1:-1]}
    found = client.post(f"/v1/runs/{own}/inputs").json()
    assert (found["pipeline"], list(found["inputs"])) == ("range", ["photos", "looks"])
    assert [row["amount"] for row in found["inputs"]["looks"]] == [0.5, 1]
    asset = client.get(f"/v1/assets/{found['inputs']['looks'][1]['photo']}").json()["asset"]
    assert asset["metadata"]["name"] == "two.png"
    again = client.post(f"/v1/runs/{own}/repeat").json()["run"]
    assert run_ended(client, again["id"])["tasks"]["ended"] == {"cached": 4}
    assert client.post(f"/v1/runs/{again['id']}/inputs").json()["inputs"].keys() == found["inputs"].keys()
    (root / "two.png").unlink()
    answer = client.post(f"/v1/runs/{own}/repeat")
    assert (answer.status_code, "two.png cannot be read" in answer.json()["reason"]) == (410, True)
    (root / "range.yaml").unlink()
    assert client.post(f"/v1/runs/{own}/repeat").status_code == 409


def test_a_journal_that_cannot_be_read_ends_the_stream_and_nothing_else() -> None:
    class Hands:
        async def look(self, order: str, **_: Any) -> Any:
            raise StoreError(f"{order}: the disk is gone")

    async def listened() -> list[bytes]:
        return [chunk async for chunk in overheard(desk, "proj_local", "run", 0)]  # type: ignore[arg-type]

    desk = SimpleNamespace(hands=Hands(), is_stopping=False, listeners=Mock())
    assert anyio.run(listened) == [AGAIN]
    desk.listeners.leave.assert_called_once_with("proj_local")


@pytest.mark.parametrize("path", ["", "/events", "/outputs", "/cancel", "/inputs", "/repeat"])
def test_nobody_knows_a_run_that_is_not_there(client: httpx.Client, path: str) -> None:
    method = "POST" if path in ("/cancel", "/inputs", "/repeat") else "GET"
    answer = client.request(method, f"/v1/runs/none{path}")
    assert (answer.status_code, answer.json()["reason"]) == (404, "Run none not found")


def test_a_run_that_has_ended_cannot_be_cancelled(client: httpx.Client) -> None:
    run = started(client, (8, 8, 8))["id"]
    run_ended(client, run)
    answer = client.post(f"/v1/runs/{run}/cancel")
    assert (answer.status_code, "has ended" in answer.json()["reason"]) == (409, True)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"budget": 3}, "Input budget"),
        ({"budget": "lots"}, "Input budget"),
        ({"fresh": "tone"}, "Input fresh"),
        ({"fresh": ["tune"]}, 'Did you mean "tone"?'),
        ({"retry_rejected": 1}, "Input retry_rejected"),
        ({"out": "/tmp"}, "Input out is not allowed"),
        ({"inputs": []}, "Input inputs must be an object"),
    ],
)
def test_wrong_options(client: httpx.Client, more: dict[str, Any], said: str) -> None:
    answer = client.post(RUNS, json={"inputs": {"photo": data_url()}, **more})
    assert answer.status_code == 400, answer.text
    assert said in answer.json()["reason"]

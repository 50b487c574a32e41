"""The server's pages without a browser: what they are made of, who sees them, and the pictures on them."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
from PIL import Image
from tests.server.serving import LOOKS, data_url, pipelines, png, run_ended, served, workspace
from tests.vendors.base import Fault
from tests.vendors.scenario import KEY, SECRET, Ending, Scenario
from tests.workbench import Bench, paint

from editchain import schemas
from editchain.server import bodies, keys
from editchain.server.desk import Smalls
from editchain.server.keys import Limits
from editchain.server.shelf import Shelf

OUTPUT = Path(__file__).parents[2] / "schemas" / "output"
DEFAULTED = """\
version: 1
inputs:
  photo: {type: image, default: ../photos/a.png}
  several: {type: images, default: ../photos}
  away: {type: image, default: ../../secret.png}
  words: {type: string, default: ../photos/a.png.txt}
steps:
  small: {operation: contact_sheet, images: [$photo, $several.*, $away]}
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = workspace(tmp_path_factory.mktemp("pages") / "w")
    paint(folder / "photos/a.png", size=(600, 300))
    paint(folder.parent / "secret.png")
    return pipelines(folder, looks=LOOKS, defaulted=DEFAULTED)


@pytest.fixture(scope="module")
def client(root: Path) -> Iterator[httpx.Client]:
    with served(root) as url, httpx.Client(base_url=url, timeout=60) as found:
        yield found


@pytest.fixture(scope="module")
def run(client: httpx.Client) -> str:
    """A run that has ended."""
    return begun(client, "looks", png(size=(640, 480)))


def begun(client: httpx.Client, name: str, photo: bytes) -> str:
    body = {"inputs": {"photo": data_url(photo)}}
    answer = client.post(f"/v1/pipelines/{name}/runs", json=body)
    assert answer.status_code == 202, answer.text
    id_ = str(answer.json()["run"]["id"])
    run_ended(client, id_)
    return id_


def signed(data: dict[str, Any], digest: str, ending: str) -> str:
    images = data["images"]
    return f"{images['beside']}/{digest}{ending}?{images['signed'][digest]}"


def test_pages_run_nothing_but_what_the_server_gives(client: httpx.Client, run: str) -> None:
    for path in ("/", "/pipelines/looks", f"/runs/{run}"):
        answer = client.get(path)
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert re.findall(r"<script(?! defer src=\"/viewer/)", answer.text) == []
        assert re.findall(r"\s(?:style|on\w+)=", answer.text) == []
        addresses = re.findall(r'(?:src|href)="([^"]*)"', answer.text)
        assert [one for one in addresses if not one.startswith(("/", "#", "data:image/svg+xml,"))] == []
        for one in addresses:
            if one.startswith("/viewer/"):
                got = client.get(one)
                assert got.status_code == 200
                assert got.headers["content-type"].startswith(("text/css", "text/javascript"))
                assert "immutable" in got.headers["cache-control"]


def test_nothing_else_is_given_as_a_script(client: httpx.Client) -> None:
    for name in ("diff.js", "follow.js", "graph.py", "..%2f..%2fcli.py"):
        assert client.get(f"/viewer/{name}").status_code == 404


def test_names_from_outside_are_text(client: httpx.Client) -> None:
    text = client.get('/pipelines/"><script>alert(1)</script>').text
    assert "<script>" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_a_run_that_is_not_there_is_said_on_a_page(client: httpx.Client) -> None:
    answer = client.get("/runs/<b>")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "Run &lt;b&gt; not found" in answer.text


def test_the_data_of_a_page_is_that_of_a_report(client: httpx.Client, run: str) -> None:
    data = client.get(f"/runs/{run}/page").json()
    validator = jsonschema_rs.validator_for(schemas.read(OUTPUT / "report.json"))
    validator.validate({"version": 1, **data["page"]})
    assert data["page"]["counts"] == {"done": 4}
    assert data["graph"].startswith("<svg ")
    assert data["images"]["signed"].keys() == data["page"]["pictures"].keys()
    assert not [task for step in data["page"]["steps"] for task in step["tasks"] if task["digest"] is None]


def test_pictures_are_given_small_and_as_they_are(client: httpx.Client, run: str) -> None:
    data = client.get(f"/runs/{run}/page").json()
    given = data["page"]["steps"][0]["tasks"][0]["before"]
    for ending, size in ((".webp", (256, 192)), (".view.webp", (640, 480)), ("", (640, 480))):
        for _ in range(2):
            answer = client.get(signed(data, given, ending))
            assert answer.status_code == 200, answer.text
            assert Image.open(io.BytesIO(answer.content)).size == size
        assert answer.headers["content-type"] == ("image/webp" if ending else "image/png")
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]


def test_a_picture_needs_its_own_signature(client: httpx.Client, run: str) -> None:
    data = client.get(f"/runs/{run}/page").json()
    one, other = list(data["images"]["signed"])[:2]
    good = signed(data, one, ".webp")
    assert client.get(good).status_code == 200
    assert client.get(good.partition("?")[0]).status_code == 403
    assert client.get(good.replace(one, other)).status_code == 403
    assert client.get(good.replace(run, "another")).status_code == 403
    assert client.get(good.replace(".webp", ".svg")).status_code == 404


def test_a_run_has_a_cover(client: httpx.Client, run: str) -> None:
    answer = client.get(f"/runs/{run}/cover.webp")
    assert answer.headers["content-type"] == "image/webp"
    assert Image.open(io.BytesIO(answer.content)).size == (12, 9)
    assert client.get("/runs/none/cover.webp").status_code == 404


@pytest.mark.parametrize(
    ("of", "status"),
    [("photo", 200), ("several", 200), ("away", 404), ("words", 404), ("none", 404), ("", 404)],
)
def test_the_picture_that_an_input_has_by_itself(client: httpx.Client, of: str, status: int) -> None:
    answer = client.get("/previews/defaulted", params={"input": of})
    assert answer.status_code == status
    if status == 200:
        assert Image.open(io.BytesIO(answer.content)).size == (256, 128)


def test_a_run_of_the_command_line_is_seen_too(root: Path, client: httpx.Client) -> None:
    bench = Bench(root)
    recipe = bench.write("steps: {tone: {model: darkroom, image: photos/a.png, prompt: sepia}}", "own.yaml")
    bench.run(recipe)
    assert "own" in client.get("/runs/run-1").text
    data = client.get("/runs/run-1/page").json()
    assert data["page"]["counts"] == {"done": 1}
    before = data["page"]["steps"][0]["tasks"][0]["before"]
    assert client.get(signed(data, before, ".webp")).status_code == 200, "out of the file that was read"
    assert client.get("/runs/run-1/cover.webp").status_code == 200


def test_what_was_made_in_passing_is_made_again_for_its_page(root: Path, client: httpx.Client) -> None:
    chain = "version: 1\ninputs:\n  photo: {type: image}\nsteps:\n" + "".join(
        f"  {name}: {{operation: flip, image: ${before}, direction: horizontal}}\n"
        for name, before in (("one", "photo"), ("two", "one"), ("three", "two"))
    )
    pipelines(root, chain=chain)
    id_ = begun(client, "chain", png((9, 9, 9), size=(40, 30)))
    data = client.get(f"/runs/{id_}/page").json()
    for step in data["page"]["steps"]:
        (task,) = step["tasks"]
        assert client.get(signed(data, task["digest"], ".webp")).status_code == 200


def test_a_picture_that_is_gone_is_said_to_be(root: Path, client: httpx.Client) -> None:
    id_ = begun(client, "looks", png((7, 7, 7)))
    data = client.get(f"/runs/{id_}/page").json()
    digest = data["page"]["steps"][0]["tasks"][0]["digest"]
    shutil.rmtree(root / ".editchain" / "objects" / digest[:2])
    assert client.get(signed(data, digest, ".webp")).status_code == 404


def test_small_pictures_in_memory_have_a_limit() -> None:
    smalls = Smalls(10)
    smalls.keep("a", 1, b"12345")
    smalls.keep("b", 1, b"12345")
    assert smalls.get("a", 1) == b"12345"
    smalls.keep("c", 1, b"123")
    assert (smalls.get("a", 1), smalls.get("b", 1), smalls.get("c", 1)) == (b"12345", None, b"123")
    smalls.keep("c", 1, b"12345")
    assert smalls.get("a", 1) == b"12345"


# ---------------------------------------------------------------------- with keys


def test_projects_do_not_see_each_others_runs(tmp_path: Path) -> None:
    root = pipelines(workspace(tmp_path / "w"), looks=LOOKS)
    shelf = Shelf(root / ".editchain" / "server" / "server.db")
    pairs = [keys.make(shelf, name, Limits(), 0.0) for name in ("one", "other")]
    with served(root) as url:
        one, other = (httpx.Client(base_url=url, auth=(key.id, secret)) for key, secret in pairs)
        id_ = begun(one, "looks", png())
        bare = httpx.get(f"{url}/")
        assert bare.status_code == 401
        assert bare.headers["www-authenticate"] == 'Basic realm="editchain"'
        assert bare.headers["content-type"].startswith("text/html")
        for path in ("", "/page", "/cover.webp"):
            assert one.get(f"/runs/{id_}{path}").status_code == 200
            assert other.get(f"/runs/{id_}{path}").status_code == 404
            assert httpx.get(f"{url}/runs/{id_}{path}").status_code == 401
        assert httpx.get(f"{url}/previews/looks?input=photo").status_code == 401
        assert httpx.get(f"{url}/v1/calls").status_code == 401
        one.close()
        other.close()
    shelf.close()


# ---------------------------------------------------------------------- calls in doubt


@pytest.fixture
def lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, str]]:
    """A workspace with a call whose reply was cut off after it was charged, and the vendor's id of its job."""
    monkeypatch.setenv("SCENARIO_API_KEY", KEY)
    monkeypatch.setenv("SCENARIO_API_SECRET", SECRET)
    vendor = Scenario(list_lags=1000, endings=[Ending(("success",)) for _ in range(9)])
    with vendor.running():
        bench = Bench(workspace(tmp_path / "w", vendor_configuration(vendor)))
        bench.paint("a.png", size=(32, 24))
        vendor.server.fault("POST /v1/generate", Fault(cut_at=30))
        recipe = "steps: {night: {model: flux-kontext, image: a.png, prompt: Make it night}}"
        bench.write(recipe)
        assert bench.command("run", "p.yaml")[0] == 4
        (job,) = vendor.jobs
        yield bench.root, job


def vendor_configuration(vendor: Scenario) -> str:
    return (
        f'[providers.scenario]\nbase_url = "{vendor.url}"\n[fetch]\nplain_hosts = ["127.0.0.1"]\n'
        "[limits.scenario]\nper_second = 50\n[run]\nstop_grace_seconds = 1\n"
    )


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        pytest.param("paid", "paid", marks=pytest.mark.slow),
        pytest.param("not-paid", "not-paid", marks=pytest.mark.slow),
        ("fetch", "fetched"),
    ],
)
def test_a_call_in_doubt_is_settled(lost: tuple[Path, str], outcome: str, said: str) -> None:
    root, job = lost
    with served(root) as url, httpx.Client(base_url=url, timeout=60) as client:
        listed = client.get("/v1/calls", params={"state": "unknown"}).json()
        bodies.check("calls", listed)
        (call,) = listed["calls"]
        assert (call["prompt"], call["tasks"], call["provider"]) == ("Make it night", ["night"], "scenario")
        body = {"outcome": outcome, **({"job": job} if outcome == "fetch" else {})}
        answer = client.post(f"/v1/calls/{call['id']}/resolve", json=body)
        assert answer.status_code == 200, answer.text
        bodies.check("callAnswer", answer.json())
        assert (answer.json()["call"]["call"], answer.json()["call"]["said"]) == (call["id"], said)
        assert client.get("/v1/calls").json() == {"calls": []}
        assert client.post(f"/v1/calls/{call['id']}/resolve", json=body).status_code == 404


def test_what_is_wrong_about_a_call_is_said(lost: tuple[Path, str]) -> None:
    root, _ = lost
    with served(root) as url, httpx.Client(base_url=url, timeout=60) as client:
        (call,) = client.get("/v1/calls").json()["calls"]
        place = f"/v1/calls/{call['id']}/resolve"
        for body, status in (
            ({}, 400),
            ({"outcome": "maybe"}, 400),
            ({"outcome": "fetch"}, 400),
            ({"outcome": "fetch", "job": " "}, 400),
            ({"outcome": "paid", "job": "job_1"}, 400),
            ({"outcome": "fetch", "job": "job_none"}, 409),
        ):
            answer = client.post(place, json=body)
            assert (answer.status_code, bool(answer.json()["reason"])) == (status, True), answer.text
        foreign = client.post(place, json={"outcome": "paid"}, headers={"Origin": "https://example.org"})
        assert foreign.status_code == 403
        assert client.get("/v1/calls", params={"state": "done"}).status_code == 400
        assert len(client.get("/v1/calls").json()["calls"]) == 1
    shelf = Shelf(root / ".editchain" / "server" / "server.db")
    key, secret = keys.make(shelf, "other", Limits(), 0.0)
    shelf.close()
    with served(root) as url, httpx.Client(base_url=url, timeout=60, auth=(key.id, secret)) as client:
        assert client.get("/v1/calls").json() == {"calls": []}
        assert client.post(place, json={"outcome": "paid"}).status_code == 404

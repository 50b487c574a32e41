"""What strangers may try: pages that post, other projects' things, bodies and pictures that are too much, and what answers say."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import struct
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from tests.server.serving import LOOKS, data_url, pipelines, png, run_ended, served, workspace
from tests.server.test_openapi import ids

from editchain.errors import EditchainError
from editchain.http import is_public
from editchain.server import desk, keys, openapi
from editchain.server.asking import Refusal
from editchain.server.desk import Listeners
from editchain.server.hands import LOOKING, WORKING, Hands
from editchain.server.keys import Limits
from editchain.server.patience import PatientProtocol
from editchain.server.shelf import Shelf
from editchain.store import Store

RUNS = "/v1/pipelines/looks/runs"
POSTS = [
    path.replace("{pipeline:path}", "looks").replace("{", "x").replace("}", "")
    for path in (f"/v1{route.path}" for route in openapi.routes() if "POST" in (route.methods or ()))
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pipelines(workspace(tmp_path_factory.mktemp("security")), looks=LOOKS)


@pytest.fixture(scope="module")
def url(root: Path) -> Iterator[str]:
    with served(root) as found:
        yield found


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=60) as found:
        yield found


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Host": "elsewhere.example"},
    ],
)
def test_no_page_elsewhere_can_post_whatever_needs_no_leave(
    client: httpx.Client, path: str, headers: dict[str, str]
) -> None:
    """What a page may send without asking first: forms, and text."""
    before = client.get("/v1/runs").json()["runs"]
    ways: list[dict[str, Any]] = [
        {"files": {"photo": ("a.png", png(), "image/png")}},
        {"data": {"photo": data_url()}},
        {"content": json.dumps({"inputs": {"photo": data_url()}}), "headers": {"Content-Type": "text/plain"}},
    ]
    for way in ways:
        answer = client.post(path, **{**way, "headers": {**way.get("headers", {}), **headers}})
        assert answer.status_code in (403, 421), (path, answer.text)
    assert client.get("/v1/runs").json()["runs"] == before


def test_two_hosts_are_none(url: str) -> None:
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 30) as raw:
        raw.sendall(
            b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: elsewhere.example\r\nConnection: close\r\n\r\n"
        )
        assert b" 400 " in raw.recv(200)


def test_every_answer_says_what_it_is_not(client: httpx.Client) -> None:
    run = client.post(RUNS, json={"inputs": {"photo": data_url()}}).json()["run"]["id"]
    run_ended(client, run)
    picture = client.get(f"/v1/runs/{run}/outputs").json()["outputs"][0]["url"]
    paths = [
        "/v1/runs",
        f"/v1/runs/{run}/events",
        "/v1/nothing",
        "/healthz",
        "/v1/openapi.json",
        "/",
        picture,
    ]
    for path in paths:
        answer = client.get(path)
        assert answer.headers["x-content-type-options"] == "nosniff", path
        assert "default-src 'none'" in answer.headers["content-security-policy"], path
        assert len(answer.headers.get_list("content-security-policy")) == 1, path
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize(
    "path", [RUNS, "/v1/pipelines/looks/plan", "/v1/generate/prompt-editing", "/v1/uploads"]
)
def test_numbers_that_are_none(client: httpx.Client, path: str, number: str) -> None:
    body = f'{{"inputs": {{"photo": "x", "width": {number}}}, "seed": {number}, "fileSize": {number}}}'
    answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["reason"]) == (400, "The body is not JSON")


def bomb(width: int, height: int, pixels: bytes = bytes(10_000_000)) -> bytes:
    """A few bytes that say they are so many pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(pixels, 1)) + chunk(b"IEND", b"")


def test_pictures_that_would_fill_the_memory_are_refused_at_the_door(client: httpx.Client) -> None:
    data = bomb(60_000, 60_000)
    url = data_url(data)
    asset = client.post("/v1/assets", json={"name": "a", "image": url})
    run = client.post(RUNS, json={"inputs": {"photo": url}})
    form = client.post(RUNS, files={"photo": ("a.png", data, "image/png")})
    edit = client.post("/v1/generate/prompt-editing", json={"image": url, "prompt": "blur"})
    for answer in (asset, run, form, edit):
        assert (answer.status_code, "60000×60000 pixels" in answer.json()["reason"]) == (400, True)


def test_a_picture_that_breaks_off_fails_its_run_and_nothing_else(client: httpx.Client) -> None:
    broken = png((5, 6, 7))[:60]
    run = client.post(RUNS, files={"photo": ("a.png", broken, "image/png")}).json()["run"]["id"]
    found = run_ended(client, run)
    assert (found["status"], found["exit_code"]) == ("failed", 1)
    assert "tone" in found["error"] and "Traceback" not in found["error"]
    asset = client.post("/v1/assets", json={"name": "a", "image": data_url(broken)}).json()["asset"]["id"]
    address = client.post(f"/v1/assets/{asset}/download", json={"targetFormat": "webp"}).json()["url"]
    assert client.get(address).status_code == 400
    assert client.get("/readyz").status_code == 200


def test_forms_have_limits(client: httpx.Client) -> None:
    many = [("photo", (f"{at}.png", b"x", "image/png")) for at in range(1001)]
    assert client.post(RUNS, files=many).status_code == 400
    long = {"photo": ("a.png", png(), "image/png"), "width": (None, "1" * 1_100_000)}
    assert client.post(RUNS, files=long).status_code == 400
    addresses = {"inputs": {"photo": ["http://127.0.0.1/a.png"] * 51}}
    assert client.post(RUNS, json=addresses).status_code in (400, 413)


def test_parts_are_no_more_together_than_was_said(client: httpx.Client) -> None:
    asked = {"kind": "image", "fileName": "a", "contentType": "image/png", "fileSize": 10, "parts": 3}
    parts = client.post("/v1/uploads", json=asked).json()["upload"]["parts"]
    assert httpx.put(parts[0]["url"], content=b"12345678").status_code == 200
    assert httpx.put(parts[0]["url"], content=b"1234567890").status_code == 200
    assert httpx.put(parts[1]["url"], content=b"1").status_code == 413


@pytest.mark.parametrize(
    "name", ["../../x", "a\r\nSet-Cookie: a=b", "<script>", "\u202egnp", "", "\x00", "a" * 5000]
)
def test_names_from_outside_are_text(client: httpx.Client, name: str) -> None:
    asset = client.post("/v1/assets", json={"name": name or "x", "image": data_url(png((3, 1, 4)))})
    assert asset.status_code == 200
    run = client.post(RUNS, json={"inputs": {"photo": asset.json()["asset"]["id"], "width": 9}}).json()["run"]
    assert run_ended(client, run["id"])["status"] == "done"
    for one in client.get(f"/v1/runs/{run['id']}/outputs").json()["outputs"]:
        assert one["path"].replace("-", "").replace(".", "").replace("_", "").isalnum(), one["path"]
        answer = client.get(one["url"])
        assert answer.headers["content-type"] == "image/jpeg"
        assert "set-cookie" not in answer.headers


def test_so_many_may_listen_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "MOST", 3)
    monkeypatch.setattr(desk, "MOST_OF_A_PROJECT", 2)
    listeners = Listeners()
    listeners.enter("a")
    listeners.enter("a")
    with pytest.raises(Refusal, match="Too many"):
        listeners.enter("a")
    listeners.enter("b")
    with pytest.raises(Refusal, match="Too many"):
        listeners.enter("c")
    listeners.leave("a")
    listeners.enter("c")


def test_projects_do_not_see_each_others_runs(tmp_path: Path) -> None:
    root = pipelines(workspace(tmp_path / "w"), looks=LOOKS)
    shelf = Shelf(root / ".editchain" / "server" / "server.db")
    one, two = (keys.make(shelf, name, Limits(), 0.0) for name in ("one", "two"))
    shelf.close()
    with (
        served(root) as url,
        httpx.Client(base_url=url, auth=(one[0].id, one[1]), timeout=60) as mine,
        httpx.Client(base_url=url, auth=(two[0].id, two[1]), timeout=60) as theirs,
    ):
        known = ids(mine)
        run = known["run"]
        for path in ("", "/events", "/outputs"):
            assert mine.get(f"/v1/runs/{run}{path}").status_code == 200
            assert theirs.get(f"/v1/runs/{run}{path}").status_code == 404
        for path in ("/cancel", "/repeat"):
            assert theirs.post(f"/v1/runs/{run}{path}").status_code == 404
        assert theirs.get("/v1/runs").json() == {"runs": []}
        taken = theirs.post(RUNS, json={"inputs": {"photo": known["asset"]}})
        assert (taken.status_code, taken.json()["reason"]) == (404, f"Asset {known['asset']} not found")
        made = mine.get(f"/v1/runs/{run}/outputs").json()["outputs"][0]["asset"]
        assert theirs.get(f"/v1/assets/{made}").status_code == 404
        assert mine.post(RUNS, json={"inputs": {"photo": made}}).status_code == 202
        # The same token of another project is another run.
        body = {"inputs": {"photo": data_url()}}
        first, second = (
            client.post(RUNS, json=body, headers={"Idempotency-Key": "k"}).json()["run"]["id"]
            for client in (mine, theirs)
        )
        assert first != second
        assert httpx.get(f"{url}/v1/runs").status_code == 401


def test_a_hand_gives_way_to_the_server(root: Path) -> None:
    """Its session does, where Linux shares time out between sessions."""
    writing = [
        "sh",
        "-c",
        "sleep 0.2; echo 10 > /proc/self/autogroup && grep -q 'nice 10' /proc/self/autogroup",
    ]
    if subprocess.run(writing, start_new_session=True, capture_output=True).returncode:
        pytest.skip("time is not shared out between sessions here")

    async def work() -> None:
        hands = Hands(root)
        one = await hands._begin(WORKING)
        hands._idle[WORKING].append(one)
        try:
            with anyio.fail_after(60):
                while f"nice {WORKING}" not in Path(f"/proc/{one.process.pid}/autogroup").read_text():
                    await anyio.sleep(0.01)
        finally:
            await hands.close()

    anyio.run(work)


@pytest.mark.slow
def test_a_hand_has_so_much_memory_and_one_that_is_lost_is_replaced(root: Path) -> None:
    with Store(root / ".editchain" / "server") as store:
        digest = store.put(bomb(8000, 8000, bytes(8000 * (1 + 3 * 8000))), durable=False).hex()

    async def work() -> None:
        hands = Hands(root, memory_bytes=300 * 1024 * 1024, most_idle=3)
        try:
            for lost in (1, 2):
                for _ in range(lost):
                    one = await hands._begin(LOOKING)
                    one.process.kill()
                    await one.process.wait()
                    hands._idle[LOOKING].append(one)
                if lost == 1:
                    assert [one["name"] for one in await hands.look("listing")] == ["looks"]
                    await hands.close()
                else:
                    with pytest.raises(Refusal, match="was lost, twice"):
                        await hands.look("listing")
            with pytest.raises((EditchainError, Refusal), match="memory"):
                await hands.look("converting", digest=digest, form="png")
            assert [one["name"] for one in await hands.look("listing")] == ["looks"]
        finally:
            await hands.close()

    anyio.run(work)


@pytest.mark.parametrize(
    ("address", "is_open"),
    [
        ("8.8.8.8", True), ("2606:4700::1111", True), ("::ffff:8.8.8.8", True), ("64:ff9b::8.8.8.8", True),
        ("127.0.0.1", False), ("0.0.0.1", False), ("10.0.0.1", False), ("169.254.169.254", False), ("100.64.0.1", False),
        ("224.0.0.1", False), ("::1", False), ("::", False), ("::ffff:127.0.0.1", False), ("::127.0.0.1", False),
        ("::ffff:0:127.0.0.1", False), ("64:ff9b::127.0.0.1", False), ("64:ff9b:1::127.0.0.1", False),
        ("2002:7f00:1::", False), ("fe80::1%eth0", False), ("fec0::1", False), ("fd00:ec2::254", False), ("2130706433", False),
    ],
)  # fmt: skip
def test_an_address_is_public_however_it_is_written(address: str, is_open: bool) -> None:
    assert is_public(address) is is_open


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: 127.0"])
def test_who_asks_too_slowly_is_not_waited_for(
    root: Path, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(root) as url:
        at = ("127.0.0.1", int(url.rpartition(":")[2]))
        with socket.create_connection(at, 60) as kept:
            kept.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert b" 200 " in kept.recv(1000)
            monkeypatch.setattr(PatientProtocol, "HEAD_SECONDS", 0.1)
            with socket.create_connection(at, 60) as fresh, contextlib.suppress(ConnectionError):
                fresh.sendall(sent)
                assert fresh.recv(1000) == b""
            with contextlib.suppress(ConnectionError):
                kept.sendall(b"GET")
                while kept.recv(1000):
                    pass
        monkeypatch.undo()
        assert httpx.get(f"{url}/healthz").status_code == 200


def test_what_comes_from_the_network_is_judged(client: httpx.Client) -> None:
    for address in (
        "https://localhost/a.png", "https://169.254.169.254/latest", "https://[::1]/a.png", "https://0x7f000001/a.png",
        "https://user:secret@example.com/a.png", "http://example.com/a.png", "file:///etc/passwd", "https:///a.png",
    ):  # fmt: skip
        answer = client.post(RUNS, json={"inputs": {"photo": address}})
        assert answer.status_code in (400, 404), (address, answer.text)
        answer = client.post("/v1/assets", json={"name": "a", "image": address})
        assert answer.status_code == 400, (address, answer.text)


def test_credentials_are_no_part_of_what_is_shown(client: httpx.Client) -> None:
    body = {"inputs": {"photo": data_url(png((9, 9, 1)))}}
    run = client.post(RUNS, json=body).json()["run"]
    assert base64.b64encode(png((9, 9, 1))).decode() not in json.dumps(run)
    run_ended(client, run["id"])

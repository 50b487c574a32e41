"""Where a client sends a vendor's credentials and where it does not, and what it asks of hosts that others name."""

from __future__ import annotations

import gzip
from collections.abc import Awaitable, Callable
from dataclasses import replace

import anyio
import pytest
from tests.vendors.base import LOOPBACK, Answer, Asked, Fault, Server

from editchain import http
from editchain.http import Client, FetchError, ReplyLost, Strangers


@pytest.mark.parametrize(
    ("url", "is_trusted"),
    [
        ("https://api.acme.ai/v1/jobs/1", True),
        ("https://api.eu.acme.ai/v1/jobs/1?id=2", True),
        ("https://api.eu.acme.ai:443/", True),
        ("https://files.acme.run/x", True),
        ("https://other.acme.run/x", False),
        ("https://evilacme.ai/", False),
        ("https://acme.ai.evil.com/", False),
        ("https://api.acme.ai@evil.com/", False),
        ("https://u:p@api.eu.acme.ai/", False),
        ("https://api.eu.acme.ai:8443/", False),
        ("http://api.eu.acme.ai/", False),
        ("http://api.acme.ai/", False),
        ("https://[::1/", False),
        ("https://api.acme.ai:many/", False),
        ("https:///x", False),
    ],
)
def test_credentials_go_to_the_vendors_hosts_only(url: str, is_trusted: bool) -> None:
    client = Client("https://api.acme.ai/v1", {}, rules=LOOPBACK, hosts=(".acme.ai", "files.acme.run"))
    assert client.trusts(url) == is_trusted


def test_an_address_of_the_vendor_is_asked_as_it_is_and_no_other() -> None:
    server = Server(lambda _asked: Answer(200, b"{}"))

    async def act() -> None:
        async with Client(f"{server.url}/v1", {"X-Key": "k"}, rules=LOOPBACK) as client:
            await client.request("GET", f"{server.url}/jobs/1?id=2")
            with pytest.raises(FetchError, match="on no host of the vendor"):
                await client.request("GET", "https://elsewhere.example/jobs/1?signature=s")

    with server.running():
        anyio.run(act)
    (asked,) = server.asked
    assert isinstance(asked, Asked)
    assert (asked.name, asked.query, asked.headers["x-key"]) == ("GET /jobs/1", {"id": "2"}, "k")


@pytest.mark.parametrize(
    ("answer", "about"),
    [
        (
            Answer(200, gzip.compress(b" " * 30_000_000, 9), {"Content-Encoding": "gzip"}),
            "far more than an answer",
        ),
        (Answer(200, b" " * 2_000_000), "larger than 1 MB"),
    ],
)
def test_an_answer_that_is_far_too_large_is_not_read(
    answer: Answer, about: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "MAX_REPLY_BYTES", 1 << 20)
    server = Server(lambda _asked: answer)

    async def act() -> None:
        async with Client(server.url, {}, rules=LOOPBACK) as client:
            with pytest.raises(ReplyLost, match=about):
                await client.request("GET", "/x")

    with server.running():
        anyio.run(act)


# ---------------------------------------------------------------------- hosts that others name


@pytest.fixture(params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def drive(server: Server, backend: str, act: Callable[[Client], Awaitable[None]]) -> None:
    async def driven() -> None:
        async with Client("https://api.acme.ai", {"X-Key": "k"}, rules=LOOPBACK) as client:
            await act(client)

    with server.running():
        anyio.run(driven, backend=backend)


def test_downloads_and_uploads_share_few_warm_connections_without_credentials(backend: str) -> None:
    server = Server(lambda asked: Answer(200, asked.path.encode()))

    async def act(client: Client) -> None:
        for name in ("/one", "/two", "/three"):
            assert await client.fetch(f"{server.url}{name}") == name.encode()
        assert await client.put(f"{server.url}/up", b"data", headers={"Content-Type": "image/png"}) == 200
        file = {"file": ("a.png", b"picture", "image/png")}
        assert await client.post(f"{server.url}/form", form={"key": "v"}, files=file) == 200

    drive(server, backend, act)
    assert server.connections == 1
    assert len(server.asked) == 5
    assert not any("x-key" in asked.headers for asked in server.asked)
    put, form = server.asked[3:]
    assert (put.body, put.headers["content-type"]) == (b"data", "image/png")
    assert form.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert form.body.index(b'name="key"') < form.body.index(b'name="file"; filename="a.png"')


def test_many_downloads_at_once_open_no_more_connections_than_allowed(backend: str) -> None:
    server = Server(lambda _asked: Answer(200, b"x"))

    async def act() -> None:
        async with Strangers(LOOPBACK, connections=3) as strangers, anyio.create_task_group() as group:
            for number in range(40):
                group.start_soon(strangers.fetch, f"{server.url}/{number}")

    with server.running():
        anyio.run(act, backend=backend)
    assert len(server.asked) == 40
    assert server.connections <= 3


@pytest.mark.slow
def test_waiting_for_a_turn_does_not_count_towards_the_time_of_a_download() -> None:
    server = Server(lambda _asked: Answer(200, b"x"))
    server.fault("GET /held", Fault(is_held=True, cut_at=0))
    found: list[bytes] = []

    async def act() -> None:
        async with Strangers(replace(LOOPBACK, total_seconds=8.0), connections=1) as strangers:

            async def held() -> None:
                with pytest.raises(FetchError, match="took longer than 8 s"):
                    await strangers.fetch(f"{server.url}/held")

            async def waiting() -> None:
                found.append(await strangers.fetch(f"{server.url}/b"))

            async with anyio.create_task_group() as group:
                group.start_soon(held)
                await anyio.wait_all_tasks_blocked()
                for _ in range(3):
                    group.start_soon(waiting)

    with server.running():
        anyio.run(act)
    assert found == [b"x"] * 3


def test_what_came_after_an_answer_is_not_taken_for_the_next_one(backend: str) -> None:
    """A server that says less than it sends would have every later answer be another request's."""
    stray = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray"
    server = Server(lambda asked: Answer(200, asked.path.encode()))
    server.fault("GET /a", Fault(instead=Answer(200, b"/a" + stray, {"Content-Length": "2"})))

    async def act(client: Client) -> None:
        assert [await client.fetch(f"{server.url}/{name}") for name in "abc"] == [b"/a", b"/b", b"/c"]

    drive(server, backend, act)
    assert server.connections == 2


def test_a_connection_that_its_host_has_closed_is_not_used_again(backend: str) -> None:
    server = Server(lambda _asked: Answer(200, b"x", {"Connection": "close"}))

    async def act(client: Client) -> None:
        for _ in range(3):
            assert await client.fetch(f"{server.url}/a") == b"x"

    drive(server, backend, act)
    assert server.connections == 3


@pytest.mark.parametrize(
    ("target", "about"),
    [
        ("http://localhost/x", "not an https: address"),
        ("https://10.0.0.1/x", "10.0.0.1, which is not a public address"),
        ("https://[::1]/x", "which is not a public address"),
        ("https://user:secret@127.0.0.1/x", "without user or password"),
        ("ftp://127.0.0.1/x", "not an https: address"),
    ],
)
def test_each_redirect_is_judged_however_warm_the_connection(target: str, about: str) -> None:
    def answer(asked: Asked) -> Answer:
        return Answer(302, b"", {"Location": target}) if asked.path == "/away" else Answer(200, b"x")

    server = Server(answer)

    async def act(client: Client) -> None:
        assert await client.fetch(f"{server.url}/here") == b"x"
        with pytest.raises(FetchError, match=about):
            await client.fetch(f"{server.url}/away")
        with pytest.raises(FetchError, match=about):
            await client.put(target, b"data")
        assert await client.fetch(f"{server.url}/here") == b"x"

    drive(server, "asyncio", act)
    assert [asked.path for asked in server.asked] == ["/here", "/away", "/here"]

"""Where a client sends a vendor's credentials, and where it does not."""

from __future__ import annotations

import anyio
import pytest
from tests.vendors.base import LOOPBACK, Answer, Asked, Server

from editchain.http import Client, FetchError


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

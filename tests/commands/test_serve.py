"""editchain serve: keys are made, listed and ended, and the server is not let out without one."""

from __future__ import annotations

import re
import subprocess
import sys

import httpx
import pytest
from tests.commands.conftest import Said
from tests.workbench import Bench


def test_keys_are_made_listed_and_ended(bench: Bench) -> None:
    assert "There are no keys" in bench.command("serve", "keys")[2]
    code, said, _ = bench.command("serve", "keys", "new", "shop", "--spending", "20 USD", "--jobs", "7")
    assert code == 0
    (_, key), (_, secret) = (line.split() for line in said.splitlines())
    listed = Said(*bench.command("serve", "keys", "--json")).document("serve-keys")
    (one,) = listed["keys"]
    assert (one["id"], one["project"], one["revoked_at"]) == (key, "proj_shop", None)
    assert (one["limits"]["spending"], one["limits"]["currency"], one["limits"]["jobs"]) == ("20", "USD", 7)
    assert secret not in str(listed)
    assert bench.command("serve", "keys", "revoke", key)[0] == 0
    assert "revoked" in bench.command("serve", "keys")[1]


def test_it_says_where_it_listens_and_where_it_cannot(bench: Bench) -> None:
    command = [sys.executable, "-m", "editchain", "serve", "--port"]
    with subprocess.Popen([*command, "0"], cwd=bench.root, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        try:
            said = server.stderr.readline()
            address = re.search(r"http://127\.0\.0\.1:(\d+)/", said)
            assert address is not None, said
            assert httpx.get(f"{address[0]}healthz").json() == {"status": "ok"}
            other = subprocess.run([*command, address[1]], cwd=bench.root, capture_output=True, text=True)
            assert (other.returncode, f"cannot listen at 127.0.0.1:{address[1]}" in other.stderr) == (2, True)
        finally:
            server.terminate()
            server.stderr.read()
    assert server.returncode in (0, -15)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("keys", "new", "a b"), "no name for a project"),
        (("keys", "new", "shop", "--spending", "much"), "no amount"),
        (("keys", "revoke", "api_none"), 'There is no key "api_none"'),
        (("--host", "192.0.2.1"), "Make a key first"),
    ],
)
def test_what_is_wrong_is_said(bench: Bench, arguments: tuple[str, ...], said: str) -> None:
    code, _, message = bench.command("serve", *arguments)
    assert code == 2
    assert said in message

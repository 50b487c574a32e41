"""A server that is killed loses no job that it accepted, and ends each of them once."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from tests.server.serving import data_url, ended, png, workspace

pytestmark = pytest.mark.slow


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def process(root: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """`editchain serve` in a process of its own, once it is ready."""
    command = [sys.executable, "-m", "editchain", "serve", "--port", str(port), "--processes", "2"]
    with (root / "log").open("ab") as log, subprocess.Popen(command, cwd=root, stderr=log) as server:
        try:
            deadline = time.monotonic() + 120
            while True:
                try:
                    if httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200:
                        break
                except httpx.TransportError:
                    assert time.monotonic() < deadline, (root / "log").read_text()
                    time.sleep(0.05)
            yield server
        finally:
            server.kill()


@pytest.mark.parametrize("moment", [0.0, 0.4, 1.2])
def test_jobs_outlive_the_server(tmp_path: Path, moment: float) -> None:
    root, port = workspace(tmp_path / "w"), free_port()
    jobs = []
    with process(root, port) as server, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        for at in range(12):
            body = {"image": data_url(png((at * 20, 0, 0))), "prompt": "make it sepia"}
            jobs.append(client.post("/v1/generate/prompt-editing", json=body).json()["job"]["jobId"])
        time.sleep(moment)
        server.kill()
        server.wait()
    with process(root, port) as server, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        done = [ended(client, job) for job in jobs]
        assert [one["status"] for one in done] == ["success"] * 12, (root / "log").read_text()
        for one in done:
            (asset,) = one["metadata"]["assetIds"]
            assert client.get(f"/v1/assets/{asset}").json()["asset"]["metadata"]["prompt"] == "make it sepia"
        assert len(client.get("/v1/assets", params={"pageSize": 100}).json()["assets"]) == 12
        server.terminate()
        assert server.wait(timeout=120) in (-15, 143)


def test_a_stop_waits_for_what_runs_and_begins_nothing_more(tmp_path: Path) -> None:
    root, port = workspace(tmp_path / "w"), free_port()
    with process(root, port) as server, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        bodies = [{"image": data_url(png((at, 9, 9))), "prompt": "make it sepia"} for at in range(8)]
        jobs = [
            client.post("/v1/generate/prompt-editing", json=body).json()["job"]["jobId"] for body in bodies
        ]
        server.terminate()
        assert server.wait(timeout=120) in (-15, 143)
    with process(root, port), httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        assert {ended(client, job)["status"] for job in jobs} == {"success"}

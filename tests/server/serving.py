"""What the server's tests share: a workspace in which the embedded model stands in for every other, served on loopback."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from PIL import Image

from editchain.server.app import application
from editchain.server.desk import Settings
from editchain.server.patience import PatientProtocol

CONFIGURATION = '[routes]\ndefault = "darkroom"\n'


def png(colour: tuple[int, int, int] = (200, 120, 40), size: tuple[int, int] = (24, 16)) -> bytes:
    """A small picture."""
    image = Image.new("RGB", size, colour)
    image.putpixel((0, 0), (10, 20, 30))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def data_url(data: bytes | None = None) -> str:
    """A picture as requests carry it."""
    return f"data:image/png;base64,{base64.b64encode(data or png()).decode()}"


def workspace(folder: Path, configuration: str = CONFIGURATION) -> Path:
    """A workspace for a server."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "editchain.toml").write_text(configuration, encoding="utf-8")
    return folder


@contextmanager
def served(root: Path, **settings: Any) -> Iterator[str]:
    """The address of a server on loopback, for as long as the context lasts."""
    configuration = uvicorn.Config(
        application(Settings(root, processes=2, **settings)),
        host="127.0.0.1",
        port=0,
        http=PatientProtocol,
        log_config=None,
        access_log=False,
    )
    server = uvicorn.Server(configuration)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def ended(client: httpx.Client, job: str, seconds: float = 180) -> dict[str, Any]:
    """A job once it has ended."""
    deadline = time.monotonic() + seconds
    while True:
        found: dict[str, Any] = client.get(f"/v1/jobs/{job}").json()["job"]
        if found["status"] in ("success", "failure", "canceled"):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


LOOKS = """\
version: 1
description: Two looks of a photo
inputs:
  photo: {type: image, description: The photo}
  width: {type: integer, default: 12, minimum: 4}
steps:
  tone:
    for_each: {look: [sepia, blur]}
    model: darkroom
    image: $photo
    prompt: ${look}
  small: {operation: resize, image: $tone, width: $width}
outputs:
  small: {from: $small, path: "{photo}-{look}.jpg"}
"""
"""A pipeline of two steps and four tasks."""


def pipelines(root: Path, **texts: str) -> Path:
    """Pipeline files in a workspace."""
    (root / "pipelines").mkdir(exist_ok=True)
    for name, text in texts.items():
        (root / "pipelines" / f"{name}.yaml").write_text(text, encoding="utf-8")
    return root


def run_ended(client: httpx.Client, run: str, seconds: float = 180) -> dict[str, Any]:
    """A run once it has ended."""
    deadline = time.monotonic() + seconds
    while True:
        found: dict[str, Any] = client.get(f"/v1/runs/{run}").json()["run"]
        if found["status"] in ("done", "failed", "waiting", "stopped"):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def heard(client: httpx.Client, run: str, **asking: Any) -> list[tuple[int, dict[str, Any]]]:
    """The events of a run until its stream ends, each with its id."""
    found: list[tuple[int, dict[str, Any]]] = []
    with client.stream("GET", f"/v1/runs/{run}/events", timeout=60, **asking) as answer:
        assert answer.status_code == 200, answer.read()
        id_ = -1
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            if name == "id":
                id_ = int(value)
            elif name == "data":
                found.append((id_, json.loads(value)))
    return found

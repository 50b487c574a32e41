"""What the server's tests share: a workspace in which the embedded model stands in for every other, served on loopback."""

from __future__ import annotations

import base64
import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from PIL import Image

from editchain.server.app import Settings, application

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


def ended(client: httpx.Client, job: str, seconds: float = 60) -> dict[str, Any]:
    """A job once it has ended."""
    deadline = time.monotonic() + seconds
    while True:
        found: dict[str, Any] = client.get(f"/v1/jobs/{job}").json()["job"]
        if found["status"] in ("success", "failure", "canceled"):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.05)

"""The requests that the README and the server's page show work as they stand there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.server.serving import LOOKS, ended, pipelines, png, run_ended, served, workspace

TOP = Path(__file__).parents[2]
ADDRESS = "http://127.0.0.1:8500"
pytestmark = pytest.mark.skipif(
    None in (shutil.which("curl"), shutil.which("bash")), reason="curl or bash is not installed"
)


def commands(page: str) -> list[str]:
    """The commands of a page's shell blocks that ask the server for something."""
    blocks = re.findall(r"```sh\n(.*?)```", (TOP / page).read_text(encoding="utf-8"), re.DOTALL)
    found = [re.sub(r"^editchain serve.*&\n", "", block) for block in blocks if ADDRESS in block]
    assert found
    return found


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(pipelines(workspace(tmp_path_factory.mktemp("readme")), looks=LOOKS)) as found:
        yield found


def answer(command: str, url: str, folder: Path) -> dict[str, Any]:
    found = subprocess.run(
        ["bash", "-ec", command.replace(ADDRESS, url)],
        cwd=folder,
        capture_output=True,
        timeout=120,
        check=True,
    )
    document: dict[str, Any] = json.loads(found.stdout)
    return document


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "docs/server.md"])
def test_each_request_is_taken_and_ends_well(url: str, tmp_path: Path, page: str) -> None:
    shutil.copytree(TOP / "pipelines" / "assets", tmp_path / "pipelines" / "assets")
    for at, name in enumerate(("photo.png", "cat.jpg", "dog.jpg")):
        (tmp_path / name).write_bytes(png((at, 2, 3)))
    with httpx.Client(base_url=url, timeout=60) as client:
        for command in commands(page):
            if "https://" in command.replace(ADDRESS, ""):
                continue  # an address on the network
            found = answer(command, url, tmp_path)
            if "job" in found:
                assert ended(client, found["job"]["jobId"])["status"] == "success", command
            else:
                assert run_ended(client, found["run"]["id"])["status"] == "done", command

"""What the server keeps and nobody needs any more goes after a while, and nothing else does."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.server.serving import data_url, png, served, workspace

from editchain.server import keys
from editchain.server.keys import Limits
from editchain.server.rows import AskedRun, Asset, Job, Upload
from editchain.server.shelf import Shelf
from editchain.server.sweeping import TOLD_SECONDS, UNNAMED_SECONDS, sweep
from editchain.store import Store

NOW = 2_000_000_000.0
"""A moment at which all that tests write is years old."""


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / ".editchain"


@pytest.fixture
def shelf(kept: Path) -> Iterator[Shelf]:
    found = Shelf(kept / "server" / "server.db")
    yield found
    found.close()


def asked(name: str, status: str, digests: tuple[str, ...] = ()) -> AskedRun:
    given = json.dumps({"given": {}, "pictures": [[["photo"], digest, "a"] for digest in digests]})
    return AskedRun(name, "proj_a", "looks", "pipelines/looks.yaml", status, "{}", given, "{}", "{}")  # type: ignore[arg-type]


def test_pictures_that_nothing_names_go(kept: Path, shelf: Shelf) -> None:
    with Store(kept / "server") as pictures:
        digests = [pictures.put(png((one, 1, 1)), durable=False).hex() for one in range(6)]
        shown, queued, ended, given, unnamed, young = digests
        os.utime(pictures.path(bytes.fromhex(young)), (NOW, NOW))
        shelf.put_assets(
            [Asset("asset_1", "proj_a", shown, "a", "image/png", 1, 1, 9, None, 0, None, "{}", 0.0)]
        )
        for name, status, digest in (("job_1", "queued", queued), ("job_2", "success", ended)):
            wish = json.dumps({"image": None, "mask": None, "references": [digest]})
            shelf.put_job(Job(name, "proj_a", "custom", "m", status, wish, "{}"))  # type: ignore[arg-type]
        shelf.begin_run(asked("run_1", "done", (given,)), (), None)
        swept = sweep(kept, shelf, NOW)
        left = {digest.hex() for digest in pictures.digests()}
    assert left == {shown, queued, given, young}
    assert (swept.pictures, swept.bytes) == (2, len(png((2, 1, 1))) + len(png((4, 1, 1))))
    assert unnamed not in left
    assert sweep(kept, shelf, NOW).pictures == 0


def test_uploads_that_were_not_completed_end(kept: Path, shelf: Shelf) -> None:
    for name, status, began in (("old", "pending", 0.0), ("new", "pending", NOW), ("done", "imported", 0.0)):
        shelf.put_upload(Upload(name, "proj_a", "a", "image/png", 9, "{}", status, None, None, began))
        (kept / "server" / "uploads" / name).mkdir(parents=True)
    assert sweep(kept, shelf, NOW).uploads == 1
    found = shelf.upload("proj_a", "old")
    assert found is not None
    assert (found.status, found.error) == ("failed", "It was not completed in time")
    assert sorted(os.listdir(kept / "server" / "uploads")) == ["done", "new"]
    assert sweep(kept, shelf, NOW).uploads == 0


def test_what_runs_left_behind_goes(kept: Path, shelf: Shelf) -> None:
    for name, status in (("going", "running"), ("shown", "done"), ("ended", "failed")):
        shelf.begin_run(asked(name, status), (), None)
    for name in ("going", "shown", "ended", "unknown"):
        for folder in ("given", "out"):
            (kept / "server" / folder / name / "photo").mkdir(parents=True)
        (kept / "server" / "events").mkdir(exist_ok=True)
        (kept / "server" / "events" / f"{name}.jsonl").write_text("{}\n")
    (kept / "runs").mkdir()
    (kept / "runs" / "shown.json").write_text("{}")
    young = kept / "server" / "events" / "shown.jsonl"
    os.utime(young, (NOW - TOLD_SECONDS + 1,) * 2)
    (kept / "server" / "recipes").mkdir()
    (kept / "server" / "recipes" / "old.yaml").touch()
    sweep(kept, shelf, NOW)
    listed = {
        folder: sorted(os.listdir(kept / "server" / folder))
        for folder in ("given", "out", "events", "recipes")
    }
    assert listed == {
        "given": ["going", "shown"], "out": ["going"], "events": ["going.jsonl", "shown.jsonl"], "recipes": [],
    }  # fmt: skip
    os.utime(kept / "server" / "out" / "going", (NOW - UNNAMED_SECONDS - 1,) * 2)
    sweep(kept, shelf, NOW)
    assert os.listdir(kept / "server" / "out") == ["going"]


def test_a_project_keeps_no_more_than_it_may(tmp_path: Path) -> None:
    root = workspace(tmp_path)
    shelf = Shelf(root / ".editchain" / "server" / "server.db")
    size = len(png())
    key, secret = keys.make(shelf, "shop", Limits(stored_bytes=2 * size), 0.0)
    shelf.close()
    body = {"name": "a.png", "image": data_url()}
    with served(root) as url, httpx.Client(base_url=url, auth=(key.id, secret), timeout=60) as client:
        assets = [client.post("/v1/assets", json=body).json()["asset"]["id"] for _ in range(2)]
        for path, more in (
            ("/v1/assets", body),
            (
                "/v1/uploads",
                {"kind": "image", "fileName": "a", "contentType": "image/png", "fileSize": 9, "parts": 1},
            ),
            ("/v1/generate/prompt-editing", {"prompt": "sepia", "image": assets[0]}),
        ):
            answer = client.post(path, json=more)
            assert (answer.status_code, answer.json()["details"]["actionName"]) == (403, "stored-bytes")
            assert answer.headers["x-should-retry"] == "false"
        assert client.request("DELETE", "/v1/assets", json={"assetIds": assets[:1]}).status_code == 200
        assert client.post("/v1/assets", json=body).status_code == 200

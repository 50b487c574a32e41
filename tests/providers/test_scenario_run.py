"""A recipe of a vendor's model through the real command: against Scenario's stand-in, over a real socket."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.imaging.test_anatomy import exif, picture, saved
from tests.vendors.base import Fault, said
from tests.vendors.scenario import KEY, SECRET, Ending, Scenario
from tests.workbench import paint, written

from editchain.imaging import codec

RECIPE = """
inputs:
  photo: {type: image, default: a.png}
steps:
  night:
    for_each: {time: [dusk, dawn]}
    model: flux-kontext
    image: $photo
    prompt: Make it $time
    seed: 7
  small: {operation: resize, image: $night, width: 8}
outputs:
  small: {from: $small, path: "{time}.png"}
"""


@pytest.fixture
def vendor() -> Iterator[Scenario]:
    """The stand-in, serving."""
    made = Scenario(usual=Ending(("success",)))
    with made.running():
        yield made


@pytest.fixture
def folder(tmp_path: Path, vendor: Scenario) -> Path:
    """A workspace that finds Scenario on loopback."""
    paint(tmp_path / "a.png", size=(32, 24))
    host = "127.0.0.1"
    (tmp_path / "editchain.toml").write_text(
        f'[providers.scenario]\nbase_url = "{vendor.url}"\n[fetch]\nplain_hosts = ["{host}"]\n[limits.scenario]\nper_second = 50\n'
    )
    written(tmp_path, RECIPE)
    return tmp_path


def editchain(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, with nothing of this machine's credentials."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SCENARIO")}
    return subprocess.run(
        [sys.executable, "-m", "editchain", *arguments],
        cwd=folder, env={**clean, **environment}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`run` with the credentials in the environment."""
    return editchain(
        folder, "run", "p.yaml", "-o", "out", *arguments, SCENARIO_API_KEY=KEY, SCENARIO_API_SECRET=SECRET
    )


def test_without_a_credential_nothing_is_sent_and_the_variables_are_named(
    folder: Path, vendor: Scenario
) -> None:
    ran = editchain(folder, "run", "p.yaml")
    assert ran.returncode == 2
    assert "SCENARIO_API_KEY and SCENARIO_API_SECRET" in ran.stderr
    assert vendor.server.asked == []


def test_a_recipe_is_bought_once_and_its_pictures_are_published(folder: Path, vendor: Scenario) -> None:
    first = run(folder)
    assert first.returncode == 0, first.stderr
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["dawn.png", "dusk.png"]
    assert len(vendor.bill) == 2
    again = run(folder)
    assert again.returncode == 0
    assert "4 tasks · 4 cached" in again.stdout
    assert len(vendor.bill) == 2


@pytest.mark.slow
def test_editing_one_word_buys_one_picture(folder: Path, vendor: Scenario) -> None:
    run(folder)
    written(folder, RECIPE.replace("dawn", "noon"))
    assert run(folder).returncode == 0
    assert len(vendor.bill) == 3


@pytest.mark.slow
def test_a_photo_is_uploaded_once_for_all_calls(folder: Path, vendor: Scenario) -> None:
    run(folder)
    assert [asked.name for asked in vendor.server.asked].count("POST /v1/assets") == 1


@pytest.mark.slow
def test_a_photo_that_scenario_deleted_is_uploaded_again(folder: Path, vendor: Scenario) -> None:
    run(folder)
    vendor.assets.clear()
    written(folder, RECIPE.replace("dawn", "noon"))
    ran = run(folder)
    assert ran.returncode == 0, ran.stderr
    assert "1 safe retry" in ran.stdout
    assert len(vendor.bill) == 3


@pytest.mark.slow
def test_no_more_is_asked_of_scenario_than_it_takes_at_a_time(folder: Path, vendor: Scenario) -> None:
    vendor.parallel = 1
    ran = run(folder)
    assert ran.returncode == 0, ran.stderr
    assert len(vendor.bill) == 2
    assert len(vendor.server.names("POST /v1/generate/custom")) <= 4


@pytest.mark.slow
def test_no_credential_is_in_anything_that_a_run_leaves(folder: Path, vendor: Scenario) -> None:
    ran = run(folder, "--json")
    said = ran.stdout + ran.stderr
    files = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    for canary in (KEY, SECRET):
        assert canary not in said
        assert not any(canary.encode() in data for data in files)


def test_a_credential_that_the_vendor_echoes_is_in_nothing_that_is_left(
    folder: Path, vendor: Scenario
) -> None:
    token = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
    words = f"No room for {KEY}, {SECRET} and {token}"
    echo = Fault(instead=said({"reason": words}, 400))
    vendor.server.fault("POST /v1/generate/custom", echo, times=2)
    (folder / ".env").write_text(f"SCENARIO_API_KEY={KEY}\nSCENARIO_API_SECRET='{SECRET}'\n")
    ran = editchain(folder, "run", "p.yaml", "-o", "out", "--json")
    shown = editchain(folder, "status", "last")
    assert ran.returncode == 1
    assert "No room for ***" in ran.stdout
    files = [path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != ".env"]
    told = [one.encode() for one in (ran.stdout, ran.stderr, shown.stdout, shown.stderr)]
    for canary in (KEY, SECRET, token):
        assert not any(canary.encode() in data for data in (*files, *told))


def test_an_http_host_has_to_be_named(folder: Path, vendor: Scenario) -> None:
    (folder / "editchain.toml").write_text(f'[providers.scenario]\nbase_url = "{vendor.url}"\n')
    ran = run(folder)
    assert ran.returncode == 2
    assert "plain_hosts" in ran.stderr
    assert vendor.server.asked == []


def test_no_place_is_sent_and_what_was_done_is_kept_with_the_call(folder: Path, vendor: Scenario) -> None:
    (folder / "a.jpg").write_bytes(saved(picture(), "jpeg", exif=exif(6)))
    written(folder, RECIPE.replace("a.png", "a.jpg").replace("[dusk, dawn]", "[dusk]"))
    assert run(folder).returncode == 0
    (job,) = vendor.jobs.values()
    (asset,) = (vendor.assets[one] for one in job.input["referenceImages"])
    assert b"telephone" not in asset.data
    assert codec.decode(asset.data).size == (24, 40)
    with closing(sqlite3.connect(folder / ".editchain" / "journal.db")) as journal:
        ((detail,),) = journal.execute("SELECT detail FROM calls").fetchall()
    assert json.loads(detail)["prepared"] == ["image: turned upright", "image: metadata removed"]

"""A recipe of a vendor's model through the real command, against Scenario's stand-in, over a real socket."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest
from tests.imaging.test_anatomy import exif, picture, saved
from tests.vendors.base import Fault, said
from tests.vendors.scenario import KEY, SECRET, Ending, Scenario
from tests.workbench import Said, command, paint, written

from editchain.imaging import codec
from editchain.providers import scenario

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


def editchain(folder: Path, *arguments: str, **environment: str) -> Said:
    """The command, with nothing of this machine's credentials."""
    with patch.dict(os.environ, environment):
        for name in {"SCENARIO_API_KEY", "SCENARIO_API_SECRET"} - environment.keys():
            os.environ.pop(name, None)
        return command(folder, *arguments)


def apart(folder: Path, *arguments: str) -> Said:
    """The command in a process of its own, which knows of no credential but those that it reads."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SCENARIO")}
    ran = subprocess.run(
        [sys.executable, "-m", "editchain", *arguments],
        cwd=folder, env=clean, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return Said(ran.returncode, ran.stdout, ran.stderr)


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for the stand-in as for the vendor."""
    monkeypatch.setattr(scenario, "capabilities", replace(scenario.capabilities, poll_seconds=0.02))


def run(folder: Path, *arguments: str) -> Said:
    """`run` with the credentials in the environment."""
    return editchain(
        folder, "run", "p.yaml", "-o", "out", *arguments, SCENARIO_API_KEY=KEY, SCENARIO_API_SECRET=SECRET
    )


def test_without_a_credential_nothing_is_sent_and_the_variables_are_named(
    folder: Path, vendor: Scenario
) -> None:
    ran = editchain(folder, "run", "p.yaml")
    assert ran.code == 2
    assert "SCENARIO_API_KEY and SCENARIO_API_SECRET" in ran.err
    assert vendor.server.asked == []


def test_a_recipe_is_bought_once_and_its_pictures_are_published(folder: Path, vendor: Scenario) -> None:
    first = run(folder)
    assert first.code == 0, first.err
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["dawn.png", "dusk.png"]
    assert len(vendor.bill) == 2
    again = run(folder)
    assert again.code == 0
    assert "4 tasks · 4 cached" in again.out
    assert len(vendor.bill) == 2


def test_under_a_budget_what_a_call_costs_is_asked_before_it_is_sent(folder: Path, vendor: Scenario) -> None:
    """Twice the most of the price list is beyond it; twice what Scenario itself says is not."""
    ran = run(folder, "--yes", "--budget", "25 CU")
    assert ran.code == 0, ran.err
    asked = [one.query.get("dryRun") for one in vendor.server.asked if "/generate/" in one.path]
    assert asked.count("true") == len(vendor.bill) == 2
    costs = json.loads(editchain(folder, "costs", "--json").out)
    assert {one["source"].rsplit(" ", 1)[0] for one in costs["calls"]} == {"scenario's estimate"}


@pytest.mark.slow
def test_editing_one_word_buys_one_picture(folder: Path, vendor: Scenario) -> None:
    run(folder)
    written(folder, RECIPE.replace("dawn", "noon"))
    assert run(folder).code == 0
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
    assert ran.code == 0, ran.err
    assert "1 safe retry" in ran.out
    assert len(vendor.bill) == 3


@pytest.mark.slow
def test_no_more_is_asked_of_scenario_than_it_takes_at_a_time(folder: Path, vendor: Scenario) -> None:
    vendor.parallel = 1
    ran = run(folder)
    assert ran.code == 0, ran.err
    assert len(vendor.bill) == 2
    assert len(vendor.server.names("POST /v1/generate/custom")) <= 4


@pytest.mark.slow
def test_no_credential_is_in_anything_that_a_run_leaves(folder: Path, vendor: Scenario) -> None:
    ran = run(folder, "--json")
    said = ran.out + ran.err
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
    ran = apart(folder, "run", "p.yaml", "-o", "out", "--json")
    shown = apart(folder, "status", "last")
    assert ran.code == 1
    assert "No room for ***" in ran.out
    files = [path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != ".env"]
    told = [one.encode() for one in (ran.out, ran.err, shown.out, shown.err)]
    for canary in (KEY, SECRET, token):
        assert not any(canary.encode() in data for data in (*files, *told))


def test_an_http_host_has_to_be_named(folder: Path, vendor: Scenario) -> None:
    (folder / "editchain.toml").write_text(f'[providers.scenario]\nbase_url = "{vendor.url}"\n')
    ran = run(folder)
    assert ran.code == 2
    assert "plain_hosts" in ran.err
    assert vendor.server.asked == []


def test_no_place_is_sent_and_what_was_done_is_kept_with_the_call(folder: Path, vendor: Scenario) -> None:
    (folder / "a.jpg").write_bytes(saved(picture(), "jpeg", exif=exif(6)))
    written(folder, RECIPE.replace("a.png", "a.jpg").replace("[dusk, dawn]", "[dusk]"))
    assert run(folder).code == 0
    (job,) = vendor.jobs.values()
    (asset,) = (vendor.assets[one] for one in job.input["referenceImages"])
    assert b"telephone" not in asset.data
    assert codec.decode(asset.data).size == (24, 40)
    with closing(sqlite3.connect(folder / ".editchain" / "journal.db")) as journal:
        ((detail,),) = journal.execute("SELECT detail FROM calls").fetchall()
    assert json.loads(detail)["prepared"] == ["image: turned upright", "image: metadata removed"]

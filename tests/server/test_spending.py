"""Runs and jobs that buy: what a key may spend, what a stop leaves, and that nothing is bought twice."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
from tests.server.serving import data_url, ended, heard, pipelines, png, run_ended, served, workspace
from tests.server.test_restart import free_port, process
from tests.vendors.scenario import KEY, SECRET, Ending, Scenario

from editchain import schemas
from editchain.server import conducting, keys
from editchain.server.keys import Limits
from editchain.server.shelf import Shelf

NIGHT = """\
version: 1
inputs:
  photo: {type: image}
steps:
  night: {model: flux-kontext, image: $photo, prompt: Make it night, seed: 3}
  small: {operation: resize, image: $night, width: 8}
outputs:
  small: {from: $small, path: "{photo}.png"}
"""
RUNS = "/v1/pipelines/night/runs"
OUTPUT = Path(__file__).parents[2] / "schemas" / "output"


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scenario]:
    """The stand-in, serving; a picture costs 11 CU, and is there at the second look."""
    monkeypatch.setenv("SCENARIO_API_KEY", KEY)
    monkeypatch.setenv("SCENARIO_API_SECRET", SECRET)
    made = Scenario(endings=[Ending(("queued", "success")) for _ in range(99)])
    with made.running():
        yield made


@pytest.fixture
def root(tmp_path: Path, vendor: Scenario) -> Path:
    """A workspace that finds the vendor on loopback."""
    configuration = (
        f'[providers.scenario]\nbase_url = "{vendor.url}"\n[fetch]\nplain_hosts = ["127.0.0.1"]\n'
        "[limits.scenario]\nper_second = 50\n"
    )
    return pipelines(workspace(tmp_path / "w", configuration), night=NIGHT)


def asked(colour: int, **more: Any) -> dict[str, Any]:
    return {"inputs": {"photo": data_url(png((colour, 1, 1)))}, **more}


def sent(vendor: Scenario, jobs: int) -> None:
    """Returns when the vendor has accepted so many jobs."""
    deadline = time.monotonic() + 120
    while len(vendor.bill) < jobs:
        assert time.monotonic() < deadline, "nothing was sent"
        time.sleep(0.01)


def test_a_run_says_what_it_may_cost_and_what_it_did(root: Path, vendor: Scenario) -> None:
    with served(root) as url, httpx.Client(base_url=url, timeout=60) as client:
        plan = client.post("/v1/pipelines/night/plan", json=asked(1)).json()
        assert plan["summary"]["price"] == [{"currency": "CU", "least": "11", "most": "16"}]
        assert vendor.bill == []
        run = client.post(RUNS, json=asked(1)).json()["run"]
        assert (run["calls"], run["cost"], run["spent"]) == (1, {"amount": "16", "currency": "CU"}, {})
        done = run_ended(client, run["id"])
        assert (done["status"], done["spent"]) == ("done", {"CU": "11"}), done
        again = client.post(RUNS, json=asked(1)).json()["run"]
        assert (again["calls"], again["cost"]) == (0, None)
        run_ended(client, again["id"])
        assert len(vendor.bill) == 1


@pytest.mark.slow
def test_a_key_spends_no_more_than_it_may_however_many_ask_at_once(root: Path, vendor: Scenario) -> None:
    shelf = Shelf(root / ".editchain" / "server" / "server.db")
    key, secret = keys.make(shelf, "shop", Limits(spending="48", currency="CU"), 0.0)
    shelf.close()
    with served(root) as url, httpx.Client(base_url=url, auth=(key.id, secret), timeout=60) as client:
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda at: client.post(RUNS, json=asked(at)), range(8)))
        accepted = [one.json()["run"]["id"] for one in answers if one.status_code == 202]
        assert len(accepted) == 3
        assert {one.status_code for one in answers} == {202, 402}
        for run in accepted:
            assert run_ended(client, run)["status"] == "done"
        refused = client.post(RUNS, json=asked(99))
        assert (refused.status_code, "33 of 48 are spent" in refused.json()["reason"]) == (402, True)
        edit = {"image": data_url(png((99, 1, 1))), "prompt": "Make it night", "modelId": "flux-kontext"}
        assert client.post("/v1/generate/prompt-editing", json=edit).status_code == 402
        assert len(vendor.bill) == 3


def test_a_budget_below_the_price_is_refused_before_anything_is_sent(root: Path, vendor: Scenario) -> None:
    with served(root) as url, httpx.Client(base_url=url, timeout=60) as client:
        answer = client.post(RUNS, json=asked(1, budget="5 CU"))
        assert (answer.status_code, "at least 11 CU" in answer.json()["reason"]) == (402, True)
        assert client.post(RUNS, params={"budget": "5"}, json=asked(1)).status_code == 402
        assert vendor.server.asked == []


@pytest.mark.slow
def test_a_cancel_starts_nothing_more_and_a_repeat_collects_what_was_bought(
    root: Path, vendor: Scenario
) -> None:
    vendor.endings[:0] = [Ending(("queued",) * 9999)]
    with served(root) as url, httpx.Client(base_url=url, timeout=60) as client:
        run = client.post(RUNS, json=asked(1)).json()["run"]["id"]
        sent(vendor, 1)
        assert client.post(f"/v1/runs/{run}/cancel").json()["run"]["is_cancelled"]
        done = run_ended(client, run)
        assert (done["status"], done["exit_code"]) == ("stopped", 143)
        assert heard(client, run)[-1][1]["exit_code"] == 143
        assert client.get(f"/v1/runs/{run}/outputs").json()["outputs"] == []
        job = next(iter(vendor.jobs.values()))
        job.ending = Ending(("success",))
        again = client.post(f"/v1/runs/{run}/repeat").json()["run"]["id"]
        assert run_ended(client, again)["status"] == "done"
        assert len(vendor.bill) == 1


@pytest.mark.slow
def test_a_run_of_the_command_line_is_followed_cancelled_and_repeated(root: Path, vendor: Scenario) -> None:
    vendor.endings[:0] = [Ending(("queued",) * 9999)]
    (root / "cat.png").write_bytes(png((7, 7, 7), size=(32, 32)))
    command = [
        sys.executable,
        "-m",
        "editchain",
        "run",
        "pipelines/night.yaml",
        "-i",
        "photo=cat.png",
        "--yes",
    ]
    with served(root) as url, httpx.Client(base_url=url, timeout=120) as client:
        running = subprocess.Popen(command, cwd=root, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        sent(vendor, 1)
        run = client.get("/v1/runs").json()["runs"][0]["id"]
        assert client.get(f"/v1/runs/{run}").json()["run"]["status"] == "running"
        with ThreadPoolExecutor(1) as pool:
            hearing = pool.submit(heard, client, run)
            assert client.post(f"/v1/runs/{run}/cancel").json()["run"]["is_cancelled"]
            told = hearing.result()
        assert running.wait(120) == 143
        validator = jsonschema_rs.validator_for(schemas.read(OUTPUT / "run.json"))
        assert [one for _, one in told if not validator.is_valid(one)] == []
        assert [one["event"] for _, one in told] == ["run", "task", "task", "end"]
        assert (told[0][1]["tasks"], told[-1][1]["exit_code"]) == (2, 143)
        assert heard(client, run, params={"after": told[0][0]}) == told[1:]
        assert client.get(f"/v1/runs/{run}/events", params={"after": told[-1][0]}).status_code == 204
        assert client.get(f"/v1/runs/{run}").json()["run"]["status"] == "stopped"
        assert client.post(f"/v1/runs/{run}/cancel").status_code == 409

        next(iter(vendor.jobs.values())).ending = Ending(("success",))
        again = client.post(f"/v1/runs/{run}/repeat").json()["run"]
        assert (again["repeats"], again["pipeline"]) == (run, "night")
        done = run_ended(client, again["id"])
        assert (done["status"], done["spent"]) == ("done", {})
        assert [one["path"] for one in client.get(f"/v1/runs/{again['id']}/outputs").json()["outputs"]] == [
            "cat.png"
        ]
        assert len(vendor.bill) == 1


@pytest.mark.slow
def test_what_waits_is_cancelled_at_once(
    root: Path, vendor: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conducting, "WITH_CALLS_AT_ONCE", 1)
    vendor.endings[:0] = [Ending(("queued",) * 9999)]
    with served(root) as url, httpx.Client(base_url=url, timeout=60) as client:
        first, last = (client.post(RUNS, json=asked(at)).json()["run"]["id"] for at in range(2))
        sent(vendor, 1)
        found = client.post(f"/v1/runs/{last}/cancel").json()["run"]
        assert (found["status"], found["exit_code"], found["spent"]) == ("stopped", 143, {})
        assert [one["event"] for _, one in heard(client, last)] == ["end"]
        client.post(f"/v1/runs/{first}/cancel")
        assert run_ended(client, first)["status"] == "stopped"
        assert len(vendor.bill) == 1


@pytest.mark.slow
def test_a_stop_leaves_what_runs_to_the_next_start(root: Path, vendor: Scenario) -> None:
    vendor.endings[:0] = [Ending(("queued",) * 9999) for _ in range(2)]
    edit = {"image": data_url(png((7, 1, 1))), "prompt": "Make it night", "modelId": "flux-kontext"}
    with served(root) as url, httpx.Client(base_url=url, timeout=60) as client:
        run = client.post(RUNS, json=asked(1)).json()["run"]["id"]
        job = client.post("/v1/generate/prompt-editing", json=edit).json()["job"]["jobId"]
        sent(vendor, 2)
    for one in vendor.jobs.values():
        one.ending = Ending(("success",))
    with served(root) as url, httpx.Client(base_url=url, timeout=60) as client:
        assert run_ended(client, run)["status"] == "done"
        assert ended(client, job)["status"] == "success"
        events = [one["event"] for _, one in heard(client, run)]
        assert (events[-1], events.count("end")) == ("end", 1)
        assert client.get(f"/v1/runs/{run}").json()["run"]["spent"] == {"CU": "11"}
        assert ended(client, job)["billing"]["cuCost"] == 11
    assert len(vendor.bill) == 2


@pytest.mark.slow
@pytest.mark.parametrize("moment", [0.1, 0.9, 2.0, 3.5])
def test_a_server_that_is_killed_loses_no_run_and_buys_nothing_twice(
    root: Path, vendor: Scenario, moment: float
) -> None:
    port, runs = free_port(), []
    with process(root, port) as server, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        for at in range(6):
            answer = client.post(RUNS, json=asked(at), headers={"Idempotency-Key": str(at)}, timeout=60)
            runs.append(answer.json()["run"]["id"])
        time.sleep(moment)
        server.kill()
        server.wait()
    with process(root, port), httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        again = client.post(RUNS, json=asked(0), headers={"Idempotency-Key": "0"})
        assert again.json()["run"]["id"] == runs[0]
        found = [run_ended(client, run) for run in runs]
        # A reply that was lost with the server may be in doubt: then a person settles it, and nothing is sent again.
        assert {one["status"] for one in found} <= {"done", "waiting"}, (root / "log").read_text()
        assert sum(one["status"] == "done" for one in found) >= 4
        for run in runs:
            events = [one["event"] for _, one in heard(client, run)]
            assert (events[-1], events.count("end")) == ("end", 1)
        done = [one["id"] for one in found if one["status"] == "done"]
        assert all(len(client.get(f"/v1/runs/{run}/outputs").json()["outputs"]) == 1 for run in done)
    prompts = Counter(json.dumps(job.input, sort_keys=True) for job in vendor.jobs.values())
    assert max(prompts.values()) == 1
    assert len(vendor.bill) == 6

"""Calls in doubt, settled by a person: against Scenario's stand-in, whose replies are cut off after it charged."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from tests.vendors.base import Fault
from tests.vendors.scenario import KEY, SECRET, Ending, Scenario
from tests.workbench import paint, written

from editchain import schemas
from editchain.commands.base import run_command

OUTPUT = Path(__file__).parent.parent.parent / "schemas" / "output"
RECIPE = """
steps:
  night: {model: flux-kontext, image: a.png, prompt: Make it night, num_samples: 2}
outputs:
  night: {from: $night, path: "{sample}.png"}
"""


@pytest.fixture
def vendor() -> Iterator[Scenario]:
    """The stand-in, serving; it does not list what it was sent, so that a lost reply is not found."""
    made = Scenario(list_lags=1000, endings=[Ending(("success",)) for _ in range(9)])
    with made.running():
        yield made


@pytest.fixture
def folder(tmp_path: Path, vendor: Scenario, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace that finds Scenario on loopback; the current folder."""
    paint(tmp_path / "a.png", size=(32, 24))
    (tmp_path / "editchain.toml").write_text(
        f'[providers.scenario]\nbase_url = "{vendor.url}"\n[fetch]\nplain_hosts = ["127.0.0.1"]\n[limits.scenario]\nper_second = 50\n'
    )
    written(tmp_path, RECIPE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCENARIO_API_KEY", KEY)
    monkeypatch.setenv("SCENARIO_API_SECRET", SECRET)
    return tmp_path


Ask = Callable[..., tuple[int, Any]]


@pytest.fixture
def ask(folder: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    """`resolve --json`: its exit code and its document, which is as the schema says."""

    def asked(*arguments: str) -> tuple[int, Any]:
        capsys.readouterr()
        code = run_command(["resolve", "--json", *arguments])
        document = json.loads(capsys.readouterr().out)
        jsonschema_rs.validator_for(schemas.read(OUTPUT / "resolve.json")).validate(document)
        return code, document

    return asked


@pytest.fixture
def lost(folder: Path, vendor: Scenario) -> str:
    """The vendor's id of a job whose reply was cut off after it was charged."""
    vendor.server.fault("POST /v1/generate", Fault(cut_at=30))
    assert run_command(["run", "p.yaml"]) == 4
    (job,) = vendor.jobs
    return job


def test_where_nothing_ran_nothing_is_in_doubt(ask: Ask) -> None:
    assert ask() == (0, {"version": 1, "settled": None, "unknown": []})


def test_a_call_in_doubt_is_listed_with_all_that_a_person_needs(
    lost: str, ask: Ask, vendor: Scenario
) -> None:
    code, document = ask()
    (one,) = document["unknown"]
    assert code == 4
    assert one["prompt"] == "Make it night"
    assert one["tasks"] == ["night[sample=1]", "night[sample=2]"]
    assert one["pictures"] == 2
    assert "scenario" in one["look"]
    assert one["price_most"] is not None
    assert len(vendor.bill) == 1


def test_it_is_listed_for_people_too(lost: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run_command(["resolve"]) == 4
    said = capsys.readouterr().out
    assert "1 call of which nobody knows" in said
    assert "Make it night" in said
    assert "night[sample=1]" in said
    assert "--not-paid" in said


def test_not_paid_sends_it_again(lost: str, ask: Ask, vendor: Scenario) -> None:
    call = ask()[1]["unknown"][0]["id"]
    code, document = ask(call[:6], "--not-paid")
    assert (code, document["settled"]["said"], document["unknown"]) == (0, "not-paid", [])
    assert run_command(["run", "p.yaml"]) == 0
    assert len(vendor.bill) == 2


def test_paid_is_remembered_and_not_asked_for_again(lost: str, ask: Ask, vendor: Scenario) -> None:
    call = ask()[1]["unknown"][0]["id"]
    assert ask(call, "--paid")[1]["settled"]["said"] == "paid"
    assert run_command(["run", "p.yaml"]) == 1
    assert len(vendor.bill) == 1
    assert run_command(["run", "p.yaml", "--retry-rejected"]) == 0
    assert len(vendor.bill) == 2


def test_its_job_is_fetched_by_the_vendors_id(lost: str, ask: Ask, vendor: Scenario, folder: Path) -> None:
    call = ask()[1]["unknown"][0]["id"]
    code, document = ask(call, "--fetch", lost)
    assert (code, document["settled"]["said"], document["unknown"]) == (0, "fetched", [])
    assert run_command(["run", "p.yaml"]) == 0
    assert len(vendor.bill) == 1
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["1.png", "2.png"]


def test_a_slip_of_the_pen_settles_nothing(lost: str, ask: Ask, capsys: pytest.CaptureFixture[str]) -> None:
    call = ask()[1]["unknown"][0]["id"]
    assert run_command(["resolve", call, "--fetch", "job_99999999"]) == 2
    assert "knows no job job_99999999" in capsys.readouterr().err
    assert ask()[1]["unknown"][0]["id"] == call


def test_the_job_of_another_call_is_refused(
    lost: str, ask: Ask, vendor: Scenario, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(folder, RECIPE.replace("night, num", "day, num"), "q.yaml")
    assert run_command(["run", "q.yaml"]) == 0
    call = ask()[1]["unknown"][0]["id"]
    other = next(job for job in vendor.jobs if job != lost)
    assert run_command(["resolve", call, "--fetch", other]) == 2
    assert f"{other} is the job of call" in capsys.readouterr().err
    assert ask()[0] == 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--paid"], "Name the CALL"),
        (["CALL"], "Say what became of it"),
        (["CALL", "--paid", "--not-paid"], "say one"),
        (["nothing", "--paid"], "There is no open call"),
        (["CALL", "--fetch"], "name it: --fetch JOB"),
    ],
)
def test_what_is_not_clear_is_asked_back(
    lost: str, ask: Ask, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    call = ask()[1]["unknown"][0]["id"]
    capsys.readouterr()
    assert run_command(["resolve", *(call if one == "CALL" else one for one in arguments)]) == 2
    assert said in capsys.readouterr().err
    assert ask()[0] == 4


def test_what_is_settled_is_settled(lost: str, ask: Ask, capsys: pytest.CaptureFixture[str]) -> None:
    call = ask()[1]["unknown"][0]["id"]
    ask(call, "--paid")
    assert run_command(["resolve", call, "--not-paid"]) == 2
    assert "settled already" in capsys.readouterr().err


def test_a_workspace_may_have_it_sent_again_in_writing(lost: str, folder: Path, vendor: Scenario) -> None:
    file = folder / "editchain.toml"
    file.write_text('on_unknown = "resend"\n' + file.read_text())
    assert run_command(["run", "p.yaml"]) == 0
    assert len(vendor.bill) == 2


def test_it_has_to_be_written_right(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "editchain.toml").write_text('on_unknown = "retry"\n')
    assert run_command(["run", "p.yaml"]) == 2
    assert 'on_unknown is "hold", or "resend"' in capsys.readouterr().err

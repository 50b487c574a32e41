"""What commands write as JSON is as the schemas in schemas/output/ say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from PIL import Image

from editchain import schemas
from editchain.commands.base import run_command

OUTPUT = Path(__file__).parent.parent / "schemas" / "output"

RECIPE = """\
version: 1
steps:
  tone:
    for_each: {look: [sepia, blur]}
    model: darkroom
    image: a.png
    prompt: ${look}
  small: {operation: resize, image: $tone, width: 4}
"""
PAID = """\
version: 1
steps:
  night: {model: flux-kontext, image: a.png, prompt: Make it night}
  later: {operation: flip, image: $night}
"""
BROKEN = """\
version: 1
steps:
  tone: {model: darkrom, image: a.png, prompt: sepia}
  small: {operation: resize, image: $tone}
"""


def check(name: str, document: Any) -> None:
    validator = jsonschema_rs.validator_for(schemas.read(OUTPUT / f"{name}.json"))
    assert [
        f"{list(error.instance_path)}: {error.message}" for error in validator.iter_errors(document)
    ] == []


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with a good recipe, one that would be paid for and a broken one; the current folder."""
    Image.new("RGB", (8, 6), "teal").save(tmp_path / "a.png")
    (tmp_path / "editchain.toml").touch()
    for name, text in {"good": RECIPE, "paid": PAID, "broken": BROKEN}.items():
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    run_command(arguments)
    return capsys.readouterr().out


@pytest.mark.parametrize("recipe", ["good", "broken"])
def test_validate(folder: Path, capsys: pytest.CaptureFixture[str], recipe: str) -> None:
    document = json.loads(said(capsys, "validate", "--json", f"{recipe}.yaml"))
    check("validate", document)
    assert bool(document["problems"]) == (recipe == "broken")


def test_plan(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = json.loads(said(capsys, "plan", "--json", "good.yaml"))
    check("plan", before)
    assert before["summary"]["to_run"] == len(before["tasks"]) == 4
    said(capsys, "run", "good.yaml")
    after = json.loads(said(capsys, "plan", "--json", "good.yaml"))
    check("plan", after)
    assert {task["state"] for task in after["tasks"]} == {"cached"}


def test_a_plan_with_calls(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(said(capsys, "plan", "--json", "paid.yaml"))
    check("plan", document)
    assert document["summary"]["calls"] == 1


def test_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [json.loads(line) for line in said(capsys, "run", "--json", "good.yaml").splitlines()]
    for line in lines:
        check("run", line)
    assert [line["event"] for line in lines] == ["run", "task", "task", "task", "task", "end"]
    assert lines[-1]["counts"] == {"done": 4}


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("validate", {"version": 2, "problems": []}),
        ("validate", {"version": 1, "problems": [], "more": 1}),
        ("plan", {"version": 1, "pipeline": "a"}),
        (
            "run",
            {
                "version": 1,
                "event": "task",
                "task": "a",
                "step": "a",
                "outcome": "lost",
                "message": None,
                "seconds": 1,
            },
        ),
        ("run", {"version": 1, "event": "other"}),
    ],
)
def test_another_shape_would_be_seen(name: str, wrong: Any) -> None:
    assert not jsonschema_rs.validator_for(schemas.read(OUTPUT / f"{name}.json")).is_valid(wrong)


def test_who_reads_what_is_written_may_go_away(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "editchain", "operations"]
    ran = subprocess.run(
        command, cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, timeout=60, check=False
    )
    os.close(writer)
    assert (ran.returncode, ran.stderr) == (141, b"")

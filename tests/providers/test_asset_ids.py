"""Pictures that a person names by Scenario's asset ids: sent by name where Scenario is asked, fetched where bytes are needed."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from tests.vendors.base import png
from tests.vendors.bfl import KEY as BFL_KEY
from tests.vendors.bfl import Bfl
from tests.vendors.scenario import KEY, SECRET, Ending, Scenario
from tests.workbench import paint, written

from editchain.commands.base import run_command

ASSET, OTHER = "asset_GTrL3mq4SXWyMxkOHRxlpw", "asset_second"
READS = "GET /v1/assets/asset_"

Run = Callable[..., int]


@pytest.fixture
def vendor() -> Iterator[Scenario]:
    """Scenario, which has two pictures of the person's."""
    made = Scenario(usual=Ending(("success",)))
    with made.running():
        for name in (ASSET, OTHER):
            made.give(name, png(name.encode(), (360, 272)))
        yield made


@pytest.fixture
def folder(tmp_path: Path, vendor: Scenario, monkeypatch: pytest.MonkeyPatch) -> Path:
    paint(tmp_path / "a.png", size=(360, 272))
    configure(tmp_path, scenario=vendor.url)
    monkeypatch.setenv("SCENARIO_API_KEY", KEY)
    monkeypatch.setenv("SCENARIO_API_SECRET", SECRET)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(folder: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs `p.yaml` with steps written into it; what was said is in the message of a failed assertion."""

    def ran(steps: str, *arguments: str) -> int:
        written(folder, f"steps:\n{steps}")
        return run_command(["run", "p.yaml", *arguments])

    return ran


def configure(folder: Path, **urls: str) -> None:
    lines = ['[fetch]\nplain_hosts = ["127.0.0.1"]']
    lines += [
        f'[providers.{name}]\nbase_url = "{url}"\n[limits.{name}]\nper_second = 50'
        for name, url in urls.items()
    ]
    (folder / "editchain.toml").write_text("\n".join(lines))


def test_an_asset_goes_to_scenario_by_its_id_and_is_neither_fetched_nor_uploaded(
    run: Run, vendor: Scenario
) -> None:
    step = f"  s: {{model: flux-kontext, image: {ASSET}, references: [{OTHER}, a.png], prompt: Night}}\n"
    assert run(step) == 0
    (job,) = vendor.jobs.values()
    assert job.input["referenceImages"][:2] == [ASSET, OTHER]
    assert len(vendor.server.names("POST /v1/assets")) == 1  # the file
    assert {name for name in vendor.server.names(READS) if ASSET in name or OTHER in name} == set()


def test_an_asset_is_known_by_its_id(run: Run, vendor: Scenario, capfd: pytest.CaptureFixture[str]) -> None:
    step = f"  s: {{model: flux-kontext, image: {ASSET}, prompt: Night}}\n"
    assert run(step) == 0
    vendor.assets.pop(ASSET)
    assert run(step) == 0
    assert "1 cached" in capfd.readouterr().out
    assert len(vendor.bill) == 1
    assert run(step.replace(ASSET, OTHER)) == 0
    assert len(vendor.bill) == 2


def test_an_operation_has_it_fetched_once(run: Run, folder: Path, vendor: Scenario) -> None:
    small = f"  small: {{operation: resize, image: {ASSET}, width: 8}}\n"
    assert run(small) == 0
    assert run(small.replace("8", "9")) == 0
    assert vendor.server.names(READS) == [f"GET /v1/assets/{ASSET}"]
    assert vendor.bill == []
    assert (folder / "out" / "small.png").exists()


def test_another_vendor_gets_its_bytes(
    run: Run, folder: Path, vendor: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BFL_API_KEY", BFL_KEY)
    with Bfl().running() as bfl:
        configure(folder, scenario=vendor.url, bfl=bfl.url)
        assert run(f"  s: {{model: flux-kontext, provider: bfl, image: {ASSET}, prompt: Night}}\n") == 0
        assert len(bfl.bill) == 1
    assert vendor.server.names(READS) == [f"GET /v1/assets/{ASSET}"]
    # What it is does not depend on who made the picture of it.
    assert (
        run(f"  s: {{model: flux-kontext, provider: [bfl, scenario], image: {ASSET}, prompt: Night}}\n") == 0
    )
    assert vendor.bill == []


def test_a_ratio_that_has_to_be_measured_reads_it_and_sends_it_by_its_id(run: Run, vendor: Scenario) -> None:
    step = f"  s: {{model: runway-gen4-image, image: {ASSET}, prompt: Night}}\n"
    assert run(step) == 0
    (job,) = vendor.jobs.values()
    assert job.input["referenceImages"] == [ASSET]
    assert job.input["aspectRatio"] == "1440:1080"
    assert vendor.server.names("POST /v1/assets") == []


def test_a_masked_asset_is_sent_anew_only_where_it_does_not_fit_its_mask(run: Run, vendor: Scenario) -> None:
    step = f"  s: {{model: gpt-image-2, provider: scenario, image: {ASSET}, mask: a.png, prompt: Night}}\n"
    assert run(step) == 0
    photo = io.BytesIO()
    Image.new("RGB", (360, 272)).save(photo, "JPEG")
    vendor.give(OTHER, photo.getvalue())
    assert run(step.replace(ASSET, OTHER)) == 0
    as_it_is, anew = (job.input for job in vendor.jobs.values())
    assert as_it_is["referenceImages"] == [ASSET]
    assert anew["referenceImages"] != [OTHER]  # a mask is PNG, and so has its picture to be
    assert as_it_is["mask"] == anew["mask"]
    assert len(vendor.server.names("POST /v1/assets")) == 2


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (
            [],
            2,
            f"{ASSET} is at scenario, and its bytes are needed here, which takes a credential: set SCENARIO_API_KEY",
        ),
        (["--offline"], 3, f"--offline: {ASSET} would have to be fetched."),
    ],
)
def test_what_cannot_be_fetched_is_said_before_anything_runs(
    run: Run,
    vendor: Scenario,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    options: list[str],
    code: int,
    told: str,
) -> None:
    for name in ("SCENARIO_API_KEY", "SCENARIO_API_SECRET"):
        monkeypatch.delenv(name)
    assert run(f"  small: {{operation: resize, image: {ASSET}, width: 8}}\n", *options) == code
    assert told in capfd.readouterr().err
    assert vendor.server.asked == []


def test_an_asset_that_is_not_there_is_no_charge(
    run: Run, vendor: Scenario, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run("  s: {model: flux-kontext, image: asset_none, prompt: Night}\n") == 1
    assert "Nothing was charged" in capfd.readouterr().err
    assert run("  small: {operation: resize, image: asset_none, width: 8}\n") == 2
    assert "scenario no longer has the picture asset_none" in capfd.readouterr().err
    assert vendor.bill == []


def test_an_asset_that_gives_other_bytes_than_before_is_an_error(
    run: Run, folder: Path, vendor: Scenario, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(f"  small: {{operation: resize, image: {ASSET}, width: 8}}\n") == 0
    for place in (folder / ".editchain" / "objects").rglob("*"):
        if place.is_file():
            place.unlink()
    vendor.give(ASSET, png(b"something else"))
    assert run(f"  small: {{operation: resize, image: {ASSET}, width: 9}}\n") == 2
    assert "gives other bytes than before" in capfd.readouterr().err

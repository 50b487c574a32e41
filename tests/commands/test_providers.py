"""`editchain providers`: what is found and where, what is limited and served, and what vendors say when they are asked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.vendors.base import Fault, said
from tests.vendors.scenario import KEY, SECRET, Scenario

from editchain import schemas
from editchain.providers import LOCAL, PROVIDERS, load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.commands.conftest import Said

    Call = Callable[..., Said]


@pytest.fixture(autouse=True)
def nothing_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """No credential of this machine's is there."""
    for name in PROVIDERS:
        capabilities = load(name).capabilities
        for names in (*capabilities.credentials, *capabilities.optional):
            for one in names:
                monkeypatch.delenv(one, raising=False)


@pytest.fixture
def vendor(folder: Path) -> Iterator[Scenario]:
    """The stand-in, serving, and named in the workspace's configuration."""
    made = Scenario()
    with made.running():
        text = f'[providers.scenario]\nbase_url = "{made.url}"\n[fetch]\nplain_hosts = ["127.0.0.1"]\n'
        (folder / "editchain.toml").write_text(text)
        yield made


def documents(call: Call, *arguments: str) -> dict[str, Any]:
    return {
        one["name"]: one for one in call("providers", "--json", *arguments).document("providers")["providers"]
    }


def test_every_provider_is_listed_and_those_that_only_documents_name(folder: Path, call: Call) -> None:
    text = (schemas.folder() / "models" / "seedream-4.json").read_text().replace("seedream-4", "mine")
    (folder / "models").mkdir()
    (folder / "models" / "mine.json").write_text(text.replace('"provider": "ark"', '"provider": "replicate"'))
    found = documents(call)
    assert set(PROVIDERS) <= set(found)
    assert {name for name, one in found.items() if one["runs_here"]} == set(PROVIDERS)
    assert not found["replicate"]["runs_here"]
    assert {name for name, one in found.items() if one["usable"]} == set(LOCAL)
    out = call("providers").out
    assert all(name in out for name in found)


def test_it_says_where_a_credential_is_and_never_what(folder: Path, call: Call) -> None:
    (folder / ".env").write_text(f"SCENARIO_API_KEY={KEY}\nSCENARIO_SDK_API_SECRET={SECRET}\n")
    text = call("providers", "--json").out + call("providers").out + call("providers", "scenario").out
    assert KEY not in text
    assert SECRET not in text
    found = documents(call)["scenario"]
    assert found["usable"]
    assert [one["found"] for one in found["credentials"]] == [
        "SCENARIO_API_KEY in .env",
        "SCENARIO_SDK_API_SECRET in .env",
    ]


def test_limits_are_those_that_hold_here(folder: Path, call: Call) -> None:
    (folder / "editchain.toml").write_text("[limits.scenario]\nconcurrency = 9\nper_second = 0.5\n")
    found = documents(call)["scenario"]
    assert (found["concurrency"], found["per_second"]) == (9, 0.5)
    assert "9, 0.5 a second" in call("providers").out


def test_models_that_a_vendor_has_ended_are_not_among_those_it_serves(folder: Path, call: Call) -> None:
    models = documents(call)["scenario"]["models"]
    assert "flux-kontext" in models
    assert "gemini-2.0-flash" not in models


def test_one_provider(folder: Path, call: Call) -> None:
    out = call("providers", "scenario").out
    assert out.startswith("scenario\n  host: https://")
    assert "    flux-kontext\n" in out
    said = call("providers", "scenaro")
    assert (said.code, 'Did you mean "scenario"' in said.err) == (2, True)


def test_asking_sends_what_costs_nothing(
    folder: Path, call: Call, vendor: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert documents(call, "--check")["scenario"]["check"] is None
    assert vendor.server.asked == []
    monkeypatch.setenv("SCENARIO_API_KEY", KEY)
    monkeypatch.setenv("SCENARIO_API_SECRET", SECRET)
    found = documents(call, "--check")
    assert found["scenario"]["check"]["standing"] == "ok"
    assert found["darkroom"]["check"] is None
    assert {one.method for one in vendor.server.asked} == {"GET"}
    assert vendor.bill == []


def test_a_refusal_ends_with_1_and_shows_no_credential(
    folder: Path, call: Call, vendor: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCENARIO_API_KEY", "canary-of-a-key")
    monkeypatch.setenv("SCENARIO_API_SECRET", "canary-of-a-secret")
    told = call("providers", "--check")
    assert told.code == 1
    assert "refused: scenario does not accept the credentials" in told.out
    echo = Fault(instead=said({"reason": "canary-of-a-key with canary-of-a-secret is unknown"}, 401))
    vendor.server.fault("GET /v1/jobs", echo, times=2)
    shown = call("providers", "--check").out + call("providers", "--check", "--json").out
    assert "*** with *** is unknown" in shown
    assert "canary" not in shown


def test_a_vendor_that_cannot_be_reached_ends_with_1(
    folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = '[providers.scenario]\nbase_url = "http://127.0.0.1:9"\n[fetch]\nplain_hosts = ["127.0.0.1"]\n'
    (folder / "editchain.toml").write_text(text)
    monkeypatch.setenv("SCENARIO_API_KEY", KEY)
    monkeypatch.setenv("SCENARIO_API_SECRET", SECRET)
    said = call("providers", "scenario", "--check")
    assert said.code == 1
    assert "account: unreachable: " in said.out


def test_a_credential_that_cannot_be_looked_for_hides_no_other_vendor(
    folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "editchain.toml").write_text('[providers.ark]\ncredential = "keyring:shop/ark"\n')
    monkeypatch.setitem(sys.modules, "keyring", None)
    monkeypatch.setenv("BFL_API_KEY", "b")
    said = call("providers")
    assert said.code == 0
    assert "the library keyring is not installed" in " ".join(said.out.split())
    assert "BFL_API_KEY in the environment" in said.out
    found = documents(call)
    assert "keyring" in found["ark"]["problem"]
    assert not found["ark"]["usable"]
    assert found["bfl"]["problem"] is None
    checked = call("providers", "ark", "--check")
    assert checked.code == 1
    assert "refused: [providers.ark] credential" in checked.out

"""Recipes of vendors' models through the real command, each against its vendor's stand-in, over real sockets."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from tests.vendors import ark, bfl, fal, gemini, open_ai, runway, scenario
from tests.vendors.base import Answer, Fault
from tests.workbench import Said, command, paint, written

from editchain.providers import load

RECIPE = """
inputs:
  photo: {type: image, default: a.png}
steps:
  night: {model: MODEL, image: $photo, prompt: Make it night}
  small: {operation: resize, image: $night, width: 8}
outputs:
  small: {from: $small, path: small.png}
"""


@dataclass(frozen=True)
class Shop:
    """A vendor: its stand-in, the variables with its credentials, and a model that only it is asked for here."""

    provider: str
    open: Callable[[], AbstractContextManager[Any]]
    credentials: dict[str, str]
    model: str


SHOPS = [
    Shop("ark", lambda: ark.Ark().running(), {"ARK_API_KEY": ark.KEY}, "seedream-4-5"),
    Shop("bfl", lambda: bfl.Bfl().running(), {"BFL_API_KEY": bfl.KEY}, "flux-2-pro"),
    Shop("fal", lambda: fal.Fal().running(), {"FAL_KEY": fal.KEY}, "flux-2-turbo"),
    Shop(
        "google", lambda: gemini.Gemini().running(), {"GEMINI_API_KEY": gemini.KEY}, "gemini-nano-banana-2.1"
    ),
    Shop("openai", lambda: open_ai.OpenAI().running(), {"OPENAI_API_KEY": open_ai.KEY}, "gpt-image-2"),
    Shop(
        "runway",
        lambda: runway.Runway(endings=[runway.Ending(("SUCCEEDED",))]).running(),
        {"RUNWAYML_API_SECRET": runway.KEY},
        "runway-gen4-image-turbo",
    ),
]
SCENARIO = Shop(
    "scenario",
    lambda: scenario.Scenario().running(),
    {"SCENARIO_API_KEY": scenario.KEY, "SCENARIO_API_SECRET": scenario.SECRET},
    "flux-kontext",
)
"""It has tests of its own, and is here in the run through all of them."""
CREDENTIALS = {name for shop in SHOPS for name in shop.credentials}


def workspace(folder: Path, urls: dict[str, str]) -> None:
    """A workspace that finds its vendors on loopback."""
    paint(folder / "a.png", size=(320, 280))
    host = "127.0.0.1"
    lines = [f'[fetch]\nplain_hosts = ["{host}"]']
    lines += [f'[providers.{name}]\nbase_url = "{url}"' for name, url in urls.items()]
    lines += [f"[limits.{name}]\nper_second = 50" for name in urls]
    (folder / "editchain.toml").write_text("\n".join(lines) + "\n")


def editchain(folder: Path, *arguments: str, **environment: str) -> Said:
    """The command, with none of this machine's credentials."""
    with patch.dict(os.environ, environment):
        for name in CREDENTIALS - environment.keys():
            os.environ.pop(name, None)
        return command(folder, *arguments)


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a stand-in as for its vendor."""
    for shop in (*SHOPS, SCENARIO):
        provider = load(shop.provider)
        monkeypatch.setattr(provider, "capabilities", replace(provider.capabilities, poll_seconds=0.02))


@pytest.fixture(params=SHOPS, ids=lambda shop: shop.provider)
def shop(request: pytest.FixtureRequest) -> Shop:
    found: Shop = request.param
    return found


@pytest.fixture
def vendor(shop: Shop) -> Iterator[Any]:
    with shop.open() as made:
        yield made


def test_a_recipe_is_bought_once_published_and_leaves_no_credential(
    tmp_path: Path, shop: Shop, vendor: Any
) -> None:
    workspace(tmp_path, {shop.provider: vendor.url})
    written(tmp_path, RECIPE.replace("MODEL", shop.model))
    first = editchain(tmp_path, "run", "p.yaml", "-o", "out", **shop.credentials)
    assert first.code == 0, first.err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["small.png"]
    again = editchain(tmp_path, "run", "p.yaml", "-o", "out", "--json", **shop.credentials)
    assert again.code == 0, again.err
    assert len(vendor.bill) == 1
    said = first.out + first.err + again.out + again.err
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    for credential in shop.credentials.values():
        assert credential not in said
        assert not any(credential.encode() in data for data in files)


def test_without_a_credential_nothing_is_sent_and_the_variable_is_named(
    tmp_path: Path, shop: Shop, vendor: Any
) -> None:
    workspace(tmp_path, {shop.provider: vendor.url})
    written(tmp_path, RECIPE.replace("MODEL", f"{shop.model}, provider: {shop.provider}"))
    ran = editchain(tmp_path, "run", "p.yaml")
    assert ran.code == 2
    assert all(name in ran.err for name in shop.credentials)
    assert vendor.server.asked == []


@pytest.mark.parametrize(("status", "about"), [(401, "does not accept the credential"), (402, "used up")])
def test_one_refusal_of_an_account_ends_every_task_at_that_vendor_as_failed(
    tmp_path: Path, status: int, about: str
) -> None:
    shop = next(one for one in SHOPS if one.provider == "bfl")
    with shop.open() as vendor:
        workspace(tmp_path, {"bfl": vendor.url})
        looks = ", ".join(f"look {number}" for number in range(30))
        written(
            tmp_path,
            f"steps:\n  s: {{for_each: {{look: [{looks}]}}, model: {shop.model}, image: a.png, prompt: $look}}\n",
        )
        vendor.server.fault("POST /v1/flux", Fault(instead=Answer(status)), times=99)
        ran = editchain(tmp_path, "run", "p.yaml", **shop.credentials)
        assert ran.code == 1
        assert ran.out.startswith("30 failed · ")
        assert "closed: bfl refuses all calls: bfl" in ran.err
        assert about in ran.err
        assert ran.err.count("\n") < 12
        assert len(vendor.server.names("POST /v1/flux")) <= 24  # those that were out when it was said
        assert vendor.bill == []


def test_one_run_buys_from_every_vendor_once_and_knows_what_each_took(tmp_path: Path) -> None:
    with ExitStack() as stack:
        shops = [*SHOPS, SCENARIO]
        vendors = {shop.provider: stack.enter_context(shop.open()) for shop in shops}
        workspace(tmp_path, {name: one.url for name, one in vendors.items()})
        steps, before = ["steps:"], "a.png"
        for shop in shops:
            steps.append(
                f"  at_{shop.provider}: {{model: {shop.model}, provider: {shop.provider}, image: {before}, prompt: Night}}"
            )
            steps.append(
                f"  up_{shop.provider}: {{operation: resize, image: $at_{shop.provider}, width: 480}}"
            )
            before = f"$up_{shop.provider}"
        written(tmp_path, "\n".join(steps))
        credentials = {name: value for shop in shops for name, value in shop.credentials.items()}
        for _ in range(2):
            ran = editchain(tmp_path, "run", "p.yaml", **credentials)
            assert ran.code == 0, ran.err
            assert {name: len(one.bill) for name, one in vendors.items()} == dict.fromkeys(vendors, 1)
        with closing(sqlite3.connect(tmp_path / ".editchain" / "journal.db")) as journal:
            rows = journal.execute("SELECT provider, state, charged, price_actual FROM calls").fetchall()
        assert {name: (state, charged) for name, state, charged, _ in rows} == dict.fromkeys(
            vendors, ("done", "yes")
        )
        paid = {
            name: Decimal(amount) for name, _, _, amount in rows if name in ("google", "openai", "scenario")
        }
        assert paid == {name: vendors[name].charged for name in paid}


DELIVERY = {"ark": "GET /tos/", "bfl": "GET /delivery/", "fal": "GET /files/req-"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "shop", [one for one in SHOPS if one.provider in DELIVERY], ids=lambda one: one.provider
)
def test_a_picture_that_comes_damaged_is_fetched_again_and_paid_for_once(
    tmp_path: Path, shop: Shop, vendor: Any
) -> None:
    workspace(tmp_path, {shop.provider: vendor.url})
    written(tmp_path, RECIPE.replace("MODEL", shop.model))
    place = DELIVERY[shop.provider]
    for fault in (
        Fault(cut_at=-9),
        Fault(instead=Answer(200, b"<html>not a picture</html>", {"Content-Type": "image/png"})),
        Fault(instead=Answer(503)),
    ):
        vendor.server.fault(place, fault)
    ran = editchain(tmp_path, "run", "p.yaml", "-o", "out", **shop.credentials)
    assert ran.code == 0, ran.err
    assert len(vendor.server.names(place)) == 4
    assert len(vendor.bill) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "shop", [one for one in SHOPS if one.provider in DELIVERY], ids=lambda one: one.provider
)
def test_a_reply_that_is_cut_waits_for_a_person_and_is_not_bought_again(
    tmp_path: Path, shop: Shop, vendor: Any
) -> None:
    workspace(tmp_path, {shop.provider: vendor.url})
    written(tmp_path, RECIPE.replace("MODEL", shop.model))
    path = {"ark": "POST /api/v3/images", "bfl": "POST /v1/flux", "fal": "POST /fal-ai/"}[shop.provider]
    vendor.server.fault(path, Fault(cut_at=20))
    for _ in range(2):
        ran = editchain(tmp_path, "run", "p.yaml", "-o", "out", **shop.credentials)
        assert ran.code == 4, ran.err
        assert len(vendor.bill) == 1


def test_samples_as_a_series_are_one_call_and_what_is_missing_is_asked_for_by_the_next_run(
    tmp_path: Path,
) -> None:
    with ark.Ark(endings=[ark.Ending(count=3)]).running() as vendor:
        workspace(tmp_path, {"ark": vendor.url})
        step = "{model: seedream-4-5, image: a.png, prompt: Night, num_samples: 4, samples_as: series}"
        written(tmp_path, f"steps:\n  night: {step}\n")
        first = editchain(tmp_path, "run", "p.yaml", ARK_API_KEY=ark.KEY)
        assert first.code == 1, first.err
        assert "gave 3 pictures of those asked for" in first.err
        assert editchain(tmp_path, "run", "p.yaml", ARK_API_KEY=ark.KEY).code == 0
        asked = [one["sequential_image_generation_options"]["max_images"] for one in vendor.asks]
        assert asked == [4, 1]
        assert vendor.charged == Decimal("0.16")

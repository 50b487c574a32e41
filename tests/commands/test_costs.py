"""The ledger: what calls were expected to cost and what they did, and budgets in another currency than the prices."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.commands.conftest import Said
from tests.commands.shop import Shop, opened
from tests.vendors.scenario import KEY, SECRET, Ending, Scenario

from editchain.commands.costs import Sum, _row
from editchain.journal.entries import Call as JournalCall

Call = Callable[..., Said]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A workspace that buys at the stand-in, as the current folder."""
    vendor = Scenario(usual=Ending(("success",)))
    with vendor.running():
        made = opened(tmp_path / "shop", vendor)
        monkeypatch.chdir(made.folder)
        monkeypatch.setenv("SCENARIO_API_KEY", KEY)
        monkeypatch.setenv("SCENARIO_API_SECRET", SECRET)
        yield made


def test_every_call_is_in_it_with_what_it_served(shop: Shop, call: Call) -> None:
    assert "nothing was spent" in call("costs").err
    assert call("run", "p.yaml", "-o", "out", "--yes").code == 0
    found = call("costs", "--by", "step", "--json").document("costs")
    assert {(one["key"], one["calls"], one["spent"]) for one in found["sums"]} == {
        ("night", 2, "22"),
        ("again", 1, "11"),
    }
    assert {tuple(one["tasks"]) for one in found["calls"]} == {
        ("night[time=dusk]",),
        ("night[time=dawn]",),
        ("again",),
    }
    (one,) = {(one["model"], one["vendor"], one["actual"], one["currency"]) for one in found["calls"]}
    assert one == ("flux-kontext", "scenario", "11", "CU")
    (run,) = {one["run"] for one in found["calls"]}
    assert call("costs", run[:15], "--json").document("costs")["calls"] == found["calls"]


@pytest.mark.parametrize("by", ["run", "step", "model", "vendor", "day"])
def test_sums_are_the_same_however_they_are_made(shop: Shop, call: Call, by: str) -> None:
    call("run", "p.yaml", "-o", "out", "--yes")
    sums = call("costs", "--by", by, "--json").document("costs")["sums"]
    assert sum(int(one["spent"]) for one in sums) == 33 == shop.vendor.charged
    assert call("costs", "--by", by).out.splitlines()[0].startswith(by)


def test_spreadsheets_get_a_line_for_each_call_and_no_formula(shop: Shop, call: Call) -> None:
    shop.write(
        (shop.folder / "p.yaml")
        .read_text()
        .replace("[dusk, dawn]", '["=1+1", dawn]')
        .replace("night[dusk]", "night[dawn]")
    )
    call("run", "p.yaml", "-o", "out", "--yes")
    rows = list(csv.DictReader(io.StringIO(call("costs", "--format", "csv").out)))
    assert len(rows) == 3
    assert all(not cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())
    assert {row["actual"] for row in rows} == {"11"}


def test_a_bill_beyond_the_table_is_said(shop: Shop, call: Call) -> None:
    document = json.loads((Path(__file__).parents[2] / "schemas/models/flux-kontext.json").read_text())
    for price in document["x-editchain"]["prices"]:
        if price["route"] == "scenario":
            price |= {"min": "1", "max": "2"}
    document["$id"] = "https://editchain.dev/schemas/models/cheap.json"
    (shop.folder / "models").mkdir()
    (shop.folder / "models" / "cheap.json").write_text(json.dumps(document))
    shop.write((shop.folder / "p.yaml").read_text().replace("flux-kontext", "cheap"))
    ran = call("run", "p.yaml", "-o", "out", "--yes")
    assert ran.code == 0, ran.err
    said = call("costs")
    assert "cheap at scenario cost 33 CU, and its price table says 3–6" in said.err
    assert call("costs", "--json").document("costs")["apart"][0]["spent"] == "33"
    # Now that the bills are known they are expected; the table is no less wrong for that.
    shop.write((shop.folder / "p.yaml").read_text().replace("[dusk, dawn]", "[dusk, dawn, noon]"))
    assert call("run", "p.yaml", "-o", "out", "--yes").code == 0
    said = call("costs")
    assert "cheap at scenario cost 44 CU, and its price table says 4–8" in said.err
    calls = call("costs", "--json").document("costs")["calls"]
    (latest,) = [one for one in calls if one["tasks"] == ["night[time=noon]"]]
    assert latest["most"] == "11"
    assert latest["source"].endswith(", by its bills × 5.5")


RATE = '[prices.CU]\nUSD = "0.01"\ndate = "2026-11-01"\n'


@pytest.mark.parametrize(
    ("more", "budget", "code", "bought"),
    [
        pytest.param("", "1.00 USD", 3, 0, id="without a rate nothing is sent"),
        pytest.param(RATE, "1.00 USD", 0, 3, id="enough"),
        pytest.param(RATE, "0.20 USD", 3, 0, id="too little for the least"),
        pytest.param(
            RATE, "0.35 USD", 0, 3, id="room for what Scenario says of three, not for what is listed"
        ),
    ],
)
def test_a_budget_holds_prices_in_another_currency(
    shop: Shop, call: Call, more: str, budget: str, code: int, bought: int
) -> None:
    shop.configure(more)
    ran = call("run", "p.yaml", "-o", "out", "--yes", "--budget", budget)
    assert (ran.code, shop.calls) == (code, bought), ran.err
    if not more:
        assert "[prices.CU] in editchain.toml" in ran.err


@pytest.mark.parametrize(
    "wrong",
    [
        "[prices.CU]\nUSD = 'much'\ndate = '2026-11-01'",
        "[prices.CU]\nUSD = 0.01",
        "[prices]\nCU = 1",
        "[prices.CU]\nUSD = 0\ndate = '2026-11-01'",
    ],
)
def test_rates_that_are_none(shop: Shop, call: Call, wrong: str) -> None:
    shop.configure(wrong)
    said = call("plan", "p.yaml")
    assert said.code == 2
    assert "what one CU is worth" in said.err


def test_a_call_that_ended_is_in_no_doubt_that_a_person_could_settle() -> None:
    one = JournalCall(
        "id", b"key", "bfl", "flux-kontext-pro", "flux-kontext", price_least="0.04", price_most="0.04"
    )
    sums = Sum()
    sums.add(one._replace(state="unknown", charged="unknown"))
    sums.add(one._replace(state="failed", charged="unknown"))
    assert (sums.unknown, sums.doubtful) == (2, 1)
    assert (
        _row(sums, "USD")[-1]
        == "0.04 reserved; 1 in doubt: editchain resolve; 1 ended without a picture, and may not have been charged"
    )


@pytest.mark.parametrize(
    ("more", "is_told"), [((), True), (("--yes",), False), (("--budget", "40 CU"), False)], ids=str
)
def test_without_a_terminal_and_a_budget_it_is_said_that_nobody_is_asked(
    shop: Shop, call: Call, more: tuple[str, ...], is_told: bool
) -> None:
    ran = call("run", "p.yaml", "-o", "out", *more)
    assert ran.code == 0
    assert ("nobody is asked" in ran.err) == is_told
    assert "CU" in ran.err.splitlines()[0 if not is_told else 1]

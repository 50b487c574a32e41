"""Reporting: plans and runs in words, and as JSON lines."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from tests.workbench import Bench, Remembered, free_way, keys_of, paint, plan_of, written

from editchain.diagnostics import duration
from editchain.plans.tasks import Money, Plan, Way
from editchain.runs import reporting
from editchain.runs.outcomes import Ended, Run
from editchain.runs.recording import Publication
from editchain.runs.running import Report

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from editchain.models import Model
    from editchain.pipeline import Step

TEXT = """
steps:
  made: {for_each: {x: [sepia, cooler, vivid]}, model: darkroom, image: a.png, prompt: $x}
  sold: {model: flux-kontext, image: a.png, prompt: x}
  page: {operation: contact_sheet, images: [$made.*, $sold]}
outputs: {page: $page, made: $made}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "editchain.toml").touch()
    paint(tmp_path / "a.png")
    return tmp_path


def vendors(step: Step, model: Model) -> Way:
    return Way(model, model.routes[0], model.deterministic, None)


def make(folder: Path, memory: Remembered | None = None) -> Plan:
    return plan_of(written(folder, TEXT), memory, choose=vendors)


@pytest.mark.parametrize(("most", "unknown", "said"), [
    ({}, 0, "free"), ({"USD": ("0.12", "0.19")}, 0, "0.12–0.19 USD"), ({"USD": ("0.120", "0.12")}, 0, "0.12 USD"), ({}, 3, "price unknown"),
    ({"USD": ("1", "10"), "EUR": ("2.50", "2.5")}, 0, "1–10 USD + 2.5 EUR"), ({"USD": ("0", "100")}, 2, "0–100 USD + 2 calls at an unknown price"),
])  # fmt: skip
def test_a_price_is_an_interval_in_each_currency(
    most: Mapping[str, tuple[str, str]], unknown: int, said: str
) -> None:
    money = Money(
        {unit: Decimal(pair[0]) for unit, pair in most.items()},
        {unit: Decimal(pair[1]) for unit, pair in most.items()},
        unknown,
    )
    assert reporting.price(money, len(most) + unknown) == said


def test_a_plan_is_summed_up_in_a_line(folder: Path) -> None:
    assert (
        reporting.summary_line(make(folder)) == "5 tasks · 0 cached · 4 to run here · 1 call · price unknown"
    )
    assert (
        reporting.summary_line(plan_of(folder / "p.yaml", choose=free_way))
        == "5 tasks · 0 cached · 5 to run · free"
    )
    everything = Remembered({key: b"d" * 32 for key in keys_of(make(folder)).values() if key})
    assert reporting.summary_line(make(folder, everything)) == "5 tasks · 4 cached · 1 to run · free"


def test_equal_calls_are_one_call_and_nothing_to_run_here(folder: Path) -> None:
    file = written(
        folder,
        "steps:\n  s: {model: flux-kontext, image: a.png, prompt: x}\n  t: {model: flux-kontext, image: a.png, prompt: x}\n",
    )
    assert (
        reporting.summary_line(plan_of(file, choose=vendors)) == "2 tasks · 0 cached · 1 call · price unknown"
    )


def test_a_plan_says_by_step_what_will_happen_and_why(folder: Path) -> None:
    keys = keys_of(make(folder))
    plan = make(folder, Remembered({keys["made[x=sepia]"] or b"": b"d" * 32}))
    lines = list(reporting.plan_lines(plan, lambda one, at: f"because of {one.task_name(at)}"))
    assert lines == [
        "  made  2 of 3 (x 3) by darkroom · because of made[x=cooler]",
        f"  sold  1 by flux-kontext at {plan.steps[1].ways[0].route.provider} · because of sold",  # type: ignore[union-attr]  # it has one
        "  page  1 by contact_sheet · because of page",
    ]


def test_a_plan_as_data_has_every_task_and_asks_for_few_reasons(folder: Path) -> None:
    asked: list[str] = []

    def reason(one: object, at: int) -> str:
        asked.append(f"{one} {at}")
        return "new"

    plan = make(folder)
    found = reporting.plan_json(plan, reason)
    assert found["summary"]["tasks"] == 5
    assert found["summary"]["unpriced_calls"] == 1
    assert [task["task"] for task in found["tasks"]] == [
        "made[x=sepia]",
        "made[x=cooler]",
        "made[x=vivid]",
        "sold",
        "page",
    ]
    assert [task["state"] for task in found["tasks"]] == ["run"] * 4 + ["after"]
    assert found["tasks"][-1]["key"] is None
    assert found["tasks"][0]["key"] == (keys_of(plan)["made[x=sepia]"] or b"").hex()
    assert len(asked) == 3
    json.dumps(found)


def test_a_plan_for_a_pull_request_is_a_table(folder: Path) -> None:
    lines = list(reporting.plan_markdown(make(folder), lambda _one, _at: "a|b\nc"))
    assert lines[0].startswith("**p**: 5 tasks")
    assert lines[2:4] == ["| step | tasks | by | why |", "|---|---|---|---|"]
    assert lines[4] == "| made | 3 of 3 | darkroom | a\\|b c |"
    assert len(lines) == 7


def test_events_are_json_lines_that_name_every_task(folder: Path) -> None:
    plan = make(folder)
    stream, events = io.StringIO(), io.StringIO()
    progress = reporting.Progress(stream, events, plan, is_live=False)
    progress.emit("run", id="x")
    progress.say("not for machines")
    progress.watch(Ended("made", "made", "done", "", 0.12345, (plan.steps[0], 1)))
    progress.watch(Ended("sold", "sold", "failed", "no\x1b[31m"))
    progress.end()
    found = [json.loads(line) for line in events.getvalue().splitlines()]
    assert found == [
        {"version": 1, "event": "run", "id": "x"},
        {
            "version": 1,
            "event": "task",
            "task": "made[x=cooler]",
            "step": "made",
            "outcome": "done",
            "message": None,
            "seconds": 0.123,
        },
        {
            "version": 1,
            "event": "task",
            "task": "sold",
            "step": "sold",
            "outcome": "failed",
            "message": "no\x1b[31m",
            "seconds": 0.0,
        },
    ]
    assert stream.getvalue() == ""


def test_a_log_names_failures_and_no_more_without_a_terminal(folder: Path) -> None:
    stream = io.StringIO()
    progress = reporting.Progress(stream, None, make(folder), is_live=False)
    for outcome in ("done", "cached", "skipped", "stopped"):
        progress.watch(Ended("s", "s", outcome))  # type: ignore[arg-type]  # literals of a loop
    progress.watch(Ended("made[x=a]", "made", "failed", "would \x1b[31mnot"))
    assert stream.getvalue().startswith("failed: made[x=a]: would ")
    assert "\x1b" not in stream.getvalue()
    assert stream.getvalue().count("\n") == 1


def test_of_many_tasks_that_share_a_reason_the_first_are_named_and_the_others_counted(folder: Path) -> None:
    stream = io.StringIO()
    progress = reporting.Progress(stream, None, make(folder), is_live=False)
    for number in range(100):
        progress.watch(Ended(f"s[{number}]", "s", "failed", "bfl refuses all calls: wrong key"))
    progress.watch(Ended("t", "t", "failed", "another reason"))
    progress.end()
    assert stream.getvalue().splitlines() == [
        "failed: s[0]: bfl refuses all calls: wrong key",
        "failed: s[1]: bfl refuses all calls: wrong key",
        "failed: s[2]: bfl refuses all calls: wrong key",
        "failed: t: another reason",
        "failed: 97 more tasks: bfl refuses all calls: wrong key",
    ]


def test_a_live_line_is_taken_away_before_another(folder: Path) -> None:
    stream = io.StringIO()
    progress = reporting.Progress(stream, None, make(folder), is_live=True)
    progress.watch(Ended("s", "s", "done"))
    assert "1 of 5 tasks" in stream.getvalue()
    progress.say("hello")
    assert stream.getvalue().endswith("\r\x1b[2Khello\n")
    progress.end()
    assert stream.getvalue().endswith("hello\n")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "0 s"),
        (61, "61 s"),
        (89.4, "89 s"),
        (90, "2 min"),
        (600, "10 min"),
        (5400, "1.5 h"),
        (86400 * 3650, "3,650 days"),
    ],
)
def test_a_time_span_is_rounded_for_people(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_a_run_is_told_in_lines(bench: Bench) -> None:
    run = Run({"done": 1200, "failed": 2, "cached": 3})
    publication = Publication(
        written=[f"/out/{n}.png" for n in range(10)], left_alone=[("/out/x.png", "somebody changed it")],
        failed=[("/out/w.webp", "too large")], pruned=["/out/old.png"],
    )  # fmt: skip
    lines = list(
        reporting.run_lines(
            Report("r", run, publication, 1, cached=7), 3.21, lambda path: path.removeprefix("/out/")
        )
    )
    assert lines[0] == "1,200 done · 2 failed · 10 cached · 10 files published · 3.2 s"
    assert lines[1:9] == [f"  {n}.png" for n in range(8)]
    assert lines[9:] == [
        "  and 2 more", "  not published: w.webp: too large",
        "  left alone: x.png: somebody changed it (--overwrite replaces it)", "  removed: old.png",
    ]  # fmt: skip


def test_a_command_tells_events_to_machines_and_nothing_else(bench: Bench) -> None:
    bench.write(
        "steps:\n  s: {for_each: {x: [sepia, cooler]}, model: darkroom, image: a.png, prompt: $x}\n  bad: {operation: crop, image: a.png, box: [0, 0, 900, 900]}\n"
    )
    code, results, messages = bench.command("run", "p.yaml", "--json")
    assert code == 1
    assert messages == ""
    events = [json.loads(line) for line in results.splitlines()]
    assert [event["event"] for event in events] == ["run", "task", "task", "task", "end"]
    assert {event["task"] for event in events[1:4]} == {"s[x=sepia]", "s[x=cooler]", "bad"}
    assert events[-1]["exit_code"] == 1
    assert len(events[-1]["published"]) == 2

"""Running: what a run does about pictures, disks, signals and other processes that do not behave."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import anyio
import pytest
from PIL import Image
from tests.workbench import Bench, step_of

from editchain.errors import StoreError
from editchain.executors.base import Failure, Made
from editchain.runs.outcomes import Stop

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from editchain.executors.base import Work

COMMAND = [sys.executable, "-c", "from editchain.cli import main; main()"]


TWENTY = "[" + ", ".join(f'"{n}"' for n in range(20)) + "]"

# ---------------------------------------------------------------------- what a run does


def test_a_run_makes_what_is_missing_and_then_nothing(both: Bench) -> None:
    file = both.write(
        "steps:\n  s: {model: darkroom, image: a.png, prompt: sepia, num_samples: 2}\n  page: {operation: contact_sheet, images: $s.*}\n"
    )
    first = both.run(file)
    assert first.counts == {"done": 3}
    assert first.report.exit_code == 0
    again = both.run(file)
    assert again.counts == {}
    assert again.report.cached == 3
    assert both.left(file) == 0


def test_more_samples_make_only_the_difference(both: Bench) -> None:
    file = both.write(
        "steps:\n  s: {model: darkroom, image: a.png, prompt: add film grain, num_samples: 2}\n"
    )
    both.run(file)
    before = both.published()
    both.write("steps:\n  s: {model: darkroom, image: a.png, prompt: add film grain, num_samples: 4}\n")
    assert both.run(file).counts == {"done": 2}
    after = both.published()
    assert len(set(after.values())) == 4
    assert {name: data for name, data in after.items() if name in before} == before


def test_derived_seeds_are_recorded_and_fixed_ones_count_up(bench: Bench) -> None:
    bench.run(
        bench.write(
            "steps:\n  s: {model: darkroom, image: a.png, prompt: add film grain, num_samples: 2}\n  f: {model: darkroom, image: a.png, prompt: add film grain, num_samples: 3, seed: 7}\n  o: {operation: flip, image: a.png}\n"
        )
    )
    rows = bench.rows("results")
    derived = [row for row in rows if row["kind"] == "model" and row["seed"] not in (7, 8, 9)]
    assert sorted(row["take"] for row in derived) == [1, 2]
    assert all(row["seed"] == int.from_bytes(row["key"][:4], "big") & 0x7FFFFFFF for row in derived)
    assert sorted(row["seed"] for row in rows if row["kind"] == "model" and row not in derived) == [7, 8, 9]
    assert [row["seed"] for row in rows if row["kind"] == "operation"] == [None]


def test_a_derived_seed_is_not_the_machines_business(tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        bench = Bench(tmp_path / name)
        bench.paint("a.png", size=(32, 32))
        bench.run(bench.write("steps:\n  s: {model: darkroom, image: a.png, prompt: add film grain}\n"))
        found.append(bench.published())
    assert found[0] == found[1]


def test_the_journal_says_what_was_run(bench: Bench) -> None:
    file = bench.write(
        "steps:\n  s: {operation: flip, image: a.png}\n  bad: {operation: crop, image: a.png, box: [0, 0, 900, 900]}\n"
    )
    ran = bench.run(file)
    (row,) = bench.rows("runs")
    assert (row["id"], row["outcome"], row["exit_code"], row["pipeline"]) == ("run-1", "failed", 1, str(file))
    assert (
        row["counts"] == '{"failed": 1, "done": 1, "cached": 0}'
        or row["counts"] == '{"done": 1, "failed": 1, "cached": 0}'
    )
    assert row["ended_at"] > row["started_at"]
    (task,) = bench.rows("run_tasks")
    assert (task["run"], task["task"], task["outcome"]) == ("run-1", "bad", "failed")
    assert task["reason"] == ran.report.run.troubles[0].message
    with bench.workspace() as workspace:
        assert set(workspace.journal.run_keys("run-1") or []) == {
            key for one in ran.plan.steps for key in one.keys
        }
    assert bench.rows("claims") == []
    assert [row["path"] for row in bench.rows("files")] == [str(bench.root / "a.png")]


# ---------------------------------------------------------------------- only, from, until, fresh

CHAIN = """
steps:
  one: {operation: flip, image: a.png}
  two: {operation: resize, image: $one, width: 4}
  three: {operation: flip, image: $two}
  apart: {operation: flip, image: b.png}
outputs: {one: $one, two: $two, three: $three, apart: $apart}
"""


@pytest.mark.parametrize(("arguments", "made"), [
    (["--until", "two"], ["one", "two"]),
    (["--from", "two"], ["one", "two", "three"]),
    (["--only", "apart"], ["apart"]),
    (["--only", "one"], ["one"]),
    ([], ["one", "two", "three", "apart"]),
])  # fmt: skip
def test_a_part_of_a_pipeline_is_run(bench: Bench, arguments: list[str], made: list[str]) -> None:
    bench.write(CHAIN)
    assert bench.command("run", "p.yaml", *arguments)[0] == 0
    assert sorted(path.stem for path in (bench.root / "out").iterdir()) == sorted(made)


def test_a_part_of_a_pipeline_is_planned_as_it_is_run(bench: Bench) -> None:
    bench.write(CHAIN)
    assert bench.command("plan", "p.yaml", "--until", "two")[1].startswith(
        "4 tasks · 0 cached · 2 to run · 2 not needed"
    )
    assert bench.command("run", "p.yaml", "--until", "two")[0] == 0
    assert bench.command("plan", "p.yaml", "--until", "two")[0] == 0
    code, said, _ = bench.command("plan", "p.yaml", "--until", "two", "--fresh", "one")
    assert (code, " 1 by flip · asked for anew" in said) == (10, True)
    assert bench.command("plan", "p.yaml")[0] == 10
    code, _, messages = bench.command("plan", "p.yaml", "--until", "two", "-o", "kept.json")
    assert (code, "leave out --only, --from, --until and --fresh" in messages) == (2, True)
    assert not (bench.root / "kept.json").exists()


def test_a_step_alone_needs_what_it_needs_to_be_stored(bench: Bench) -> None:
    bench.write(CHAIN)
    code, _, messages = bench.command("run", "p.yaml", "--only", "two")
    assert code == 2
    assert "what it needs of one is not stored. Use --until two." in messages
    assert bench.command("run", "p.yaml", "--until", "one")[0] == 0
    assert bench.command("run", "p.yaml", "--only", "two")[0] == 0


def test_a_step_that_is_not_there_cannot_be_named(bench: Bench) -> None:
    bench.write(CHAIN)
    for option in ("--only", "--from", "--until", "--fresh"):
        code, _, messages = bench.command("run", "p.yaml", option, "thre")
        assert (code, "Did you mean" in messages) == (2, True)
    assert bench.command("run", "p.yaml", "--only", "one", "--from", "two")[0] == 2


def test_fresh_makes_a_step_anew_also_in_the_middle(both: Bench) -> None:
    file = both.write(CHAIN.replace("two: $two, ", ""))
    both.run(file)
    assert both.run(file).counts == {}
    ran = both.run(file, fresh=lambda one: one.step.name == "two")
    assert ran.made_by == ["two"]
    results = {row["key"]: row for row in both.rows("results")}
    key = step_of(ran.plan, "two").keys[0]
    assert key is not None
    assert results[key]["run"] == "run-3"
    assert both.left(file) == 0


# ---------------------------------------------------------------------- pictures that do not behave


def test_a_picture_that_cannot_be_decoded_fails_its_task_and_nothing_else(both: Bench) -> None:
    both.paint("pics/1.png", (1, 2, 3), (64, 64))
    both.paint("pics/2.png", (4, 5, 6), (64, 64))
    cut = both.root / "pics/1.png"
    cut.write_bytes(cut.read_bytes()[:-40])
    file = both.write(
        "inputs: {pics: {type: images, default: pics}}\nsteps:\n  s: {operation: flip, image: $pics}\n  t: {operation: flip, image: $s, direction: vertical}\noutputs: {t: $t}\n"
    )
    ran = both.run(file)
    assert ran.report.exit_code == 1
    assert ran.counts == {"done": 2, "failed": 1, "skipped": 1}
    assert list(both.published()) == ["t/2.png"]
    failed = ran.report.run.troubles[0]
    assert failed.task == "s[pics=1]"
    assert "pics/1.png: This PNG image is damaged or cut short" in failed.message
    both.paint("pics/1.png", (1, 2, 3), (64, 64))
    assert both.run(file).counts == {"done": 2}
    assert sorted(both.published()) == ["t/1.png", "t/2.png"]


def test_a_picture_that_may_not_be_read_fails_its_task(bench: Bench) -> None:
    """It was read when the plan was made, and goes away before its task is due."""

    class Hiding:
        workers = 1
        hands_on = False

        def __init__(self, inner: object) -> None:
            self.inner = inner

        async def execute(self, batch: Sequence[Work]) -> Sequence[Made | Failure]:
            (bench.root / "a.png").unlink(missing_ok=True)
            return await self.inner.execute(batch)  # type: ignore[attr-defined,no-any-return]  # the local executor

    from editchain.runs import running

    file = bench.write("steps:\n  s: {operation: flip, image: a.png}\n")
    with bench.workspace() as workspace:
        from editchain.commands.planned import planned

        found = planned(workspace, file)
        inner = running.local_executor(workspace, found.digests, 1)
        report = anyio.run(
            lambda: running.run(
                workspace,
                found.plan,
                found.digests,
                running.Options(str(bench.root / "out")),
                executor=Hiding(inner),
            )
        )
    assert report.exit_code == 1
    assert "a.png cannot be read: No such file or directory" in report.run.troubles[0].message


def test_a_picture_that_changes_under_the_run_is_not_taken_for_the_old_one(bench: Bench) -> None:
    from editchain.commands.planned import planned
    from editchain.runs import running

    file = bench.write("steps:\n  s: {operation: flip, image: a.png}\n")
    with bench.workspace() as workspace:
        found = planned(workspace, file)
        bench.paint("a.png", (9, 9, 9))
        report = anyio.run(
            lambda: running.run(
                workspace, found.plan, found.digests, running.Options(str(bench.root / "out"))
            )
        )
    assert report.exit_code == 1
    assert "changed while the run was going on" in report.run.troubles[0].message
    assert bench.rows("results") == []
    again = bench.run(file)
    assert again.counts == {"done": 1}
    with Image.open(bench.root / "out/s.png") as image:
        assert image.getpixel((0, 0)) == (9, 9, 9)


def test_an_operation_that_cannot_do_what_is_asked_fails_with_its_words(both: Bench) -> None:
    file = both.write(
        "steps:\n  s: {operation: crop, image: a.png, box: [0, 0, 900, 900]}\n  t: {operation: flip, image: a.png}\n"
    )
    ran = both.run(file)
    assert ran.report.exit_code == 1
    assert ran.counts == {"done": 1, "failed": 1}
    assert ran.report.run.troubles[0].message
    # What failed is tried again.
    assert both.run(file).counts == {"failed": 1}


def test_expectations_fail_their_task_and_keep_the_picture(both: Bench) -> None:
    file = both.write(
        "steps:\n  s: {model: darkroom, image: a.png, prompt: sepia, expect: {min_width: 100}}\n  t: {operation: flip, image: $s}\n"
    )
    ran = both.run(file)
    assert ran.counts == {"done": 1, "failed": 1, "skipped": 1}
    assert "not what the step expects" in ran.report.run.troubles[0].message
    both.write(
        "steps:\n  s: {model: darkroom, image: a.png, prompt: sepia, expect: {min_width: 8}}\n  t: {operation: flip, image: $s}\n"
    )
    assert both.run(file).made_by == ["s", "t"]
    assert len([row for row in both.rows("results") if row["kind"] == "model"]) == 1


# ---------------------------------------------------------------------- the store


@pytest.mark.parametrize("how", ["damaged", "missing"])
@pytest.mark.parametrize("which", ["one", "three"])
def test_a_picture_that_is_gone_from_the_store_is_made_again(bench: Bench, how: str, which: str) -> None:
    bench.write(CHAIN.replace("two: $two, ", ""))
    assert bench.command("run", "p.yaml")[0] == 0
    before = bench.published()
    plan = bench.plan(bench.root / "p.yaml")
    with bench.workspace() as workspace:
        victim = workspace.store.path(step_of(plan, which).digests[0])
    os.chmod(victim, 0o644)
    if how == "missing":
        os.unlink(victim)
    else:
        with open(victim, "r+b") as file:
            file.write(b"rot")
    if which == "one":  # something that needs it has to be made
        bench.write(CHAIN.replace("two: $two, ", "").replace("width: 4", "width: 5"))
    else:
        (bench.root / "out/three.png").unlink()
    code, _, messages = bench.command("run", "p.yaml")
    assert code == 0, messages
    assert "is made again" in messages
    assert bench.left(bench.root / "p.yaml") == 0
    if which == "three":
        assert bench.published() == before
    code, _, messages = bench.command("run", "p.yaml")
    assert (code, "is made again" in messages) == (0, False)


def test_a_store_that_may_not_be_written_is_refused_in_a_sentence(bench: Bench, tmp_path: Path) -> None:
    bench.write(CHAIN)
    (bench.root / ".editchain").write_text("a file in the place of the store\n")
    code, _, messages = bench.command("run", "p.yaml")
    assert code == 5
    assert messages.startswith("editchain: ")


LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
sys.argv[1:] = sys.argv[2:]
from editchain.cli import main
main()
"""


@pytest.mark.parametrize("limit", [300, 3_000, 60_000, 150_000])
def test_a_full_disk_ends_the_run_in_a_sentence_and_it_goes_on_once_there_is_room(
    bench: Bench, limit: int
) -> None:
    """No file may grow beyond a limit, which the journal, a picture or a published file meets at some point."""
    bench.paint("big.png", size=(400, 300))
    bench.write(
        "steps:\n  s: {model: darkroom, image: big.png, prompt: add film grain}\n  t: {operation: flip, image: $s}\n  j: {operation: convert, image: $s, format: jpeg}\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", LIMITED, str(limit), "run", "p.yaml"],
        cwd=bench.root,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 5, ran.stderr
    assert "Traceback" not in ran.stderr
    assert "editchain: " in ran.stderr
    assert list(bench.root.rglob(".editchain-*.tmp")) == []
    code, _, messages = bench.command("run", "p.yaml")
    assert code == 0, messages
    assert len(bench.published()) == 2


def test_trouble_with_the_disk_comes_out_of_a_run_as_itself(both: Bench) -> None:
    class Full:
        workers = 1
        hands_on = False

        async def execute(self, batch: Sequence[Work]) -> Sequence[Made | Failure]:
            raise StoreError("there is no room")

    with pytest.raises(StoreError, match="there is no room"):
        both.run(both.write(CHAIN), executor=Full())
    # And the next one goes on.
    assert both.run(both.root / "p.yaml").counts == {"done": 4}


# ---------------------------------------------------------------------- stopping


def test_a_tidy_stop_keeps_what_was_made(both: Bench) -> None:
    file = both.write(
        "steps:\n  t: {for_each: {n: " + TWENTY + "}, operation: text, image: a.png, text: $n}\n"
    )
    stop = Stop()

    class Stopping:
        workers = 1
        hands_on = False

        async def execute(self, batch: Sequence[Work]) -> Sequence[Made | Failure]:
            stop.ask("SIGTERM")
            return [Failure("failed", "not now") for _ in batch]

    ran = both.run(file, executor=Stopping(), stop=stop)
    assert ran.counts == {"failed": 1, "stopped": 19}
    assert ran.report.exit_code == 143
    (row,) = both.rows("runs")
    assert (row["outcome"], row["exit_code"]) == ("SIGTERM", 143)
    assert both.run(file).counts == {"done": 20}


SLOW = """
import sys, time
from editchain.operations import flip
inner = flip.apply
def apply(**fields):
    import os
    os.write(1, b"begun\\n")
    time.sleep(0.4)
    return inner(**fields)
flip.apply = apply
from editchain.cli import main
main()
"""


def interrupted(bench: Bench, *signals: int) -> tuple[int, str]:
    """A run of slow pictures that gets signals once it is at work: exit code and messages."""
    bench.write(
        "inputs: {pics: {type: images, default: pics}}\nsteps:\n  s: {operation: flip, image: $pics}\n"
    )
    for number in range(12):
        bench.paint(f"pics/{number:02}.png", (number, 2, 3))
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, "run", "p.yaml"],
        cwd=bench.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    for number in signals:
        process.send_signal(number)
        time.sleep(0.05)  # the second is to come after the first
    _, messages = process.communicate(timeout=60)
    return process.returncode, messages


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_a_run_tidily_and_the_same_command_goes_on(
    bench: Bench, number: int, code: int
) -> None:
    returned, messages = interrupted(bench, number)
    assert returned == code, messages
    assert "the same command goes on from here" in messages
    assert "Traceback" not in messages
    made = len(bench.rows("results"))
    assert 0 < made < 12
    assert len(bench.published()) == made
    (row,) = bench.rows("runs")
    assert row["exit_code"] == code
    assert bench.left(bench.root / "p.yaml") == 12 - made
    assert bench.command("run", "p.yaml")[0] == 0
    assert len(bench.published()) == 12


def test_a_second_signal_ends_a_run_at_once(bench: Bench) -> None:
    returned, messages = interrupted(bench, signal.SIGINT, signal.SIGINT)
    assert returned == 130
    assert "goes on from here" not in messages
    assert bench.command("run", "p.yaml")[0] == 0
    assert len(bench.published()) == 12
    assert list(bench.root.rglob("*.tmp")) == []


# ---------------------------------------------------------------------- two at once


def test_two_runs_at_once_share_the_work(bench: Bench) -> None:
    bench.paint("a.png", size=(300, 200))
    bench.write(
        f"steps:\n  s: {{for_each: {{n: {TWENTY}}}, operation: text, image: a.png, text: $n}}\n  t: {{operation: flip, image: $s}}\n  page: {{operation: contact_sheet, images: $t.*}}\noutputs: {{page: $page, t: {{from: $t, format: jpeg}}}}\n"
    )
    processes = [
        subprocess.Popen(
            [*COMMAND, "run", "p.yaml", "-o", f"out{number}", "--json"],
            cwd=bench.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    outputs = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    import json

    done = [
        sum(json.loads(line).get("outcome") == "done" for line in results.splitlines())
        for results, _ in outputs
    ]
    assert sum(done) == 41
    assert len(bench.rows("results")) == 41
    assert bench.published("out0") == bench.published("out1")
    assert len(bench.published("out0")) == 21
    assert bench.rows("claims") == []

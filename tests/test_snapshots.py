"""Snapshots: an unchanged workspace is answered at once, and any change makes the quick answer step aside."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.workbench import Bench, paint

from editchain import schemas, snapshots

if TYPE_CHECKING:
    from collections.abc import Callable

SHIFT_SECONDS = 60.0
"""How much later than the files it looks at a command runs here: nothing counts as just written."""

PIPELINE = """\
version: 1
inputs:
  photo: {type: image, default: ../a.png}
  pics: {type: images, default: ../pics}
  shots: {type: images, default: "../shots/*.png"}
  rows: {type: table, default: rows.csv, key: tone}
  width: {type: integer, default: 5}
steps:
  words: {model: mine, image: $photo, prompt_file: words.txt}
  each: {model: darkroom, image: $words, prompt: $rows.tone}
  pack: {pipeline: sub/sub.yaml, with: {picture: $photo}}
  page: {operation: contact_sheet, images: [$pics.*, $shots.*, $each.*, $pack.s], columns: $width}
outputs:
  page: $page
  each: {from: $each, format: jpeg}
"""


class Place:
    """A workspace in which everything ran and is kept."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.root = bench.root
        document = json.loads((schemas.folder() / "models/darkroom.json").read_text())
        document["$id"] = document["$id"].replace("darkroom", "mine")
        document["title"] = "Mine"
        self.model = self.file("models/mine.json", json.dumps(document))
        self.file("editchain.toml", "[run]\nworkers = 1\n")
        self.pipeline = self.file("p/p.yaml", PIPELINE)
        self.file("p/words.txt", "make it warmer\n")
        self.file("p/rows.csv", "tone,n\nsepia,1\ncooler,2\n")
        self.file(
            "p/sub/sub.yaml",
            "version: 1\ninputs: {picture: {type: image}}\nsteps: {s: {operation: flip, image: $picture}}\noutputs: {s: $s}\n",
        )
        self.file("inputs.yaml", "width: 5\n")
        for name in ("pics/1.png", "pics/2.png", "shots/1.png"):
            bench.paint(name)
        self.arguments = ["run", "p/p.yaml"]

    def file(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def settle(self, *arguments: str) -> str:
        """Runs until the answer is kept, and gives it."""
        self.arguments = [*(arguments or ("run", "p/p.yaml"))]
        assert self.bench.command("run", *self.arguments[1:])[0] == 0
        _, said, _ = self.bench.command(*self.arguments)
        assert self.answer()[0] is not None, "the answer was not kept"
        return said

    def answer(self) -> tuple[int | None, str, str]:
        """What the quick way says, if anything."""
        results, messages = io.StringIO(), io.StringIO()
        with (
            contextlib.chdir(self.root),
            contextlib.redirect_stdout(results),
            contextlib.redirect_stderr(messages),
        ):
            code = snapshots.answer(self.arguments)
        return code, results.getvalue(), messages.getvalue()


@pytest.fixture
def place(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Place:
    real, real_ns = time.time, time.time_ns
    monkeypatch.setattr(time, "time", lambda: real() + SHIFT_SECONDS)
    monkeypatch.setattr(time, "time_ns", lambda: real_ns() + int(SHIFT_SECONDS * 1e9))
    return Place(bench)


def tree(root: Path) -> dict[str, tuple[int, ...]]:
    """Everything in a folder with what the system says of it."""
    found = {}
    for path in sorted(root.rglob("*")):
        stat = path.lstat()
        found[str(path)] = (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_mode)
    return found


def test_unchanged_it_says_the_same_and_writes_nothing(place: Place) -> None:
    said = place.settle()
    before = tree(place.root)
    assert place.answer() == (0, said, "")
    assert place.answer() == (0, said, "")
    assert tree(place.root) == before
    assert "outputs unchanged" in said


@pytest.mark.parametrize("arguments", [["--format", "json"], [], ["--format", "markdown"]])
def test_a_plan_is_answered_from_its_snapshot_as_well(place: Place, arguments: list[str]) -> None:
    """Also where there is something to do, and with the same exit code."""
    place.arguments = ["plan", "p/p.yaml", *arguments]
    code, said, messages = place.bench.command(*place.arguments)
    assert code == 10
    assert place.answer() == (10, said, messages)
    place.settle()
    assert place.bench.command("plan", "p/p.yaml", *arguments)[0] == 0


def test_what_a_plan_keeps_is_nothing_for_git(place: Place) -> None:
    assert place.bench.command("plan", "p/p.yaml")[0] == 10
    assert [path.name for path in (place.root / ".editchain").iterdir() if path.name == "plans"]
    assert (place.root / ".editchain/.gitignore").read_text() == "*\n"


def test_nothing_heavy_is_imported(place: Place) -> None:
    place.settle()
    program = (
        "import sys, time\n"
        f"real, real_ns = time.time, time.time_ns\ntime.time = lambda: real() + {SHIFT_SECONDS}\ntime.time_ns = lambda: real_ns() + int({SHIFT_SECONDS} * 1e9)\n"
        "from editchain.cli import main\n"
        "try:\n    main()\nfinally:\n    print(*sorted(sys.modules))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-S", "-c", program, *place.arguments],
        cwd=place.root,
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "PYTHONPATH": str(Path(snapshots.__file__).parent.parent)},
    )
    assert ran.returncode == 0, ran.stderr
    *_, modules = ran.stdout.splitlines()
    loaded = set(modules.split())
    assert "outputs unchanged" in ran.stdout
    assert {name for name in loaded if name.split(".")[0] == "editchain"} == {
        "editchain",
        "editchain.cli",
        "editchain.snapshots",
    }
    assert not loaded & {
        "yaml",
        "click",
        "PIL",
        "sqlite3",
        "anyio",
        "jsonschema",
        "json",
        "typing",
        "pathlib",
        "dataclasses",
    }


def _same_size(place: Place) -> None:
    """As sly as can be: other bytes, the same length, the same time."""
    path = place.root / "a.png"
    stat = path.stat()
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    with path.open("r+b") as file:
        file.write(data)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def _another_pipeline_runs(place: Place) -> None:
    place.file("q.yaml", "version: 1\nsteps: {s: {operation: flip, image: a.png}}\n")
    assert place.bench.command("run", "q.yaml", "-o", "elsewhere")[0] == 0


def _replaced(name: str) -> Callable[[Place], None]:
    def change(place: Place) -> None:
        paint(place.root / "new.png", (9, 9, 9))
        os.replace(place.root / "new.png", place.root / name)

    return change


def _added(name: str, old: str, new: str) -> Callable[[Place], None]:
    def change(place: Place) -> None:
        path = place.root / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return change


CHANGES: dict[str, Callable[[Place], object]] = {
    "the pipeline": _added("p/p.yaml", "5}", "6}"),
    "the pipeline, touched": lambda place: place.pipeline.touch(),
    "the lock": lambda place: (place.root / "p/p.lock.jsonl").unlink(),
    "the lock, with another line": lambda place: place.file("p/p.lock.jsonl", '{"lock": 1}\n'),
    "a sub-pipeline": _added("p/sub/sub.yaml", "flip, ", "flip, direction: vertical, "),
    "a prompt file": _added("p/words.txt", "warmer", "cooler"),
    "a table": _added("p/rows.csv", "sepia", "vivid"),
    "the configuration": _added("editchain.toml", "1", "2"),
    "no configuration": lambda place: (place.root / "editchain.toml").unlink(),
    "a model of the workspace": _added("models/mine.json", '"Mine"', '"Our"'),
    "no model of the workspace": lambda place: place.model.unlink(),
    "a picture": _replaced("a.png"),
    "a picture, slyly": _same_size,
    "a picture of a folder": _replaced("pics/2.png"),
    "one more in a folder": lambda place: paint(place.root / "pics/3.png"),
    "one less in a folder": lambda place: (place.root / "pics/1.png").unlink(),
    "one more in a glob": lambda place: paint(place.root / "shots/2.png"),
    "a published file, gone": lambda place: (place.root / "out/page.png").unlink(),
    "a published file, changed": lambda place: (place.root / "out/each/sepia.jpg").write_bytes(b"x"),
    "the journal": _another_pipeline_runs,
    "the journal, gone": lambda place: (place.root / ".editchain/journal.db").unlink(),
    "a picture of the store found missing": lambda place: (place.root / ".editchain/quarantine").mkdir(),
    "a nearer workspace": lambda place: place.file("p/editchain.toml", ""),
    "a nearer repository": lambda place: (place.root / "p/.git").mkdir(),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_makes_the_quick_answer_step_aside(place: Place, what: str) -> None:
    place.settle()
    CHANGES[what](place)
    assert place.answer()[0] is None


def test_what_has_nothing_to_do_with_it_does_not(place: Place) -> None:
    said = place.settle()
    place.file("notes.txt", "x")
    place.file("models/other.json", "{}")
    paint(place.root / "elsewhere/1.png")
    assert place.answer()[:2] == (0, said)


def test_other_words_are_another_question(place: Place) -> None:
    place.settle()
    for arguments in (
        ["run", "p/p.yaml", "-i", "width=4"],
        ["run", "p/p.yaml", "--json"],
        ["run", "./p/p.yaml"],
        ["plan", "p/p.yaml"],
        ["run", "p/p.yaml", "-o", "x"],
    ):
        place.arguments = arguments
        assert place.answer()[0] is None


@pytest.mark.parametrize(
    "change", [_added("inputs.yaml", "5", "4"), lambda place: (place.root / "inputs.yaml").unlink()]
)
def test_a_file_of_inputs_counts(place: Place, change: Callable[[Place], object]) -> None:
    place.settle("run", "p/p.yaml", "--inputs", "inputs.yaml")
    change(place)
    assert place.answer()[0] is None


def test_a_picture_from_the_command_line_counts(place: Place) -> None:
    place.settle("run", "p/p.yaml", "-i", "photo=b.png")
    paint(place.root / "b.png", (7, 7, 7))
    assert place.answer()[0] is None


def test_the_day_counts(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model may be shut down tomorrow."""
    place.settle()
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 86400)
    assert place.answer()[0] is None


def test_which_credentials_there_are_counts_and_their_values_are_not_kept(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "hush-hush-hush")
    place.settle()
    kept = [path.read_bytes() for path in (place.root / ".editchain/plans").iterdir()]
    assert kept
    assert all(b"hush" not in data for data in kept)
    monkeypatch.setenv("OTHER_API_KEY", "x")
    assert place.answer()[0] is None


def test_the_folder_counts(place: Place) -> None:
    place.settle("run", str(place.pipeline))
    place.root = place.root / "p"
    assert place.answer()[0] is None


def test_another_version_asks_anew(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    import editchain

    place.settle()
    monkeypatch.setattr(editchain, "__version__", "99")
    assert place.answer()[0] is None


def test_what_was_just_written_is_not_trusted(bench: Bench) -> None:
    """Here the clock tells the truth: all files are younger than two seconds."""
    bench.write("steps: {s: {operation: flip, image: a.png}}\n")
    assert bench.command("run", "p.yaml")[0] == 0
    assert bench.command("run", "p.yaml")[0] == 0
    assert list((bench.root / ".editchain").glob("plans/*")) == []


def test_a_pattern_over_folders_is_walked_each_time(place: Place) -> None:
    paint(place.root / "shots/deep/er/1.png")
    place.arguments = ["plan", "p/p.yaml", "-i", "shots=shots/**"]
    assert place.bench.command(*place.arguments)[0] == 10
    paint(place.root / "shots/deep/er/9.png")
    assert place.answer()[0] is None


def test_without_any_marker_a_new_one_above_counts(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(bench)
    real, real_ns = time.time, time.time_ns
    monkeypatch.setattr(time, "time", lambda: real() + SHIFT_SECONDS)
    monkeypatch.setattr(time, "time_ns", lambda: real_ns() + int(SHIFT_SECONDS * 1e9))
    (bench.root / "editchain.toml").unlink()
    place.file("p/p.yaml", "version: 1\nsteps: {s: {operation: flip, image: data.png}}\n")
    bench.paint("p/data.png")
    place.settle()
    (bench.root / ".git").mkdir()
    assert place.answer()[0] is None


def test_a_repository_that_goes_away_counts(place: Place) -> None:
    (place.root / ".git").mkdir()
    (place.root / "editchain.toml").unlink()
    place.settle()
    (place.root / ".git/index").write_text("as git does at each command")
    assert place.answer()[0] == 0
    (place.root / ".git/index").unlink()
    (place.root / ".git").rmdir()
    assert place.answer()[0] is None


def test_a_damaged_snapshot_is_no_answer(place: Place) -> None:
    place.settle()
    for path in (place.root / ".editchain/plans").iterdir():
        data = path.read_bytes()
        for broken in (b"", data[:-9], b"\0" * 40, data[:1] + b"\xff" * 20):
            path.write_bytes(broken)
            assert place.answer()[0] is None


def test_a_workspace_that_may_not_be_written_works_without(place: Place) -> None:
    place.settle()
    plans = place.root / ".editchain/plans"
    for path in plans.iterdir():
        path.unlink()
    plans.rmdir()
    plans.write_text("in the way")
    assert place.bench.command(*place.arguments)[0] == 0
    assert place.answer()[0] is None

"""What the engine's tests share: small pictures, a workspace in a folder, plans and runs without a command line."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sqlite3
import sys
import textwrap
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest.mock import patch

import anyio
from PIL import Image

from editchain.commands.base import run_command
from editchain.commands.planned import Given, planned
from editchain.digests import Digests
from editchain.imaging.marking import Mark, marked
from editchain.language.loading import Surroundings, load
from editchain.language.reading import stat_of
from editchain.lock import Lock
from editchain.models import Catalogue, catalogue
from editchain.plans.identity import Elsewhere
from editchain.plans.planning import plan
from editchain.plans.tasks import Plan, StepPlan
from editchain.plans.tasks import Way as PlannedWay
from editchain.providers import check_prompt, objections
from editchain.runs import running
from editchain.runs.preparing import Choices
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from editchain.artifacts import ImageSource
    from editchain.executors.base import Executor
    from editchain.models import Model
    from editchain.pipeline import Pipeline, Step
    from editchain.plans.tasks import Way
    from editchain.runs.outcomes import Ended, Stop
    from editchain.runs.running import Report

NOW = 4_000_000_000.0
"""A time far after that of any file, so that none counts as just written."""


@cache
def shipped() -> Catalogue:
    """The catalogue that comes with editchain, read once."""
    return catalogue()


def paint(path: Path, colour: tuple[int, int, int] = (200, 120, 40), size: tuple[int, int] = (8, 6)) -> Path:
    """A small picture of one colour with one pixel of another."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", size, colour)
    image.putpixel((0, 0), (10, 20, 30))
    image.save(path)
    return path


def unmarked(published: bytes) -> bytes:
    """A published file without what is put into it at publishing: for a PNG, the result's own bytes."""
    return marked(published, Mark("none"))


def day() -> date:
    """The day on which the tests' pipelines are checked."""
    from datetime import date

    return date(2026, 1, 5)


class Remembered:
    """What the planner asks, answered from memory: results by key, and pictures known by their bytes."""

    def __init__(self, results: Mapping[bytes, bytes] | None = None) -> None:
        self.stored = dict(results or {})
        self.refused: dict[bytes, str] = {}
        self.lock = Lock()
        self.remakes = True

    def results(self, keys: Sequence[bytes]) -> Mapping[bytes, bytes]:
        return {key: self.stored[key] for key in keys if key in self.stored}

    def elsewhere(self, keys: Sequence[bytes], stored: Mapping[bytes, bytes]) -> Mapping[bytes, Elsewhere]:
        lines = {key: self.lock.by_key[key] for key in keys if key in self.lock.by_key and key not in stored}
        return {key: Elsewhere(line.digest, is_here=False) for key, line in lines.items()}

    def refusals(self, keys: Sequence[bytes]) -> Mapping[bytes, str]:
        return {key: self.refused[key] for key in keys if key in self.refused}

    def identity(self, source: ImageSource) -> str | None:
        if source.kind == "file":
            digests = Digests({}, lambda: NOW)
            digests.read({source.location: stat_of(os.stat(source.location))})
            return digests.identity(source)
        return Digests({}, lambda: NOW).identity(source)


def free_way(step: Step, model: Model) -> Way:
    """Every model as if it ran here for nothing, so that a plan knows of no vendor."""
    return PlannedWay(model, model.routes[0], True, None)


def loaded(file: Path, options: Sequence[tuple[str, str]] = ()) -> Pipeline:
    """A pipeline file, checked."""
    surroundings = Surroundings(shipped(), day(), check_prompt, objections=objections)
    return load(file, surroundings, options=options, folder=str(file.parent))


def written(folder: Path, text: str, name: str = "p.yaml") -> Path:
    """A pipeline file in a folder, with the first line that every one has."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    text = textwrap.dedent(text)
    file.write_text(text if text.startswith("version") else "version: 1\n" + text, encoding="utf-8")
    return file


def plan_of(
    file: Path, known: Remembered | None = None, *, options: Sequence[tuple[str, str]] = (),
    choose: Callable[[Step, Model], Way] = free_way, targets: Callable[[Step], bool] | None = None,
    fresh: Callable[[StepPlan], bool] | None = None,
) -> Plan:  # fmt: skip
    """The plan of a pipeline file, with results from memory."""
    protect = shipped().operations["protect"]
    return plan(
        loaded(file, options), known or Remembered(), choose, protect=protect, targets=targets, fresh=fresh
    )


def step_of(plan: Plan, name: str) -> StepPlan:
    """The plan of one step."""
    return next(one for one in plan.steps if one.name == name)


def keys_of(plan: Plan) -> dict[str, bytes | None]:
    """Every task by its address, with its key."""
    return {one.task_name(at): one.keys[at] for one in plan.steps for at in one.ordinals()}


@dataclass
class Ran:
    """What a run in this process came to."""

    plan: Plan
    report: Report
    ended: list[Ended] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """Outcomes of tasks that the plan did not know to be stored."""
        return {str(name): count for name, count in self.report.run.counts.items()}

    @property
    def done(self) -> int:
        """How many pictures were made."""
        return self.report.run.counts.get("done", 0)

    @property
    def made_by(self) -> list[str]:
        """The steps whose pictures were made, in order of their ends."""
        return [one.step for one in self.ended if one.outcome == "done"]


class Said(NamedTuple):
    """What a command exited with, wrote, and wrote on standard error."""

    code: int
    out: str
    err: str


def command(folder: Path, *arguments: str) -> Said:
    """`editchain ARGUMENTS` in a folder, in this process."""
    results, messages = io.StringIO(), io.StringIO()
    with (
        patch.object(sys, "argv", ["editchain", *arguments]),
        contextlib.chdir(folder),
        redirect_stdout(results),
        redirect_stderr(messages),
    ):
        code = run_command(arguments)
    return Said(code, results.getvalue(), messages.getvalue())


class Bench:
    """A workspace in a folder: pipelines are written, planned and run there, by a clock that is handed in."""

    def __init__(self, root: Path, backend: str = "asyncio") -> None:
        self.root = root
        self.backend = backend
        self.now = NOW
        self._runs = 0
        root.mkdir(parents=True, exist_ok=True)
        (root / "editchain.toml").touch()

    def clock(self) -> float:
        """The time: a tick later at each look."""
        self.now += 0.001
        return self.now

    def workspace(self) -> Workspace:
        """The workspace, to be closed by the caller."""
        return Workspace(self.root, now=self.clock)

    def write(self, text: str, name: str = "p.yaml") -> Path:
        """Writes a pipeline."""
        return written(self.root, text, name)

    def paint(
        self, name: str, colour: tuple[int, int, int] = (200, 120, 40), size: tuple[int, int] = (8, 6)
    ) -> Path:
        """Makes a picture."""
        return paint(self.root / name, colour, size)

    def plan(self, file: Path, **options: Any) -> Plan:
        """The plan as `editchain plan` sees it."""
        with self.workspace() as workspace:
            return planned(workspace, file, Given(**options)).plan

    def left(self, file: Path) -> int:
        """How many tasks a run would carry out."""
        counts = self.plan(file).counts
        return counts["run"] + counts["after"]

    def run(
        self, file: Path, *, out: str = "out", executor: Executor | None = None, stop: Stop | None = None,
        options: Sequence[str] = (), targets: Any = None, fresh: Any = None, **chosen: Any,
    ) -> Ran:  # fmt: skip
        """Loads, plans and runs, in this process; raises what the run raises."""
        self._runs += 1
        with self.workspace() as workspace:
            found = planned(workspace, file, Given(options), Choices(targets=targets, fresh=fresh))
            ended: list[Ended] = []
            settings = running.Options(str(self.root / out), workers=chosen.pop("workers", 2), **chosen)

            async def work() -> Report:
                return await running.run(
                    workspace, found.plan, found.digests, settings, watch=ended.append, stop=stop, executor=executor, run_id=f"run-{self._runs}"
                )  # fmt: skip

            return Ran(found.plan, anyio.run(work, backend=self.backend), ended)

    def command(self, *arguments: str) -> Said:
        """`editchain ARGUMENTS` in the workspace's folder."""
        return command(self.root, *arguments)

    def published(self, out: str = "out") -> dict[str, bytes]:
        """The published files by their paths below the output folder."""
        folder = self.root / out
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    def rows(self, table: str) -> list[dict[str, Any]]:
        """The rows of a table of the journal."""
        connection = sqlite3.connect(self.root / ".editchain" / "journal.db")
        try:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]
        finally:
            connection.close()


def facts(rows: list[dict[str, Any]], *varying: str) -> list[str]:
    """Rows without what differs from run to run, to be compared."""
    kept = [
        {
            name: value.hex() if isinstance(value, bytes) else value
            for name, value in row.items()
            if name not in varying
        }
        for row in rows
    ]
    return sorted(json.dumps(row, sort_keys=True) for row in kept)

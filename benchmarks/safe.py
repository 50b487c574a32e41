"""A run whose cost of safety is measured, as a process of its own: `python -m benchmarks.safe tasks|calls FOLDER`.

`--unsynced` leaves it to the system when what was written is on disk, `--dies-after N` kills the process at its N-th picture.
It prints the seconds that the run took by the clock, without loading and planning.
"""

from __future__ import annotations

import argparse
import os
import signal
import sqlite3
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import anyio

from benchmarks.pictures import tiny_png
from benchmarks.trivial import Trivial
from editchain import operations, platform, providers
from editchain.commands.planned import planned
from editchain.executors.local import LocalExecutor
from editchain.providers.base import Capabilities, Finished
from editchain.runs import recording, running
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from editchain.models import Route
    from editchain.providers.base import Provider, Request, Session
    from editchain.runs.outcomes import Ended

CALL_SECONDS = 0.1
IN_FLIGHT = 32


class Vendor:
    """A vendor that answers each request after a moment, with a picture of its own."""

    is_local = False
    capabilities = Capabilities(base_url="https://vendor.invalid", concurrency=IN_FLIGHT)

    def authorization(self, credentials: Sequence[str]) -> Mapping[str, str]:
        """None: it knows everybody."""
        _ = credentials
        return {}

    def prepared(self, request: Request, route: Route) -> Request:
        """As it is."""
        _ = route
        return request

    async def submit(self, session: Session, request: Request) -> Finished:
        """A picture that depends on the prompt."""
        _ = session
        await anyio.sleep(CALL_SECONDS)
        return Finished((tiny_png(str(request.fields["prompt"])),))


def leave_it_to_the_system() -> None:
    """From now on nothing is flushed in this process."""

    def nothing(_: object) -> None:
        """Returns at once."""

    for name in ("flush", "flush_folder"):
        object.__setattr__(platform.DISK, name, nothing)
    platform.flush = platform.flush_folder = platform.flush_file_system = nothing
    recording.flush = nothing
    connect = sqlite3.connect

    class Unsynced(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:  # type: ignore[override]  # as it is called here
            unsynced = "PRAGMA synchronous = OFF" if sql.startswith("PRAGMA synchronous") else sql
            return super().execute(unsynced, *values)

    sqlite3.connect = partial(connect, factory=Unsynced)  # type: ignore[assignment]  # of the same form


def go(kind: str, folder: Path, dies_after: int) -> float:
    """Runs the pipeline of a folder; gives seconds by the clock."""
    if kind == "calls":
        vendor = cast("Provider", Vendor())
        load = providers.load
        providers.load = lambda name: load(name) if name == "darkroom" else vendor
    path = folder / "pipeline.yaml"
    pictures = 0

    def watch(ended: Ended) -> None:
        nonlocal pictures
        pictures += ended.outcome == "done"
        if pictures == dies_after:
            os.kill(os.getpid(), signal.SIGKILL)

    with Workspace.of(path) as workspace:
        found = planned(workspace, path)
        executor = None
        if kind == "tasks":
            executor = LocalExecutor(
                workspace.store,
                found.digests.digest,
                operations.load,
                lambda _name: cast("Provider", Trivial()),
                workers=2,
            )
        options = running.Options(str(folder / "out"), workers=2)
        work = partial(
            running.run, workspace, found.plan, found.digests, options, watch=watch, executor=executor
        )
        began = time.monotonic()
        report = anyio.run(work)
        seconds = time.monotonic() - began
    assert report.exit_code == 0, report.run.troubles[:3]
    return seconds


def main() -> None:
    """Reads the arguments."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["tasks", "calls"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--unsynced", action="store_true")
    parser.add_argument("--dies-after", type=int, default=0)
    chosen = parser.parse_args()
    if chosen.unsynced:
        leave_it_to_the_system()
    print(go(chosen.kind, chosen.folder, chosen.dies_after))


if __name__ == "__main__":
    main()

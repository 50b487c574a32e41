"""The four verbs for Python programs: load, plan, run; a run records itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from editchain.language import loading
from editchain.language.given import Given
from editchain.runs import running
from editchain.runs.preparing import Preparation
from editchain.surroundings import surroundings
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from editchain.pipeline import Pipeline
    from editchain.plans.tasks import Plan
    from editchain.runs.outcomes import Ended
    from editchain.runs.running import Report


def load(path: str | os.PathLike[str], inputs: Mapping[str, Any] | None = None) -> Pipeline:
    """A pipeline file, checked, with the inputs given; raises PipelineError with every problem.

    Inputs are as in an inputs file: text, numbers, lists; paths are relative to the current folder.
    """
    file = Path(path)
    given = {name: Given((_plain(value),), os.getcwd(), False) for name, value in (inputs or {}).items()}
    with Workspace.of(file) as workspace:
        return loading.load(file, surroundings(workspace), given=given)


def plan(pipeline: Pipeline) -> Plan:
    """What a run would do now, against what the pipeline's workspace has stored; touches nothing."""
    with Workspace(pipeline.workspace) as workspace:
        return Preparation(workspace, pipeline).plan()


def run(
    pipeline: Pipeline,
    out: str | os.PathLike[str] | None = None,
    *,
    watch: Callable[[Ended], None] | None = None,
) -> Report:
    """Runs a pipeline and publishes its outputs below `out` (the workspace's out/ by default).

    Failures are in the report; raises StoreError where the disk is in trouble, ConfigurationError where a model
    cannot be reached from here, Refused where something that was paid for is gone. Not to be called from a running event loop: use `run_async` there.
    """
    return anyio.run(lambda: run_async(pipeline, out, watch=watch))


async def run_async(
    pipeline: Pipeline,
    out: str | os.PathLike[str] | None = None,
    *,
    watch: Callable[[Ended], None] | None = None,
) -> Report:
    """`run` for programs that have an event loop, asyncio's or trio's."""
    with Workspace(pipeline.workspace) as workspace:
        preparation = Preparation(workspace, pipeline)
        await anyio.to_thread.run_sync(preparation.fetch)
        wanted = await anyio.to_thread.run_sync(preparation.supplied)
        running.refuse_unreachable(wanted)
        options = running.Options(
            os.fspath(out) if out is not None else str(workspace.root / "out"),
            command="api",
            locking=preparation.locking(),
        )
        return await running.run(workspace, wanted, preparation.digests, options, watch=watch)


def _plain(value: Any) -> Any:
    """Paths as text, tuples as lists: what an inputs file could hold."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value

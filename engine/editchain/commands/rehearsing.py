"""run --rehearse: what a run would do and cost, then the whole way without vendors and money."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from editchain.artifacts import ASSET_VENDOR
from editchain.commands.planned import planned
from editchain.commands.refusing import foretold
from editchain.commands.saying import say
from editchain.commands.shared import gone_through
from editchain.fetching import addresses, assets
from editchain.known import Known
from editchain.plans.planning import plan
from editchain.rehearsing import OUT, RehearsalWorkspace
from editchain.runs import reporting
from editchain.runs.preparing import Choices
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from editchain.artifacts import ImageSource
    from editchain.commands.planned import Given
    from editchain.digests import Digests
    from editchain.pipeline import Pipeline, Step
    from editchain.plans.tasks import Plan, StepPlan
    from editchain.runs.running import Report

GREY_SIDE, GREY = 1024, (128, 128, 128)
"""The picture that stands in for one that only a vendor has."""


def rehearse(
    file: Path,
    given: Given,
    chosen: dict[str, Any],
    targets: Callable[[Pipeline], Callable[[Step], bool] | None],
    fresh: Callable[[StepPlan], bool] | None,
) -> tuple[Report, float]:
    """Says what a run would do and cost, then rehearses it; gives what came of it, and in how many seconds."""
    with Workspace.of(file) as real, RehearsalWorkspace(real) as stage:
        choices = Choices(fresh=fresh, is_offline=chosen["offline"])
        would = planned(real, file, given, choices, targets=targets)
        pipeline = would.plan.pipeline
        if addresses(pipeline):
            would.preparation.fetch()
        for said in foretold(real, would.plan, budget=chosen["budget"], is_offline=chosen["offline"]):
            say(f"note: {said}")
        _lend(real, stage, pipeline, would.digests)
        known = Known(stage.look, would.digests, lost=stage.store.lost())
        rehearsed = plan(
            pipeline, known, stage.choose, protect=stage.protect, targets=targets(pipeline), fresh=fresh
        )
        return _run(stage, would.plan, rehearsed, would.digests, chosen)


def _lend(real: Workspace, stage: Workspace, pipeline: Pipeline, digests: Digests) -> None:
    """Brings pictures that were fetched over from the store that has them; for what only a vendor has, a grey one."""
    for source in (*addresses(pipeline).values(), *assets(pipeline).values()):
        digest = digests.digest(source)
        if digest is not None and real.store.has(digest) and not stage.store.has(digest):
            stage.store.put(real.store.read(digest), durable=False)
        if source.kind == "asset" and digest is None:
            say(
                f"note: {source.location} is at {ASSET_VENDOR}; a grey picture is rehearsed with in its place"
            )
            _stand_in(stage, source, digests)


def _stand_in(stage: Workspace, source: ImageSource, digests: Digests) -> None:
    from PIL import Image

    from editchain.imaging.codec import encode
    from editchain.journal.entries import KnownFile

    _ = stage.journal  # a new workspace's journal comes before its first object
    data = encode(Image.new("RGB", (GREY_SIDE, GREY_SIDE), GREY), "png")
    digest = stage.store.put(data, durable=False)
    digests.note(KnownFile(source.location, len(data), 0, 0, 0, digest, "png", GREY_SIDE, GREY_SIDE, 0))


def _run(
    stage: RehearsalWorkspace, would: Plan, rehearsed: Plan, digests: Digests, chosen: dict[str, Any]
) -> tuple[Report, float]:

    from editchain.runs import running

    events = sys.stdout if chosen["as_json"] else None
    progress = reporting.Progress(
        sys.stderr, events, rehearsed, is_live=sys.stderr.isatty() and events is None
    )
    progress.say(f"a run would be: {reporting.summary_line(would)}")
    progress.say(f"rehearsal: {reporting.summary_line(rehearsed)}")
    for notice in would.notices:
        progress.say(f"notice: {notice}")
    run_id = running.new_run_id(stage.now())
    progress.emit("run", id=run_id, pipeline=rehearsed.pipeline.name, **running.summary(would))
    out = chosen["out"] or str(stage.root / OUT)
    settings = running.Options(
        out,
        command="rehearse",
        overwrite=chosen["overwrite"],
        prune=chosen["prune"],
        fail_fast=chosen["fail_fast"],
    )
    workers = stage.configuration.workers or os.cpu_count() or 2

    async def work() -> Report:
        executor = stage.executor(digests, workers)
        return await running.run(
            stage, rehearsed, digests, settings, watch=progress.watch, run_id=run_id, executor=executor
        )

    return gone_through(work, progress, run_id)

"""Fetching the inputs that are addresses: once, into the store, checked to be images and to be what was pinned."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import anyio

from editchain.artifacts import ImageSource
from editchain.diagnostics import Problem
from editchain.errors import ImageError, PipelineError
from editchain.imaging.probe import HEAD_BYTES, check
from editchain.journal.entries import KnownFile
from editchain.pipeline import Gathered, Listing, PathOf, Pick
from editchain.plans.tasks import Column

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from editchain.http import Rules
    from editchain.pipeline import Pipeline
    from editchain.plans.tasks import StepPlan
    from editchain.workspace import Digests, Workspace

AT_A_TIME = 8


def addresses(pipeline: Pipeline) -> dict[str, ImageSource]:
    """The addresses that a pipeline's pictures come from."""
    found: dict[str, ImageSource] = {}
    for step in pipeline.steps:
        for value in (*step.fields.values(), step.protect):
            found.update((one.location, one) for one in _sources(value) if one.kind == "url")
    return found


def _sources(value: Any) -> Iterator[ImageSource]:
    if isinstance(value, ImageSource):
        yield value
    elif isinstance(value, (Listing, list)):
        for one in value.items if isinstance(value, Listing) else value:
            yield from _sources(one)
    elif isinstance(value, PathOf):
        yield from (one for one in value.sources.values() if isinstance(one, ImageSource))
    elif isinstance(value, (Pick, Gathered)):
        for one in value.dimension.values:
            yield from _sources(one if value.column is None else one[value.column])


def used(one: StepPlan) -> Iterator[ImageSource]:
    """The addresses that a step's pictures come from."""
    for part in (part for parts in one.images.values() for part in parts):
        sources = part.values if isinstance(part, Column) else (part,)
        yield from (one for one in sources if isinstance(one, ImageSource) and one.kind == "url")


def fetch_all(
    workspace: Workspace, pipeline: Pipeline, digests: Digests, wanted: Iterable[ImageSource]
) -> None:
    """Fetches addresses into the store.

    Raises PipelineError where one gives no image, or another than the one that it is pinned or held to.
    """
    wanted = list(wanted)
    if wanted:
        anyio.run(_fetch_all, workspace, pipeline, digests, wanted, workspace.fetch_rules())


async def _fetch_all(
    workspace: Workspace, pipeline: Pipeline, digests: Digests, wanted: list[ImageSource], rules: Rules
) -> None:
    limiter = anyio.CapacityLimiter(AT_A_TIME)
    problems: list[Problem] = []

    async def one(source: ImageSource) -> None:
        from editchain.http import FetchError, fetch

        async with limiter:
            try:
                data = await fetch(source.location, rules)
                _keep(workspace, digests, source, data)
            except (FetchError, ImageError) as error:
                problems.append(
                    Problem(
                        str(pipeline.path.name),
                        1,
                        1,
                        "error",
                        "not-fetched",
                        f"{error} Nothing was sent or charged.",
                        "Try again, or give a file.",
                    )
                )

    async with anyio.create_task_group() as group:
        for source in wanted:
            group.start_soon(one, source)
    if problems:
        raise PipelineError(problems)


def _keep(workspace: Workspace, digests: Digests, source: ImageSource, data: bytes) -> None:
    found = check(data[:HEAD_BYTES], len(data))
    digest = sha256(data).digest()
    wanted = digests.digest(source)
    if wanted not in (None, digest):
        shown = source.location.split("?", 1)[0]
        if source.sha256 is not None:
            raise ImageError(f"{shown} gives other bytes than the pinned sha256: {digest.hex()}.")
        raise ImageError(
            f"{shown} gives other bytes than it gave first; --refresh-inputs takes the new ones."
        )
    _ = workspace.journal  # a new workspace's journal comes before its first object
    workspace.store.put(data, durable=False)
    digests.note(
        KnownFile(source.location, len(data), 0, 0, 0, digest, found.format, found.width, found.height, 0)
    )

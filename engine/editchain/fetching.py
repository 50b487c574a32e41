"""Fetching the inputs that are addresses: once, into the store, checked to be images and to be what was pinned."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import anyio

from editchain.artifacts import ASSET_VENDOR, ImageSource
from editchain.diagnostics import Problems
from editchain.errors import ImageError, PipelineError, ProviderError
from editchain.imaging.probe import HEAD_BYTES, check
from editchain.journal.entries import KnownFile
from editchain.pipeline import Gathered, Listing, PathOf, Pick
from editchain.plans.tasks import Column

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from editchain.artifacts import SourceKind
    from editchain.diagnostics import Place
    from editchain.digests import Digests
    from editchain.http import Rules
    from editchain.pipeline import Input, Pipeline
    from editchain.plans.tasks import StepPlan
    from editchain.workspace import Workspace

AT_A_TIME = 8


def addresses(pipeline: Pipeline) -> dict[str, ImageSource]:
    """The addresses that a pipeline's pictures come from."""
    return _named(pipeline, "url")


def assets(pipeline: Pipeline) -> dict[str, ImageSource]:
    """The pictures of a pipeline that a vendor has, by what it calls them."""
    return _named(pipeline, "asset")


def _named(pipeline: Pipeline, kind: SourceKind) -> dict[str, ImageSource]:
    found: dict[str, ImageSource] = {}
    for step in pipeline.steps:
        for value in (*step.fields.values(), step.protect):
            found.update((one.location, one) for one in _sources(value) if one.kind == kind)
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
    """The addresses that a step's pictures come from, and those that a vendor has and whose bytes are needed here."""
    for name, parts in one.images.items():
        for part in parts:
            sources = part.values if isinstance(part, Column) else (part,)
            for source in sources:
                if isinstance(source, ImageSource) and (
                    source.kind == "url" or (source.kind == "asset" and _is_read(one, name))
                ):
                    yield source


def _is_read(one: StepPlan, name: str) -> bool:
    """Whether any way of a step needs the bytes of a picture that a vendor has."""
    from editchain.providers.preparing import reads

    said = {"aspect_ratio": one.values["aspect_ratio"]} if "aspect_ratio" in one.values else {}
    has_mask = "mask" in one.images
    return any(
        way.is_local or way.route is None or reads(way.route, name, ASSET_VENDOR, said, has_mask=has_mask)
        for first in one.ways
        for way in (first, *first.others)
    )


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
    problems = Problems()

    async def one(source: ImageSource) -> None:
        from editchain.http import FetchError, NotSent, ReplyLost

        async with limiter:
            try:
                data = await _bytes(workspace, source, rules)
                _keep(workspace, digests, source, data)
            except (FetchError, ImageError, NotSent, ReplyLost, ProviderError) as error:
                place, width = _place_of(pipeline, source.location)
                message = f"{error} Nothing was sent or charged."
                hint = "Try again, or give another address or a file."
                problems.error(place, "not-fetched", message, hint, width=width)

    async with anyio.create_task_group() as group:
        for source in wanted:
            group.start_soon(one, source)
    if problems.has_errors():
        raise PipelineError(problems.in_order())


def _place_of(pipeline: Pipeline, location: str) -> tuple[Place, int]:
    """Where an address stands, and how much is to be marked there; else the step that uses it."""
    for one in pipeline.inputs.values():
        for value, place in _values(one):
            if isinstance(value, ImageSource) and value.location == location and place is not None:
                return place, len(one.name if place == one.place else location)
    step = next(
        step
        for step in pipeline.steps
        for value in (*step.fields.values(), step.protect)
        if any(one.location == location for one in _sources(value))
    )
    return step.place, len(step.name.rpartition("/")[2])


def _values(one: Input) -> Iterator[tuple[Any, Place | None]]:
    """The values of an input, cells of a table one by one, each with its place."""
    if one.dimension is None:
        yield one.value, one.value_place
        return
    for at, value in enumerate(one.dimension.values):
        if isinstance(value, dict):
            yield from ((cell, one.dimension.place_at(at, column)) for column, cell in value.items())
        else:
            yield value, one.dimension.place_at(at)


async def _bytes(workspace: Workspace, source: ImageSource, rules: Rules) -> bytes:
    if source.kind == "url":
        from editchain.http import fetch

        return await fetch(source.location, rules)
    from editchain.providers import load
    from editchain.providers.scenario import asset

    async with workspace.client(ASSET_VENDOR, load(ASSET_VENDOR)) as client:
        return await asset(client, source.location)


def _keep(workspace: Workspace, digests: Digests, source: ImageSource, data: bytes) -> None:
    found = check(data[:HEAD_BYTES], len(data))
    digest = sha256(data).digest()
    wanted = digests.digest(source)
    if wanted not in (None, digest):
        shown = source.location.split("?", 1)[0]
        if source.sha256 is not None:
            raise ImageError(f"{shown} gives other bytes than the pinned sha256: {digest.hex()}.")
        if source.kind == "asset":
            raise ImageError(f"{shown} gives other bytes than before, and an asset is the same for good.")
        raise ImageError(
            f"{shown} gives other bytes than it gave first; --refresh-inputs takes the new ones."
        )
    _ = workspace.journal  # a new workspace's journal comes before its first object
    workspace.store.put(data, durable=False)
    digests.note(
        KnownFile(source.location, len(data), 0, 0, 0, digest, found.format, found.width, found.height, 0)
    )

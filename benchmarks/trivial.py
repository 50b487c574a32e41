"""A run of trivial tasks through the engine, as a process of its own: `python -m benchmarks.trivial FOLDER`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import anyio

from benchmarks.pictures import tiny_png
from editchain import operations
from editchain.commands.planned import planned
from editchain.executors.local import LocalExecutor
from editchain.providers.base import Finished
from editchain.runs import running
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from editchain.providers.base import Provider, Request, Session


class Trivial:
    """A model that answers at once with a ready picture."""

    async def submit(self, session: Session | None, request: Request) -> Finished:
        """A picture that depends on the fields, and does not look at the images."""
        _ = session
        fields = request.fields
        return Finished(
            (tiny_png(f"{fields['prompt']} {request.seed} {fields['strength']}"),), seed=request.seed
        )


def main(folder: Path) -> None:
    """Loads, plans and runs the pipeline of a folder."""
    path = folder / "pipeline.yaml"
    with Workspace.of(path) as workspace:
        found = planned(workspace, path)
        provider = cast("Provider", Trivial())
        executor = LocalExecutor(
            workspace.store, found.digests.digest, operations.load, lambda _name: provider, workers=2
        )
        options = running.Options(str(folder / "out"), workers=2)
        report = anyio.run(
            partial(running.run, workspace, found.plan, found.digests, options, executor=executor)
        )
    assert report.run.counts == {"done": found.plan.total}, (report.run.counts, report.run.troubles[:3])
    assert report.exit_code == 0
    assert len(report.publication.written) == found.plan.total, len(report.publication.written)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Rehearsing: a run the whole way without vendors and without money, in a store of its own."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from editchain.errors import ConfigurationError
from editchain.models import Model
from editchain.providers import LOCAL, load
from editchain.providers.rehearsal import Rehearsal
from editchain.runs.crediting import NONE
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from editchain.configuration import Configuration
    from editchain.digests import Digests
    from editchain.executors.local import LocalExecutor
    from editchain.models import OperationDocument
    from editchain.pipeline import Step
    from editchain.plans.tasks import Way

FOLDER = "rehearsal"
"""The folder of the store, below `.editchain`."""
OUT = "out-rehearsal"
"""Where a rehearsal publishes unless it is told where, below the workspace."""


class RehearsalWorkspace(Workspace):
    """A workspace whose models' pictures are stood in for by the pictures that are edited, and whose results lie apart.

    `real` is the workspace that it rehearses.
    """

    def __init__(self, real: Workspace) -> None:
        super().__init__(real.root, now=real.now)
        self._real = real

    @cached_property
    def configuration(self) -> Configuration:
        """The workspace's, but that what is published says nothing of how it was made: no model made it."""
        return replace(self._real.configuration, metadata=NONE, certificate=None, certificate_key=None)

    @cached_property
    def folder(self) -> Path:
        """Where store and journal of rehearsals are."""
        return self.root / ".editchain" / FOLDER

    def choose(self, step: Step, model: Model | OperationDocument) -> Way:
        """The way that a run would take, or would take with a credential, as one that is walked here for nothing."""
        way = self._real.choose(step, model)
        if way.is_local:
            return way
        if way.route is None:
            raise ConfigurationError(way.problem or f"{model.name} has no route.")
        return replace(way, is_local=True, problem=None, others=())

    def executor(self, digests: Digests, workers: int) -> LocalExecutor:
        """What carries out tasks: operations and the embedded model for real, other models by rehearsal."""
        from editchain.executors.local import LocalExecutor

        return LocalExecutor(
            self.store, digests.digest, self.operation, load, workers=workers, stand_in=_stand_in
        )


def _stand_in(way: Way) -> Any:
    """Who makes the picture of a model instead of its vendor; None where it is made here anyway."""
    if way.route is None or way.route.provider in LOCAL or not isinstance(way.document, Model):
        return None
    return Rehearsal(way.document, way.route)

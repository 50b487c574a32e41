"""Preparing: a pipeline with its lock and its inputs to a plan of which everything that it needs is here."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from editchain import lockfiles
from editchain.classes import dataclass
from editchain.errors import Refused
from editchain.fetching import addresses, fetch_all
from editchain.known import Known
from editchain.lock import place_of
from editchain.plans import planning
from editchain.plans.tasks import REJECTED
from editchain.runs.locking import Locking, refuse_unlocked
from editchain.runs.supplying import adopt, fetch_needed, supply

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from editchain.pipeline import Pipeline, Step
    from editchain.plans.tasks import Plan, StepPlan
    from editchain.transferring import Transferred
    from editchain.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person chose: for which steps, how what is not here is come by, and what is asked for anew.

    `targets` narrows what is wanted to some steps; `fresh` names steps whose stored results do not count. Addresses are
    asked again with `refreshes`; nothing is looked for elsewhere when `is_offline`; what was paid for and is gone is
    bought again with `rebuys`; with `is_locked` the lock's own pictures are wanted, also where others cost nothing.
    """

    targets: Callable[[Step], bool] | None = None
    fresh: Callable[[StepPlan], bool] | None = None
    retry_rejected: bool = False
    refreshes: bool = False
    is_offline: bool = False
    is_locked: bool = False
    rebuys: bool = False


class Preparation:
    """A checked pipeline with its lock and the digests of its inputs, planned as often as what is known of it changes."""

    def __init__(self, workspace: Workspace, pipeline: Pipeline, choices: Choices | None = None) -> None:
        """Raises ConfigurationError or Unsettled where the lock cannot be used as it is."""
        self.workspace = workspace
        self.pipeline = pipeline
        self.choices = choices or Choices()
        self.place = place_of(pipeline.path)
        self._stamp = lockfiles.stamp(self.place)
        self.lock = lockfiles.read(self.place)
        self.digests = workspace.digest_inputs(pipeline, self.lock.by_address, refresh=self.choices.refreshes)
        self._gone: frozenset[bytes] = frozenset()
        self._known: frozenset[bytes] = frozenset()
        self._rejected: list[bytes] = []

    def fetch(self) -> None:
        """Fetches the addresses of which not even the digest is known. Raises PipelineError, Refused."""
        new = [one for one in addresses(self.pipeline).values() if self.digests.digest(one) is None]
        if new and (self.choices.is_offline or self.choices.is_locked):
            shown = new[0].location.split("?", 1)[0]
            if self.choices.is_locked:
                raise Refused(f"--locked: {shown} is not in {os.path.relpath(self.place)}.")
            raise Refused(f"--offline: {shown} would have to be fetched.")
        fetch_all(self.workspace, self.pipeline, self.digests, new)

    def plan(self) -> Plan:
        """The plan as things stand. Raises BadPlan."""
        workspace, choices = self.workspace, self.choices
        has_remote = workspace.configuration.remote is not None and not choices.is_offline
        known = Known(
            workspace.look,
            self.digests,
            lost=workspace.store.lost(),
            retry_rejected=choices.retry_rejected,
            lock=self.lock,
            has=workspace.store.has,
            remakes=not (choices.is_locked or has_remote),
            gone=self._gone,
        )
        made = planning.plan(
            self.pipeline,
            known,
            workspace.choose,
            protect=workspace.protect,
            targets=choices.targets,
            fresh=choices.fresh,
        )
        self._known = frozenset(known.found) - self._gone
        self._rejected = [
            key
            for one in made.steps
            if REJECTED in one.states
            for at in one.ordinals()
            if one.states[at] == REJECTED and (key := one.keys[at]) is not None
        ]
        return made

    def refusals(self) -> Mapping[bytes, str]:
        """What vendors said of the tasks of the last plan that they rejected before, by the tasks' keys."""
        look = self.workspace.look
        return (
            {} if look is None else {key: one.message for key, one in look.refusals(self._rejected).items()}
        )

    def supplied(self, watch: Callable[[Transferred], None] | None = None) -> Plan:
        """The plan once everything that it needs is here: pictures from the remote store, addresses fetched.

        Raises Refused where something was paid for and cannot be had, RemoteError, StoreError, PipelineError.
        """
        workspace, choices = self.workspace, self.choices
        plan = self._planned()
        while plan.counts["known"]:
            self._gone |= supply(workspace, plan, choices, watch)
            adopt(workspace, plan, self.lock, self._known - self._gone)
            plan = self._planned()
        if adopt(workspace, plan, self.lock, self._known):
            plan = self._planned()
        fetch_needed(workspace, plan, self.digests, choices)
        return plan

    def _planned(self) -> Plan:
        """The plan, held to the lock where that is wanted."""
        plan = self.plan()
        if self.choices.is_locked:
            refuse_unlocked(plan, self.lock, self.place, self.workspace.look, self.choices.targets)
        return plan

    def locking(self, *, is_partial: bool = False) -> Locking:
        """What the lock is written by after a run; what could not be had and is made again is new in it."""
        return Locking(self.place, self.lock, self._stamp, self._gone, is_partial)

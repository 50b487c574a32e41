"""Whether a person agrees to what a run may cost."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import TYPE_CHECKING

import click

from editchain.commands.saying import say
from editchain.runs.allowing import refuse_dear
from editchain.runs.reporting import summary_line

if TYPE_CHECKING:
    from collections.abc import Collection

    from editchain.journal.ledger import Ceiling
    from editchain.plans.tasks import Plan
    from editchain.workspace import Workspace


class Declined(click.Abort):
    """A person said no to what a plan costs."""


def agree(
    workspace: Workspace, plan: Plan, ceilings: Collection[Ceiling], *, yes: bool, asks_always: bool = False
) -> None:
    """Raises Refused where a plan costs more than it may; at a terminal, asks before it costs much.

    With `asks_always` before it costs anything. Raises Declined where the answer is no.
    """
    refuse_dear(workspace, plan, ceilings)
    most = max(plan.money.most.values(), default=Decimal(0))
    least = Decimal(0) if asks_always else Decimal(str(workspace.configuration.confirm_above))
    is_much = most > least or bool(plan.money.unknown)
    if not plan.calls or not is_much or yes:
        return
    if sys.stdin.isatty():
        if not click.confirm(f"{summary_line(plan)}. Go on?", err=True):
            raise Declined
    elif not ceilings:
        say(
            "notice: nobody is asked, as this is no terminal, and no budget holds what it may cost; "
            "--budget AMOUNT does, and --yes says that it is meant"
        )

"""What may be spent: the ceilings that hold for a run, and a person's consent."""

from __future__ import annotations

import sys
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

import click

from editchain.errors import ConfigurationError, Refused
from editchain.journal.ledger import Ceiling
from editchain.runs.reporting import summary_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from editchain.plans.tasks import Plan
    from editchain.workspace import Workspace


def ceilings_of(workspace: Workspace, plan: Plan, option: str | None) -> tuple[Ceiling, ...]:
    """What the command line, the pipeline and the workspace allow; they hold together. Raises ConfigurationError."""
    found = []
    if option is not None:
        amount, _, unit = option.strip().partition(" ")
        found.append(Ceiling(_amount(amount, f'--budget "{option}"'), unit.strip() or None))
    if (budget := plan.pipeline.budget) is not None:
        found.append(Ceiling(Decimal(budget.most), budget.currency))
    if (said := workspace.configuration.budget) is not None:
        most = _amount(str(said.get("max")), "[budget] max in editchain.toml")
        found.append(Ceiling(most, said.get("currency")))
    return tuple(found)


def _amount(text: str, what: str) -> Decimal:
    try:
        most = Decimal(text)
    except InvalidOperation:
        most = Decimal(-1)
    if not most.is_finite() or most < 0:
        raise ConfigurationError(f'{what} is not an amount such as 3.00 or "3.00 USD".')
    return most


def agree(workspace: Workspace, plan: Plan, ceilings: Iterable[Ceiling], *, yes: bool) -> None:
    """Raises Refused where a plan costs more than it may; at a terminal, asks before it costs much."""
    for ceiling in ceilings:
        for unit, least in plan.money.least.items():
            if ceiling.currency in (None, unit) and least > ceiling.most:
                raise Refused(
                    f"This would cost at least {least:f} {unit}, more than the budget of {ceiling.most:f}. "
                    "Raise the budget, or run less."
                )
    total = sum(plan.money.most.values(), Decimal(0))
    is_much = total > Decimal(str(workspace.configuration.confirm_above))
    if plan.calls and is_much and not yes and sys.stdin.isatty():
        click.confirm(f"{summary_line(plan)}. Go on?", abort=True, err=True)

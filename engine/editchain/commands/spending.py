"""What may be spent: the ceilings that hold for a run, and a person's consent."""

from __future__ import annotations

import sys
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

import click

from editchain.errors import ConfigurationError, Refused
from editchain.journal.ledger import NO_RATES, Ceiling, no_rate, plain
from editchain.runs.reporting import summary_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from editchain.journal.ledger import Rates
    from editchain.plans.tasks import Plan
    from editchain.workspace import Workspace


class Declined(click.Abort):
    """A person said no to what a plan costs."""


def ceilings_of(
    workspace: Workspace, plan: Plan, option: str | None, spent: Mapping[str, Decimal] | None = None
) -> tuple[Ceiling, ...]:
    """What the command line, the pipeline and the workspace allow; they hold together.

    `spent` is what already went off the command line's amount, by currency. Raises ConfigurationError, Refused.
    """
    found = []
    if option is not None:
        amount, _, unit = option.strip().partition(" ")
        whole = Ceiling(_amount(amount, f'--budget "{option}"'), unit.strip() or None)
        gone = _in_all(spent or {}, whole, workspace.configuration.rates or NO_RATES)
        found.append(Ceiling(max(Decimal(0), whole.most - gone), whole.currency))
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


def agree(
    workspace: Workspace, plan: Plan, ceilings: Iterable[Ceiling], *, yes: bool, asks_always: bool = False
) -> None:
    """Raises Refused where a plan costs more than it may; at a terminal, asks before it costs much.

    With `asks_always` before it costs anything. Raises Declined where the answer is no.
    """
    rates = workspace.configuration.rates or NO_RATES
    for ceiling in ceilings:
        least = _in_all(plan.money.least, ceiling, rates)
        if least > ceiling.most:
            unit = ceiling.currency or " and ".join(plan.money.least)
            raise Refused(
                f"This would cost at least {plain(least)} {unit}, more than the budget of {plain(ceiling.most)}. "
                "Raise the budget, or run less."
            )
    most = max(plan.money.most.values(), default=Decimal(0))
    least = Decimal(0) if asks_always else Decimal(str(workspace.configuration.confirm_above))
    is_much = most > least or bool(plan.money.unknown)
    is_asked = plan.calls and is_much and not yes and sys.stdin.isatty()
    if is_asked and not click.confirm(f"{summary_line(plan)}. Go on?", err=True):
        raise Declined


def _in_all(amounts: Mapping[str, Decimal], ceiling: Ceiling, rates: Rates) -> Decimal:
    """What of some amounts counts towards a ceiling, in its currency. Raises Refused where one has no rate."""
    if ceiling.currency is None:
        return max(amounts.values(), default=Decimal(0))
    total = Decimal(0)
    for unit, amount in amounts.items():
        if ceiling.is_for_its_own and unit != ceiling.currency:
            continue
        worth = rates.worth(amount, unit, ceiling.currency)
        if worth is None:
            raise Refused(f"Under this budget nothing can be bought: {no_rate(ceiling.currency, unit)}.")
        total += worth
    return total

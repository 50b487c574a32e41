"""Allowing: the ceilings that hold for a run, and whether a plan keeps within them."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from editchain.diagnostics import counted
from editchain.errors import ConfigurationError, Refused
from editchain.journal.ledger import NO_RATES, Ceiling, no_rate, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from editchain.journal.ledger import Rates
    from editchain.plans.tasks import Plan
    from editchain.workspace import Workspace


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


def refuse_dear(workspace: Workspace, plan: Plan, ceilings: Iterable[Ceiling]) -> None:
    """Raises Refused where a plan surely costs more than it may."""
    rates = workspace.configuration.rates or NO_RATES
    for ceiling in ceilings:
        least = _in_all(plan.money.least, ceiling, rates)
        if least > ceiling.most:
            unit = ceiling.currency or " and ".join(plan.money.least)
            raise Refused(
                f"This would cost at least {plain(least)} {unit}, more than the budget of {plain(ceiling.most)}. "
                "Raise the budget, or run less."
            )


def doubts(workspace: Workspace, plan: Plan, ceilings: Iterable[Ceiling]) -> Iterator[str]:
    """What may end a run before all is bought, as sentences."""
    rates = workspace.configuration.rates or NO_RATES
    ceilings = tuple(ceilings)
    for ceiling in ceilings:
        try:
            most = _in_all(plan.money.most, ceiling, rates)
        except Refused as error:
            yield f"a run might end early: {error}"
            continue
        if most > ceiling.most:
            unit = ceiling.currency or " and ".join(plan.money.most)
            yield f"a run might end early: it may cost up to {plain(most)} {unit}, more than the budget of {plain(ceiling.most)}."
    if ceilings and plan.money.unknown:
        what = counted(plan.money.unknown, "call")
        yield f"a run might end early: {what} of no known price, which a budget lets go only where the vendor says it beforehand."


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

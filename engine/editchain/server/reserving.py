"""Reserving: what a plan may cost at the most, and whether a key may still spend that. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from editchain.journal.ledger import plain
from editchain.server.asking import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from editchain.plans.tasks import Plan
    from editchain.server.keys import Limits
    from editchain.server.shelf import Spent


@dataclass(frozen=True, slots=True)
class Price:
    """What a plan costs: its calls, the most of each currency (decimals), and how many calls have no known price."""

    calls: int
    most: Mapping[str, str]
    unknown: int

    @classmethod
    def of(cls, plan: Plan) -> Price:
        """The price of a plan."""
        most = {currency: plain(amount) for currency, amount in plan.money.most.items()}
        return cls(plan.calls, most, plan.money.unknown)

    @property
    def ceiling(self) -> tuple[str | None, str | None]:
        """The most that it costs, with its currency; None where that is not known, or there are no calls."""
        if not self.calls or self.unknown or len(self.most) != 1:
            return None, None
        ((currency, amount),) = self.most.items()
        return amount, currency


def refuse_beyond(limits: Limits, price: Price, spent: Spent) -> None:
    """Raises Refusal where a price is more than a key may still spend."""
    if limits.spending is None or not price.calls:
        return
    amount, currency = price.ceiling
    if amount is None:
        raise Refusal(402, "The price of this is not known, and this key has a limit on spending")
    if limits.currency not in (None, currency):
        raise Refusal(402, f"This costs {currency}, and the limit of this key is in {limits.currency}")
    used = sum((Decimal(cost) for cost, unit in spent if unit == currency), Decimal(0))
    if used + Decimal(amount) > Decimal(limits.spending):
        raise Refusal(
            402,
            f"This may cost {amount} {currency}; {plain(used)} of {limits.spending} are spent or reserved",
        )

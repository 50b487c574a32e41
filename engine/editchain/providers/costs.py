"""What a call cost: the tokens or credits that a vendor counts, by the prices of the model's document."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from editchain.models import Price

_MILLION = Decimal(1_000_000)


def amount(prices: Sequence[Price], counts: Mapping[str, int | Decimal]) -> str | None:
    """What was counted, by the price of each kind of it, as exact decimal text.

    `counts` goes by what the prices are per: `credit`, or `million image tokens out` of which the tokens are counted.
    None where nothing was counted, or something has no price, only a range, or one that goes by the step's fields.
    """
    total = Decimal(0)
    counted = {per: count for per, count in counts.items() if count}
    for per, count in counted.items():
        price = next(
            (one for one in prices if one.per == per and one.least == one.most and one.when is None), None
        )
        if price is None:
            return None
        total += count * price.most / (_MILLION if per.startswith("million ") else 1)
    return f"{total.normalize():f}" if counted else None

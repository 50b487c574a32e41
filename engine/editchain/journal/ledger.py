"""What the calls of a run have reserved and spent, by currency."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING, NamedTuple

from editchain.classes import dataclass
from editchain.journal.entries import OPEN_STATES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from editchain.journal.entries import Call


_RISEN = ", by its bills × "
_TIMES = Decimal("0.0001")


class Spending(NamedTuple):
    """Money in one currency. `unpriced` counts the calls that may charge an amount that nobody knows."""

    reserved: Decimal = Decimal(0)
    spent: Decimal = Decimal(0)
    unpriced: int = 0

    def __add__(self, other: object) -> Spending:
        if not isinstance(other, Spending):
            return NotImplemented
        return Spending(
            self.reserved + other.reserved, self.spent + other.spent, self.unpriced + other.unpriced
        )

    def __sub__(self, other: Spending) -> Spending:
        return Spending(
            self.reserved - other.reserved, self.spent - other.spent, self.unpriced - other.unpriced
        )


def spending(call: Call) -> Spending:
    """What one call has reserved or spent: while it is open its ceiling, after that what it charged."""
    if call.state in OPEN_STATES:
        return (
            Spending(unpriced=1) if call.price_most is None else Spending(reserved=Decimal(call.price_most))
        )
    if call.charged == "no":
        return Spending()
    # What may have been charged counts as charged: a budget must not be overrun by our not knowing.
    price = call.price_actual if call.price_actual is not None else call.price_most
    return Spending(unpriced=1) if price is None else Spending(spent=Decimal(price))


class Ledger:
    """The sums over some calls, kept up to date as they change: no adding up for every new one.

    It also learns from bills: a vendor that took more than its table says is expected to do so again, so that a price
    that rises during a run is reserved as it is and not as it was.
    """

    def __init__(self, calls: Iterable[Call] = (), earlier: Iterable[Call] = ()) -> None:
        """`earlier` calls are learned from, and do not count."""
        self._calls: dict[str, tuple[str, Spending]] = {}
        self._sums: dict[str, Spending] = {}
        self._risen: dict[tuple[str, str, str], Decimal] = {}
        for call in earlier:
            self._learn(call)
        for call in calls:
            self.note(call)

    def note(self, call: Call) -> None:
        """Takes a call in its newest state."""
        self._learn(call)
        if call.id in self._calls:
            currency, old = self._calls[call.id]
            self._sums[currency] -= old
        currency, new = call.currency or "", spending(call)
        self._calls[call.id] = (currency, new)
        self._sums[currency] = self._sums.get(currency, Spending()) + new

    def _learn(self, call: Call) -> None:
        if call.price_actual is None or call.price_most is None or call.charged != "yes":
            return
        most, actual = Decimal(call.price_most), Decimal(call.price_actual)
        if actual > most > 0:
            table, times = _table(call)
            times = (times * actual / most).quantize(_TIMES, ROUND_CEILING)
            self._risen[table] = max(self._risen.get(table, times), times)

    def raised(self, call: Call) -> Call:
        """A new call with the most that it may cost after what others by the same table did; its price's source says so."""
        table, _ = _table(call)
        times = self._risen.get(table)
        if times is None or call.price_most is None:
            return call
        return call._replace(
            price_most=plain(Decimal(call.price_most) * times),
            price_source=f"{call.price_source}{_RISEN}{plain(times)}",
        )

    def sums(self) -> dict[str, Spending]:
        """Currency to what is reserved and spent in it; calls without a currency are under the empty text."""
        return dict(self._sums)


def as_listed(call: Call) -> Call:
    """A call at the price that its table lists, whatever bills had taught when it was made."""
    (_, _, source), times = _table(call)
    if call.price_most is None or times == 1:
        return call
    return call._replace(price_most=plain(Decimal(call.price_most) / times), price_source=source)


def _table(call: Call) -> tuple[tuple[str, str, str], Decimal]:
    """Where the ceiling of a call is from, and how many times the table's it is. A table that was corrected is another."""
    source, _, times = (call.price_source or "").partition(_RISEN)
    return (call.provider, call.route, source), Decimal(times or 1)


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What a run may spend: an amount in a currency, None for whichever one its calls are priced in.

    With `is_for_its_own` what costs another currency is not its business; else that has to have a rate.
    """

    most: Decimal
    currency: str | None
    is_for_its_own: bool = False


@dataclass(frozen=True, slots=True)
class Rates:
    """What one unit of a currency is worth in another, as the workspace says it, with the date of that."""

    table: Mapping[tuple[str, str], Decimal] = field(default_factory=dict)
    dates: Mapping[str, str] = field(default_factory=dict)

    def worth(self, amount: Decimal, unit: str, wanted: str) -> Decimal | None:
        """An amount in another currency; None where there is no rate for it."""
        if unit == wanted or not amount:
            return amount
        if (rate := self.table.get((unit, wanted))) is not None:
            return amount * rate
        back = self.table.get((wanted, unit))
        return None if back is None else amount / back


NO_RATES = Rates()


Judge = Callable[["Call", Mapping[str, Spending]], str | None]
"""Asked inside the transaction that journals an intent, with the call and what the run has reserved and spent."""


def judge(ceilings: tuple[Ceiling, ...], rates: Rates = NO_RATES) -> Judge:
    """Gives a sentence where a ceiling has no room for a call."""

    def refusal(call: Call, sums: Mapping[str, Spending]) -> str | None:
        currency = call.currency or ""
        for ceiling in ceilings:
            if call.price_most is None:
                return "under a budget a call without a known ceiling is not sent"
            if ceiling.is_for_its_own and ceiling.currency != currency:
                continue
            unit = ceiling.currency or currency
            price = rates.worth(Decimal(call.price_most), currency, unit)
            if price is None:
                return no_rate(unit, currency)
            used = Decimal(0)
            for other, taken in sums.items():
                amount = taken.reserved + taken.spent
                if other != unit and (ceiling.is_for_its_own or ceiling.currency is None):
                    continue
                worth = rates.worth(amount, other, unit)
                if worth is None:
                    return no_rate(unit, other)
                used += worth
            if used + price > ceiling.most:
                return (
                    f"{plain(used)} of {plain(ceiling.most)} {unit} are spent or reserved, "
                    f"and this call may cost {plain(price)}"
                )
        return None

    return refusal


def no_rate(unit: str, currency: str) -> str:
    """Why a budget cannot hold a price in another currency, and what would let it."""
    return (
        f"the budget is in {unit} and the price of this call in {currency}; "
        f"[prices.{currency}] in editchain.toml can say what one {currency} is worth"
    )


def plain(amount: Decimal) -> str:
    """An amount without zeros that say nothing."""
    return f"{amount.normalize():f}"

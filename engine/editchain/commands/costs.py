"""editchain costs: what calls were expected to cost and what they did, by run, step, model, vendor or day."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from editchain.commands import showing
from editchain.commands.running_now import find_run, pipeline_of
from editchain.commands.saying import say, write_json
from editchain.commands.shared import nearest_workspace
from editchain.journal.entries import OPEN_STATES
from editchain.journal.ledger import as_listed, plain, spending
from editchain.runs import outlining
from editchain.runs.outlining import PREFIX_BYTES
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from editchain.journal.entries import Call
    from editchain.journal.journal import Journal

BY = ("run", "step", "model", "vendor", "day")
FORMATS = ("text", "json", "csv")
ALARM = Decimal("0.10")
"""Beyond this part of what was expected at the most, or at the least, actual costs and price tables have parted ways."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One call in the ledger. Amounts are decimals in `currency`, None where they are not known."""

    call: Call
    pipeline: str | None
    tasks: tuple[str, ...]

    @property
    def day(self) -> str:
        """The day of the call, in UTC."""
        return f"{datetime.fromtimestamp(self.call.intent_at or 0, UTC):%Y-%m-%d}"

    @property
    def steps(self) -> str:
        """The steps that it served."""
        return ", ".join(dict.fromkeys(one.partition("[")[0] for one in self.tasks)) or "?"

    def key(self, by: str) -> str:
        """What it is summed under."""
        keys = {
            "run": self.call.run or "?",
            "step": self.steps,
            "model": self.call.model,
            "vendor": self.call.provider,
        }
        return {**keys, "day": self.day}[by]


@dataclass(slots=True)
class Sum:
    """Calls that are summed: what they were expected to cost, what they did, and what is still open or not known."""

    calls: int = 0
    least: Decimal = Decimal(0)
    most: Decimal = Decimal(0)
    spent: Decimal = Decimal(0)
    reserved: Decimal = Decimal(0)
    unpriced: int = 0
    unknown: int = 0
    doubtful: int = 0

    def add(self, call: Call) -> None:
        """Takes a call in."""
        self.calls += 1
        found = spending(call)
        self.spent += found.spent
        self.reserved += found.reserved
        self.unpriced += found.unpriced
        self.unknown += call.charged == "unknown"
        self.doubtful += call.charged == "unknown" and call.state in OPEN_STATES
        if call.charged != "no":
            self.least += Decimal(call.price_least or 0)
            self.most += Decimal(call.price_most or 0)


@dataclass(slots=True)
class Ledger:
    """The calls of a workspace, or of one run, with their sums by (what they are summed under, currency)."""

    entries: list[Entry] = field(default_factory=list)

    def sums(self, by: str) -> dict[tuple[str, str], Sum]:
        """The sums, in order of what they are under."""
        found: dict[tuple[str, str], Sum] = {}
        for entry in self.entries:
            key = (entry.key(by), entry.call.currency or "")
            found.setdefault(key, Sum()).add(entry.call)
        return dict(sorted(found.items()))

    def apart(self) -> Iterator[tuple[str, str, Decimal, Decimal, Decimal]]:
        """Models at vendors whose actual costs are outside of what their tables say: what, currency, least, most, actual."""
        sums: dict[tuple[str, str], Sum] = {}
        for entry in self.entries:
            call = as_listed(entry.call)
            if call.price_actual is not None and call.price_most is not None and call.charged == "yes":
                sums.setdefault((f"{call.model} at {call.provider}", call.currency or ""), Sum()).add(call)
        for (what, currency), one in sums.items():
            if one.spent > one.most * (1 + ALARM) or one.spent < one.least * (1 - ALARM):
                yield what, currency, one.least, one.most, one.spent


@click.command(
    "costs", epilog="Examples:\n\n\b\n  editchain costs --by day\n  editchain costs last --format csv"
)
@click.argument("run", required=False)
@click.option("--by", type=click.Choice(BY), default="run", show_default=True, help="What is summed up.")
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="text", help="csv has a line for each call."
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def command(run: str | None, by: str, form: str, as_json: bool) -> int:
    """Show what calls were expected to cost and what they did, and where tables and bills have parted ways.

    With a RUN (its id, the beginning of it, or last) only its calls count. What may have been charged counts as charged.
    """
    with Workspace(nearest_workspace(Path.cwd())) as workspace:
        look = workspace.look
        wanted = find_run(look, run).id if run is not None else None
        ledger = read_ledger(look, workspace.folder, wanted)
    if as_json or form == "json":
        write_json(_document(ledger, by))
    elif form == "csv":
        out = io.StringIO()
        write_csv(ledger, out)
        click.echo(out.getvalue(), nl=False)
    elif not ledger.entries:
        say("No call was ever made here, so nothing was spent." if run is None else "That run made no calls.")
    else:
        click.echo("\n".join(_lines(ledger, by)))
    for what, currency, least, most, spent in ledger.apart():
        expected = plain(least) if least == most else f"{plain(least)}–{plain(most)}"
        say(
            f"warning: {what} cost {plain(spent)} {currency}, and its price table says {expected}: look at its prices again"
        )
    return 0


def read_ledger(look: Journal | None, folder: Path, run: str | None) -> Ledger:
    """The calls of a run, or of all runs, the oldest first; `folder` is the store's. Raises StoreError."""
    if look is None:
        return Ledger()
    calls = look.calls(run)
    served = look.call_tasks(call.id for call in calls)
    runs = [one for one in dict.fromkeys(call.run for call in calls) if one is not None]
    records = {one: look.run(one) for one in runs}
    pipelines = {name: pipeline_of(record) for name, record in records.items() if record is not None}
    outlines = {one: outlining.read(folder, one) for one in runs}
    names = {one: found.names() for one, found in outlines.items() if found is not None}

    def tasks(call: Call) -> Iterator[str]:
        known = names.get(call.run or "", {})
        for task in served.get(call.id, ()):
            if (name := known.get(task.key[:PREFIX_BYTES])) is not None:
                yield name

    return Ledger([Entry(call, pipelines.get(call.run or ""), tuple(tasks(call))) for call in calls])


# ---------------------------------------------------------------------- how it is shown


def _lines(ledger: Ledger, by: str) -> Iterator[str]:
    header = (by, "calls", "expected", "cost", "currency", "")
    rows = [(key, *_row(one, currency)) for (key, currency), one in ledger.sums(by).items()]
    totals: dict[str, Sum] = {}
    for entry in ledger.entries:
        totals.setdefault(entry.call.currency or "", Sum()).add(entry.call)
    if len(rows) > 1:
        rows += [("in all", *_row(one, currency)) for currency, one in sorted(totals.items())]
    yield from showing.table(header, rows)


def _row(one: Sum, currency: str) -> tuple[str, ...]:
    expected = plain(one.least) if one.least == one.most else f"{plain(one.least)}–{plain(one.most)}"
    notes = [f"{plain(one.reserved)} reserved"] if one.reserved else []
    notes += [f"{one.unpriced} at an unknown price"] if one.unpriced else []
    notes += [f"{one.doubtful} in doubt: editchain resolve"] if one.doubtful else []
    ended = one.unknown - one.doubtful
    notes += [f"{ended} ended without a picture, and may not have been charged"] if ended else []
    return f"{one.calls:,}", expected, plain(one.spent), currency or "?", "; ".join(notes)


def _document(ledger: Ledger, by: str) -> dict[str, Any]:
    return {
        "by": by,
        "sums": [
            {
                "key": key, "currency": currency or None, "calls": one.calls, "least": plain(one.least),
                "most": plain(one.most), "spent": plain(one.spent), "reserved": plain(one.reserved),
                "unpriced": one.unpriced, "unknown": one.unknown,
            }
            for (key, currency), one in ledger.sums(by).items()
        ],
        "calls": [_call(entry) for entry in ledger.entries],
        "apart": [
            {"what": what, "currency": currency or None, "least": plain(least), "most": plain(most), "spent": plain(spent)}
            for what, currency, least, most, spent in ledger.apart()
        ],
    }  # fmt: skip


def _call(entry: Entry) -> dict[str, Any]:
    call = entry.call
    return {
        "id": call.id, "at": showing.timestamp(call.intent_at), "run": call.run, "pipeline": entry.pipeline,
        "tasks": list(entry.tasks), "model": call.model, "vendor": call.provider, "state": call.state,
        "charged": call.charged, "least": _plainly(call.price_least), "most": _plainly(call.price_most),
        "actual": _plainly(call.price_actual),
        "currency": call.currency, "source": call.price_source, "vendor_id": call.vendor_id,
        "is_open": call.state in OPEN_STATES,
    }  # fmt: skip


def _plainly(amount: str | None) -> str | None:
    return None if amount is None else plain(Decimal(amount))


def write_csv(ledger: Ledger, file: TextIO) -> None:
    """A line for each call. No cell is a formula to a spreadsheet."""
    columns = (
        "at",
        "run",
        "pipeline",
        "tasks",
        "model",
        "vendor",
        "state",
        "charged",
        "least",
        "most",
        "actual",
        "currency",
        "source",
        "id",
    )
    writer = csv.writer(file)
    writer.writerow(columns)
    for entry in ledger.entries:
        document = _call(entry) | {"tasks": "; ".join(entry.tasks)}
        writer.writerow([_harmless(document[name]) for name in columns])


def _harmless(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text

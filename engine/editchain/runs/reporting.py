"""Reporting: plans and runs in words, on a terminal, in a log, or as JSON lines."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Self, TextIO

from editchain.diagnostics import counted, duration, one_of, visible
from editchain.plans.dimensions import shape
from editchain.plans.tasks import AFTER, KNOWN, REJECTED, RUN, STATES
from editchain.runs.outcomes import FILE_IN_THE_WAY, FOLDER_IN_THE_WAY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from decimal import Decimal

    from editchain.plans.tasks import Money, Plan, StepPlan
    from editchain.runs.outcomes import Ended, Notice
    from editchain.runs.running import Report
    from editchain.transferring import Transferred

REFRESH_SECONDS = 0.1
ALIKE = 3
"""How many tasks without a picture are named of those that have the same reason; the others are counted."""
MOST_REJECTED = 10


def price(money: Money, calls: int) -> str:
    """What calls cost at the most: `0.12–0.19 USD`; what is unknown is said to be."""
    if not calls:
        return "free"
    parts = [_interval(money.least[currency], most, currency) for currency, most in money.most.items()]
    if money.unknown:
        parts.append(f"{counted(money.unknown, 'call')} at an unknown price" if parts else "price unknown")
    return " + ".join(parts)


def _interval(least: Decimal, most: Decimal, currency: str) -> str:
    amounts = f"{least.normalize():f}" if least == most else f"{least.normalize():f}–{most.normalize():f}"
    return f"{amounts} {currency}"


def summary_line(plan: Plan) -> str:
    """The plan in a line: `12 tasks · 9 cached · 3 calls · 0.12–0.19 USD`."""
    counts = plan.counts
    to_do = counts["run"] + counts["after"]
    parts = [counted(plan.total, "task"), f"{counts['cached']:,} cached"]
    if counts["known"]:
        parts.append(f"{counts['known']:,} known")
    if local := _to_do_here(plan):
        parts.append(f"{local:,} to run here" if plan.calls else f"{local:,} to run")
    if counts["rejected"]:
        parts.append(f"{counts['rejected']:,} rejected")
    if counts["unneeded"]:
        parts.append(f"{counts['unneeded']:,} not needed")
    if plan.calls:
        parts += [counted(plan.calls, "call"), price(plan.money, plan.calls)]
    elif to_do:
        parts.append("free")
    return " · ".join(parts)


def _to_do_here(plan: Plan) -> int:
    """How many tasks are left to do on this machine; equal ones at a vendor are one call, and none of them is here."""
    here = 0
    for one in plan.steps:
        if all(way.is_local for way in one.ways):
            here += one.states.count(RUN) + one.states.count(AFTER)
        elif any(way.is_local for way in one.ways):
            here += sum(one.states[at] in (RUN, AFTER) and one.way(at).is_local for at in one.ordinals())
    return here


def plan_lines(plan: Plan, reason: Callable[[StepPlan, int], str]) -> Iterator[str]:
    """What will happen, by step, each with its reason in a phrase; what is stored is not spoken of."""
    width = max((len(one.name) for one in plan.steps), default=0)
    for one in plan.steps:
        counts = {state: one.states.count(state) for state in (RUN, AFTER, REJECTED, KNOWN)}
        if not any(counts.values()):
            continue
        to_do = counts[RUN] + counts[AFTER]
        parts = []
        if to_do:
            where = _where(one)
            parts.append(f"{to_do:,} of {one.total:,}" if one.total > 1 else "1")
            if one.total > 1:
                parts.append(f"({shape(one.dimensions)})")
            parts.append(where)
            parts = [" ".join(parts), "; ".join(dict.fromkeys(_reasons(one, reason)))]
        if counts[KNOWN]:
            parts.append(_known(counts[KNOWN]))
        if counts[REJECTED]:
            parts.append(f"{counts[REJECTED]:,} rejected before: --retry-rejected asks again")
        yield f"  {one.name:<{width}}  {' · '.join(parts)}"


def rejected_before(plan: Plan, said: Mapping[bytes, str]) -> Iterator[str]:
    """What was rejected in an earlier run and is not asked for again by itself, with what its vendor said."""
    found = [
        (one.task_name(at), said.get(one.keys[at] or b"", ""))
        for one in plan.steps
        if REJECTED in one.states
        for at in one.ordinals()
        if one.states[at] == REJECTED
    ]
    for task, message in found[:MOST_REJECTED]:
        yield f"rejected before: {visible(task)}: {visible(message)}"
    if len(found) > MOST_REJECTED:
        yield f"rejected before: and {len(found) - MOST_REJECTED:,} more"
    if found:
        yield "notice: what was rejected before is asked for again where the step changes, or with --retry-rejected"


def _known(count: int) -> str:
    return f"{count:,} known: {'its picture is' if count == 1 else 'their pictures are'} not here"


def rebuying_line(plan: Plan) -> str | None:
    """What it would cost to buy again what is known and not here; None where nothing is."""
    if not plan.counts["known"]:
        return None
    what = f"{counted(plan.counts['known'], 'picture')} known and not here: a run looks for {'it' if plan.counts['known'] == 1 else 'them'} in the remote store"
    if not plan.calls_again:
        return what
    return f"{what}; buying again what that does not have would be {counted(plan.calls_again, 'call')} at the most, {price(plan.rebuying, plan.calls_again)}"


def _where(one: StepPlan) -> str:
    names = []
    for way in one.ways:
        route = way.route
        names.append(
            way.document.name if way.is_local or route is None else f"{way.document.name} at {route.provider}"
        )
    return f"by {one_of(dict.fromkeys(names))}"


def _reasons(one: StepPlan, reason: Callable[[StepPlan, int], str]) -> Iterator[str]:
    """The reasons of a step's tasks, looked into for the first of each kind only."""
    for state in (RUN, AFTER):
        at = one.states.find(state)
        if at >= 0:
            yield reason(one, at)


def price_dates(plan: Plan) -> Iterator[str]:
    """From when the prices are that a plan counts with."""
    told = set()
    for one in plan.steps:
        if RUN not in one.states and AFTER not in one.states:
            continue
        for way in one.ways:
            if (
                way.price is not None
                and not way.is_local
                and (way.document.name, way.price.route) not in told
            ):
                told.add((way.document.name, way.price.route))
                yield f"the price of {way.document.name} at {way.price.route} is of {way.price.date} ({way.price.source})"


def plan_json(plan: Plan, reason: Callable[[StepPlan, int], str]) -> dict[str, Any]:
    """The plan as data: numbers, money, and every task with its state and key."""
    tasks = []
    for one in plan.steps:
        said: dict[int, str] = {}
        for ordinal in one.ordinals():
            state = one.states[ordinal]
            key = one.keys[ordinal]
            task: dict[str, Any] = {
                "step": one.name,
                "task": one.task_name(ordinal),
                "state": STATES[state],
                "key": None if key is None else key.hex(),
            }
            if state in (RUN, AFTER):
                if state not in said:
                    said[state] = reason(one, ordinal)
                task["reason"] = said[state]
            tasks.append(task)
    money = plan.money
    return {
        "pipeline": plan.pipeline.name,
        "summary": {
            "tasks": plan.total,
            "cached": plan.counts["cached"],
            "known": plan.counts["known"],
            "to_run": plan.counts["run"] + plan.counts["after"],
            "rejected": plan.counts["rejected"],
            "calls": plan.calls,
            "unpriced_calls": money.unknown,
            "price": _amounts(money),
            "rebuying": {
                "calls": plan.calls_again,
                "unpriced_calls": plan.rebuying.unknown,
                "price": _amounts(plan.rebuying),
            },
        },
        "problems": list(plan.problems),
        "notices": list(plan.notices),
        "tasks": tasks,
    }


def _amounts(money: Money) -> list[dict[str, str]]:
    return [
        {"currency": currency, "least": str(money.least[currency]), "most": str(most)}
        for currency, most in money.most.items()
    ]


def plan_markdown(plan: Plan, reason: Callable[[StepPlan, int], str]) -> Iterator[str]:
    """The plan for a pull request."""
    yield f"**{plan.pipeline.name}**: {summary_line(plan)}"
    rows = [
        (
            one.name,
            f"{sum(one.states.count(state) for state in (RUN, AFTER, KNOWN)):,} of {one.total:,}",
            _where(one).removeprefix("by "),
            "; ".join(dict.fromkeys([*_reasons(one, reason), *_knowns(one)])),
        )
        for one in plan.steps
        if RUN in one.states or AFTER in one.states or KNOWN in one.states
    ]
    if rows:
        yield ""
        yield "| step | tasks | by | why |"
        yield "|---|---|---|---|"
        for row in rows:
            yield "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |"


def _knowns(one: StepPlan) -> list[str]:
    count = one.states.count(KNOWN)
    return [_known(count)] if count else []


class Transfer:
    """Says how a transfer goes, in one live line on a terminal."""

    def __init__(self, verb: str, total: int | None = None, *, is_live: bool) -> None:
        self._verb = verb
        self._total = total
        self._is_live = is_live
        self._shown = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def watch(self, moved: Transferred) -> None:
        """Takes what has been transferred so far."""
        now = time.monotonic()
        if self._is_live and now - self._shown >= REFRESH_SECONDS:
            self._shown = now
            of = f" of {self._total:,}" if self._total is not None else ""
            megabytes = moved.moved_bytes / 1e6
            sys.stderr.write(f"\r\x1b[2K{moved.done:,}{of} objects · {megabytes:,.1f} MB {self._verb}")
            sys.stderr.flush()

    def end(self) -> None:
        """Takes the live line away."""
        if self._shown:
            sys.stderr.write("\r\x1b[2K")
            self._shown = 0.0


class Progress:
    """Says how a run goes: one live line on a terminal, a line now and then in a log, an event a line as JSON."""

    def __init__(
        self,
        stream: TextIO,
        events: TextIO | None,
        plan: Plan,
        *,
        is_live: bool,
        unheard: Callable[[], None] = lambda: None,
    ) -> None:
        """`unheard` is called when whoever read what is written here went away."""
        self._unheard = unheard
        self._stream = stream
        self._events = events
        self._is_live = is_live
        self._total = plan.counts["run"] + plan.counts["after"]
        self._calls = plan.calls
        self._done = 0
        self._failed = 0
        self._alike: Counter[tuple[str, str]] = Counter()
        self._began = time.monotonic()
        self._shown = 0.0
        self._line = ""

    def emit(self, event: str, **fields: Any) -> None:
        """Writes one event, where events are wanted."""
        if self._events is not None:
            line = json.dumps({"version": 1, "event": event, **fields}, ensure_ascii=False)
            self._write(self._events, f"{line}\n")

    def watch(self, ended: Ended) -> None:
        """Takes the outcome of one task."""
        self._done += 1
        if self._events is not None:
            self.emit(
                "task",
                task=ended.address,
                step=ended.step,
                outcome=ended.outcome,
                message=ended.message or None,
                seconds=round(ended.seconds, 3),
            )
        if ended.outcome not in ("done", "cached", "stopped"):
            self._failed += 1
            if ended.outcome != "skipped":
                self._say_trouble(ended)
        now = time.monotonic()
        if (
            self._events is None
            and now - self._shown >= (REFRESH_SECONDS if self._is_live else 10.0)
            and self._done < self._total
        ):
            if self._is_live:
                self._live(now)
            elif self._shown:
                self.say(self._standing(now))
            self._shown = self._shown if not self._is_live and not self._shown else now
            self._shown = now

    def _say_trouble(self, ended: Ended) -> None:
        """Says what became of a task; of many that share a reason, only of the first few."""
        alike = ended.outcome, ended.message
        self._alike[alike] += 1
        if self._alike[alike] <= ALIKE:
            self.say(f"{ended.outcome}: {visible(ended.task)}: {visible(ended.message)}")

    def note(self, notice: Notice) -> None:
        """Takes what is to be known meanwhile; a retry that is safe is for the record, and not for the screen."""
        self.emit(
            "notice",
            kind=notice.kind,
            message=notice.message,
            task=notice.task,
            provider=notice.provider,
            call=notice.call,
        )
        if notice.kind != "retry":
            self.say(f"{notice.kind}: {visible(notice.message)}")

    def say(self, message: str) -> None:
        """A line of its own, above the live one."""
        if self._events is None:
            self._clear()
            self._write(self._stream, f"{message}\n")

    def _write(self, stream: TextIO, text: str) -> None:
        """Writes as long as somebody reads: that nobody does must not break off what is paid for."""
        try:
            stream.write(text)
            stream.flush()
        except OSError:
            self._unheard()

    def end(self) -> None:
        """Takes the live line away, and says how many tasks ended for a reason that was said of others."""
        for (outcome, message), count in self._alike.items():
            if count > ALIKE:
                self.say(f"{outcome}: {counted(count - ALIKE, 'more task')}: {visible(message)}")
        self._alike.clear()
        self._clear()

    def _standing(self, now: float) -> str:
        left = (now - self._began) / max(1, self._done) * (self._total - self._done)
        failed = f" · {self._failed} without a picture" if self._failed else ""
        return f"{self._done:,} of {self._total:,} tasks{failed} · about {duration(left)} left"

    def _live(self, now: float) -> None:
        filled = int(24 * self._done / max(1, self._total))
        self._clear()
        self._line = f"{'█' * filled}{'░' * (24 - filled)}  {self._standing(now)}"
        self._write(self._stream, self._line)

    def _clear(self) -> None:
        if self._line:
            self._write(self._stream, "\r\x1b[2K")
            self._line = ""


def run_lines(report: Report, seconds: float, shown: Callable[[str], str]) -> Iterator[str]:
    """What a run did: outcomes, files, and what to look at."""
    counts: dict[str, int] = {str(name): count for name, count in report.run.counts.items()}
    counts["rejected"] = counts.get("rejected", 0) + report.rejected
    parts = [
        f"{count:,} {name}"
        for name in ("done", "failed", "rejected", "skipped", "open", "waiting", "stopped")
        if (count := counts.get(name, 0))
    ]
    if cached := counts.get("cached", 0) + report.cached:
        parts.append(f"{cached:,} cached")
    publication = report.publication
    if publication.written:
        parts.append(f"{counted(len(publication.written), 'file')} published")
    elif publication.unchanged and not publication.left_alone:
        parts.append("outputs unchanged")
    if retries := sum(one.kind == "retry" for one in report.run.notices):
        parts.append(f"{retries:,} safe {'retry' if retries == 1 else 'retries'}")
    yield " · ".join([*parts, f"{seconds:.1f} s"])
    for path in publication.written[:8]:
        yield f"  {shown(path)}"
    if len(publication.written) > 8:
        yield f"  and {len(publication.written) - 8:,} more"
    for path, why in publication.failed[:20]:
        yield f"  not published: {shown(path)}: {why}"
    for path, why in publication.left_alone[:20]:
        helps = why not in (FILE_IN_THE_WAY, FOLDER_IN_THE_WAY)
        yield f"  left alone: {shown(path)}: {why}{' (--overwrite replaces it)' if helps else ''}"
    if publication.pruned:
        yield f"  removed: {one_of([shown(path) for path in publication.pruned], most=8)}"

"""One trial of the storm: a workspace whose runs are killed, then run to its end, and judged by its vendor's bill."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.storm.forking import Ended, Nursery, Process
from tests.storm.trades import MOMENTS, TRADES, Blow, Market, Trade
from tests.workbench import paint, written

from editchain.journal.entries import Call
from editchain.journal.journal import Journal
from editchain.runs.books import Detail

LATER_SECONDS = 3600.0
"""After so long a vendor's list of jobs can be trusted."""
SETTLING_RUNS = 6
LAST_MOMENT = 700
LAST_MOMENT_OF_TWO = 480
"""Most runs of two calls have more moments."""
WIDTHS = (1, 1, 2, 2, 3, 4, 4, 6, 8, 8, 12, 16, 24, 32, 48, 64)
"""Concurrencies to choose from."""


class Wrong(AssertionError):
    """The engine broke a promise."""


@dataclass(frozen=True)
class Kill:
    """How a process comes to its end: at a moment of its own, at one of an exchange with its vendor, or after some time."""

    moment: int = 0
    blow: Blow | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Course:
    """What happens in a trial. `beside` has a second process at work on the same workspace each time."""

    trade: Trade
    calls: int
    concurrency: int
    kills: tuple[Kill, ...]
    samples: int = 1
    is_beside: bool = False


def at_random(seed: int) -> Course:
    """A course, the same for the same seed."""
    chance = random.Random(seed)
    trade = TRADES[chance.choice(["scenario", "scenario", "fal", "google"])]
    concurrency = chance.choice(WIDTHS)
    calls = max(2, concurrency) if concurrency > 8 else chance.randint(2, max(3, concurrency))
    samples = chance.choice([1, 1, trade.samples])
    kills = tuple(_a_kill(chance, calls) for _ in range(chance.choice([1, 1, 1, 2, 2, 3])))
    return Course(trade, calls, concurrency, kills, samples, is_beside=chance.random() < 0.15)


def in_recovery(number: int) -> Course:
    """A small course whose run is killed, and the run that recovers from it too; the same for the same number."""
    chance = random.Random(number)
    trade = TRADES[chance.choice(list(TRADES))]
    kills = tuple(Kill(moment=chance.randint(1, LAST_MOMENT_OF_TWO)) for _ in range(2))
    return Course(trade, calls=2, concurrency=1, kills=kills)


def _a_kill(chance: random.Random, calls: int) -> Kill:
    kind = chance.choice(["moment", "moment", "moment", "blow", "blow", "time"])
    if kind == "moment":
        return Kill(moment=chance.randint(1, LAST_MOMENT + 40 * calls))
    if kind == "blow":
        moment = chance.choice(MOMENTS)
        is_dropped = moment == "heard" and chance.random() < 0.5
        return Kill(blow=Blow(chance.randint(1, 3 + 4 * calls), moment, is_dropped))
    return Kill(seconds=chance.uniform(0.0, 0.25 + 0.02 * calls))


@dataclass
class Trial:
    """One trial, in a folder that is not there yet."""

    folder: Path
    course: Course
    nursery: Nursery
    figures: Counter[str] = field(default_factory=Counter)
    died_at: Counter[str] = field(default_factory=Counter)
    passed: set[str] = field(default_factory=set)
    first_names: list[str] = field(default_factory=list)
    first_exchanges: list[str] = field(default_factory=list)
    exchanged: set[str] = field(default_factory=set)
    _only_in_replies: set[int] = field(default_factory=set)

    def go(self) -> None:
        """Its course, and the judgement. Raises Wrong."""
        self.folder.mkdir(parents=True)
        self._market = Market(self.course.trade)
        with self._market.open():
            self._prepare()
            for kill in self.course.kills:
                self._live(kill)
            self._settle()
        self.exchanged |= set(self._market.exchanges)
        self.figures["trials"] += 1
        self.figures["charges"] += len(self._market.sold)
        shutil.rmtree(self.folder)

    def _prepare(self) -> None:
        course = self.course
        paint(self.folder / "a.png")
        (self.folder / "editchain.toml").write_text(
            f'[providers.{course.trade.name}]\nbase_url = "{self._market.vendor.url}"\n'
            f'[fetch]\nplain_hosts = ["127.0.0.1"]\n[metadata]\npublish = "none"\n'
            f"[limits.{course.trade.name}]\nper_second = 5000\nconcurrency = {course.concurrency}\n"
            f"{course.trade.settings}"
        )
        numbers = ", ".join(f'"{number}"' for number in range(course.calls))
        more = f"\n    num_samples: {course.samples}" if course.samples > 1 else ""
        name = "{n}-{sample}" if course.samples > 1 else "{n}"
        written(
            self.folder,
            f"""
steps:
  edit:
    for_each: {{n: [{numbers}]}}
    model: {course.trade.model}
    image: a.png
    prompt: Number $n{more}
  small: {{operation: resize, image: $edit, width: 6}}
outputs:
  edit: {{from: $edit, path: "{name}.png"}}
  small: {{from: $small, path: "small/{name}.png"}}
""",
        )

    # ------------------------------------------------------------------ processes

    def _begin(self, *arguments: str, kill_at: int = 0) -> Process:
        return self.nursery.begin(
            self.folder, arguments or ("run", "p.yaml"), self.course.trade.environment, kill_at=kill_at
        )

    def _end(self, process: Process) -> Ended:
        ended = self.nursery.end(process)
        self.figures["processes"] += 1
        if process.died_at.exists():
            self.died_at[process.died_at.read_text()] += 1
            process.died_at.unlink()
        if process.names.exists():
            names = process.names.read_text().splitlines()
            self.first_names = self.first_names or names
            self.passed.update(names)
            process.names.unlink()
        if "Traceback" in ended.said:
            raise Wrong(f"a person is shown a traceback:\n{ended.said}")
        return ended

    def _live(self, kill: Kill) -> None:
        """One process, or two, of which the first is killed."""
        market = self._market
        market.exchanges.clear()
        market.blow = None if kill.blow is None else replace(kill.blow, has_hit=False)
        first = self._begin(kill_at=kill.moment)
        market.victim = first.pid
        others = [self._begin("run", "p.yaml", "-o", "out")] if self.course.is_beside else []
        timer = None
        if kill.seconds is not None:
            # Nobody waits for it before the timer is done, so that its number is its own.
            timer = threading.Timer(kill.seconds, os.kill, (first.pid, signal.SIGKILL))
            timer.start()
            timer.join()
        ended = self._end(first)
        market.blow = None
        self.first_exchanges = self.first_exchanges or list(market.exchanges)
        for other in others:
            self._expect(self._end(other), (0, 1, 4))
        if ended.is_killed:
            self.figures["kills"] += 1
            self.figures[f"kills at {self.course.concurrency} in flight"] += 1
            kind = "moment" if kill.moment else "exchange" if kill.blow else "time"
            self.figures[f"kills at a {kind}"] += 1
            if kill.blow:
                self.died_at[f"vendor: {kill.blow.moment}"] += 1
        else:
            self.figures["lived"] += 1
            self._expect(ended, (0, 1, 4))
        self._judge_bill()

    def _expect(self, ended: Ended, codes: Sequence[int]) -> None:
        if ended.code not in codes:
            raise Wrong(f"it ended with {ended.code}:\n{ended.said}")

    # ------------------------------------------------------------------ the end of it

    def _settle(self) -> None:
        """Runs until nothing is left that a run can do; what is held is resolved as a person would."""
        market = self._market
        market.vendor.server.ahead_seconds = LATER_SECONDS
        for _ in range(SETTLING_RUNS):
            ended = self._run()
            if ended.code == 4:
                self._judge_held(ended)
                self._resolve()
            elif ended.code == 0 or (ended.code == 1 and self._only_in_replies):
                break
        else:
            raise Wrong(f"it does not settle, and ends with {ended.code}:\n{ended.said}")
        self._judge_end(ended)

    def _run(self) -> Ended:
        ended = self._end(self._begin())
        self._expect(ended, (0, 1, 4))
        self._judge_bill()
        self._judge_leftovers()
        return ended

    def _judge_bill(self) -> None:
        most = self.course.samples
        twice = {number: many for number, many in self._market.pictures_sold.items() if many > most}
        if twice:
            raise Wrong(f"charged more than once: {twice}")
        again = {number for number, times in self._market.heard.items() if times > 1}
        if not self.course.trade.can_settle and again:
            raise Wrong(f"sent again to a vendor that cannot tell what became of it: {again}")

    def _judge_leftovers(self) -> None:
        left = [
            path
            for path in self.folder.rglob("*")
            if path.name.endswith((".tmp", ".new")) or path.name.startswith(".editchain-")
        ]
        left += [
            path
            for name in ("owners", "writers", "publishing")
            for path in (self.folder / ".editchain" / name).glob("*")
        ]
        if left:
            raise Wrong(f"left over: {left}")

    def _judge_held(self, ended: Ended) -> None:
        if self.course.trade.can_settle:
            raise Wrong(f"held, although its vendor can tell:\n{ended.said}")
        before = Counter(self._market.heard)
        again = self._run()
        if again.code != 4 or self._market.heard != before:
            raise Wrong(f"what is held does not stay so: {again.code}\n{again.said}")

    def _held(self) -> list[tuple[Call, int]]:
        """The calls that a person has to settle, each with the number in its prompt."""
        journal = Journal.read_only(self.folder / ".editchain")
        assert journal is not None
        with journal:
            calls = journal.open_calls()
        return [(call, _number_of(call)) for call in calls]

    def _resolve(self) -> None:
        """As a person who looks into the vendor's console."""
        for call, number in self._held():
            self.figures["held"] += 1
            job = self._market.job_of(number)
            if job is not None:
                said = ["--fetch", job]
                self.figures["held, found by a person"] += 1
            elif number in self._market.sold:
                said = ["--paid"]
                self._only_in_replies.add(number)
                self.figures["held, gone with the reply"] += 1
            else:
                said = ["--not-paid"]
                self.figures["held, never sold"] += 1
                del self._market.heard[number]
            ended = self._end(self._begin("resolve", call.id, *said))
            self._expect(ended, (0, 4))

    def _judge_end(self, ended: Ended) -> None:
        """What has to hold when nothing is left to do. Raises Wrong."""
        market, course = self._market, self.course
        wanted = set(range(course.calls)) - self._only_in_replies
        if market.pictures_sold != Counter(dict.fromkeys(range(course.calls), course.samples)):
            raise Wrong(f"not all was bought: {market.pictures_sold}\n{ended.said}")
        for number in wanted:
            names = (
                [f"{number}-{n}" for n in range(1, course.samples + 1)]
                if course.samples > 1
                else [str(number)]
            )
            pictures = market.pictures(number, course.samples)
            for name in names:
                path = self.folder / "out" / f"{name}.png"
                if not path.exists() or not (self.folder / "out" / "small" / f"{name}.png").exists():
                    raise Wrong(f"paid for and lost: {name}\n{ended.said}")
                if path.read_bytes() not in pictures:
                    raise Wrong(f"not the picture that was made for it: {name}")
        self._judge_books()
        before = (list(market.sold), Counter(market.heard), self._published())
        again = self._run()
        if again.code != ended.code or before != (
            list(market.sold),
            Counter(market.heard),
            self._published(),
        ):
            raise Wrong(f"running again is not nothing: {again.said}")

    def _published(self) -> dict[str, int]:
        return {str(path): path.stat().st_mtime_ns for path in (self.folder / "out").rglob("*.png")}

    def _judge_books(self) -> None:
        """The journal says of each request what the bill says."""
        journal = Journal.read_only(self.folder / ".editchain")
        assert journal is not None
        with journal:
            calls = journal.calls()
        charged = Counter(_number_of(call) for call in calls if call.charged == "yes")
        if charged != Counter(self._market.sold):
            raise Wrong(f"the books are wrong: {charged} against {Counter(self._market.sold)}")


def _number_of(call: Call) -> int:
    task = Detail.of(call).samples[0].task
    found = re.search(r"\d+", task)
    assert found is not None, task
    return int(found[0])

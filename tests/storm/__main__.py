"""The whole storm: `python -m tests.storm` kills at every transition and at random, and keeps the figures."""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.storm.lanes import Tally, every_transition, run
from tests.storm.trades import TRADES
from tests.storm.trial import at_random, in_recovery

FIGURES = Path(__file__).parents[2] / "benchmarks" / "storm.json"
EVERY = 100
"""After so many trials it says how it stands."""


def main() -> int:
    """Gives 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.storm", description=__doc__)
    parser.add_argument("--random", type=int, default=1000, help="trials at random (%(default)s)")
    parser.add_argument(
        "--recoveries", type=int, default=300, help="trials with a kill in the recovery (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="the first of their seeds (%(default)s)")
    parser.add_argument("--json", type=Path, default=FIGURES, help="where the figures go")
    chosen = parser.parse_args()
    seeds = range(chosen.seed, chosen.seed + chosen.random)
    began = time.monotonic()
    courses = [named for trade in TRADES.values() for named in every_transition(trade)]
    courses += [(f"recovery {number}", in_recovery(number)) for number in range(1, chosen.recoveries + 1)]
    courses += [(f"seed {seed}", at_random(seed)) for seed in seeds]

    def watch(tally: Tally) -> None:
        done = tally.figures["trials"] + len(tally.wrong)
        if done % EVERY == 0:
            print(f"{done:,} of {len(courses):,} trials, {len(tally.wrong)} wrong", flush=True)

    tally = run(courses, watch)
    for name, what in tally.wrong.items():
        print(f"{name}: {what}\n", file=sys.stderr)
    figures = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "seeds": [seeds.start, seeds.stop - 1],
        "seconds": round(time.monotonic() - began),
        "broken promises": len(tally.wrong),
        **dict(sorted(tally.figures.items())),
        "died at": dict(sorted(tally.died_at.items())),
    }
    chosen.json.write_text(json.dumps(figures, indent=1) + "\n")
    print(json.dumps({name: one for name, one in figures.items() if name != "died at"}, indent=1))
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())

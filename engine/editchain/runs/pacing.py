"""Pacing: how many calls a vendor's account takes at a time and how soon, as its answers say. Pure."""

from __future__ import annotations

from editchain.classes import dataclass

TICK_SECONDS = 1e-6
"""What is due sooner is due now: a clock may not be able to wait for less."""
SLOWEST = 1 / 16
"""The part of its rate below which a vendor is not slowed down."""
RATE_STEPS = 32
"""After how many calls without trouble a rate is back where it was, at the soonest."""
PATIENCE_SECONDS = 600.0
"""How long an account may be busy without a single success before its calls give up."""
RETRIES, SUCCESSES_FOR_ONE = 10, 10
"""How many retries of what never arrived an account has, and what earns one more: an outage is not multiplied."""


@dataclass(frozen=True, slots=True)
class Lane:
    """What a provider allows at the most: calls at a time, and calls a second (None: no limit)."""

    concurrency: int
    per_second: float | None = None


class Pace:
    """The pace of one vendor's account: within its lane, less at once where the vendor says so, and slowly more again.

    Times are seconds of one steady clock. `width` is how many calls may be out at a time, `out` how many are; `begun` counts
    those that schedulers have begun, of all runs that share the pace.
    """

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.out = self.begun = 0
        self._width = float(lane.concurrency)
        self._most = lane.concurrency
        self._rate = lane.per_second
        self._next_at = 0.0
        self._paused_until = 0.0
        self._slowed_at = float("-inf")
        self._busy_since: float | None = None
        self._credit = RETRIES * SUCCESSES_FOR_ONE

    @property
    def width(self) -> int:
        """How many calls may be out at a time now."""
        return max(1, int(self._width + TICK_SECONDS))

    @property
    def per_second(self) -> float | None:
        """How many calls may begin in a second now."""
        return self._rate

    def pause(self, now: float) -> float:
        """The seconds until a call may begin."""
        until = max(self._next_at if self._rate is not None else 0.0, self._paused_until)
        return until - now if until - now > TICK_SECONDS else 0.0

    def begin(self, now: float) -> None:
        """A call begins; the next one waits for its turn."""
        if self._rate:
            self._next_at = max(self._next_at, now) + 1 / self._rate

    def slow(self, now: float, began: float, wait_seconds: float, parallel: int | None = None) -> bool:
        """The vendor had no room for a call that began at a moment; all wait so long. Whether the pace went down.

        Of many that are refused together the first counts: the others began before it was known.
        """
        self._paused_until = max(self._paused_until, now + wait_seconds)
        self._busy_since = now if self._busy_since is None else self._busy_since
        if parallel is not None and 0 < parallel < self._most:
            self._most = parallel
            self._width = min(self._width, float(parallel))
        if began < self._slowed_at:
            return False
        self._slowed_at = now
        self._width = max(1.0, min(self._width, float(self._most)) / 2)
        if self._rate is not None and self.lane.per_second is not None:
            self._rate = max(self.lane.per_second * SLOWEST, self._rate / 2)
        return True

    def succeed(self) -> None:
        """The vendor took a call: a little more may go."""
        self._busy_since = None
        self._credit = min(RETRIES * SUCCESSES_FOR_ONE, self._credit + 1)
        self._width = min(float(self._most), self._width + 1 / self._width)
        if self._rate is not None and self.lane.per_second is not None:
            self._rate = min(self.lane.per_second, self._rate + self.lane.per_second / RATE_STEPS)

    def is_hopeless(self, now: float, patience_seconds: float = PATIENCE_SECONDS) -> bool:
        """Whether the account has been busy for so long without a success that a call gives up."""
        return self._busy_since is not None and now - self._busy_since >= patience_seconds

    def may_retry(self) -> bool:
        """Whether what never arrived may be sent again; takes one of the account's retries."""
        if self._credit < SUCCESSES_FOR_ONE:
            return False
        self._credit -= SUCCESSES_FOR_ONE
        return True

"""The stand-in of a vendor for benchmarks: serves until its input ends, and its jobs are done at once."""

from __future__ import annotations

import sys
from decimal import Decimal

from tests.vendors.bfl import Bfl, Ending


class AtOnce(Bfl):
    """Jobs are done when they are first asked for, whatever is in flight and however much it costs."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.parallel, self.balance = 1 << 20, Decimal(1 << 40)
        self.endings = _Ready()


class _Ready(list[Ending]):
    def __bool__(self) -> bool:
        return True

    def pop(self, _at: object = 0) -> Ending:
        return Ending(("Ready",))


def main() -> None:
    """Prints the address, and serves."""
    with AtOnce().running() as vendor:
        print(vendor.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()

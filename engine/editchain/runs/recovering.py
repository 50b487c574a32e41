"""Recovering: what earlier runs bought and did not live to fetch, brought into the store although no task asks for it now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from editchain.errors import EditchainError, StoreError
from editchain.executors.base import Made
from editchain.runs.books import Detail
from editchain.runs.outcomes import NoPicture, Notice
from editchain.runs.settling import route_of

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    from editchain.journal.entries import Call
    from editchain.journal.journal import Journal
    from editchain.models import Catalogue
    from editchain.runs.collecting import Collector
    from editchain.runs.vendors import Vendors

PATIENCE_SECONDS = 30.0
"""How long a run waits for jobs that it does not need itself; what takes longer is left to the next one."""


def left_behind(journal: Journal, wanted: Container[bytes] = frozenset()) -> list[Call]:
    """Calls that a vendor has taken, of processes that are gone, none of which brings what is wanted (keys of tasks)."""
    return [
        call
        for call in journal.open_calls()
        if (call.vendor_id is not None or Detail.of(call).answer is not None)
        and not any(one.key in wanted or one.request_key in wanted for one in Detail.of(call).samples)
        and not journal.is_alive(call.owner or "")
    ]


async def recover(
    calls: Sequence[Call],
    journal: Journal,
    collector: Collector,
    vendors: Vendors,
    catalogue: Catalogue,
    tell: Callable[[Notice], None],
) -> None:
    """Brings the pictures of such calls into the store, all at once, and tells of each what became of it. Raises StoreError."""

    async def one(call: Call) -> None:
        try:
            message = await _recovered(call, collector, vendors, catalogue)
        except StoreError:
            raise
        except (NoPicture, EditchainError) as why:
            message = f"not fetched yet: {why}"
        tell(
            Notice(
                "recovered",
                f"call {call.id} of an earlier run, for which no task asks now: {message}",
                None,
                call.provider,
                call.id,
            )
        )

    keys = {call.id: [sample.request_key for sample in Detail.of(call).samples] for call in calls}
    async with anyio.create_task_group() as group:
        for call in calls:
            # Whoever has it, or settled it since, sees to it.
            if not journal.claim(keys[call.id]) and journal.call(call.id) == call:
                group.start_soon(one, call)
    journal.release([key for ours in keys.values() for key in ours])


async def _recovered(call: Call, collector: Collector, vendors: Vendors, catalogue: Catalogue) -> str:
    route, prices = route_of(call, catalogue)
    vendor = vendors[call.provider]
    async with vendor.turn(is_own=False):
        found = await collector.resume(call, vendor, vendor.session(route, prices), PATIENCE_SECONDS, {})
    count = sum(isinstance(one, Made) for one in found.values())
    lacking = next((str(one) for one in found.values() if isinstance(one, NoPicture)), "")
    if not count:
        return lacking
    return f"{count} picture{'s' * (count > 1)} fetched and stored{f'; {lacking}' if lacking else ''}"

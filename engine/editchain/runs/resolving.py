"""Resolving: what a person says of a call in doubt, carried out; and where they look before they say it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from editchain import providers
from editchain.diagnostics import counted
from editchain.errors import ConfigurationError, EditchainError
from editchain.journal.committing import Committer
from editchain.runs import settling
from editchain.runs.books import Books
from editchain.runs.collecting import Collector
from editchain.runs.outcomes import NoPicture, Stop
from editchain.runs.repeating import Repeater
from editchain.runs.running import library_versions_json
from editchain.runs.vendors import Vendors

if TYPE_CHECKING:
    from collections.abc import Callable

    from editchain.journal.entries import Call
    from editchain.runs.outcomes import Notice
    from editchain.workspace import Workspace

Saying = Literal["paid", "not-paid", "fetch"]
"""What a person says: it was charged, it was not, or this is its job."""


class Resolved(NamedTuple):
    """What became of a call: `open` where its job is still under way. `message` says it in a sentence."""

    call: str
    said: Literal["paid", "not-paid", "fetched", "open"]
    message: str


async def resolve(
    workspace: Workspace, name: str, saying: Saying, job: str | None, tell: Callable[[Notice], None]
) -> Resolved:
    """Settles the call of an id, or of the beginning of one; `job` is the vendor's id of it where that is not known.

    Raises ConfigurationError where there is no such call, or the job is not its own.
    """
    if workspace.look is None:
        raise ConfigurationError("Nothing ran here yet, so there is no such call.")
    call = settling.find(workspace.journal, name)
    books = Books(
        workspace.store, workspace.journal, Committer(workspace.journal), run=call.run, now=workspace.now,
        versions=library_versions_json(), tell=tell,
    )  # fmt: skip
    if saying == "paid":
        await settling.paid(books, call)
        said = f"{call.id} counts as charged. Its tasks say so, and --retry-rejected buys them anew."
        return Resolved(call.id, "paid", said)
    if saying == "not-paid":
        await settling.unpaid(books, call)
        return Resolved(call.id, "not-paid", f"{call.id} counts as not charged: the next run sends it again.")
    try:
        count = await _fetch(workspace, books, call, job or call.vendor_id or "")
    except NoPicture as outcome:
        return Resolved(call.id, "open" if outcome.outcome == "open" else "paid", f"{call.id}: {outcome}")
    said = f"{call.id}: {counted(count, 'picture')} fetched and stored; the next run has them."
    return Resolved(call.id, "fetched", said)


async def _fetch(workspace: Workspace, books: Books, call: Call, job: str) -> int:
    if not job:
        raise ConfigurationError(
            f"The job of call {call.id} is not known. Look for it at {call.provider}, and name it: --fetch JOB."
        )
    repeater = Repeater(Stop())
    vendors = Vendors(books, repeater, providers.load, workspace.client, {})
    try:
        route = settling.route_of(call, workspace.catalogue)
        collector = Collector(books, repeater)
        return len(await settling.fetch(books, collector, vendors[call.provider], route, call, job))
    finally:
        await vendors.close()


def place_to_look(call: Call) -> str:
    """Where a person sees whether a vendor charged a call."""
    try:
        return providers.load(call.provider).capabilities.console or f"the account at {call.provider}"
    except EditchainError:
        return f"the account at {call.provider}"

"""Settling: calls of which nobody knows whether they were charged, and what becomes of them once a person says so."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from editchain.classes import dataclass
from editchain.errors import ConfigurationError
from editchain.providers.base import Absent, Finished
from editchain.runs.books import Detail
from editchain.runs.outcomes import NoPicture

if TYPE_CHECKING:
    from editchain.executors.base import Made
    from editchain.journal.entries import Call
    from editchain.journal.journal import Journal
    from editchain.models import Catalogue, Price, Route
    from editchain.runs.books import Books
    from editchain.runs.collecting import Collector
    from editchain.runs.vendors import Vendor

PROMPT_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class Doubt:
    """A call whose outcome is unknown, with what it asked for: tasks, number of pictures, and the beginning of its prompt."""

    call: Call
    tasks: tuple[str, ...]
    pictures: int
    prompt: str
    why: str


def doubts(journal: Journal) -> list[Doubt]:
    """The calls whose outcome is unknown and that no process works on, the oldest first."""
    calls = [
        call
        for call in journal.open_calls()
        if call.vendor_id is None
        and not (call.owner and call.state == "intent" and journal.is_alive(call.owner))
    ]
    details = {call.id: Detail.of(call) for call in calls}
    documents = journal.identities([one.key for detail in details.values() for one in detail.samples])
    return [_doubt(call, details[call.id], documents) for call in calls]


def _doubt(call: Call, detail: Detail, documents: dict[bytes, str]) -> Doubt:
    tasks = tuple(one.task for one in detail.samples if one.task)
    prompt = next((_prompt(documents[one.key]) for one in detail.samples if one.key in documents), "")
    why = detail.why or "The run ended before the reply came."
    return Doubt(call, tasks, max(1, len(detail.samples)), prompt, why)


def _prompt(document: str) -> str:
    """The prompt in the document that a key is the hash of."""
    for line in document.splitlines():
        if line.startswith("prompt="):
            words = " ".join(str(json.loads(line.removeprefix("prompt="))).split())
            return words if len(words) <= PROMPT_CHARACTERS else f"{words[: PROMPT_CHARACTERS - 1]}…"
    return ""


def find(journal: Journal, name: str) -> Call:
    """The open call of an id, or of the beginning of one, claimed for this process. Raises ConfigurationError."""
    found = [call for call in journal.open_calls() if name and call.id.startswith(name)]
    if len(found) > 1:
        raise ConfigurationError(f'{len(found)} calls begin with "{name}"; give more of the id.')
    if not found:
        ended = journal.call(name)
        if ended is not None:
            raise ConfigurationError(
                f"Call {name} is settled already: it is {ended.state}, charged: {ended.charged}."
            )
        raise ConfigurationError(
            f'There is no open call "{name}". `editchain resolve` lists those to settle.'
        )
    (call,) = found
    keys = [call.request_key, *(key for one in Detail.of(call).samples for key in (one.key, one.request_key))]
    for owner in journal.claim(keys).values():
        raise ConfigurationError(f"{owner} works on call {call.id}: wait for it, or end it.")
    # Only now: whoever worked on it may have settled it since.
    return journal.call(call.id) or call


async def paid(books: Books, call: Call) -> None:
    """The vendor charged it and there is no picture: remembered, so that nothing asks for it again by itself."""
    detail = replace(Detail.of(call), why="A person said that it was charged.")
    message = f"it was charged (call {call.id}) and brought no picture, as a person said"
    books.refuse(call, detail.samples, "paid", message, "yes")
    await books.note(call, "failed", charged="yes", ended=True, detail=detail.to_json())


async def unpaid(books: Books, call: Call) -> None:
    """The vendor did not charge it: the next run sends it again."""
    detail = replace(Detail.of(call), why="A person said that it was not charged.")
    await books.note(call, "failed", charged="no", ended=True, detail=detail.to_json())


def route_of(call: Call, catalogue: Catalogue) -> tuple[Route, tuple[Price, ...]]:
    """The route of a call, and the prices of its model. Raises ConfigurationError where no document has it."""
    model = catalogue.models.get(call.model)
    for route in model.routes if model else ():
        if model and route.provider == call.provider and route.id == call.route:
            return route, model.prices
    raise ConfigurationError(f"No model's document names the route {call.route} at {call.provider} any more.")


async def fetch(
    books: Books,
    collector: Collector,
    vendor: Vendor,
    route: tuple[Route, tuple[Price, ...]],
    call: Call,
    vendor_id: str,
) -> list[Made]:
    """The pictures of a call whose job a person found, stored. Raises ConfigurationError where it is not its job.

    Raises NoPicture where the job has not ended, or brought none.
    """
    session = vendor.session(*route)
    other = next(
        (one for one in books.journal.calls() if one.vendor_id == vendor_id and one.id != call.id), None
    )
    if other is not None and other.provider == call.provider:
        raise ConfigurationError(f"{vendor_id} is the job of call {other.id}, which is {other.state}.")
    # Before anything is noted: a slip of the pen must not settle it.
    if isinstance(await vendor.provider.poll(session, vendor_id), Absent):
        raise ConfigurationError(f"{call.provider} knows no job {vendor_id}. Nothing was changed.")
    call = await books.note(call, "accepted", vendor_id=vendor_id, charged="yes", accepted_at=books.now())
    answer = await collector.wait(call, vendor, session, None)
    found = await collector.collect(call, answer, vendor, session, {})
    made = [one for one in found.values() if not isinstance(one, NoPicture)]
    for one in found.values():
        if isinstance(one, NoPicture) and (not made or not isinstance(answer, Finished)):
            raise one
    return made

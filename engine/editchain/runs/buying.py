"""Buying: one call from its intent to its settled outcome, submitted again only where it is certain that nothing was charged."""

from __future__ import annotations

import itertools
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio

from editchain.classes import dataclass
from editchain.diagnostics import duration, sentence
from editchain.errors import EditchainError, OperationError, TaskError
from editchain.http import FetchError, NotSent, ReplyLost
from editchain.journal.entries import Call
from editchain.models import Model, Price
from editchain.providers.base import (
    BUSY,
    ELSEWHERE,
    STALE,
    Absent,
    Accepted,
    Failed,
    Finished,
    Quote,
    Refused,
    Unknown,
)
from editchain.runs.books import Detail
from editchain.runs.outcomes import NoPicture, Notice
from editchain.runs.pacing import PATIENCE_SECONDS
from editchain.runs.vendors import OTHERS_SECONDS, NotHere

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from editchain.executors.base import Work
    from editchain.plans.tasks import Way
    from editchain.providers.base import Request, Session
    from editchain.runs.books import Books, Sample
    from editchain.runs.collecting import Collector, Found
    from editchain.runs.repeating import Repeater
    from editchain.runs.vendors import Vendor

LONGEST_WAIT_SECONDS = 600.0
"""A vendor that wants us to come back later than this is left to the next run."""
PATIENCE_WITH_OTHERS_SECONDS = 60.0
"""How long a vendor may be busy where a step names another one to go to."""
QUOTE_SECONDS = 30.0
"""How long a vendor is waited for that can say what a call would cost."""
STOP_GRACE_SECONDS = 60.0
"""How long a stop waits for replies that bring pictures, at the most."""
REPLAYS = 3
"""How often a request whose reply was lost is sent to a vendor that knows it again by its token."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A task to carry out, and the sample of a call that it is."""

    work: Work
    sample: Sample

    @property
    def version(self) -> str:
        """The version of the model."""
        document = self.work.plan.way(self.work.ordinal).document
        return document.version if isinstance(document, Model) else ""


@dataclass(frozen=True, slots=True)
class Asking:
    """A call under way: what is asked for, of whom, and the documents that its tasks' keys are hashes of."""

    vendor: Vendor
    session: Session
    request: Request
    identities: Mapping[bytes, str | None]
    seconds: float | None


class Elsewhere(Exception):
    """Another process has the same request under way."""


class Stale(Exception):
    """A picture that was uploaded is at the vendor no more; nothing was charged."""


class Resend(Exception):
    """A call whose outcome is unknown was given up, and is sent again as the workspace says."""


@dataclass(frozen=True, slots=True)
class _Trouble:
    """An answer that is not the last word: after so many seconds it is tried again; None: no more.

    `is_for_all` where no other call by this route need be tried in this run.
    """

    message: str
    seconds: float | None
    is_for_all: bool = False


class Buyer:
    """Sends requests and learns what became of them. Made inside the event loop."""

    def __init__(
        self,
        books: Books,
        repeater: Repeater,
        collector: Collector,
        *,
        tell: Callable[[Notice], None],
        resends: bool,
        stop_grace_seconds: float,
    ) -> None:
        self._books = books
        self._repeater = repeater
        self._collector = collector
        self._tell = tell
        self._resends = resends
        self._grace = stop_grace_seconds
        self.is_over_budget = False
        self._resent: set[bytes] = set()
        self._out: dict[str, Call] = {}
        repeater.stop.listen(self._say_what_is_out)

    async def send(self, asking: Asking, way: Way, group: Sequence[Wanted], *, is_last: bool) -> Found:
        """Submits, again only where it is certain that nothing was accepted; each try is a call of its own."""
        retry = group[0].work.plan.step.retry
        vendor = asking.vendor
        for attempt in itertools.count(1):
            await vendor.check(asking.session.route)
            while self._books.is_full:
                await self._repeater.sleep(OTHERS_SECONDS)
            price, answer = await self._price(asking, way.price and way.price.times(len(group)))
            call = await self._begin(asking, price, group, attempt)
            began = anyio.current_time()
            answer = answer or await self._submit(asking, call)
            if isinstance(answer, (Accepted, Finished)):
                vendor.pace.succeed()
            trouble = self._trouble(answer, vendor, began, attempt, retry.attempts, is_last=is_last)
            if isinstance(answer, Refused) and answer.reason == STALE:
                await self._unsent(call, answer.message)
                raise Stale(f"{vendor.name}: {answer.message}")
            if trouble is None:
                try:
                    return await self.settled(asking, call, answer)
                except Resend:
                    continue
            await self._unsent(call, trouble.message)
            if trouble.is_for_all:
                vendor.close_route(asking.session.route, trouble.message)
            if trouble.seconds is None:
                raise NotHere(NoPicture("failed", f"{trouble.message} Nothing was charged."))
            wait = max(trouble.seconds, self._repeater.backoff(attempt, retry.delay_seconds))
            message = f"{trouble.message} Tried again in {wait:.0f} s: nothing was charged."
            self._tell(Notice("retry", message, group[0].sample.task, vendor.name, call.id))
            await vendor.again(wait)
        raise AssertionError

    def _trouble(
        self, answer: Any, vendor: Vendor, began: float, attempt: int, attempts: int, *, is_last: bool
    ) -> _Trouble | None:
        """Whether an answer is one to try again after, and when; None where it settles the call."""
        now, is_over = anyio.current_time(), self._repeater.stop.is_asked or attempts == 1
        if isinstance(answer, NotSent):
            may = not is_over and attempt < attempts and vendor.pace.may_retry()
            return _Trouble(str(answer), 0.0 if may else None)
        if not isinstance(answer, Refused) or answer.retry_after_seconds is None or answer.stops_all:
            return None
        wait = answer.retry_after_seconds
        message = sentence(f"{vendor.name}: {answer.message}")
        if answer.reason != BUSY:
            return _Trouble(message, None if is_over or attempt >= attempts else wait)
        if wait > LONGEST_WAIT_SECONDS:
            return _Trouble(
                f"{message} It wants to be asked again in {duration(wait)}.", None, is_for_all=True
            )
        if vendor.pace.slow(now, began, wait, answer.parallel):
            said = f"{message} Calls to it slow down: {vendor.pace.width} at a time."
            self._tell(Notice("slowdown", said, provider=vendor.name))
        if vendor.pace.is_hopeless(now, PATIENCE_SECONDS):
            message = f"{message} It has had no room for {duration(PATIENCE_SECONDS)}."
            return _Trouble(message, None, is_for_all=True)
        patience = PATIENCE_SECONDS if is_last else PATIENCE_WITH_OTHERS_SECONDS
        is_over = is_over or wait > patience or vendor.pace.is_hopeless(now, patience)
        return _Trouble(message, None if is_over else wait)

    async def _begin(
        self, asking: Asking, price: Price | None, group: Sequence[Wanted], attempt: int
    ) -> Call:
        """The intent, on disk. Raises NoPicture over budget, Elsewhere where it is already under way."""
        if self._repeater.stop.is_asked:
            raise NoPicture("stopped", "the run was stopped first")
        request = asking.request
        begun = await self._books.begin(
            Detail(
                tuple(one.sample for one in group),
                group[0].version,
                request.seed,
                prepared=request.prepared or (),
                begun_at=asking.session.client.vendor_now,
                handles=request.handles,
            ),
            provider=asking.vendor.name,
            route=request.id,
            model=request.model,
            attempt=attempt,
            token=request.token or "",
            price=price,
            identities={key: text for key, text in asking.identities.items() if text is not None},
            is_fresh=group[0].work.plan.is_fresh,
        )
        if isinstance(begun, Call):
            return begun
        if begun.reason == "budget":
            self.is_over_budget = True
            raise NoPicture("stopped", f"over budget: {begun.message}")
        raise Elsewhere

    async def _price(self, asking: Asking, listed: Price | None) -> tuple[Price | None, Accepted | None]:
        """What a call may cost: what its vendor says of it where that decides something, else what is listed.

        With it the job that the vendor began instead of saying.
        """
        vendor, route = asking.vendor, asking.session.route
        if not vendor.provider.capabilities.quotes or not (self._books.is_bounded or listed is None):
            return listed, None
        said: Quote | Accepted | None = None
        unsaid = suppress(NotSent, ReplyLost, FetchError, TaskError)
        with self._repeater.until_stop(), anyio.move_on_after(QUOTE_SECONDS), unsaid:
            said = await vendor.provider.price(asking.session, asking.request)
        if not isinstance(said, Quote):
            return listed, said
        today = datetime.fromtimestamp(self._books.now(), UTC).date()
        source = f"{vendor.name}'s estimate"
        return Price(route.provider, said.currency, "call", said.amount, said.amount, source, today), None

    async def _submit(self, asking: Asking, call: Call) -> Any:
        """One submit: one of its answers, or NotSent. From here on the request may be out, so that nothing may cancel it."""
        provider = asking.vendor.provider
        seconds = provider.capabilities.submit_seconds
        self._out[call.id] = call
        try:
            with anyio.CancelScope(shield=True):
                with self._repeater.until_stop(self._grace) as scope:
                    scope.deadline = min(scope.deadline, anyio.current_time() + seconds)
                    return await provider.submit(asking.session, asking.request)
                return Unknown(f"There was no answer within {seconds:.0f} s.")
        except NotSent as error:
            return error
        except ReplyLost as error:
            return Unknown(str(error))
        except TaskError as error:
            if not isinstance(error, OperationError):
                return Refused("not-sendable", str(error))
            return Unknown(str(error))
        except Exception as error:
            # Whatever went wrong while the answer was read: the request was out.
            return Unknown(f"The answer could not be read ({type(error).__name__}: {error}).")
        finally:
            del self._out[call.id]

    def _say_what_is_out(self) -> None:
        """When a stop is asked for: what it waits for, and what a second one would give up."""
        if not self._out:
            return
        sums: dict[str, Any] = {}
        for call in self._out.values():
            if call.price_most is not None:
                sums[call.currency or ""] = sums.get(call.currency or "", Decimal(0)) + Decimal(
                    call.price_most
                )
        price = " and ".join(f"{amount:f} {unit}" for unit, amount in sums.items()) or "unknown"
        is_one = len(self._out) == 1
        calls, replies = (
            ("1 call is", "its reply") if is_one else (f"{len(self._out)} calls are", "their replies")
        )
        given_up = "it: whether it was" if is_one else "them: whether they were"
        self._tell(
            Notice(
                "stopping",
                f"{calls} waiting for {replies} (price at most: {price}), which may hold what is paid for: waited for, "
                f"{self._grace:.0f} s at the most. A second signal gives up on {given_up} charged is then not known.",
            )
        )

    # ------------------------------------------------------------------ after the call

    async def settled(self, asking: Asking, call: Call, answer: Any) -> Found:
        """What became of a call, from what the vendor answered."""
        if isinstance(answer, Refused):
            return await self._refused(asking, call, answer)
        if isinstance(answer, Unknown):
            return await self.look_for(asking, call, answer)
        if isinstance(answer, Accepted):
            detail = replace(Detail.of(call), vendor=answer.detail)
            other = self._books.other_with(call, answer.vendor_id)
            call = await self._books.note(
                call,
                "accepted",
                vendor_id=answer.vendor_id,
                charged="yes",
                accepted_at=self._books.now(),
                detail=detail.to_json(),
            )
            if other is not None:
                message = f"It gave the job {answer.vendor_id}, which call {other} has too: which of them it made is not known."
                return await self._collector.fail(call, "same-job", message, "unknown")
            answer = await self._collector.wait(call, asking.vendor, asking.session, asking.seconds)
        elif isinstance(answer, Finished) and answer.downloads:
            # No job can be asked for these addresses: they are written down before they are followed.
            detail = replace(Detail.of(call), answer=answer)
            call = await self._books.note(
                call, "ready", charged="yes", accepted_at=self._books.now(), detail=detail.to_json()
            )
        return await self._collector.collect(call, answer, asking.vendor, asking.session, asking.identities)

    async def _unsent(self, call: Call, why: str) -> None:
        detail = replace(Detail.of(call), why=why)
        await self._books.note(call, "failed", charged="no", ended=True, detail=detail.to_json())

    async def _refused(self, asking: Asking, call: Call, answer: Refused) -> Found:
        message = f"{call.provider}: {answer.message}"
        if answer.stops_all:
            asking.vendor.close(f"{call.provider} refuses all calls: {answer.message}")
        elif answer.reason in ELSEWHERE:
            asking.vendor.close_route(asking.session.route, message)
        if answer.stops_all or answer.reason in ELSEWHERE:
            await self._unsent(call, answer.message)
            raise NotHere(NoPicture("failed", message))
        detail = replace(Detail.of(call), why=answer.message)
        self._books.refuse(call, detail.samples, answer.reason, answer.message, "no")
        await self._books.note(call, "rejected", charged="no", ended=True, detail=detail.to_json())
        raise NoPicture("rejected", message)

    async def look_for(self, asking: Asking, call: Call, answer: Unknown) -> Found:
        """A reply was lost: the vendor is asked where it can tell; else the outcome is unknown and stays so."""
        detail = replace(Detail.of(call), why=answer.message)
        call = await self._books.note(call, "unknown", charged="unknown", detail=detail.to_json())
        found = await self._found(asking, call)
        if isinstance(found, Absent):
            await self._unsent(call, f"{answer.message} {call.provider} has no such job.")
            raise NoPicture(
                "failed", f"{answer.message} {call.provider} has no such job, so nothing was charged."
            )
        if not isinstance(found, Unknown):
            return await self.settled(asking, call, found)
        keys = {one.request_key for one in detail.samples}
        if self._resends and not keys & self._resent and not self._repeater.stop.is_asked:
            self._resent |= keys
            await self._books.note(call, "abandoned", charged="unknown", ended=True)
            self._tell(
                Notice(
                    "retry",
                    f"{answer.message} Whether {call.provider} charged it is not known; it is sent again, as on_unknown says.",
                    detail.samples[0].task,
                    call.provider,
                    call.id,
                )
            )
            raise Resend
        raise NoPicture(
            "waiting",
            f"{answer.message} {found.message} Whether {call.provider} accepted it is not known (call {call.id}, at most "
            f"{call.price_most or '?'} {call.currency or ''}); it is not sent again by itself: "
            f"editchain resolve {call.id} settles it.",
        )

    async def _found(self, asking: Asking, call: Call) -> Any:
        """What the vendor can tell of a request whose reply was lost."""
        provider, session = asking.vendor.provider, asking.session
        if provider.capabilities.replays and call.token:
            return await self._replayed(asking, call)
        if not provider.capabilities.finds_lost:
            return Unknown(f"{call.provider} has no list of jobs to look in.")
        then = Detail.of(call)
        since = then.begun_at if then.begun_at is not None else call.intent_at or 0.0
        sent = replace(asking.request, handles={**asking.request.handles, **then.handles})
        try:
            found = await self._repeater.freely(partial(provider.find, session, sent, since))
        except (EditchainError, NoPicture) as error:
            return Unknown(str(error))
        if isinstance(found, Accepted) and self._books.other_with(call, found.vendor_id) is not None:
            return Unknown("The one job that is like it belongs to another call.")
        return found

    async def _replayed(self, asking: Asking, call: Call) -> Any:
        """The answer to the same request with the same token, which the vendor charges once."""
        answer: Any = None
        for attempt in range(1, REPLAYS + 1):
            answer = await self._submit(asking, call)
            if not isinstance(answer, (NotSent, Unknown)):
                break
            if attempt < REPLAYS and not self._repeater.stop.is_asked:
                await anyio.sleep(self._repeater.backoff(attempt))
        # A refusal now says nothing of what was accepted before.
        return (
            answer
            if isinstance(answer, (Accepted, Finished, Failed))
            else Unknown("Sent again, it was not answered.")
        )

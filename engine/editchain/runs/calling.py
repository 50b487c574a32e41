"""Calling: paid requests from intent to stored pictures, journalled between their beats so that each is charged once."""

from __future__ import annotations

import secrets
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from editchain.errors import EditchainError, StoreError, TaskError
from editchain.executors.base import Failure, Made
from editchain.journal.entries import OPEN_STATES, Call
from editchain.models import Model
from editchain.plans.identity import canonical
from editchain.providers.base import Unknown
from editchain.runs.books import Books, Detail, Sample
from editchain.runs.buying import STOP_GRACE_SECONDS, Asking, Buyer, Elsewhere, Resend, Stale, Wanted
from editchain.runs.collecting import Collector
from editchain.runs.outcomes import Ended, NoPicture, Notice
from editchain.runs.recovering import recover
from editchain.runs.vendors import OTHERS_SECONDS, NotHere

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

    from editchain.executors.base import Work
    from editchain.journal.entries import Result
    from editchain.models import Catalogue, Route
    from editchain.plans.tasks import Way
    from editchain.providers.base import Request
    from editchain.runs.collecting import Found
    from editchain.runs.repeating import Repeater
    from editchain.runs.vendors import Vendor, Vendors


class Caller:
    """Carries out the tasks of vendors' models, several samples of one coordinate in a call. Made inside the event loop."""

    def __init__(
        self,
        books: Books,
        vendors: Vendors,
        repeater: Repeater,
        request: Callable[[Work, Route | None], Request],
        *,
        tell: Callable[[Notice], None] = lambda _notice: None,
        resends: bool = False,
        stop_grace_seconds: float = STOP_GRACE_SECONDS,
    ) -> None:
        """`resends` sends again what may have been charged, once in a run: a workspace has to say so in writing."""
        self._books = books
        self._vendors = vendors
        self._repeater = repeater
        self._request = request
        self._tell = tell
        self._collector = Collector(books, repeater)
        self._buyer = Buyer(
            books,
            repeater,
            self._collector,
            tell=tell,
            resends=resends,
            stop_grace_seconds=stop_grace_seconds,
        )
        self._locks: dict[bytes, anyio.Lock] = {}

    @property
    def is_over_budget(self) -> bool:
        """Whether a call was not sent because a budget no longer had room for it."""
        return self._buyer.is_over_budget

    async def close(self) -> None:
        """Closes the connections."""
        await self._vendors.close()

    async def recover(self, calls: Sequence[Call], catalogue: Catalogue) -> None:
        """Brings the pictures of calls into the store that no task asks for any more. Raises StoreError."""
        journal = self._books.journal
        await recover(calls, journal, self._collector, self._vendors, catalogue, self._tell)

    async def __call__(self, works: Sequence[Work]) -> list[Made | Failure | Ended]:
        """The picture of each task, or why there is none. Raises StoreError."""
        try:
            found: Mapping[bytes, Made | NoPicture] = await self._carry_out(works)
        except NoPicture as outcome:
            found = dict.fromkeys((work.key for work in works), outcome)
        except StoreError:
            raise
        except EditchainError as error:
            return [Failure("failed", str(error))] * len(works)
        return [_ended(work, found[work.key]) for work in works]

    async def _carry_out(self, works: Sequence[Work]) -> Found:
        requests = await anyio.to_thread.run_sync(lambda: [self._request(work, None) for work in works])
        wanted = [_wanted(work, request) for work, request in zip(works, requests, strict=True)]
        async with self._alone(wanted):
            try:
                while True:
                    try:
                        return await self._settle(wanted)
                    except Elsewhere:
                        # Another process has it: its result is taken, or its claim once it is dead.
                        await self._repeater.sleep(OTHERS_SECONDS)
            finally:
                self._books.journal.release([one.sample.request_key for one in wanted])
                self._books.committer.soon()

    @asynccontextmanager
    async def _alone(self, wanted: Sequence[Wanted]) -> AsyncIterator[None]:
        """Of several tasks of this run that come to the same request, one at a time; in order, so that none waits for ever."""
        async with AsyncExitStack() as held:
            for key in sorted({one.sample.request_key for one in wanted}):
                await held.enter_async_context(self._locks.setdefault(key, anyio.Lock()))
            yield

    async def _settle(self, wanted: Sequence[Wanted]) -> Found:
        """What was bought before, what is under way from an earlier run, and calls for the rest. Raises Elsewhere."""
        keys = [key for one in wanted for key in (one.sample.request_key, one.sample.key)]
        calls = self._books.journal.calls_by_request(keys)
        stored = self._books.journal.results_by_request([one.sample.request_key for one in wanted])
        found: Found = {}
        for one in wanted:
            if not one.work.plan.is_fresh:
                own = [*calls.get(one.sample.request_key, ()), *calls.get(one.sample.key, ())]
                bought = self._bought(one, stored.get(one.sample.request_key), own)
                if bought is not None:
                    found[one.sample.key] = bought
        left = [one for one in wanted if one.sample.key not in found]
        for call, group in _open_calls(left, calls):
            claimed = self._claim(call)
            try:
                found |= await self._take_up(call, group)
            except Resend:
                continue
            finally:
                self._books.journal.release(claimed)
        left = [one for one in left if one.sample.key not in found]
        if left:
            way = left[0].work.plan.way(left[0].work.ordinal)
            found |= await self._buy(left, (way, *way.others))
        return found

    def _claim(self, call: Call) -> list[bytes]:
        """Takes an open call for this process; gives what to release. Raises Elsewhere where another has it, or just had."""
        journal = self._books.journal
        if call.owner == journal.owner:
            return []
        keys = [one.request_key for one in Detail.of(call).samples] or [call.request_key]
        if journal.is_alive(call.owner or "") or journal.claim(keys) or journal.call(call.id) != call:
            raise Elsewhere
        return keys

    def _bought(self, one: Wanted, stored: Result | None, calls: Sequence[Call]) -> Made | NoPicture | None:
        """What was paid for under a request key; a picture that is gone since is not bought again by itself."""
        if stored is not None and self._books.store.has(stored.digest):
            return self._books.adopt(one.sample, stored, one.work.plan.identity(one.work.ordinal))
        paid = next((call for call in calls if call.state == "done" and _brought(call, one.sample)), None)
        if (stored is None and paid is None) or self._books.rebuys:
            return None
        number = stored.call if stored is not None else paid.id if paid else None
        return NoPicture(
            "waiting",
            f"its picture was paid for (call {number}) and is gone from the store; "
            "it is not bought again by itself: --rebuy buys it anew",
        )

    # ------------------------------------------------------------------ buying

    async def _buy(self, wanted: Sequence[Wanted], ways: Sequence[Way]) -> Found:
        """Calls for samples, by the first way that takes them; by the next where it is certain that nothing was charged."""
        way, *others = ways
        if way.route is None or not isinstance(way.document, Model):
            raise TaskError("There is no route to this model here.")
        found: Found = {}
        for group in _groups(wanted, way.route.samples):
            keys = [one.sample.key for one in group]
            try:
                found |= await self._at(way, way.route, group, is_last=not others)
            except NotHere as no:
                if others and not self._repeater.stop.is_asked:
                    self._say_fallback(no, others[0], group)
                    found |= await self._buy(group, others)
                else:
                    found |= dict.fromkeys(keys, no.outcome)
            except NoPicture as outcome:
                found |= dict.fromkeys(keys, outcome)
        return found

    def _say_fallback(self, no: NotHere, way: Way, group: Sequence[Wanted]) -> None:
        provider = way.route.provider if way.route else ""
        message = f"{str(no.outcome).rstrip('.')}; {provider} is asked instead"
        self._tell(Notice("fallback", message, group[0].sample.task, provider))

    async def _at(self, way: Way, route: Route, group: Sequence[Wanted], *, is_last: bool) -> Found:
        """One call by one route. Raises NotHere where nothing was charged and another vendor may take it."""
        vendor = self._vendors[route.provider]
        work = group[0].work
        is_own = work.plan.way(work.ordinal).route is route
        async with vendor.turn(is_own=is_own):
            await vendor.check(route)
            # One token for every try.
            bare = replace(self._request(work, route), count=len(group), token=secrets.token_hex(16))
            for is_second in (False, True):
                request = await self._ready(bare, vendor, route)
                asking = _asking(vendor, route, request, group)
                try:
                    return await self._buyer.send(asking, way, group, is_last=is_last)
                except Stale as stale:
                    if is_second:
                        raise NoPicture("failed", f"{stale} Nothing was charged.") from stale
                    self._vendors.forget(vendor, request)
                    self._tell(
                        Notice("retry", f"{stale} It is uploaded again.", group[0].sample.task, vendor.name)
                    )
        raise AssertionError

    async def _ready(self, request: Request, vendor: Vendor, route: Route) -> Request:
        with self._repeater.until_stop():
            return await self._vendors.ready(request, vendor, route)
        raise NoPicture("stopped", "the run was stopped first")

    async def _take_up(self, call: Call, group: Sequence[Wanted]) -> Found:
        """A call of an earlier run that has not ended: by its id where there is one, else as one whose reply was lost."""
        work = group[0].work
        if not Detail.of(call).samples:  # it is of a version that did not say
            call = call._replace(detail=Detail((group[0].sample,), group[0].version).to_json())
        route = _route(work, call)
        vendor = self._vendors[call.provider]
        try:
            async with vendor.turn(is_own=True):
                asking = _asking(vendor, route, self._request(work, route), group)
                if Detail.of(call).answer is not None or call.vendor_id is not None:
                    found = await self._collector.resume(
                        call, vendor, asking.session, asking.seconds, asking.identities
                    )
                else:
                    asking = await self._as_sent(asking, call, work, route)
                    found = await self._buyer.look_for(
                        asking,
                        call,
                        Unknown(Detail.of(call).why or "An earlier run ended before the reply came."),
                    )
        except NoPicture as outcome:
            return dict.fromkeys((one.sample.key for one in group), outcome)
        return {one.sample.key: _of(one.sample, call, found) for one in group}

    async def _as_sent(self, asking: Asking, call: Call, work: Work, route: Route) -> Asking:
        """The request of a call as it was sent: as many pictures, with the seed and the token of then."""
        detail = Detail.of(call)
        request = replace(
            self._request(work, route),
            count=max(1, len(detail.samples)),
            seed=detail.seed,
            token=call.token,
        )
        return replace(asking, request=await self._ready(request, asking.vendor, route))


# ---------------------------------------------------------------------- small things


def request_key(request: Request, options: Mapping[str, Any] | None = None) -> bytes:
    """What is bought: the task's fields with the digest of the actual bytes of every image. The route is not in it.

    `options` are what the step says to all vendors, by their names; else those of the request's own.
    """
    fields = {name: value for name, value in request.fields.items() if name in request.said}
    images = {name: [blob.identity for blob in blobs] for name, blobs in request.images.items()}
    bought = {
        "model": request.model,
        "version": request.version,
        "fields": fields,
        "images": images,
        # A seed that the step says is part of what is bought; one derived from the task's key is not.
        "seed": request.seed if request.said - request.fields.keys() else None,
        "take": request.take,
        "options": dict(request.options if options is None else options),
    }
    return sha256(canonical(bought).encode()).digest()


def _wanted(work: Work, request: Request) -> Wanted:
    plan, ordinal = work.plan, work.ordinal
    key = request_key(request, plan.provider_options(ordinal))
    return Wanted(work, Sample(work.key, key, request.take, plan.task_name(ordinal)))


def _ended(work: Work, found: Made | NoPicture) -> Made | Ended:
    if isinstance(found, Made):
        return found
    return Ended(work.plan.task_name(work.ordinal), work.plan.step.name, found.outcome, str(found))


def _groups(wanted: Sequence[Wanted], size: int) -> Iterator[Sequence[Wanted]]:
    for start in range(0, len(wanted), max(1, size)):
        yield wanted[start : start + max(1, size)]


def _asking(vendor: Vendor, route: Route, request: Request, group: Sequence[Wanted]) -> Asking:
    step = group[0].work.plan.step
    identities = {one.sample.key: one.work.plan.identity(one.work.ordinal) for one in group}
    document = group[0].work.plan.way(group[0].work.ordinal).document
    prices = document.prices if isinstance(document, Model) else ()
    return Asking(vendor, vendor.session(route, prices), request, identities, step.timeout_seconds)


def _open_calls(
    wanted: Sequence[Wanted], calls: Mapping[bytes, Sequence[Call]]
) -> list[tuple[Call, list[Wanted]]]:
    """The calls of earlier runs that have not ended and serve any of these, each with those that it serves."""
    found: dict[str, tuple[Call, list[Wanted]]] = {}
    for one in wanted:
        own = [*calls.get(one.sample.request_key, ()), *calls.get(one.sample.key, ())]
        for call in {call.id: call for call in own if call.state in OPEN_STATES}.values():
            found.setdefault(call.id, (call, []))[1].append(one)
    return list(found.values())


def _brought(call: Call, sample: Sample) -> bool:
    """Whether a call that is done brought the picture of a sample."""
    detail = Detail.of(call)
    return not any(detail.samples[at].request_key == sample.request_key for at in detail.missing)


def _of(sample: Sample, call: Call, found: Found) -> Made | NoPicture:
    """What a call brought for a sample, also where it was begun under another task's key."""
    if sample.key in found:
        return found[sample.key]
    other = next(one for one in Detail.of(call).samples if one.request_key == sample.request_key)
    return found[other.key]


def _route(work: Work, call: Call) -> Route:
    """The route of an earlier call. Raises NoPicture where the model has it no more."""
    document = work.plan.way(work.ordinal).document
    routes = document.routes if isinstance(document, Model) else ()
    for route in routes:
        if route.provider == call.provider and route.id == call.route:
            return route
    raise NoPicture(
        "open",
        f"call {call.id} is open at {call.provider} as {call.route}, which the model's document no longer names",
    )

"""Calling: one paid request from intent to stored picture, journalled between its beats so that it is charged once."""

from __future__ import annotations

import itertools
import json
import random
import secrets
from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from editchain.errors import EditchainError, ImageError, StoreError, TaskError
from editchain.executors.base import Failure, Made
from editchain.http import Client, FetchError, NotSent, ReplyLost
from editchain.imaging import codec
from editchain.imaging.probe import HEAD_BYTES, MEDIA_TYPES, check
from editchain.journal.entries import OPEN_STATES, Call, Handle, Refusal
from editchain.journal.journal import Start
from editchain.journal.ledger import Ceiling, judge
from editchain.models import Model
from editchain.plans.identity import canonical
from editchain.providers.base import Absent, Accepted, Failed, Finished, Refused, Running, Session, Unknown
from editchain.runs.scheduling import Ended

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from editchain.executors.base import Work
    from editchain.journal.committing import Committer
    from editchain.journal.entries import CallState, Charged, Result
    from editchain.journal.journal import Blocked, Journal
    from editchain.providers.base import Blob, Polled, Provider, Request
    from editchain.store import Store

MAX_BACKOFF_SECONDS = 30.0
MAX_WAIT_SECONDS = 120.0
"""How long a vendor may make us wait before we ask again."""
FREE_ATTEMPTS = 6
"""How often a poll or a download, which cost nothing, are tried before the job is left for the next run."""


LOST_POLLS, LOST_SECONDS = 3, 60.0
"""A job that its vendor does not know, asked so often over so long, is lost."""


class Caller:
    """Carries out the tasks of vendors' models. Made inside the event loop; `close` it at the end."""

    def __init__(
        self,
        store: Store,
        journal: Journal,
        committer: Committer,
        request: Callable[[Work], Request],
        record: Callable[[Work, Made], None],
        provider: Callable[[str], Provider],
        client: Callable[[str, Provider], Client],
        *,
        run: str,
        now: Callable[[], float],
        ceilings: tuple[Ceiling, ...] = (),
        is_stopping: Callable[[], bool] = lambda: False,
        stop_all: Callable[[str, str], None] = lambda _provider, _reason: None,
        chance: random.Random | None = None,
    ) -> None:
        self._store = store
        self._journal = journal
        self._committer = committer
        self._request = request
        self._record = record
        self._provider = provider
        self._client = client
        self._clients: dict[str, Client] = {}
        self._run = run
        self._now = now
        self._ceilings = ceilings
        self._is_stopping = is_stopping
        self._stop_all = stop_all
        self._closed: dict[str, str] = {}
        self._handles: dict[tuple[str, bytes], Handle] = {}
        self._uploading: dict[tuple[str, bytes], anyio.Lock] = {}
        self._chance = chance or random.Random()

    async def close(self) -> None:
        """Closes the connections."""
        for client in self._clients.values():
            await client.close()

    async def __call__(self, work: Work) -> Made | Failure | Ended:
        """The picture of one task, or why there is none. Raises StoreError."""
        name = work.plan.task_name(work.ordinal)
        step = work.plan.step.name
        try:
            request = await anyio.to_thread.run_sync(self._request, work)
            return await self._carry_out(work, request)
        except _Outcome as outcome:
            return Ended(name, step, outcome.outcome, str(outcome))
        except StoreError:
            raise
        except EditchainError as error:
            return Failure("failed", str(error))

    async def _carry_out(self, work: Work, request: Request) -> Made:
        way = work.plan.way(work.ordinal)
        route = way.route
        if route is None or not isinstance(way.document, Model):
            raise TaskError("There is no route to this model here.")
        provider = self._provider(route.provider)
        key = request_key(request)
        calls = self._journal.calls_by_request([key]).get(key, [])
        if not work.plan.is_fresh and (bought := self._bought(key, calls)) is not None:
            return bought
        prices = tuple(price for price in way.document.prices if price.route == route.provider)
        session = Session(self._session_client(route.provider, provider), route, prices)
        for call in calls:
            if call.state in OPEN_STATES:
                return await self._take_up(work, request, call, provider, session)
        if route.provider in self._closed:
            raise _Outcome("stopped", self._closed[route.provider])
        request = await self._ready(request, provider, session)
        return await self._send(work, request, key, provider, session)

    def _bought(self, key: bytes, calls: Sequence[Call]) -> Made | None:
        """What was paid for under a request key; a picture that is gone since is not bought again by itself."""
        stored = self._journal.results_by_request([key]).get(key)
        if stored is not None and self._store.has(stored.digest):
            return made_of(stored)
        paid = next((call for call in calls if call.state == "done"), None)
        if stored is None and paid is None:
            return None
        number = stored.call if stored is not None else paid.id if paid else None
        raise _Outcome(
            "waiting",
            f"its picture was paid for (call {number}) and is gone from the store; "
            "it is not bought again by itself: --fresh STEP buys it anew",
        )

    def _session_client(self, name: str, provider: Provider) -> Client:
        if name not in self._clients:
            self._clients[name] = self._client(name, provider)
        return self._clients[name]

    # ------------------------------------------------------------------ before the call

    async def _ready(self, request: Request, provider: Provider, session: Session) -> Request:
        """The request with its pictures as the route wants them, and at the vendor where they are uploaded."""
        request = await anyio.to_thread.run_sync(provider.prepared, request, session.route)
        return await self._upload(request, provider, session) if provider.capabilities.uploads else request

    async def _upload(self, request: Request, provider: Provider, session: Session) -> Request:
        """Every picture at the vendor once, its handle remembered by digest."""
        handles: dict[bytes, str] = {}
        for blob in (one for blobs in request.images.values() for one in blobs):
            handles[blob.digest] = (await self._handle(blob, provider, session)).handle
        return replace(request, handles=handles)

    async def _handle(self, blob: Blob, provider: Provider, session: Session) -> Handle:
        """What the vendor calls a picture; of several calls that need it, one uploads it."""
        name = session.route.provider
        async with self._uploading.setdefault((name, blob.digest), anyio.Lock()):
            known = self._handles.get((name, blob.digest)) or self._journal.handle(name, blob.digest)
            if known is None or (known.expires_at is not None and known.expires_at < self._now() + 60):
                uploaded = await self._freely(partial(provider.upload, session, blob))
                known = Handle(name, blob.digest, uploaded.handle, uploaded.expires_at)
                self._journal.put_handle(known)
                self._committer.soon()
            self._handles[name, blob.digest] = known
            return known

    async def _begin(self, work: Work, request: Request, key: bytes, attempt: int) -> Call:
        """The intent, on disk, with its ceiling reserved."""
        way = work.plan.way(work.ordinal)
        price, provider = way.price, way.route.provider if way.route else ""
        call = Call(
            id=secrets.token_hex(8),
            request_key=key,
            provider=provider,
            route=request.id,
            model=request.model,
            attempt=attempt,
            token=secrets.token_hex(16),
            price_least=None if price is None else str(price.least),
            price_most=None if price is None else str(price.most),
            currency=None if price is None else price.currency,
            price_source=None if price is None else f"{price.source} {price.date}",
            owner=self._journal.owner,
            run=self._run,
            intent_at=self._now(),
            sent_at=self._now(),
            detail=json.dumps({"prepared": request.prepared}) if request.prepared else "{}",
        )
        most = None if price is None else price.most
        asked = judge(self._ceilings, most, call.currency or "") if self._ceilings else None
        blocked = await self._committer.begin_call(Start(call, [work.key], asked, work.plan.is_fresh))
        if blocked is not None:
            raise self._refused(blocked)
        return call

    @staticmethod
    def _refused(blocked: Blocked) -> EditchainError | _Outcome:
        if blocked.reason == "budget":
            return _Outcome("stopped", f"over budget: {blocked.message}")
        if blocked.reason == "claim":
            return _Outcome("open", f"{blocked.owner} works on the same request")
        return _Outcome("open", "another process has the same request under way")

    # ------------------------------------------------------------------ the beats

    async def _send(
        self, work: Work, request: Request, key: bytes, provider: Provider, session: Session
    ) -> Made:
        """Submits, again only where it is certain that nothing was accepted; each try is a call of its own."""
        retry = work.plan.step.retry
        for attempt in itertools.count(1):
            call = await self._begin(work, request, key, attempt)
            is_last = attempt >= retry.attempts or self._is_stopping()
            try:
                answer = await self._submit(provider, session, request)
            except NotSent as error:
                await self._note(call, "failed", charged="no", ended=True)
                if is_last:
                    raise TaskError(f"{error} Nothing was charged.") from error
                await self._pause(attempt, retry.delay_seconds)
                continue
            if isinstance(answer, Refused) and answer.retry_after_seconds is not None and not is_last:
                await self._note(call, "failed", charged="no", ended=True)
                await anyio.sleep(min(max(answer.retry_after_seconds, retry.delay_seconds), MAX_WAIT_SECONDS))
                continue
            return await self._settle(work, request, call, answer, provider, session)
        raise AssertionError

    async def _submit(self, provider: Provider, session: Session, request: Request) -> Any:
        """One submit, its outcome always one of the four answers or NotSent: from here on the request may be out."""
        seconds = provider.capabilities.submit_seconds
        with anyio.CancelScope(shield=True):
            try:
                with anyio.fail_after(seconds):
                    return await provider.submit(session, request)
            except NotSent:
                raise
            except ReplyLost as error:
                return Unknown(str(error))
            except TimeoutError:
                return Unknown(f"There was no answer within {seconds:.0f} s.")
            except TaskError as error:
                return Refused("not-sendable", str(error))

    async def _settle(
        self, work: Work, request: Request, call: Call, answer: Any, provider: Provider, session: Session
    ) -> Made:
        if isinstance(answer, Refused):
            return await self._refuse(work, call, answer)
        if isinstance(answer, Unknown):
            return await self._look_for(work, request, call, answer, provider, session)
        if isinstance(answer, Accepted):
            call = await self._note(
                call, "accepted", vendor_id=answer.vendor_id, charged="yes", accepted_at=self._now()
            )
            answer = await self._wait(work, call, provider, session)
        return await self._collect(work, call, answer, provider, session)

    async def _refuse(self, work: Work, call: Call, answer: Refused) -> Made:
        if answer.stops_all:
            self._closed[call.provider] = f"{call.provider} refuses all calls: {answer.message}"
            self._stop_all(call.provider, answer.message)
        is_final = answer.retry_after_seconds is None and not answer.stops_all
        if is_final:
            self._journal.add_refusal(
                Refusal(work.key, call.request_key, answer.reason, answer.message, "no", call.id, self._now())
            )
        await self._note(call, "rejected" if is_final else "failed", charged="no", ended=True)
        raise _Outcome("rejected" if is_final else "failed", f"{call.provider}: {answer.message}")

    async def _look_for(
        self, work: Work, request: Request, call: Call, answer: Unknown, provider: Provider, session: Session
    ) -> Made:
        """A reply was lost: the vendor is asked where it can tell; else the outcome is unknown and stays so."""
        call = await self._note(call, "unknown", charged="unknown")
        if provider.capabilities.finds_lost:
            try:
                found = await self._freely(
                    lambda: provider.find(session, request, (call.intent_at or 0.0) - 60.0)
                )
            except EditchainError as error:
                found = Unknown(str(error))
            if isinstance(found, Accepted) and self._is_anothers(found.vendor_id, call):
                found = Unknown("The one job that is like it belongs to another call.")
            if isinstance(found, Absent):
                await self._note(call, "failed", charged="no", ended=True)
                raise TaskError(f"{answer.message} {call.provider} has no such job, so nothing was charged.")
            if not isinstance(found, Unknown):
                return await self._settle(work, request, call, found, provider, session)
        raise _Outcome(
            "waiting",
            f"{answer.message} Whether {call.provider} accepted it is not known (call {call.id}, at most "
            f"{call.price_most or '?'} {call.currency or ''}); it is not sent again by itself.",
        )

    def _is_anothers(self, vendor_id: str, call: Call) -> bool:
        """Whether a job at the vendor is known as that of another call: equal requests look alike from outside."""
        return any(
            one.vendor_id == vendor_id and one.provider == call.provider and one.id != call.id
            for one in self._journal.calls()
        )

    async def _take_up(
        self, work: Work, request: Request, call: Call, provider: Provider, session: Session
    ) -> Made:
        """A call of an earlier run that has not ended: by its id where there is one, else as one whose reply was lost."""
        if call.vendor_id is not None:
            answer = await self._wait(work, call, provider, session)
            return await self._collect(work, call, answer, provider, session)
        ready = await self._ready(request, provider, session)
        return await self._look_for(
            work, ready, call, Unknown("An earlier run ended before the reply came."), provider, session
        )

    async def _wait(self, work: Work, call: Call, provider: Provider, session: Session) -> Finished | Failed:
        """Polls until the job has ended; our deadline ends the waiting, not the job."""
        limit = work.plan.step.timeout_seconds or provider.capabilities.job_seconds
        vendor_id = call.vendor_id or ""
        absent: list[float] = []
        with anyio.move_on_after(limit):
            while True:
                answer: Polled = await self._freely(lambda: provider.poll(session, vendor_id))
                if isinstance(answer, Absent):
                    absent.append(anyio.current_time())
                    if len(absent) >= LOST_POLLS and absent[-1] - absent[0] >= LOST_SECONDS:
                        return Failed("lost", f"The vendor no longer knows the job {vendor_id}.", None)
                    answer = Running(LOST_SECONDS / (LOST_POLLS - 1))
                else:
                    absent.clear()
                if not isinstance(answer, Running):
                    return answer
                if self._is_stopping():
                    raise _Outcome(
                        "open", f"{call.provider} is still at work on it; the next run collects it"
                    )
                await anyio.sleep(max(answer.poll_after_seconds, 0.05))
        raise _Outcome("open", f"{call.provider} was not done within {limit:.0f} s; the next run collects it")

    async def _collect(
        self, work: Work, call: Call, answer: Finished | Failed, provider: Provider, session: Session
    ) -> Made:
        if isinstance(answer, Failed):
            charged: Charged = (
                "unknown" if answer.is_charged is None else "yes" if answer.is_charged else "no"
            )
            return await self._fail(work, call, answer.reason, answer.message, charged, answer.amount)
        try:
            made = await self._download(call, answer, provider, session)
        except ImageError as error:
            # The picture was in the reply and nowhere else, so it is lost, and was paid for.
            return await self._fail(work, call, "not-an-image", f"it was charged, but: {error}", "yes")
        # In one transaction with the call's end: a call that is done has its picture's row.
        self._record(work, made)
        await self._note(call, "done", charged="yes", price_actual=answer.amount, ended=True)
        return made

    async def _fail(
        self, work: Work, call: Call, reason: str, message: str, charged: Charged, amount: str | None = None
    ) -> Made:
        """A job without a picture. What was charged, or may have been, is remembered: nothing asks for it again."""
        if charged != "no":
            self._journal.add_refusal(
                Refusal(work.key, call.request_key, reason, message, charged, call.id, self._now())
            )
        await self._note(call, "failed", charged=charged, price_actual=amount, ended=True)
        raise _Outcome("failed" if charged == "no" else "rejected", f"{call.provider}: {message}")

    async def _download(self, call: Call, answer: Finished, provider: Provider, session: Session) -> Made:
        """The picture, checked and stored; one that has an address is fetched again while it is not whole."""

        async def fetched() -> Made:
            data = await provider.download(session, answer.downloads[0])
            return await anyio.to_thread.run_sync(self._keep, data, answer.seed)

        if answer.pictures:
            made = await anyio.to_thread.run_sync(self._keep, answer.pictures[0], answer.seed)
        else:
            made = await self._freely(fetched)
        return replace(made, request_key=call.request_key, call=call.id)

    def _keep(self, data: Any, seed: int | None) -> Made:
        """Paid bytes are checked to be an image, decoded whole, and on disk before anything says so."""
        if not isinstance(data, bytes):
            raise ImageError("The answer holds no picture.")
        found = check(data[:HEAD_BYTES], len(data))
        codec.decode(data)
        digest = self._store.put(data, durable=True)
        return Made(
            digest, MEDIA_TYPES[found.format].media_type, len(data), found.width, found.height, seed, 0.0
        )

    # ------------------------------------------------------------------ small things

    async def _note(self, call: Call, state: CallState, *, ended: bool = False, **changed: Any) -> Call:
        """The call in its new state, on disk before anything else happens."""
        call = call._replace(state=state, ended_at=self._now() if ended else call.ended_at, **changed)
        self._journal.put_call(call)
        await self._committer.durable()
        return call

    async def _freely(self, beat: Callable[[], Any]) -> Any:
        """A beat that costs nothing, repeated while it fails in passing."""
        for attempt in range(1, FREE_ATTEMPTS + 1):
            try:
                return await beat()
            except (NotSent, ReplyLost, FetchError, ImageError) as error:
                if attempt == FREE_ATTEMPTS or self._is_stopping():
                    raise _Outcome("open", f"{error} The next run tries again.") from error
                await self._pause(attempt, 1.0)
        raise AssertionError

    async def _pause(self, attempt: int, delay_seconds: float) -> None:
        """Full jitter, doubling, so that many who wait do not come back at once."""
        await anyio.sleep(self._chance.uniform(0, min(MAX_BACKOFF_SECONDS, delay_seconds * 2**attempt)))


class _Outcome(Exception):
    """Ends a call with an outcome other than a picture."""

    def __init__(self, outcome: Any, message: str) -> None:
        self.outcome = outcome
        super().__init__(message)


def request_key(request: Request) -> bytes:
    """What is bought: the task's fields with the digest of the actual bytes of every image. The route is not in it."""
    fields = {name: value for name, value in request.fields.items() if name in request.said}
    images = {name: [blob.digest.hex() for blob in blobs] for name, blobs in request.images.items()}
    bought = {
        "model": request.model,
        "version": request.version,
        "fields": fields,
        "images": images,
        # A seed that the step says is part of what is bought; one derived from the task's key is not.
        "seed": request.seed if request.said - request.fields.keys() else None,
        "take": request.take,
        "options": dict(request.options),
    }
    return sha256(canonical(bought).encode()).digest()


def made_of(result: Result) -> Made:
    """A stored result as what a task has made."""
    return Made(
        result.digest,
        result.media_type,
        result.size,
        result.width or 0,
        result.height or 0,
        result.seed,
        0.0,
        result.request_key,
        result.call,
    )

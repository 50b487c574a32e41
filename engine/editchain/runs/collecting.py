"""Collecting: a call that the vendor has taken, from its job to stored pictures. Nothing here is ever paid for again."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio

from editchain.errors import EditchainError, ImageError, ProviderError
from editchain.imaging.probe import HEAD_BYTES, check
from editchain.providers.base import Absent, Failed, Finished, Running
from editchain.runs.books import Detail, made_of
from editchain.runs.outcomes import NoPicture, Notice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from editchain.executors.base import Made
    from editchain.journal.entries import Call, Charged
    from editchain.providers.base import Polled, Session
    from editchain.runs.books import Books
    from editchain.runs.repeating import Repeater
    from editchain.runs.vendors import Vendor

LOST_POLLS, LOST_SECONDS = 3, 60.0
"""A job that its vendor does not know, asked so often over so long, is lost."""
CANCEL_SECONDS = 3.0
"""How long a stop waits for a vendor to say that a job is cancelled."""
FETCH_SECONDS = 4.0
"""How long a stop waits for a picture that is being fetched; the next run fetches it else."""
LONGEST_POLL_SECONDS = 60.0
"""A job is asked after at least so often, whatever its vendor says: its picture may be there for minutes only."""
TRIES_PER_ADDRESS = 2
"""How often an address is tried before the job is asked for a fresh one."""

Found = dict[bytes, "Made | NoPicture"]


class Collector:
    """Waits for jobs and brings their pictures into the store."""

    def __init__(self, books: Books, repeater: Repeater) -> None:
        self._books = books
        self._repeater = repeater

    async def wait(
        self, call: Call, vendor: Vendor, session: Session, seconds: float | None
    ) -> Finished | Failed:
        """Polls until the job has ended; our deadline ends the waiting, not the job. Raises NoPicture."""
        limit = seconds or vendor.provider.capabilities.job_seconds
        with self._repeater.until_stop() as stop, anyio.move_on_after(limit):
            return await self._poll(call, vendor, session)
        if not stop.cancelled_caught and not self._repeater.stop.is_asked:
            raise NoPicture(
                "open", f"{call.provider} was not done within {limit:.0f} s; the next run collects it"
            )
        await self._cancel(call, vendor, session)
        raise NoPicture("open", f"{call.provider} is still at work on it; the next run collects it")

    async def resume(
        self,
        call: Call,
        vendor: Vendor,
        session: Session,
        seconds: float | None,
        identities: Mapping[bytes, str | None],
    ) -> Found:
        """Goes on with a call that its vendor has taken, to its end. Raises NoPicture."""
        answer = Detail.of(call).answer or await self.wait(call, vendor, session, seconds)
        return await self.collect(call, answer, vendor, session, identities)

    async def _poll(self, call: Call, vendor: Vendor, session: Session) -> Finished | Failed:
        vendor_id = call.vendor_id or ""
        absent: list[float] = []
        while True:
            asked = anyio.current_time()
            try:
                answer: Polled = await self._repeater.freely(
                    lambda: vendor.provider.poll(session, vendor_id), sys.maxsize
                )
            except EditchainError as error:
                raise NoPicture("open", f"{error} The next run asks again.") from error
            if isinstance(answer, (Finished, Failed)):
                return answer
            if isinstance(answer, Running) and answer.is_busy:
                # Less is sent too: the account's limit may well be one for both.
                wait = min(answer.poll_after_seconds, LONGEST_POLL_SECONDS)
                vendor.pace.slow(anyio.current_time(), asked, wait)
            if isinstance(answer, Absent):
                absent.append(anyio.current_time())
                if len(absent) >= LOST_POLLS and absent[-1] - absent[0] >= LOST_SECONDS:
                    return Failed("lost", f"The vendor no longer knows the job {vendor_id}.", None)
                answer = Running(LOST_SECONDS / (LOST_POLLS - 1))
            else:
                absent.clear()
            await anyio.sleep(min(max(answer.poll_after_seconds, 0.05), LONGEST_POLL_SECONDS))

    async def _cancel(self, call: Call, vendor: Vendor, session: Session) -> None:
        """Cancels a job that a stop leaves behind, where that is free; raises NoPicture where it was."""
        with anyio.move_on_after(CANCEL_SECONDS, shield=True):
            try:
                is_cancelled = await vendor.provider.cancel(session, call.vendor_id or "")
            except EditchainError:
                return
            if is_cancelled:
                await self._books.note(call, "abandoned", charged="no", ended=True)
                raise NoPicture("stopped", f"it was cancelled at {call.provider}, for nothing")

    async def collect(
        self,
        call: Call,
        answer: Finished | Failed,
        vendor: Vendor,
        session: Session,
        identities: Mapping[bytes, str | None],
    ) -> Found:
        """What became of each sample of a call whose job has ended, by the keys of tasks; all of it is on disk."""
        detail = Detail.of(call)
        if isinstance(answer, Failed):
            charged: Charged = (
                "unknown" if answer.is_charged is None else "yes" if answer.is_charged else "no"
            )
            return await self.fail(call, answer.reason, answer.message, charged, answer.amount)
        if not answer.pictures and not answer.downloads:
            return await self.fail(call, "no-picture", "The job ended without a picture.", "unknown")
        if answer.pictures:
            # They are in the reply and nowhere else: nothing may come between.
            with anyio.CancelScope(shield=True):
                return await self._all(call, detail, answer, vendor, session, identities)
        return await self._all(call, detail, answer, vendor, session, identities)

    async def _all(
        self,
        call: Call,
        detail: Detail,
        answer: Finished,
        vendor: Vendor,
        session: Session,
        identities: Mapping[bytes, str | None],
    ) -> Found:
        stored = self._books.journal.results([one.key for one in detail.samples])
        found: Found = {}
        source = _Source(self._books, self._repeater, call, answer, vendor, session)
        for at, sample in enumerate(detail.samples):
            before = stored.get(sample.key)
            if before is not None and before.call == call.id:
                found[sample.key] = made_of(before)
                continue
            try:
                made = await source.picture(at)
            except NoPicture as outcome:
                found[sample.key] = outcome
                if outcome.outcome == "rejected":
                    self._books.refuse(call, [sample], "lost", str(outcome), "yes")
                continue
            seed = answer.seed if answer.seed is not None else detail.seed
            # Of several, only the first is known to be the seed's.
            found[sample.key] = self._books.add(
                call, detail, at, made, identities.get(sample.key), seed if at == 0 else None
            )
        if not any(isinstance(one, NoPicture) and one.outcome == "open" for one in found.values()):
            await source.keep_surplus(len(detail.samples))
        await self._end(call, detail, answer, found)
        return found

    async def _end(self, call: Call, detail: Detail, answer: Finished, found: Found) -> None:
        """The call's end, in one transaction with the rows of its pictures: a call that is done has them."""
        outcomes = [one.outcome if isinstance(one, NoPicture) else "done" for one in found.values()]
        if "open" in outcomes:
            await self._books.with_room(self._books.committer.durable)
            return
        missing = tuple(at for at, outcome in enumerate(outcomes) if outcome == "failed")
        state = "done" if "done" in outcomes else "failed"
        await self._books.note(
            call,
            "done" if state == "done" else "failed",
            charged="yes",
            price_actual=answer.amount,
            ended=True,
            detail=replace(detail, missing=missing).to_json() if missing else call.detail,
        )

    async def fail(
        self, call: Call, reason: str, message: str, charged: Charged, amount: str | None = None
    ) -> Found:
        """A call without a picture. What was charged, or may have been, is remembered: nothing asks for it again."""
        detail = Detail.of(call)
        if charged != "no":
            self._books.refuse(call, detail.samples, reason, message, charged)
        await self._books.note(
            call,
            "failed",
            charged=charged,
            price_actual=amount,
            ended=True,
            detail=replace(detail, why=message).to_json(),
        )
        outcome = NoPicture("failed" if charged == "no" else "rejected", f"{call.provider}: {message}")
        return dict.fromkeys((one.key for one in detail.samples), outcome)


class _Source:
    """Where the pictures of an answer come from: its own bytes, or addresses that are renewed from the job."""

    def __init__(
        self,
        books: Books,
        repeater: Repeater,
        call: Call,
        answer: Finished,
        vendor: Vendor,
        session: Session,
    ) -> None:
        self._books = books
        self._repeater = repeater
        self._call = call
        self._answer = answer
        self._vendor = vendor
        self._session = session
        self._tries = 0
        self._foreign: bytes | None = None

    async def picture(self, at: int) -> Made:
        """The picture of a sample, checked and stored. Raises NoPicture: failed where there is none, rejected where it was
        paid for and is lost, open where it can be fetched later.
        """
        answer = self._answer
        count = len(answer.pictures or answer.downloads)
        if at >= count:
            raise NoPicture(
                "failed",
                f"{self._call.provider} gave {count} pictures of those asked for; the next run asks for the rest",
            )
        if answer.pictures:
            try:
                return await self._books.keep(answer.pictures[at], is_only_copy=True)
            except ImageError as error:
                raise await self._unusable(at, answer.pictures[at], error) from error
        try:
            with self._repeater.until_stop(FETCH_SECONDS):
                made: Made = await self._repeater.freely(lambda: self._fetch(at))
                return made
        except ProviderError as error:
            raise NoPicture("rejected", f"it was charged, and its picture is lost: {error}") from error
        raise NoPicture("open", f"its picture is still at {self._call.provider}; the next run fetches it")

    async def _fetch(self, at: int) -> Made:
        """One try; an address that keeps failing may have expired, so the job is asked for a fresh one."""
        if self._tries >= TRIES_PER_ADDRESS and self._call.vendor_id is not None:
            self._tries = 0
            fresh: Any = await self._vendor.provider.poll(self._session, self._call.vendor_id)
            if isinstance(fresh, Finished) and len(fresh.downloads) > at:
                self._answer = fresh
        self._tries += 1
        data = await self._vendor.provider.download(self._session, self._answer.downloads[at])
        try:
            made = await self._books.keep(data)
        except ImageError as error:
            before, self._foreign = self._foreign, data if _is_foreign(data) else None
            if before is not None and before == data:  # it is what the vendor has
                raise await self._unusable(at, data, error) from error
            raise ImageError(self._why_unusable(error)) from error
        self._tries = 0
        return made

    async def _unusable(self, at: int, data: Any, error: ImageError) -> NoPicture:
        """What is to be said of a delivery that will not become a picture here: a person may make something of it."""
        why = f"it was charged, but: {self._why_unusable(error)}"
        if not isinstance(data, bytes) or not data:
            return NoPicture("rejected", why)
        path = await self._books.set_aside(self._call, at, data)
        return NoPicture("rejected", f"{why} What came is kept as {path}.")

    def _why_unusable(self, error: ImageError) -> str:
        words = str(error)
        return f"What {self._call.provider} delivered cannot be used: {words[:1].lower()}{words[1:]}"

    async def keep_surplus(self, count: int) -> None:
        """Sets pictures aside that came beyond those asked for, as they may have been paid for."""
        answer = self._answer
        came = len(answer.pictures or answer.downloads)
        if came <= count:
            return
        kept = []
        for at in range(count, came):
            try:
                data: Any = (
                    answer.pictures[at]
                    if answer.pictures
                    else await self._vendor.provider.download(self._session, answer.downloads[at])
                )
            except EditchainError:
                continue  # a try is enough for what nobody asked for
            kept.append(await self._books.set_aside(self._call, at, data))
        name = self._call.provider
        said = f"kept as {', '.join(kept)}" if kept else f"at {name}, under call {self._call.id}"
        message = f"{name} gave {came} pictures where {count} {'was' if count == 1 else 'were'} asked for; the others are {said}"
        self._books.tell(Notice("doubt", message, provider=name, call=self._call.id))


def _is_foreign(data: bytes) -> bool:
    """Whether bytes are a file of a kind that is not taken here, rather than a page of a server in between."""
    if b"\0" not in data[:HEAD_BYTES]:
        return False
    try:
        check(data[:HEAD_BYTES], len(data))
    except ImageError:
        return True
    return False

"""Books: what is written down of calls, each thing on disk before the next one happens."""

from __future__ import annotations

import json
import secrets
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from editchain.classes import dataclass
from editchain.errors import DiskFull, ImageError, StoreError
from editchain.executors.base import Made
from editchain.imaging import codec
from editchain.imaging.probe import HEAD_BYTES, MEDIA_TYPES, check
from editchain.journal.entries import Call, Refusal, Result
from editchain.journal.journal import Start
from editchain.journal.ledger import NO_RATES, judge
from editchain.providers.base import Finished
from editchain.providers.bodies import kind_of
from editchain.runs.outcomes import Notice

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from decimal import Decimal

    from editchain.journal.committing import Committer
    from editchain.journal.entries import CallState, Charged
    from editchain.journal.journal import Blocked, Journal
    from editchain.journal.ledger import Ceiling, Rates
    from editchain.models import Price
    from editchain.store import Store

ROOM_SECONDS = 2.0
"""How often a full disk is tried again while there is something paid for to be written."""
TROUBLE_SECONDS = 600.0
"""How long something paid for is held while the disk is in any other trouble."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture that a call is to bring: the keys of its task and of its request, and its number among the takes."""

    key: bytes
    request_key: bytes
    take: int = 1
    task: str = ""


@dataclass(frozen=True, slots=True)
class Detail:
    """What a call's pictures are recorded with. `missing` are the samples that never came; `why` is for people.

    `vendor` is what the vendor said when it accepted, `prepared` what was done to the pictures that were sent, `answer`
    where the pictures are of a vendor that answers at once and has no job to ask for them. `begun_at` is when the intent
    was written by the vendor's clock (unix seconds), where that is known: ours may be set meanwhile. `handles` are what
    the vendor called the pictures then, by digest: another process may have brought it the same ones under other names.
    """

    samples: tuple[Sample, ...]
    version: str = ""
    seed: int | None = None
    missing: tuple[int, ...] = ()
    why: str = ""
    vendor: Mapping[str, Any] = field(default_factory=dict)
    prepared: tuple[str, ...] = ()
    answer: Finished | None = None
    begun_at: float | None = None
    handles: Mapping[bytes, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """As it stands in the journal."""
        found = {
            "samples": [[one.key.hex(), one.request_key.hex(), one.take, one.task] for one in self.samples],
            "version": self.version,
            "seed": self.seed,
            "missing": list(self.missing),
            "why": self.why,
            "vendor": dict(self.vendor),
            "prepared": list(self.prepared),
            "begun_at": self.begun_at,
            "handles": {digest.hex(): handle for digest, handle in self.handles.items()},
            "answer": self.answer and [list(self.answer.downloads), self.answer.amount, self.answer.seed],
        }
        return json.dumps({name: value for name, value in found.items() if value not in (None, "", [], {})})

    @classmethod
    def of(cls, call: Call) -> Detail:
        """What the journal has of a call."""
        found = json.loads(call.detail)
        samples = tuple(
            Sample(bytes.fromhex(key), bytes.fromhex(request), take, task)
            for key, request, take, task in found.get("samples", ())
        )
        return cls(
            samples,
            found.get("version", ""),
            found.get("seed"),
            tuple(found.get("missing", ())),
            found.get("why", ""),
            found.get("vendor", {}),
            tuple(found.get("prepared", ())),
            _answer(*found["answer"]) if "answer" in found else None,
            found.get("begun_at"),
            {bytes.fromhex(digest): handle for digest, handle in found.get("handles", {}).items()},
        )


def _answer(downloads: Sequence[str], amount: str | None, seed: int | None) -> Finished:
    return Finished(downloads=tuple(downloads), amount=amount, seed=seed)


class Books:
    """Writes down the calls of a run. Whatever was paid for is held in memory while the disk has no room for it."""

    def __init__(
        self,
        store: Store,
        journal: Journal,
        committer: Committer,
        *,
        run: str | None,
        now: Callable[[], float],
        versions: str = "{}",
        ceilings: tuple[Ceiling, ...] = (),
        rates: Rates = NO_RATES,
        tell: Callable[[Notice], None] = lambda _notice: None,
        rebuys: bool = False,
    ) -> None:
        """`versions` is a JSON object of the libraries that are recorded beside pictures.

        `rebuys` lets a picture be bought again that was paid for and is gone.
        """
        self.store = store
        self.journal = journal
        self.committer = committer
        self.now = now
        self.rebuys = rebuys
        self._run = run
        self._versions = versions
        self._ceilings = ceilings
        self._rates = rates
        self.tell = tell
        self._held = 0
        self._vendor_ids: dict[tuple[str, str], str] | None = None
        self._pictures: dict[bytes, tuple[str, bytes]] = {}

    async def begin(
        self,
        detail: Detail,
        *,
        provider: str,
        route: str,
        model: str,
        attempt: int,
        token: str,
        price: Price | None,
        identities: Mapping[bytes, str],
        is_fresh: bool,
    ) -> Call | Blocked:
        """The intent, on disk, with the most that all its pictures may cost reserved: `price` is of them all. Raises StoreError."""
        call = Call(
            id=secrets.token_hex(8),
            request_key=detail.samples[0].request_key,
            provider=provider,
            route=route,
            model=model,
            attempt=attempt,
            token=token,
            price_least=None if price is None else _text(price.least),
            price_most=None if price is None else _text(price.most),
            currency=None if price is None else price.currency,
            price_source=None if price is None else f"{price.source} {price.date}",
            owner=self.journal.owner,
            run=self._run,
            intent_at=self.now(),
            sent_at=self.now(),
            detail=detail.to_json(),
        )
        return await self.committer.begin_call(
            Start(
                call,
                [one.key for one in detail.samples],
                judge(self._ceilings, self._rates) if self._ceilings else None,
                is_fresh or self.rebuys,
                [one.request_key for one in detail.samples],
                identities,
            )
        )

    async def note(self, call: Call, state: CallState, *, ended: bool = False, **changed: Any) -> Call:
        """The call in its new state, on disk before anything else happens.

        That something was charged is known to nobody else: whatever is wrong with the journal is waited for a while.
        """
        call = call._replace(state=state, ended_at=self.now() if ended else call.ended_at, **changed)
        self.journal.put_call(call)
        is_charged = changed.get("charged") == "yes"
        try:
            await self.with_room(self.committer.durable, StoreError if is_charged else DiskFull)
        except StoreError as error:
            if is_charged and call.vendor_id is not None and not ended:
                raise StoreError(
                    f"{error}. Call {call.id} is {call.provider}'s job {call.vendor_id}, and was charged: once the journal "
                    f"can be written, `editchain resolve {call.id} --fetch {call.vendor_id}` brings its picture"
                ) from error
            raise
        return call

    def refuse(
        self, call: Call, samples: Sequence[Sample], reason: str, message: str, charged: Charged
    ) -> None:
        """Remembers a no, so that nothing asks for it again; on disk with the next note."""
        for one in samples:
            self.journal.add_refusal(
                Refusal(one.key, one.request_key, reason, message, charged, call.id, self.now())
            )

    async def keep(self, data: Any, *, is_only_copy: bool = False) -> Made:
        """A paid picture in the store, checked to be one and decoded whole first. Raises ImageError, StoreError.

        `is_only_copy` where its vendor cannot be asked for it again: whatever is wrong with the disk is waited for.
        """
        if not isinstance(data, bytes):
            raise ImageError("The answer holds no picture.")

        async def put() -> Made:
            return await anyio.to_thread.run_sync(self._put, data)

        made: Made = await self.with_room(put, StoreError if is_only_copy else DiskFull)
        return made

    def _put(self, data: bytes) -> Made:
        found = check(data[:HEAD_BYTES], len(data))
        codec.decode(data)
        digest = self.store.put(data, durable=True)
        return Made(
            digest, MEDIA_TYPES[found.format].media_type, len(data), found.width, found.height, None, 0.0
        )

    async def set_aside(self, call: Call, at: int, data: bytes) -> str:
        """Keeps what was paid for and cannot be a result in a file of its own; gives its path. Raises StoreError."""
        name = f"{call.id}-{at + 1}.{kind_of(data).extension}"
        path: str = await self.with_room(
            lambda: anyio.to_thread.run_sync(self.store.keep_aside, name, data), StoreError
        )
        return path

    def add(
        self, call: Call, detail: Detail, at: int, made: Made, identity: str | None, seed: int | None
    ) -> Made:
        """The row of a sample's picture, on disk with the next note."""
        sample = detail.samples[at]
        made = replace(made, seed=seed, request_key=sample.request_key, call=call.id, route=call.provider)
        self.journal.add_result(
            Result(
                sample.key, made.digest, made.media_type, made.size, made.width, made.height, "model", call.model,
                detail.version, sample.request_key, call.provider, seed, sample.take, self._versions, call.id,
                call.run, self.now(),
            ),
            identity,
        )  # fmt: skip
        self._compare(call, sample, made.digest)
        return made

    def _compare(self, call: Call, sample: Sample, digest: bytes) -> None:
        """Says where one picture came for two requests: a vendor may have mixed them up."""
        other, request = self._pictures.setdefault(digest, (call.id, sample.request_key))
        if request != sample.request_key:
            self.tell(
                Notice(
                    "doubt",
                    f"{call.provider} gave the same picture for call {call.id} and for call {other}: look whether it is right",
                    sample.task or None,
                    call.provider,
                    call.id,
                )
            )

    def adopt(self, sample: Sample, stored: Result, identity: str | None) -> Made:
        """A stored picture under another task's key: bought once, it serves both."""
        if stored.key != sample.key:
            self.journal.add_result(stored._replace(key=sample.key), identity)
            self.committer.soon()
        return made_of(stored)

    def other_with(self, call: Call, vendor_id: str) -> str | None:
        """Another call that has a vendor's id already; None where the id is this call's from now on."""
        if self._vendor_ids is None:
            self._vendor_ids = self.journal.vendor_ids()
        first = self._vendor_ids.setdefault((call.provider, vendor_id), call.id)
        return None if first == call.id else first

    async def with_room(
        self, write: Callable[[], Awaitable[Any]], trouble: type[StoreError] = DiskFull
    ) -> Any:
        """What a write gives, which waits while there is no room: what was paid for is not let go.

        Of another `trouble` the end is not foreseen: it is waited for so long, then raised. Raises StoreError.
        """
        try:
            return await write()
        except trouble as error:
            message = str(error)
        self._held += 1
        self.tell(
            Notice(
                "room",
                f"{message}. What was paid for is held in memory and written as soon as that is possible; nothing new is sent",
            )
        )
        until = anyio.current_time() + TROUBLE_SECONDS
        try:
            while True:
                await anyio.sleep(ROOM_SECONDS)
                try:
                    return await write()
                except DiskFull:
                    continue
                except trouble:
                    if anyio.current_time() > until:
                        raise
        finally:
            self._held -= 1

    @property
    def is_bounded(self) -> bool:
        """Whether a budget holds."""
        return bool(self._ceilings)

    @property
    def is_full(self) -> bool:
        """Whether something paid for waits for room on the disk."""
        return self._held > 0


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
        result.route,
    )


def _text(amount: Decimal) -> str:
    return f"{amount:f}"

"""The vendors of a run: their connections, their pace, whether they may be called, and the pictures that they have."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from editchain.diagnostics import sentence
from editchain.errors import EditchainError
from editchain.journal.entries import Handle
from editchain.providers.base import Session
from editchain.runs.outcomes import NoPicture, Notice
from editchain.runs.pacing import Lane, Pace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping

    from editchain.http import Client
    from editchain.models import Price, Route
    from editchain.providers.base import Blob, Provider, Request
    from editchain.runs.books import Books
    from editchain.runs.repeating import Repeater

CHECK_SECONDS = 15.0
OTHERS_SECONDS = 0.25
"""How often is looked whether a vendor has room, or another process is done with the same request."""


class NotHere(Exception):
    """Nothing was charged, and another vendor may take the request."""

    def __init__(self, outcome: NoPicture) -> None:
        self.outcome = outcome
        super().__init__(str(outcome))


class Vendor:
    """One vendor's account in a run. `closed` says why nothing is sent to it any more."""

    def __init__(
        self,
        name: str,
        provider: Provider,
        client: Client,
        pace: Pace,
        repeater: Repeater,
        tell: Callable[[Notice], None],
    ) -> None:
        self.name = name
        self.provider = provider
        self.client = client
        self.pace = pace
        self._repeater = repeater
        self._tell = tell
        self.closed: str | None = None
        self._closed_routes: dict[str, str] = {}
        self._is_checked = False
        self._checking = anyio.Lock()

    def session(self, route: Route, prices: Iterable[Price] = ()) -> Session:
        """What a beat works with, of a model's prices those of the route."""
        return Session(self.client, route, tuple(one for one in prices if one.route == self.name))

    def close(self, reason: str) -> None:
        """Nothing is sent to it in this run any more."""
        if self.closed is None:
            self.closed = reason
            said = f"{sentence(reason)} Nothing more is sent to it in this run."
            self._tell(Notice("closed", said, provider=self.name))

    def close_route(self, route: Route, reason: str) -> None:
        """Nothing is sent to it by this route in this run any more."""
        self._closed_routes.setdefault(route.id, reason)

    async def check(self, route: Route) -> None:
        """Raises NotHere where nothing may be sent to it, or not by this route."""
        await self._ask_once()
        reason = self.closed or self._closed_routes.get(route.id)
        if reason is not None:
            raise NotHere(NoPicture("failed", reason))

    async def _ask_once(self) -> None:
        """Asks, before the first call and for nothing, whether the account can be called at all."""
        if self._is_checked or not self.provider.capabilities.checks:
            return
        async with self._checking:
            if self._is_checked:
                return
            try:
                with anyio.move_on_after(CHECK_SECONDS):
                    standing = await self.provider.check(self.client)
                    if standing.refusal is not None:
                        self.close(f"{self.name} would refuse all calls: {standing.refusal}")
            except EditchainError:
                pass  # that it cannot be asked does not say that it cannot be called
            self._is_checked = True

    # ------------------------------------------------------------------ its pace

    @asynccontextmanager
    async def turn(self, *, is_own: bool) -> AsyncIterator[None]:
        """A place among its calls; the scheduler keeps one for those that are in its own lane. Raises NoPicture."""
        if not is_own:
            await self._place()
        self.pace.out += 1
        try:
            yield
        finally:
            self.pace.out -= 1

    async def again(self, seconds: float) -> None:
        """Waits with the call's place given to others, then for a place. Raises NoPicture."""
        self.pace.out -= 1
        try:
            await self._repeater.sleep(seconds)
            await self._place()
        finally:
            self.pace.out += 1

    async def _place(self) -> None:
        pace = self.pace
        while (pause := pace.pause(anyio.current_time())) or pace.out >= pace.width:
            await self._repeater.sleep(max(pause, OTHERS_SECONDS))
        pace.begin(anyio.current_time())


class Vendors:
    """The vendors of a run by name, each made when it is first needed. Close it at the end."""

    def __init__(
        self,
        books: Books,
        repeater: Repeater,
        provider: Callable[[str], Provider],
        client: Callable[[str, Provider], Client],
        paces: Mapping[str, Pace],
    ) -> None:
        self._books = books
        self._repeater = repeater
        self._provider = provider
        self._client = client
        self._paces = paces
        self._vendors: dict[str, Vendor] = {}
        self._handles: dict[tuple[str, bytes], Handle] = {}
        self._uploading: dict[tuple[str, bytes], anyio.Lock] = {}

    def __getitem__(self, name: str) -> Vendor:
        """The vendor of a name. Raises ConfigurationError."""
        if name not in self._vendors:
            provider = self._provider(name)
            pace = self._paces.get(name) or Pace(Lane(provider.capabilities.concurrency))
            client = self._client(name, provider)
            self._vendors[name] = Vendor(name, provider, client, pace, self._repeater, self._books.tell)
        return self._vendors[name]

    async def close(self) -> None:
        """Closes the connections."""
        for vendor in self._vendors.values():
            await vendor.client.close()

    async def ready(self, request: Request, vendor: Vendor, route: Route) -> Request:
        """The request with its pictures as the route wants them, and at the vendor where they are uploaded."""
        request = await anyio.to_thread.run_sync(vendor.provider.prepared, request, route)
        if not vendor.provider.capabilities.uploads:
            return request
        handles: dict[bytes, str] = {}
        for blob in (one for blobs in request.images.values() for one in blobs):
            if blob.held is not None and blob.held[0] == vendor.name:
                handles[blob.digest] = blob.held[1]
            else:
                handles[blob.digest] = (await self._handle(blob, vendor, route)).handle
        return replace(request, handles=handles)

    def forget(self, vendor: Vendor, request: Request) -> None:
        """The vendor does not have these pictures any more, whatever it said before."""
        for digest, handle in request.handles.items():
            self._handles[vendor.name, digest] = Handle(vendor.name, digest, handle, 0.0)

    async def _handle(self, blob: Blob, vendor: Vendor, route: Route) -> Handle:
        """What the vendor calls a picture; of several calls that need it, one uploads it."""
        name, books = vendor.name, self._books
        async with self._uploading.setdefault((name, blob.digest), anyio.Lock()):
            known = self._handles.get((name, blob.digest)) or books.journal.handle(name, blob.digest)
            if known is None or (known.expires_at is not None and known.expires_at < books.now() + 60):
                upload = partial(vendor.provider.upload, vendor.session(route), blob)
                uploaded = await self._repeater.freely(upload)
                known = Handle(name, blob.digest, uploaded.handle, uploaded.expires_at)
                books.journal.put_handle(known)
                books.committer.soon()
            self._handles[name, blob.digest] = known
            return known

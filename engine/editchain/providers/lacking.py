"""Beats and checks that a vendor does not have, for the modules of those vendors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.errors import ProviderError
from editchain.providers.base import Standing, Unknown

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from editchain.http import Client
    from editchain.providers.base import Blob, Polled, Quote, Request, Session, Uploaded


def check_prompt(
    prompt: str, fields: Collection[str] | None = None
) -> Iterable[tuple[int, int, str, str | None]]:
    """Nothing: what a prompt means, only the models can tell."""
    _ = prompt, fields
    return ()


def advise_prompt(prompt: str, fields: Collection[str]) -> Iterable[tuple[int, int, str, str | None]]:
    """Nothing, as above."""
    _ = prompt, fields
    return ()


async def check(client: Client) -> Standing:
    """Nothing is known: the vendor has nothing that could be asked for nothing."""
    _ = client
    return Standing()


async def upload(session: Session, blob: Blob) -> Uploaded:
    """Never: pictures go with the request."""
    _ = blob
    raise ProviderError(f"{session.route.provider} takes pictures with the request only.")


async def price(session: Session, request: Request) -> Quote:
    """Never: the vendor says what a call costs once it is made, or not at all."""
    _ = request
    raise ProviderError(f"{session.route.provider} does not say beforehand what a call costs.")


async def poll(session: Session, vendor_id: str) -> Polled:
    """Never: the vendor answers at once and has no jobs."""
    raise ProviderError(f"{session.route.provider} has no jobs, so none {vendor_id}.")


async def download(session: Session, address: str) -> bytes:
    """The bytes at an address that the vendor gave. Raises FetchError."""
    return await session.client.fetch(address)


async def find(session: Session, request: Request, since: float) -> Unknown:
    """Cannot know: the vendor keeps no list of what it was asked for."""
    _ = request, since
    return Unknown(f"{session.route.provider} has no way to ask for a call whose answer was lost.")


async def cancel(session: Session, vendor_id: str) -> bool:
    """Never: what the vendor has begun cannot be stopped, or not free of charge."""
    _ = session, vendor_id
    return False

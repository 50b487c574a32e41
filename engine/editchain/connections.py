"""Connections: to few hosts, warm, each used by one request at a time; bodies go out piece by piece."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import anyio
import httpcore

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterable, AsyncIterator, Iterator, Mapping

    Origin = tuple[bytes, bytes, int]

KEPT_SECONDS = 20.0
"""How long a connection that nobody uses is kept."""
CONNECT_SECONDS = 15.0
PIECE_BYTES = 1 << 18
"""How much of a body is written at once: writing holds up everything else."""
_RESERVED = "%/:=&?~+!$,;'@()*[]"


class Connections:
    """At most so many connections at a time. The one that was used last is taken first, and only that one is looked at.

    Made anywhere, used inside one event loop. `backend` connects.
    """

    def __init__(self, backend: httpcore.AsyncNetworkBackend, tls: ssl.SSLContext, most: int) -> None:
        self._backend = backend
        self._tls = tls
        self._most = most
        self._idle: list[tuple[Origin, httpcore.AsyncHTTPConnection]] = []
        self._places: anyio.Semaphore | None = None

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Waits until there is room for one more request."""
        if self._places is None:
            self._places = anyio.Semaphore(self._most)
        async with self._places:
            yield

    @asynccontextmanager
    async def ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: bytes | None = None,
        *,
        seconds: float,
    ) -> AsyncIterator[httpcore.Response]:
        """A request and its response, whose body is not read yet; inside a `place`. Raises httpcore's errors."""
        request = _request(method, url, headers, content, seconds)
        origin = (request.url.origin.scheme, request.url.origin.host, request.url.origin.port)
        connection = await self._taken(origin)
        if connection is None:
            connection = httpcore.AsyncHTTPConnection(
                request.url.origin, self._tls, KEPT_SECONDS, network_backend=self._backend
            )
        try:
            response = await connection.handle_async_request(request)
            try:
                yield response
            finally:
                with anyio.CancelScope(shield=True):
                    await response.aclose()
        finally:
            await self._give_back(origin, connection)

    async def close(self) -> None:
        """Closes what is open and not in use."""
        idle, self._idle = self._idle, []
        for _, connection in idle:
            await connection.aclose()

    async def _taken(self, origin: Origin) -> httpcore.AsyncHTTPConnection | None:
        """An open connection to a host; those that its host has closed meanwhile go."""
        at = len(self._idle)
        while at:
            at -= 1
            if self._idle[at][0] != origin:
                continue
            connection = self._idle.pop(at)[1]
            if not connection.has_expired():
                return connection
            await connection.aclose()
            at = min(at, len(self._idle))
        return None

    async def _give_back(self, origin: Origin, connection: httpcore.AsyncHTTPConnection) -> None:
        with anyio.CancelScope(shield=True):
            if not connection.is_available() or _has_more(connection):
                await connection.aclose()
                return
            self._idle.append((origin, connection))
            if len(self._idle) > self._most:
                await self._idle.pop(0)[1].aclose()


def _has_more(connection: Any) -> bool:
    """Whether more has come than the answer: it would be taken for that of the next request, which the library does."""
    state = getattr(getattr(connection, "_connection", None), "_h11_state", None)
    return bool(getattr(state, "trailing_data", (b"", False))[0])


def _request(
    method: str, url: str, headers: Mapping[str, str], content: bytes | None, seconds: float
) -> httpcore.Request:
    target = httpcore.URL(quote(url.partition("#")[0], safe=_RESERVED))
    origin = target.origin
    host = origin.host.decode("ascii")
    is_usual = origin.port == {b"https": 443, b"http": 80}.get(origin.scheme)
    bracketed = f"[{host}]" if ":" in host else host
    named = {"Host": bracketed if is_usual else f"{bracketed}:{origin.port}", **headers}
    if content is not None:
        named["Content-Length"] = str(len(content))
    times = {"connect": min(seconds, CONNECT_SECONDS), "read": seconds, "write": seconds}
    return httpcore.Request(
        method,
        target,
        headers=list(named.items()),
        content=None if content is None else _pieces(content),
        extensions={"timeout": times},
    )


def _pieces(content: bytes) -> bytes | AsyncIterable[bytes]:
    return content if len(content) <= PIECE_BYTES else _Pieces(content)


class _Pieces:
    """A body in pieces."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._content), PIECE_BYTES):
            yield self._content[start : start + PIECE_BYTES]


def header_pairs(response: httpcore.Response) -> Iterator[tuple[str, str]]:
    """The headers of a response, names in lower case."""
    for name, value in response.headers:
        yield name.decode("latin-1").lower(), value.decode("latin-1")

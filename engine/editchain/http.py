"""The one module that opens sockets: requests to vendors, and fetching pictures from addresses that others name."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import socket
import ssl
import sys
import time
import zlib
from contextlib import AsyncExitStack, asynccontextmanager
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode, urljoin, urlsplit

import anyio
import anyio.to_thread
import httpcore

from editchain.classes import dataclass
from editchain.connections import Connections, header_pairs
from editchain.errors import EditchainError
from editchain.imaging.limits import MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
    from urllib.parse import SplitResult

MAX_REDIRECTS = 5
TOTAL_SECONDS = 60.0
MAX_REPLY_BYTES = 1 << 29
"""The longest answer of a vendor: ten large pictures as base64."""
MOST_PACKED = 100
"""How many times larger a packed answer may become: text packs to a tenth, a trap to a thousandth."""
MAX_STRANGERS = 8
"""How many connections are open at a time to hosts that others name."""
AGENT = "editchain"
_REDIRECTS = frozenset((301, 302, 303, 307, 308))


class FetchError(EditchainError):
    """An address that cannot or may not be fetched; nothing was charged, and trying again is free.

    `status` is what the address answered with, where it answered.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        self.status = status
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Rules:
    """What may be fetched. `is_allowed` judges each address a name resolves to; `plain_hosts` may be asked without TLS."""

    is_allowed: Callable[[str], bool]
    plain_hosts: frozenset[str] = frozenset()
    tls: ssl.SSLContext | None = None
    max_bytes: int = MAX_BYTES
    total_seconds: float = TOTAL_SECONDS


_GIVEN_OUT = ipaddress.ip_network("2000::/3")
"""All of IPv6 that is given out: elsewhere are old and local ways to write an IPv4 address, and sites of one's own."""


def is_public(address: str) -> bool:
    """Whether an IP address is a globally routable unicast one, however an IPv4 address is wrapped into IPv6."""
    try:
        ip = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if ip not in _GIVEN_OUT:
            return False
    return ip.is_global and not ip.is_multicast


PUBLIC = Rules(is_public)


async def fetch(url: str, rules: Rules = PUBLIC) -> bytes:
    """The bytes at an address, redirects followed and judged one by one; raises FetchError with the reason."""
    async with Strangers(rules) as strangers:
        return await strangers.fetch(url)


@cache
def _trusted() -> ssl.SSLContext:
    """The system's certificates, read once: reading them costs more than most requests."""
    return ssl.create_default_context()


class Strangers:
    """Hosts that others name: each address judged before it is connected to, and sent no credentials.

    Connections are few and warm. One that is open leads to an address that was judged when it was opened, and serves only
    the host that it was opened for. Close it, or use it in an `async with`.
    """

    def __init__(self, rules: Rules = PUBLIC, connections: int = MAX_STRANGERS) -> None:
        self.rules = rules
        self._connections = Connections(_Judging(rules), rules.tls or _trusted(), connections)

    async def __aenter__(self) -> Strangers:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections."""
        await self._connections.close()

    async def fetch(self, url: str) -> bytes:
        """The bytes at an address, redirects followed and judged one by one; raises FetchError with the reason."""
        async with self._connections.place():  # waiting for one's turn does not count towards the time
            return await self._followed(url)

    async def _followed(self, url: str) -> bytes:
        rules = self.rules
        try:
            with anyio.fail_after(rules.total_seconds):
                for _ in range(MAX_REDIRECTS + 1):
                    status, location, body = await self._once(url)
                    if location is None:
                        if status != 200:
                            raise FetchError(f"{_shown(url)} answered with status {status}.", status)
                        return body
                    url = urljoin(url, location)
        except TimeoutError:
            raise FetchError(f"{_shown(url)} took longer than {rules.total_seconds:.0f} s.") from None
        raise FetchError(f"{_shown(url)} leads on more than {MAX_REDIRECTS} times.")

    async def _once(self, url: str) -> tuple[int, str | None, bytes]:
        headers = {"Accept": "image/*", "Accept-Encoding": "identity"}
        try:
            async with self._asked("GET", url, headers) as response:
                location = dict(header_pairs(response)).get("location")
                if response.status in _REDIRECTS and location:
                    return response.status, location, b""
                return response.status, None, await _body(response, url, self.rules)
        except _LOST as error:
            raise FetchError(f"{_shown(url)} cannot be fetched: {_words(error)}.") from error

    async def send(
        self, method: str, url: str, content: bytes, headers: Mapping[str, str], seconds: float
    ) -> int:
        """Sends bytes and gives the status. Raises FetchError where the address may not be sent to, NotSent otherwise."""
        try:
            async with self._connections.place():
                with anyio.fail_after(seconds):
                    async with self._asked(method, url, headers, content) as response:
                        async for _ in response.aiter_stream():
                            pass
                        return response.status
        except (*_LOST, TimeoutError) as error:
            raise NotSent(f"{_shown(url)} cannot be sent to: {_words(error)}.") from error

    @asynccontextmanager
    async def _asked(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None = None
    ) -> AsyncIterator[httpcore.Response]:
        """The request to an address. Raises FetchError where it is none to connect to."""
        parts = _parts_of(url)
        is_plain = parts.scheme == "http" and parts.hostname in self.rules.plain_hosts
        if parts.scheme != "https" and not is_plain:
            raise FetchError(f"{_shown(url)} is not an https: address.")
        if parts.username or parts.password or not parts.hostname:
            raise FetchError(f"{_shown(url)} must name a host, without user or password.")
        named = {"User-Agent": AGENT, **headers}
        seconds = self.rules.total_seconds
        async with self._connections.ask(method, url, named, content, seconds=seconds) as response:
            yield response


def _parts_of(url: str) -> SplitResult:
    """The parts of an address; raises FetchError where it is none."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise FetchError(f"{_shown(url)} is no address.") from None
    return parts


_LOST = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.TimeoutException,
    ssl.SSLError,
    OSError,
)


async def _body(response: httpcore.Response, url: str, rules: Rules) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_stream():
        body += chunk
        if len(body) > rules.max_bytes:
            raise FetchError(f"{_shown(url)} is larger than {rules.max_bytes // 1048576} MB.")
    return bytes(body)


class _Judging(httpcore.AsyncNetworkBackend):
    """Resolves a name once, judges every answer, and connects to the judged address itself."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        # The name may stand for a class without methods where anyio is missing; here it never is.
        self._inner = cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first address, when all of them may be connected to."""
        try:
            found = await anyio.to_thread.run_sync(
                lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            )
        except OSError as error:
            raise httpcore.ConnectError(f"{host} is not known: {error.strerror or error}") from error
        addresses = [str(info[4][0]) for info in found]
        refused = [address for address in addresses if not self._rules.is_allowed(address)]
        if refused or not addresses:
            raise FetchError(
                f"{host} is {refused[0] if refused else 'nowhere'}, which is not a public address; recipes may only fetch from public ones."
            )
        return await self._inner.connect_tcp(addresses[0], port, timeout, local_address, socket_options)

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Never: an address names a host."""
        _ = timeout, socket_options
        raise httpcore.ConnectError(path)

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        await anyio.sleep(seconds)


def _shown(url: str) -> str:
    """An address for messages: without its query, which may be signed."""
    return url.split("?", 1)[0]


# ---------------------------------------------------------------------- vendors


class NotSent(EditchainError):
    """A request that surely did not reach the vendor: asking again is safe."""


class ReplyLost(EditchainError):
    """A request that may have reached the vendor, although no whole reply came back."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A vendor's whole answer. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON; None where it is not."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class Client:
    """Sends requests to one vendor's host, with its credentials and few, warm connections. Retries nothing.

    Redirects are not followed, so that credentials go nowhere else; `hosts` are the vendor's other ones, of which one
    that begins with a dot stands for all below it. Close it, or use it in an `async with`.
    """

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        *,
        connections: int = 8,
        rules: Rules = PUBLIC,
        hosts: Sequence[str] = (),
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._ahead_seconds: float | None = None
        self._hosts = tuple(hosts)
        self._headers = {"User-Agent": AGENT, "Accept": "*/*", "Accept-Encoding": "identity", **headers}
        # The name may stand for a class without methods where anyio is missing; here it never is.
        backend = cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())
        self._connections = Connections(backend, rules.tls or _trusted(), connections)
        self._strangers = Strangers(rules, connections)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections."""
        await self._strangers.close()
        await self._connections.close()

    @property
    def vendor_now(self) -> float | None:
        """What the vendor's own clock says (unix seconds), whatever ours does; None before its first reply."""
        return None if self._ahead_seconds is None else _elapsed_seconds() + self._ahead_seconds

    def _note_date(self, date: str | None) -> None:
        with contextlib.suppress(TypeError, ValueError, AttributeError, IndexError, OverflowError):
            self._ahead_seconds = parsedate_to_datetime(date or "").timestamp() - _elapsed_seconds()

    def trusts(self, url: str) -> bool:
        """Whether an address is on the configured host or another one of the vendor: only there credentials go."""
        try:
            parts, base = urlsplit(url), urlsplit(self.base_url)
            port = parts.port
        except ValueError:
            return False
        host = parts.hostname or ""
        if parts.username or parts.password or not host:
            return False
        if (parts.scheme, parts.netloc) == (base.scheme, base.netloc):
            return True
        is_theirs = any(host.endswith(one) if one.startswith(".") else host == one for one in self._hosts)
        return is_theirs and parts.scheme == "https" and port in (None, 443)

    def _url(self, path: str) -> str:
        if not path.startswith(("https:", "http:")):
            return f"{self.base_url}{path}"
        if not self.trusts(path):
            raise FetchError(f"{_shown(path)} is on no host of the vendor, and is sent no credentials.")
        return path

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        content: bytes | None = None,
        files: Any = None,
        form: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        seconds: float = 30.0,
    ) -> Reply:
        """One request and its whole reply, within a total time; raises NotSent or ReplyLost.

        `path` is below the base URL, or a whole address that the vendor gave and that `trusts` says is its own, else it
        is a FetchError; `body` is sent as JSON, `content` as it is, `files` with `form` as multipart.
        """
        url = self._url(path)
        if query:
            url = f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"
        kind, content = await _encoded(body, content, form, files)
        named = {**self._headers, **({"Content-Type": kind} if kind else {}), **(headers or {})}
        async with AsyncExitStack() as held:
            try:
                with anyio.fail_after(seconds):
                    await held.enter_async_context(self._connections.place())
            except TimeoutError as error:
                raise NotSent(
                    f"There was no connection to {self.base_url} within {seconds:.0f} s."
                ) from error
            return await self._exchange(method, url, named, content, seconds)

    async def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None, seconds: float
    ) -> Reply:
        try:
            with anyio.fail_after(seconds):
                async with self._connections.ask(method, url, headers, content, seconds=seconds) as response:
                    reply = await _reply(response)
        except (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.UnsupportedProtocol) as error:
            raise NotSent(f"{self.base_url} cannot be reached: {_words(error)}.") from error
        except TimeoutError as error:
            raise ReplyLost(f"{self.base_url} did not answer within {seconds:.0f} s.") from error
        except _LOST as error:
            raise ReplyLost(f"The answer of {self.base_url} was cut off: {_words(error)}.") from error
        if url.startswith(self.base_url):
            self._note_date(reply.headers.get("date"))
        return reply

    async def put(
        self, url: str, content: bytes, *, headers: Mapping[str, str] | None = None, seconds: float = 120.0
    ) -> int:
        """Sends bytes to an address that the vendor gave, without credentials; gives the status.

        Raises FetchError where the address is none to send to, NotSent where nothing came of it.
        """
        return await self._strangers.send("PUT", url, content, headers or {}, seconds)

    async def post(
        self, url: str, *, form: Mapping[str, str], files: Any = None, seconds: float = 120.0
    ) -> int:
        """Sends a form, its files last, as `put`."""
        kind, content = await _encoded(None, None, form, files)
        return await self._strangers.send("POST", url, content or b"", {"Content-Type": kind}, seconds)

    async def fetch(self, url: str) -> bytes:
        """The bytes at an address that the vendor gave, without credentials, judged like any other; raises FetchError."""
        return await self._strangers.fetch(url)


async def _encoded(
    body: Any, content: bytes | None, form: Mapping[str, str] | None, files: Any
) -> tuple[str, bytes | None]:
    """What is sent, with its type: JSON, bytes as they are, or a form, which is put together in a thread."""
    if body is not None:
        return "application/json", json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    if form is None and files is None:
        return "", content
    return await anyio.to_thread.run_sync(_form, dict(form or {}), files)


def _form(fields: dict[str, str], files: Any) -> tuple[str, bytes]:
    """A form as it is sent, with its type; the library that knows how is loaded here, where nothing waits for it."""
    import httpx

    made = httpx.Request("POST", "https://localhost", data=fields, files=files)
    return made.headers["Content-Type"], made.read()


async def _reply(response: httpcore.Response) -> Reply:
    """The whole answer; one that is compressed although that was not asked for is unpacked in a thread.

    Raises httpcore.RemoteProtocolError where it is too large.
    """
    pieces, length = [], 0
    async for piece in response.aiter_stream():
        pieces.append(piece)
        length += len(piece)
        if length > MAX_REPLY_BYTES:
            raise httpcore.RemoteProtocolError(f"it is larger than {MAX_REPLY_BYTES >> 20} MB")
    body = b"".join(pieces)
    headers: dict[str, str] = {}
    for name, value in header_pairs(response):
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    if headers.get("content-encoding", "identity") != "identity":
        body = await anyio.to_thread.run_sync(_unpacked, headers["content-encoding"], body)
    return Reply(response.status, headers, body)


def _unpacked(encoding: str, body: bytes) -> bytes:
    """Raises httpcore.RemoteProtocolError where it cannot be, or would be far larger than any answer is."""
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise httpcore.RemoteProtocolError(f"it is packed as {encoding}, which was not asked for")
    most = min(MAX_REPLY_BYTES, max(1 << 20, MOST_PACKED * len(body)))
    try:
        unpacking = zlib.decompressobj(zlib.MAX_WBITS | 32)
        whole = unpacking.decompress(body, most)
    except zlib.error as error:
        raise httpcore.RemoteProtocolError(str(error)) from error
    if not unpacking.eof:
        raise httpcore.RemoteProtocolError("it is cut short, or unpacks to far more than an answer")
    return whole


def _elapsed_seconds() -> float:
    """A clock that nobody sets, and that goes on while the machine sleeps where the system has such a one."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.monotonic()


def _words(error: Exception) -> str:
    """What an error says, to stand inside a sentence."""
    return str(error).rstrip(".") or type(error).__name__

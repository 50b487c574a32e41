"""What vendors' stand-ins share: a small HTTP server on loopback, a bill, faults on demand, pictures."""

from __future__ import annotations

import json
import ssl
import struct
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from email.utils import formatdate
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from editchain.http import Rules

LOOPBACK = Rules(
    lambda address: address == "127.0.0.1",
    plain_hosts=frozenset({"127.0.0.1"}),
    tls=ssl.create_default_context(),
)
"""What a client of a stand-in may fetch. Its TLS goes unused, and is here because making it takes longest."""


@dataclass(frozen=True)
class Asked:
    """A request as it came in. Header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def json(self) -> dict[str, Any]:
        """The body as a JSON object; empty where it is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class Answer:
    """What goes back."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def said(document: Any, status: int = 200, **headers: str) -> Answer:
    """An answer of JSON; header names are written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, json.dumps(document).encode(), {"Content-Type": "application/json", **named})


@dataclass(frozen=True)
class Fault:
    """What goes wrong with an exchange.

    `instead` is answered without doing anything, `after` once the request was carried out. `cut_at` is after how many
    bytes of the whole reply the connection ends; negative counts from its end. `is_held` waits there until the server
    closes, and says nothing more.
    """

    instead: Answer | None = None
    after: Answer | None = None
    cut_at: int | None = None
    is_held: bool = False


@dataclass
class Charge:
    """One line of the bill, written before the answer leaves."""

    job: str
    units: Decimal
    is_refunded: bool = False


@dataclass
class _Planned:
    name: str
    fault: Fault
    skip: int
    times: int


class _Listening(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 256  # hundreds of jobs may call at once


class Server:
    """Serves a stand-in on a port of its own. `asked` has every request; `fault` plans what goes wrong.

    `connections` counts those that were ever opened.

    `watch` is told of each exchange when it is "heard", "answered", "half sent" and "sent"; an OSError that it raises ends
    the connection there and then.
    """

    def __init__(self, handle: Callable[[Asked], Answer]) -> None:
        self.asked: list[Asked] = []
        self.ahead_seconds = 0.0
        self.connections = 0
        self.watch: Callable[[Asked, str], None] | None = None
        self._handle = handle
        self._planned: list[_Planned] = []
        self._mutex = threading.Lock()
        self._closing = threading.Event()
        self._open: set[socket] = set()
        self._inner = _Listening(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._inner.server_address[1]}"
        self._thread = threading.Thread(target=lambda: self._inner.serve_forever(0.01))

    def fault(self, name: str, fault: Fault, *, times: int = 1, skip: int = 0) -> None:
        """Plans a fault for requests whose "METHOD /path" begins with `name`."""
        self._planned.append(_Planned(name, fault, skip, times))

    def names(self, start: str = "") -> list[str]:
        """The requests so far, as "METHOD /path", that begin so."""
        return [one.name for one in self.asked if one.name.startswith(start)]

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serves, and ends every connection at the end."""
        self._thread.start()
        try:
            yield
        finally:
            self._closing.set()
            self._inner.shutdown()
            for one in list(self._open):
                with suppress(OSError):
                    one.shutdown(SHUT_RDWR)
            self._inner.server_close()
            self._thread.join()

    def _next_fault(self, asked: Asked) -> Fault:
        for one in self._planned:
            if asked.name.startswith(one.name) and one.times:
                if one.skip:
                    one.skip -= 1
                    continue
                one.times -= 1
                return one.fault
        return Fault()

    def _answer(self, asked: Asked) -> tuple[Answer, Fault]:
        with self._mutex:
            self.asked.append(asked)
            fault = self._next_fault(asked)
            if fault.instead is not None:
                return fault.instead, fault
            answer = self._handle(asked)
            return fault.after or answer, fault

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                server.connections += 1
                server._open.add(self.connection)

            def finish(self) -> None:
                server._open.discard(self.connection)
                with suppress(OSError):
                    super().finish()

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except OSError:
                    self.close_connection = True

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Says nothing."""

            def _serve(self) -> None:
                parts = urlsplit(self.path)
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                if len(body) < length:  # who sent it is gone
                    self.close_connection = True
                    return
                asked = Asked(
                    self.command,
                    parts.path,
                    dict(parse_qsl(parts.query, keep_blank_values=True)),
                    {name.lower(): value for name, value in self.headers.items()},
                    body,
                )
                self._tell(asked, "heard")
                answer, fault = server._answer(asked)
                self._tell(asked, "answered")
                self._send(asked, answer, fault)

            def _tell(self, asked: Asked, moment: str) -> None:
                if server.watch is not None:
                    server.watch(asked, moment)

            def _send(self, asked: Asked, answer: Answer, fault: Fault) -> None:
                headers = {
                    "Date": formatdate(server.now(), usegmt=True),
                    "Content-Length": str(len(answer.body)),
                    **answer.headers,
                }
                head = f"HTTP/1.1 {answer.status} Said\r\n" + "".join(
                    f"{k}: {v}\r\n" for k, v in headers.items()
                )
                whole = head.encode("latin-1") + b"\r\n" + answer.body
                cut = fault.cut_at is not None or fault.is_held
                if cut:
                    self.wfile.write(whole[: fault.cut_at])
                else:
                    half = len(whole) // 2 if server.watch else 0
                    self.wfile.write(whole[:half])
                    self._tell(asked, "half sent")
                    self.wfile.write(whole[half:])
                    self._tell(asked, "sent")
                if fault.is_held:
                    server._closing.wait()
                self.close_connection = cut

            do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815

        return Handler

    def now(self) -> float:
        """The vendor's clock, in unix seconds."""
        import time

        return time.time() + self.ahead_seconds


def png(of: bytes, size: tuple[int, int] = (12, 8)) -> bytes:
    """A small picture that is a pure function of some bytes."""
    width, height = size
    seed = sha256(of).digest()
    row = b"\0" + (seed * (width * 3 // 32 + 1))[: width * 3]
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(row * height)),
        (b"IEND", b""),
    )
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)

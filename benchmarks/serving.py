"""The server under load: clients that submit edits and poll them, on keep-alive connections of their own."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

from benchmarks.measuring import Row
from benchmarks.pictures import tiny_png
from editchain.server import keys
from editchain.server.keys import Limits
from editchain.server.shelf import Shelf

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

CLIENTS, SECONDS = 200, 60.0
POLL_SECONDS = 0.5
ENDED = ("success", "failure", "canceled")
REACH = 50.0
FLAT = 1.25
LINES = 500


def rows(folder: Path, *, rounds: int, clients: int = CLIENTS, seconds: float = SECONDS) -> list[Row]:
    """How long a read of a job's status takes at worst under load, and what the server's memory does; `rounds` is one."""
    _ = rounds
    with Served(folder) as served:
        found = asyncio.run(under_load(served, clients, seconds))
    print(found.told(), file=sys.stderr)
    assert not found.errors, found.errors[:3]
    assert found.lost == 0
    quarter = found.memory[len(found.memory) // 4]
    return [
        Row(f"a status read among {clients} clients, 99th percentile", found.slowest * 1e3, found.idle * 1e3, "ms", "median, idle server", REACH),
        Row(f"the server's memory after {seconds:.0f} s of that", found.memory[-1] / 1e6, quarter / 1e6, "MB", "after a quarter", FLAT),
    ]  # fmt: skip


class Served:
    """`editchain serve` in a process of its own, which can be killed and begun again at the same port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "editchain.toml").write_text('[routes]\ndefault = "darkroom"\n', encoding="utf-8")
        shelf = Shelf(folder / ".editchain" / "server" / "server.db")
        limits = Limits(per_minute=10**9, jobs=10**9)
        key, secret = keys.make(shelf, "load", limits, 0.0)
        shelf.close()
        self.authorization = base64.b64encode(f"{key.id}:{secret}".encode()).decode()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]

    def __enter__(self) -> Served:
        self.begin()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(120)

    def begin(self) -> None:
        """Starts it, and returns once it is ready."""
        command = [sys.executable, "-m", "editchain", "serve", "--port", str(self.port), "--processes", "2"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=self.folder, stderr=log)
        deadline = time.monotonic() + 120
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 5) as probe:
                probe.sendall(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                if b" 200 " in probe.recv(100):
                    return
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.05)

    def kill(self) -> None:
        """Ends it as a crash would."""
        self.process.kill()
        self.process.wait()

    def memory(self) -> float:
        """What the server's own process has in memory, in bytes (Linux)."""
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            return float(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def log(self) -> str:
        """The last lines that it said."""
        return "\n".join((self.folder / "log").read_text(encoding="utf-8").splitlines()[-LINES:])


class Connection:
    """One keep-alive connection: as little of a client as will do, so that it takes little from the server's processors."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: bytes = b"", token: str = "") -> tuple[int, Any]:
        """Status and JSON of an answer. Raises OSError and EOFError where the server went away."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._served.port)
        reader, writer = self._streams
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic {self._served.authorization}\r\n"
        head += f"Content-Length: {len(body)}\r\n" + (f"Idempotency-Key: {token}\r\n" if token else "")
        try:
            writer.write(head.encode() + b"\r\n" + body)
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
            data = await reader.readexactly(int(fields.get("content-length", "0")))
        except (OSError, EOFError):
            self.close()
            raise
        return int(lines[0].split()[1]), json.loads(data or b"null")

    def close(self) -> None:
        """Closes it; the next request opens another."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


@dataclass
class Figures:
    """What came of it. Times are in seconds, memory is in bytes, sampled evenly over the load."""

    idle: float = 0.0
    reads: list[float] = field(default_factory=list)
    submits: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    done: dict[str, str] = field(default_factory=dict)
    lost: int = 0

    @property
    def slowest(self) -> float:
        """The 99th percentile of status reads."""
        return quantiles(self.reads, n=100)[98]

    def told(self) -> str:
        """It in a line."""
        return (
            f"idle {self.idle * 1000:.2f} ms, reads {len(self.reads)}: median {median(self.reads) * 1000:.2f} ms, "
            f"p99 {self.slowest * 1000:.1f} ms, worst {max(self.reads) * 1000:.1f} ms; "
            f"{len(self.done)} jobs, submits median {median(self.submits) * 1000:.0f} ms; "
            f"memory {self.memory[len(self.memory) // 4] / 1e6:.1f} to {self.memory[-1] / 1e6:.1f} MB"
        )


async def under_load(served: Served, clients: int, seconds: float, *, kills: bool = False) -> Figures:
    """The figures of so many clients for so long; with `kills` the server is killed halfway and begun again."""
    found = Figures()
    first = Connection(served)
    _, answer = await first.ask("POST", "/v1/generate/prompt-editing", edit(0), "idle")
    job = await until_ended(first, answer["job"]["jobId"], found)
    found.reads.clear()
    times = [await timed(first, job) for _ in range(300)]
    found.idle = median(times)
    until = time.monotonic() + seconds
    async with asyncio.TaskGroup() as group:
        for number in range(clients):
            group.create_task(client(served, number, until, found, forgives=kills))
        group.create_task(sampled(served, until, found))
        if kills:
            await asyncio.sleep(seconds / 2)
            served.kill()
            await asyncio.to_thread(served.begin)
    first.close()  # the server has ended it, as nothing was asked
    ids = {job["jobId"]: job["status"] async for job in listed(first)}
    ids.pop(job), found.done.pop(job)
    found.lost = len(found.done.keys() ^ ids.keys()) + sum(one != "success" for one in ids.values())
    first.close()
    return found


async def client(served: Served, number: int, until: float, found: Figures, *, forgives: bool) -> None:
    """Submits one edit after the other, each once the one before has ended; `forgives` a server that goes away."""
    connection = Connection(served)
    await asyncio.sleep(number / 200)
    at = 0
    while time.monotonic() < until:
        token = f"{number}-{at}"
        began = time.perf_counter()
        status, answer = await patient(
            connection, "POST", "/v1/generate/prompt-editing", edit(number * 1000 + at), token, forgives
        )
        found.submits.append(time.perf_counter() - began)
        if status != 200:
            found.errors.append(f"{status} {answer}")
            return
        job = answer["job"]["jobId"]
        found.done[job] = "asked"
        await until_ended(connection, job, found, forgives=forgives)
        at += 1
    connection.close()


async def until_ended(connection: Connection, job: str, found: Figures, *, forgives: bool = False) -> str:
    """Reads a job's status until it has ended."""
    while True:
        began = time.perf_counter()
        status, answer = await patient(connection, "GET", f"/v1/jobs/{job}", b"", "", forgives)
        found.reads.append(time.perf_counter() - began)
        if status != 200:
            found.errors.append(f"{status} {answer}")
            return job
        if answer["job"]["status"] in ENDED:
            found.done[job] = answer["job"]["status"]
            return job
        await asyncio.sleep(POLL_SECONDS)


async def patient(
    connection: Connection, method: str, path: str, body: bytes, token: str, forgives: bool
) -> tuple[int, Any]:
    """An answer; asked for again while the server is away, where that is to be forgiven."""
    deadline = time.monotonic() + 180
    while True:
        try:
            return await connection.ask(method, path, body, token)
        except (OSError, EOFError) as error:
            if not forgives or time.monotonic() > deadline:
                return 0, str(error)
            await asyncio.sleep(0.2)


async def timed(connection: Connection, job: str) -> float:
    began = time.perf_counter()
    await connection.ask("GET", f"/v1/jobs/{job}")
    return time.perf_counter() - began


async def sampled(served: Served, until: float, found: Figures) -> None:
    while time.monotonic() < until:
        with contextlib.suppress(OSError):  # it is just being begun again
            found.memory.append(served.memory())
        await asyncio.sleep(0.5)


async def listed(connection: Connection) -> AsyncIterator[dict[str, Any]]:
    """All jobs of the project."""
    more = ""
    while True:
        _, page = await connection.ask("GET", f"/v1/jobs?pageSize=100{more}")
        for one in page["jobs"]:
            yield one
        if "nextPaginationToken" not in page:
            return
        more = f"&paginationToken={page['nextPaginationToken']}"


def edit(number: int) -> bytes:
    """A request whose picture no other has."""
    picture = base64.b64encode(tiny_png(str(number))).decode()
    return json.dumps({"prompt": "make it sepia", "image": f"data:image/png;base64,{picture}"}).encode()

"""The bare peer of `calls`: the same requests through httpx, and nothing kept: `python -m benchmarks.bare_calls URL KEY PHOTO COUNT IN_FLIGHT`."""

from __future__ import annotations

import base64
import sys
from pathlib import Path

import anyio
import httpx


async def call(vendor: httpx.AsyncClient, others: httpx.AsyncClient, photo: bytes, look: str) -> bytes:
    """Submit, poll until it is ready, download."""
    body = {"prompt": look, "input_image": base64.b64encode(photo).decode(), "output_format": "png"}
    accepted = (await vendor.post("/v1/flux-2-pro", json=body)).raise_for_status().json()
    while True:
        found = (await vendor.get(accepted["polling_url"])).raise_for_status().json()
        if found["status"] == "Ready":
            return (await others.get(found["result"]["sample"])).raise_for_status().content
        await anyio.sleep(0.5)


async def calls(url: str, key: str, photo: bytes, count: int, in_flight: int) -> int:
    """Makes so many calls, so many at a time; gives how many bytes came back."""
    limits = httpx.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
    waiting = iter(range(count))
    received = 0
    async with (
        httpx.AsyncClient(base_url=url, headers={"x-key": key}, limits=limits, timeout=120) as vendor,
        httpx.AsyncClient(limits=limits, timeout=120) as others,
        anyio.create_task_group() as group,
    ):

        async def work() -> None:
            nonlocal received
            for number in waiting:
                received += len(await call(vendor, others, photo, f"look {number}"))

        for _ in range(in_flight):
            group.start_soon(work)
    return received


if __name__ == "__main__":
    url, key, photo, count, in_flight = sys.argv[1:]
    print(anyio.run(calls, url, key, Path(photo).read_bytes(), int(count), int(in_flight)))

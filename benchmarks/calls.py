"""A call of the whole engine, beside the same requests made bare: submit, poll, download, with 32 in flight."""

from __future__ import annotations

import contextlib
import os
import subprocess
from typing import TYPE_CHECKING

from tests.vendors.base import png
from tests.vendors.bfl import KEY

from benchmarks.measuring import ROOT, ROUNDS, Row, editchain, environment, in_turns, median, process, python

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CALLS, IN_FLIGHT = 600, 32
FEW = 40
"""What starting costs is told by a run of so few calls, and taken off."""
SIDE = 320


def rows(
    folder: Path, *, calls: int = CALLS, few: int = FEW, in_flight: int = IN_FLIGHT, rounds: int = ROUNDS
) -> list[Row]:
    """CPU of each call beyond the first few, in the whole engine and bare."""
    photo = folder / "photo.png"
    photo.write_bytes(png(b"photo", (SIDE, SIDE)))
    numbers = iter(range(1 << 20))
    with _standing_in() as url:

        def ours(count: int) -> float:
            place = _workspace(folder / f"w{next(numbers)}", photo, url, count, in_flight)
            used = process(editchain("run", "pipeline.yaml"), place)
            assert f"{count} done" in used.output, used.output[-2000:]
            return used.cpu_seconds

        def bare(count: int) -> float:
            return process(
                python("-m", "benchmarks.bare_calls", url, KEY, str(photo), str(count), str(in_flight)),
                folder,
            ).cpu_seconds

        used = in_turns(
            rounds,
            ours=lambda: ours(calls),
            bare=lambda: bare(calls),
            ours_few=lambda: ours(few),
            bare_few=lambda: bare(few),
        )
    each = {
        name: (median(used[name]) - median(used[f"{name}_few"])) / (calls - few) * 1000
        for name in ("ours", "bare")
    }
    name = f"a call, {in_flight} in flight, of {calls:,}"
    return [Row(name, each["ours"], each["bare"], "ms", "the same requests through httpx", 1.3, used)]


def _workspace(folder: Path, photo: Path, url: str, count: int, in_flight: int) -> Path:
    """A pipeline of so many calls that differ in their prompts."""
    folder.mkdir()
    os.link(photo, folder / "photo.png")
    (folder / ".env").write_text(f"BFL_API_KEY={KEY}\n")
    (folder / "editchain.toml").write_text(
        f'[providers.bfl]\nbase_url = "{url}"\n[limits.bfl]\nconcurrency = {in_flight}\n'
        '[fetch]\nplain_hosts = ["127.0.0.1"]\n'
    )
    looks = ", ".join(f"look {number}" for number in range(count))
    (folder / "pipeline.yaml").write_text(
        "version: 1\nsteps:\n"
        f"  edit: {{for_each: {{look: [{looks}]}}, model: flux-2-pro, provider: bfl, image: photo.png, prompt: $look}}\n"
    )
    return folder


@contextlib.contextmanager
def _standing_in() -> Iterator[str]:
    """The vendor's stand-in in a process of its own, which answers at once."""
    server = subprocess.Popen(
        python("-m", "benchmarks.standing_in"), cwd=ROOT, env=environment(), stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert server.stdin is not None and server.stdout is not None
    try:
        url = server.stdout.readline().strip()
        assert url, "the stand-in did not start"
        yield url
    finally:
        server.stdin.close()
        server.wait(30)
        server.stdout.close()

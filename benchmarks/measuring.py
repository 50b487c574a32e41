"""Measuring: CPU time and peak memory of whole processes, taken in turns, and the row that comes of it."""

from __future__ import annotations

import contextlib
import gc
import importlib.metadata
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

ROOT = Path(__file__).parents[1]
ROUNDS = 7

_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class Used:
    """What a process used, its threads and children included."""

    cpu_seconds: float
    peak_bytes: int
    output: str


@dataclass(frozen=True)
class Row:
    """A claim and its measure: `ours` against `peer`, both in `unit`; the ratio is to be no more than `reach`."""

    measure: str
    ours: float
    peer: float
    unit: str
    against: str
    reach: float
    samples: Mapping[str, Sequence[float]] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """How many times the peer's ours is."""
        return self.ours / self.peer

    @property
    def is_reached(self) -> bool:
        """Whether the claim holds."""
        return self.ratio <= self.reach


def environment() -> dict[str, str]:
    """The environment of measured processes: this checkout, and bytecode kept apart, so that no run compiles."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    cache = Path(tempfile.gettempdir()) / f"editchain-benchmarks-{os.getuid()}"
    return {**kept, "PYTHONPATH": f"{ROOT / 'engine'}{os.pathsep}{ROOT}", "PYTHONPYCACHEPREFIX": str(cache)}


def process(command: Sequence[str], folder: Path, *, codes: Sequence[int] = (0,)) -> Used:
    """Runs a command to its end in a folder; raises AssertionError where its exit code is not among `codes`."""
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(
            command, cwd=folder, env=environment(), stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    assert child.returncode in codes, f"{' '.join(command)} ended with {child.returncode}:\n{text[-4000:]}"
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Used(usage.ru_utime + usage.ru_stime, peak, text)


def python(*arguments: str) -> list[str]:
    """The command that runs this Python with arguments."""
    return [sys.executable, *arguments]


def editchain(*arguments: str) -> list[str]:
    """The command line of editchain as this Python runs it."""
    return python("-c", "from editchain.cli import main; main()", *arguments)


def in_turns(rounds: int, **runs: Callable[[], _Answer]) -> dict[str, list[_Answer]]:
    """Runs each once a round, who is first changing from round to round."""
    names = list(runs)
    taken: dict[str, list[_Answer]] = {name: [] for name in names}
    for number in range(rounds):
        at = number % len(names)
        for name in names[at:] + names[:at]:
            taken[name].append(runs[name]())
    return taken


def seconds_of(work: Callable[[], object]) -> float:
    """CPU seconds of this process for a piece of work, what it made thrown away before and after."""
    gc.collect()
    before = time.process_time()
    made = work()
    used = time.process_time() - before
    del made
    return used


def machine(folder: Path) -> dict[str, str]:
    """What figures depend on: processor, memory, system, versions, and the file system that is written to."""
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "files": _file_system(folder),
        "ninja": process(["ninja", "--version"], folder).output.strip(),
        **{
            name: importlib.metadata.version(name)
            for name in ("doit", "fastjsonschema", "PyYAML", "jsonschema-rs")
        },
    }


@contextlib.contextmanager
def in_memory(folder: Path) -> Iterator[Path]:
    """A folder in a file system in memory, where files cost next to nothing; `folder` itself where there is none."""
    memory = Path("/dev/shm")  # noqa: S108  (a fresh folder is made in it)
    if not os.access(memory, os.W_OK):
        yield folder
        return
    with tempfile.TemporaryDirectory(dir=memory, prefix="editchain-benchmarks-") as found:
        yield Path(found)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.machine(),
    )


def _file_system(folder: Path) -> str:
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return "unknown"
    own = [(point, kind) for point, kind in mounts if folder.resolve().is_relative_to(point)]
    return max(own, key=lambda mount: len(mount[0]))[1] if own else "unknown"


def median(values: Sequence[float]) -> float:
    """The middle of what was measured."""
    return statistics.median(values)

"""Real processes of `editchain`, each begun in the milliseconds that a fork takes, from one that has imported everything."""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests.storm.moments import Moments

WARM = (
    "PIL.GifImagePlugin",
    "PIL.JpegImagePlugin",
    "anyio._backends._asyncio",
    "anyio._core._signals",
    "encodings.idna",
    "httpcore",
    "httpx",
    "jsonschema_rs",
    "stringprep",
    "tomllib",
    "editchain.cli",
    "editchain.commands.base",
    "editchain.commands.resolve",
    "editchain.commands.run",
    "editchain.executors.local",
    "editchain.journal.journal",
    "editchain.operations.resize",
    "editchain.plans.planning",
    "editchain.providers.bfl",
    "editchain.providers.fal",
    "editchain.providers.google",
    "editchain.providers.scenario",
    "editchain.remote",
    "editchain.routing",
    "editchain.runs.calling",
    "editchain.runs.foreseeing",
    "editchain.runs.running",
    "editchain.snapshots",
)
"""What a run imports: all of it has to be there before the first fork, to be there in every child."""


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code, negative where a signal ended it, and what it said."""

    code: int
    said: str

    @property
    def is_killed(self) -> bool:
        return self.code == -signal.SIGKILL


@dataclass(frozen=True)
class Process:
    """One that was begun. `died_at` will name the moment at which it killed itself, `names` those that it passed."""

    pid: int
    log: Path
    died_at: Path
    names: Path


class Nursery:
    """Begins processes. Use it in a `with`; from one thread at a time."""

    def __init__(self) -> None:
        self._number = 0

    def __enter__(self) -> Nursery:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.storm.forking"],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def begin(
        self, folder: Path, arguments: Sequence[str], environment: Mapping[str, str], *, kill_at: int = 0
    ) -> Process:
        """Begins `editchain ARGUMENTS` in a folder; it kills itself at a moment of this number, at 0 never."""
        self._number += 1
        log = folder.parent / f"{folder.name}-{self._number}.log"
        made = {"folder": str(folder), "arguments": list(arguments), "environment": dict(environment)}
        pid = self._ask({**made, "kill_at": kill_at, "log": str(log)})["pid"]
        return Process(pid, log, log.with_suffix(".died"), log.with_suffix(".names"))

    def end(self, process: Process) -> Ended:
        """Waits for its end. Raises TimeoutError where it does not come to one."""
        code = self._ask({"wait": process.pid})["code"]
        said = process.log.read_text(errors="replace")
        process.log.unlink()
        return Ended(code, said)

    def _ask(self, question: Mapping[str, Any]) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the process that begins the others has died"
        return json.loads(answer)


# ---------------------------------------------------------------------- in the process that forks


def main() -> None:
    """Answers questions on its input until that ends. It has no threads, so that its children are whole."""
    for name in WARM:
        importlib.import_module(name)
    from editchain.http import _trusted
    from editchain.runs.running import library_versions
    from editchain.workspace import Workspace

    _trusted()
    library_versions()
    with Workspace(Path.cwd(), environment={}) as workspace:
        _ = workspace.catalogue
    gc.freeze()  # what is there is shared with the children
    for line in sys.stdin:
        question = json.loads(line)
        answer = _waited(question["wait"]) if "wait" in question else {"pid": _forked(question)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _waited(pid: int) -> dict[str, int]:
    _, status = os.waitpid(pid, 0)
    return {"code": os.waitstatus_to_exitcode(status)}


def _forked(question: Mapping[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        code = _live(question)
    finally:
        os._exit(code)


def _live(question: Mapping[str, Any]) -> int:
    """The life of a child: as `editchain` on the command line, but for its imports. Gives its exit code."""
    from editchain.cli import main

    log = Path(question["log"])
    _redirect(log)
    os.chdir(question["folder"])
    os.environ.update(question["environment"])
    sys.argv = ["editchain", *question["arguments"]]
    moments = Moments(Path(question["folder"]), question["kill_at"], log.with_suffix(".died"))
    moments.install()
    code: Any = 0
    try:
        main()
    except SystemExit as exit_:
        code = exit_.code or 0
    names = list(moments.names)
    log.with_suffix(".names").write_text("\n".join(names))
    with contextlib.suppress(ValueError, OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    return code if isinstance(code, int) else 1


def _redirect(log: Path) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    os.dup2(nothing, 0)
    os.dup2(said, 1)
    os.dup2(said, 2)
    sys.stdin = _opened(0, "r")
    sys.stdout = _opened(1, "w")
    sys.stderr = _opened(2, "w")


def _opened(descriptor: int, mode: str) -> IO[str]:
    return open(descriptor, mode, encoding="utf-8", errors="replace", closefd=False)  # for good


if __name__ == "__main__":
    main()

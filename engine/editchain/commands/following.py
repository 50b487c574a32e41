"""run --watch: the pipeline runs again when a file changes, and a page of the last run is kept up to date."""

from __future__ import annotations

import json
import secrets
import signal
import threading
import time
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING

import click

from editchain.commands import showing
from editchain.commands.report import page_of
from editchain.commands.saying import say, show_problems
from editchain.commands.spending import Declined
from editchain.diagnostics import one_of, render
from editchain.errors import EditchainError, PipelineError
from editchain.journal.ledger import Ledger
from editchain.language.reading import Evidence
from editchain.platform import disk_error
from editchain.store import make_folder
from editchain.viewing.html import Following, stamp
from editchain.viewing.writing import Writer, replace
from editchain.watching import Scene, as_it_is, changed, scene_of, surroundings
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SIGNALLED = 128
"""Exit codes from here on say that a signal stopped a run."""
LARGEST_MARK = 10_000

pause = time.sleep
"""How time passes between two looks."""


class _Signalled(BaseException):
    """A signal asked for the end."""

    def __init__(self, number: int) -> None:
        self.number = number


@contextmanager
def _signals_raised() -> Iterator[None]:
    """Has the signals that end a process raise instead, so that it ends tidily; runs heed them by themselves."""

    def leave(number: int, _: object) -> None:
        raise _Signalled(number)

    numbers = (signal.SIGTERM, signal.SIGHUP) if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, leave) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Follower:
    """Goes on until it is interrupted. Told by each run what was read for it and under which name it ran."""

    def __init__(
        self,
        file: Path,
        page: Path | None,
        out: str | None,
        *,
        as_json: bool,
    ) -> None:
        self._file = file
        with Workspace.of(file) as workspace:
            self._root = str(workspace.root)
            self._page = page or workspace.root / ".editchain" / "watch" / f"{file.stem}.html"
            self._out = str(Path(out).resolve()) if out else f"{self._root}/out"
        self._as_json = as_json
        self._evidence = Evidence()
        self._runs: list[str] = []
        self._has_page = False
        self._is_ours = page is None
        self._writer = Writer(self._page)
        self._stamp = self._page.with_suffix(".stamp.svg")

    # ------------------------------------------------------------------ what runs tell

    def saw(self, evidence: Evidence) -> None:
        """Takes what was read for a run."""
        self._evidence = evidence

    def began(self, run: str) -> None:
        """Takes the id of a run."""
        self._runs.append(run)

    def spent(self, workspace: Workspace) -> dict[str, Decimal]:
        """What all runs of this watch have spent or reserved, by currency."""
        look = workspace.look
        if look is None:
            return {}
        sums = Ledger(call for run in self._runs for call in look.calls(run)).sums()
        return {currency: one.spent + one.reserved for currency, one in sums.items()}

    # ------------------------------------------------------------------ going on

    def follow(self, run: Callable[[], int]) -> int:
        """Runs, waits for a change, and runs again; gives the exit code of the run that was stopped, or 130.

        A pipeline file that is not there is nothing to wait for: its PipelineError is raised.
        """
        if not self._file.exists():
            return run()
        scene = Scene()
        try:
            while True:
                before = surroundings(self._root)
                self._evidence = Evidence()
                code, problems, went = self._attempt(run)
                if code >= SIGNALLED:
                    return code
                read = scene_of(self._evidence).over(before)
                # A pipeline that is broken may not have named all its files: those of before count on.
                scene = read if went else read.over(scene)
                with _signals_raised():
                    self._show(problems)
                    self._tell(scene, problems)
                    scene = self._wait(scene)
        except KeyboardInterrupt:
            return SIGNALLED + signal.SIGINT
        except _Signalled as signalled:
            return SIGNALLED + signalled.number
        finally:
            self._end()

    def _attempt(self, run: Callable[[], int]) -> tuple[int, str, bool]:
        """Runs once: the exit code, what is wrong in words, and whether the pipeline was whole."""
        try:
            return run(), "", True
        except PipelineError as error:
            show_problems(error.problems)
            return 2, "".join(render(one, colour=False) + "\n" for one in error.problems), False
        except Declined:
            said = "not run: it was not agreed to"
        except EditchainError as error:
            said = str(error)
        say(f"editchain: {said}")
        return 1, said, True

    def _wait(self, scene: Scene) -> Scene:
        now = changed(scene, lambda: as_it_is(scene, self._root, self._out), pause, time.monotonic)
        paths = [showing.path(path) for path in scene.changes(now)]
        if self._as_json:
            self._emit("changed", paths=paths)
        else:
            say(f"\n{one_of(paths, most=3)} changed")
        return now

    def _tell(self, scene: Scene, problems: str) -> None:
        there = sum(stat is not None for stat in scene.files.values())
        page = self._page.absolute().as_uri() if self._has_page else None
        if self._as_json:
            self._emit("watching", files=there, page=page, problems=problems or None)
            return
        where = f"; the page is {page}" if page else ""
        say(f"watching {showing.many(there, 'file')}{where}; Ctrl-C ends it")

    def _emit(self, event: str, **fields: object) -> None:
        click.echo(json.dumps({"version": 1, "event": event, **fields}, ensure_ascii=False))

    # ------------------------------------------------------------------ the page

    def _show(self, problems: str) -> None:
        """Brings the page to the last run, with what is wrong now, and marks it as another than before."""
        mark = (1 + secrets.randbelow(LARGEST_MARK), 1 + secrets.randbelow(LARGEST_MARK))
        if self._write(Following(self._stamp.name, mark, problems)):
            try:
                replace(self._stamp, stamp(mark))
            except OSError as error:
                say(f"editchain: {disk_error(error, str(self._stamp))}")

    def _write(self, following: Following | None) -> bool:
        """Writes the page of the last run; whether there was one."""
        if not self._runs:
            return False
        try:
            if self._is_ours:
                make_folder(f"{self._root}/.editchain")
            with Workspace.of(self._file) as workspace:
                page, places = page_of(workspace, self._runs[-1])
                self._writer.write(page, workspace.store, places, following)
        except EditchainError as error:
            say(f"editchain: {error}")
            return False
        self._has_page = True
        return True

    def _end(self) -> None:
        """Leaves the page as one that follows nothing."""
        if self._has_page:
            self._write(None)
            self._stamp.unlink(missing_ok=True)

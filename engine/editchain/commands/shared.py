"""Options and small pieces that several commands have alike."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from editchain.diagnostics import visible
from editchain.errors import ConfigurationError
from editchain.lock import ENDING, place_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from editchain.runs.reporting import Progress
    from editchain.runs.running import Report


Function = TypeVar("Function", bound="Callable[..., Any]")


def input_options(function: Function) -> Function:
    """-i/--input and --inputs."""
    for option in (
        click.option("--inputs", "inputs_file", metavar="FILE", help="A YAML file that gives inputs."),
        click.option(
            "-i",
            "--input",
            "options",
            multiple=True,
            metavar="NAME=VALUE",
            help="Gives an input; several times for several values.",
        ),
    ):
        function = option(function)
    return function


def nearest_workspace(folder: Path) -> Path:
    """The workspace that a folder lies in, or the folder where a pipeline of its own ran in it.

    Outside of any, the user's cache folder serves as one.
    """
    from editchain.language.reading import workspace_of

    found = workspace_of(folder)
    if any((found / name).exists() for name in ("editchain.toml", ".git", ".editchain")):
        return found
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "editchain"


def lock_of(file: Path) -> Path:
    """The lock that a person means by it, or by its pipeline. Raises ConfigurationError where there is none."""
    is_lock = file.name.endswith(ENDING)
    place = file if is_lock or not file.name else place_of(file)
    if not place.is_file():
        raise ConfigurationError(
            f"There is no lock {visible(str(place))}: a run writes it beside its pipeline."
        )
    return place


def gone_through(
    work: Callable[[], Awaitable[Report]], progress: Progress, run_id: str
) -> tuple[Report, float]:
    """A run carried out to its end, which is the last of its events: what came of it, and in how many seconds."""
    import anyio

    began = time.monotonic()
    try:
        report = anyio.run(work)
    finally:
        progress.end()
    progress.emit(
        "end",
        id=run_id,
        exit_code=report.exit_code,
        counts=report.run.counts,
        published=report.publication.written,
        left_alone=[path for path, _ in report.publication.left_alone],
    )
    return report, time.monotonic() - began

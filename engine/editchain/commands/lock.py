"""editchain lock: what git could not merge by itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from editchain import branches, lockfiles
from editchain.classes import dataclass
from editchain.commands import showing
from editchain.commands.saying import say, write_json
from editchain.commands.shared import lock_of, nearest_workspace
from editchain.errors import ConfigurationError
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from editchain.lock import Conflict, Lock, Output

HERE = "here"
LEAST_DIGITS = 6
"""How much of a digest has to be given, so that it is not met by chance."""


@click.group("lock", epilog="Example: editchain lock merge")
def command() -> None:
    """Look after the locks: the files beside pipelines that say in git what each task resolved to."""


@dataclass(frozen=True, slots=True)
class Merged:
    """A lock file after its merge: with what a person settled, and with what is left to settle."""

    place: Path
    lock: Lock
    settled: tuple[Conflict, ...]
    left: tuple[Conflict, ...]
    is_written: bool


@command.command(
    "merge",
    short_help="Finish a merge of locks.",
    epilog="Example: editchain lock merge pipelines/night.yaml --take 5e01ab",
)
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(path_type=Path))
@click.option(
    "--take",
    "taken",
    multiple=True,
    metavar="DIGEST",
    help="The picture that counts, by the beginning of its digest; `here`: the one that is stored here.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def merge(files: tuple[Path, ...], taken: tuple[str, ...], as_json: bool) -> int:
    """Show where two branches have two pictures for one task, settle it by choice, and write the locks sorted.

    FILE is a pipeline or a lock; without one, all locks of the workspace. At a terminal it asks. Exits with 4 where a
    person still has to choose.
    """
    with Workspace(nearest_workspace(Path.cwd())) as workspace:
        places = [lock_of(file) for file in files] or list(branches.lock_files(workspace.root))
        choose = _chooser(workspace, taken, asks=sys.stdin.isatty() and not as_json)
        merged = [_merge(place, choose) for place in places]
        if as_json:
            write_json({"files": [_document(one, workspace.store.has) for one in merged]})
        else:
            for one in merged:
                _tell(one, workspace.store.has)
    return 4 if any(one.left for one in merged) else 0


def _merge(place: Path, choose: Callable[[Lock, Conflict], bytes | None]) -> Merged:
    lock = lockfiles.read(place, merging=True)
    chosen = {
        conflict.place: digest
        for conflict in lock.conflicts
        if (digest := choose(lock, conflict)) is not None
    }
    settled = lock.settled(chosen)
    is_written = lockfiles.write(place, settled)
    done = tuple(one for one in lock.conflicts if one.place in chosen)
    return Merged(place, settled, done, settled.conflicts, is_written)


def _chooser(
    workspace: Workspace, taken: Iterable[str], *, asks: bool
) -> Callable[[Lock, Conflict], bytes | None]:
    """What settles a conflict: what was taken on the command line, else a person at a terminal, else nothing."""
    wanted = [one.lower() for one in taken]
    for one in wanted:
        if one != HERE and (len(one) < LEAST_DIGITS or any(sign not in "0123456789abcdef" for sign in one)):
            raise ConfigurationError(
                f"--take {one}: give at least {LEAST_DIGITS} digits of a digest, or `{HERE}`."
            )
    prefixes = tuple(one for one in wanted if one != HERE)

    def choose(lock: Lock, conflict: Conflict) -> bytes | None:
        fitting = [one for one in conflict.choices if prefixes and one.digest.hex().startswith(prefixes)]
        if not fitting and HERE in wanted:
            fitting = [one for one in conflict.choices if workspace.store.has(one.digest)]
        if len(fitting) == 1:
            return fitting[0].digest
        return _ask(workspace, lock, conflict) if asks else None

    return choose


def _ask(workspace: Workspace, lock: Lock, conflict: Conflict) -> bytes | None:
    say("\n".join(_shown(lock, conflict, workspace.store.has)))
    for at, choice in enumerate(conflict.choices, 1):
        if workspace.store.has(choice.digest):
            say(f"  {at} lies in {showing.path(workspace.store.path(choice.digest))}")
    numbers = [str(at) for at in range(1, len(conflict.choices) + 1)]
    said = click.prompt("Which one counts", type=click.Choice([*numbers, "skip"]), default="skip", err=True)
    return None if said == "skip" else conflict.choices[int(said) - 1].digest


def _tell(merged: Merged, has: Callable[[bytes], bool]) -> None:
    for conflict in merged.left:
        click.echo("\n".join(_shown(merged.lock, conflict, has)))
    parts = [showing.many(len(merged.lock.lines), "task")]
    if merged.settled:
        parts.append(f"{len(merged.settled):,} settled")
    if merged.left:
        parts.append(f"{len(merged.left):,} to settle: --take DIGEST says which picture counts")
    parts.append("written" if merged.is_written else "unchanged")
    click.echo(f"{showing.path(merged.place)}: {' · '.join(parts)}")


def _shown(lock: Lock, conflict: Conflict, has: Callable[[bytes], bool]) -> Iterator[str]:
    """A conflict with its choices, numbered, with what is known of how each was made."""
    yield f"{conflict.what} has {len(conflict.choices)} pictures:"
    for at, choice in enumerate(conflict.choices, 1):
        line = next((one for one in lock.lines if one.outputs[0] == choice), None)
        how = [] if line is None else [f"{line.name} {line.version}"]
        if line is not None and line.route is not None:
            how.append(f"by {line.route}")
        if line is not None and line.seed is not None:
            how.append(f"seed {line.seed}")
        where = "here" if has(choice.digest) else "not here"
        yield f"  {at}  {choice.digest.hex()[:16]}  {choice.type}  {showing.size(choice.size)}  {where}  {' '.join(how)}".rstrip()


def _document(merged: Merged, has: Callable[[bytes], bool]) -> dict[str, Any]:
    return {
        "file": str(merged.place),
        "tasks": len(merged.lock.lines),
        "is_written": merged.is_written,
        "settled": [conflict.what for conflict in merged.settled],
        "conflicts": [
            {"what": conflict.what, "choices": [_choice(one, has) for one in conflict.choices]}
            for conflict in merged.left
        ],
    }


def _choice(choice: Output, has: Callable[[bytes], bool]) -> dict[str, Any]:
    return {
        "digest": choice.digest.hex(),
        "media_type": choice.type,
        "bytes": choice.size,
        "is_here": has(choice.digest),
    }

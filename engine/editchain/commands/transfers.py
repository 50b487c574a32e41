"""editchain store push and pull: results to the remote store and back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from editchain import branches, lockfiles
from editchain.commands import showing
from editchain.commands.saying import say, write_json
from editchain.commands.shared import lock_of, nearest_workspace
from editchain.errors import ConfigurationError
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from editchain.lock import Lock
    from editchain.remote import Remote
    from editchain.runs.reporting import Transfer
    from editchain.transferring import Transferred

MOST_NAMED = 10

_remote = click.option("--remote", "address", metavar="PLACE", help="Another remote than [store] remote.")
_json = click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
_files = click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(path_type=Path))


@click.command(
    "push",
    short_help="Take pictures to the remote store.",
    epilog="Example: editchain store push pipelines/night.yaml",
)
@_files
@click.option(
    "--all", "everything", is_flag=True, help="Everything that is stored, not only what locks name."
)
@click.option(
    "--check", "checks", is_flag=True, help="Read what is there already, and replace what is damaged."
)
@_remote
@_json
def push(files: tuple[Path, ...], everything: bool, checks: bool, address: str | None, as_json: bool) -> int:
    """Take the pictures that locks name to the remote store, many at once; what is there already is passed over.

    FILE is a pipeline or a lock; without one, all locks of the workspace count. Run it again after an interruption.
    With --check what is there is hashed, not only measured.
    """
    from editchain.transferring import push as transfer

    with Workspace(nearest_workspace(Path.cwd())) as workspace:
        remote = _remote_of(workspace, address)
        locks = _locks(workspace, files, needs_one=not everything)
        wanted = sorted(branches.digests(locks)) if not everything else list(workspace.store.digests())
        here = [digest for digest in wanted if workspace.store.has(digest)]
        with _progress("pushed", len(here), as_json=as_json) as progress:
            moved = transfer(workspace.store, remote, here, checks=checks, watch=progress.watch)
        moved.missing += [digest for digest in wanted if not workspace.store.has(digest)]
    return _told("pushed", "not here", moved, remote, locks, as_json=as_json)


@click.command(
    "pull",
    short_help="Bring pictures from the remote store.",
    epilog="Example: editchain store pull && editchain run pipelines/night.yaml --locked",
)
@_files
@_remote
@_json
def pull(files: tuple[Path, ...], address: str | None, as_json: bool) -> int:
    """Bring the pictures that locks name from the remote store, many at once, each checked against its digest.

    FILE is a pipeline or a lock; without one, all locks of the workspace count. Exits with 1 where one cannot be had.
    """
    from editchain.transferring import pull as transfer

    with Workspace(nearest_workspace(Path.cwd())) as workspace:
        remote = _remote_of(workspace, address)
        locks = _locks(workspace, files, needs_one=True)
        workspace.store.sweep()
        _ = workspace.journal  # a new workspace's journal comes before its first object
        wanted = sorted(branches.digests(locks))
        with _progress("pulled", len(wanted), as_json=as_json) as progress:
            moved = transfer(workspace.store, remote, wanted, watch=progress.watch)
    code = _told("pulled", "not in the remote", moved, remote, locks, as_json=as_json)
    return code or (1 if moved.missing else 0)


def _remote_of(workspace: Workspace, address: str | None) -> Remote:
    from editchain.remote import remote_of

    remote = workspace.remote if address is None else remote_of(address, Path.cwd())
    if remote is None:
        raise ConfigurationError(
            'No remote store is named. Write [store] remote = "s3://bucket/prefix", or a folder, into editchain.toml.'
        )
    return remote


def _locks(workspace: Workspace, files: Iterable[Path], *, needs_one: bool) -> list[Lock]:
    places = [lock_of(file) for file in files] or list(branches.lock_files(workspace.root))
    if needs_one and not places:
        raise ConfigurationError(
            f"There is no lock in {showing.path(workspace.root)}: a run writes one beside its pipeline."
        )
    return [lockfiles.read(place) for place in places]


def _progress(verb: str, total: int, *, as_json: bool) -> Transfer:
    from editchain.runs.reporting import Transfer

    return Transfer(verb, total, is_live=sys.stderr.isatty() and not as_json)


def _told(
    verb: str, lacking: str, moved: Transferred, remote: Remote, locks: Iterable[Lock], *, as_json: bool
) -> int:
    """Says what came of a transfer; gives 5 where a copy is damaged."""
    tasks = _tasks(locks)
    if as_json:
        write_json(
            {
                "remote": str(remote),
                "moved": len(moved.moved),
                "moved_bytes": moved.moved_bytes,
                "there": len(moved.there),
                "missing": [digest.hex() for digest in moved.missing],
                "damaged": [digest.hex() for digest in moved.damaged],
            }
        )
        return 5 if moved.damaged else 0
    parts = [f"{showing.many(len(moved.moved), 'object')} {verb}", showing.size(moved.moved_bytes)]
    parts.append(f"{len(moved.there):,} there already")
    if moved.missing:
        parts.append(f"{len(moved.missing):,} {lacking}")
    click.echo(f"{' · '.join(parts)} ({remote})")
    for digest in moved.missing[:MOST_NAMED]:
        say(f"{lacking}: {_named(digest, tasks)}")
    for digest in moved.damaged[:MOST_NAMED]:
        say(f"damaged{'' if verb == 'pushed' else ' in the remote'}: {_named(digest, tasks)}")
    if moved.damaged and verb != "pushed":
        say("who has them sends them again: editchain store push --check")
    return 5 if moved.damaged else 0


def _tasks(locks: Iterable[Lock]) -> dict[bytes, str]:
    found: dict[bytes, str] = {}
    for lock in locks:
        found.update((line.digest, line.task) for line in lock.lines)
        found.update((held.digest, held.address) for held in lock.inputs)
    return found


def _named(digest: bytes, tasks: dict[bytes, str]) -> str:
    return f"{digest.hex()[:16]}, {tasks[digest]}" if digest in tasks else digest.hex()
